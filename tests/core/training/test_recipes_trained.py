"""Every recipe, really trained: NumPy computes what Keras computes, and what cannot run really cannot."""

from dataclasses import replace

import numpy as np
import pytest

from ner_core.records import GMB_LABELS, Corpus, Sentence, Span
from ner_core.tagger import forward
from ner_core.tagger.encode import encode
from ner_core.tagger.networks import batch_inputs, build_network
from ner_core.tagger.recipes import RECIPES, new_tagger, recipe, resize, settings_of
from ner_core.training.train import train

NAMES = ("Ada", "Bob", "Cem", "Dao", "Eve")
PLACES = ("London", "Paris", "Quito", "Rome")


def sentence(random: np.random.Generator, n: int) -> Sentence:
    """A sentence of n words with a name first and, where there is room, a place last."""
    words = [str(random.choice(NAMES)), *(f"w{random.integers(30)}" for _ in range(n - 2))][:n]
    spans = [Span(0, 1, "per")]
    if n > 1:
        words.append(str(random.choice(PLACES)))
        spans.append(Span(n - 1, n, "geo"))
    return Sentence(tuple(words), tuple(spans))


@pytest.fixture(scope="module")
def corpus():
    random = np.random.default_rng(3)
    parts = [tuple(sentence(random, 1 + i % 12) for i in range(n)) for n in (60, 12, 12)]
    # 17 tags: with few, a relu network soon scores none above zero, and its loss is no number
    return Corpus("drill", *parts, labels=GMB_LABELS)


@pytest.mark.parametrize("name, published", RECIPES)
def test_numpy_computes_what_keras_computes(corpus, name, published):
    base = recipe(name, published)
    widths = {width: 9 for width in settings_of(base) if width.endswith("_width")}
    settings = {**widths, "epochs": 2, "learning_rate": 0.002}
    chosen = resize(base, **settings, **({"max_length": 14} if published else {}))
    tagger = new_tagger(corpus, chosen)
    for _ in train(tagger, corpus, replace(chosen.training, keeps_best=False)):
        pass
    biases = [array for key, array in tagger.weights.items() if key.endswith(".bias")]
    assert biases and all(np.abs(bias).max() > 0 for bias in biases)

    allowed = forward.allowed_transitions(tagger.encoder.tags) if tagger.network.forbids_illegal else None
    network = build_network(tagger.network, 1, allowed)
    network.load_weights_dict(tagger.weights)
    sentences = [sentence(np.random.default_rng(n), n) for n in range(1, 15)] + [Sentence(("never", "seen", "London"))]
    encoded = encode(tagger.encoder, sentences)
    for side in ("post", "pre"):
        batches = [encoded.batch(range(len(sentences))), *(encoded.batch([i]) for i in range(len(sentences)))]
        if side == "pre":
            batches = [turn(batch) for batch in batches if not tagger.network.is_masked]
        for batch in batches:
            theirs = np.asarray(network(batch_inputs(batch), training=False))
            ours = forward.tag_scores(tagger.network, tagger.weights, batch)
            cells = batch.mask if tagger.network.is_masked else np.ones_like(batch.mask)
            difference = np.abs(ours - theirs)[cells]
            assert (difference <= 1e-5 * np.maximum(1, np.abs(theirs[cells]))).all(), difference.max()


def turn(batch):
    """The same rows with their padding on the other side."""
    return replace(batch, word_ids=batch.word_ids[:, ::-1].copy(), mask=batch.mask[:, ::-1].copy())


def test_keras_contrib_is_not_there():
    with pytest.raises(ModuleNotFoundError) as told:
        import tensorflow.keras_contrib  # noqa: F401
    assert recipe("keras-bilstm-crf", published=True).cannot_run.error.endswith(str(told.value))


def test_a_bilstm_without_return_sequences_cannot_be_trained_on_tags():
    import keras

    layers = [
        keras.layers.Embedding(20, 64),
        keras.layers.Bidirectional(keras.layers.LSTM(64)),
        keras.layers.Dense(5, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
    ids = np.ones((4, 7), np.int32)
    assert model(ids).shape == (4, 5)
    with pytest.raises(ValueError) as told:
        model.fit(ids, ids, verbose=0)
    stated = recipe("tensorflow-bilstm", published=True).cannot_run.error.removeprefix("ValueError: ")
    assert stated in str(told.value)
