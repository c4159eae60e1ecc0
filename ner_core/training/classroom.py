"""How is one machine fair to a class of thirty?

Chapter of part IV. What a teacher decides stands in one file, `class.json`: the code that lets people in, the queue
(paused or not), how many trainings at once, how long one may be, whose nickname is hidden. Pages and workers read it
each time, so that a change counts at once. It counts only while a class is served (`NER_LAB_CLASS=1`, which
`make class` sets): who works alone has no limits.

Two more rules keep the queue short: a person has one training at a time, and who asks for one that
goes on already, with the same corpus, settings and seed, watches it instead of starting it again.

The teacher is whoever knows the teacher's key. Its hash stands in `NER_LAB_TEACHER` or in `class.json`; the key itself
is shown once and stored nowhere.

Source: JupyterHub's limits for one server (concurrent spawns, a culled hour), The Littlest JupyterHub's sizes.
Differs from it: no accounts, no processes that wait for a person; only trainings take turns.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import hmac
import json
import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path

from ner_core.records import Event, InputError, RunEnded, StepDone
from ner_core.tagger.store import write_file
from ner_core.training.people import change_person, delete_mine, held_lock, owners, read_person
from ner_core.training.runs import Run, RunConfig, home, is_changed, list_runs

CODE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is read as another: no i, l, o, 0, 1
MAX_HIDDEN = 1_000
MAX_PINNED = 2_000  # characters of an address
ADMISSION_SECONDS = 10.0
PAUSE_SECONDS = 300.0  # then a paused training goes on by itself: others wait for its place
# a limit -> its least and greatest value; each may also be None: no limit
BOUNDS = {"places": (1, 64), "seconds": (5.0, 86_400.0), "steps": (10, 10_000_000)}


class ClassError(InputError):
    """What was asked for is not allowed in this class, or a setting cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class ClassSettings:
    """What the teacher has decided.

    code         what lets people in ("" = everybody may come in)
    teacher      the hash of the teacher's key ("" = nobody is the teacher)
    address      where the class finds the app, for the projector
    is_paused    no further training begins; those that go on are left alone
    places       trainings at once; None = as the machine can
    seconds      training time of one run, steps of one run; None = no limit
    is_one_each  a person has one training at a time
    hidden       the people whose nickname nobody else sees
    pinned       the screen everybody's app opens with, as in an address: "train?train_seed=3" ("" = none)
    """

    code: str = ""
    teacher: str = ""
    address: str = ""
    is_paused: bool = False
    places: int | None = None
    seconds: float | None = 600.0
    steps: int | None = None
    is_one_each: bool = True
    hidden: tuple[str, ...] = ()
    pinned: str = ""


ALONE = ClassSettings(seconds=None, is_one_each=False)  # what counts where no class is served


# --- the settings ---------------------------------------------------------------------------


def is_class() -> bool:
    """Tell whether this server serves a class."""
    return os.environ.get("NER_LAB_CLASS") == "1"


def settings() -> ClassSettings:
    """What counts now."""
    return _stored() if is_class() else ALONE


def _stored() -> ClassSettings:
    """What stands in the file; the defaults where there is none, or none that can be read."""
    path = home() / "class.json"
    try:
        now = path.stat()
        return _read(path, (now.st_mtime_ns, now.st_size, now.st_ino))
    except OSError:
        return ClassSettings()


@lru_cache(maxsize=8)
def _read(path: Path, stamp: tuple) -> ClassSettings:
    """The settings in a file, read again only when `stamp` is another. Raises OSError, which is not kept."""
    try:
        stored = json.loads(path.read_bytes())
        known = {part.name: stored[part.name] for part in fields(ClassSettings) if part.name in stored}
        return _checked(ClassSettings(**known | {"hidden": tuple(known.get("hidden", ()))}))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return ClassSettings()


def change_settings(**changes: object) -> ClassSettings:
    """Change some settings, as one step. Raises ClassError where a value is out of bounds."""
    home().mkdir(parents=True, exist_ok=True)
    with held_lock(home() / "class.lock", ADMISSION_SECONDS):
        changed = _checked(replace(_stored(), **changes))
        write_file(home() / "class.json", json.dumps(asdict(changed), indent=1).encode())
        _read.cache_clear()  # two changes within one tick of the clock look alike
    return changed


