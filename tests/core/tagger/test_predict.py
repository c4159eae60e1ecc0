"""Prediction: offsets over any text, nothing lost, notes where a tutorial would fail."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner_core.records import Corpus, Sentence, Span
from ner_core.tagger.networks import weight_shapes
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import RECIPES, new_tagger, recipe, resize, settings_of

ADA = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
CORPUS = Corpus("ada", (ADA,), (ADA,), (ADA,), ("geo", "per"))


def random_tagger(name="bilstm-crf", published=False, **changes):
    """A tagger that was never trained, with weights of one fixed random seed."""
    base = recipe(name, published)
    widths = {width: 8 for width in settings_of(base) if width.endswith("_width")}
    tagger = new_tagger(CORPUS, resize(base, **widths, **changes))
    random = np.random.default_rng(7)
    tagger.weights = {
        key: random.normal(size=shape).astype(np.float32) for key, shape in weight_shapes(tagger.network).items()
    }
    return tagger


@pytest.mark.parametrize("name, published", RECIPES)
@pytest.mark.parametrize(
    "text",
    ["", " \n\t ", "Ada", "Ada  Lovelace\tlives\nin London. Bob, too! 😀 Zürich?", "\u00a0x\u200b", "A." * 400],
)
def test_any_text_is_answered_with_offsets_into_itself(name, published, text):
    [found] = predict(random_tagger(name, published), [text])
    assert len(found.tokens) == len(found.tags) and len(found.spans) == len(found.confidences)
    assert all(text[token.start : token.end] == token.text for token in found.tokens)
    assert all(0 <= p <= 1 + 1e-9 for p in found.confidences)
    for entity in found.entities:
        assert text[entity["start"] : entity["end"]] == entity["text"] != ""


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80))
def test_no_character_but_white_space_is_lost(text):
    [found] = predict(random_tagger(), [text])
    covered = "".join(token.text for token in found.tokens)
    kept = "".join(text[token.start : token.end] for token in found.tokens)
    assert kept == covered
    left = list(text)
    for token in found.tokens:
        left[token.start : token.end] = " " * len(token.text)
    assert not "".join(left).strip()


def test_sentences_keep_their_words_and_their_gold():
    [found] = predict(random_tagger(), [ADA])
    assert found.words == ADA.words and found.gold == ADA.spans


def test_the_order_of_texts_is_kept_and_company_changes_little():
    tagger = random_tagger()
    texts = ["Ada lives.", "In London Ada lives, and lives, and lives.", "x"]
    together, alone = predict(tagger, texts), [predict(tagger, [text])[0] for text in texts]
    assert [p.text for p in together] == texts
    for a, b in zip(together, alone, strict=True):
        assert a.tags == b.tags and a.confidences == pytest.approx(b.confidences, abs=1e-4)


@pytest.mark.parametrize("name", ["bilstm-crf", "fast"])
def test_a_long_text_keeps_every_word_and_costs_in_proportion(name):
    """16 times the words without one full stop: some 16 times the seconds (256 times if each word looked at all others)."""
    tagger, seconds = random_tagger(name), []
    for n in (1_000, 16_000):
        text = " ".join(f"Ada{i % 97} lives" for i in range(n // 2))
        taken = []
        for _ in range(2):
            started = time.process_time()
            [found] = predict(tagger, [text])
            taken.append(time.process_time() - started)
        assert len(found.tokens) == len(found.tags) == n and found.words[-1] == "lives"
        seconds.append(min(taken))
    assert seconds[1] < 64 * seconds[0], seconds


def test_published_recipes_say_what_the_tutorial_would_do():
    [found] = predict(random_tagger("gmb-bilstm-softmax", True), ["Ada met Zorblax."])
    assert "KeyError" in found.notes[0] and "met, Zorblax" in found.notes[0]
    [found] = predict(random_tagger("tensorflow-bilstm", True), ["Ada met Zorblax."])
    assert "drops these words" in found.notes[0]
    [found] = predict(random_tagger("gmb-bilstm-softmax", True, max_length=5), ["Ada " * 12])
    assert "keeps only the last 5 words of a sentence; this one has 12." in found.notes[-1] and len(found.tags) == 12
    long = "Ada ran " * 3 + ".", "Ada ran.", "Ada ran " * 4 + "."
    [found] = predict(random_tagger("gmb-bilstm-softmax", True, max_length=5), [" The ".join(long)])
    assert "2 here are longer, up to " in found.notes[-1]
    [found] = predict(random_tagger("gmb-bilstm-softmax", True), ["a b c d e f g h"])
    assert "(a, b, c, d, e and 3 more)" in found.notes[0]
    assert predict(random_tagger(), ["Ada met Zorblax."])[0].notes == ()


def test_unknown_words_are_named():
    [found] = predict(random_tagger(), ["Ada met London"])
    assert found.unknown == (1,)


def test_wrong_use_is_told():
    with pytest.raises(ValueError, match="no weights yet"):
        predict(new_tagger(CORPUS, recipe("bilstm-crf")), ["x"])
    with pytest.raises(TypeError, match="list of texts"):
        predict(random_tagger(), "one text")
    with pytest.raises(TypeError, match="Received: int"):
        predict(random_tagger(), [3])


def test_several_threads_answer_as_one_does():
    tagger = random_tagger()
    texts = [f"Ada Lovelace met {n} people in London on Monday, and {'again ' * (n % 40)}in Rome." for n in range(400)]
    assert predict(tagger, texts, threads=3) == predict(tagger, texts)


def test_a_long_text_needs_bounded_memory():
    """Batches hold a fixed number of cells: twice the text costs its own words, not twice the arrays."""
    tagger, peaks = random_tagger(), []
    for n in (2_000, 4_000):
        text = "Ada Lovelace met ten people in London. " * n
        tracemalloc.start()
        try:
            predict(tagger, [text])
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 60e6 and peaks[1] < 2.2 * peaks[0]
