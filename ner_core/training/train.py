"""How is a tagger trained, and what does it say while it learns?

Chapter of part IV. `train` is a generator: it yields an Event after every step and every epoch
and does nothing else. It never saves, prints or draws; whoever calls it does (the worker writes
events to a file, a notebook prints them, a test collects them). When an epoch is done,
`tagger.weights` are that epoch's, so that the caller can save them.

Source: the shape of the loop follows spaCy's training generator; batches of like length by
number of tokens follow Vaswani et al. 2017 (section 5.1). Optimizer: Adam (Kingma & Ba 2015).
Differs from them: dev is scored by entity (precision, recall, F1) after every epoch, through the
same decoding as `predict`, beside the accuracy that the tutorials print.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from ner_core.records import (
    Batch,
    Corpus,
    EpochDone,
    Event,
    FloorsMeasured,
    Prediction,
    ProbesTagged,
    Report,
    RunEnded,
    RunStarted,
    StepDone,
    Tagger,
    TrainConfig,
)
from ner_core.scores.floors import floors
from ner_core.scores.report import evaluate
from ner_core.tagger import forward
from ner_core.tagger.encode import Encoded, encode
from ner_core.tagger.networks import Network, batch_inputs, build_network
from ner_core.tagger.predict import predict, tag_rows

_ACCURACY_EVERY = 10  # steps; decoding a CRF's best path at every step would slow training


def train(
    tagger: Tagger,
    corpus: Corpus,
    config: TrainConfig,
    *,
    probes: Sequence[str] = (),
    control: Callable[[], str | None] | None = None,
) -> Iterator[Event]:
    """Train `tagger` on `corpus.train`, scoring `corpus.dev` after every epoch; yield Events.

    `control` is asked after every step and ends the run by answering "stop". The same seed on
    the same machine gives the same events, times aside. At the end `tagger.weights` are the best
    epoch's (`config.keeps_best`) or the last one's.
    Raises ValueError if the corpus has no training sentence.
    """
    if not corpus.train:
        raise ValueError(
            f"The training part of {corpus.name!r} has no sentence: give one, or another split. Received: 0 sentences."
        )
    run = _Run(tagger, corpus, config, control or (lambda: None))
    yield RunStarted(len(corpus.train), len(corpus.dev), run.n_parameters, run.n_steps(), config)
    for epoch in range(1, config.epochs + 1):
        yield from run.steps(epoch)
        if run.reason != "diverged" and run.n_steps_now:
            yield run.score_epoch(epoch)
            if probes:
                yield ProbesTagged(epoch, run.step, tuple(map(probe_as_dict, predict(tagger, probes))))
        if run.reason:
            break
    run.keep()
    yield RunEnded(
        run.reason or "finished", run.best_epoch, run.n_epochs, run.seconds(), _explain(run), peak_megabytes()
    )


@dataclass(frozen=True)
class _Dev:
    """The dev part, encoded once."""

    encoded: Encoded
    pad_to: int


class _Run:
    """What one call of `train` remembers: the network, the clock, the best epoch so far."""

    def __init__(self, tagger: Tagger, corpus: Corpus, config: TrainConfig, control: Callable[[], str | None]):
        keras.utils.set_random_seed(config.seed)
        self.tagger, self.corpus, self.config, self.control = tagger, corpus, config, control
        self.random = np.random.default_rng(config.seed)
        self.encoded = encode(tagger.encoder, corpus.train, with_tags=True)
        self.dev = _Dev(encode(tagger.encoder, corpus.dev, with_tags=True), _pad_to(tagger, corpus))
        self.allowed = forward.allowed_transitions(tagger.encoder.tags) if tagger.network.forbids_illegal else None
        self.network = build_network(tagger.network, config.seed, self.allowed)
        if tagger.is_trained:
            self.network.load_weights_dict(tagger.weights)
        last = tagger.network.layers[-1].name
        variables = self.network.variables_by_name() if tagger.network.has_crf else {}
        self.crf_variables = {name: v for name, v in variables.items() if name.startswith(f"{last}.")}
        self.n_parameters = sum(int(np.prod(v.shape)) for v in self.network.trainable_variables)
        self.step_function, self.loss_function = _compile(self.network, config)
        self.step = self.n_steps_now = self.n_epochs = self.best_epoch = 0
        self.best_value, self.best_weights, self.reason = (-math.inf, -math.inf), {}, ""
        self.started = time.monotonic()
        self.has_floors = False

    def seconds(self) -> float:
        return time.monotonic() - self.started

    def n_steps(self) -> int:
        return len(_batches(self.encoded, self.config, np.random.default_rng(0)))

    # --- steps

    def steps(self, epoch: int) -> Iterator[Event]:
        """Yield one StepDone a step until the epoch is over, time is up, or someone says stop."""
        self.totals, self.n_steps_now = _Totals(), 0
        batches = _batches(self.encoded, self.config, self.random)
        for rows in batches:
            batch = self._with_unknown_words(self.encoded.batch(rows))
            loss = self._take_step(batch, (epoch - 1) * len(batches) + self.n_steps_now, len(batches))
            self.step += 1
            self.n_steps_now += 1
            yield StepDone(self.step, epoch, loss, self.seconds(), int(batch.mask.sum()))
            if not self.has_floors:  # after the first step, so that the curve need not wait for them
                self.has_floors = True
                yield FloorsMeasured(*floors(self.corpus.train, self.corpus.dev, pad_to=self.dev.pad_to))
            self.reason = self._reason_to_stop(loss)
            if self.reason:
                return

    def _take_step(self, batch: Batch, done: int, n_steps: int) -> float:
        rate = self.config.learning_rate * self._rate_left(done / max(n_steps * self.config.epochs, 1))
        loss, scores = self.step_function(_tensors(batch), batch.tag_ids, tf.constant(rate, tf.float32))
        loss = float(loss)
        self.totals.add_loss(loss, int(_counted(self.tagger, batch).sum()))
        if self.n_steps_now % _ACCURACY_EVERY == 0:
            counted = _counted(self.tagger, batch)
            weights = {name: variable.numpy() for name, variable in self.crf_variables.items()}
            tag_ids = forward.decode_tags(self.tagger.network, weights, scores.numpy(), counted, self.allowed)
            self.totals.add_cells(tag_ids, batch.tag_ids, counted)
        return loss

    def _rate_left(self, progress: float) -> float:
        if self.config.seconds:
            progress = max(progress, self.seconds() / self.config.seconds)
        return 1 + (self.config.final_rate - 1) * min(progress, 1.0)

    def _with_unknown_words(self, batch: Batch) -> Batch:
        """Hide a share of the words behind `<unk>`, so that `<unk>` is learned too."""
        unknown = self.tagger.encoder.unknown_id
        if not self.config.word_dropout or unknown is None:
            return batch
        hidden = (self.random.random(batch.mask.shape) < self.config.word_dropout) & batch.mask  # (B,T)
        word_ids = np.where(hidden, np.int32(unknown), batch.word_ids)  # (B,T)
        return Batch(word_ids, batch.features, batch.tag_ids, batch.mask, batch.columns)

    def _reason_to_stop(self, loss: float) -> str:
        if not math.isfinite(loss):
            return "diverged"
        if self.control() == "stop":
            return "stopped"
        return "time" if self.config.seconds and self.seconds() >= self.config.seconds else ""

    # --- epochs

    def score_epoch(self, epoch: int) -> EpochDone:
        """Score dev with the present weights, and remember them if they are the best."""
        self.tagger.weights = self.network.weights_as_dict()
        dev, loss, accuracy = self._score_dev()
        monitored = {"entity_f1": dev.f1, "val_accuracy": accuracy, "val_loss": -loss, "none": float(epoch)}
        monitor = self.config.monitor if self.corpus.dev else "none"  # nothing to choose by: the last epoch is kept
        value = (monitored[monitor], -loss if math.isfinite(loss) else -math.inf)  # a tie: the lower loss
        is_best = value > self.best_value
        self.n_epochs = epoch
        if is_best:
            self.best_value, self.best_epoch, self.best_weights = value, epoch, self.tagger.weights
        elif not self.reason and self.config.patience and epoch - self.best_epoch >= self.config.patience:
            self.reason = "early"
        return EpochDone(
            epoch, self.step, self.seconds(), self.totals.loss, loss, self.totals.accuracy, accuracy, dev, is_best
        )

    def _score_dev(self) -> tuple[Report, float, float]:
        """Return the dev report, the mean dev loss, and the accuracy as the recipe's own metric counts it."""
        totals, sentences = _Totals(), self.corpus.dev
        if not sentences:
            return evaluate([]), math.nan, math.nan

        def score(batch: Batch) -> np.ndarray:
            loss, scores = self.loss_function(_tensors(batch), batch.tag_ids)
            totals.add_loss(float(loss), int(_counted(self.tagger, batch).sum()))
            return scores.numpy()

        def watch(batch: Batch, tag_ids: np.ndarray) -> None:
            totals.add_cells(tag_ids, batch.tag_ids, _counted(self.tagger, batch))

        rows = tag_rows(self.tagger, self.dev.encoded, sentences, score=score, watch=watch)
        predictions = [
            Prediction("", sentence.tokens, row.tags, row.spans, (), gold=sentence.spans, padding=row.padding)
            for sentence, row in zip(sentences, rows, strict=True)
        ]
        return evaluate(predictions, pad_to=self.dev.pad_to), totals.loss, totals.accuracy

    def keep(self) -> None:
        if self.config.keeps_best and self.best_weights:
            self.tagger.weights = self.best_weights


