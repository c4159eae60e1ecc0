"""How can one watch a network learn?

Chapter of part IV. While it trains, a run keeps its weights at some moments: before the first step, at 1/32, 1/16,
1/8, 1/4 and 1/2 of the first epoch (most is learned there), at the end of every epoch and where it breaks off. Whoever
watches has sentences of their own tagged from these weights, in NumPy alone (see `forward`): they are no part of
the run, and the run neither waits for them nor depends on them.

    snapshots/start/             the untrained tagger, whole (see `store`): network, vocabulary, weights
    snapshots/step-00000126.npz  every weight after 126 steps, in half precision
    snapshots/index.json         which moments there are: step, epoch, share of the epoch, bytes and SHA-256

A file is written whole, then named in the index, in one step each: the index alone decides what there is. What a
kill leaves half done is swept at the next start. Of a long run the ends of some epochs are thinned out, so that a
run never keeps more than `MOST_ENDS` of them, nor more than `MAX_BYTES` in all. Whatever goes wrong here (a full
disk, weights that are no numbers) costs a moment and never the training.

Half precision has 11 bits: scores differ in the fourth digit, so a tag that hung on less may fall otherwise, and
a confidence differs from the stored tagger's by about a thousandth. It halves what is kept.

Source: the projector of the TensorFlow Playground (a network watched while it learns). Differs from Keras'
`ModelCheckpoint`: nothing can be trained on from these files (see `checkpoints`), they are for looking only.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ner_core.records import InputError, Tagger
from ner_core.tagger.archive import MANIFEST, StoreError
from ner_core.tagger.store import load_tagger, save_tagger, write_file

FOLDER, START, INDEX = "snapshots", "start", "index.json"
WITHIN = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)  # of the first epoch
MOST_ENDS = 8  # ends of epochs
MAX_BYTES = 100_000_000  # of all moments of a run
MIN_FREE = 200_000_000  # bytes that are left to the training itself
VERSION = 1

Weights = Mapping[str, np.ndarray]


class SnapshotError(InputError):
    """A moment is missing or damaged; the message says which."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When weights were kept: after `step` steps, `share` (0-1) of epoch `epoch` done; and the file that holds them.

    >>> Moment(0, 1, 0.0).words, Moment(40, 1, 0.25).words, Moment(320, 2, 1.0).words
    ('before the first step', 'after 40 steps', 'after epoch 2')
    """

    step: int
    epoch: int
    share: float
    n_bytes: int = 0
    sha256: str = ""

    @property
    def words(self) -> str:
        if not self.step:
            return "before the first step"
        if self.share >= 1:
            return f"after epoch {self.epoch}"
        return f"after {self.step:,} step{'s' if self.step > 1 else ''}"

    @property
    def file(self) -> str:
        return f"step-{self.step:08d}.npz"


# --- keeping ------------------------------------------------------------------------------


class Choice:
    """Tells, step by step, which ones are moments worth keeping.

    >>> choice = Choice()
    >>> [step for step in range(9) if choice.takes(step, 1, step / 8, is_end=step == 8)]
    [0, 1, 2, 4, 8]
    """

    def __init__(self, last: Moment | None = None):
        self._n_within = sum(last.share >= share for share in WITHIN) if last else 0

    def takes(self, step: int, epoch: int, share: float, is_end: bool) -> bool:
        n_within = sum(share >= limit for limit in WITHIN) if epoch == 1 else len(WITHIN)
        is_new, self._n_within = n_within > self._n_within, n_within
        return not step or is_end or is_new


class Album:
    """The writing end: `train(..., show=Album(folder, tagger).show)` keeps the moments of a run in its folder.

    `since` is the step from which a run goes on: what was kept of later ones is forgotten, because they are taken again.
    """

    def __init__(self, run: Path, tagger: Tagger, *, since: int = -1):
        self.folder, self.tagger = run / FOLDER, tagger
        self.moments: list[Moment] = []
        with contextlib.suppress(Exception):
            self.moments = [moment for moment in list_moments(run) if moment.step <= since]
            _sweep(self.folder, self.moments)
        self.choice = Choice(self.moments[-1] if self.moments else None)

    def show(self, step: int, epoch: int, share: float, weights: Callable[[], Weights], is_end: bool = False) -> None:
        """Look at a step that is done, and keep the weights where it is a moment worth keeping. Raises nothing."""
        if not self.choice.takes(step, epoch, share, is_end):
            return
        with contextlib.suppress(Exception):  # whatever it is: a moment is missing, and the training goes on
            self._keep(Moment(step, epoch, share), weights())

    def _keep(self, moment: Moment, weights: Weights) -> None:
        self.folder.mkdir(exist_ok=True)
        if shutil.disk_usage(self.folder).free < MIN_FREE:
            return
        if not (self.folder / START / MANIFEST).exists():
            save_tagger(replace(self.tagger, weights=dict(weights)), self.folder / START)
        data = _pack(weights)
        moment = replace(moment, n_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        write_file(self.folder / moment.file, data)
        others = [other for other in self.moments if other.step < moment.step]
        kept = thin_out([*others, moment])
        _write_index(self.folder, kept)
        gone, self.moments = set(self.moments) - set(kept), kept
        for other in gone:
            if other.step != moment.step:
                (self.folder / other.file).unlink(missing_ok=True)


def thin_out(moments: list[Moment]) -> list[Moment]:
    """The moments that stay: the first epoch's, the newest, and ends of epochs at even steps, within both bounds.

    >>> [moment.epoch for moment in thin_out([Moment(9 * n, n, 1.0) for n in range(1, 22)])]
    [1, 4, 8, 12, 16, 20, 21]
    """
    newest, stride = moments[-1], 1
    while stride <= 2 * newest.epoch:
        kept = [m for m in moments if m.epoch == 1 or m.epoch % stride == 0 or m is newest]
        n_ends = sum(m.share >= 1 for m in kept)
        if n_ends <= MOST_ENDS and sum(m.n_bytes for m in kept) <= MAX_BYTES:
            return kept
        stride *= 2
    most = int(MAX_BYTES // max(newest.n_bytes, 1))  # a network so large that not even the first epoch fits
    return [*kept[: max(most - 1, 0)], newest] if len(kept) > most else kept


def _pack(weights: Weights) -> bytes:
    """The weights in half precision. Raises SnapshotError where one is no number, or too large for that."""
    halves = {name: np.asarray(array, np.float32).clip(-65504, 65504).astype("<f2") for name, array in weights.items()}
    if not all(np.isfinite(array).all() for array in halves.values()):
        raise SnapshotError("The weights are no numbers any more, so there is nothing to look at.")
    archive = io.BytesIO()
    np.savez(archive, allow_pickle=False, **halves)
    return archive.getvalue()


def _write_index(folder: Path, moments: Iterable[Moment]) -> None:
    stored = {"version": VERSION, "moments": [asdict(moment) for moment in moments]}
    write_file(folder / INDEX, json.dumps(stored).encode())


def _sweep(folder: Path, moments: list[Moment]) -> None:
    """Remove what the moments do not name: half-written files, and what is done again."""
    if not folder.exists():
        return
    _write_index(folder, moments)
    named = {INDEX, *(moment.file for moment in moments)} | ({START} if moments else set())
    for leftover in folder.iterdir():
        if leftover.name not in named:
            with contextlib.suppress(OSError):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)


# --- looking -------------------------------------------------------------------------------


def list_moments(run: Path) -> list[Moment]:
    """The moments a run has kept so far, in their order; none where there is no index that can be read."""
    try:
        stored = json.loads((run / FOLDER / INDEX).read_bytes())
        found = [Moment(**entry) for entry in stored["moments"]] if stored["version"] == VERSION else []
        return sorted(found, key=lambda moment: moment.step)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def tagger_at(run: Path, moment: Moment, start: Tagger | None = None) -> Tagger:
    """The tagger as it was at that moment. Raises SnapshotError where it is gone or a byte of it has changed.

    `start` is the untrained tagger of `snapshots/start`, where it has been read before.
    """
    try:
        start = start or load_tagger(run / FOLDER / START)
        data = (run / FOLDER / moment.file).read_bytes()
    except (OSError, StoreError) as problem:
        raise SnapshotError(f"The weights {moment.words} are not there (any more): {problem}") from None
    if hashlib.sha256(data).hexdigest() != moment.sha256:
        raise SnapshotError(f"The weights {moment.words} have changed after they were written. Choose another moment.")
    with np.load(io.BytesIO(data), allow_pickle=False) as members:
        weights = {name: members[name].astype(np.float32) for name in members.files}
    shapes = {name: array.shape for name, array in start.weights.items()}
    if {name: array.shape for name, array in weights.items()} != shapes:
        raise SnapshotError(f"The weights {moment.words} belong to another network. Choose another run.")
    return replace(start, weights=weights)
