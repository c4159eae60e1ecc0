"""Who does a training that a page has asked for?

Chapter of part IV. A process of its own: `python -m ner_core.training.worker FOLDER` reads the
folder's `config.json`, waits for its turn, trains, and writes what happens into the folder (see
`runs`). It belongs to no server: it goes on when the server is killed, and is found again by its
folder. A file named `stop`, or SIGTERM, ends it after the current step; the best so far is kept. A file named
`pause` lets it wait as long as the file is there, and one named `rate` changes the learning rate.

A folder that was begun before is gone on with from its last checkpoint, exactly. So doing a folder again
is harmless: one that is finished is left alone, and one that another process works on as well.

Because TensorFlow takes seconds to import, one more process may stand by with everything loaded:
`python -m ner_core.training.worker --standby FOLDER`. It writes `ready`, waits for `job.json`, and
then works like any other. Whoever puts `job.json` there first has it, so it is given away only once.

Source: the run's folder (see `runs`), which is all that a worker is told and all that it tells. Differs from the worker of a
job server: there is no server, so none can be missing.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import secrets
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from ner_core.records import (
    Corpus,
    EpochDone,
    Event,
    RunEnded,
    RunResumed,
    RunTold,
    Sentence,
    Snapshot,
    Span,
    Tagger,
    TrainConfig,
)
from ner_core.tagger.store import write_file
from ner_core.training import classroom
from ner_core.training.best_epoch import keep_best
from ner_core.training.checkpoints import last_checkpoint, save_checkpoint, sweep
from ner_core.training.event_log import EventLog, StepFilter, read_events, valid_events
from ner_core.training.keeping import load_stored_corpus
from ner_core.training.machine import identify, memory_mb, take_lock
from ner_core.training.places import wait_for_place
from ner_core.training.runs import RunConfig, open_run
from ner_core.training.snapshots import Album
from ner_core.training.tensorboard import Board, has_curves
from ner_core.training.wishes import Wishes, stop_on_signal

BEAT_SECONDS = 1.0
POLL_SECONDS = 0.05
FINAL_REASONS = ("finished", "early", "time", "diverged")  # of a run that has nothing left to do
UNFORESEEN = "Something went wrong that nobody foresaw"  # the beginning of such a message
LOCK_SECONDS = 5.0  # whoever asked for the run lets go of its lock sooner
RESERVE_BYTES = 65_536  # room kept free, so that a full disk can still be told
ORPHAN_SECONDS = 600.0  # a standby nobody asked after for so long ends

Train = Callable[..., Iterator[Event]]


# --- one run ---------------------------------------------------------------------------


def run_folder(folder: str | Path, *, train: Train | None = None, corpus: tuple[str, Corpus] | None = None) -> str:
    """Do the run that `folder` asks for, or what is left of it; return the reason it ended.

    `train` takes the place of `training.train.train` (tests); `corpus` = (id, Corpus) is one already read.
    Whatever goes wrong with the training becomes a RunEnded event and a traceback in `worker.log`. The reason
    is "busy", and nothing is done, where another process works on the folder.
    """
    folder = Path(folder)
    lock = _lock_run(folder)
    if lock is None:
        return "busy"
    with lock:
        ended = next((event for event in reversed(read_events(folder)[0]) if isinstance(event, RunEnded)), None)
        if ended and ended.reason in FINAL_REASONS and not (folder / "resume").exists():
            return ended.reason
        return _run_locked(folder, train, corpus)


def _lock_run(folder: Path):
    """Hold the folder for this process; None where another one has it."""
    end = time.monotonic() + LOCK_SECONDS
    while (lock := take_lock(folder / "lock")) is None and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    return lock


def _sweep(folder: Path) -> None:
    """Remove half-written files: of a worker that was killed, or where a disk refused."""
    sweep(folder)
    for name in ("worker.json", "heartbeat", "reserve"):
        for leftover in folder.glob(f"{name}.*.tmp"):
            with contextlib.suppress(OSError):
                leftover.unlink(missing_ok=True)


def _run_locked(folder: Path, train: Train | None, corpus: tuple[str, Corpus] | None) -> str:
    started = time.monotonic()
    with stop_on_signal() as is_told:
        _sweep(folder)
        write_file(folder / "worker.json", json.dumps(identify(os.getpid())).encode())

        def control() -> str | None:
            return "stop" if is_told() or (folder / "stop").exists() else None

        with contextlib.closing(EventLog(folder)) as log, _Pulse(folder) as pulse:
            try:
                write_file(folder / "reserve", bytes(RESERVE_BYTES))
                ended = _work(folder, log, pulse, control, train, corpus)
            except BaseException as problem:  # also SystemExit and MemoryError: the person is told in any case
                _keep_traceback(folder)
                ended = RunEnded("failed", 0, 0, time.monotonic() - started, _explain_with_place(problem))
            with contextlib.suppress(OSError):
                (folder / "resume").unlink(missing_ok=True)
                (folder / "reserve").unlink(missing_ok=True)  # on a full disk: the room for the last line
            with contextlib.suppress(OSError):  # a disk that takes nothing: the state is derived without it
                log.write(ended)
        _sweep(folder)
    return ended.reason


def _work(
    folder: Path, log: EventLog, pulse: _Pulse, control: Callable, train: Train | None, corpus: tuple | None
) -> RunEnded:
    """Wait for a place, build the tagger, train it; return the last event, which is not yet written."""
    config = open_run(folder).config
    start = go_on(folder, log)
    stopped = RunEnded("stopped", 0, 0, 0.0, "Stopped before the first step, so there is no model.")
    if start:
        message = (
            f"Stopped before it went on. Epoch {start.best_epoch} is kept." if start.best_epoch else stopped.message
        )
        stopped = RunEnded("stopped", start.best_epoch, start.epoch, start.seconds, message)
    with wait_for_place(folder.name, control) as has_place:
        pulse.phase = "starting"
        if not has_place:
            return stopped
        tagger, read, training = build(config, corpus)
        train = train or _import_train()
        if control() == "stop":
            return stopped
        is_wanted, wishes = StepFilter(), Wishes(folder, control, start.step if start else 0)
        control = classroom.Limit(wishes)

        def keep(snapshot: Snapshot) -> None:
            save_checkpoint(folder, snapshot)

        album = Album(folder, tagger, since=start.step if start else -1)
        events = train(
            tagger, read, training, probes=config.probes, control=control, show=album.show, keep=keep, start=start
        )
        since = (start.step if start else 0) if has_curves(folder) else None
        board = Board(folder, since) if config.tensorboard else None
        for event in keep_best(events, tagger, folder / "best", corpus=read, training=training, start=start):
            pulse.phase = "paused" if isinstance(event, RunTold) and event.what == "paused" else "running"
            event = control.take(event)
            if board:
                board.take(event)
            if isinstance(event, RunEnded):
                return event
            if is_wanted(event):
                log.write(event)
            wishes.take(event)
    raise RuntimeError("The training ended without saying why.")


def go_on(folder: Path, log: EventLog) -> Snapshot | None:
    """Find where a run that was begun before goes on, and tell the log; None for a new run, or one begun anew.

    An epoch is logged after its checkpoint: where a kill fell between the two it is logged now. What the log
    tells of later steps than the checkpoint's becomes void, because these steps are taken again.
    """
    if not log.sequence:
        return None
    start, problems = last_checkpoint(folder)
    history = start.history if start else ()
    told = {event.epoch for event in valid_events(read_events(folder)[0]) if isinstance(event, EpochDone)}
    for done in history:
        if done.epoch not in told:
            log.write(done)
    epoch, step, seconds = (start.epoch, start.step, start.seconds) if start else (0, 0, 0.0)
    where = f"It goes on after step {step:,}." if start else "There is no checkpoint, so it begins anew."
    log.write(RunResumed(epoch, step, seconds, " ".join([*problems, where])))
    (folder / "resume").unlink(missing_ok=True)
    return start


def build(config: RunConfig, corpus: tuple[str, Corpus] | None = None) -> tuple[Tagger, Corpus, TrainConfig]:
    """Return what `config` asks for: the untrained tagger, the corpus in the recipe's split, how to train."""
    from ner_core.tagger.recipes import deal, new_tagger, recipe, resize

    chosen = resize(recipe(config.recipe, published=config.is_published), **config.hyperparameters)
    is_read = corpus is not None and corpus[0] == config.corpus
    read = corpus[1] if is_read else read_corpus(config.corpus)
    read = deal(read, chosen)
    return new_tagger(read, chosen), read, config.training or chosen.training


