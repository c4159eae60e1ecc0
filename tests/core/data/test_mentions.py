"""Mentions: every figure equals a walk over the sentences on small corpora, and GMB is answered at once."""

import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner_core.data import mentions
from ner_core.data.columns import PARTS, as_columns
from ner_core.data.corpus import leak, load_corpus
from ner_core.data.statistics import label_counts, tag_counts
from ner_core.data.tags import spans_to_tags
from ner_core.records import Corpus, EncodingConfig, Sentence, Span
from ner_core.scores.report import Tagged, score
from ner_core.tagger.encode import fit_encoder
from tests.core.data.test_columns import LABELS, small_corpora

ADA = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
FOG = Sentence(("London", "fog", "!"))
PART = st.sampled_from((None, *PARTS))


def columns_of(*train, dev=(), test=()):
    return as_columns(Corpus("small", train, tuple(dev), tuple(test), LABELS))


def marks_of(sentences):
    """(surface, label) of every mention, in order."""
    return [(s.surface(span), span.label) for s in sentences for span in s.spans]


def find_unlabelled(sentence, words):
    """How often the words stand in a sentence with none of them in a mention, found one window after the other."""
    tags = spans_to_tags(sentence.spans, len(sentence))
    windows = range(len(sentence) - len(words) + 1)
    return sum(sentence.words[i : i + len(words)] == words and set(tags[i : i + len(words)]) == {"O"} for i in windows)


def words_of(corpus, surface):
    """The different word tuples that are written like this ("a b" may be one word or two)."""
    return {s.words[m.start : m.end] for s in corpus.sentences for m in s.spans if s.surface(m) == surface}


# --- what is marked -------------------------------------------------------------------


@settings(deadline=None)
@given(small_corpora(), PART)
def test_mentions_and_ambiguity_as_counted_by_hand(corpus, part):
    columns, pairs = as_columns(corpus), Counter(marks_of(corpus.part(part or "all")))
    found = mentions.mentions_by_label(columns, part)
    assert list(found) == [*LABELS, "never"] and found["never"] == []
    assert {(one.surface, label): one.n for label, ones in found.items() for one in ones} == pairs
    for ones in found.values():
        assert ones == sorted(ones, key=lambda one: (-one.n, one.surface))
    by_surface = {}
    for (surface, label), n in pairs.items():
        by_surface.setdefault(surface, {})[label] = n
    ambiguous = mentions.ambiguous_surfaces(columns, part)
    assert {one.surface: one.counts for one in ambiguous} == {s: c for s, c in by_surface.items() if len(c) > 1}
    minorities = [one.n_minority for one in ambiguous]
    assert minorities == sorted(minorities, reverse=True)
    assert all(list(one.counts.values()) == sorted(one.counts.values(), reverse=True) for one in ambiguous)


@settings(deadline=None)
@given(small_corpora(), PART)
def test_inconsistency_as_found_window_by_window(corpus, part):
    columns, sentences = as_columns(corpus), corpus.part(part or "all")
    labelled = Counter(surface for surface, _ in marks_of(sentences))
    expected = {}
    for surface, n in labelled.items():
        n_unlabelled = sum(find_unlabelled(s, words) for s in sentences for words in words_of(corpus, surface))
        if n_unlabelled:
            expected[surface] = (n, n_unlabelled)
    found = mentions.inconsistent_surfaces(columns, part)
    assert {one.surface: (one.n_labelled, one.n_unlabelled) for one in found} == expected
    pairs = Counter(marks_of(sentences))
    for one in found:
        assert pairs[one.surface, one.label] == max(pairs[one.surface, label] for label in LABELS)


def test_the_most_telling_inconsistency_comes_first():
    geo = (Span(0, 1, "geo"),)
    even = [Sentence((word,), spans) for word in ("x", "y", "z") for spans in (geo, ())]
    columns = columns_of(*even, even[0], even[1], *[even[3]] * 9)  # x 2:2, y 1:10, z 1:1
    assert [one.surface for one in mentions.inconsistent_surfaces(columns)] == ["x", "z", "y"]


def test_words_are_only_compared_within_a_sentence_and_outside_mentions():
    new_york = Sentence(("New", "York"), (Span(0, 2, "geo"),))
    beside = Sentence(("so", "New"))
    after = Sentence(("York", "is", "New", "York", "times"), (Span(3, 5, "org"),))
    columns = as_columns(Corpus("c", (new_york, beside, after), (), (), ("geo", "org")))
    assert mentions.inconsistent_surfaces(columns) == []
    assert mentions.rows_with(columns, surface="New York", unlabelled=True).size == 0


