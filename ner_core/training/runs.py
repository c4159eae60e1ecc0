"""What is left of a training when the program that ran it is gone?

Chapter of part IV. A run is one folder, and the folder is the whole interface between the page
that asks for a training and the process that does it:

    config.json    what was asked for (written once)
    events.jsonl   what happened: one JSON object a line, only ever appended to (see `event_log`)
    worker.json    which process works on it: pid, its start time, the boot it belongs to
    lock           is locked as long as a process works on it, so that no second one can
    heartbeat      what that process is doing and when it last said so
    cluster.json   which cluster it was given to, where one machine is not enough (see `cluster`)
    stop           exists: end after the current step, keep the best
    pause          exists: wait after the current step as long as it does
    rate           the learning rate a person wants from the next step on; gone when that has been done
    resume         exists: somebody asked for it to go on after its end
    checkpoints/   all that is needed to go on exactly (see `checkpoints`)
    best/          the best tagger so far (see `store`)
    snapshots/     the weights at some moments, to look at (see `snapshots`)
    tensorboard/   the curves for TensorBoard, where they were asked for (see `tensorboard`)
    name.json      the label a person gave it
    shared         exists: everybody's list shows it (see `people`)
    worker.log     what the process printed

The state of a run is never stored, only derived: from the last event, whether the process lives,
and how old its heartbeat is. So a kill, a reboot or a full disk cannot leave a lie behind.

Source: a folder a run and a file a fact, as MLflow's file store has it. Differs from it: no file holds the state.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

from ner_core.records import InputError, RunEnded, RunTold, TrainConfig
from ner_core.tagger.store import sync_folder, write_file
from ner_core.training.event_log import from_plain, last_event, read_events, valid_events
from ner_core.training.machine import end_process, is_alive, is_here, take_lock, wait_until_gone

PROJECT = Path(__file__).resolve().parents[2]
STALL_SECONDS = 15.0  # a heartbeat older than this: the process hangs
STOP_SECONDS = 5.0  # so long a run that is deleted may take to end by itself
START_SECONDS = 30.0  # a run without any process is "starting" for so long
LATEST = 1e11  # seconds since 1970 that a calendar can still show

ACTIVE_STATES = ("waiting", "starting", "running", "paused", "stopping", "stalled")
RESUMABLE_STATES = ("interrupted", "stopped", "failed")  # what can go on from its last checkpoint
_STATE_OF_REASON = {"stopped": "stopped", "diverged": "diverged", "failed": "failed"}


class RunError(InputError):
    """A run or stored corpus is unknown or cannot be used; the message says what to do."""


def home() -> Path:
    """The folder that holds everything stored: `NER_LAB_HOME`, or `.ner_lab` beside the app."""
    return Path(os.environ.get("NER_LAB_HOME") or PROJECT / ".ner_lab").expanduser().absolute()


def model_roots() -> tuple[Path, Path, Path]:
    """The folders that hold taggers: those that ship, those a person kept, those of runs.

    Those that ship stand in `NER_LAB_MODELS`, or in `models` beside the app.
    """
    shipped = Path(os.environ.get("NER_LAB_MODELS") or PROJECT / "models").expanduser().absolute()
    return shipped, home() / "models", home() / "runs"


# --- runs ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything that was asked for; together with the seed in `training` it repeats the run.

    corpus           "newsroom", or the id `store_corpus` returned
    hyperparameters  what differs from the recipe, as `resize` takes it
    training         how to train, in full; None = as the (resized) recipe says
    tensorboard      also write the curves for TensorBoard (see `tensorboard`); alters no weight
    nickname         who asked, in the words that person chose
    owner            who asked, as `people` knows them; "" = the command line
    """

    corpus: str = "newsroom"
    corpus_name: str = "Newsroom"
    recipe: str = "bilstm-crf"
    is_published: bool = False
    hyperparameters: Mapping[str, object] = field(default_factory=dict)
    training: TrainConfig | None = None
    probes: tuple[str, ...] = ()
    nickname: str = ""
    owner: str = ""
    tensorboard: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it was found on disk; `state` is looked up anew each time."""

    id: str
    folder: Path
    config: RunConfig
    name: str
    created: float

    @property
    def state(self) -> str:
        return state(self.folder)

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE_STATES

    @property
    def best(self) -> Path | None:
        """The folder of the best tagger so far, once there is one."""
        return self.folder / "best" if (self.folder / "best" / "MANIFEST.json").exists() else None


def create_run(config: RunConfig) -> Run:
    """Make the folder of a new run under an id nobody can guess."""
    root = home() / "runs"
    root.mkdir(parents=True, exist_ok=True)
    while True:
        folder = root / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(8)}"
        try:
            folder.mkdir()  # exclusive: of two that draw the same id, one draws again
            break
        except FileExistsError:
            continue
    stored = {"version": 1, "created": time.time(), **asdict(config)}
    write_file(folder / "config.json", json.dumps(stored, indent=1).encode())
    sync_folder(root)
    return read_run(folder.name)


def run_folder_of(run_id: str) -> Path:
    """The folder of a run; raises RunError where the id is none or unknown."""
    folder = home() / "runs" / str(run_id)
    if not re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{16}", str(run_id)) or not (folder / "config.json").is_file():
        raise RunError(f"There is no run {str(run_id)[:60]!r}. It may have been deleted; choose one from the list.")
    return folder


def read_run(run_id: str) -> Run:
    """Open a run by its id. Raises RunError where it is unknown or cannot be read."""
    return open_run(run_folder_of(run_id))


def _default_name(config: RunConfig) -> str:
    form = " as published" if config.is_published else ""
    return f"{config.recipe}{form} on {config.corpus_name}"


def open_run(folder: Path) -> Run:
    """Open the run stored in `folder`."""
    stored = read_json(folder / "config.json")
    if stored is None:
        raise RunError(f"The run {folder.name} cannot be read: its config.json is missing or damaged.")
    if stored.get("version") != 1:
        raise RunError(f"The run {folder.name} was written by another version of NER Lab. Update it to open this run.")
    try:
        config, created = from_plain(RunConfig, stored), float(stored.get("created") or 0.0)
        if not 0 <= created < LATEST:
            raise ValueError(f"created is no time: {created:g}")
    except (TypeError, AttributeError, ValueError, OverflowError) as problem:
        raise RunError(f"The run {folder.name} cannot be read: {problem}.") from None
    name = (read_json(folder / "name.json") or {}).get("name") or _default_name(config)
    return Run(folder.name, folder, config, str(name), created)


def list_runs() -> list[Run]:
    """All runs that can be opened, newest first."""
    runs = []
    for folder in (home() / "runs").glob("[0-9]*-*-*"):
        with contextlib.suppress(RunError, OSError):
            name = folder / "name.json"
            named = name.stat().st_mtime_ns if name.exists() else 0
            runs.append(_open_once(folder, (folder / "config.json").stat().st_mtime_ns, named))
    return sorted(runs, key=lambda run: (run.created, run.id), reverse=True)


@lru_cache(maxsize=4096)
def _open_once(folder: Path, written: int, named: int) -> Run:
    """Open a run; what thirty lists ask for every two seconds is read from the disk once."""
    return open_run(folder)


def rename(run_id: str, name: str) -> None:
    """Give a run a label of at most 80 characters; an empty one takes the label away."""
    write_file(run_folder_of(run_id) / "name.json", json.dumps({"name": clean_name(name, 80)}).encode())


def clean_name(name: str, length: int) -> str:
    """One line of what can be shown; joiners stay, for they hold emoji and letters of some scripts together."""
    return " ".join("".join(c if c.isprintable() or c in "\u200c\u200d" else " " for c in name).split())[:length]


def state(folder: str | Path) -> str:
    """Derive what a run is doing now.

    waiting (for its turn), starting, running, paused, stopping, stalled (its process hangs), or, at an end:
    finished, stopped, diverged, failed, interrupted (its process is gone without a word).
    """
    folder = Path(folder)
    identity = read_json(folder / "worker.json")
    lives = identity is not None and _lives(folder, identity)  # asked first: it may end while we read on
    last = last_event(folder)
    if isinstance(last, RunEnded) and not (folder / "resume").exists():
        return _STATE_OF_REASON.get(last.reason, "finished")
    if not lives:
        if is_in_cluster_queue(folder):
            return "stopping" if (folder / "stop").exists() else "waiting"
        age = min(_age_seconds(folder / "config.json"), _age_seconds(folder / "resume"))
        return "starting" if identity is None and age < START_SECONDS else "interrupted"
    beat = read_json(folder / "heartbeat") or {}
    if is_here(identity) and time.monotonic() - beat.get("monotonic", time.monotonic()) > STALL_SECONDS:
        return "stalled"
    return "stopping" if (folder / "stop").exists() else beat.get("phase", "starting")


def memory_mb(folder: str | Path) -> int:
    """The memory that the run's process last said it holds, in MB; 0 = unknown."""
    told = (read_json(Path(folder) / "heartbeat") or {}).get("memory_mb")
    return int(told) if isinstance(told, int | float) and math.isfinite(told) else 0


