"""What is left of a training when the program that ran it is gone?

Chapter of part IV. A run is one folder, and the folder is the whole interface between the page
that asks for a training and the process that does it:

    config.json    what was asked for (written once)
    events.jsonl   what happened: one JSON object a line, only ever appended to
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

Source: TensorBoard's event files (append-only records with a checksum; a torn tail is ignored until
it is whole). Differs from them: each record is one readable line of JSON, its checksum included.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import lru_cache
from pathlib import Path

from ner_core.records import (
    Corpus,
    EpochDone,
    Event,
    FloorsMeasured,
    InputError,
    ProbesTagged,
    RunEnded,
    RunResumed,
    RunStarted,
    RunTold,
    StepDone,
    TrainConfig,
)
from ner_core.scores.report import report_from_dict
from ner_core.tagger.archive import StoreError
from ner_core.tagger.store import load_tagger, save_tagger, sync_folder, write_file
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
        return _from_plain(kind, stored)
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


def _from_plain(kind: type, stored: Mapping) -> object:
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
            value = _from_plain(TrainConfig, value)
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


def _last_event(folder: Path) -> Event | None:
    try:
        size = (folder / "events.jsonl").stat().st_size
    except FileNotFoundError:
        return None
    events, _ = read_events(folder, max(0, size - 65_536))  # the first line may be cut: it is skipped as corrupt
    return events[-1] if events else None


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
    stored = _read_json(folder / "config.json")
    if stored is None:
        raise RunError(f"The run {folder.name} cannot be read: its config.json is missing or damaged.")
    if stored.get("version") != 1:
        raise RunError(f"The run {folder.name} was written by another version of NER Lab. Update it to open this run.")
    try:
        config, created = _from_plain(RunConfig, stored), float(stored.get("created") or 0.0)
        if not 0 <= created < LATEST:
            raise ValueError(f"created is no time: {created:g}")
    except (TypeError, AttributeError, ValueError, OverflowError) as problem:
        raise RunError(f"The run {folder.name} cannot be read: {problem}.") from None
    name = (_read_json(folder / "name.json") or {}).get("name") or _default_name(config)
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
    write_file(run_folder_of(run_id) / "name.json", json.dumps({"name": _clean_name(name, 80)}).encode())


def _clean_name(name: str, length: int) -> str:
    """One line of what can be shown; joiners stay, for they hold emoji and letters of some scripts together."""
    return " ".join("".join(c if c.isprintable() or c in "\u200c\u200d" else " " for c in name).split())[:length]


def state(folder: str | Path) -> str:
    """Derive what a run is doing now.

    waiting (for its turn), starting, running, paused, stopping, stalled (its process hangs), or, at an end:
    finished, stopped, diverged, failed, interrupted (its process is gone without a word).
    """
    folder = Path(folder)
    identity = _read_json(folder / "worker.json")
    lives = identity is not None and _lives(folder, identity)  # asked first: it may end while we read on
    last = _last_event(folder)
    if isinstance(last, RunEnded) and not (folder / "resume").exists():
        return _STATE_OF_REASON.get(last.reason, "finished")
    if not lives:
        if is_in_cluster_queue(folder):
            return "stopping" if (folder / "stop").exists() else "waiting"
        age = min(_age_seconds(folder / "config.json"), _age_seconds(folder / "resume"))
        return "starting" if identity is None and age < START_SECONDS else "interrupted"
    beat = _read_json(folder / "heartbeat") or {}
    if is_here(identity) and time.monotonic() - beat.get("monotonic", time.monotonic()) > STALL_SECONDS:
        return "stalled"
    return "stopping" if (folder / "stop").exists() else beat.get("phase", "starting")


def memory_mb(folder: str | Path) -> int:
    """The memory that the run's process last said it holds, in MB; 0 = unknown."""
    told = (_read_json(Path(folder) / "heartbeat") or {}).get("memory_mb")
    return int(told) if isinstance(told, int | float) and math.isfinite(told) else 0


# --- what a person tells a run that goes on --------------------------------------------------


def is_told_to_pause(folder: str | Path) -> bool:
    """Tell whether somebody wants the run to wait."""
    return (Path(folder) / "pause").exists()


def wanted_rate(folder: str | Path, name: str = "rate") -> float | None:
    """The learning rate somebody wants and the run has not taken over yet; None where there is none."""
    rate = (_read_json(Path(folder) / name) or {}).get("learning_rate")
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


def rates_to_repeat(events: Iterable[Event], step: int) -> dict[int, float]:
    """Step -> learning rate that was set after it, of the steps after `step`, which are to be taken again.

    `events` is the whole log. What a person has set while steps were being repeated takes the place of what came later.

    >>> log = [RunTold(3, 1.0, "rate", 0.1), RunTold(9, 2.0, "rate", 0.2), RunResumed(2, 4, 1.2)]
    >>> rates_to_repeat(log, 4), rates_to_repeat([*log, RunTold(6, 1.5, "rate", 0.3)], 4)
    ({9: 0.2}, {6: 0.3})
    """
    rates: dict[int, float] = {}
    for event in events:
        if isinstance(event, RunTold) and event.what == "rate" and rates.get(event.step) != event.value:
            rates = {at: rate for at, rate in rates.items() if at < event.step} | {event.step: event.value}
    return {at: rate for at, rate in rates.items() if at > step}


