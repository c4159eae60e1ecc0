"""Statistics: right on a corpus small enough to count by hand, and equal to the known figures of GMB."""

import time

from ner_core.data.corpus import load_corpus
from ner_core.data.statistics import (
    corpus_counts,
    length_cut,
    length_histogram,
    length_summary,
    measure_lengths,
    search_sentences,
    tag_counts,
)
from ner_core.data.tags import spans_to_tags
from ner_core.records import Corpus, Note, Sentence, Span

ADA = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
FOG = Sentence(("London", "fog", "!"), (Span(0, 1, "geo"),))
YES = Sentence(("Yes", "."))
SENTENCES = (ADA, FOG, YES)


def test_counts_of_a_small_corpus():
    corpus = Corpus("small", (ADA,), (FOG,), (YES,), ("geo", "per"), notes=(Note("x"),))
    counts = corpus_counts(corpus)
    assert (counts["sentences"], counts["tokens"], counts["words"]) == (3, 11, 9)
    assert counts["tags"] == {"O": 7, "B-geo": 2, "B-per": 1, "I-per": 1}
    assert counts["entities"] == {"geo": 2, "per": 1}
    assert counts["parts"]["dev"] == {"sentences": 1, "tokens": 3, "entities": 1}
    assert counts["notes"] == ["x: 1 time"] and counts["lengths"]["max"] == 6


def test_tags_are_counted_as_they_would_be_written():
    written = [tag for s in load_corpus().sentences for tag in spans_to_tags(s.spans, len(s))]
    counts = tag_counts(load_corpus().sentences)
    assert counts == {tag: written.count(tag) for tag in set(written)}
    assert "O" not in tag_counts(SENTENCES, with_o=False)


def test_an_empty_corpus_has_zeros():
    counts = corpus_counts(Corpus("none", (), (), (), ()))
    assert counts["tags"] == {"O": 0} and counts["lengths"]["mean"] == 0
    assert length_cut((), 5).all_o_accuracy == 0 and length_histogram(()) == {}


def test_search():
    assert search_sentences(SENTENCES) == [0, 1, 2]
    assert search_sentences(SENTENCES, " LONDON ") == [0, 1]
    assert search_sentences(SENTENCES, "london", "per") == [0]
    assert search_sentences(SENTENCES, label="geo") == [0, 1]
    assert search_sentences(SENTENCES, "in  london .") == [0]
    assert search_sentences(SENTENCES, ".*") == []


def test_lengths_of_a_small_corpus():
    assert length_histogram(SENTENCES) == {2: 1, 3: 1, 6: 1}
    assert length_histogram(measure_lengths(SENTENCES)) == {2: 1, 3: 1, 6: 1}
    assert length_summary(SENTENCES)["median"] == 3
    cut = length_cut(SENTENCES, 1)
    assert (cut.n_cut_tokens, cut.n_cut_sentences, cut.n_cut_entities, cut.padding_share) == (8, 3, 2, 0)
    assert cut.all_o_accuracy == 1 / 3
    whole = length_cut(SENTENCES, 0)
    assert (whole.max_length, whole.n_cells, whole.padding_share) == (6, 18, 7 / 18)
    assert length_cut(SENTENCES, None).all_o_accuracy == 7 / 11


def test_the_known_figures_of_gmb(gmb):
    corpus = gmb[0]
    start = time.process_time()
    counts = corpus_counts(corpus)
    assert time.process_time() - start < 2  # 0.2 s when nothing else runs
    entities = {
        "geo": 37_644,
        "gpe": 15_870,
        "per": 16_990,
        "org": 20_143,
        "tim": 20_333,
        "art": 402,
        "eve": 308,
        "nat": 201,
    }
    assert counts["entities"] == entities and sum(entities.values()) == 111_891
    assert (counts["words"], len(counts["tags"])) == (35_178, 17)
    lengths = counts["lengths"]
    assert round(lengths["mean"], 1) == 21.9
    assert (lengths["median"], lengths["p95"], lengths["p99"], lengths["max"]) == (21, 35, 43, 104)
    measured = measure_lengths(corpus.sentences)
    table = [(None, 0, 0, 0.8468), (50, 709, 0.563, 0.9330), (0, 0, 0.790, 0.9678), (140, 0, 0.844, 0.9761)]
    for max_length, n_cut, padding, accuracy in table:
        cut = length_cut(measured, max_length)
        assert (cut.n_cut_tokens, round(cut.padding_share, 3), round(cut.all_o_accuracy, 4)) == (
            n_cut,
            padding,
            accuracy,
        )
    assert (length_cut(measured, 50).n_cut_sentences, length_cut(measured, 50).n_cut_entities) == (98, 46)
