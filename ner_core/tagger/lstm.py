"""Keras' LSTM layers, computed faster: the same weights, the same numbers.

Chapter of part II. It answers: *how does a network read a sentence word by word, in both directions?*
An LSTM keeps a state h and a memory c (U,). At every token x three gates between 0 and 1 decide
what enters the memory (i), what stays (f) and what is shown (o):

    z = x W + h R + b = [z_i, z_f, z_g, z_o]
    c = sigmoid(z_f) * c + sigmoid(z_i) * tanh(z_g)
    h = sigmoid(z_o) * tanh(c)

Source: Hochreiter and Schmidhuber (1997); gates as in Gers et al. (2000); weights, initial values and
dropout are those of `keras.layers.LSTM` and `keras.layers.Bidirectional`, which the classes extend.

Differs from Keras:

- **x W + b for all tokens at once**, before the loop; only h R has to wait for the previous token.
- **On padding the gates i and f are shut** (their z is -1e4), so that memory and state are exactly 0
  there: a sentence begins afresh after padding in front, and padding behind changes nothing. No
  mask is needed in the loop. (A mask is one run of True; Keras' own would also bridge gaps.)
- **The gradient is written down**: one loop back through time for dz alone, then the gradients of
  the weights in one product over all tokens.

Shapes: B sentences, T tokens, D inputs, U units.
"""

from __future__ import annotations

import keras
import tensorflow as tf

SHUT = -1e4  # sigmoid(-1e4) is exactly 0


class LSTM(keras.layers.LSTM):
    """`keras.layers.LSTM(return_sequences=True)`: inputs (B,T,D) to states (B,T,U)."""

    def call(self, sequences, initial_state=None, mask=None, training=False):
        return read(self.cell, sequences, mask, training)

    def compute_mask(self, sequences, mask=None):
        """Nothing is passed on silently: who needs the mask is given it."""
        return None


class BiLSTM(keras.layers.Bidirectional):
    """`keras.layers.Bidirectional(LSTM)`: inputs (B,T,D) to the states of both directions (B,T,2U)."""

    def __init__(self, units: int, name: str | None = None, **options):
        super().__init__(keras.layers.LSTM(units, return_sequences=True, **options), name=name)

    def call(self, sequences, initial_state=None, mask=None, training=False):
        forward = read(self.forward_layer.cell, sequences, mask, training)
        backward = read(self.backward_layer.cell, sequences, mask, training, from_end=True)
        return tf.concat([forward, backward], axis=-1)  # (B,T,2U)

    def compute_mask(self, sequences, mask=None):
        return None


def read(cell, sequences, mask=None, training=False, from_end=False):
    """States (B,T,U) of a `keras.layers.LSTMCell`. `mask` (B,T) is True on tokens; None counts every column."""
    sequences = tf.transpose(sequences, [1, 0, 2])  # (T,B,D)
    inputs = _project(cell, sequences, training)  # (T,B,4U)
    if mask is not None:
        is_padding = 1.0 - tf.cast(tf.transpose(mask), inputs.dtype)[:, :, None]  # (T,B,1)
        inputs += is_padding * tf.repeat(tf.constant([SHUT, SHUT, 0.0, 0.0]), cell.units)
    recurrent = tf.convert_to_tensor(cell.recurrent_kernel)  # (U,4U)
    states = _walk(inputs, recurrent, _recurrent_dropout(cell, sequences, training), from_end)  # (T,B,U)
    return tf.transpose(states, [1, 0, 2])


def _project(cell, sequences, training):
    """x W + b (T,B,4U): z as far as it does not depend on the state."""
    kernel, bias = tf.convert_to_tensor(cell.kernel), tf.convert_to_tensor(cell.bias)
    n_columns, n_rows = tf.shape(sequences)[0], tf.shape(sequences)[1]
    keep = []
    if training and cell.dropout:
        keep = cell.get_dropout_mask(sequences[0])  # (B,D), or a list of four: one a gate
        cell.reset_dropout_mask()
        keep = [tf.tile(kept, [n_columns, 1]) for kept in (keep if isinstance(keep, list) else [keep])]
    inputs = _multiply(tf.reshape(sequences, [-1, sequences.shape[-1]]), kernel, keep) + bias  # (T*B,4U)
    return tf.reshape(inputs, [n_columns, n_rows, 4 * cell.units])


def _recurrent_dropout(cell, sequences, training):
    """What each gate keeps of the state: four (B,U), drawn once a sentence; nothing without dropout."""
    if not (training and cell.recurrent_dropout):
        return []
    keep = cell.get_recurrent_dropout_mask(tf.zeros([tf.shape(sequences)[1], cell.units]))
    cell.reset_recurrent_dropout_mask()
    return keep