def is_in_cluster_queue(folder: Path) -> bool:
    """Tell whether the run was given to a cluster of which no worker has taken it up yet."""
    if not (folder / "cluster.json").exists() or (folder / "worker.json").exists():
        return False
    return (folder / "resume").exists() or not isinstance(_last_event(folder), RunEnded)


_beats: dict[Path, tuple[object, float]] = {}  # run -> its last beat, and when that was first seen here


def _lives(folder: Path, identity: Mapping) -> bool:
    """Tell whether the process that works on the run still does.

    A process of this machine is asked for by its pid. One of another machine lives as long as its heartbeat changes, by
    this machine's clock; only at the first look the file's age has to do, and clocks that differ mend with the second.
    """
    if is_here(identity):
        return is_alive(identity)
    beat, now = (_read_json(folder / "heartbeat") or {}).get("monotonic"), time.monotonic()
    seen = _beats.get(folder)
    if seen is None or seen[0] != beat:
        age = 0.0 if seen else min(_age_seconds(folder / "heartbeat"), _age_seconds(folder / "worker.json"))
        seen = _beats[folder] = beat, now - age
    return now - seen[1] <= STALL_SECONDS


def delete_run(run_id: str) -> None:
    """Stop the run where it is active, then remove its folder."""
    folder = run_folder_of(run_id)
    identity = _read_json(folder / "worker.json")
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


def _read_json(path: Path) -> dict | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


# --- models a person keeps -------------------------------------------------------------------


def keep_model(run: Run, name: str) -> Path:
    """Copy the run's best tagger under a name, so that it outlives the run; returns its folder.

    Raises RunError where the name is taken, or the tagger cannot be opened or stored.
    """
    _, root, _ = model_roots()
    folder = root / folder_name(name)
    try:
        tagger = load_tagger(run.folder / "best")
        root.mkdir(parents=True, exist_ok=True)
        folder.mkdir()  # exclusive: of two who ask for one name at once, one is told
    except FileExistsError:
        raise RunError(f"A model called {folder.name!r} is kept already; choose another name.") from None
    except (StoreError, OSError) as problem:
        raise RunError(f"The model cannot be kept: {problem}") from None
    tagger.card["name"] = _clean_name(name, 60)
    try:
        return save_tagger(tagger, folder)
    except (StoreError, OSError) as problem:
        shutil.rmtree(folder, ignore_errors=True)
        raise RunError(f"The model cannot be kept: {problem}") from None


def folder_name(name: str) -> str:
    r"""A name as a folder's: letters, digits and hyphens, never empty, never a path, never one Windows keeps for itself.

    Where little or nothing of the name is left, a few digits tell it from others.

    >>> folder_name("Newsroom, 4 epochs"), folder_name("../<b>"), folder_name("\u65b0\u805e"), folder_name("CON")
    ('newsroom-4-epochs', 'b', 'model-9c200f', 'con-a3dbc4')
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].rstrip("-")
    if plain and name.isascii() and not re.fullmatch("con|prn|aux|nul|(com|lpt)[0-9]", plain):
        return plain
    digits = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:6]
    return f"{plain[:50] or 'model'}-{digits}"


# --- corpora a person uploaded ------------------------------------------------------------------

Upload = tuple[str, bytes]  # file name, content


def store_corpus(
    name: str, data: bytes, *, dev: Upload | None = None, test: Upload | None = None, form: str | None = None
) -> str:
    """Keep an uploaded corpus for workers to read; returns its id, the same for the same files.

    `name` is the file's name (its ending helps to tell the form), `form` the form where the person chose one.
    """
    parts = {"train": (name, data)} | ({"dev": dev} if dev else {}) | ({"test": test} if test else {})
    digest = hashlib.sha256(repr(form).encode())
    for part, (part_name, content) in parts.items():
        digest.update(f"{part}\0{part_name}\0{len(content)}\0".encode(errors="replace"))
        digest.update(content)
    folder = home() / "corpora" / digest.hexdigest()
    if not (folder / "corpus.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for part, (_, content) in parts.items():
            write_file(folder / part, content)
        about = {"name": name, "form": form, "parts": {part: part_name for part, (part_name, _) in parts.items()}}
        write_file(folder / "corpus.json", json.dumps(about).encode())  # last: it makes the corpus exist
    return folder.name


def load_stored_corpus(corpus_id: str) -> Corpus:
    """Read a stored corpus again, or one of the catalogue. Raises RunError or UploadError where it is not here."""
    from ner_core.data.catalogue import is_entry, load_fetched  # late, so that a waiting worker stays small
    from ner_core.data.corpus import load_corpus

    if is_entry(corpus_id):
        return load_fetched(corpus_id, home() / "corpora")
    folder = home() / "corpora" / str(corpus_id)
    about = _read_json(folder / "corpus.json") if re.fullmatch("[0-9a-f]{64}", str(corpus_id)) else None
    if about is None:
        raise RunError(f"There is no stored corpus {str(corpus_id)[:16]!r}. Upload the file again.")
    uploads = {part: (part_name, (folder / part).read_bytes()) for part, part_name in about["parts"].items()}
    return load_corpus(uploads["train"], dev=uploads.get("dev"), test=uploads.get("test"), format=about["form"])
