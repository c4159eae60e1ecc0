"""What a score is worth: judged by fingerprints, and by the sentences where they are at hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ner_core.data.corpus import fingerprints, load_corpus
from ner_core.records import Corpus, Sentence
from ner_core.scores.honesty import honesty, judge


def corpus_of(*parts: str, name: str = "Notes") -> Corpus:
    """A corpus with one-word sentences; "a b" is a part of two."""
    train, dev, test = (tuple(Sentence((word,)) for word in part.split()) for part in parts)
    return Corpus(name, train, dev, test, ())


NOTES = corpus_of("a b", "c", "d e")
CARD = {"corpus": "Notes", "fingerprints": fingerprints(NOTES)}


@pytest.mark.parametrize(
    ("part", "is_fair", "said"),
    [
        ("train", False, "learned from these very sentences"),
        ("dev", True, "best epoch was chosen on these"),
        ("test", True, "never seen these sentences"),
        ("all", False, "These include the sentences"),
    ],
)
def test_each_part_of_the_corpus_it_was_trained_on(part, is_fair, said):
    found = judge(CARD, NOTES, part)
    assert found.is_fair is is_fair
    assert said in found.sentence
    assert honesty(CARD, NOTES, part) == found.sentence


def test_the_part_is_known_by_its_sentences_not_by_its_name():
    turned = corpus_of("x", "y", "a b")
    assert "learned from these very sentences" in honesty(CARD, turned, "test")


def test_each_of_several_corpora_is_known():
    other = corpus_of("k", "l", "m", name="Other")
    card = {
        "corpus": "both",
        "fingerprints": {"train": "0"},
        "trained_on": {"N": CARD["fingerprints"], "O": fingerprints(other)},
    }
    assert "test part of N" in honesty(card, NOTES, "test")
    assert "train part of O" in honesty(card, other, "train")
    assert not judge(card, other, "all").is_fair


def test_repeats_are_counted_where_the_training_sentences_are_at_hand():
    leaky = corpus_of("a b", "", "a d")
    found = judge({"corpus": "Notes", "fingerprints": fingerprints(leaky)}, leaky, "test")
    assert "But 1 of these 2 stands word for word" in found.sentence
    assert not found.is_fair


def test_another_split_of_the_same_corpus_is_suspected():
    found = judge(CARD, corpus_of("d e", "c", "a", name="notes"), "test")
    assert not found.is_fair
    assert "another split" in found.sentence


def test_a_strange_corpus_may_hold_what_was_learned():
    found = judge(CARD, corpus_of("p", "q", "r", name="Elsewhere"), "test")
    assert not found.is_fair
    assert "may have learned from some" in found.sentence


def test_a_model_of_the_shipped_corpus_is_known_to_be_away_from_home():
    newsroom = load_corpus()
    card = {"corpus": "newsroom", "fingerprints": fingerprints(newsroom)}
    strange = Corpus("Elsewhere", (), (), tuple(Sentence(("p", str(i))) for i in range(9)), ())
    found = judge(card, strange, "test")
    assert found.is_fair
    assert "away from home" in found.sentence
    found = judge(card, replace(strange, test=(*strange.test, newsroom.train[0])), "test")
    assert not found.is_fair
    assert "But 1 of these 10 stands" in found.sentence


@pytest.mark.parametrize("card", [{}, {"fingerprints": None}, {"fingerprints": {"dev": "1"}}, {"trained_on": {"A": 3}}])
def test_a_card_that_does_not_say_gets_a_warning(card):
    found = judge(card, NOTES, "test")
    assert not found.is_fair
    assert "does not say" in found.sentence


def test_empty_parts_are_not_taken_for_each_other():
    card = {"corpus": "X", "fingerprints": fingerprints(corpus_of("z", "", ""))}
    assert "may have learned" in honesty(card, NOTES, "test")
    assert "These include" not in honesty(card, corpus_of("p", "", "q"), "all")
