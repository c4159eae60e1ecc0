"""Snapshots: whole or not there, few and small, and the training is the same with them and without."""

import json
import shutil
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest

from ner_core.records import EpochDone, ProbesTagged, RunStarted, StepDone, TrainConfig
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import new_tagger
from ner_core.training import keeping, recordings, snapshots
from ner_core.training.event_log import read_events
from ner_core.training.recordings import moments_of, recording, save_recording, thin_steps
from ner_core.training.runs import RunConfig, RunError, create_run
from ner_core.training.snapshots import Album, Moment, SnapshotError, list_moments, tagger_at, thin_out
from ner_core.training.worker import run_folder
from tests.core.training.test_checkpoints import follow, small_steps, stop_at
from tests.core.training.test_train import TINY, small
from tests.faults.shim import Shim

CHOSEN = small_steps(("bilstm-crf", False))
BATCHES = b"Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n\n" * 3


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "20260101-000000-0123456789abcdef"
    folder.mkdir()
    return folder


def weights_of(seed=0):
    tagger = new_tagger(TINY, small())
    from ner_core.tagger.networks import weight_shapes

    random = np.random.default_rng(seed)
    shapes = weight_shapes(tagger.network)
    return tagger, {name: random.normal(size=shape).astype("f4") for name, shape in shapes.items()}


def album_of(run, n_steps, **options):
    """An album with a moment at the end of each of so many epochs, of one step each."""
    tagger, weights = weights_of()
    album = Album(run, tagger, **options)
    album.show(0, 1, 0.0, lambda: weights, False)
    for step in range(1, n_steps + 1):
        album.show(step, step, 1.0, lambda: weights, True)
    return tagger, weights, album


def files(run):
    return sorted(path.name for path in (run / "snapshots").iterdir())


# --- what is kept ----------------------------------------------------------------------


@pytest.mark.parametrize("problem", [RuntimeError("device"), KeyError("x"), MemoryError()])
def test_whatever_goes_wrong_costs_a_moment_only(run, problem):
    def broken():
        raise problem

    tagger, weights = weights_of()
    album = Album(run, tagger)
    album.show(0, 1, 0.0, broken)
    album.show(1, 1, 1.0, lambda: weights, True)
    assert [moment.step for moment in list_moments(run)] == [1]


def test_moments_come_before_within_and_after_the_epochs(run):
    tagger = new_tagger(TINY, CHOSEN)
    follow(CHOSEN, show=Album(run, tagger).show)
    found = list_moments(run)
    n_steps = found[-1].step // 4
    assert found[0].step == 0 and found[-1].epoch == 4
    assert [moment.step for moment in found if moment.share == 1] == [n_steps * epoch for epoch in (1, 2, 3, 4)]
    assert any(0 < moment.share < 1 for moment in found)
    assert all(moment.epoch == 1 for moment in found if moment.share < 1)


def test_the_tagger_of_a_moment_is_the_one_that_was(run):
    """In half precision: probabilities to a thousandth; and the last moment is the last epoch's."""
    chosen = replace(CHOSEN, training=replace(CHOSEN.training, keeps_best=False))
    tagger, _ = follow(chosen, show=Album(run, new_tagger(TINY, chosen)).show)
    found = list_moments(run)
    last = tagger_at(run, found[-1])
    for name, array in tagger.weights.items():
        np.testing.assert_allclose(last.weights[name], array, rtol=1e-3, atol=1e-4)
        assert last.weights[name].dtype == np.float32
    for then, now in zip(predict(tagger, TINY.train), predict(last, TINY.train), strict=True):
        assert then.spans == now.spans
        np.testing.assert_allclose(now.confidences, then.confidences, atol=5e-3)
    assert not np.allclose(tagger_at(run, found[0]).weights["crf.transitions"], last.weights["crf.transitions"])


