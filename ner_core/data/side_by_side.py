"""How far apart are two corpora, and what would a tagger of the first meet in the second?

Chapter of part I. It answers: *how much do they hold, which names do both mark, and which words would be unknown?*

Source: the out-of-vocabulary rate and the overlap of names of Augenstein, Derczynski & Bontcheva 2017, "Generalisation in
Named Entity Recognition". Differs from it: all parts of a corpus count together, and words are compared exactly, letter by
letter, upper and lower case told apart, as in `data.mentions`. Shares are 0-1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ner_core.data.columns import Columns


@dataclass(frozen=True, slots=True)
class Figures:
    """How much a corpus holds; `entities` counts every label, `n_words` and `n_surfaces` distinct ones."""

    n_sentences: int
    n_tokens: int
    n_words: int
    n_surfaces: int
    entities: dict[str, int]

    @property
    def n_entities(self) -> int:
        return sum(self.entities.values())

    @property
    def mean_length(self) -> float:
        """Tokens a sentence."""
        return self.n_tokens / self.n_sentences if self.n_sentences else 0.0

    @property
    def shares(self) -> dict[str, float]:
        """The share of each label among the entities."""
        return {label: n / self.n_entities if self.n_entities else 0.0 for label, n in self.entities.items()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two corpora side by side, and what a tagger of the first would meet in the second.

    `labels` are the labels of both, and both `entities` hold each. `n_shared_surfaces` distinct mentions stand in both,
    whatever their labels. `n_unknown_words` distinct words of the second, `n_unknown_tokens` of its tokens, are not in
    the first.
    """

    labels: tuple[str, ...]
    first: Figures
    second: Figures
    n_shared_surfaces: int
    n_unknown_words: int
    n_unknown_tokens: int

    @property
    def unknown_share(self) -> float:
        """Share of the second's tokens whose word the first does not have."""
        return self.n_unknown_tokens / self.second.n_tokens if self.second.n_tokens else 0.0


@dataclass(frozen=True, slots=True)
class SharedSurface:
    """Words that are marked in both corpora, and how often in each."""

    surface: str
    n_first: int
    n_second: int


def compare(first: Columns, second: Columns) -> Comparison:
    """Count two corpora, all parts together, and what they have in common.

    >>> from ner_core.data.columns import as_columns
    >>> from ner_core.records import Corpus, Sentence, Span
    >>> ada = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
    >>> fog = Sentence(("London", "fog", "."), (Span(0, 1, "geo"),))
    >>> one, two = (as_columns(Corpus("c", (s,), (), (), ("geo", "per"))) for s in (ada, fog))
    >>> both = compare(one, two)
    >>> both.first.shares, both.n_shared_surfaces, both.n_unknown_tokens
    ({'geo': 0.5, 'per': 0.5}, 1, 1)
    """
    labels = tuple(dict.fromkeys(first.labels + second.labels))
    known = set(first.words)
    is_unknown = np.fromiter((word not in known for word in second.words), dtype=bool)
    return Comparison(
        labels=labels,
        first=_figures(first, labels),
        second=_figures(second, labels),
        n_shared_surfaces=len(set(first.surfaces) & set(second.surfaces)),
        n_unknown_words=int(is_unknown.sum()),
        n_unknown_tokens=int(is_unknown[second.word_ids].sum()),
    )


def shared_surfaces(first: Columns, second: Columns) -> list[SharedSurface]:
    """Every surface that is marked in both corpora, whatever its labels; those first that both have often."""
    counts = [np.bincount(one.mention_surface, minlength=len(one.surfaces)).tolist() for one in (first, second)]
    n_second = dict(zip(second.surfaces, counts[1], strict=True))
    found = [
        SharedSurface(surface, n, n_second[surface])
        for surface, n in zip(first.surfaces, counts[0], strict=True)
        if surface in n_second
    ]
    return sorted(
        found, key=lambda one: (-min(one.n_first, one.n_second), -max(one.n_first, one.n_second), one.surface)
    )


def _figures(columns: Columns, labels: tuple[str, ...]) -> Figures:
    counts = np.bincount(columns.mention_label, minlength=len(columns.labels)).tolist()
    entities = dict.fromkeys(labels, 0) | dict(zip(columns.labels, counts, strict=True))
    sizes = len(columns.sentences), len(columns.word_ids), len(columns.words), len(columns.surfaces)
    return Figures(*sizes, entities)
