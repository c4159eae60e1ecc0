"""Columns hold the very corpus they were made of, and every part is one slice of them."""

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner_core.data.columns import PARTS, Columns, as_columns
from ner_core.data.corpus import load_corpus
from ner_core.records import Corpus, Sentence, Span

LABELS = ("geo", "per")
GENRES = ((), (("genre", "news"),), (("source", "web"), ("genre", "chat")))


@st.composite
def small_sentences(draw):
    """A sentence of few words, some with a blank inside, so that surfaces and their words differ."""
    words = tuple(draw(st.lists(st.sampled_from(("a", "b", "c", "a b", "A")), max_size=6)))
    edges = sorted(draw(st.sets(st.integers(0, len(words)), max_size=4)))
    spans = [Span(start, end, draw(st.sampled_from(LABELS))) for start, end in pairwise(edges)]
    kept = tuple(span for span in spans if draw(st.booleans()))
    return Sentence(words, kept, meta=draw(st.sampled_from(GENRES)))


@st.composite
def small_corpora(draw):
    """Three parts, each maybe empty; one label maybe never used."""
    parts = [tuple(draw(st.lists(small_sentences(), max_size=4))) for _ in PARTS]
    return Corpus("small", *parts, labels=(*LABELS, "never"))


@settings(deadline=None)
@given(small_corpora())
def test_every_sentence_can_be_read_back(corpus):
    columns = as_columns(corpus)
    assert columns.sentences == corpus.sentences
    mentions = list(
        zip(
            columns.mention_sentence,
            columns.mention_start,
            columns.mention_end,
            columns.mention_label,
            columns.mention_surface,
            strict=True,
        )
    )
    for row, sentence in enumerate(corpus.sentences):
        word_ids = columns.word_ids[columns.starts[row] : columns.starts[row + 1]]
        assert tuple(columns.words[word] for word in word_ids) == sentence.words
        own = [mention for mention in mentions if mention[0] == row]
        assert tuple(Span(int(m[1]), int(m[2]), columns.labels[m[3]]) for m in own) == sentence.spans
        assert [columns.surfaces[m[4]] for m in own] == [sentence.surface(span) for span in sentence.spans]
        genre = dict(sentence.meta).get("genre", "")
        assert columns.genres[columns.genre_ids[row]] == genre if columns.genres else genre == ""
    assert len(set(columns.words)) == len(columns.words) and len(set(columns.surfaces)) == len(columns.surfaces)
    assert columns.labels == (*LABELS, "never")


@settings(deadline=None)
@given(small_corpora())
def test_a_part_is_one_slice_of_sentences_tokens_and_mentions(corpus):
    columns = as_columns(corpus)
    is_outside, token_rows = columns.is_outside(), columns.token_rows()
    for part in (None, *PARTS):
        sentences = corpus.part(part or "all")
        assert columns.sentences[columns.rows(part)] == sentences
        words = [columns.words[word] for word in columns.word_ids[columns.tokens(part)]]
        assert words == [word for s in sentences for word in s.words]
        labels = [columns.labels[label] for label in columns.mention_label[columns.mentions(part)]]
        assert labels == [span.label for s in sentences for span in s.spans]
        outside = [
            not any(span.start <= place < span.end for span in s.spans) for s in sentences for place in range(len(s))
        ]
        assert is_outside[columns.tokens(part)].tolist() == outside
    assert token_rows.tolist() == [row for row, s in enumerate(corpus.sentences) for _ in s.words]
    assert columns.lengths.tolist() == [len(s) for s in corpus.sentences]


def test_tokens_under_two_mentions_are_counted_once():
    nested = Sentence(("Bank", "of", "China", "said"), (Span(0, 3, "org"), Span(2, 3, "geo")))
    assert as_columns(Corpus("c", (nested,), (), (), ("org", "geo"))).is_outside().tolist() == [False] * 3 + [True]


def test_labels_that_the_corpus_does_not_name_are_found():
    odd = Corpus("odd", (Sentence(("Ada",), (Span(0, 1, "per"),)),), (), (), ("geo",))
    assert as_columns(odd).labels == ("geo", "per")


def test_a_part_has_one_of_three_names():
    with pytest.raises(ValueError, match="Received: 'all'"):
        as_columns(Corpus("none", (), (), (), ())).rows("all")


def test_newsroom_has_genres():
    columns = as_columns(load_corpus())
    assert "" not in columns.genres and len(columns.genres) > 3
    assert np.bincount(columns.genre_ids).sum() == len(columns.sentences)


def test_progress_rises_to_one():
    told = []
    as_columns(load_corpus(), told.append)
    assert told == sorted(told) and told[0] == 0 and told[-1] == 1 and 10 <= len(told) <= 30
    as_columns(Corpus("none", (), (), (), ()), told.append)
    assert told[-1] == 1


def test_gmb_becomes_columns_quickly(gmb):
    start = time.process_time()
    columns = as_columns(gmb[0])
    assert time.process_time() - start < 2  # 0.2 s when nothing else runs
    assert isinstance(columns, Columns)
    assert (len(columns.word_ids), len(columns.words), len(columns.mention_start)) == (1_048_575, 35_178, 111_891)