def _multiply(values, kernel, keep):
    """`values` (B,D) @ `kernel` (D,4U); with dropout, each gate's columns read what `keep` leaves to that gate."""
    if not keep:
        return tf.matmul(values, kernel)
    parts = zip(keep, tf.split(kernel, len(keep), axis=-1), strict=True)
    return tf.concat([tf.matmul(values * kept, part) for kept, part in parts], axis=-1)


def _multiply_back(dz, kernel, keep):
    """Gradient (B,D) of the values that `_multiply` read."""
    if not keep:
        return tf.matmul(dz, kernel, transpose_b=True)
    parts = zip(keep, tf.split(dz, len(keep), axis=-1), tf.split(kernel, len(keep), axis=-1), strict=True)
    return tf.add_n([kept * tf.matmul(d, part, transpose_b=True) for kept, d, part in parts])


def _multiply_back_to_kernel(values, dz, keep):
    """Gradient (D,4U) of the kernel that `_multiply` read: one product over all tokens (T,B,...)."""
    columns, dz = tf.reshape(values, [-1, values.shape[-1]]), tf.reshape(dz, [-1, dz.shape[-1]])  # (T*B,...)
    if not keep:
        return tf.matmul(columns, dz, transpose_a=True)
    kept = [tf.reshape(values * kept, tf.shape(columns)) for kept in keep]
    parts = zip(kept, tf.split(dz, len(keep), axis=-1), strict=True)
    return tf.concat([tf.matmul(values, d, transpose_a=True) for values, d in parts], axis=-1)


def _walk(inputs, recurrent, keep, from_end):
    """States (T,B,U) from `inputs` (T,B,4U): the loop through time, with its gradient."""
    units = recurrent.shape[0]
    is_memory = tf.repeat(tf.constant([0.0, 0.0, 1.0, 0.0]), units)  # (4U,): z_g takes tanh, the gates sigmoid
    half = 0.5 + 0.5 * is_memory  # sigmoid(z) = tanh(z / 2) / 2 + 1/2: one tanh serves all four

    @tf.custom_gradient
    def walk(inputs, recurrent):
        halved = recurrent * half

        def step(previous, z):
            state, memory, _ = previous  # (B,U)
            gates = tf.tanh(z + _multiply(state, halved, keep)) * half + (1.0 - half)  # (B,4U)
            i, f, g, o = tf.split(gates, 4, axis=-1)
            memory = f * memory + i * g
            return o * tf.tanh(memory), memory, gates

        zeros = tf.zeros_like(inputs[0, :, :units])  # (B,U)
        start = (zeros, zeros, tf.zeros_like(inputs[0]))
        states, memories, gates = tf.scan(step, inputs * half, initializer=start, reverse=from_end)

        def gradient(upstream):  # (T,B,U)
            dz = _walk_back(upstream, recurrent, _one_before(memories, from_end), memories, gates, keep, from_end)
            return dz, _multiply_back_to_kernel(_one_before(states, from_end), dz, keep)

        return states, gradient

    return walk(inputs, recurrent)


def _one_before(values, from_end):
    """What the loop held one token before (T,B,U): 0 at its first token."""
    zero = tf.zeros_like(values[:1])
    return tf.concat([values[1:], zero] if from_end else [zero, values[:-1]], axis=0)


def _walk_back(upstream, recurrent, before, memories, gates, keep, from_end):
    """dz (T,B,4U), from the loop's last token to its first.

    With c' = tanh(c), by the chain rule: dh = upstream + dz_next R^T,  dc = f_next dc_next + dh o (1 - c'^2),
    dz = [dc g, dc c_before, dc i, dh c'] times the slope of each gate. All but dh and dc is known beforehand.
    """
    i, f, g, o = tf.split(gates, 4, axis=-1)  # (T,B,U)
    shown = tf.tanh(memories)
    slopes = tf.concat([i * (1 - i) * g, f * (1 - f) * before, (1 - g * g) * i, o * (1 - o) * shown], axis=-1)
    to_memory = o * (1 - shown * shown)  # (T,B,U)

    def step(following, now):
        dz, carried = following  # (B,4U), (B,U): of the next token
        dh, slope, to_c, stays = now
        dh += _multiply_back(dz, recurrent, keep)  # (B,U)
        dc = carried + dh * to_c
        return tf.concat([dc, dc, dc, dh], axis=-1) * slope, dc * stays

    start = (tf.zeros_like(gates[0]), tf.zeros_like(memories[0]))
    return tf.scan(step, (upstream, slopes, to_memory, f), initializer=start, reverse=not from_end)[0]
