"""What a page knows of one run: its events so far, read from where the last reading ended.

Use: `record = RunRecord(run_id)`, then `record.read(folder)` as often as wanted; it returns whether anything
was new. No Streamlit here: the pages keep the record in the session and draw from it.

>>> record = RunRecord("a")
>>> record.take(RunStarted(10, 2, 500, 10, TrainConfig(epochs=2)))
>>> for step in range(1, 6):
...     record.take(StepDone(step, 1, 1.0 / step, 0.5 * step, 100))
>>> record.n_steps_asked, record.seconds_left(), record.tokens_a_second()
(20, 7.5, 200.0)
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from ner_core.records import (
    EpochDone,
    Event,
    FloorsMeasured,
    ProbesTagged,
    RunEnded,
    RunResumed,
    RunStarted,
    RunTold,
    StepDone,
    TrainConfig,  # noqa: F401 (doctest)
)
from ner_core.training.event_log import read_events

MAX_POINTS = 600  # of one line on a chart; more cannot be told apart and slow the browser
FIRST_STEPS = 5  # too few to tell a speed from
SMOOTHING = 0.9  # share of the former mean in the smoothed loss, once there are some points


@dataclass
class RunRecord:
    """One run's events: steps as columns of numbers, epochs as they came, the last of all others."""

    run_id: str
    keeps_steps: bool = True
    offset: int = 0
    started: RunStarted | None = None
    floors: FloorsMeasured | None = None
    probes: ProbesTagged | None = None
    resumed: RunResumed | None = None
    ended: RunEnded | None = None
    rates: list[RunTold] = field(default_factory=list)
    epochs: list[EpochDone] = field(default_factory=list)
    tagged: list[ProbesTagged] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    smoothed: list[float] = field(default_factory=list)
    recent: deque = field(default_factory=lambda: deque(maxlen=30))  # the last StepDone events
    _mean: float = 0.0
    _n_meant: int = 0

    def read(self, folder: Path) -> bool:
        """Take what was written since the last reading; tell whether there was anything."""
        events, self.offset = read_events(folder, self.offset)
        for event in events:
            self.take(event)
        return bool(events)

    def take(self, event: Event) -> None:
        """Add one event."""
        match event:
            case StepDone():
                self._take_step(event)
            case EpochDone():
                self.epochs.append(event)
            case RunStarted():
                self.started = event
            case RunTold():
                self.rates += [event] * (event.what == "rate")
            case RunResumed():
                self._go_back(event)
            case FloorsMeasured():
                self.floors = event
            case ProbesTagged():
                self.probes = event
                self.tagged.append(event)
            case RunEnded():
                self.ended = event

    def _take_step(self, event: StepDone) -> None:
        self.recent.append(event)
        if not self.keeps_steps:
            return
        self.steps.append(event.step)
        self.losses.append(event.loss)
        if math.isfinite(event.loss):
            share = min(SMOOTHING, self._n_meant / (self._n_meant + 5))  # less at first, lest the curve lag behind
            self._mean = share * self._mean + (1 - share) * event.loss
            self._n_meant += 1
        self.smoothed.append(self._mean if self._n_meant else math.nan)

    def _go_back(self, resumed: RunResumed) -> None:
        """Forget what is done again: later steps and epochs, and the end."""
        self.resumed, self.ended = resumed, None
        self.epochs = [done for done in self.epochs if done.epoch <= resumed.epoch]
        self.tagged = [told for told in self.tagged if told.epoch <= resumed.epoch]
        self.rates = [told for told in self.rates if told.step <= resumed.step]
        self.recent.clear()  # the speed is told anew
        if self.probes and self.probes.epoch > resumed.epoch:
            self.probes = None
        n = sum(step <= resumed.step for step in self.steps)
        del self.steps[n:], self.losses[n:], self.smoothed[n:]

    # --- how far

    @property
    def step(self) -> int:
        """Steps taken so far."""
        told = [self.recent[-1].step] if self.recent else [self.resumed.step] if self.resumed else []
        return max([*told, self.epochs[-1].step if self.epochs else 0])

    @property
    def epoch(self) -> int:
        """The epoch that runs, from 1; 0 before the first step."""
        return max(self.recent[-1].epoch if self.recent else 0, self.epochs[-1].epoch if self.epochs else 0)

    @property
    def n_steps_asked(self) -> int:
        return self.started.n_steps * self.started.config.epochs if self.started else 0

    @property
    def seconds(self) -> float:
        """Training time so far."""
        last = [self.recent[-1].seconds] if self.recent else [self.resumed.seconds] if self.resumed else []
        last += [self.epochs[-1].seconds] if self.epochs else []
        return self.ended.seconds if self.ended else max(last, default=0.0)

    @property
    def progress(self) -> float:
        """Share of what was asked for, by steps or by the time limit, whichever is further."""
        if not self.n_steps_asked:
            return 0.0
        limit = self.started.config.seconds
        return min(1.0, max(self.step / self.n_steps_asked, self.seconds / limit if limit else 0.0))

    def seconds_left(self) -> float | None:
        """Time until the end at the mean speed so far; None in the first steps, which hold the building of the network."""
        if self.step < FIRST_STEPS or not self.progress:
            return None
        return self.seconds * (1 - self.progress) / self.progress

    def tokens_a_second(self) -> float | None:
        """Speed over the last steps read; None before there are two (the log leaves steps out, so it is a mean)."""
        if len(self.recent) < 2:
            return None
        first, last = self.recent[0], self.recent[-1]
        mean = sum(event.n_tokens for event in self.recent) / len(self.recent)
        seconds = last.seconds - first.seconds
        return mean * (last.step - first.step) / seconds if seconds > 0 else None

    @property
    def learning_rate(self) -> float | None:
        """At which the last step was taken; None where that is not told."""
        rate = self.recent[-1].learning_rate if self.recent else math.nan
        return rate if math.isfinite(rate) else None

    def gradient_norm(self) -> float | None:
        """The mean length of the last gradients, which waver from step to step; None where they are not told."""
        found = [event.gradient_norm for event in list(self.recent)[-10:] if math.isfinite(event.gradient_norm)]
        return sum(found) / len(found) if found else None

    # --- what came of it

    @property
    def best(self) -> EpochDone | None:
        """The epoch whose weights are (or, while it runs, would be) the result."""
        if self.started and not self.started.config.keeps_best:
            return self.epochs[-1] if self.epochs else None
        return next((epoch for epoch in reversed(self.epochs) if epoch.is_best), None)


def thin(n: int, most: int = MAX_POINTS) -> list[int]:
    """Choose at most `most` of n points at even steps, always the last one.

    >>> thin(5), thin(10, 4), len(thin(100_000)) <= MAX_POINTS
    ([0, 1, 2, 3, 4], [0, 4, 8, 9], True)
    """
    if n <= most:
        return list(range(n))
    return [*range(0, n - 1, math.ceil(n / (most - 1))), n - 1]
