"""What did a training look like that took minutes, seen in ten seconds?

Chapter of part IV. A recording is a run's folder with two files, `config.json` and `events.jsonl` (see `runs`), that ships
with the app: a real training on GMB, as it went. To keep it small its steps are thinned, and in place of weights it
holds, at every moment that a run keeps (see `snapshots`), what a few sentences were tagged as: `ProbesTagged` events.
So one can watch those sentences learn, and no others.

Each event stands in the log in the order in which it came; those that carry no time of their own (`ProbesTagged`,
`FloorsMeasured`) belong to the time of the event before them. `Clock` plays them at another speed.

Source: asciinema's recordings (a log of timed events is played, not a film). Differs from it: one event is one
readable line with a checksum, as in every run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from ner_core.records import Event, Prediction, ProbesTagged, RunStarted, Span, StepDone, Token
from ner_core.tagger.store import write_file
from ner_core.training.event_log import format_line, read_events
from ner_core.training.runs import Run, RunConfig, RunError, model_roots, open_run
from ner_core.training.snapshots import Moment

FOLDER = "recorded"
MOST_STEPS = 400  # of one recording: more points cannot be told apart on its curve
PLAY_SECONDS = 10.0


def recordings() -> list[Run]:
    """The recordings that ship, our default first, then by name."""
    found = []
    for folder in sorted((model_roots()[0] / FOLDER).glob("*/config.json")):
        try:
            found.append(open_run(folder.parent))
        except RunError:
            continue
    return sorted(
        found, key=lambda run: (run.config.recipe != "bilstm-crf", run.config.recipe, run.config.is_published)
    )


def recording(name: str) -> Run:
    """The recording of that name. Raises RunError where there is none."""
    found = next((run for run in recordings() if run.id == name), None)
    if found is None:
        raise RunError(f"There is no recorded run {name[:60]!r}. Choose one from the list under Runs.")
    return found


def is_recording(run: Run) -> bool:
    """Tell whether a run is one of those that ship."""
    return run.folder.parent.name == FOLDER


def save_recording(folder: Path, config: RunConfig, events: Sequence[Event], *, created: float) -> Path:
    """Write a training that is over as a recording; `created` is when it was, in seconds since 1970."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [format_line(number, event) for number, event in enumerate(thin_steps(events), 1)]
    write_file(folder / "events.jsonl", b"".join(lines))
    stored = {"version": 1, "created": created, **asdict(config)}
    write_file(folder / "config.json", json.dumps(stored, indent=1).encode())
    return folder


def thin_steps(events: Sequence[Event], most: int = MOST_STEPS) -> list[Event]:
    """Leave out steps at even distances, the first, the last and every other event never.

    >>> steps = [StepDone(n, 1, 0.5, 0.1 * n, 70) for n in range(1, 11)]
    >>> [step.step for step in thin_steps(steps, 4)]
    [1, 4, 7, 10]
    """
    n = sum(isinstance(event, StepDone) for event in events)
    stride, kept, number = max(-(-n // most), 1), [], 0
    for event in events:
        if not isinstance(event, StepDone) or number % stride == 0 or number == n - 1:
            kept.append(event)
        number += isinstance(event, StepDone)
    return kept


# --- what was tagged ---------------------------------------------------------------------


def moments_of(events: Iterable[Event]) -> list[tuple[Moment, tuple[dict, ...]]]:
    """What the sentences of a log were tagged as, moment by moment.

    >>> started = RunStarted(10, 2, 500, 20, None)
    >>> [moment.words for moment, _ in moments_of([started, ProbesTagged(1, 5, ()), ProbesTagged(2, 40, ())])]
    ['after 5 steps', 'after epoch 2']
    """
    n_steps, found = 0, {}
    for event in events:
        if isinstance(event, RunStarted):
            n_steps = event.n_steps
        elif isinstance(event, ProbesTagged):
            is_within = n_steps and event.step < n_steps * event.epoch
            share = (event.step - n_steps * (event.epoch - 1)) / n_steps if is_within else 1.0
            found[event.step] = Moment(event.step, event.epoch, share), event.probes
    return [found[step] for step in sorted(found)]


def prediction_of(probe: Mapping) -> Prediction:
    """Rebuild what `training.train.probe_as_dict` wrote into a log.

    >>> prediction_of({"text": "In Rome", "words": ["In", "Rome"], "starts": [0, 3], "spans": [[1, 2, "geo"]],
    ...                "confidences": [0.9]}).entities[0]["text"]
    'Rome'
    """
    words, spans = probe["words"], tuple(Span(*span) for span in probe["spans"])
    tokens = tuple(Token(word, start, start + len(word)) for word, start in zip(words, probe["starts"], strict=True))
    return Prediction(probe["text"], tokens, ("O",) * len(tokens), spans, tuple(probe["confidences"]))


# --- playing -----------------------------------------------------------------------------


class Clock:
    """Plays a log: `due()` hands out the events that have come since the last call, the whole log in `seconds`.

    >>> steps = [StepDone(n, 1, 0.5, 6.0 * n, 70) for n in range(1, 11)]  # a minute
    >>> now = iter([0.0, 5.0, 11.0])
    >>> clock = Clock(steps, seconds=10.0, now=lambda: next(now))
    >>> [step.step for step in clock.due()], [step.step for step in clock.due()], clock.is_over
    ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10], True)
    """

    def __init__(
        self, events: Sequence[Event], seconds: float = PLAY_SECONDS, now: Callable[[], float] = time.monotonic
    ):
        self.events, self.seconds, self._now = events, seconds, now
        self._times = _times(events)
        self._started, self._n_told = now(), 0

    def due(self) -> list[Event]:
        """The events that are due by now and have not been handed out."""
        whole = self._times[-1] if self._times else 0.0
        until = whole * min((self._now() - self._started) / self.seconds, 1.0) if self.seconds else whole
        first = self._n_told
        while self._n_told < len(self.events) and self._times[self._n_told] <= until:
            self._n_told += 1
        return list(self.events[first : self._n_told])

    @property
    def is_over(self) -> bool:
        return self._n_told == len(self.events)


def _times(events: Sequence[Event]) -> list[float]:
    """When each event came, in seconds of training; they never go back."""
    times, last = [], 0.0
    for event in events:
        last = max(last, getattr(event, "seconds", 0.0))
        times.append(last)
    return times


def read_recording(run: Run) -> list[Event]:
    """All events of a recording."""
    return read_events(run.folder)[0]
