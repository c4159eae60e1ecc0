"""How does a training go on after a kill as if nothing had happened?

Chapter of part IV. After every epoch, and where it is stopped within one, a run keeps a checkpoint: a folder
that holds a whole Snapshot (see `records`), named by the step after which it was taken:

    checkpoints/step-00000126/
        state.json      epoch, step, seconds, the shuffling's random state, the best so far, the history
        arrays.npz      every variable of network and optimizer, and the best epoch's weights (no pickle)
        MANIFEST.json   whose run it is, and size and SHA-256 of the two

It is written under a name that ends in `.tmp`, brought to the disk, and only then renamed: there is a whole
checkpoint or none. The last two and the best epoch's stay. Reading checks every byte against the manifest;
where the last one is damaged the one before it is taken, and whoever asked is told why.

Source: Keras' `BackupAndRestore` callback. Differs from it: that keeps weights and progress in two files which
a kill can part, knows neither the history nor the best score nor a place within an epoch, and checks nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np

from ner_core.records import EpochDone, InputError, Snapshot
from ner_core.tagger.store import sync_folder, write_file
from ner_core.training.event_log import event_from_dict, event_to_dict

VERSION = 1
FILES = ("state.json", "arrays.npz")
MANIFEST = "MANIFEST.json"
N_LAST = 2  # so many are kept beside the best
_BEST = "best."  # members of the archive that are the best epoch's weights


class CheckpointError(InputError):
    """A checkpoint is missing, damaged, another run's or too new; the message says which."""


# --- writing ----------------------------------------------------------------------------


def save_checkpoint(run: Path, snapshot: Snapshot) -> Path:
    """Keep the snapshot in the run's folder, whole or not at all; older ones than needed are removed."""
    root = run / "checkpoints"
    if not root.exists():
        root.mkdir()
        sync_folder(run)
    sweep(run)
    target = root / f"step-{snapshot.step:08d}"
    unfinished = root / f"{target.name}.tmp"
    try:
        _write_whole(unfinished, run.name, _pack(snapshot))
        if target.exists():  # a damaged one of the same step
            _set_aside(target, ".damaged")
        unfinished.rename(target)  # here it is stored
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)  # a full disk gets its room back
        raise
    sync_folder(root)
    _prune(root, snapshot)
    return target


