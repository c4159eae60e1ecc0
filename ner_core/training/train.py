"""How is a tagger trained, and what does it say while it learns?

Chapter of part IV. `train` is a generator: it yields an Event after every step and every epoch
and does nothing else. It never saves, prints or draws; whoever calls it does (the worker writes
events to a file, a notebook prints them, a test collects them). When an epoch is done,
`tagger.weights` are that epoch's, so that the caller can save them.

While it runs a person may pause it, let it go on, and change the learning rate: `control` brings what
they say, and each change is an event, so that whoever reads the log can tell. A pause is no training time.

To go on later as if nothing had happened, `keep` is handed a Snapshot before the event of each
epoch, and `train(..., start=snapshot)` begins from it. Chance enters in two places only: the
generator that shuffles sentences and hides words, and the seeds and counters of Keras' dropout,
which are variables of the network. Both are in the Snapshot, beside the optimizer's variables.

Which sentences are read together stands in `batches`, what one step computes in `steps`.

Source: the shape of the loop follows spaCy's training generator. Differs from it: dev is scored
by entity (precision, recall, F1) after every epoch, through the same decoding as `predict`, beside the accuracy that the tutorials print.
"""

from __future__ import annotations

import math
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
    RunTold,
    Snapshot,
    StepDone,
    Tagger,
    TrainConfig,
)
from ner_core.scores.floors import floors
from ner_core.scores.report import evaluate
from ner_core.scores.tokens import token_claims
from ner_core.tagger import forward
from ner_core.tagger.encode import Encoded, encode
from ner_core.tagger.networks import build_network
from ner_core.tagger.predict import predict, tag_rows
from ner_core.training.batches import deal_batches, hide_words, readings
from ner_core.training.machine import peak_megabytes
from ner_core.training.steps import Totals, compile_loss, compile_step, counted_cells, new_optimizer, tensors
from ner_core.training.trend import PATIENCE, Trend

_ACCURACY_EVERY = 10  # steps; decoding a CRF's best path at every step would slow training
_SPEED_KNOWN = 0.05  # the share of all steps after which their speed is believed
_PAUSE_SECONDS = 0.05  # so often a paused run asks whether it may go on

Control = Callable[[], str | float | None]

Show = Callable[[int, int, float, Callable[[], dict[str, np.ndarray]], bool], None]