# --- what a person tells a run that goes on --------------------------------------------------


def is_told_to_pause(folder: str | Path) -> bool:
    """Tell whether somebody wants the run to wait."""
    return (Path(folder) / "pause").exists()


def wanted_rate(folder: str | Path, name: str = "rate") -> float | None:
    """The learning rate somebody wants and the run has not taken over yet; None where there is none."""
    rate = (read_json(Path(folder) / name) or {}).get("learning_rate")
    if not isinstance(rate, int | float):
        return None
    from ner_core.tagger.recipes import BOUNDS  # late, so that a waiting worker stays small

    bound = BOUNDS["learning_rate"]
    return float(rate) if bound.low <= rate <= bound.high else None


def is_changed(folder: str | Path) -> bool:
    """Tell whether somebody has told the run to pause, or has changed its learning rate."""
    if is_told_to_pause(folder) or wanted_rate(folder) is not None:
        return True
    told = valid_events(read_events(folder)[0])
    return any(isinstance(event, RunTold) and event.what == "rate" for event in told)


def is_in_cluster_queue(folder: Path) -> bool:
    """Tell whether the run was given to a cluster of which no worker has taken it up yet."""
    if not (folder / "cluster.json").exists() or (folder / "worker.json").exists():
        return False
    return (folder / "resume").exists() or not isinstance(last_event(folder), RunEnded)


