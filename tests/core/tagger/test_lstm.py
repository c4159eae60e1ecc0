"""The LSTM layers against Keras' own: states, gradients, dropout."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ner_core.tagger import lstm

MASKS = {
    "none": None,
    "padding behind": [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]],
    "padding in front": [[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 0, 0, 1]],
}


def pair_of_layers(kind: str, random):
    """Our layer and Keras', with the same random weights (biases too)."""
    ours = lstm.BiLSTM(6) if kind == "bilstm" else lstm.LSTM(6, return_sequences=True)
    keras_lstm = keras.layers.LSTM(6, return_sequences=True)
    theirs = keras.layers.Bidirectional(keras_lstm) if kind == "bilstm" else keras_lstm
    for layer in (ours, theirs):
        layer.build((None, None, 4))
    weights = [random.normal(0, 0.5, variable.shape) for variable in ours.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("kind", ["lstm", "bilstm"])
def test_states_and_gradients_are_those_of_keras(kind, mask):
    random = np.random.default_rng(3)
    layers = pair_of_layers(kind, random)
    mask = None if MASKS[mask] is None else np.array(MASKS[mask], bool)
    counted = 1.0 if mask is None else tf.cast(mask, tf.float32)[:, :, None]
    sequences = tf.constant(random.normal(size=(3, 5, 4)), tf.float32)
    share = counted * random.normal(size=(3, 5, 12 if kind == "bilstm" else 6)).astype("float32")
    found = []
    for layer in layers:
        with tf.GradientTape() as tape:
            tape.watch(sequences)
            states = layer(sequences, mask=mask)  # (B,T,U)
            value = tf.reduce_sum(share * states)
        gradients = tape.gradient(value, [sequences, *layer.trainable_variables])
        found.append([states * counted, *gradients])
        if layer is layers[0]:
            np.testing.assert_array_equal(states, states * counted)  # exactly 0 on padding
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_dropout_is_that_of_keras():
    """The same seeds draw the same dropout on inputs and on the state: equal to the last digit that float32 holds."""
    random = np.random.default_rng(4)
    options = {"units": 6, "return_sequences": True, "dropout": 0.4, "recurrent_dropout": 0.3, "seed": 8}
    ours, theirs = lstm.LSTM(**options), keras.layers.LSTM(**options)
    sequences = tf.constant(random.normal(size=(3, 5, 4)), tf.float32)
    for layer in (ours, theirs):
        layer.build((None, None, 4))
    theirs.set_weights(ours.get_weights())
    found = []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch(sequences)
            states = layer(sequences, training=True)
            value = tf.reduce_sum(states**2)
        found.append([states, *tape.gradient(value, [sequences, *layer.trainable_variables])])
    for mine, keras_own in zip(*found, strict=True):
        np.testing.assert_allclose(mine, keras_own, atol=2e-6)
    assert not np.allclose(ours(sequences, training=True), ours(sequences))


def test_each_direction_drops_for_itself():
    layer = lstm.BiLSTM(6, recurrent_dropout=0.5)
    sequences = tf.ones((2, 4, 3))
    keras.utils.set_random_seed(1)
    first, second = layer(sequences, training=True), layer(sequences, training=True)
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(layer(sequences), layer(sequences))