def train(
    tagger: Tagger,
    corpus: Corpus,
    config: TrainConfig,
    *,
    probes: Sequence[str] = (),
    control: Control | None = None,
    keep: Callable[[Snapshot], None] | None = None,
    show: Show | None = None,
    start: Snapshot | None = None,
) -> Iterator[Event]:
    """Train `tagger` on `corpus.train`, scoring `corpus.dev` after every epoch; yield Events.

    `control` is asked after every step. Its answer None lets the run go on, "stop" ends it, "pause" makes it wait
    (and ask again) as long as that is the answer, and a number is the learning rate from now on. The same seed on
    the same machine gives the same events, times aside (where `config.seconds` ends a run before its epochs do, or would,
    the learning rate falls by the clock, and they differ). At the end `tagger.weights` are the best
    epoch's (`config.keeps_best`) or the last one's.

    `keep` is given a Snapshot after every epoch, and within one where the run is told to stop. From such a
    Snapshot as `start`, what follows is what would have followed then; there is no second RunStarted.
    `show` may look at the weights: it is called before the first step and after every one, with the steps done, the
    epoch, the share (0-1) of it that is done, a function that returns the weights, and whether the epoch ends here.
    Raises ValueError if the corpus has no training sentence, or `start` belongs to another training.
    """
    if not corpus.train:
        raise ValueError(
            f"The training part of {corpus.name!r} has no sentence: give one, or another split. Received: 0 sentences."
        )
    keep = keep or (lambda snapshot: None)
    show = show or (lambda *_: None)
    run = _Run(tagger, corpus, config, control or (lambda: None))
    if start:
        run.go_back_to(start)
    else:
        yield RunStarted(len(corpus.train), len(corpus.dev), run.n_parameters, run.n_steps(), config)
        show(0, 1, 0.0, run.network.weights_as_dict, False)
    for epoch in range(run.n_epochs + 1, config.epochs + 1):
        if run.reason:
            break
        yield from run.steps(epoch, show)
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

    def __init__(self, tagger: Tagger, corpus: Corpus, config: TrainConfig, control: Control):
        keras.utils.set_random_seed(config.seed)
        self.tagger, self.corpus, self.config, self.control = tagger, corpus, config, control
        self.random = np.random.default_rng(config.seed)
        self.encoded = encode(tagger.encoder, corpus.train, with_tags=True)
        self.readings = readings(corpus.train, config.rare_times)
        self.dev = _Dev(encode(tagger.encoder, corpus.dev, with_tags=True), _pad_to(tagger, corpus))
        self.allowed = forward.allowed_transitions(tagger.encoder.tags) if tagger.network.forbids_illegal else None
        self.network = build_network(tagger.network, config.seed, self.allowed)
        if tagger.is_trained:
            self.network.load_weights_dict(tagger.weights)
        self.n_parameters = sum(int(np.prod(v.shape)) for v in self.network.trainable_variables)
        self.optimizers = [new_optimizer(config, member.trainable_variables) for member in self.network.members]
        pairs = zip(self.network.members, self.optimizers, strict=True)
        self.step_functions = [compile_step(member, optimizer, config) for member, optimizer in pairs]
        self.loss_function = compile_loss(self.network, config)
        self.step = self.n_steps_now = self.n_epochs = self.best_epoch = 0
        self.best_value, self.best_weights, self.reason = (-math.inf, -math.inf), {}, ""
        self.totals, self.history, self.trend = Totals(), (), Trend()
        self.learning_rate, self.n_batches, self.first_seconds = config.learning_rate, 0, 0.0
        self.started = time.monotonic()
        self.has_floors = self.is_cut_short = False

    def seconds(self) -> float:
        return time.monotonic() - self.started

    def n_steps(self) -> int:
        batches = deal_batches(self.encoded, self.config, np.random.default_rng(0), self.readings)
        return len(batches) * len(self.network.members)

    # --- steps

    def steps(self, epoch: int, show: Show) -> Iterator[Event]:
        """Yield one StepDone a step until the epoch is over, time is up, or someone says stop."""
        batches = self._deal()
        for member, rows in batches[self.n_steps_now :]:
            batch = hide_words(
                self.encoded.batch(rows), self.tagger.encoder.unknown_id, self.config.word_dropout, self.random
            )
            rate = self.learning_rate * self._rate_left()
            loss, gradient_norm = self._take_step(member, batch, rate)
            self.first_seconds = self.first_seconds or self.seconds()
            self.step += 1
            self.n_steps_now += 1
            yield StepDone(self.step, epoch, loss, self.seconds(), int(batch.mask.sum()), rate, gradient_norm)
            if not self.has_floors:  # after the first step, so that the curve need not wait for them
                self.has_floors = True
                yield FloorsMeasured(*floors(self.corpus.train, self.corpus.dev, pad_to=self.dev.pad_to))
            self.reason = self._wrong_with(loss)
            if not self.reason:
                yield from self._obey()
                self.reason = self.reason or self._out_of_time()
            is_end = bool(self.reason) or self.n_steps_now == len(batches)
            show(self.step, epoch, self.n_steps_now / len(batches), self.network.weights_as_dict, is_end)
            if self.reason:
                self.is_cut_short = self.reason == "stopped" and self.n_steps_now < len(batches)
                return

    def _deal(self) -> list[tuple[int, np.ndarray]]:
        """Who takes each step of this epoch, and on which sentences; where it was begun before `start`, the very same.

        Members of a committee take turns, and each reads every sentence in an order of its own.
        """
        self.random_before = self.random.bit_generator.state
        members = range(len(self.network.members))
        orders = [deal_batches(self.encoded, self.config, self.random, self.readings) for _ in members]
        batches = [(m, orders[m][i]) for i in range(max(map(len, orders))) for m in members if i < len(orders[m])]
        self.n_batches = len(batches)
        if self.n_steps_now:
            self.random.bit_generator.state = self.random_within
        return batches

    def _take_step(self, member: int, batch: Batch, rate: float) -> tuple[float, float]:
        """Return the loss before the step, and the length of its gradient."""
        step_function = self.step_functions[member]
        loss, scores, length = step_function(tensors(batch), batch.tag_ids, tf.constant(rate, tf.float32))
        loss = float(loss)
        self.totals.add_loss(loss, int(counted_cells(self.tagger, batch).sum()))
        if self.n_steps_now % _ACCURACY_EVERY == 0:
            counted, own = counted_cells(self.tagger, batch), self.network.members[member]
            weights = own.crf_weights() if own.config.has_crf else {}
            tag_ids = forward.decode_tags(own.config, weights, scores.numpy(), counted, self.allowed)
            self.totals.add_cells(tag_ids, batch.tag_ids, counted)
        return loss, float(length)

    def _rate_left(self) -> float:
        """The share of the learning rate that is left for the next step."""
        progress = (self.n_epochs * self.n_batches + self.n_steps_now) / max(self.n_batches * self.config.epochs, 1)
        if self.config.seconds and self._will_be_late(progress):
            progress = max(progress, self.seconds() / self.config.seconds)
        return 1 + (self.config.final_rate - 1) * min(progress, 1.0)

    def _will_be_late(self, progress: float) -> bool:
        """Tell whether the time given will be over before the epochs are, at the speed of the steps so far."""
        if progress < _SPEED_KNOWN:
            return False
        since_first = self.seconds() - self.first_seconds  # the first step is slow: TensorFlow traces it
        return self.first_seconds + since_first / progress > self.config.seconds

    def _wrong_with(self, loss: float) -> str:
        if not math.isfinite(loss):
            return "diverged"
        return "diverged" if self.trend.grows(loss) else ""

    def _obey(self) -> Iterator[RunTold]:
        """Ask `control` and do what it says; a pause lasts as long as that is its answer."""
        told = self.control()
        if told == "pause":
            seconds, since = self.seconds(), time.monotonic()
            yield RunTold(self.step, seconds, "paused")
            while (told := self.control()) == "pause":
                time.sleep(_PAUSE_SECONDS)
            waited = time.monotonic() - since
            self.started += waited
            yield RunTold(self.step, seconds, "continued", waited)
        if told == "stop":
            self.reason = "stopped"
        elif told is not None:
            self.learning_rate = told / (self._rate_left() or 1.0)
            yield RunTold(self.step, self.seconds(), "rate", told)

    def _out_of_time(self) -> str:
        return "time" if self.config.seconds and self.seconds() >= self.config.seconds else ""

    # --- epochs

    def score_epoch(self, epoch: int) -> EpochDone:
        """Score dev with the present weights, and remember them if they are the best."""
        self.tagger.weights = self.network.weights_as_dict()
        dev, loss, accuracy, claims = self._score_dev()
        monitored = {"entity_f1": dev.f1, "val_accuracy": accuracy, "val_loss": -loss, "none": float(epoch)}
        monitor = self.config.monitor if self.corpus.dev else "none"  # nothing to choose by: the last epoch is kept
        value = (monitored[monitor], -loss if math.isfinite(loss) else -math.inf)  # a tie: the lower loss
        is_best = value > self.best_value
        self.n_epochs = epoch
        if is_best:
            self.best_value, self.best_epoch, self.best_weights = value, epoch, self.tagger.weights
        self.reason = self.reason or self._out_of_patience()
        done = EpochDone(
            *(epoch, self.step, self.seconds(), self.totals.loss, loss, self.totals.accuracy, accuracy, dev, is_best),
            *claims,
        )
        self.history += (done,)
        self.totals, self.n_steps_now = Totals(), 0
        return done

    def _out_of_patience(self) -> str:
        patience = self.config.patience
        return "early" if patience and self.n_epochs - self.best_epoch >= patience else ""

    def _score_dev(self) -> tuple[Report, float, float, tuple[float, float]]:
        """Return the dev report, the mean dev loss, the accuracy as the recipe's own metric counts it, two claims more."""
        totals, sentences = Totals(), self.corpus.dev
        if not sentences:
            return evaluate([]), math.nan, math.nan, (math.nan, math.nan)

        def score(batch: Batch) -> np.ndarray:
            loss, scores = self.loss_function(tensors(batch), batch.tag_ids)
            totals.add_loss(float(loss), int(counted_cells(self.tagger, batch).sum()))
            return scores.numpy()

        def watch(batch: Batch, tag_ids: np.ndarray) -> None:
            totals.add_cells(tag_ids, batch.tag_ids, counted_cells(self.tagger, batch))

        rows = tag_rows(self.tagger, self.dev.encoded, sentences, score=score, watch=watch)
        predictions = [
            Prediction("", sentence.tokens, row.tags, row.spans, (), gold=sentence.spans, padding=row.padding)
            for sentence, row in zip(sentences, rows, strict=True)
        ]
        return evaluate(predictions, pad_to=self.dev.pad_to), totals.loss, totals.accuracy, token_claims(predictions)

    def take_best(self) -> None:
        if self.config.keeps_best and self.best_weights:
            self.tagger.weights = self.best_weights

    # --- going on later

    def variables(self) -> list[keras.Variable]:
        """All that a step changes: weights, seeds and counters of dropout, the optimizer's means and counter."""
        return [*self.network.variables, *(v for optimizer in self.optimizers for v in optimizer.variables)]

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
            self.learning_rate,
            astuple(self.trend),
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
        self.totals, self.history, self.trend = Totals(*then.totals), then.history, Trend(*then.trend)
        self.learning_rate = then.learning_rate or self.config.learning_rate
        self.best_epoch, self.best_value, self.best_weights = then.best_epoch, then.best_value, dict(then.best_weights)
        self.reason = "" if then.reason == "stopped" else then.reason
        self.reason = self.reason or self._out_of_patience()
        self.started = time.monotonic() - then.seconds
        self.has_floors = True


def _pad_to(tagger: Tagger, corpus: Corpus) -> int:
    """The width that the tutorials' accuracy would pad to: the recipe's own, or the longest sentence."""
    return tagger.encoder.max_length or max(map(len, corpus.sentences), default=0)


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
        "diverged": f"{_what_diverged(run)} {kept}",
        "stopped": f"Stopped on request. {kept}",
        "time": f"The time given is over. {kept}",
        "early": f"No epoch was better for {run.config.patience} epochs. {kept}",
    }.get(run.reason, f"All epochs are done. {kept}")


def _what_diverged(run: _Run) -> str:
    """What went wrong, and which knob to turn."""
    rate = f"lower the learning rate (it was {run.learning_rate:.2g}; try a tenth)"
    if run.trend.n_high < PATIENCE:
        return f"The loss is no longer a number: {rate}."
    grown = f"The loss grows: {run.trend.mean:.3g} nats a token by now, {run.trend.least:.3g} at its best"
    knobs = rate if run.config.clip_norm else f"{rate}, or take a recipe that shortens long gradients"
    return f"{grown}. To mend it, {knobs}."