def sweep(run: Path) -> None:
    """Remove what a killed writing or removal has left."""
    for leftover in (run / "checkpoints").glob("*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)


def _write_whole(folder: Path, run_id: str, contents: dict[str, bytes]) -> None:
    folder.mkdir()
    manifest = {name: {"bytes": len(data), "sha256": _digest(data)} for name, data in contents.items()}
    for name, data in contents.items():
        write_file(folder / name, data)
    write_file(folder / MANIFEST, json.dumps({"version": VERSION, "run": run_id, "files": manifest}).encode())


def _prune(root: Path, snapshot: Snapshot) -> None:
    """Keep the last ones and the best epoch's."""
    best = next((done.step for done in snapshot.history if done.epoch == snapshot.best_epoch), None)
    kept = {folder.name for folder in list_checkpoints(root.parent)[-N_LAST:]} | {f"step-{best or 0:08d}"}
    for folder in root.glob("step-*"):
        if folder.name not in kept:
            _set_aside(folder, ".tmp")
    sweep(root.parent)


def _set_aside(folder: Path, ending: str) -> None:
    """Rename, so that it is no checkpoint any more at once; where that fails it stays."""
    aside = folder.with_name(f"{folder.name}{ending}")
    shutil.rmtree(aside, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.rename(aside)


def _pack(snapshot: Snapshot) -> dict[str, bytes]:
    """The bytes of the two files."""
    state = {part.name: getattr(snapshot, part.name) for part in fields(snapshot)}
    members = {f"{number:03d}": array for number, array in enumerate(state.pop("arrays"))}
    best = state.pop("best_weights")
    state["same"] = {name: twin for name, array in best.items() if (twin := _twin(array, members))}
    members |= {f"{_BEST}{name}": array for name, array in best.items() if name not in state["same"]}
    state["best_value"] = [value if math.isfinite(value) else None for value in snapshot.best_value]
    state["history"] = [event_to_dict(done) for done in snapshot.history]
    archive = io.BytesIO()
    np.savez(archive, allow_pickle=False, **members)
    return {"state.json": json.dumps(state, allow_nan=False).encode(), "arrays.npz": archive.getvalue()}


def _twin(array: np.ndarray, members: dict[str, np.ndarray]) -> str | None:
    """The member that holds the same numbers: where this epoch is the best, its weights are stored once."""
    alike = (name for name, other in members.items() if (other.shape, other.dtype) == (array.shape, array.dtype))
    return next((name for name in alike if np.array_equal(members[name], array)), None)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- reading ----------------------------------------------------------------------------


def list_checkpoints(run: Path) -> list[Path]:
    """The folders of the run's checkpoints, oldest first; nothing is said of how whole they are."""
    return sorted((run / "checkpoints").glob("step-" + 8 * "[0-9]"))


def last_checkpoint(run: Path) -> tuple[Snapshot | None, list[str]]:
    """Return the newest checkpoint that is whole (None where there is none), and why newer ones were passed over.

    Those passed over are taken away, so that they count no more among the last two.
    """
    problems = []
    for folder in reversed(list_checkpoints(run)):
        try:
            found = load_checkpoint(folder)
            _prune(run / "checkpoints", found)  # a kill may have come before it
            return found, problems
        except CheckpointError as problem:
            problems.append(str(problem))
            _set_aside(folder, ".damaged")
    return None, problems


def load_checkpoint(folder: Path) -> Snapshot:
    """Read one checkpoint. Raises CheckpointError where a single byte is not as it was written."""
    try:
        manifest = _checked_manifest(folder)
        state, arrays = (_read(folder, name, manifest[name]) for name in FILES)
        return _unpack(state, arrays)
    except CheckpointError as problem:
        raise CheckpointError(f"The checkpoint {folder.name} cannot be used: {problem}.") from None
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise CheckpointError(f"The checkpoint {folder.name} cannot be read: {reason}.") from None


def _checked_manifest(folder: Path) -> dict:
    try:
        stored = json.loads((folder / MANIFEST).read_bytes())
        version, run, files = stored["version"], stored["run"], stored["files"]
        sizes = {name: (int(files[name]["bytes"]), str(files[name]["sha256"])) for name in FILES}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CheckpointError(f"its {MANIFEST} is damaged") from None
    if version != VERSION:
        raise CheckpointError(f"it has the form {version!r} of another NER Lab; this one reads {VERSION}")
    if run != folder.parents[1].name:
        raise CheckpointError("it belongs to another run")
    return sizes


def _read(folder: Path, name: str, expected: tuple[int, str]) -> bytes:
    path = folder / name
    if path.stat().st_size != expected[0]:
        raise CheckpointError(f"{name} has {path.stat().st_size:,} bytes, not {expected[0]:,}")
    data = path.read_bytes()
    if _digest(data) != expected[1]:
        raise CheckpointError(f"{name} has changed after it was written (its SHA-256 is another)")
    return data


def _unpack(state: bytes, archive: bytes) -> Snapshot:
    """Rebuild the snapshot from bytes that are what was written."""
    stored = json.loads(state)
    with np.load(io.BytesIO(archive), allow_pickle=False) as members:
        names = sorted(name for name in members.files if not name.startswith(_BEST))
        stored["arrays"] = tuple(members[name] for name in names)
        best = {name.removeprefix(_BEST): members[name] for name in members.files if name.startswith(_BEST)}
        best |= {name: members[twin] for name, twin in stored.pop("same").items()}
    history: list[EpochDone] = [event_from_dict(done) for done in stored["history"]]
    value = tuple(-math.inf if number is None else number for number in stored["best_value"])
    changed = {
        "history": tuple(history),
        "best_value": value,
        "best_weights": best,
        "trend": tuple(stored.get("trend", ())),
    }
    return Snapshot(**{**stored, **changed, "random": tuple(stored["random"]), "totals": tuple(stored["totals"])})
