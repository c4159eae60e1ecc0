"""How long will a training have to wait?

Chapter of part IV. The trainings that go on say how far they are; the ones ahead in the queue are taken to last as long
as those that ended lately. Both together, dealt to the places there are, say when each waiting one begins. An estimate
for a person who wants to know whether to stay: nothing is decided by it.

On a cluster (see `cluster`) Dask holds the queue and deals it out about as it was asked for: the folders tell that order,
without asking the scheduler. While somebody waits there no place is free: there are as many as trainings that go on.

Source: list scheduling (Graham 1966): whoever is next takes the place that is free first. Differs from it: durations
are guessed.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ner_core.records import EpochDone, RunEnded, RunStarted, StepDone
from ner_core.training.cluster import scheduler
from ner_core.training.event_log import parse_line, read_events
from ner_core.training.places import n_places, waiting_tickets
from ner_core.training.runs import ACTIVE_STATES, Run, is_in_cluster_queue, list_runs

START_SECONDS = 6.0  # TensorFlow, the network and the first step
UNKNOWN_SECONDS = 60.0  # a training of which nothing is known
MOST_READ = 12  # ended runs that are asked how long they took
TAIL_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Turn:
    """A waiting training: how many go before it, and about how many seconds until it begins (not a number: nobody knows)."""

    n_before: int
    seconds: float


def turns() -> dict[str, Turn]:
    """All waiting trainings by their id, in the order of the queue."""
    return _turns_on_cluster() if scheduler() else _turns_here()


def _turns_here() -> dict[str, Turn]:
    order = [ticket.name.split(".")[1] for ticket in waiting_tickets()]
    if not order:
        return {}
    runs = list_runs()
    going = [run for run in runs if run.id not in order and run.is_active]
    ended = [run for run in runs if run.id not in order and run not in going]
    return _deal(order, going, ended, n_places())


def _turns_on_cluster() -> dict[str, Turn]:
    """First what a worker has taken up, whose machine has no place yet; then what no worker has, as it was asked for."""
    runs = list_runs()
    states = {run.id: run.state for run in runs}
    line = sorted((run for run in runs if states[run.id] == "waiting"), key=_asked_at)
    going = [run for run in runs if states[run.id] in ACTIVE_STATES and states[run.id] != "waiting"]
    ended = [run for run in runs if states[run.id] not in ACTIVE_STATES]
    return _deal([run.id for run in line], going, ended, len(going))


def _asked_at(run: Run) -> tuple[bool, float]:
    """Its place in the line: by the clock of the file system that all share."""
    try:
        return is_in_cluster_queue(run.folder), (run.folder / "cluster.json").stat().st_mtime
    except OSError:  # one of this machine's own, or deleted in this moment
        return False, run.created


def _deal(order: Sequence[str], going: Sequence[Run], ended: Sequence[Run], n: int) -> dict[str, Turn]:
    """Give each of the waiting its turn; without any place nobody knows when one begins."""
    if not order:
        return {}
    usual = _usual_seconds(ended)
    left = [_seconds_left(run.folder, usual) for run in going]
    starts = deal_places(left, [usual] * len(order), n) if n else [math.nan] * len(order)
    return {run_id: Turn(i, starts[i]) for i, run_id in enumerate(order)}


def deal_places(left: Sequence[float], lasting: Sequence[float], n: int) -> list[float]:
    """When does each of a queue begin, if it takes the first of n places that is free?

    left     seconds until each training that goes on has ended
    lasting  seconds that each waiting one will take, in their order

    >>> deal_places([10.0], [30.0, 30.0, 30.0], n=1)
    [10.0, 40.0, 70.0]
    >>> deal_places([10.0, 25.0], [30.0, 30.0, 30.0], n=2)
    [10.0, 25.0, 40.0]
    """
    free = sorted([0.0] * (n - len(left)) + list(left))[-n:]
    starts = []
    for seconds in lasting:
        starts.append(free.pop(0))
        free = sorted([*free, starts[-1] + seconds])
    return starts


def _usual_seconds(ended: Sequence[Run]) -> float:
    """How long the last trainings took, the start included."""
    found = []
    for run in ended[:MOST_READ]:
        last = _tail(run.folder)[-1:]
        if last and isinstance(last[0], RunEnded) and last[0].n_epochs:
            found.append(last[0].seconds + START_SECONDS)
    return statistics.median(found) if found else UNKNOWN_SECONDS


def _seconds_left(folder: Path, usual: float) -> float:
    """Until the end at the mean speed so far; what is usual where nothing is known yet."""
    told = next((event for event in reversed(_tail(folder)) if isinstance(event, StepDone | EpochDone)), None)
    started = _started(folder)
    if told is None or started is None or not told.step:
        return usual
    limit = started.config.seconds
    share = max(told.step / max(1, started.n_steps * started.config.epochs), told.seconds / limit if limit else 0.0)
    return told.seconds * (1 - share) / share if 0 < share < 1 else 0.0


def _started(folder: Path) -> RunStarted | None:
    try:
        with (folder / "events.jsonl").open("rb") as file:
            found = parse_line(file.readline(TAIL_BYTES))
    except OSError:
        return None
    return found[1] if found and isinstance(found[1], RunStarted) else None


def _tail(folder: Path) -> list:
    try:
        size = (folder / "events.jsonl").stat().st_size
    except OSError:
        return []
    return read_events(folder, max(0, size - TAIL_BYTES))[0]
