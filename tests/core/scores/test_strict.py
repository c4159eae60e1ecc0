"""Strict entity counts against seqeval in its strict mode."""

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB2

from ner_core.data.strict import strict_spans
from ner_core.records import Counts, Span
from ner_core.scores.strict import count_entities, macro, micro

TAG = st.sampled_from(["O", "O", "O", "B-per", "I-per", "B-geo", "I-geo", "B-org", "I-org"])
PAIRS = st.lists(st.lists(st.tuples(TAG, TAG), min_size=1, max_size=9), min_size=1, max_size=6)


def seqeval_scores(gold, predicted, average):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # seqeval warns of labels without support
        return precision_recall_fscore_support(gold, predicted, average=average, scheme=IOB2, zero_division=0)


@given(PAIRS)
def test_micro_macro_and_labels_equal_seqeval(sentences):
    gold = [[g for g, _ in sentence] for sentence in sentences]
    predicted = [[p for _, p in sentence] for sentence in sentences]
    by_label = count_entities(map(strict_spans, gold), map(strict_spans, predicted))
    if not by_label:  # seqeval cannot divide by no labels at all
        assert macro(by_label) == (0.0, 0.0, 0.0)
        return
    total = micro(by_label)
    assert (total.precision, total.recall, total.f1) == pytest.approx(seqeval_scores(gold, predicted, "micro")[:3])
    assert macro(by_label) == pytest.approx(seqeval_scores(gold, predicted, "macro")[:3])
    precision, recall, f1, support = seqeval_scores(gold, predicted, None)
    for position, label in enumerate(sorted(by_label)):
        counts = by_label[label]
        theirs = (precision[position], recall[position], f1[position], support[position])
        assert (counts.precision, counts.recall, counts.f1, counts.n_gold) == pytest.approx(theirs)


def test_wrong_edge_is_one_invented_and_one_missed():
    assert count_entities([[Span(0, 2, "per")]], [[Span(0, 1, "per")]]) == {"per": Counts(0, 1, 1)}


def test_an_entity_stated_twice_counts_once():
    assert micro(count_entities([[Span(0, 1, "a")] * 2], [[Span(0, 1, "a")] * 3])) == Counts(1, 0, 0)


def test_a_missing_sentence_is_refused():
    with pytest.raises(ValueError):
        count_entities([[], []], [[]])
