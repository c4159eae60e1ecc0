"""A linear-chain conditional random field: the probability of a whole row of tags.

Chapter of part II. It answers: *how does a network learn that `I-per` follows `B-per` and not `O`?*
Instead of one decision a token, it scores a whole row of tags y for scores s (T,K) and
transitions A (K,K):

    score(y) = start[y_1] + s_1[y_1] + A[y_1,y_2] + s_2[y_2] + ... + s_T[y_T] + end[y_T]
    log P(y) = score(y) - log Z,   Z = sum of exp(score) over all K^T rows of tags

Source: Lafferty, McCallum and Pereira (2001), "Conditional Random Fields"; over an LSTM as in
Lample et al. (2016), "Neural Architectures for Named Entity Recognition", section 2.2.

Differs from it:

- **Padding is a tag.** One more tag, the *boundary*, stands before and behind every sentence and
  on every padded cell, and nowhere else. `start` is then the boundary's row of the transitions
  and `end` its column, so that padding on either side, or none, needs no special case.
- **Both messages in one loop.** The backward message is the forward message of the sentence read
  from its end (with the transitions transposed), so that one loop carries both. Messages are
  scaled probabilities in float64; no logarithm is taken inside the loop.
- **The gradient is written down**, not derived by TensorFlow: d log Z / d s_t[k] is the marginal
  probability of tag k at t, and d log Z / d A[i,j] the expected number of moves from i to j.

Shapes: B sentences, T tokens, K tags; K+1 counts the boundary, T+2 both its columns.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

FORBIDDEN = -1e4  # a score that no path survives: exp(-1e4) is exactly 0
TINY = 1e-300  # keeps a message that died out (scores 700 apart) from becoming NaN


def log_likelihood(scores, tag_ids, mask, transitions, start, end, allowed=None):
    """Log-probability (B,) of the gold `tag_ids` (B,T), given `scores` (B,T,K).

    `mask` (B,T) is True on the tokens of the chain. `allowed` is a pair of boolean arrays, moves (K,K)
    and first tags (K,): paths that use any other have probability 0. What stands on padding is not read.
    """
    cells, moves = add_boundaries(scores, mask, transitions, start, end, allowed)  # (B,T+2,K+1), (K+1,K+1)
    return tf.cast(_path_score(cells, moves, tag_ids, mask) - _log_partition(cells, moves), scores.dtype)  # (B,)


def log_partition(scores, mask, transitions, start, end, allowed=None):
    """Log Z (B,) in float64: the log of the summed weight of all rows of tags."""
    return _log_partition(*add_boundaries(scores, mask, transitions, start, end, allowed))  # (B,)


def marginals(scores, mask, transitions, start, end, allowed=None):
    """Probability (B,T,K) of each tag at each token, over all rows of tags; 0 on padding."""
    cells, moves = add_boundaries(scores, mask, transitions, start, end, allowed)
    return _meet(*_messages(cells, moves)[:2], tf.exp(moves))[0][:, 1:-1, :-1]  # (B,T,K)


def add_boundaries(scores, mask, transitions, start, end, allowed=None):
    """Return cells (B,T+2,K+1) and moves (K+1,K+1) in float64, where the boundary is the last tag."""
    scores, transitions, start, end = (tf.cast(array, tf.float64) for array in (scores, transitions, start, end))
    if allowed is not None:
        transitions += FORBIDDEN * ~np.asarray(allowed[0], bool)  # (K,K)
        start += FORBIDDEN * ~np.asarray(allowed[1], bool)  # (K,)
    moves = tf.pad(transitions, [[0, 1], [0, 1]])  # (K+1,K+1): boundary to boundary costs nothing
    moves += tf.pad(start[None, :], [[tf.shape(start)[0], 0], [0, 1]]) + tf.pad(
        end[:, None], [[0, 1], [tf.shape(end)[0], 0]]
    )
    is_token = tf.pad(tf.cast(mask, tf.bool), [[0, 0], [1, 1]])[:, :, None]  # (B,T+2,1)
    tokens = tf.pad(scores, [[0, 0], [1, 1], [0, 0]])  # (B,T+2,K)
    tokens = tf.where(is_token, tokens, FORBIDDEN)
    boundary = tf.where(is_token, tf.constant(FORBIDDEN, tf.float64), 0)  # (B,T+2,1)
    return tf.concat([tokens, boundary], axis=-1), moves


def _path_score(cells, moves, tag_ids, mask):
    """Score (B,) of the gold path: its cells and its moves, picked out by one-hot products."""
    boundary = tf.shape(moves)[0] - 1
    tag_ids = tf.where(tf.cast(mask, tf.bool), tf.cast(tag_ids, tf.int32), boundary)  # (B,T)
    tag_ids = tf.pad(tag_ids, [[0, 0], [1, 1]], constant_values=boundary)  # (B,T+2)
    path = tf.one_hot(tag_ids, boundary + 1, dtype=tf.float64)  # (B,T+2,K+1)
    moved = tf.matmul(path[:, :-1], moves) * path[:, 1:]  # (B,T+1,K+1)
    return tf.reduce_sum(path * cells, [1, 2]) + tf.reduce_sum(moved, [1, 2])  # (B,)


@tf.custom_gradient
def _log_partition(cells, moves):
    """Log Z (B,); its gradient is what the messages say where they meet."""
    forward, backward, log_z = _messages(cells, moves)

    def gradient(upstream):  # (B,)
        weights = tf.exp(moves)
        marginal, reached = _meet(forward, backward, weights)
        share = upstream[:, None, None] * forward[:, :-1] / reached  # (B,T+1,K+1)
        expected_moves = weights * tf.einsum("bti,btj->ij", share, backward[:, 1:])  # (K+1,K+1)
        return upstream[:, None, None] * marginal, expected_moves

    return log_z, gradient


def _messages(cells, moves):
    """Forward and backward messages (B,T+2,K+1), both with the cell's own score, and log Z (B,).

    forward[t,k] is, up to a factor, the weight of all paths from the first column to tag k at t;
    backward[t,k] that of all paths from tag k at t to the last column.
    """
    highest = tf.reduce_max(cells, axis=-1, keepdims=True)  # (B,T+2,1)
    cells_by_time = tf.transpose(tf.exp(cells - highest), [1, 0, 2])  # (T+2,B,K+1)
    both_ways = tf.stack([cells_by_time, tf.reverse(cells_by_time, [0])], axis=1)  # (T+2,2,B,K+1)
    weights = tf.stack([tf.exp(moves), tf.exp(tf.transpose(moves))])  # (2,K+1,K+1)

    def step(message, cell):  # (2,B,K+1)
        return tf.matmul(message / _total(message), weights) * cell

    later = tf.scan(step, both_ways[1:], initializer=both_ways[0])  # (T+1,2,B,K+1)
    messages = tf.concat([both_ways[:1], later], axis=0)
    log_z = tf.reduce_sum(tf.math.log(_total(messages[:, 0])), axis=[0, 2]) + tf.reduce_sum(highest, axis=[1, 2])
    messages = tf.transpose(messages / _total(messages), [1, 2, 0, 3])  # (2,B,T+2,K+1)
    return messages[0], tf.reverse(messages[1], [1]), log_z


def _meet(forward, backward, weights):
    """Marginals (B,T+2,K+1), and the weight (B,T+1,1) with which the messages meet between t and t+1."""
    behind = tf.matmul(backward[:, 1:], weights, transpose_b=True)  # (B,T+1,K+1): of all that follows tag k
    met = forward[:, :-1] * behind
    reached = _total(met)
    return tf.concat([met / reached, forward[:, -1:]], axis=1), reached


def _total(message):
    return tf.maximum(tf.reduce_sum(message, axis=-1, keepdims=True), TINY)


class CRF(keras.layers.Layer):
    """The last layer: passes scores (B,T,K) on and holds how tags follow each other.

    Its weights `transitions` (K,K), `start` (K,) and `end` (K,) belong to the layer, so that they are
    trained, saved and loaded with the network. They begin at 0: nothing known of any order.
    """

    def __init__(self, n_tags: int, allowed=None, **options):
        super().__init__(**options)
        self.n_tags = n_tags
        self.allowed = None if allowed is None else tuple(np.asarray(array, bool) for array in allowed)

    def build(self, scores_shape):
        self.transitions = self.add_weight(shape=(self.n_tags, self.n_tags), initializer="zeros", name="transitions")
        self.start = self.add_weight(shape=(self.n_tags,), initializer="zeros", name="start")
        self.end = self.add_weight(shape=(self.n_tags,), initializer="zeros", name="end")

    def call(self, scores):
        return scores

    def log_likelihood(self, scores, tag_ids, mask):
        """Log-probability (B,) of the gold tags under this layer's transitions."""
        return log_likelihood(scores, tag_ids, mask, self.transitions, self.start, self.end, self.allowed)

    def get_config(self):
        allowed = None if self.allowed is None else [array.tolist() for array in self.allowed]
        return {**super().get_config(), "n_tags": self.n_tags, "allowed": allowed}
