"""What a person should see of a corpus before training on it.

Chapter of part I. It answers: *how much is there, what is rare, what is long?*

Source: the exploratory figures of the tutorials (words, tags, histogram of lengths, share of padding).

Differs from them: entities are counted beside tags, shares with and without `O`, and a maximal length says at once
what it cuts off and which accuracy a tagger reaches that finds nothing at all.

>>> from ner_core.records import Span
>>> ada = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
>>> label_counts([ada]), tag_counts([ada])
({'geo': 1, 'per': 1}, {'O': 3, 'B-geo': 1, 'B-per': 1, 'I-per': 1})
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ner_core.data.corpus import order_labels
from ner_core.records import Corpus, Sentence

# --- counts -----------------------------------------------------------------------


def corpus_counts(corpus: Corpus) -> dict:
    """The whole corpus in one dict: the figures that the command line and the pages print."""
    sentences = corpus.sentences
    return {
        "name": corpus.name,
        "form": corpus.form,
        "split": corpus.split,
        "sentences": len(sentences),
        "tokens": sum(map(len, sentences)),
        "words": count_words(sentences),
        "labels": list(corpus.labels),
        "tags": tag_counts(sentences),
        "entities": label_counts(sentences),
        "lengths": length_summary(sentences),
        "parts": {part: part_counts(corpus.part(part)) for part in ("train", "dev", "test")},
        "notes": [str(note) for note in corpus.notes],
    }


def part_counts(sentences: Sequence[Sentence]) -> dict[str, int]:
    """Sentences, tokens and entities of one part."""
    return {
        "sentences": len(sentences),
        "tokens": sum(map(len, sentences)),
        "entities": sum(len(sentence.spans) for sentence in sentences),
    }


def count_words(sentences: Iterable[Sentence]) -> int:
    """Distinct words; upper and lower case are told apart."""
    words: set[str] = set()
    for sentence in sentences:
        words.update(sentence.words)
    return len(words)


def tag_counts(sentences: Sequence[Sentence], *, with_o: bool = True) -> dict[str, int]:
    """How many tokens carry each IOB2 tag: `O` first, then label by label."""
    begins: Counter[str] = Counter()
    insides: Counter[str] = Counter()
    n_tokens = 0
    for sentence in sentences:
        n_tokens += len(sentence.words)
        for span in sentence.spans:
            begins[span.label] += 1
            insides[span.label] += span.end - span.start - 1
    counts = {"O": n_tokens - begins.total() - insides.total()} if with_o else {}
    for label in order_labels(sentences):
        counts[f"B-{label}"] = begins[label]
        if insides[label]:
            counts[f"I-{label}"] = insides[label]
    return counts


def label_counts(sentences: Sequence[Sentence]) -> dict[str, int]:
    """How many entities carry each label, in the labels' order."""
    counts = Counter(span.label for sentence in sentences for span in sentence.spans)
    return {label: counts[label] for label in order_labels(sentences)}


# --- lengths ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lengths:
    """The lengths of n sentences and the places of their entities: enough to try any maximal length at once."""

    n_tokens: np.ndarray  # (n,) tokens of each sentence
    ends: np.ndarray  # (entities,) token behind each entity, counted in its sentence
    entity_places: np.ndarray  # (tokens in entities,) place of each such token in its sentence


@dataclass(frozen=True, slots=True)
class LengthCut:
    """What a maximal length does to a corpus; shares are 0-1, `max_length` is the width of the padded table."""

    max_length: int | None
    n_cut_tokens: int
    n_cut_sentences: int
    n_cut_entities: int
    n_cells: int
    padding_share: float
    all_o_accuracy: float


def measure_lengths(sentences: Iterable[Sentence]) -> Lengths:
    """Gather once what `length_cut` needs, so that a line can be moved over the histogram."""
    n_tokens, ends, places = [], [], []
    for sentence in sentences:
        n_tokens.append(len(sentence.words))
        for span in sentence.spans:
            ends.append(span.end)
            places += range(span.start, span.end)
    return Lengths(*(np.array(values, dtype=np.int64) for values in (n_tokens, ends, places)))


def length_cut(lengths: Lengths | Sequence[Sentence], max_length: int | None) -> LengthCut:
    """What is lost at `max_length` tokens, and what is padding; None cuts nothing and pads nothing, 0 pads to the longest.

    An entity is cut if any of its tokens is. Accuracy is that of tagging everything `O`, padding counted as right.

    >>> from ner_core.records import Span
    >>> ada = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
    >>> cut = length_cut([ada, Sentence(("Yes", "!"))], 4)
    >>> cut.n_cut_tokens, cut.n_cut_entities, cut.padding_share, cut.all_o_accuracy
    (2, 1, 0.25, 0.75)
    """
    if not isinstance(lengths, Lengths):
        lengths = measure_lengths(lengths)
    n_tokens = lengths.n_tokens
    longest = int(n_tokens.max(initial=0))
    limit = max_length or longest
    kept = np.minimum(n_tokens, limit)  # (n,)
    n_cells = int(kept.sum()) if max_length is None else limit * len(n_tokens)
    n_wrong = int((lengths.entity_places < limit).sum())
    return LengthCut(
        max_length=max_length if max_length is None else limit,
        n_cut_tokens=int((n_tokens - kept).sum()),
        n_cut_sentences=int((n_tokens > limit).sum()),
        n_cut_entities=int((lengths.ends > limit).sum()),
        n_cells=n_cells,
        padding_share=(n_cells - int(kept.sum())) / n_cells if n_cells else 0.0,
        all_o_accuracy=(n_cells - n_wrong) / n_cells if n_cells else 0.0,
    )


def length_histogram(sentences: Lengths | Iterable[Sentence]) -> dict[int, int]:
    """How many sentences have each length, from the shortest to the longest.

    >>> length_histogram([Sentence(("Yes", "!")), Sentence(("No",)), Sentence(("Oh", "!"))])
    {1: 1, 2: 2}
    """
    lengths = sentences.n_tokens if isinstance(sentences, Lengths) else [len(sentence.words) for sentence in sentences]
    values, counts = np.unique(np.asarray(lengths, dtype=np.int64), return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def length_summary(sentences: Lengths | Iterable[Sentence]) -> dict[str, float]:
    """Mean, quantiles and extremes of the sentence lengths, in tokens; zeros where there is no sentence."""
    lengths = sentences.n_tokens if isinstance(sentences, Lengths) else [len(sentence.words) for sentence in sentences]
    lengths = np.asarray(lengths, dtype=np.int64) if len(lengths) else np.zeros(1, dtype=np.int64)
    median, p95, p99 = (float(value) for value in np.quantile(lengths, (0.5, 0.95, 0.99)))
    return {
        "mean": float(lengths.mean()),
        "median": median,
        "p95": p95,
        "p99": p99,
        "min": int(lengths.min()),
        "max": int(lengths.max()),
    }


# --- search ----------------------------------------------------------------------------


def search_sentences(sentences: Iterable[Sentence], query: str = "", label: str | None = None) -> list[int]:
    """Row numbers of the sentences that hold `query`; with a `label`, those with an entity of that label.

    Case and white space do not matter, nor whether the query is a whole word.

    >>> from ner_core.records import Span
    >>> ada = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
    >>> search_sentences([ada], "ada  love"), search_sentences([ada], "london", "org")
    ([0], [])
    """
    wanted = " ".join(query.split()).casefold()
    return [
        row
        for row, sentence in enumerate(sentences)
        if (label is None or any(span.label == label for span in sentence.spans))
        and (not wanted or wanted in " ".join(sentence.words).casefold())
    ]