def read_corpus(name: str) -> Corpus:
    """The corpus that ships ("newsroom"), or the stored one of that id."""
    from ner_core.data.corpus import load_corpus

    return load_corpus("newsroom") if name == "newsroom" else load_stored_corpus(name)


def _import_train() -> Train:
    from ner_core.training.train import train  # TensorFlow: four seconds and 700 MB

    return train


def explain(problem: BaseException) -> str:
    """Say in one sentence what went wrong and what might help.

    >>> explain(OSError(28, "No space left on device"))
    'The disk is full. Delete old runs or make room, then start again.'
    """
    name, text = type(problem).__name__, " ".join(str(problem).split())[:300]
    if isinstance(problem, OSError) and problem.errno in (28, 122):  # ENOSPC, EDQUOT
        return "The disk is full. Delete old runs or make room, then start again."
    if isinstance(problem, MemoryError) or name == "ResourceExhaustedError":
        return "The memory is used up. Choose fewer words a step, a smaller network or a smaller corpus."
    if isinstance(problem, ValueError):  # ours say what, where and how to mend it
        return text or "A value could not be used."
    if isinstance(problem, OSError) and problem.strerror:
        return f"A file cannot be read or written: {problem.strerror}."
    return f"{UNFORESEEN} ({name}: {text})."