_beats: dict[Path, tuple[object, float]] = {}  # run -> its last beat, and when that was first seen here


def _lives(folder: Path, identity: Mapping) -> bool:
    """Tell whether the process that works on the run still does.

    A process of this machine is asked for by its pid. One of another machine lives as long as its heartbeat changes, by
    this machine's clock; only at the first look the file's age has to do, and clocks that differ mend with the second.
    """
    if is_here(identity):
        return is_alive(identity)
    beat, now = (read_json(folder / "heartbeat") or {}).get("monotonic"), time.monotonic()
    seen = _beats.get(folder)
    if seen is None or seen[0] != beat:
        age = 0.0 if seen else min(_age_seconds(folder / "heartbeat"), _age_seconds(folder / "worker.json"))
        seen = _beats[folder] = beat, now - age
    return now - seen[1] <= STALL_SECONDS


def delete_run(run_id: str) -> None:
    """Stop the run where it is active, then remove its folder."""
    folder = run_folder_of(run_id)
    identity = read_json(folder / "worker.json")
    if identity is not None and _lives(folder, identity):
        (folder / "stop").touch()
        if not is_here(identity):
            _wait_for_lock(folder, STOP_SECONDS)
        elif not wait_until_gone(identity, STOP_SECONDS):
            end_process(identity)
    hidden = folder.with_name(f".deleted-{folder.name}")
    folder.rename(hidden)  # gone from every list at once, however long the removal takes
    for leftover in hidden.parent.glob(".deleted-*"):  # also of removals that were broken off
        shutil.rmtree(leftover, ignore_errors=True)


def _wait_for_lock(folder: Path, seconds: float) -> None:
    """Wait until no process holds the run (any more), but not for ever."""
    end = time.monotonic() + seconds
    while (lock := take_lock(folder / "lock")) is None and time.monotonic() < end:
        time.sleep(0.05)
    if lock is not None:
        lock.close()


def _age_seconds(path: Path) -> float:
    try:
        return abs(time.time() - path.stat().st_mtime)
    except OSError:
        return math.inf


def read_json(path: Path) -> dict | None:
    """The object that a file holds; None where there is none, or no whole one."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
