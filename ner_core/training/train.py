"""How is a tagger trained, and what does it say while it learns?

Chapter of part IV. `train` is a generator: it yields an Event after every step and every epoch
and does nothing else. It never saves, prints or draws; whoever calls it does (the worker writes
events to a file, a notebook prints them, a test collects them). When an epoch is done,
`tagger.weights` are that epoch's, so that the caller can save them.

To go on later as if nothing had happened, `keep` is handed a Snapshot before the event of each
epoch, and `train(..., start=snapshot)` begins from it. Chance enters in two places only: the
generator that shuffles sentences and hides words, and the seeds and counters of Keras' dropout,
which are variables of the network. Both are in the Snapshot, beside the optimizer's variables.

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
from dataclasses import astuple, dataclass

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
    Snapshot,
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
from ner_core.training.adam import KerasAdam, LazyAdam

_ACCURACY_EVERY = 10  # steps; decoding a CRF's best path at every step would slow training


def train(
    tagger: Tagger,
    corpus: Corpus,
    config: TrainConfig,
    *,
    probes: Sequence[str] = (),
    control: Callable[[], str | None] | None = None,
    keep: Callable[[Snapshot], None] | None = None,
    start: Snapshot | None = None,
) -> Iterator[Event]:
    """Train `tagger` on `corpus.train`, scoring `corpus.dev` after every epoch; yield Events.

    `control` is asked after every step and ends the run by answering "stop". The same seed on
    the same machine gives the same events, times aside. At the end `tagger.weights` are the best
    epoch's (`config.keeps_best`) or the last one's.

    `keep` is given a Snapshot after every epoch, and within one where the run is told to stop. From such a
    Snapshot as `start`, what follows is what would have followed then; there is no second RunStarted.
    Raises ValueError if the corpus has no training sentence, or `start` belongs to another training.
    """
    if not corpus.train:
        raise ValueError(
            f"The training part of {corpus.name!r} has no sentence: give one, or another split. Received: 0 sentences."
        )
    keep = keep or (lambda snapshot: None)
    run = _Run(tagger, corpus, config, control or (lambda: None))
    if start:
        run.go_back_to(start)
    else:
        yield RunStarted(len(corpus.train), len(corpus.dev), run.n_parameters, run.n_steps(), config)
    for epoch in range(run.n_epochs + 1, config.epochs + 1):
        if run.reason:
            break
        yield from run.steps(epoch)
        if run.is_cut_short:  # what is scored now is no epoch: the Snapshot goes on before it
            keep(run.snapshot())
        if run.reason != "diverged" and run.n_steps_now:
            done = run.score_epoch(epoch)
            if not run.is_cut_short:
                keep(run.snapshot())
            yield done
            if probes:
                yield ProbesTagged(epoch, run.step, tuple(map(probe_as_dict, predict(tagger, probes))))
    run.take_best()
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
        self.optimizer = _optimizer(config, self.network.trainable_variables)
        self.step_function, self.loss_function = _compile(self.network, self.optimizer, config)
        self.step = self.n_steps_now = self.n_epochs = self.best_epoch = 0
        self.best_value, self.best_weights, self.reason = (-math.inf, -math.inf), {}, ""
        self.totals, self.history = _Totals(), ()
        self.started = time.monotonic()
        self.has_floors = self.is_cut_short = False

    def seconds(self) -> float:
        return time.monotonic() - self.started

    def n_steps(self) -> int:
        return len(_batches(self.encoded, self.config, np.random.default_rng(0)))

    # --- steps

    def steps(self, epoch: int) -> Iterator[Event]:
        """Yield one StepDone a step until the epoch is over, time is up, or someone says stop."""
        batches = self._deal()
        for rows in batches[self.n_steps_now :]:
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
                self.is_cut_short = self.reason == "stopped" and self.n_steps_now < len(batches)
                return

    def _deal(self) -> list[np.ndarray]:
        """The batches of this epoch; where it was begun before `start`, the very same."""
        self.random_before = self.random.bit_generator.state
        batches = _batches(self.encoded, self.config, self.random)
        if self.n_steps_now:
            self.random.bit_generator.state = self.random_within
        return batches

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
        self.reason = self.reason or self._out_of_patience()
        done = EpochDone(
            epoch, self.step, self.seconds(), self.totals.loss, loss, self.totals.accuracy, accuracy, dev, is_best
        )
        self.history += (done,)
        self.totals, self.n_steps_now = _Totals(), 0
        return done

    def _out_of_patience(self) -> str:
        patience = self.config.patience
        return "early" if patience and self.n_epochs - self.best_epoch >= patience else ""

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

    def take_best(self) -> None:
        if self.config.keeps_best and self.best_weights:
            self.tagger.weights = self.best_weights

    # --- going on later

    def variables(self) -> list[keras.Variable]:
        """All that a step changes: weights, seeds and counters of dropout, the optimizer's means and counter."""
        return [*self.network.model.variables, *self.optimizer.variables]

    def snapshot(self) -> Snapshot:
        """All that the rest of the run depends on."""
        now = self.random.bit_generator.state
        return Snapshot(
            self.n_epochs,
            self.step,
            self.n_steps_now,
            self.seconds(),
            self.reason,
            (self.random_before if self.n_steps_now else now, now),
            astuple(self.totals),
            self.best_epoch,
            self.best_value,
            self.history,
            tuple(variable.numpy() for variable in self.variables()),
            self.best_weights if self.config.keeps_best else {},
        )

    def go_back_to(self, then: Snapshot) -> None:
        """Stand where the snapshot was taken. Raises ValueError where it is of another network or optimizer."""
        variables = self.variables()
        if [tuple(v.shape) for v in variables] != [array.shape for array in then.arrays]:
            raise ValueError(
                "This checkpoint belongs to another network or optimizer, so the training cannot go on. Start it anew."
            )
        for variable, array in zip(variables, then.arrays, strict=True):
            variable.assign(array)
        self.n_epochs, self.step, self.n_steps_now = then.epoch, then.step, then.n_steps_within
        self.random.bit_generator.state, self.random_within = then.random
        self.totals, self.history = _Totals(*then.totals), then.history
        self.best_epoch, self.best_value, self.best_weights = then.best_epoch, then.best_value, dict(then.best_weights)
        self.reason = "" if then.reason == "stopped" else then.reason
        self.reason = self.reason or self._out_of_patience()
        self.started = time.monotonic() - then.seconds
        self.has_floors = True


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


