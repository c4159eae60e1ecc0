"""Checkpoints: whole or not at all, read back to the bit, and a training that goes on from one ends with the same weights."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from ner_core.records import Counts, EpochDone, Report, RunEnded, Snapshot, StepDone
from ner_core.tagger.recipes import RECIPES, new_tagger
from ner_core.training import checkpoints
from ner_core.training.checkpoints import (
    CheckpointError,
    last_checkpoint,
    list_checkpoints,
    load_checkpoint,
    save_checkpoint,
)
from ner_core.training.train import train
from tests.core.training.test_train import TINY, small

DEV = Report(Counts(3, 1, 2), {"per": Counts(3, 1, 2)}, 2, 9, 8)


def epoch_done(epoch, is_best=True):
    return EpochDone(epoch, 10 * epoch, 0.5, 1 / 3, math.nan, 0.9, 0.8, DEV, is_best)


def snapshot(step=10, *, best_epoch=1, n_within=0):
    random = np.random.default_rng(step)
    state = random.bit_generator.state
    history = tuple(epoch_done(epoch) for epoch in range(1, step // 10 + 1))
    arrays = (random.normal(size=(4, 3)).astype("f4"), np.array([step, 7], "u4"), np.float32(0.1) * np.ones(()))
    weights = {"dense.kernel": random.normal(size=(3,)).astype("f4")}
    place = (len(history), step, n_within, 1.25, "", (state, state), (0.1 + 0.2, 3, 4, 5))
    return Snapshot(*place, best_epoch, (-math.inf, -0.3), history, arrays, weights)


def same(one, other):
    """Whether two snapshots agree in every bit."""
    plain = [replace(each, arrays=(), best_weights={}, history=()) for each in (one, other)]
    assert plain[0] == plain[1]
    assert repr(one.history) == repr(other.history)  # a loss may be no number
    assert set(one.best_weights) == set(other.best_weights)
    pairs = [*zip(one.arrays, other.arrays, strict=True)]
    pairs += [(one.best_weights[name], other.best_weights[name]) for name in one.best_weights]
    return all(a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b) for a, b in pairs)


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "20260101-000000-0123456789abcdef"
    folder.mkdir()
    return folder


def test_a_snapshot_comes_back_to_the_bit(run):
    written = snapshot()
    assert same(load_checkpoint(save_checkpoint(run, written)), written)
    found, problems = last_checkpoint(run)
    assert same(found, written) and problems == []


def test_no_checkpoint_is_none(run):
    assert last_checkpoint(run) == (None, [])


def test_the_last_two_and_the_best_stay(run):
    for step in (10, 20, 30, 40, 45):
        save_checkpoint(run, snapshot(step, best_epoch=1))
    assert [folder.name for folder in list_checkpoints(run)] == ["step-00000010", "step-00000040", "step-00000045"]
    save_checkpoint(run, snapshot(50, best_epoch=5))
    assert [folder.name for folder in list_checkpoints(run)] == ["step-00000045", "step-00000050"]
    assert sorted(each.name for each in (run / "checkpoints").iterdir()) == ["step-00000045", "step-00000050"]


def test_a_damaged_one_is_passed_over_and_told(run):
    for step in (10, 20):
        save_checkpoint(run, snapshot(step))
    archive = run / "checkpoints" / "step-00000020" / "arrays.npz"
    archive.write_bytes(archive.read_bytes()[:-1])
    found, [problem] = last_checkpoint(run)
    assert found.step == 10
    assert "step-00000020" in problem and "arrays.npz" in problem
    assert [folder.name for folder in list_checkpoints(run)] == ["step-00000010"]
    save_checkpoint(run, snapshot(20))
    assert same(last_checkpoint(run)[0], snapshot(20))
    assert len(list((run / "checkpoints").iterdir())) == 2


def test_anothers_checkpoint_is_refused(run, tmp_path):
    other = tmp_path / "20260101-000000-ffffffffffffffff"
    (run / "checkpoints").mkdir()
    other.mkdir()
    save_checkpoint(other, snapshot()).rename(run / "checkpoints" / "step-00000010")
    with pytest.raises(CheckpointError, match="another run"):
        load_checkpoint(run / "checkpoints" / "step-00000010")


def test_a_newer_form_is_refused(run):
    folder = save_checkpoint(run, snapshot())
    stored = json.loads((folder / "MANIFEST.json").read_text())
    (folder / "MANIFEST.json").write_text(json.dumps(stored | {"version": 2}))
    with pytest.raises(CheckpointError, match="another NER Lab"):
        load_checkpoint(folder)


def test_what_a_kill_left_is_swept(run):
    (run / "checkpoints" / "step-00000010.tmp").mkdir(parents=True)
    (run / "checkpoints" / "step-00000010.tmp" / "arrays.npz").write_bytes(b"half")
    checkpoints.sweep(run)
    assert list((run / "checkpoints").iterdir()) == []


def test_a_full_disk_leaves_the_old_ones_alone(run, monkeypatch):
    save_checkpoint(run, snapshot(10))

    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write_file", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(run, snapshot(20))
    assert same(last_checkpoint(run)[0], snapshot(10))
    assert len(list((run / "checkpoints").iterdir())) == 1


# --- a real training ------------------------------------------------------------------


def timeless(event):
    return replace(event, seconds=0.0, **({"peak_mb": 0.0} if isinstance(event, RunEnded) else {}))


def follow(chosen, **options):
    tagger = new_tagger(TINY, chosen)
    events = list(train(tagger, TINY, chosen.training, **options))
    return tagger, [timeless(event) for event in events if isinstance(event, StepDone | EpochDone | RunEnded)]


def stop_at(step):
    asked = iter(range(1, 10_000))
    return lambda: "stop" if next(asked) == step else None


def small_steps(key, **settings):
    """A recipe that takes several steps an epoch on four sentences, dropout of every kind included."""
    chosen = small(*key, epochs=4, **({"max_length": 8} if key[1] else {}), **settings)
    batches = {"batch_size": 1, "batch_tokens": 0} if key[1] else {"batch_tokens": 6}
    return replace(chosen, training=replace(chosen.training, **batches))


@pytest.mark.parametrize(
    "key",
    [
        ("bilstm-crf", False),
        pytest.param(("custom-bilstm-crf", True), marks=pytest.mark.slow),
        pytest.param(("gmb-bilstm-lstm", False), marks=pytest.mark.slow),
    ],
)
def test_a_training_goes_on_exactly(run, key):
    """From the end of an epoch, and from within one, through the disk: the same events, the same weights."""
    assert key in RECIPES
    chosen = small_steps(key)
    whole, events = follow(chosen)
    n_steps = events[-2].step // 4
    for stop in (2 * n_steps, 2 * n_steps + 1):
        kept = []
        follow(chosen, control=stop_at(stop), keep=kept.append)
        assert (kept[-1].step, kept[-1].n_steps_within) == (stop, stop % n_steps)
        start = load_checkpoint(save_checkpoint(run, kept[-1]))
        resumed, rest = follow(chosen, start=start)
        assert rest == [event for event in events if getattr(event, "step", math.inf) > stop]
        assert all(np.array_equal(whole.weights[name], resumed.weights[name]) for name in whole.weights)


def test_patience_is_remembered():
    chosen = small_steps(("bilstm-crf", False), patience=2)
    chosen = replace(chosen, training=replace(chosen.training, epochs=60, learning_rate=0.0))  # nothing is learned
    kept = []
    _, events = follow(chosen, keep=kept.append)
    assert events[-1].reason == "early"
    for start in kept[-3:]:
        assert follow(chosen, start=start)[1][-1] == events[-1]


def test_a_snapshot_of_another_network_is_refused():
    kept = []
    follow(small_steps(("bilstm-crf", False)), keep=kept.append)
    with pytest.raises(ValueError, match="another network"):
        follow(small_steps(("bilstm-crf", False), lstm_width=16), start=kept[0])
