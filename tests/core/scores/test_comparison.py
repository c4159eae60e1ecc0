"""The paired bootstrap against all resamples there are, and the sentences that only one tagger got right."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner_core.records import Counts, Span
from ner_core.scores.comparison import (
    count_sentences,
    disagreements,
    f1_differences,
    micro_f1,
    paired_bootstrap,
)
from ner_core.scores.strict import count_entities, micro

SPAN = st.builds(lambda start, label: Span(start, start + 1, label), st.integers(0, 3), st.sampled_from(["per", "geo"]))
SPANS = st.lists(SPAN, max_size=3).map(tuple)
THREE = st.lists(st.tuples(SPANS, SPANS, SPANS), min_size=1, max_size=5)

# two taggers on five sentences: gold names found, invented, missed
FIRST = np.array([[2, 0, 0], [0, 1, 1], [1, 0, 1], [0, 0, 0], [0, 2, 3]])
SECOND = np.array([[2, 1, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 3]])


def f1_by_counts(rows) -> float:
    return sum((Counts(*map(int, row)) for row in rows), Counts()).f1


def all_differences(first, second) -> list[float]:
    """The difference in each of the n ** n resamples, every one as likely as the others."""
    chosen = itertools.product(range(len(first)), repeat=len(first))
    return [f1_by_counts(second[list(draw)]) - f1_by_counts(first[list(draw)]) for draw in chosen]


@settings(deadline=None, max_examples=30)
@given(THREE)
def test_the_sentences_add_up_to_the_strict_counts(sentences):
    gold, predicted = [row[0] for row in sentences], [row[1] for row in sentences]
    found = count_sentences(gold, predicted)
    assert Counts(*map(int, found.sum(axis=0))) == micro(count_entities(gold, predicted))
    assert float(micro_f1(found.sum(axis=0))) == Counts(*map(int, found.sum(axis=0))).f1


def test_every_resample_is_computed_as_counts_would():
    """Exactly: each of the 5 ** 5 draws, given as numbers of sentences, has the difference that Counts gives it."""
    drawn = np.array([np.bincount(draw, minlength=5) for draw in itertools.product(range(5), repeat=5)])
    computed = f1_differences(drawn, np.hstack([FIRST, SECOND]))
    assert computed.tolist() == pytest.approx(all_differences(FIRST, SECOND), abs=1e-15)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_bootstrap_agrees_with_the_enumeration(sign):
    first, second = (FIRST, SECOND)[::sign]
    exact = np.array(all_differences(first, second))
    found = paired_bootstrap(first, second, n_resamples=100_000, seed=7)
    observed = f1_by_counts(second) - f1_by_counts(first)
    assert found.difference == pytest.approx(observed, abs=1e-15)
    p = np.mean(exact * np.sign(observed) <= 0)
    assert 0.01 < p < 0.5  # else the next line would say little
    assert found.p == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 100_000))
    low, high = np.quantile(exact, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)


@settings(deadline=None, max_examples=30)
@given(THREE)
def test_two_of_one_kind_never_differ(sentences):
    counts = count_sentences([row[0] for row in sentences], [row[1] for row in sentences])
    found = paired_bootstrap(counts, counts, n_resamples=50)
    assert (found.difference, found.low, found.high, found.p, found.is_clear) == (0, 0, 0, 1, False)


def test_one_that_is_better_everywhere_is_clear():
    gold = [[Span(0, 1, "per")]] * 50
    found = paired_bootstrap(count_sentences(gold, [[]] * 50), count_sentences(gold, gold))
    assert (found.difference, found.low, found.high, found.p, found.is_clear) == (1, 1, 1, 0, True)


def test_the_seed_decides():
    draws = [paired_bootstrap(FIRST, SECOND, n_resamples=500, seed=seed) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_blocks_change_nothing(monkeypatch):
    whole = paired_bootstrap(FIRST, SECOND, n_resamples=501)
    monkeypatch.setattr("ner_core.scores.comparison._CELLS", 12)
    assert paired_bootstrap(FIRST, SECOND, n_resamples=501) == whole


@pytest.mark.parametrize("first, second", [(FIRST, SECOND[:4]), (FIRST[:0], SECOND[:0])])
def test_other_sentences_or_none_are_refused(first, second):
    with pytest.raises(ValueError, match="the same sentences, at least one"):
        paired_bootstrap(first, second)


def test_other_gold_is_refused():
    with pytest.raises(ValueError, match="sentence 2 has 1 in the first and 3 in the second"):
        paired_bootstrap(FIRST[:2], np.array([[2, 0, 0], [2, 0, 1]]))


def test_a_whole_test_part_takes_no_two_seconds():
    """As many sentences as GMB's test part; processor time, for the machine may be busy."""
    rng = np.random.default_rng(3)
    n_gold = rng.poisson(2.3, 9_592)
    first, second = (
        np.stack([right, rng.poisson(0.4, 9_592), n_gold - right], axis=1)
        for right in (rng.binomial(n_gold, 0.80), rng.binomial(n_gold, 0.81))
    )
    began = time.process_time()
    paired_bootstrap(first, second)
    assert time.process_time() - began < 2


@settings(deadline=None, max_examples=30)
@given(THREE)
def test_a_disagreement_is_right_once_and_wrong_once(sentences):
    gold, first, second = (list(column) for column in zip(*sentences, strict=True))
    found = {entry.index: entry for entry in disagreements(gold, first, second)}
    for index, (wanted, one, other) in enumerate(sentences):
        is_right = set(one) == set(wanted), set(other) == set(wanted)
        assert (index in found) == (is_right[0] != is_right[1])
        if index in found:
            assert found[index].is_first_right == is_right[0]
            assert found[index].kinds and "right" not in found[index].kinds


def test_a_disagreement_names_the_other_ones_errors():
    gold = [(Span(0, 2, "per"), Span(4, 5, "geo"))]
    [found] = disagreements(gold, [(Span(0, 1, "per"), Span(4, 5, "gpe"))], gold)
    assert (found.is_first_right, found.kinds) == (False, ("boundary", "label"))
