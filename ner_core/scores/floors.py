"""How well does one score without learning anything?

Chapter of part III. Two taggers that need no network stand under every figure. All-`O` finds no name at all and
still has most tokens right. The table gives every word the tag it carries most often in
training, whatever stands around it. What a network adds to the table is what it has learned.

Differs from a usual baseline: ties go to the tag first in the alphabet and unknown words are
`O`, so that the figures repeat to the last digit. The table may write `I-` without `B-`;
`strict_spans` drops those, as seqeval does.

>>> ada = Sentence(("Ada", "lives", "in", "London"), spans=(Span(0, 1, "per"), Span(3, 4, "geo")))
>>> table = fit_most_frequent([ada])
>>> table.tag(("London", "and", "Ada"))
('B-geo', 'O', 'B-per')
>>> all_o, table_report = floors([ada], [ada])
>>> all_o.f1, all_o.token_accuracy, table_report.f1
(0.0, 0.5, 1.0)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ner_core.data.strict import strict_spans
from ner_core.records import Report, Sentence, Span  # noqa: F401 (Span: doctest)
from ner_core.scores.report import Tagged, count_padding, score


@dataclass(frozen=True, slots=True)
class MostFrequentTag:
    """Word -> its most frequent tag in training; words that are mostly `O` are left out."""

    table: Mapping[str, str]

    def tag(self, words: Sequence[str]) -> tuple[str, ...]:
        """Look every word up; a word the table does not hold is `O`."""
        look_up = self.table.get
        return tuple([look_up(word, "O") for word in words])


def fit_most_frequent(train: Iterable[Sentence]) -> MostFrequentTag:
    """Find the most frequent tag of every training word, ties by tag name.

    Only words inside some name are counted by tag: the others are `O` anyway.
    """
    n_words: Counter = Counter()
    n_tagged: dict[str, Counter] = {}
    for sentence in train:
        n_words.update(sentence.words)
        for span in sentence.spans:
            tag = "B-" + span.label
            for word in sentence.words[span.start : span.end]:
                n_tagged.setdefault(word, Counter())[tag] += 1
                tag = "I-" + span.label
    table = {}
    for word, counts in n_tagged.items():
        counts["O"] = n_words[word] - sum(counts.values())
        table[word] = min(counts, key=lambda tag: (-counts[tag], tag))
    return MostFrequentTag({word: tag for word, tag in table.items() if tag != "O"})


def all_o(words: Sequence[str]) -> tuple[str, ...]:
    """Tag every word `O`."""
    return ("O",) * len(words)


def floors(train: Iterable[Sentence], dev: Iterable[Sentence], pad_to: int = 0) -> tuple[Report, Report]:
    """Score all-`O` and the most-frequent-tag table of `train` on `dev`.

    `pad_to` counts padding up to that length as right, as the tutorials' accuracy does.
    """
    dev = list(dev)
    table = fit_most_frequent(train)
    return _measure(dev, all_o, pad_to), _measure(dev, table.tag, pad_to)


def _measure(sentences: Sequence[Sentence], tag: Callable[[Sequence[str]], tuple[str, ...]], pad_to: int) -> Report:
    """Score what `tag` (words -> tags) makes of every sentence."""
    rows = []
    for sentence in sentences:
        tags = tag(sentence.words)
        rows.append(Tagged(sentence.words, sentence.spans, tags, strict_spans(tags)))
    return score(rows, padding=count_padding(rows, pad_to))