# --- batches -------------------------------------------------------------------------


def _batches(encoded: Encoded, config: TrainConfig, random: np.random.Generator) -> list[np.ndarray]:
    """Deal the training sentences to steps: a fixed number each, or about `batch_tokens` tokens of like length."""
    n = len(encoded)
    order = random.permutation(n) if config.shuffles else np.arange(n)
    if config.batch_size:
        return [order[i : i + config.batch_size] for i in range(0, n, config.batch_size)]
    order = order[np.argsort(encoded.lengths[order], kind="stable")]
    groups, start, lengths = [], 0, encoded.lengths[order]
    while start < n:
        stop = start + 1
        while stop < n and (stop + 1 - start) * lengths[stop] <= config.batch_tokens:
            stop += 1
        groups.append(order[start:stop])
        start = stop
    return [groups[i] for i in random.permutation(len(groups))] if config.shuffles else groups


def _counted(tagger: Tagger, batch: Batch) -> np.ndarray:
    """Return which cells count, (B,T): real tokens, or every cell where the recipe has no mask."""
    return batch.mask if tagger.network.is_masked else np.ones_like(batch.mask)


def _pad_to(tagger: Tagger, corpus: Corpus) -> int:
    """The width that the tutorials' accuracy would pad to: the recipe's own, or the longest sentence."""
    return tagger.encoder.max_length or max(map(len, corpus.sentences), default=0)


