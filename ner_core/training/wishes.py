"""What does a person want of a training that goes on, and when is that done?

Chapter of part IV. A file named `stop`, `pause` or `rate` in the run's folder is a wish (see `runs`); so is SIGTERM or Ctrl-C.
`train` asks for them after every step. A learning rate is a wish that is fulfilled once: it is taken away when the log has
it, and set again, after the same step, where a kill makes the training take these steps a second time.

Source: POSIX signals, of which only a flag is kept (the handler does no work). Differs from signals: a wish is a file, so that it
outlives whoever had it, and reaches a process on another machine.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ner_core.records import (
    Event,
    RunResumed,  # noqa: F401 (doctest)
    RunTold,
    StepDone,
)
from ner_core.training import classroom
from ner_core.training.event_log import read_events
from ner_core.training.runs import is_told_to_pause, wanted_rate


class Wishes:
    """What people want of the run that goes on, as `train` asks for it: stop before all, then pause, then a rate.

    After a kill the steps since the last checkpoint are taken again: the learning rates that were set meanwhile are
    set again, each after the same step, so that the run ends as it would have ended.
    """

    def __init__(self, folder: Path, stop: Callable[[], str | None], step: int):
        self._folder, self._stop, self._step = folder, stop, step
        told = read_events(folder)[0]
        self._again = rates_to_repeat(told, step)
        self._paused_since: float | None = None
        self._done: float | None = None  # a rate that was set, and whose wish the disk will not let go
        rates = [event.value for event in told if isinstance(event, RunTold) and event.what == "rate"]
        if rates and rates[-1] == wanted_rate(folder):  # told, and then killed before the wish was taken away
            self._forget_rate(rates[-1])

    def __call__(self) -> str | float | None:
        if self._stop() == "stop":
            return "stop"
        if not is_told_to_pause(self._folder):
            self._paused_since = None
        elif not self._is_over():
            return "pause"
        rate = wanted_rate(self._folder)
        if rate is None or rate == self._done:
            return self._again.pop(self._step, None)
        self._again = {}
        return rate

    def _is_over(self) -> bool:
        """In a class nobody keeps a place in the queue by pausing."""
        now = time.monotonic()
        self._paused_since = self._paused_since or now
        if not classroom.is_class() or now - self._paused_since < classroom.PAUSE_SECONDS:
            return False
        with contextlib.suppress(OSError):  # a disk that refuses: this pause stays over all the same
            (self._folder / "pause").unlink(missing_ok=True)
            self._paused_since = None
        return True

    def take(self, event: Event) -> None:
        """Note the step, and that a wish was fulfilled; to be called when the log has the event."""
        if isinstance(event, StepDone):
            self._step = event.step
        is_rate = isinstance(event, RunTold) and event.what == "rate"
        if is_rate and event.value == wanted_rate(self._folder):  # else somebody has changed it again meanwhile
            self._forget_rate(event.value)

    def _forget_rate(self, done: float) -> None:
        """Take the fulfilled wish away; what somebody has put in its place in this very moment stays."""
        wish, taken = self._folder / "rate", self._folder / "rate.taken"
        self._done = done
        with contextlib.suppress(OSError):
            wish.replace(taken)
            self._done = None
            if wanted_rate(self._folder, taken.name) not in (done, None) and not wish.exists():
                taken.replace(wish)
            taken.unlink(missing_ok=True)


def rates_to_repeat(events: Iterable[Event], step: int) -> dict[int, float]:
    """Step -> learning rate that was set after it, of the steps after `step`, which are to be taken again.

    `events` is the whole log. What a person has set while steps were being repeated takes the place of what came later.

    >>> log = [RunTold(3, 1.0, "rate", 0.1), RunTold(9, 2.0, "rate", 0.2), RunResumed(2, 4, 1.2)]
    >>> rates_to_repeat(log, 4), rates_to_repeat([*log, RunTold(6, 1.5, "rate", 0.3)], 4)
    ({9: 0.2}, {6: 0.3})
    """
    rates: dict[int, float] = {}
    for event in events:
        if isinstance(event, RunTold) and event.what == "rate" and rates.get(event.step) != event.value:
            rates = {at: rate for at, rate in rates.items() if at < event.step} | {event.step: event.value}
    return {at: rate for at, rate in rates.items() if at > step}


@contextlib.contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """While this lasts SIGTERM and SIGINT only set a flag; yields a function that reads it."""
    told = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield told.is_set
        return
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: told.set()) for number in signals]
    try:
        yield told.is_set
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
