"""How does a gradient become a step?

Chapter of part IV. Adam keeps two running means for every weight w: of its gradient g (m) and of
the gradient's square (v), and steps by their ratio, so that rare and frequent weights move alike:

    m = 0.9 m + 0.1 g        v = 0.999 v + 0.001 g^2
    w = w - rate * m / (sqrt(v) + 1e-7), both means first divided by what they lack for starting at 0

An embedding has tens of thousands of rows, of which a batch of 700 tokens reads a few hundred. Adam
lets all others drift on along their old means: most of a training step is spent on words that are not
there. `LazyAdam` touches only the rows that were read.

Source: Kingma and Ba (2015), "Adam: a method for stochastic optimization". Lazy steps: as in
TensorFlow Addons' `LazyAdam` and PyTorch's `SparseAdam`.

Differs from `keras.optimizers.Adam`: in embeddings, rows without a gradient keep their weights and
both means. Every other weight takes exactly Keras' step (tested), in one fused kernel. A step returns
the length of its gradient, before any shortening: the first thing to look at when a training goes wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

MEAN, SQUARE = 0.9, 0.999  # what the running means keep of themselves at each step
EPSILON = 1e-7


class LazyAdam:
    """Adam over Keras variables, lazy where a gradient names the rows it belongs to.

    `clip_norm`: gradients longer than this, all taken as one vector, are shortened to it; 0 = never.
    `variables` are its own: step counter, then m and v of each weight, for a snapshot of the training.
    """

    def __init__(self, weights: Sequence[keras.Variable], clip_norm: float = 0.0):
        self.weights = [weight.value for weight in weights]
        self.clip_norm = clip_norm
        self.n_steps = tf.Variable(0.0, trainable=False)
        self.means = [tf.Variable(tf.zeros_like(weight), trainable=False) for weight in self.weights]
        self.squares = [tf.Variable(tf.zeros_like(weight), trainable=False) for weight in self.weights]

    @property
    def variables(self) -> list[tf.Variable]:
        return [self.n_steps, *self.means, *self.squares]

    def apply(self, gradients: Sequence, rate) -> tf.Tensor:
        """Take one step at learning rate `rate` (); return the gradient's length ().

        A gradient is a tensor, or IndexedSlices of an embedding.
        """
        gradients = [_one_a_row(gradient) for gradient in gradients]
        length = _length(gradients)
        scale = self.clip_norm / tf.maximum(length, self.clip_norm) if self.clip_norm else 1.0
        self.n_steps.assign_add(1.0)
        powers = tf.pow(MEAN, self.n_steps), tf.pow(SQUARE, self.n_steps)
        for weight, mean, square, gradient in zip(self.weights, self.means, self.squares, gradients, strict=True):
            if isinstance(gradient, tf.IndexedSlices):
                _step_rows(weight, mean, square, gradient.indices, gradient.values * scale, rate, powers)
            else:
                _step_all(weight, mean, square, gradient * scale, rate, powers)
        return length


def _length(gradients: Sequence) -> tf.Tensor:
    """The length () of all gradients taken as one vector; a row of an embedding may stand there once only."""
    values = [gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient for gradient in gradients]
    return tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(value)) for value in values]))


def _one_a_row(gradient):
    """A word that stands twice in a batch has two gradients (R,D): add them up."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, places = tf.unique(gradient.indices)  # (distinct,), (R,)
    return tf.IndexedSlices(tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows)), rows)


def _step_rows(weight, mean, square, rows, gradient, rate, powers) -> None:
    """Read the rows' means, move them, write them back; scatter has no kernel that does all at once."""
    m = MEAN * tf.gather(mean, rows) + (1 - MEAN) * gradient  # (distinct,D)
    v = SQUARE * tf.gather(square, rows) + (1 - SQUARE) * tf.square(gradient)
    rate = rate * tf.sqrt(1 - powers[1]) / (1 - powers[0])
    mean.scatter_update(tf.IndexedSlices(m, rows))
    square.scatter_update(tf.IndexedSlices(v, rows))
    weight.scatter_sub(tf.IndexedSlices(rate * m / (tf.sqrt(v) + EPSILON), rows))


def _step_all(weight, mean, square, gradient, rate, powers) -> None:
    tf.raw_ops.ResourceApplyAdam(
        var=weight.handle,
        m=mean.handle,
        v=square.handle,
        beta1_power=powers[0],
        beta2_power=powers[1],
        lr=rate,
        beta1=MEAN,
        beta2=SQUARE,
        epsilon=EPSILON,
        grad=gradient,
    )


class KerasAdam:
    """`keras.optimizers.Adam`, as the tutorials use it, asked the same way."""

    def __init__(self, weights: Sequence[keras.Variable], clip_norm: float = 0.0):
        self.weights = weights
        self.adam = keras.optimizers.Adam(global_clipnorm=clip_norm or None)
        self.adam.build(weights)

    @property
    def variables(self) -> list[keras.Variable]:
        return self.adam.variables

    def apply(self, gradients: Sequence, rate) -> tf.Tensor:
        """Take one step at learning rate `rate` (); return the gradient's length ()."""
        self.adam.learning_rate.assign(rate)
        self.adam.apply(gradients, self.weights)
        return _length([_one_a_row(gradient) for gradient in gradients])