def _checked(found: ClassSettings) -> ClassSettings:
    for name, (least, most) in BOUNDS.items():
        value = getattr(found, name)
        if value is not None and not (isinstance(value, int | float) and least <= value <= most):
            raise ClassError(f"The limit {name} goes from {least:,} to {most:,}, or is none. Received: {value!r}.")
    for name in ("code", "teacher", "address", "pinned"):
        if not isinstance(getattr(found, name), str):
            raise ClassError(f"The setting {name} is a text. Received: {getattr(found, name)!r}.")
    if len(found.pinned) > MAX_PINNED or not found.pinned.isprintable():
        raise ClassError(
            f"A pinned screen is a line of at most {MAX_PINNED:,} characters. Received: {len(found.pinned):,}."
        )
    return replace(found, hidden=found.hidden[-MAX_HIDDEN:])


# --- codes and keys ---------------------------------------------------------------------------


def new_code() -> str:
    """Draw a class code that is easily read from the back row: six letters and digits."""
    return "".join(secrets.choice(CODE_LETTERS) for _ in range(6))


def is_code(typed: str) -> bool:
    """Tell whether this is the class code, however it was written (spaces, capitals)."""
    told = "".join(typed.split()).lower()
    return hmac.compare_digest(told.encode(errors="replace"), settings().code.encode())


def hash_of(key: str) -> str:
    """The hash under which a teacher's key is known. It is long and random, so that no salt is needed."""
    return hashlib.sha256(key.strip().encode(errors="replace")).hexdigest()


def teacher_hash() -> str:
    """The hash of the teacher's key: of `NER_LAB_TEACHER`, else of the file; "" where there is no teacher."""
    return (os.environ.get("NER_LAB_TEACHER") or settings().teacher).strip().lower() if is_class() else ""


def is_teacher_key(key: str) -> bool:
    """Tell whether this is the teacher's key, in a time that tells nothing about it."""
    return is_proof(hash_of(key))


def is_proof(proof: str) -> bool:
    """Tell whether this hash, stored when the key was shown, is that of the present key."""
    return bool(teacher_hash()) and hmac.compare_digest(proof.encode(errors="replace"), teacher_hash().encode())


# --- who may do what --------------------------------------------------------------------------


def may_manage(run: Run, owner: str, *, is_teacher: bool = False) -> bool:
    """Tell whether this person may stop, delete, rename or keep a run: the owner, or the teacher.

    A run of the command line is everybody's where no class is served, and the teacher's where one is.
    """
    return is_teacher or (run.config.owner == owner if run.config.owner else not is_class())


def nickname_of(config: RunConfig) -> str:
    """Who asked for a run, as others may read it; "" where nobody said, or the teacher has hidden it."""
    if config.owner and config.owner in settings().hidden:
        return ""
    return (read_person(config.owner).nickname if config.owner else "") or config.nickname


@contextlib.contextmanager
def admission(config: RunConfig) -> Iterator[Run | None]:
    """Let one request at a time in; yields the training that goes on already where it is the same, else None.

    Raises ClassError where the person has another training that goes on. Requests of the command line, which
    have no owner, always start a run of their own.
    """
    if not config.owner:
        yield None
        return
    with held_lock(home() / "queue" / "admission.lock", ADMISSION_SECONDS):
        same = find_same(config)
        if same is None:
            check_one_each(config.owner)
        yield same


def find_same(config: RunConfig) -> Run | None:
    """The training that goes on (and is not told to stop) with the same corpus, settings and seed, whoever asked for it.

    One that waits at somebody's will, or whose learning rate somebody has changed, is no longer what was asked for.
    """
    asked, states = _essence(config), ("waiting", "starting", "running")
    alike = (run for run in list_runs() if run.config.owner and _essence(run.config) == asked)
    return next((run for run in alike if run.state in states and not is_changed(run.folder)), None)


def _essence(config: RunConfig) -> RunConfig:
    """What decides the weights: neither who asks nor the sentences that are only watched, nor a copy of the curves."""
    return replace(config, corpus_name="", probes=(), nickname="", owner="", tensorboard=False)