def test_a_long_mention_is_compared_whole():
    words = tuple(f"w{i}" for i in range(40))
    columns = columns_of(Sentence(words, (Span(0, 40, "geo"),)), Sentence(words), Sentence((*words[:-1], "other")))
    [found] = mentions.inconsistent_surfaces(columns)
    assert (found.surface, found.n_labelled, found.n_unlabelled) == (" ".join(words), 1, 1)


# --- what repeats, and what is new ------------------------------------------------------


@settings(deadline=None)
@given(small_corpora())
def test_repeats_and_leaks_as_counted_by_hand(corpus):
    columns, sentences = as_columns(corpus), corpus.sentences
    counts = Counter(s.words for s in sentences)
    repeats = mentions.repeated_sentences(columns)
    assert len(repeats) == sum(n > 1 for n in counts.values())
    assert [one.is_conflicting for one in repeats] == sorted((one.is_conflicting for one in repeats), reverse=True)
    for one in repeats:
        words = sentences[one.rows[0]].words
        assert one.rows == tuple(row for row, s in enumerate(sentences) if s.words == words)
        assert one.is_conflicting == (len({sentences[row].spans for row in one.rows}) > 1)
        assert one.parts == tuple(part for part in PARTS if any(s.words == words for s in corpus.part(part)))
    found = mentions.leakage(columns)
    assert list(found) == ["dev", "test"]
    for part, leaked in leak(corpus).items():
        assert tuple(sentences[row] for row in found[part].rows) == leaked
        assert (found[part].n_sentences, found[part].n_leaked) == (len(corpus.part(part)), len(leaked))


@settings(deadline=None)
@given(small_corpora(), st.sampled_from(("dev", "test")))
def test_unseen_means_what_it_means_in_a_report(corpus, part):
    rows = [Tagged(s.words, s.spans, spans_to_tags(s.spans, len(s)), s.spans) for s in corpus.part(part)]
    report = score(rows, train=corpus.train)
    found = mentions.unseen_share(as_columns(corpus), part)
    assert list(found) == ["all", *LABELS, "never"]
    assert found["all"].n == report.overall.n_gold == sum(found[label].n for label in LABELS)
    assert found["all"].n_unseen == sum(found[label].n_unseen for label in LABELS)
    if report.unseen is not None:  # a report says nothing where train has no mention: then all are unseen
        assert (found["all"].n - found["all"].n_unseen, found["all"].n_unseen) == (
            report.seen.n_gold,
            report.unseen.n_gold,
        )
    known = {surface for surface, _ in marks_of(corpus.train)}
    for label in LABELS:
        unseen = {surface for surface, own in marks_of(corpus.part(part)) if own == label} - known
        assert set(found[label].examples) == unseen


def test_a_label_called_all_leaves_the_whole_as_it_is():
    named = [Sentence(("Ada",), (Span(0, 1, label),)) for label in ("all", "per")]
    found = mentions.unseen_share(as_columns(Corpus("c", (), (), tuple(named), ("all", "per"))))
    assert (found["all"].n, found["all"].share, found["per"].n) == (2, 1.0, 1)


@settings(deadline=None)
@given(small_corpora())
def test_coverage_is_that_of_the_encoder(corpus):
    for found in mentions.vocabulary_coverage(as_columns(corpus), (1, 2, 3)):
        counts = Counter(word for s in corpus.train for word in s.words)
        vocabulary = {word for word, n in counts.items() if n >= found.min_count}
        assert found.n_words == len(vocabulary)
        for part in PARTS:
            words = [word for s in corpus.part(part) for word in s.words]
            share = sum(word in vocabulary for word in words) / max(1, len(words))
            assert getattr(found, f"share_{part}") == pytest.approx(share)


def test_coverage_counts_the_words_of_the_newsroom_encoder():
    corpus = load_corpus()
    for found in mentions.vocabulary_coverage(as_columns(corpus), (1, 3)):
        encoder = fit_encoder(corpus, EncodingConfig(min_count=found.min_count))
        assert found.n_words == len(set(encoder.words) - {"<pad>", "<unk>"})


# --- what stands beside, and where -------------------------------------------------------


