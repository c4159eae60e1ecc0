"""Adam's steps: Keras' where everything has a gradient, none where there is none."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ner_core.tagger.lookup import Embedding
from ner_core.training.adam import LazyAdam


def _weights(seed):
    random = np.random.default_rng(seed)
    return [keras.Variable(random.normal(size=shape).astype(np.float32)) for shape in ((7, 3), (3, 2), (2,))]


def _gradients(seed):
    random = np.random.default_rng(seed)
    return [random.normal(size=shape).astype(np.float32) * 5 for shape in ((7, 3), (3, 2), (2,))]


@pytest.mark.parametrize("clip_norm", [0.0, 2.0, 1e6])
@pytest.mark.parametrize("is_indexed", [False, True])
def test_it_takes_keras_steps_where_every_row_has_a_gradient(clip_norm, is_indexed):
    ours, theirs = _weights(1), _weights(1)
    adam = LazyAdam(ours, clip_norm)
    keras_adam = keras.optimizers.Adam(0.01, global_clipnorm=clip_norm or None)
    for step in range(5):
        gradients = [tf.constant(gradient) for gradient in _gradients(step)]
        keras_adam.apply(gradients, theirs)
        if is_indexed:
            gradients[0] = tf.IndexedSlices(gradients[0], tf.range(7))
        adam.apply(gradients, tf.constant(0.01))
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our.numpy(), their.numpy(), atol=1e-6)


def test_rows_without_a_gradient_stay_where_they_are():
    weights = _weights(1)
    before = weights[0].numpy()
    adam = LazyAdam(weights)
    for rows in ([1, 4], [1, 2]):
        slices = tf.IndexedSlices(tf.ones([2, 3]), tf.constant(rows))
        adam.apply([slices, tf.ones([3, 2]), tf.ones([2])], tf.constant(0.1))
    moved = (weights[0].numpy() != before).all(axis=1)
    assert moved.tolist() == [False, True, True, False, True, False, False]
    assert not adam.means[0].numpy()[[0, 3, 5, 6]].any()


def test_a_row_read_twice_gets_the_sum_of_both_gradients():
    twice, once = _weights(1), _weights(1)
    halves = tf.IndexedSlices(tf.constant([[1.0, 0, 2], [3, 4, -5]]), tf.constant([2, 2]))
    whole = tf.IndexedSlices(tf.constant([[4.0, 4, -3]]), tf.constant([2]))
    for weights, slices in ((twice, halves), (once, whole)):
        LazyAdam(weights, 1.0).apply([slices, tf.ones([3, 2]), tf.ones([2])], tf.constant(0.1))
    np.testing.assert_array_equal(twice[0].numpy(), once[0].numpy())


def test_its_variables_are_all_that_the_next_step_depends_on():
    ours, copy = _weights(1), _weights(1)
    first, second = LazyAdam(ours, 2.0), LazyAdam(copy, 2.0)
    first.apply([tf.constant(gradient) for gradient in _gradients(1)], tf.constant(0.1))
    for source, target in ((ours, copy), (first.variables, second.variables)):
        for one, other in zip(source, target, strict=True):
            other.assign(one.numpy())
    for adam in (first, second):
        adam.apply([tf.constant(gradient) for gradient in _gradients(2)], tf.constant(0.1))
    for one, other in zip(ours, copy, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_the_lookup_is_keras_own_with_a_gradient_of_single_rows():
    ids = tf.constant([[3, 0], [3, 6]])
    ours, theirs = Embedding(7, 4, name="ours"), keras.layers.Embedding(7, 4, name="theirs")
    ours.build(), theirs.build()
    ours.embeddings.assign(theirs.embeddings)
    np.testing.assert_array_equal(ours(ids), theirs(ids))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(ours(ids) ** 2)
    assert isinstance(tape.gradient(total, ours.embeddings.value), tf.IndexedSlices)
