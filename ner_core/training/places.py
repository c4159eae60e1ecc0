"""Which training may start now, and which has to wait?

Chapter of part IV. A machine has a few places for trainings. Whoever wants one writes a ticket with the moment it came; the
oldest ticket of a living process goes next, as soon as it can lock a place. Nobody keeps the queue: every waiting process
looks for itself, and tickets of dead ones are thrown away by whoever comes next.

Source: the queue is a list of tickets in order of arrival and a lock a free place; the operating
system drops a lock when its process ends, however it ends. Differs from a job server: there is none.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ner_core.tagger.store import write_file
from ner_core.training import classroom
from ner_core.training.machine import available_cores, identify, is_alive, machine_name, take_lock
from ner_core.training.runs import home

LOOK_SECONDS = 0.2  # so often a waiting training looks whether it is next


def n_places() -> int:
    """How many trainings may run at once: the class's limit, `NER_LAB_PLACES`, or one for every two cores."""
    if limit := classroom.settings().places:
        return limit
    told = os.environ.get("NER_LAB_PLACES", "")
    return int(told) if told.isdigit() and int(told) > 0 else max(1, available_cores() // 2)


@contextlib.contextmanager
def wait_for_place(run_id: str, control: Callable[[], str | None]) -> Iterator[bool]:
    """Wait in line until a training may start; yields False where told to stop meanwhile."""
    folder = queue_folder()
    folder.mkdir(parents=True, exist_ok=True)
    ticket = folder / f"{time.monotonic_ns():020d}.{run_id}.ticket"  # no change of the clock alters the order
    write_file(ticket, json.dumps(identify(os.getpid())).encode())
    place = None
    try:
        while control() != "stop":
            is_next = waiting_tickets()[:1] == [ticket] and not classroom.settings().is_paused
            if is_next and (place := _take_place(folder)):
                break
            time.sleep(LOOK_SECONDS)
        ticket.unlink(missing_ok=True)
        yield place is not None
    finally:
        ticket.unlink(missing_ok=True)
        if place:
            place.close()


def queue_folder() -> Path:
    """Where this machine's trainings wait: places belong to a machine, also where several share the store."""
    return home() / "queue" / machine_name()


def waiting_tickets() -> list[Path]:
    """Tickets of living workers, first come first; those of dead ones ahead of them are thrown away."""
    tickets = sorted(queue_folder().glob("*.ticket"))
    while tickets and not _holder_lives(tickets[0]):
        tickets.pop(0).unlink(missing_ok=True)
    return tickets


def _holder_lives(ticket: Path) -> bool:
    try:
        return is_alive(json.loads(ticket.read_text()))
    except (OSError, ValueError):
        return False


def _take_place(folder: Path):
    """Lock one of the places; the open file that holds the lock, or None where all are taken."""
    for number in range(n_places()):
        if held := take_lock(folder / f"place-{number}.lock"):
            return held
    return None


def has_free_place() -> bool:
    """Tell whether a training asked for now would start at once."""
    folder = queue_folder()
    folder.mkdir(parents=True, exist_ok=True)
    if classroom.settings().is_paused or waiting_tickets() or not (held := _take_place(folder)):
        return False
    held.close()
    return True