@pytest.mark.parametrize(
    "key", [("bilstm-crf", False), pytest.param(("custom-bilstm-crf", True), marks=pytest.mark.slow)]
)
def test_a_training_is_the_same_with_and_without_and_resumes_exactly(run, key):
    chosen = small_steps(key)
    plain, events = follow(chosen)
    tagger = new_tagger(TINY, chosen)
    kept = []
    follow(chosen, control=stop_at(6), keep=kept.append, show=Album(run, tagger).show)
    before = [moment for moment in list_moments(run) if moment.step <= kept[-1].step]
    album = Album(run, tagger, since=kept[-1].step)
    resumed, rest = follow(chosen, start=kept[-1], show=album.show)
    assert rest == [event for event in events if getattr(event, "step", 99) > kept[-1].step]
    assert all(np.array_equal(plain.weights[name], resumed.weights[name]) for name in plain.weights)
    found = list_moments(run)
    assert found[: len(before)] == before and found[-1].epoch == 4
    assert all(tagger_at(run, moment).is_trained for moment in found)


def test_what_is_done_again_is_forgotten(run):
    tagger, weights, _ = album_of(run, 5)
    album = Album(run, tagger, since=3)
    assert [moment.step for moment in list_moments(run)] == [0, 1, 2, 3]
    assert "step-00000004.npz" not in files(run)
    album.show(4, 4, 1.0, lambda: weights, True)
    assert [moment.step for moment in list_moments(run)] == [0, 1, 2, 3, 4]
    Album(run, tagger)  # begun anew
    assert list_moments(run) == [] and files(run) == ["index.json"]


def test_a_long_run_keeps_few(run):
    album_of(run, 40)
    found = list_moments(run)
    assert len(found) <= 1 + snapshots.MOST_ENDS and found[-1].step == 40 and found[1].step == 1
    assert files(run) == sorted(["index.json", "start", *(moment.file for moment in found)])


def test_large_weights_stay_within_the_room(run, monkeypatch):
    moments = [Moment(n, n, 1.0, n_bytes=30_000_000) for n in range(1, 41)]
    kept = []
    for moment in moments:
        kept = thin_out([*kept, moment])
        assert sum(each.n_bytes for each in kept) <= snapshots.MAX_BYTES and kept[-1] is moment
    huge = thin_out([Moment(n, 1, n / 9, n_bytes=60_000_000) for n in range(9)])
    assert [moment.step for moment in huge] == [8]


# --- faults -------------------------------------------------------------------------------


def test_every_write_may_fail_and_nothing_is_raised_or_half_there(run, tmp_path):
    tagger, weights = weights_of()
    with Shim("note", 0, tmp_path) as shim:
        album_of(run, 3)
    assert shim.count > 20
    for place in range(1, shim.count + 1):
        shutil.rmtree(run / "snapshots")
        with Shim("error", place, tmp_path):
            album_of(run, 3)
        for moment in list_moments(run):
            same = tagger_at(run, moment).weights
            assert all(np.array_equal(same[name], array.astype("f2").astype("f4")) for name, array in weights.items())
        Album(run, tagger, since=99)
        named = {"index.json", "start", *(moment.file for moment in list_moments(run))}
        assert set(files(run)) <= named, place
        assert not list(run.rglob("*.tmp"))


def test_a_changed_byte_is_seen(run):
    album_of(run, 2)
    moment = list_moments(run)[-1]
    path = run / "snapshots" / moment.file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(SnapshotError, match="have changed"):
        tagger_at(run, moment)
    path.unlink()
    with pytest.raises(SnapshotError, match="not there"):
        tagger_at(run, moment)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": 9, "moments": []}', b'{"version": 1, "moments": [1]}']
)
def test_a_damaged_index_is_no_moment(run, content):
    album_of(run, 1)
    (run / "snapshots" / "index.json").write_bytes(content)
    assert list_moments(run) == []