@dataclass
class _Totals:
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


# --- the compiled step ------------------------------------------------------------------


def _tensors(batch: Batch) -> dict[str, tf.Tensor]:
    """Return a batch's arrays, under the names the network reads, as TensorFlow's."""
    return {name: tf.constant(array) for name, array in batch_inputs(batch).items()}


def _optimizer(config: TrainConfig, weights: Sequence[keras.Variable]) -> KerasAdam | LazyAdam:
    """Build what takes the steps: the tutorials' Adam, or the lazy one."""
    if config.optimizer not in ("adam", "lazy_adam"):
        raise ValueError(f"An optimizer is adam or lazy_adam. Received: {config.optimizer!r}.")
    return (LazyAdam if config.optimizer == "lazy_adam" else KerasAdam)(weights, config.clip_norm)


def _compile(network: Network, optimizer: KerasAdam | LazyAdam, config: TrainConfig) -> tuple[Callable, Callable]:
    """Return the training step and the loss of a batch, traced once for every length."""

    def counted(inputs):  # (B,T): what the loss is averaged over
        return inputs["mask"] if network.config.is_masked else tf.ones_like(inputs["mask"])

    inputs_of = network.input_signature()
    tags_of, rate_of = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([], tf.float32)

    @tf.function(input_signature=[inputs_of, tags_of, rate_of], autograph=False)
    def take_step(inputs, tag_ids, rate):
        with tf.GradientTape() as tape:
            scores = network(inputs, training=True)  # (B,T,K)
            loss = network.loss(scores, tag_ids, counted(inputs), config.loss)  # ()
        optimizer.apply(tape.gradient(loss, network.trainable_variables), rate)
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
