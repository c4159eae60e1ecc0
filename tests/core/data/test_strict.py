"""Strict reading of tags against seqeval's own."""

from hypothesis import given
from hypothesis import strategies as st
from seqeval.scheme import IOB2, Entities

from ner_core.data.strict import strict_spans
from ner_core.records import Span

TAGS = st.lists(
    st.sampled_from(["O", "B-per", "I-per", "B-geo", "I-geo", "B-creative-work", "I-creative-work"]), max_size=12
)


@given(TAGS)
def test_strict_spans_are_seqevals(tags):
    theirs = [Span(e.start, e.end, e.tag) for e in Entities([tags], IOB2).entities[0]]
    assert list(strict_spans(tags)) == theirs


def test_an_entity_at_the_very_end_and_two_in_a_row():
    assert strict_spans(["B-a", "B-a", "I-a"]) == (Span(0, 1, "a"), Span(1, 3, "a"))


def test_foreign_tags_are_no_entity():
    assert strict_spans(["_", "X-per", "", "B", "I", "per"]) == ()


def test_an_inside_tag_of_another_label_closes_the_entity():
    assert strict_spans(["B-a", "I-b", "I-a"]) == (Span(0, 1, "a"),)