@settings(deadline=None)
@given(small_corpora(), PART, st.sampled_from(("before", "after")), st.integers(1, 3))
def test_neighbours_as_counted_by_hand(corpus, part, side, at_least):
    def beside(sentence, start, end):
        place = start - 1 if side == "before" else end
        return sentence.words[place] if 0 <= place < len(sentence) else "<s>"

    sentences = corpus.part(part or "all")
    own = Counter(beside(s, m.start, m.end) for s in sentences for m in s.spans if m.label == "geo")
    usual = Counter(beside(s, i, i + 1) for s in sentences for i in range(len(s)))
    columns = as_columns(corpus)
    found = mentions.neighbours(columns, "geo", side, part, n=100, at_least=at_least)
    assert {one.word: one.n for one in found} == {word: n for word, n in own.items() if n >= at_least}
    for one in found:
        assert one.share == pytest.approx(one.n / own.total())
        assert one.lift == pytest.approx(one.share / (usual[one.word] / usual.total()))
        rows = [
            row
            for row, s in enumerate(sentences, columns.rows(part).start)
            if any(m.label == "geo" and beside(s, m.start, m.end) == one.word for m in s.spans)
        ]
        assert mentions.rows_beside(columns, "geo", one.word, side, part).tolist() == rows
    weights = [one.n * np.log(one.lift) for one in found]
    assert all(first >= second - 1e-9 for first, second in pairwise(weights))


def test_neighbours_of_nothing():
    assert mentions.neighbours(columns_of(FOG), "geo") == [] == mentions.neighbours(columns_of(FOG), "no label")
    assert mentions.rows_beside(columns_of(ADA), "geo", "no word").size == 0
    with pytest.raises(ValueError, match="Received: 'left'"):
        mentions.neighbours(columns_of(ADA), "geo", "left")
    with pytest.raises(ValueError, match="Received: 'left'"):
        mentions.rows_beside(columns_of(ADA), "geo", "in", "left")


def test_a_word_that_is_written_like_the_edge_is_the_edge():
    columns = columns_of(Sentence(("<s>", "Rome"), (Span(1, 2, "geo"),)), Sentence(("Rome",), (Span(0, 1, "geo"),)))
    [found] = mentions.neighbours(columns, "geo", at_least=1)
    assert (found.word, found.n, found.lift) == ("<s>", 2, 1.0)
    assert mentions.rows_beside(columns, "geo", "<s>").tolist() == [0, 1]
    assert mentions.rows_beside(columns_of(ADA), "per", "<s>").tolist() == [0]


@settings(deadline=None)
@given(small_corpora())
def test_genres_as_counted_by_hand(corpus):
    found = mentions.genre_breakdown(as_columns(corpus))
    of = {
        genre: [s for s in corpus.sentences if dict(s.meta).get("genre", "") == genre] for genre in ("news", "chat", "")
    }
    if not of["news"] and not of["chat"]:
        assert found == []
        return
    assert {one.genre for one in found} == {genre for genre, own in of.items() if own}
    for one in found:
        own = of[one.genre]
        assert (one.n_sentences, one.n_tokens) == (len(own), sum(map(len, own)))
        assert {label: n for label, n in one.entities.items() if n} == label_counts(own)
    sizes = [one.n_sentences for one in found]
    assert sizes == sorted(sizes, reverse=True)


@settings(deadline=None)
@given(
    small_corpora(),
    PART,
    st.sampled_from((None, *LABELS, "unknown")),
    st.sampled_from((None, "O", "B-geo", "I-geo", "I-per", "B-unknown")),
    st.sampled_from((None, "a", "a b", "a b c", "unknown")),
    st.sampled_from((None, "news", "", "unknown")),
    st.sampled_from((None, 2, (1, 3), (3, 1))),
    st.booleans(),
)
def test_rows_as_found_by_hand(corpus, part, label, tag, surface, genre, length, unlabelled):
    if unlabelled and surface is None:
        return
    columns = as_columns(corpus)

    def is_meant(row, sentence):
        low, high = (length, length) if isinstance(length, int) else length or (0, 99)
        tags = spans_to_tags(sentence.spans, len(sentence))
        asked = [
            span
            for span in sentence.spans
            if label in (None, span.label)
            and (tag in (None, "O") or tag in tags[span.start : span.end])
            and (surface is None or unlabelled or sentence.surface(span) == surface)
        ]
        asks_mention = label is not None or tag not in (None, "O") or (surface is not None and not unlabelled)
        return (
            (part is None or PARTS[columns.parts[row]] == part)
            and (genre is None or (columns.genres and dict(sentence.meta).get("genre", "") == genre))
            and low <= len(sentence) <= high
            and (tag != "O" or "O" in tags)
            and (not asks_mention or asked)
            and (not unlabelled or any(find_unlabelled(sentence, words) for words in words_of(corpus, surface)))
        )

    expected = [row for row, sentence in enumerate(corpus.sentences) if is_meant(row, sentence)]
    found = mentions.rows_with(
        columns, label=label, tag=tag, surface=surface, genre=genre, length=length, part=part, unlabelled=unlabelled
    )
    assert found.tolist() == expected


