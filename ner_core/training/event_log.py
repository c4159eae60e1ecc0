"""What has happened in a training, told so that a reader may come at any moment?

Chapter of part IV. Whoever trains appends events to `events.jsonl`, and pages read on from where they were: nothing is ever
changed in the file, and a line counts only when it is whole and its checksum is right. So a kill, a full disk or a reader in
the middle of a write costs one line at most. A run that goes on makes what it takes again void by one more event, RunResumed.

Source: TensorBoard's event files (append-only records with a checksum; a torn tail is ignored until
it is whole). Differs from them: each record is one readable line of JSON, its checksum included.
"""

from __future__ import annotations

import json
import math
import os
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
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
    TrainConfig,
)
from ner_core.scores.report import report_from_dict

STEPS_A_SECOND = 10  # so many StepDone events reach the log at most


# --- events as JSON ---------------------------------------------------------------

_KINDS = {kind.__name__: kind for kind in Event.__args__}


def event_to_dict(event: Event) -> dict:
    """Return the event as plain JSON values; a number that is not finite becomes null.

    >>> event_to_dict(StepDone(step=1, epoch=1, loss=float("nan"), seconds=0.5, n_tokens=7))
    {'kind': 'StepDone', 'step': 1, 'epoch': 1, 'loss': None, 'seconds': 0.5, 'n_tokens': 7, ...}
    """
    return {"kind": type(event).__name__, **_to_plain(event)}


def event_from_dict(stored: Mapping) -> Event:
    """Rebuild the event; null where a float belongs becomes not-a-number. Raises ValueError.

    >>> event_from_dict({"kind": "RunEnded", "reason": "stopped", "best_epoch": 1, "n_epochs": 2, "seconds": 3.5})
    RunEnded(reason='stopped', best_epoch=1, n_epochs=2, seconds=3.5...)
    """
    kind = _KINDS.get(stored.get("kind"))
    if kind is None:
        raise ValueError(f"An event is one of {', '.join(_KINDS)}. Received: {stored.get('kind')!r}.")
    try:
        return from_plain(kind, stored)
    except (TypeError, KeyError, AttributeError) as problem:
        raise ValueError(f"A {kind.__name__} event lacks or misstates a value: {problem}.") from None


def _to_plain(value: object) -> object:
    if is_dataclass(value):
        return {part.name: _to_plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _to_plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(entry) for entry in value]
    if hasattr(value, "item"):  # a NumPy number
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def from_plain(kind: type, stored: Mapping) -> object:
    """Rebuild a dataclass from plain values. Raises TypeError or AttributeError where one is missing or of another kind."""
    values = {}
    for part in fields(kind):
        if part.name not in stored:
            continue  # an older log: the class's default, or TypeError where there is none
        value = stored[part.name]
        if part.type == "float" and value is None:
            value = math.nan
        elif part.type == "Report":
            value = report_from_dict(value)
        elif part.type.startswith("TrainConfig") and value is not None:
            value = from_plain(TrainConfig, value)
        elif isinstance(value, list):
            value = tuple(value)
        values[part.name] = value
    return kind(**values)


# --- the event log ------------------------------------------------------------------


def format_line(sequence: int, event: Event) -> bytes:
    """Return one line of the log: the event, its number, and a checksum of all before it."""
    body = json.dumps({"sequence": sequence, **event_to_dict(event)}, allow_nan=False)
    return f'{body[:-1]}, "crc": {zlib.crc32(body.encode())}}}\n'.encode()


def parse_line(line: bytes) -> tuple[int, Event] | None:
    """Return sequence number and event of a line, or None where it is torn or corrupt.

    >>> line = format_line(1, RunEnded("finished", 3, 3, 9.5))
    >>> parse_line(line)
    (1, RunEnded(reason='finished', best_epoch=3, n_epochs=3, seconds=9.5...))
    >>> parse_line(line.replace(b"9.5", b"8.5")) is None
    True
    """
    body, mark, tail = line.strip().rpartition(b', "crc": ')
    if not mark or not tail.endswith(b"}") or not tail[:-1].isdigit():
        return None
    if int(tail[:-1][:12]) != zlib.crc32(body + b"}"):
        return None
    try:
        stored = json.loads(body + b"}")
        return int(stored["sequence"]), event_from_dict(stored)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


class EventLog:
    """The writing end of a run's `events.jsonl`; continues the numbering of what is there."""

    def __init__(self, folder: Path):
        self.path = folder / "events.jsonl"
        lines = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
        self.sequence = max((found[0] for line in lines if (found := parse_line(line))), default=0)
        self._file = self.path.open("ab", buffering=0)
        self._is_torn = bool(lines) and not lines[-1].endswith(b"\n")  # by a killed worker

    def write(self, event: Event) -> None:
        """Append one event; all but single steps are on the disk when this returns."""
        line = b"\n" * self._is_torn + format_line(self.sequence + 1, event)
        while line:  # a nearly full disk takes a part, and says so only when asked for the rest
            n_written = self._file.write(line)
            self._is_torn, line = True, line[n_written:]
        self._is_torn = False
        self.sequence += 1
        if not isinstance(event, StepDone):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def read_events(folder: str | Path, offset: int = 0) -> tuple[list[Event], int]:
    """Return the events after byte `offset` and the offset to go on from.

    Only whole lines are read: a line still being written is seen at the next call; a corrupt one is skipped.
    """
    try:
        with (Path(folder) / "events.jsonl").open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    whole = data[: data.rfind(b"\n") + 1]
    events = [found[1] for line in whole.split(b"\n") if (found := parse_line(line))]
    return events, offset + len(whole)


def valid_events(events: Iterable[Event]) -> list[Event]:
    """Leave out what a later RunResumed has made void: steps and epochs that are done again, and the end.

    >>> told = [StepDone(step, 1, 0.5, 0.1, 7) for step in (1, 2, 3)]
    >>> [type(event).__name__ for event in valid_events([*told, RunResumed(0, 2, 0.2)])]
    ['StepDone', 'StepDone', 'RunResumed']
    """
    valid: list[Event] = []
    for event in events:
        if isinstance(event, RunResumed):
            valid = [told for told in valid if not _is_void(told, event)]
        valid.append(event)
    return valid


def _is_void(told: Event, resumed: RunResumed) -> bool:
    match told:
        case StepDone() | RunTold():
            return told.step > resumed.step
        case EpochDone() | ProbesTagged():
            return told.epoch > resumed.epoch
        case RunStarted() | FloorsMeasured():
            return not resumed.step  # it begins anew
    return isinstance(told, RunEnded)


def last_event(folder: Path) -> Event | None:
    """The event that was logged last, found at the end of the file; None where there is none."""
    try:
        size = (folder / "events.jsonl").stat().st_size
    except FileNotFoundError:
        return None
    events, _ = read_events(folder, max(0, size - 65_536))  # the first line may be cut: it is skipped as corrupt
    return events[-1] if events else None


class StepFilter:
    """Let the first step through, then at most `STEPS_A_SECOND`; and every other event.

    >>> times = iter([0.00, 0.01, 0.11])
    >>> is_wanted = StepFilter(clock=lambda: next(times))
    >>> [is_wanted(StepDone(step, 1, 0.5, 0.0, 9)) for step in (1, 2, 3)]
    [True, False, True]
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._next = clock, -float("inf")

    def __call__(self, event: Event) -> bool:
        if not isinstance(event, StepDone):
            return True
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + 1 / STEPS_A_SECOND
        return True
