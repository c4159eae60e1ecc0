"""A corpus as columns: one number a token, one row a mention.

Chapter of part I. It answers: *how can a question about a million words be answered at once?*

Source: columnar tables as in NumPy and pandas, every word stored once and named by its number; the mentions are a
table of their own, as in stand-off annotation.

Differs from `Corpus`, which is a tuple of sentences and good to read: here the same corpus is a few arrays and good to
count. Sentences stand in the same order (train, dev, test), so a row of one is a row of the other, and every part,
sentence and mention is one slice.

>>> from ner_core.records import Span
>>> ada = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
>>> columns = as_columns(Corpus("ada", (ada,), (), (), ("geo", "per")))
>>> columns.word_ids.tolist(), columns.starts.tolist()
([0, 1, 2, 3, 4, 5], [0, 6])
>>> [(columns.surfaces[s], columns.labels[l]) for s, l in zip(columns.mention_surface, columns.mention_label)]
[('Ada Lovelace', 'per'), ('London', 'geo')]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, count

import numpy as np

from ner_core.records import Corpus, Sentence

PARTS = ("train", "dev", "test")
GENRE = "genre"  # the name in a sentence's `meta`
_N_STEPS = 20  # how often progress is told


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """NumPy columns of one corpus: S sentences, N tokens, M mentions; every array holds int64 numbers.

    sentences         the S sentences themselves: train, then dev, then test
    parts             (S,) 0 train, 1 dev, 2 test; never falls
    genres, genre_ids the genres in order of appearance, and (S,) which one; "" where a sentence has none. No
                      sentence has one: genres is () and genre_ids is all 0
    words, word_ids   every distinct word, and (N,) which one stands there
    starts            (S + 1,) first token of each sentence, and N at the end
    labels            the corpus' labels, in its order
    surfaces          every distinct mention: its words joined by one space
    mention_...       (M,) its sentence, its first token and the token behind its last (counted in its sentence),
                      its label, its surface; ordered by sentence
    """

    sentences: tuple[Sentence, ...]
    parts: np.ndarray
    genres: tuple[str, ...]
    genre_ids: np.ndarray
    words: tuple[str, ...]
    word_ids: np.ndarray
    starts: np.ndarray
    labels: tuple[str, ...]
    surfaces: tuple[str, ...]
    mention_sentence: np.ndarray
    mention_start: np.ndarray
    mention_end: np.ndarray
    mention_label: np.ndarray
    mention_surface: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """(S,) tokens of each sentence."""
        return np.diff(self.starts)

    def rows(self, part: str | None = None) -> slice:
        """The sentences of `train`, `dev` or `test`; None means all. Raises ValueError for another name."""
        if part is None:
            return slice(0, len(self.parts))
        if part not in PARTS:
            raise ValueError(f"A part is {', '.join(PARTS)}, or None for all. Received: {part!r}.")
        first, last = np.searchsorted(self.parts, PARTS.index(part) + np.array((0, 1)))
        return slice(int(first), int(last))

    def tokens(self, part: str | None = None) -> slice:
        """The tokens of a part, as a slice of `word_ids`."""
        rows = self.rows(part)
        return slice(int(self.starts[rows.start]), int(self.starts[rows.stop]))

    def mentions(self, part: str | None = None) -> slice:
        """The mentions of a part, as a slice of every `mention_` column."""
        rows = self.rows(part)
        first, last = np.searchsorted(self.mention_sentence, (rows.start, rows.stop))
        return slice(int(first), int(last))

    def token_rows(self) -> np.ndarray:
        """(N,) the sentence each token stands in."""
        return np.repeat(np.arange(len(self.parts)), self.lengths)

    def is_outside(self) -> np.ndarray:
        """(N,) whether a token stands in no mention: its tag is `O`."""
        n = len(self.word_ids)
        offsets = self.starts[self.mention_sentence]
        begins = np.bincount(offsets + self.mention_start, minlength=n + 1)
        ends = np.bincount(offsets + self.mention_end, minlength=n + 1)
        return np.cumsum(begins - ends)[:n] == 0


def as_columns(corpus: Corpus, on_progress: Callable[[float], None] | None = None) -> Columns:
    """Number the words and mentions of a corpus; `on_progress` hears 0-1 about twenty times, 1 at the end."""
    sentences, tell = corpus.sentences, on_progress or (lambda share: None)
    labels = tuple(dict.fromkeys(chain(corpus.labels, (span.label for s in sentences for span in s.spans))))
    words, surfaces, label_ids = _Numbers(), _Numbers(), {label: number for number, label in enumerate(labels)}
    word_ids: list[np.ndarray] = [_array(())]
    mentions: list[np.ndarray] = [np.empty((0, 5), dtype=np.int64)]
    step = max(1, -(-len(sentences) // _N_STEPS))
    for first in range(0, len(sentences), step):
        tell(first / len(sentences))
        some = sentences[first : first + step]
        word_ids.append(_array(map(words.__getitem__, chain.from_iterable(s.words for s in some))))
        rows = [
            (row, span.start, span.end, label_ids[span.label], surfaces[sentence.surface(span)])
            for row, sentence in enumerate(some, first)
            for span in sentence.spans
        ]
        mentions.append(np.array(rows, dtype=np.int64).reshape(-1, 5))
    table = np.ascontiguousarray(np.concatenate(mentions).T)  # (5, M)
    genres, genre_ids = _genres(sentences)
    columns = Columns(
        sentences=sentences,
        parts=np.repeat(np.arange(3), [len(corpus.part(part)) for part in PARTS]),
        genres=genres,
        genre_ids=genre_ids,
        words=tuple(words),
        word_ids=np.concatenate(word_ids),
        starts=np.cumsum(_array(chain((0,), map(len, sentences)))),
        labels=labels,
        surfaces=tuple(surfaces),
        mention_sentence=table[0],
        mention_start=table[1],
        mention_end=table[2],
        mention_label=table[3],
        mention_surface=table[4],
    )
    tell(1.0)
    return columns


class _Numbers(defaultdict):
    """Give every new key the next number.

    >>> numbers = _Numbers()
    >>> [numbers[word] for word in ("to", "be", "or", "not", "to", "be")]
    [0, 1, 2, 3, 0, 1]
    """

    def __init__(self) -> None:
        super().__init__(count().__next__)


def _array(values: Iterable[int]) -> np.ndarray:
    return np.fromiter(values, dtype=np.int64)


def _genres(sentences: tuple[Sentence, ...]) -> tuple[tuple[str, ...], np.ndarray]:
    """The genres and which one each sentence has."""
    numbers = _Numbers()
    ids = _array(numbers[dict(s.meta).get(GENRE, "") if s.meta else ""] for s in sentences)
    return (tuple(numbers), ids) if any(numbers) else ((), ids)
