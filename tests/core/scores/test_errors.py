"""Every entity is accounted for exactly once, under the right kind."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_core.records import Span
from ner_core.scores.errors import KINDS, classify_errors, describe_error, pair_entities


@st.composite
def span_rows(draw):
    """Spans of one sentence that do not overlap."""
    spans, position = set(), 0
    for gap, length, label in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from("ab")), max_size=5)
    ):
        spans.add(Span(position + gap, position + gap + length, label))
        position += gap + length
    return spans


@given(span_rows(), span_rows())
def test_each_entity_is_accounted_for_once(gold, predicted):
    pairs = pair_entities(gold, predicted)
    assert Counter(g for _, g, _ in pairs if g) == Counter(gold)
    assert Counter(p for _, _, p in pairs if p) == Counter(predicted)
    assert {g for kind, g, _ in pairs if kind == "right"} == gold & predicted


@given(span_rows(), span_rows())
def test_each_kind_is_what_it_says(gold, predicted):
    for kind, g, p in classify_errors(gold, predicted):
        overlaps = g and p and min(g.end, p.end) > max(g.start, p.start)
        if kind in ("missed", "invented"):
            assert (p if kind == "missed" else g) is None
        else:
            same_edges, same_label = (g.start, g.end) == (p.start, p.end), g.label == p.label
            assert overlaps
            assert (same_edges, same_label) == {
                "label": (True, False),
                "boundary": (False, True),
                "both": (False, False),
            }[kind]


@given(span_rows(), span_rows())
def test_what_is_left_over_touches_nothing_that_is_left_over(gold, predicted):
    errors = classify_errors(gold, predicted)
    missed = [g for kind, g, _ in errors if kind == "missed"]
    invented = [p for kind, _, p in errors if kind == "invented"]
    assert not any(min(g.end, p.end) > max(g.start, p.start) for g in missed for p in invented)


@given(span_rows(), span_rows())
def test_the_order_of_the_input_does_not_matter(gold, predicted):
    assert pair_entities(sorted(gold), sorted(predicted)) == pair_entities(sorted(gold)[::-1], sorted(predicted)[::-1])


def test_the_same_label_wins_over_the_longer_overlap():
    gold, predicted = [Span(0, 4, "a")], [Span(0, 3, "b"), Span(3, 4, "a")]
    assert classify_errors(gold, predicted) == [
        ("invented", None, Span(0, 3, "b")),
        ("boundary", Span(0, 4, "a"), Span(3, 4, "a")),
    ]


def test_every_kind_has_its_sentence():
    words = ["the", "New", "York", "City", "council", "met"]
    cases = {
        "boundary": (Span(1, 4, "geo"), Span(1, 3, "geo")),
        "label": (Span(1, 4, "geo"), Span(1, 4, "org")),
        "both": (Span(1, 4, "geo"), Span(1, 5, "org")),
        "missed": (Span(1, 4, "geo"), None),
        "invented": (None, Span(5, 6, "per")),
    }
    assert list(cases) == list(KINDS)
    for kind, (gold, predicted) in cases.items():
        assert classify_errors([gold] if gold else [], [predicted] if predicted else []) == [(kind, gold, predicted)]
        sentence = describe_error((kind, gold, predicted), words)
        assert sentence.endswith(".") and "“" in sentence


def test_a_boundary_that_is_too_wide_is_not_called_part_of_a_whole():
    assert "whole" not in describe_error(("boundary", Span(1, 2, "a"), Span(0, 2, "a")), ["x", "y"])


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="Received: 'odd'"):
        describe_error(("odd", Span(0, 1, "a"), Span(0, 1, "a")), ["x"])
