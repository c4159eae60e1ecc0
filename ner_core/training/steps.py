"""What happens in one step of the training, and what is counted while it does?

Chapter of part IV. A step is one batch: the network scores it, the loss says how far off the scores are, the gradient which
way every weight has to go, and the optimizer goes there. TensorFlow traces these lines once and keeps them as a graph; the
number of sentences and their length stay open in it, so that no batch is traced again.

Loss and accuracy are means over the cells that count: real tokens, or all the padding too where a tutorial has no mask.

Source: `tf.function` and `tf.GradientTape` of TensorFlow, as Keras' guide to writing a training loop from scratch uses them.
Differs from it: every member of a committee has a step of its own, and the gradient's length is returned, to be watched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from ner_core.records import Batch, Tagger, TrainConfig
from ner_core.tagger.networks import Network, batch_inputs
from ner_core.training.adam import KerasAdam, LazyAdam

# --- the compiled step ------------------------------------------------------------------


def tensors(batch: Batch) -> dict[str, tf.Tensor]:
    """Return a batch's arrays, under the names the network reads, as TensorFlow's."""
    return {name: tf.constant(array) for name, array in batch_inputs(batch).items()}


def new_optimizer(config: TrainConfig, weights: Sequence[keras.Variable]) -> KerasAdam | LazyAdam:
    """Build what takes the steps: the tutorials' Adam, or the lazy one."""
    if config.optimizer not in ("adam", "lazy_adam"):
        raise ValueError(f"An optimizer is adam or lazy_adam. Received: {config.optimizer!r}.")
    return (LazyAdam if config.optimizer == "lazy_adam" else KerasAdam)(weights, config.clip_norm)


def compile_step(network: Network, optimizer: KerasAdam | LazyAdam, config: TrainConfig) -> Callable:
    """Return the training step of one member, traced once for every length: loss (), scores (B,T,K), gradient's length ()."""
    inputs_of = network.input_signature()
    tags_of, rate_of = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([], tf.float32)

    @tf.function(input_signature=[inputs_of, tags_of, rate_of], autograph=False)
    def take_step(inputs, tag_ids, rate):
        with tf.GradientTape() as tape:
            scores = network(inputs, training=True)  # (B,T,K)
            loss = network.loss(scores, tag_ids, _counts(network, inputs), config.loss)  # ()
        length = optimizer.apply(tape.gradient(loss, network.trainable_variables), rate)
        return loss, scores, length

    return take_step


def compile_loss(network: Network, config: TrainConfig) -> Callable:
    """Return the loss () of a batch and its scores (B,T,K), as the whole network has them without dropout."""

    @tf.function(input_signature=[network.input_signature(), tf.TensorSpec([None, None], tf.int32)], autograph=False)
    def measure(inputs, tag_ids):
        scores = network(inputs, training=False)  # (B,T,K)
        return network.loss(scores, tag_ids, _counts(network, inputs), config.loss), scores

    return measure


def _counts(network: Network, inputs: dict) -> tf.Tensor:
    """What the loss is averaged over, (B,T)."""
    return inputs["mask"] if network.config.is_masked else tf.ones_like(inputs["mask"])


# --- what is counted --------------------------------------------------------------------


def counted_cells(tagger: Tagger, batch: Batch) -> np.ndarray:
    """Return which cells count, (B,T): real tokens, or every cell where the recipe has no mask."""
    return batch.mask if tagger.network.is_masked else np.ones_like(batch.mask)


@dataclass
class Totals:
    """Running means over the cells that count: loss (nats a cell) and accuracy."""

    loss_sum: float = 0.0
    n_lost: int = 0
    n_right: int = 0
    n_cells: int = 0

    def add_loss(self, loss: float, n_cells: int) -> None:
        self.loss_sum += loss * n_cells
        self.n_lost += n_cells

    def add_cells(self, tag_ids: np.ndarray, gold_ids: np.ndarray, counted: np.ndarray) -> None:
        self.n_right += int(((tag_ids == gold_ids) & counted).sum())
        self.n_cells += int(counted.sum())

    @property
    def loss(self) -> float:
        return self.loss_sum / self.n_lost if self.n_lost else math.nan

    @property
    def accuracy(self) -> float:
        return self.n_right / self.n_cells if self.n_cells else math.nan
