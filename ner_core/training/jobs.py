"""How does a page have something trained without training itself?

Chapter of part IV. `start_run` makes a run's folder and hands it to a process of its own (see
`worker`): the one that stands by with TensorFlow loaded where there is one, else a new one. The
page then only reads the folder. Nothing here loads TensorFlow, and no process is a child that
must be waited for: each is its own session and survives the server.

Source: Python's `subprocess` documentation. Differs from `multiprocessing`: that would run `app.py`
again in the child and tie its life to the server's.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from ner_core.tagger.store import write_file
from ner_core.training import classroom, cluster, people
from ner_core.training.machine import free_memory_mb, identify, is_alive, machine_name, take_lock
from ner_core.training.places import has_free_place, waiting_tickets
from ner_core.training.runs import (
    PROJECT,
    RESUMABLE_STATES,
    Run,
    RunConfig,
    create_run,
    home,
    read_run,
    run_folder_of,
)
from ner_core.training.worker import claim

MIN_DISK_MB = 200  # free space below which no run is started
STANDBY_MB = 2000  # free memory below which nobody stands by
WORKER = ("-m", "ner_core.training.worker")  # what Python is told to run

_starting = threading.Lock()  # one page at a time looks for a standby and starts one


class JobError(RuntimeError):
    """A training cannot be started; the message says why and what to do."""


# --- starting and stopping ------------------------------------------------------------


def start_run(config: RunConfig) -> str:
    """Start (or queue) the training that `config` describes; returns the run's id at once.

    Where the same training goes on already, its id is returned, and who asked watches it. Raises JobError where the
    person may not start another one, the disk is nearly full, nothing can be stored, or no process can be had.
    """
    try:
        _check_disk()
        with classroom.admission(config) as same:
            if same is not None:
                if same.config.owner != config.owner:
                    people.watch(config.owner, same.id, config.probes)
                return same.id
            run = create_run(config)
    except classroom.ClassError as problem:
        raise JobError(str(problem)) from None
    except OSError as problem:
        raise JobError(
            f"The run cannot be stored ({problem.strerror}). Make room, or choose NER_LAB_HOME anew."
        ) from None
    try:
        _hand_over(run)
    except JobError:
        shutil.rmtree(run.folder, ignore_errors=True)
        raise
    return run.id


_ENDING_SECONDS = 5.0  # a process that has ended its run gives the lock back well within


def resume_run(run_id: str) -> None:
    """Let a run that was interrupted, stopped or failed go on from its last checkpoint, exactly.

    Of any number who ask at once, one is enough: the others find it going on. Raises RunError where there is
    no such run, JobError where it has come to its end, the disk is nearly full, or no process can be had.
    """
    run = read_run(run_id)
    patience = time.monotonic() + _ENDING_SECONDS
    while (lock := take_lock(run.folder / "lock")) is None:  # somebody works on it, or has asked in this moment,
        if run.is_active:
            return
        if time.monotonic() > patience:
            raise JobError("This run is just ending. Try again in a moment.")
        time.sleep(0.05)  # or its process has said its last word and is about to go
    with lock:
        state = run.state
        if run.is_active:
            return
        if state not in RESUMABLE_STATES:
            raise JobError(f"This run is {state}: there is nothing left to do. Start a new one instead.")
        try:
            _check_disk()
            classroom.check_one_each(run.config.owner)
            (run.folder / "stop").unlink(missing_ok=True)
            (run.folder / "pause").unlink(missing_ok=True)
            (run.folder / "worker.json").unlink(missing_ok=True)
            (run.folder / "resume").touch()
        except classroom.ClassError as problem:
            raise JobError(str(problem)) from None
        except OSError as problem:
            raise JobError(f"The run cannot be resumed ({problem.strerror}). Make room first.") from None
        try:
            _hand_over(run)
        except JobError:
            (run.folder / "resume").unlink(missing_ok=True)
            raise


def _hand_over(run: Run) -> None:
    """Give the run to the cluster where there is one, to the standby, or to a new process."""
    if cluster.scheduler():
        try:
            cluster.submit(run)
        except cluster.ClusterError as problem:
            raise JobError(str(problem)) from None
        except OSError as problem:  # a full disk, or a scheduler that has gone in this moment
            raise JobError(
                f"The run cannot be given to the cluster ({problem.strerror or problem}). Try again, or make room first."
            ) from None
    elif not _give_to_standby(run):
        try:
            _start_worker(run)
        except OSError as problem:  # no memory or no process left
            raise JobError(f"No process can be started ({problem.strerror}). Stop another training first.") from None


def stop_run(run_id: str) -> None:
    """End the run after its current step and keep its best; one that still waits ends at once.

    Raises RunError where there is no such run (any more).
    """
    folder = run_folder_of(run_id)
    (folder / "stop").touch()
    cluster.end_waiting(folder)


def pause_run(run_id: str) -> None:
    """Let the run wait after its current step, until it is told to go on; its place in the queue stays its own.

    In a class it goes on by itself after `classroom.PAUSE_SECONDS`, so that nobody keeps a place by pausing. Raises RunError where there is no such run (any more).
    """
    (run_folder_of(run_id) / "pause").touch()


def continue_run(run_id: str) -> None:
    """Let a paused run go on. Raises RunError where there is no such run (any more)."""
    (run_folder_of(run_id) / "pause").unlink(missing_ok=True)


def set_learning_rate(run_id: str, rate: float) -> None:
    """Change the learning rate from the run's next step on; from there it falls in proportion, as it would have.

    Raises RunError where there is no such run (any more), JobError where no network learns at that rate.
    """
    from ner_core.tagger.recipes import BOUNDS  # late: most pages need no recipe

    bound = BOUNDS["learning_rate"]
    if not bound.low <= rate <= bound.high:  # also where it is no number
        raise JobError(f"A learning rate lies between {bound.low:g} and {bound.high:g}. Received: {rate:g}.")
    write_file(run_folder_of(run_id) / "rate", json.dumps({"learning_rate": float(rate)}).encode())


def place_in_queue(run_id: str) -> int | None:
    """How many wait before this run on this machine (0: it is next); None where it does not wait. See `waiting` for a cluster."""
    order = [ticket.name.split(".")[1] for ticket in waiting_tickets()]
    return order.index(run_id) if run_id in order else None


def _check_disk() -> None:
    home().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home()).free // 2**20
    if free < MIN_DISK_MB:
        raise JobError(
            f"Only {free} MB are free where runs are stored; {MIN_DISK_MB} are needed. Delete old runs first."
        )


def _start_worker(run: Run) -> None:
    with (run.folder / "worker.log").open("ab") as log:
        child = _start([str(run.folder)], log)
    _note_worker(run.folder, child.pid)


def _note_worker(folder: Path, pid: int) -> None:
    """Say who works on the run before that process can say so itself."""
    identity = identify(pid)
    if identity["start"] is not None and not (folder / "worker.json").exists():
        with contextlib.suppress(OSError):  # it says so itself in a moment
            write_file(folder / "worker.json", json.dumps(identity).encode())


def _start(arguments: list[str], log) -> subprocess.Popen:
    """Start a worker in a session of its own; a thread waits for its end, so that no zombie stays."""
    environment = os.environ | {"NER_LAB_HOME": str(home()), "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
    if os.name == "nt":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    else:
        apart = {"start_new_session": True}
    child = subprocess.Popen(
        [sys.executable, *WORKER, *arguments],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        **apart,
    )
    threading.Thread(target=child.wait, daemon=True).start()
    return child


# --- the standby ------------------------------------------------------------------------


def ensure_standby(corpus: str | None = None) -> bool:
    """See that one worker stands by with TensorFlow loaded; returns whether one does or will.

    Pages call this whenever they are shown, which also keeps it alive. `corpus` is the id that will
    probably be trained on next: it is read ahead. Where memory is short, the disk is full, no process can be
    had, or `NER_LAB_STANDBY=0`, nobody stands by: a convenience is missing, and nothing is raised.
    """
    if os.environ.get("NER_LAB_STANDBY") == "0" or cluster.scheduler():
        return False
    try:
        return _see_to_standby(_standby_root(), corpus)
    except OSError:
        return False


def _see_to_standby(root: Path, corpus: str | None) -> bool:
    root.mkdir(parents=True, exist_ok=True)
    write_file(root / "asked", str(time.monotonic()).encode(), is_durable=False)
    with _starting:
        folder = _living_standby()
        if folder is None:
            if free_memory_mb() < STANDBY_MB:
                return False
            _sweep(root)
            folder = root / secrets.token_hex(16)
            folder.mkdir()
            with (folder / "worker.log").open("ab") as log:
                child = _start(["--standby", str(folder)], log)
            _note_worker(folder, child.pid)
        if corpus is not None:
            write_file(folder / "wish.json", json.dumps({"corpus": corpus}).encode(), is_durable=False)
    return True


def _give_to_standby(run: Run) -> bool:
    """Hand the run to the standby where one is ready and a place is free."""
    folder = _living_standby()
    if folder is None or not (folder / "ready").exists():
        return False
    with contextlib.suppress(OSError):  # some file systems cannot hand over: the run gets a process of its own
        if not has_free_place():
            return False
        write_file(run.folder / "worker.json", (folder / "worker.json").read_bytes())
        if claim(folder, run.folder):
            return True
    (run.folder / "worker.json").unlink(missing_ok=True)  # also where somebody else was quicker
    return False


def _standby_root() -> Path:
    return home() / "standby" / machine_name()  # the same store may serve several machines


def _living_standby() -> Path | None:
    """The folder of the standby that is loading or ready (not one that has its job)."""
    for folder in _standby_root().glob("[0-9a-f]*"):
        if (folder / "job.json").exists():
            continue
        with contextlib.suppress(OSError, ValueError):
            if is_alive(json.loads((folder / "worker.json").read_text())):
                return folder
    return None


def _sweep(root: Path) -> None:
    """Remove the folders of standbys that are gone."""
    for folder in root.glob("[0-9a-f]*"):
        with contextlib.suppress(OSError, ValueError):
            if folder.is_dir() and not is_alive(json.loads((folder / "worker.json").read_text())):
                shutil.rmtree(folder, ignore_errors=True)
