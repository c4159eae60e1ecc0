"""Tags: every scheme round-trips, and repairs follow conlleval."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from ner_core.data.tags import (
    SCHEMES,
    detect_scheme,
    is_allowed,
    notes_on_labels,
    spans_to_tags,
    split_tag,
    tags_to_spans,
)
from ner_core.records import Span

PREFIXED = [scheme for scheme in SCHEMES if scheme != "IO"]


@st.composite
def spans_and_length(draw):
    """Spans that do not overlap, and the length of their sentence."""
    spans, at = [], 0
    for gap, width, label in draw(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(["per", "creative-work", "B-x"])),
            max_size=6,
        )
    ):
        spans.append(Span(at + gap, at + gap + width, label))
        at += gap + width
    return tuple(spans), at + draw(st.integers(0, 2))


@settings(deadline=None)
@given(spans_and_length(), st.sampled_from(PREFIXED))
def test_spans_survive_a_round_trip(given_spans, scheme):
    spans, n = given_spans
    tags = spans_to_tags(spans, n, scheme)
    assert len(tags) == n
    assert tags_to_spans(tags, scheme) == spans
    pairs = zip([None, *tags], [*tags, None], strict=True)
    assert all(is_allowed(previous, tag, scheme) for previous, tag in pairs)


@settings(deadline=None)
@given(spans_and_length(), st.sampled_from(PREFIXED), st.sampled_from(PREFIXED))
def test_conversion_and_back(given_spans, one, other):
    tags = spans_to_tags(*given_spans, one)
    converted = spans_to_tags(tags_to_spans(tags, one), len(tags), other)
    assert spans_to_tags(tags_to_spans(converted, other), len(tags), one) == tags


@settings(deadline=None)
@given(st.lists(st.sampled_from(["O", "B-a", "I-a", "E-a", "S-a", "B-b", "I-b", "E-b", "S-b"]), max_size=12))
def test_any_tags_are_read_as_seqeval_reads_them(tags):
    expected = [Span(start, end + 1, label) for label, start, end in get_entities(tags)]
    assert list(tags_to_spans(tags, "BIOES")) == expected


@settings(deadline=None)
@given(spans_and_length(), st.sampled_from(PREFIXED))
def test_a_detected_scheme_reads_the_same_spans(given_spans, scheme):
    tags = spans_to_tags(*given_spans, scheme)
    assert tags_to_spans(tags, detect_scheme([tags])) == given_spans[0]


def test_io_melts_touching_entities_of_one_label():
    spans = (Span(0, 1, "per"), Span(1, 2, "per"), Span(2, 3, "geo"))
    assert tags_to_spans(spans_to_tags(spans, 3, "IO"), "IO") == (Span(0, 2, "per"), Span(2, 3, "geo"))


@pytest.mark.parametrize(
    ("scheme", "forbidden"),
    [
        ("IOB2", [(None, "I-a"), ("O", "I-a"), ("B-b", "I-a"), ("O", "E-a")]),
        ("IOB1", [(None, "B-a"), ("O", "B-a"), ("I-b", "B-a")]),
        (
            "BIOES",
            [("B-a", "O"), ("B-a", None), ("I-a", "B-a"), ("S-a", "I-a"), ("E-a", "E-a"), ("B-a", "E-b"), ("O", "L-a")],
        ),
        ("BILOU", [("B-a", "O"), ("I-a", None), ("U-a", "L-a"), ("O", "S-a")]),
        ("IO", []),
    ],
)
def test_forbidden_transitions(scheme, forbidden):
    tags = [None, "O", *(f"{p}-{label}" for p in "BIESLU" for label in "ab")]
    for pair in forbidden:
        assert not is_allowed(*pair, scheme)
    assert is_allowed(None, "O", scheme) and is_allowed("O", None, scheme)
    if scheme == "IO":
        assert all(is_allowed(a, b, scheme) for a in tags for b in tags)


def test_detection():
    assert detect_scheme([]) == "IOB2" and detect_scheme([("O", "O")]) == "IOB2"
    assert detect_scheme([("I-a", "I-a", "B-a"), ("O", "I-b")]) == "IOB1"
    assert detect_scheme([("B-a", "I-a", "B-a"), ("I-b",), ("B-b",)]) == "IOB2"  # one slip does not make a scheme
    assert detect_scheme([("B-a", "E-a")]) == "BIOES" and detect_scheme([("B-a", "L-a")]) == "BILOU"
    assert detect_scheme([("ORG", "O")]) == "IO"


def test_labels_keep_their_own_hyphens():
    assert split_tag("B-B-x") == ("B", "B-x") and split_tag("X-ray") == ("", "X-ray") and split_tag("B-") == ("", "B-")


def test_errors_say_what_was_received():
    with pytest.raises(ValueError, match=r"overlap.*Span\(start=0, end=2"):
        spans_to_tags((Span(0, 2, "a"), Span(1, 3, "b")), 4)
    for span in (Span(0, 9, "a"), Span(2, 2, "a"), Span(-1, 1, "a")):
        with pytest.raises(ValueError, match="within the sentence's 4 tokens"):
            spans_to_tags((span,), 4)
    with pytest.raises(ValueError, match="Received: 'BMEWO'"):
        tags_to_spans(("O",), "BMEWO")


def test_labels_in_many_capitals_are_told_in_a_short_note():
    labels = [f"{'X' * i}{'x' * (50 - i)}" for i in range(51)]
    (note,) = notes_on_labels(labels)
    assert note.what.endswith(" and 48 more") and len(note.what) < 300
