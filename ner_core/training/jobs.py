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

from ner_core.tagger.store import move_file, write_file
from ner_core.training.runs import (
    PROJECT,
    Run,
    RunConfig,
    create_run,
    home,
    identify,
    is_alive,
    request_stop,
)
from ner_core.training.worker import claim, has_free_place, waiting_tickets

MIN_DISK_MB = 200  # free space below which no run is started
STANDBY_MB = 2000  # free memory below which nobody stands by
WORKER = ("-m", "ner_core.training.worker")  # what Python is told to run

_starting = threading.Lock()  # one page at a time looks for a standby and starts one


class JobError(RuntimeError):
    """A training cannot be started; the message says why and what to do."""


# --- starting and stopping ------------------------------------------------------------


def start_run(config: RunConfig) -> str:
    """Start (or queue) the training that `config` describes; returns the run's id at once.

    Raises JobError where the disk is nearly full.
    """
    _check_disk()
    run = create_run(config)
    if not _give_to_standby(run):
        try:
            _start_worker(run)
        except OSError as problem:  # no memory or no process left
            shutil.rmtree(run.folder, ignore_errors=True)
            raise JobError(f"No process can be started ({problem.strerror}). Stop another training first.") from None
    return run.id


def stop_run(run_id: str) -> None:
    """End the run after its current step and keep its best; one that still waits ends at once."""
    request_stop(run_id)


def place_in_queue(run_id: str) -> int | None:
    """How many wait before this run (0: it is next); None where it does not wait."""
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
    probably be trained on next: it is read ahead. Where memory is short, or `NER_LAB_STANDBY=0`, nobody stands by.
    """
    if os.environ.get("NER_LAB_STANDBY") == "0":
        return False
    root = _standby_root()
    root.mkdir(parents=True, exist_ok=True)
    _write_text(root / "asked", str(time.monotonic()))
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
            _write_text(folder / "wish.json", json.dumps({"corpus": corpus}))
    return True


def is_standby_ready() -> bool:
    """Tell whether a worker with TensorFlow loaded waits for a run."""
    folder = _living_standby()
    return folder is not None and (folder / "ready").exists()


def end_standby() -> None:
    """Tell the standby to end and give its memory back."""
    folder = _living_standby()
    if folder is not None:
        (folder / "end").touch()


def _give_to_standby(run: Run) -> bool:
    """Hand the run to the standby where one is ready and a place is free."""
    folder = _living_standby()
    if folder is None or not (folder / "ready").exists() or not has_free_place():
        return False
    write_file(run.folder / "worker.json", (folder / "worker.json").read_bytes())
    if claim(folder, run.folder):
        return True
    (run.folder / "worker.json").unlink()  # somebody else was quicker
    return False


def _standby_root() -> Path:
    return home() / "standby"


def _living_standby() -> Path | None:
    """The folder of the standby that is loading or ready (not one that has its job)."""
    for folder in _standby_root().glob("[0-9a-f]*"):
        if (folder / "job.json").exists() or (folder / "end").exists():
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


def _write_text(path: Path, text: str) -> None:
    """Replace a small file that need not survive a power cut."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    temporary.write_text(text)
    move_file(temporary, path)


def free_memory_mb() -> int:
    """Memory that can be used now, in MB; a container's own limit counts. Unknown = plenty."""
    free = _kilobytes("/proc/meminfo", "MemAvailable:") // 1024
    limit, used = _bytes("/sys/fs/cgroup/memory.max"), _bytes("/sys/fs/cgroup/memory.current")
    if limit is not None and used is not None:
        free = min(free, (limit - used) // 2**20)
    return free


def _kilobytes(path: str, name: str) -> int:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return 1 << 40
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 1 << 40)


def _bytes(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # absent, or "max"
        return None
