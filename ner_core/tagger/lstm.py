"""Keras' LSTM layers, computed faster: the same weights, the same numbers.

Chapter II.3. It answers: *how does a network read a sentence word by word, in both directions?*
An LSTM keeps a state h and a memory c (U,). At every token x three gates between 0 and 1 decide
what enters the memory (i), what stays (f) and what is shown (o):

    z = x W + h R + b = [z_i, z_f, z_g, z_o]
    c = sigmoid(z_f) * c + sigmoid(z_i) * tanh(z_g)
    h = sigmoid(z_o) * tanh(c)

Source: Hochreiter and Schmidhuber (1997); gates as in Gers et al. (2000); weights, initial values and
dropout are those of `keras.layers.LSTM` and `keras.layers.Bidirectional`, which the classes extend.

Differs from Keras:

- **x W + b for all tokens at once**, before the loop; only h R has to wait for the previous token.
- **Both directions in one loop**, stacked.
- **On padding the gates i and f are shut** (their z is -1e4), so that memory and state are exactly 0
  there: a sentence begins afresh after padding in front, and padding behind changes nothing. No
  mask is needed in the loop. (A mask is one run of True; Keras' own would also bridge gaps.)
- **The gradient is written down**: one loop back through time for dz alone, then the gradients of
  the weights in one product over all tokens.

Shapes: B sentences, T tokens, D inputs, U units, N directions (1 or 2).
"""

from __future__ import annotations

import keras
import tensorflow as tf

SHUT = -1e4  # sigmoid(-1e4) is exactly 0


class LSTM(keras.layers.LSTM):
    """`keras.layers.LSTM(return_sequences=True)`: inputs (B,T,D) to states (B,T,U)."""

    def call(self, sequences, initial_state=None, mask=None, training=False):
        [states] = read([self.cell], sequences, mask, training)
        return states

    def compute_mask(self, sequences, mask=None):
        """Nothing is passed on silently: who needs the mask is given it."""
        return None


class BiLSTM(keras.layers.Bidirectional):
    """`keras.layers.Bidirectional(LSTM)`: inputs (B,T,D) to the states of both directions (B,T,2U)."""

    def __init__(self, units: int, name: str | None = None, **options):
        super().__init__(keras.layers.LSTM(units, return_sequences=True, **options), name=name)

    def call(self, sequences, initial_state=None, mask=None, training=False):
        cells = [self.forward_layer.cell, self.backward_layer.cell]
        return tf.concat(read(cells, sequences, mask, training), axis=-1)  # (B,T,2U)

    def compute_mask(self, sequences, mask=None):
        return None


def read(cells, sequences, mask=None, training=False):
    """States (B,T,U) of each cell, the first reading forward, the second backward.

    `cells` are `keras.layers.LSTMCell`s. `mask` (B,T) is True on tokens; None counts every column.
    """
    inputs = [_project(cell, sequences, mask, training) for cell in cells]  # N times (T,B,4U)
    inputs = tf.stack([inputs[0]] + [array[::-1] for array in inputs[1:]], axis=1)  # (T,N,B,4U)
    recurrent = tf.stack([tf.convert_to_tensor(cell.recurrent_kernel) for cell in cells])  # (N,U,4U)
    keep = _recurrent_dropout(cells, sequences, training)  # (4,N,B,U) or None
    states = _walk(inputs, recurrent) if keep is None else _walk(inputs, recurrent, keep)  # (T,N,B,U)
    states = [states[:, 0]] + [states[::-1, n] for n in range(1, len(cells))]
    return [tf.transpose(array, [1, 0, 2]) for array in states]  # N times (B,T,U)


def _project(cell, sequences, mask, training):
    """z (T,B,4U) as far as it does not depend on the state: x W + b, shut on padding."""
    sequences = tf.transpose(sequences, [1, 0, 2])  # (T,B,D)
    kernel, bias = tf.convert_to_tensor(cell.kernel), tf.convert_to_tensor(cell.bias)
    if training and cell.dropout:
        keep = cell.get_dropout_mask(sequences[0])  # (B,D), or a list of four: one a gate
        cell.reset_dropout_mask()
        inputs = _multiply(sequences, kernel, keep if isinstance(keep, list) else [keep])
    else:
        inputs = tf.matmul(sequences, kernel)  # (T,B,4U)
    inputs += bias
    if mask is None:
        return inputs
    is_padding = 1.0 - tf.cast(tf.transpose(mask), inputs.dtype)[:, :, None]  # (T,B,1)
    return inputs + is_padding * tf.repeat(tf.constant([SHUT, SHUT, 0.0, 0.0]), cell.units)


