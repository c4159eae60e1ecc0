"""F1 and F17: the trainer is killed at any moment; at most the epoch in work is lost, resuming is exact, nothing is left over."""

import contextlib
import json
import os
import signal
import time

import pytest

from tests.faults.conftest import is_all, new_run, times, wait_for

STEPS = 20  # four epochs of the pretended trainer


@pytest.fixture(scope="module")
def whole(zygote, tmp_path_factory):
    """What a run is like that nobody disturbed, and how many operations its files took."""
    home = tmp_path_factory.mktemp("whole")
    before = os.environ.get("NER_LAB_HOME")
    os.environ["NER_LAB_HOME"] = str(home)
    try:
        run = new_run()
        assert zygote.run(run, steps=STEPS, notes=home / "notes") == 0
        found = zygote.look(run)
        found["count"] = json.loads((home / "notes").read_text())["count"]
        found["bytes"] = sum(path.stat().st_size for path in (run.folder / "checkpoints").rglob("*") if path.is_file())
        return found
    finally:
        os.environ.pop("NER_LAB_HOME") if before is None else os.environ.update(NER_LAB_HOME=before)


def check_broken_off(found):
    """What must be true at once after a kill."""
    assert found["state"] in ("interrupted", "starting", "finished"), found  # starting: before it said who it is
    assert found["problems"] == []  # a checkpoint is whole or is none
    assert not found["best"].startswith("damaged")
    check_log(found)
    told = len(found["epochs_told"])
    assert (found["checkpoint"] or {"epoch": 0})["epoch"] >= told  # no epoch that was told is lost


def check_log(found):
    """Each epoch once and in order, each number higher than the one before."""
    assert found["epochs_told"] == list(range(1, len(found["epochs_told"]) + 1))
    assert found["sequences"] == sorted(set(found["sequences"]))
    assert found["steps"] == sorted(set(found["steps"]))


def check_end(found, whole):
    """The run that was broken off is, at its end, the one that was not."""
    assert found["state"] == "finished"
    check_log(found)
    assert found["epochs"] == whole["epochs"]
    assert found["best"] == whole["best"]
    assert found["leftovers"] == []


def finish(zygote, run, whole):
    code, found = zygote.run(run, steps=STEPS), zygote.look(run)
    assert code == 0, found
    check_end(found, whole)
    kept = sum(path.stat().st_size for path in (run.folder / "checkpoints").rglob("*") if path.is_file())
    assert abs(kept - whole["bytes"]) < 2000  # the disk is as full as it would be; seconds differ in their digits


@pytest.mark.timeout(1800)
def test_killed_at_any_time(zygote, whole, chance):
    """200 kills at random times, some of them again while it goes on."""
    started = time.monotonic()
    zygote.run(new_run(), steps=STEPS, seconds=0.002)
    whole_seconds = time.monotonic() - started  # on this machine, now
    n_kills = 0
    while n_kills < times(200):
        run = new_run()
        for _ in range(chance.choice([1, 1, 2, 3])):
            pid = zygote.start(run, steps=STEPS, seconds=0.002)
            time.sleep(chance.uniform(0, whole_seconds))
            with contextlib.suppress(ProcessLookupError):  # it was quicker
                os.kill(pid, signal.SIGKILL)
            n_kills += zygote.end() == -signal.SIGKILL
            started = time.monotonic()
            check_broken_off(zygote.look(run))
            assert time.monotonic() - started < 10
        finish(zygote, run, whole)
    print(f"{n_kills} kills")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", ["kill", "torn"])
def test_killed_before_and_within_every_operation(zygote, whole, chance, mode):
    """At every write, sync, rename and removal in turn; "torn": half of what was to be written is on the disk."""
    places = list(range(1, whole["count"] + 1))
    if not is_all():
        places = sorted(chance.sample(places, 8))
    n_kills = 0
    for place in places:
        run = new_run()
        n_kills += zygote.run(run, shim=(mode, place), steps=STEPS) == -signal.SIGKILL
        check_broken_off(zygote.look(run))
        finish(zygote, run, whole)
    assert n_kills >= len(places) * (0.9 if mode == "kill" else 0.5), n_kills
    print(f"{n_kills} kills")


def test_a_second_trainer_leaves_the_run_alone(zygote):
    """Whoever starts a run that goes on already ends without having touched it."""
    from ner_core.training import worker

    run = new_run()
    pid = zygote.start(run, steps=10_000, seconds=0.01)
    wait_for(lambda: (run.folder / "events.jsonl").exists())
    before = (run.folder / "worker.json").read_bytes()
    worker.LOCK_SECONDS, kept = 0.2, worker.LOCK_SECONDS
    try:
        assert worker.run_folder(run.folder, train=None) == "busy"
    finally:
        worker.LOCK_SECONDS = kept
    assert (run.folder / "worker.json").read_bytes() == before
    os.kill(pid, signal.SIGKILL)
    zygote.end()


def test_a_finished_run_is_not_done_again(zygote):
    run = new_run()
    assert zygote.run(run) == 0
    before = (run.folder / "events.jsonl").read_bytes()
    assert zygote.run(run) == 0
    assert (run.folder / "events.jsonl").read_bytes() == before