def test_every_condition_alone():
    news = replace(FOG, meta=(("genre", "news"),), spans=(Span(0, 1, "geo"),))
    columns = columns_of(ADA, FOG, dev=[news], test=[Sentence(("Yes",), (Span(0, 1, "per"),))])
    asked = [
        ({}, [0, 1, 2, 3]),
        ({"part": "dev"}, [2]),
        ({"label": "per"}, [0, 3]),
        ({"tag": "B-per"}, [0, 3]),
        ({"tag": "I-per"}, [0]),
        ({"tag": "O"}, [0, 1, 2]),
        ({"surface": "London"}, [0, 2]),
        ({"surface": "London", "unlabelled": True}, [1]),
        ({"genre": "news"}, [2]),
        ({"genre": ""}, [0, 1, 3]),
        ({"length": 3}, [1, 2]),
        ({"length": (1, 3)}, [1, 2, 3]),
        ({"label": "per", "surface": "London"}, []),  # both in one sentence, no mention is both
    ]
    for conditions, rows in asked:
        assert mentions.rows_with(columns, **conditions).tolist() == rows, conditions


def test_rows_that_cannot_be_asked_for():
    with pytest.raises(ValueError, match="Received: 'per'"):
        mentions.rows_with(columns_of(ADA), tag="per")
    with pytest.raises(ValueError, match="no surface"):
        mentions.rows_with(columns_of(ADA), unlabelled=True)
    with pytest.raises(ValueError, match="Received: 'all'"):
        mentions.rows_with(columns_of(ADA), part="all")


# --- a million words ----------------------------------------------------------------------------

QUESTIONS = {
    "mentions": mentions.mentions_by_label,
    "ambiguity": mentions.ambiguous_surfaces,
    "consistency": mentions.inconsistent_surfaces,
    "repeats": mentions.repeated_sentences,
    "leakage": mentions.leakage,
    "unseen": mentions.unseen_share,
    "coverage": mentions.vocabulary_coverage,
    "neighbours": lambda columns: mentions.neighbours(columns, "per"),
    "rows beside": lambda columns: mentions.rows_beside(columns, "per", "<s>"),
    "genres": mentions.genre_breakdown,
    "rows by tag": lambda columns: mentions.rows_with(columns, tag="O", length=(10, 20)),
    "rows unlabelled": lambda columns: mentions.rows_with(columns, surface="later", unlabelled=True),
}


@pytest.fixture(scope="module")
def gmb_columns(gmb):
    return as_columns(gmb[0])


@pytest.mark.parametrize("name", QUESTIONS)
def test_gmb_is_answered_within_a_second(gmb_columns, name):
    start = time.process_time()
    QUESTIONS[name](gmb_columns)
    assert time.process_time() - start < 1  # 0.2 s at most when nothing else runs


def test_the_known_figures_of_gmb(gmb, gmb_columns):
    corpus, columns = gmb[0], gmb_columns
    repeats = mentions.repeated_sentences(columns)
    assert sum(one.is_conflicting for one in repeats) == 35
    for part, leaked in leak(corpus).items():
        assert mentions.leakage(columns)[part].n_leaked == len(leaked) > 0
    [later] = [one for one in mentions.inconsistent_surfaces(columns) if one.surface == "later"]
    assert (later.label, later.n_labelled, later.n_unlabelled) == ("tim", 166, 254)
    texts = [columns.sentences[row].words for row in mentions.rows_with(columns, surface="later", unlabelled=True)]
    assert 0 < len(texts) <= 254 and all("later" in words for words in texts)
    tags = tag_counts(corpus.sentences)
    assert columns.is_outside().sum() == tags["O"]
    for tag in tags:
        assert 0 < len(mentions.rows_with(columns, tag=tag)) <= tags[tag]
