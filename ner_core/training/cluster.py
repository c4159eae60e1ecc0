"""What if a class outgrows one machine?

Chapter of part IV. With `NER_LAB_SCHEDULER=tcp://host:8786` trainings go to a Dask cluster whose workers share the
store (`NER_LAB_HOME` on a common disk). Dask decides where and when; everything else goes through the run's folder, as
on one machine: the page reads the event log, Stop is the file `stop`, the checkpoint says where to go on.

A Dask worker trains in a process of its own, `python -m ner_core.training.cluster FOLDER`, and only waits for it. So
TensorFlow's memory is given back after each training, a training that is ended for want of memory takes nothing else
with it, and Dask's own threads stay quick. The process is tied to its worker by a pipe: when the worker is gone, however
it went, the training ends in that moment, and Dask gives the run to another worker, which goes on from the checkpoint.

Source: Dask's documentation (dask.distributed): a task may be run again at any time, and cancelling does not end one that
runs. Differs from an ordinary task: it returns nothing but a word, and doing it twice is harmless, because the folder says
what is left to do.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ner_core.records import InputError, Prediction, RunEnded, Tagger
from ner_core.tagger.store import write_file
from ner_core.training import classroom, worker
from ner_core.training.event_log import EventLog
from ner_core.training.machine import take_lock
from ner_core.training.runs import ACTIVE_STATES, PROJECT, Run, RunError, is_in_cluster_queue, read_run

if TYPE_CHECKING:
    from distributed import Client, Future

RUNNER = ("-m", "ner_core.training.cluster")  # what Python is told to run on a worker
CONNECT_SECONDS = 5.0
PIECES_A_WORKER = 3  # pieces of a corpus that are under way: none waits for the next, and memory stays bounded

_client: Client | None = None
_connecting = threading.Lock()


class ClusterError(InputError):
    """The cluster cannot be used; the message says why and what to do."""


def scheduler() -> str:
    """The address of the cluster's scheduler; "" where this machine trains itself."""
    return os.environ.get("NER_LAB_SCHEDULER", "").strip()


def connect() -> Client:
    """The connection to the scheduler: one for this process, made anew where it broke.

    Raises ClusterError where the package is missing or nobody answers.
    """
    global _client
    try:
        from distributed import Client
    except ImportError:
        raise ClusterError(
            "NER_LAB_SCHEDULER is set, but Dask is not installed. Run: pip install -r requirements-cluster.txt, "
            "or unset NER_LAB_SCHEDULER to train on this machine."
        ) from None
    with _connecting:
        if _client is None or _client.status != "running" or _client.scheduler.address != _plain(scheduler()):
            if _client is not None:
                with contextlib.suppress(Exception):
                    _client.close(timeout=1)
                _client = None
            try:
                _client = Client(scheduler(), timeout=CONNECT_SECONDS, set_as_default=False)
            except (OSError, ValueError, TypeError) as problem:
                raise ClusterError(
                    f"The cluster's scheduler does not answer. Received: NER_LAB_SCHEDULER={scheduler()!r}, "
                    f"{type(problem).__name__}. Start it (docs/deploy.md), or unset NER_LAB_SCHEDULER."
                ) from None
        return _client


def _plain(address: str) -> str:
    return address if "://" in address else f"tcp://{address}"


# --- a training ---------------------------------------------------------------------------


def submit(run: Run) -> None:
    """Put a run into the cluster's queue. It stays there when this process ends. Raises ClusterError."""
    from_here = connect()
    write_file(run.folder / "cluster.json", json.dumps({"scheduler": scheduler()}).encode())
    from distributed import fire_and_forget

    # A key of its own each time: a run that was resumed is another task, and of two for one folder one finds nothing to do.
    key = f"ner-lab-{run.id}-{time.time_ns():x}"
    asked = from_here.submit(do_run, run.id, classroom.is_class(), key=key, pure=False)
    fire_and_forget(asked)
    asked.add_done_callback(lambda done: _tell_failure(run.folder, done))


def _tell_failure(folder: Path, done: Future) -> None:
    """Say in the run's log what only Dask knows: no worker could do it."""
    if done.status != "error":
        return
    problem = done.exception()
    with contextlib.suppress(OSError, RunError):
        lock = take_lock(folder / "lock")
        if lock is None:  # somebody works on it after all
            return
        with lock, contextlib.closing(EventLog(folder)) as log:
            if read_run(folder.name).state in ("waiting", "interrupted"):
                (folder / "resume").unlink(missing_ok=True)
                log.write(RunEnded("failed", 0, 0, 0.0, f"No worker of the cluster could do it: {problem}"))


def end_waiting(folder: Path) -> None:
    """End a run that was told to stop while it waits in the cluster: here and now, for no worker may be free for long.

    It is done here like any other, and finds `stop` before TensorFlow is loaded. The task finds nothing left to do.
    """
    if is_in_cluster_queue(folder):
        worker.run_folder(folder)


def do_run(run_id: str, is_class: bool = False) -> str:
    """What a Dask worker does: have the run done, or what is left of it; returns its state, or "deleted".

    A task that Dask runs again finds an end in the log, or goes on from the checkpoint. Where another process holds
    the run, it waits until that one is done or gone. `is_class`: the server that asks serves a class, whose limits
    hold here too. Raises RuntimeError where no process could even begin.
    """
    try:
        while (run := read_run(run_id)).is_active or run.state == "interrupted":
            code = _train_in_process(run.folder, is_class)
            if is_in_cluster_queue(run.folder):
                raise RuntimeError(f"the training process ended with code {code} before it began; see worker.log")
            if run.state not in ACTIVE_STATES:  # ended, or broken off as on one machine; else somebody else has it
                break
        return run.state
    except (RunError, FileNotFoundError):
        return "deleted"


def _train_in_process(folder: Path, is_class: bool) -> int:
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
    environment |= {"NER_LAB_CLASS": "1"} if is_class else {}
    with (folder / "worker.log").open("ab") as log:
        command = [sys.executable, *RUNNER, str(folder)]
        child = subprocess.Popen(command, cwd=PROJECT, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log)
    with child:  # only we hold the other end of its standard input: it is closed when we are gone
        return child.wait()


def _end_with_parent() -> None:
    """End this process at once when the Dask worker that started it is gone: the run is another's from then on."""

    def wait() -> None:
        while os.read(0, 64):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


# --- a large corpus -------------------------------------------------------------------------


def tag_pieces(tagger: Tagger, pieces: Iterable[list[str]]) -> Iterator[list[Prediction]]:
    """Tag lists of texts on the cluster; yields their predictions in the order of the lists.

    Few are under way at once, so that input without end needs no memory without end. Raises ClusterError.
    """
    client = connect()
    if not (n_workers := len(client.scheduler_info(n_workers=-1)["workers"])):
        raise ClusterError(f"The cluster at {scheduler()} has no worker. Start one (docs/deploy.md).")
    model = client.scatter(tagger, broadcast=True, hash=False)
    under_way: deque = deque()
    try:
        for piece in pieces:
            under_way.append(client.submit(_tag_piece, model, piece, pure=False))
            if len(under_way) >= PIECES_A_WORKER * n_workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        client.cancel(list(under_way))


def _tag_piece(tagger: Tagger, texts: list[str]) -> list[Prediction]:
    from ner_core.tagger.predict import predict

    return predict(tagger, texts)


def main(arguments: list[str] | None = None) -> int:
    """Do one run, as long as the Dask worker lives that started this process."""
    _end_with_parent()
    return worker.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