def _recurrent_dropout(cells, sequences, training):
    """What each gate keeps of each direction's state (4,N,B,U), drawn once a sentence; None without dropout."""
    if not (training and cells[0].recurrent_dropout):
        return None
    kept = []
    for cell in cells:
        kept.append(tf.stack(cell.get_recurrent_dropout_mask(tf.zeros([tf.shape(sequences)[0], cell.units]))))
        cell.reset_recurrent_dropout_mask()
    return tf.stack(kept, axis=1)


def _multiply(values, kernel, keep):
    """`values` @ `kernel` (...,4U); with dropout, each gate's columns read what `keep` leaves to that gate."""
    if keep is None:
        return tf.matmul(values, kernel)
    parts = tf.split(kernel, len(keep), axis=-1)
    return tf.concat([tf.matmul(values * kept, part) for kept, part in zip(keep, parts, strict=True)], axis=-1)


def _multiply_back(dz, kernel, keep):
    """Gradient of the values that `_multiply` read."""
    if keep is None:
        return tf.matmul(dz, kernel, transpose_b=True)
    gates = zip(keep, tf.split(dz, len(keep), axis=-1), tf.split(kernel, len(keep), axis=-1), strict=True)
    return tf.add_n([kept * tf.matmul(d, part, transpose_b=True) for kept, d, part in gates])


def _multiply_back_to_kernel(values, dz, keep):
    """Gradient (N,U,4U) of the kernel that `_multiply` read, over all tokens at once."""
    if keep is None:
        return tf.einsum("tnbu,tnbv->nuv", values, dz)
    gates = zip(keep, tf.split(dz, len(keep), axis=-1), strict=True)
    return tf.concat([tf.einsum("tnbu,tnbv->nuv", values * kept, d) for kept, d in gates], axis=-1)


@tf.custom_gradient
def _walk(inputs, recurrent, keep=None):
    """States (T,N,B,U) from `inputs` (T,N,B,4U): the loop through time."""
    units = recurrent.shape[1]
    is_memory = tf.repeat(tf.constant([0.0, 0.0, 1.0, 0.0]), units)  # (4U,): z_g takes tanh, the gates sigmoid
    half = 0.5 + 0.5 * is_memory  # sigmoid(z) = tanh(z / 2) / 2 + 1/2: one tanh serves all four

    def step(previous, z):
        state, memory, _ = previous  # (N,B,U)
        gates = tf.tanh(z + _multiply(state, halved, keep)) * half + (1.0 - half)  # (N,B,4U)
        i, f, g, o = tf.split(gates, 4, axis=-1)
        memory = f * memory + i * g
        return o * tf.tanh(memory), memory, gates

    if keep is not None:
        keep = tf.unstack(keep)
    halved = recurrent * half
    zeros = tf.zeros_like(inputs[0, ..., :units])  # (N,B,U)
    states, memories, gates = tf.scan(step, inputs * half, initializer=(zeros, zeros, tf.zeros_like(inputs[0])))

    def gradient(upstream):  # (T,N,B,U)
        before = tf.concat([zeros[None], states[:-1]], axis=0)  # (T,N,B,U)
        dz = _walk_back(upstream, recurrent, memories, gates, keep)  # (T,N,B,4U)
        d_recurrent = _multiply_back_to_kernel(before, dz, keep)  # (N,U,4U)
        return (dz, d_recurrent) if keep is None else (dz, d_recurrent, None)

    return states, gradient


def _walk_back(upstream, recurrent, memories, gates, keep):
    """dz (T,N,B,4U), from the last token to the first.

    With c' = tanh(c), by the chain rule: dh = upstream + dz_next R^T,  dc = f_next dc_next + dh o (1 - c'^2),
    dz = [dc g, dc c_before, dc i, dh c'] times the slope of each gate. All but dh and dc is known beforehand.
    """
    i, f, g, o = tf.split(gates, 4, axis=-1)  # (T,N,B,U)
    shown = tf.tanh(memories)
    before = tf.concat([tf.zeros_like(memories[:1]), memories[:-1]], axis=0)
    slopes = tf.concat([i * (1 - i) * g, f * (1 - f) * before, (1 - g * g) * i, o * (1 - o) * shown], axis=-1)
    to_memory = o * (1 - shown * shown)  # (T,N,B,U)

    def step(following, now):
        dz, carried = following  # (N,B,4U), (N,B,U): of the next token
        dh, slope, to_c, stays = now
        dh += _multiply_back(dz, recurrent, keep)  # (N,B,U)
        dc = carried + dh * to_c
        return tf.concat([dc, dc, dc, dh], axis=-1) * slope, dc * stays

    start = (tf.zeros_like(gates[0]), tf.zeros_like(memories[0]))
    return tf.scan(step, (upstream, slopes, to_memory, f), initializer=start, reverse=True)[0]