class _Totals:
    """Running means over the cells that count: loss (nats a cell) and accuracy."""

    def __init__(self) -> None:
        self.loss_sum, self.n_lost, self.n_right, self.n_cells = 0.0, 0, 0, 0

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


# --- the compiled step ------------------------------------------------------------------


def _tensors(batch: Batch) -> dict[str, tf.Tensor]:
    """Return a batch's arrays, under the names the network reads, as TensorFlow's."""
    return {name: tf.constant(array) for name, array in batch_inputs(batch).items()}


def _compile(network: Network, config: TrainConfig) -> tuple[Callable, Callable]:
    """Return the training step and the loss of a batch, traced once for every length."""

    def counted(inputs):  # (B,T): what the loss is averaged over
        return inputs["mask"] if network.config.is_masked else tf.ones_like(inputs["mask"])

    optimizer = keras.optimizers.Adam(config.learning_rate, global_clipnorm=config.clip_norm or None)
    optimizer.build(network.trainable_variables)

    inputs_of = network.input_signature()
    tags_of, rate_of = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([], tf.float32)

    @tf.function(input_signature=[inputs_of, tags_of, rate_of], autograph=False)
    def take_step(inputs, tag_ids, rate):
        with tf.GradientTape() as tape:
            scores = network(inputs, training=True)  # (B,T,K)
            loss = network.loss(scores, tag_ids, counted(inputs), config.loss)  # ()
        optimizer.learning_rate.assign(rate)
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        return loss, scores

    @tf.function(input_signature=[inputs_of, tags_of], autograph=False)
    def measure(inputs, tag_ids):
        scores = network(inputs, training=False)  # (B,T,K)
        return network.loss(scores, tag_ids, counted(inputs), config.loss), scores

    return take_step, measure


# --- words about a run --------------------------------------------------------------------


def probe_as_dict(prediction: Prediction) -> dict:
    """Return a probe's prediction as JSON-safe values."""
    return {
        "text": prediction.text,
        "words": [token.text for token in prediction.tokens],
        "starts": [token.start for token in prediction.tokens],
        "spans": [[span.start, span.end, span.label] for span in prediction.spans],
        "confidences": [round(confidence, 4) for confidence in prediction.confidences],
    }


def _explain(run: _Run) -> str:
    kept = (
        f"Epoch {run.best_epoch} is kept." if run.config.keeps_best else "The last epoch is kept, as in the tutorial."
    )
    if not run.n_epochs:
        kept = "No epoch was finished, so there is no model."
    return {
        "diverged": f"The loss is no longer a number: lower the learning rate. {kept}",
        "stopped": f"Stopped on request. {kept}",
        "time": f"The time given is over. {kept}",
        "early": f"No epoch was better for {run.config.patience} epochs. {kept}",
    }.get(run.reason, f"All epochs are done. {kept}")


def peak_megabytes() -> float:
    """Return the largest memory this process has held so far, in MB; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
