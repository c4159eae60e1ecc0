"""Sentences made from sentences: spans stay on their words, labels stay, and the same seed gives the same."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_core.records import GMB_LABELS, Sentence, Span
from ner_core.training.augment import (
    change_case,
    drop_full_stop,
    join,
    keeps_its_names,
    mentions_by_label,
    misspell,
    mix_case,
    replace_mentions,
    title,
)

ADA = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
POOLS = {"per": [("Wangari", "Maathai"), ("Pelé",)], "geo": [("Rio", "de", "Janeiro")], "art": [("Dune",)]}


@st.composite
def sentences(draw):
    words = draw(
        st.lists(
            st.sampled_from(["Ada", "lives", "U.S.", "iPhone", "Rio", ".", "3", "morning"]), min_size=1, max_size=12
        )
    )
    spans, at = [], 0
    while at < len(words):
        start = draw(st.integers(at, len(words)))
        end = draw(st.integers(start, min(start + 3, len(words))))
        if start < end:
            spans.append(Span(start, end, draw(st.sampled_from(GMB_LABELS))))
        at = end + 1
    return Sentence(tuple(words), tuple(spans))


def is_sound(sentence):
    """Spans lie inside, in order, none over another, none empty."""
    ends = [0, *(span.end for span in sentence.spans)]
    return all(end <= span.start < span.end <= len(sentence) for end, span in zip(ends, sentence.spans, strict=False))


@given(sentences(), st.integers(0, 999), st.floats(0, 1))
def test_replaced_mentions_keep_labels_and_the_words_between(sentence, seed, share):
    found = replace_mentions(sentence, POOLS, random.Random(seed), share=share)
    assert is_sound(found)
    assert [span.label for span in found.spans] == [span.label for span in sentence.spans]
    assert outside(found) == outside(sentence)
    for old, new in zip(sentence.spans, found.spans, strict=True):
        is_new = new_words(found, new) in POOLS.get(new.label, ())
        assert is_new or new_words(found, new) == new_words(sentence, old)
    assert found == replace_mentions(sentence, POOLS, random.Random(seed), share=share)


def outside(sentence):
    inside = {i for span in sentence.spans for i in range(span.start, span.end)}
    return [word for i, word in enumerate(sentence.words) if i not in inside]


def new_words(sentence, span):
    return sentence.words[span.start : span.end]


def test_times_are_never_replaced():
    monday = Sentence(("On", "Monday"), (Span(1, 2, "tim"),))
    assert replace_mentions(monday, {"tim": [("2003",)]}, random.Random(1), share=1.0) == monday


@given(sentences(), st.sampled_from([str.lower, str.upper, title]))
def test_another_case_changes_no_span(sentence, change):
    found = change_case(sentence, change)
    assert found.spans == sentence.spans
    assert [word.lower() for word in found.words] == [word.lower() for word in sentence.words]


@given(st.lists(sentences(), max_size=8), st.integers(0, 999))
def test_mixing_keeps_every_sentence_and_repeats_with_the_seed(part, seed):
    mixed = mix_case(part, random.Random(seed), lower=0.4, upper=0.3, titled=0.2)
    assert mixed[: len(part)] == tuple(part)
    assert all(is_sound(sentence) for sentence in mixed)
    assert mixed == mix_case(part, random.Random(seed), lower=0.4, upper=0.3, titled=0.2)


def test_mixing_makes_the_shares_asked_for():
    mixed = mix_case([ADA] * 2000, random.Random(1), lower=0.3, upper=0.1, titled=0.05)[2000:]
    counts = {text: sum(s.text == text for s in mixed) for text in {s.text for s in mixed}}
    assert counts[ADA.text.lower()] == pytest.approx(600, abs=80)
    assert counts[ADA.text.upper()] == pytest.approx(200, abs=50)
    assert counts["Ada Lovelace Lives In London ."] == pytest.approx(100, abs=40)


def test_us_is_not_read_in_lower_case():
    us = Sentence(("US", "troops"), (Span(0, 1, "geo"),))
    assert mix_case([us], random.Random(1), lower=1.0) == (us,)
    assert keeps_its_names(ADA)


@given(sentences(), st.integers(0, 99))
def test_a_typing_mistake_leaves_names_and_letters(sentence, seed):
    found = misspell(sentence, random.Random(seed))
    assert found.spans == sentence.spans
    assert [sorted(word) for word in found.words] == [sorted(word) for word in sentence.words]
    assert all(found.surface(span) == sentence.surface(span) for span in sentence.spans)


def test_a_typing_mistake_is_made():
    assert misspell(Sentence(("Good", "morning")), random.Random(1)).words[1] != "morning"


@given(sentences())
def test_a_full_stop_goes_only_from_outside_a_name(sentence):
    found = drop_full_stop(sentence)
    assert is_sound(found)
    assert found.words in (sentence.words, sentence.words[:-1])
    assert len(found) > 0


def test_a_final_full_stop_goes():
    assert drop_full_stop(ADA).words == ADA.words[:-1]


@given(sentences(), sentences())
def test_joined_sentences_hold_the_mentions_of_both(first, second):
    both = join(first, second)
    assert is_sound(both)
    names = [sentence.surface(span) for sentence in (first, second) for span in sentence.spans]
    assert [both.surface(span) for span in both.spans] == names


def test_mentions_are_pooled_as_often_as_they_occur():
    assert mentions_by_label([ADA, ADA]) == {"per": [("Ada", "Lovelace")] * 2, "geo": [("London",)] * 2}