def test_weights_that_are_no_numbers_are_not_kept(run):
    _, weights, album = album_of(run, 1)
    broken = weights | {"crf.start": np.full_like(weights["crf.start"], np.nan)}
    album.show(2, 2, 1.0, lambda: broken, True)
    assert [moment.step for moment in list_moments(run)] == [0, 1]


def test_a_nearly_full_disk_is_left_to_the_training(run, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(snapshots.shutil, "disk_usage", lambda _: usage(1, 1, snapshots.MIN_FREE - 1))
    album_of(run, 2)
    assert list_moments(run) == []


# --- the worker -----------------------------------------------------------------------------


def test_the_worker_keeps_them_in_the_runs_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path / "home"))
    training = replace(CHOSEN.training, epochs=2)
    corpus = keeping.store_corpus("mine.conll", BATCHES)
    found = create_run(RunConfig(corpus, "mine", hyperparameters={"word_width": 8, "lstm_width": 8}, training=training))
    assert run_folder(found.folder) == "finished"
    moments = list_moments(found.folder)
    assert moments[0].words == "before the first step"
    assert moments[-1].words == "after epoch 2"
    [prediction] = predict(tagger_at(found.folder, moments[-1]), ["Ada Lovelace lives in London ."])
    assert len(prediction.tokens) == 6


# --- recordings -----------------------------------------------------------------------------


def told(n_epochs=2, steps=10):
    events = [RunStarted(9, 2, 50, steps, TrainConfig(epochs=n_epochs)), ProbesTagged(1, 0, ())]
    for step in range(1, n_epochs * steps + 1):
        epoch = -(-step // steps)
        events.append(StepDone(step, epoch, 1 / step, 2.0 * step, 70))
        if step in (2, 5) or step % steps == 0:
            events.append(ProbesTagged(epoch, step, ()))
    return events


def test_a_recording_comes_back_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("NER_LAB_MODELS", str(tmp_path))
    config = RunConfig("gmb", "GMB", "fast", training=TrainConfig(epochs=2), probes=("Ada",))
    save_recording(tmp_path / "recorded" / "fast", config, told(), created=5.0)
    save_recording(tmp_path / "recorded" / "zz", replace(config, recipe="bilstm-crf"), told(), created=5.0)
    assert [each.id for each in recordings.recordings()] == ["zz", "fast"]
    found = recording("fast")
    assert (found.config, found.created, read_events(found.folder)[0]) == (config, 5.0, told())
    assert recordings.is_recording(found)
    (tmp_path / "recorded" / "fast" / "config.json").write_text("{")
    assert [each.id for each in recordings.recordings()] == ["zz"]
    for name in ("fast", "../zz", ""):
        with pytest.raises(RunError, match="no recorded run"):
            recording(name)


def test_thinning_leaves_out_steps_alone():
    thinned = thin_steps(told(), 5)
    assert [event.step for event in thinned if isinstance(event, StepDone)] == [1, 5, 9, 13, 17, 20]
    assert [event for event in thinned if not isinstance(event, StepDone)] == [
        event for event in told() if not isinstance(event, StepDone)
    ]


def test_moments_of_a_log_are_named_by_step_and_by_epoch():
    words = [moment.words for moment, _ in moments_of(told())]
    assert words == ["before the first step", "after 2 steps", "after 5 steps", "after epoch 1", "after epoch 2"]


def test_every_recording_that_ships_is_whole_and_small(monkeypatch):
    monkeypatch.delenv("NER_LAB_MODELS", raising=False)
    for found in recordings.recordings():
        events, end = read_events(found.folder)
        path = found.folder / "events.jsonl"
        assert end == path.stat().st_size and len(events) == len(path.read_bytes().splitlines()), found.id
        assert path.stat().st_size < 1_500_000, found.id
        assert json.loads((found.folder / "config.json").read_text())["corpus"] == "gmb"
        moments = moments_of(events)
        assert moments[0][0].step == 0 and len(moments) > 4
        assert all(len(probes) == len(found.config.probes) for _, probes in moments)
        assert any(isinstance(event, EpochDone) for event in events)