def check_one_each(owner: str) -> None:
    """Raise ClassError where a person has a training that goes on, and the class allows one each."""
    if not owner or not settings().is_one_each:
        return
    going = next((run for run in list_runs() if run.config.owner == owner and run.is_active), None)
    if going is not None:
        raise ClassError(
            f"In this class a person has one training at a time, and yours ({going.name}) goes on. "
            "Stop it in Runs, or wait for its end."
        )


class Limit:
    """Tells a training to stop when the class's limit is reached, and says so at its end.

    It stops between two steps and leaves the settings alone, so that up to there it is the training that was asked for.
    """

    def __init__(self, control: Callable[[], str | float | None]):
        now = settings()
        self._control, self._steps, self._seconds = control, now.steps, now.seconds
        self._is_reached = ""

    def __call__(self) -> str | float | None:
        return "stop" if self._is_reached else self._control()

    def take(self, event: Event) -> Event:
        """Count a step; give the end of the run its reason."""
        if isinstance(event, StepDone) and not self._is_reached:
            if self._steps and event.step >= self._steps:
                self._is_reached = f"{self._steps:,} steps"
            elif self._seconds and event.seconds >= self._seconds:
                self._is_reached = f"{self._seconds:g} s"
        if isinstance(event, RunEnded) and self._is_reached and event.reason == "stopped":
            return replace(event, message=f"Stopped at the limit of this class: {self._is_reached}. The best is kept.")
        return event


# --- opening and clearing ------------------------------------------------------------------------


def open_class(host: str, port: int, *, has_new_key: bool = False) -> tuple[ClassSettings, str | None]:
    """Make the class's file ready; returns the settings, and the teacher's key where it was drawn just now."""
    stored = _stored()
    key = secrets.token_urlsafe(16) if has_new_key or not stored.teacher else None
    changes = {"teacher": hash_of(key)} if key else {}
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    return change_settings(address=address, code=stored.code or new_code(), is_paused=False, **changes), key


def clear_class(keep: str = "") -> list[str]:
    """Stop and delete all runs, uploads, kept models and nicknames of people; a new code lets the next class in.

    `keep` is the teacher, who is still known afterwards. What ships, public corpora and runs of the command line stay.
    Returns the ids of the corpora that are gone.
    """
    change_settings(is_paused=True)  # nobody starts meanwhile
    gone = []
    for owner in sorted({*owners(), *(run.config.owner for run in list_runs() if run.config.owner)}):
        proof = read_person(owner).proof
        gone += delete_mine(owner)
        if owner == keep and proof:
            change_person(owner, lambda stored, proof=proof: stored.update(proof=proof))
    change_settings(is_paused=False, code=new_code(), hidden=(), pinned="")
    return gone


def find_address() -> str:
    """The address under which this machine is known in its network; nothing is sent to find it.

    Raises ClassError where there is no network.
    """
    for family, anywhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):  # reserved for examples
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((anywhere, 9))
            return probe.getsockname()[0]
    raise ClassError("No network address was found. Connect to a network, or choose one: make class HOST=192.168.1.20")


def main(arguments: list[str] | None = None) -> int:
    """Make a class ready and print what the teacher needs; the last line is the address to serve on."""
    parser = argparse.ArgumentParser(prog="python -m ner_core.training.classroom", description=main.__doc__)
    parser.add_argument("--host", help="the address to serve on; without it the one of this machine in its network")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--new-key", action="store_true", help="draw another key for the teacher; the old one ends")
    asked = parser.parse_args(arguments)
    try:
        host = asked.host or find_address()
        opened, key = open_class(host, asked.port, has_new_key=asked.new_key)
    except (ClassError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 2
    known = "the one that was printed when it was drawn; make class NEW_KEY=1 draws another"
    for line in (
        f"Address        {opened.address}",
        f"Class code     {opened.code}",
        f"Teacher's key  {key or known}",
        f"Teacher's page {opened.address}/teach   (shows address, QR code and class code; asks for the key)",
    ):
        print(line, file=sys.stderr)
    print(host)
    return 0


if __name__ == "__main__":
    sys.exit(main())