def _explain_with_place(problem: BaseException) -> str:
    """The sentence for the person, and where there is more to read if nobody foresaw the problem."""
    told = explain(problem)
    return f"{told} Details stand in worker.log in the run's folder." if told.startswith(UNFORESEEN) else told


def _keep_traceback(folder: Path) -> None:
    with contextlib.suppress(OSError), (folder / "worker.log").open("a", encoding="utf-8") as log:
        log.write(traceback.format_exc())


# --- signs of life -------------------------------------------------------------------------


class _Pulse:
    """A thread that writes `heartbeat` every second: what is done, and the monotonic clock (no clock change fools it)."""

    def __init__(self, folder: Path):
        self.folder, self._phase = folder, "waiting"
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> _Pulse:
        self._write()
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._end.set()
        self._thread.join()

    @property
    def phase(self) -> str:
        return self._phase

    @phase.setter
    def phase(self, phase: str) -> None:
        if phase != self._phase:
            self._phase = phase
            self._write()

    def _beat(self) -> None:
        while not self._end.wait(BEAT_SECONDS):
            self._write()

    def _write(self) -> None:
        content = json.dumps({"phase": self._phase, "monotonic": time.monotonic(), "memory_mb": memory_mb()})
        with contextlib.suppress(OSError):  # a missed beat is no reason to end a training
            write_file(self.folder / "heartbeat", content.encode(), is_durable=False)


# --- standing by with TensorFlow loaded --------------------------------------------------------


def stand_by(folder: str | Path) -> None:
    """Load everything, say `ready`, wait for `job.json`, do that run, and end."""
    folder = Path(folder)
    write_file(folder / "worker.json", json.dumps(identify(os.getpid())).encode())
    lock = take_lock(folder.parent / "standby.lock")
    if lock is None:  # another one stands by already
        return
    _warm_up()
    wish, corpus = None, None
    (folder / "ready").touch()
    while not (folder / "job.json").exists():
        if _is_orphaned(folder.parent):
            claim(folder, None)  # unless a run came first
        elif (asked := _wish(folder)) != wish:
            wish, corpus = asked, _read_ahead(asked)
        time.sleep(POLL_SECONDS)
    run = json.loads((folder / "job.json").read_text())["run"]
    lock.close()  # from here on another one may stand by
    if run is not None:
        run_folder(run, corpus=corpus)


def claim(folder: Path, run: Path | None) -> bool:
    """Give a standby its one job (None: to end); False where it already has one.

    `job.json` appears at once with its content, and only if it is not there: of any number of callers one wins.
    Raises OSError where the file system cannot do so (exFAT knows no hard links).
    """
    offer = folder / f"offer.{secrets.token_hex(8)}.tmp"
    offer.write_text(json.dumps({"run": run and str(run)}))
    try:
        (os.rename if os.name == "nt" else os.link)(offer, folder / "job.json")
        return True
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(OSError):
            offer.unlink(missing_ok=True)


def _warm_up() -> None:
    """Import TensorFlow and take one step on one sentence, so that the first real step is quick."""
    train = _import_train()
    from ner_core.tagger.recipes import new_tagger, recipe

    ada = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
    corpus = Corpus("warm-up", (ada, ada), (ada,), (), ("geo", "per"))
    with contextlib.suppress(Exception):  # a cold start is slower, nothing worse
        chosen = recipe("bilstm-crf")
        for event in train(new_tagger(corpus, chosen), corpus, chosen.training, control=lambda: "stop"):
            if isinstance(event, RunEnded):
                break


def _wish(folder: Path) -> str | None:
    """The corpus a page expects to be trained on next."""
    try:
        return json.loads((folder / "wish.json").read_text())["corpus"]
    except (OSError, ValueError, KeyError):
        return None


def _read_ahead(corpus_id: str | None) -> tuple[str, Corpus] | None:
    if corpus_id is None:
        return None
    try:
        read = corpus_id, read_corpus(corpus_id)
        gc.freeze()  # a million words need not be looked through at every collection
        return read
    except Exception:  # the run that asks for it will say what is wrong with it
        return None


def _is_orphaned(root: Path) -> bool:
    """Nobody has asked after the standby for ten minutes (by the monotonic clock of this boot)."""
    try:
        return time.monotonic() - float((root / "asked").read_text()) > ORPHAN_SECONDS
    except (OSError, ValueError):
        return True


# --- the command -----------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ner_core.training.worker", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the run's folder, or with --standby one of its own")
    parser.add_argument("--standby", action="store_true", help="load TensorFlow and wait for a job")
    chosen = parser.parse_args(arguments)
    if hasattr(os, "nice"):
        os.nice(5)  # the pages come first
    with contextlib.suppress(OSError):  # where memory is short, Linux ends a training and not the server
        Path("/proc/self/oom_score_adj").write_text("1000")
    if chosen.standby:
        stand_by(chosen.folder)
        return 0
    return 1 if run_folder(chosen.folder) in ("failed", "diverged") else 0


if __name__ == "__main__":
    sys.exit(main())
