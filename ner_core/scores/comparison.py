"""Is one tagger better than another, or have these test sentences only suited it?

Chapter of part III. Two taggers mark the same sentences, and one F1 is higher. With other sentences of the same
kind, would it still be? Other sentences are not to be had, so they are drawn from those there are: as many as
before, each as often as chance will have it, and both taggers are counted on the same draw. Ten thousand such
draws say how far the difference may vary (the 95 % interval), and how often the order turns round (p).

Source: Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapters 13 and 16; Berg-Kirkpatrick, Burkett
& Klein 2012, "An Empirical Investigation of Statistical Significance in NLP".
Differs from them: sentences with the same counts are drawn together, as one multinomial number a kind, which is
the same draw a hundred times faster; and p is the share of draws in which the difference is gone or has the other
sign (the paper counts draws beyond twice the difference: the same where they lie evenly around it).

It speaks of chance in the choice of test sentences alone: another seed of training is another chance.

>>> gold = [(Span(0, 2, "per"), Span(4, 5, "geo")), (Span(1, 2, "tim"),)]
>>> first, second = [gold[0], ()], [(Span(4, 5, "geo"),), gold[1]]
>>> found = paired_bootstrap(count_sentences(gold, first), count_sentences(gold, second))
>>> found.first_f1, found.second_f1, found.p, found.is_clear
(0.8, 0.8, 1.0, False)
>>> for found in disagreements(gold, first, second):
...     print(found.index, "first" if found.is_first_right else "second", found.kinds)
0 first ('missed',)
1 second ('missed',)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ner_core.records import Span
from ner_core.scores.errors import KINDS, Pair, classify_errors

RESAMPLES = 10_000
INTERVAL = 0.95  # share of the draws that lie within `low` and `high`
_CELLS = 2_000_000  # numbers drawn at once: some 16 MB


# --- by how much, and how sure ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much the second's micro F1 is above the first's, and how far chance may have made it.

    `low` and `high` hold 95 % of the resamples; `p` is the share in which the difference is gone or turned round
    (1 where there is none to begin with).
    """

    first_f1: float
    second_f1: float
    low: float
    high: float
    p: float
    n_sentences: int
    n_resamples: int

    @property
    def difference(self) -> float:
        return self.second_f1 - self.first_f1

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves no doubt which of the two is better."""
        return self.low > 0 or self.high < 0


def count_sentences(gold: Iterable[Sequence[Span]], predicted: Iterable[Sequence[Span]]) -> np.ndarray:
    """Count each sentence by itself: right, invented and missed entities, (sentences, 3).

    Their sums are the counts of `strict`. Raises ValueError where the numbers of sentences differ.
    """
    rows = []
    for gold_spans, predicted_spans in zip(gold, predicted, strict=True):
        wanted, found = set(gold_spans), set(predicted_spans)
        rows.append((len(wanted & found), len(found - wanted), len(wanted - found)))
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def paired_bootstrap(
    first: np.ndarray, second: np.ndarray, *, n_resamples: int = RESAMPLES, seed: int = 1
) -> Difference:
    """Draw the sentences again and again, with replacement; the same seed gives the same answer.

    `first` and `second` are what `count_sentences` made of the same gold sentences. Raises ValueError where
    they do not hold the same number of gold entities in every sentence, or no sentence at all.
    """
    if first.shape != second.shape or not len(first):
        raise ValueError(
            f"Both must be counted on the same sentences, at least one. Received: {len(first):,} and {len(second):,}."
        )
    if (differs := (first[:, 0] + first[:, 2] != second[:, 0] + second[:, 2])).any():
        raise ValueError(
            f"Both must be counted on the same gold entities: sentence {differs.argmax() + 1:,} has "
            f"{first[differs][0, [0, 2]].sum()} in the first and {second[differs][0, [0, 2]].sum()} in the second."
        )
    kinds, n_of_kind = np.unique(np.hstack([first, second]), axis=0, return_counts=True)  # (kinds, 6), (kinds,)
    frequent_first = np.argsort(-n_of_kind, kind="stable")  # a draw ends early, when all sentences are dealt out
    kinds, n_of_kind = kinds[frequent_first], n_of_kind[frequent_first]
    rng, shares, block = np.random.default_rng(seed), n_of_kind / len(first), max(1, _CELLS // len(kinds))
    differences = np.concatenate(
        [
            f1_differences(rng.multinomial(len(first), shares, size=min(block, n_resamples - done)), kinds)
            for done in range(0, n_resamples, block)
        ]
    )  # (resamples,)
    first_f1, second_f1 = (float(micro_f1(counts.sum(axis=0))) for counts in (first, second))
    sign = np.sign(second_f1 - first_f1)
    low, high = np.quantile(differences, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
    p = float(np.mean(differences * sign <= 0))
    return Difference(first_f1, second_f1, float(low), float(high), p, len(first), n_resamples)


def f1_differences(draws: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """The second's F1 less the first's for each draw.

    `draws` (draws, kinds): how often each kind of sentence was drawn; `kinds` (kinds, 6): the counts of both.

    >>> f1_differences(np.array([[1, 1], [2, 0]]), np.array([[1, 0, 1, 2, 0, 0], [1, 0, 0, 0, 0, 1]]))
    array([0.        , 0.33333333])
    """
    counts = draws @ kinds  # (draws, 6)
    return micro_f1(counts[:, 3:]) - micro_f1(counts[:, :3])


def micro_f1(counts: np.ndarray) -> np.ndarray:
    """F1 of counts (..., 3): right, invented, missed; 0 where nothing is right, as in `Counts`."""
    right, invented, missed = np.moveaxis(counts, -1, 0)
    return 2 * right / np.maximum(2 * right + invented + missed, 1)


# --- which sentences ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A sentence (by its index) in which one tagger got all right, and the errors of the other."""

    index: int
    is_first_right: bool
    errors: tuple[Pair, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of error, each once, in the order of `KINDS`."""
        found = {kind for kind, _, _ in self.errors}
        return tuple(kind for kind in KINDS if kind in found)


def disagreements(
    gold: Iterable[Sequence[Span]], first: Iterable[Sequence[Span]], second: Iterable[Sequence[Span]]
) -> list[Disagreement]:
    """List the sentences that only one of two taggers got wholly right, in their order."""
    found = []
    for index, (wanted, one, other) in enumerate(zip(gold, first, second, strict=True)):
        is_first_right, is_second_right = set(one) == set(wanted), set(other) == set(wanted)
        if is_first_right != is_second_right:
            errors = classify_errors(wanted, other if is_first_right else one)
            found.append(Disagreement(index, is_first_right, tuple(errors)))
    return found
