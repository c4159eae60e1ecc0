"""A tool beside the book: would a second reader of the same sentences mark the same names?

It answers: *how far do two annotations of 300 Newsroom sentences agree, and what was made of the conflicts?*
`second_annotation.conll` was made from the bare words under `docs/annotation.md` and committed before it was compared.
It is never changed; the gold was corrected after the comparison. `CONFLICTS` keeps what the gold said before, so that
the first agreement can be counted again. **Whoever changes the gold of one of the 300 sentences adds a row there.**

Source: entity F1 between two annotators, as in Hripcsak & Rothschild 2005, "Agreement, the F-Measure, and Reliability
in Information Retrieval". Differs from it: nothing; F1 is the same whichever annotation is called gold.

>>> one = read_marked("[Ada Lovelace per] lives in [London geo] .")
>>> other = read_marked("[Ada per] Lovelace lives in [London geo] .")
>>> result = compare([one], [other])
>>> result.overall, result.by_label["geo"].f1
(Counts(tp=1, fp=1, fn=1), 1.0)
>>> write_marked(result.conflicts[0][1])
'[Ada per] Lovelace lives in [London geo] .'
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ner_core.data.formats.conll import read_conll
from ner_core.records import GMB_LABELS, Counts, Sentence, Span
from ner_core.scores.strict import count_entities, micro

SECOND = Path(__file__).parent / "second_annotation.conll"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two annotations of the same sentences agree; `conflicts` are pairs (first, second) that differ."""

    n_sentences: int
    by_label: dict[str, Counts]
    conflicts: tuple[tuple[Sentence, Sentence], ...]

    @property
    def overall(self) -> Counts:
        return micro(self.by_label)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Some words that the two annotations read differently: both readings, which one is kept, and the rule."""

    first: str
    second: str
    kept: str
    rule: str


CONFLICTS = (
    Conflict(
        "[Christmas Day tim] of the year [800 tim]",
        "[Christmas Day of the year 800 tim]",
        "second",
        "a date joined to its year by `of` is one mention; three more places mended",
    ),
    Conflict(
        "[Christmas Eve tim] of [1814 tim]", "[Christmas Eve of 1814 tim]", "second", "the same, as in `end of 2019`"
    ),
    Conflict("fish at 7 am", "fish at [7 am tim]", "second", "a slip: clock times in figures are `tim`"),
    Conflict(
        "last [quarter of 2023 tim]",
        "[last quarter of 2023 tim]",
        "first",
        "`last` stays outside, before a quarter too; the guide now says so",
    ),
    Conflict("[amazon geo] river", "[amazon river geo]", "second", "all in lower case, the name is as long as ever"),
    Conflict(
        "[machu picchu art] tickets",
        "[machu picchu geo] tickets",
        "second",
        "the guide was silent: a city in ruins is `geo`; three more places mended",
    ),
    Conflict(
        "[Norovirus nat] spread",
        "Norovirus spread",
        "second",
        "a common word with the capital of its place; two more places mended",
    ),
)


# --- marked text: names in brackets, the label last ------------------------------------


def read_marked(text: str) -> Sentence:
    """Read words between spaces, mentions in brackets with their label last."""
    words, spans, start = [], [], None
    for piece in text.split(" "):
        if piece.startswith("["):
            start = len(words)
            words.append(piece[1:])
        elif start is not None and piece.endswith("]"):
            spans.append(Span(start, len(words), piece[:-1]))
            start = None
        else:
            words.append(piece)
    return Sentence(tuple(words), tuple(spans))


def write_marked(sentence: Sentence) -> str:
    """Write a sentence as `read_marked` reads it."""
    words = list(sentence.words)
    for span in sentence.spans:
        words[span.start] = "[" + words[span.start]
        words[span.end - 1] += f" {span.label}]"
    return " ".join(words)


# --- comparing ----------------------------------------------------------------------------


def compare(first: Iterable[Sentence], second: Iterable[Sentence]) -> Agreement:
    """Count what two annotations of the same sentences have in common, strictly: same words, same label.

    Raises ValueError where the words of a pair differ.
    """
    pairs = list(zip(first, second, strict=True))
    for number, (one, other) in enumerate(pairs, 1):
        if one.words != other.words:
            raise ValueError(
                f"Sentence {number} of the second annotation has other words than the first. Received: "
                f"{' '.join(other.words)!r} and {' '.join(one.words)!r}. Annotate the words as they stand."
            )
    by_label = count_entities([one.spans for one, _ in pairs], [other.spans for _, other in pairs])
    in_order = {label: by_label[label] for label in GMB_LABELS if label in by_label}
    return Agreement(len(pairs), in_order, tuple(pair for pair in pairs if set(pair[0].spans) != set(pair[1].spans)))


def find_same(gold: Iterable[Sentence], second: Iterable[Sentence]) -> list[Sentence]:
    """Return, for every sentence of the second annotation, the gold sentence with the same words.

    Raises ValueError where there is none.
    """
    by_words = {sentence.words: sentence for sentence in gold}
    missing = [" ".join(sentence.words) for sentence in second if sentence.words not in by_words]
    if missing:
        raise ValueError(f"{len(missing)} sentences of {SECOND.name} are not in the corpus. Received: {missing[0]!r}.")
    return [by_words[sentence.words] for sentence in second]


def put_back(sentences: Iterable[Sentence], conflicts: Sequence[Conflict] = CONFLICTS) -> list[Sentence]:
    """Give every sentence the reading it had when the annotations were first compared.

    Raises ValueError where the words of a conflict do not stand in exactly one place.
    """
    restored = list(sentences)
    for conflict in conflicts:
        earlier = read_marked(conflict.first)
        places = [
            (row, start)
            for row, sentence in enumerate(restored)
            for start in range(len(sentence.words) - len(earlier.words) + 1)
            if sentence.words[start : start + len(earlier.words)] == earlier.words
        ]
        if len(places) != 1:
            raise ValueError(f"Words of a conflict must stand in one place. Received: {conflict.first!r}, {places}.")
        [(row, start)] = places
        restored[row] = _overlay(restored[row], earlier, start)
    return restored


def _overlay(sentence: Sentence, reading: Sentence, start: int) -> Sentence:
    """Replace the mentions of a stretch of words by those of a reading of it."""
    end = start + len(reading.words)
    outside = [span for span in sentence.spans if span.end <= start or span.start >= end]
    inside = [Span(start + span.start, start + span.end, span.label) for span in reading.spans]
    return replace(sentence, spans=tuple(sorted([*outside, *inside])))


def measure(corpus: Path) -> tuple[Agreement, Agreement]:
    """Return the agreement when first compared, and with the gold as it is now."""
    second = read_conll(SECOND.read_bytes()).sentences
    gold = find_same(read_conll(corpus.read_bytes()).sentences, second)
    return compare(put_back(gold), second), compare(gold, second)


# --- words for the card -------------------------------------------------------------------


def agreement_rows(agreement: Agreement) -> list[tuple[str, ...]]:
    """Return one row a label and one for all: both, first alone, second alone, F1."""
    rows = [*agreement.by_label.items(), ("all", agreement.overall)]
    return [(label, f"{k.tp:,}", f"{k.fn:,}", f"{k.fp:,}", f"{k.f1:.3f}") for label, k in rows]


def conflict_rows(conflicts: Sequence[Conflict] = CONFLICTS) -> list[tuple[str, ...]]:
    """Return one row a conflict: both readings, which one is kept, why."""
    return [(f"`{c.first}`", f"`{c.second}`", c.kept, c.rule) for c in conflicts]
