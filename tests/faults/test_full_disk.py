"""F3: a disk that is full, forbids, or fails harms nothing that is stored, and the person is told."""

import json
import os
import resource
import shutil
import subprocess
import sys

import pytest

from tests.faults.conftest import HERE, is_all, new_run, times, tree

STEPS = 20


def count_operations(zygote, tmp_path):
    run = new_run()
    assert zygote.run(run, steps=STEPS, notes=tmp_path / "notes") == 0
    return json.loads((tmp_path / "notes").read_text())["count"], zygote.look(run), run


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", ["error", "full"])
def test_the_nth_operation_fails_for_every_n(zygote, tmp_path, chance, mode):
    """ "error": that one alone (as after a moment's shortage); "full": that one and all later ones that need room."""
    count, whole, old = count_operations(zygote, tmp_path)
    stored = tree(old.folder)
    places = range(1, count + 1) if is_all() else sorted(chance.sample(range(1, count + 1), 7))
    n_failed = n_told = 0
    for place in places:
        run = new_run()
        code = zygote.run(run, shim=(mode, place), steps=STEPS)
        found = zygote.look(run)
        assert found["problems"] == [] and not found["best"].startswith("damaged")
        assert found["sequences"] == list(range(1, len(found["sequences"]) + 1))
        if code:
            n_failed += 1
            n_told += found["state"] == "failed" and "disk is full" in found["message"]
            assert found["state"] in ("failed", "interrupted", "starting"), found["state"]
        assert zygote.run(run, steps=STEPS) == 0  # somebody has made room
        found = zygote.look(run)
        assert (found["state"], found["epochs"], found["best"]) == ("finished", whole["epochs"], whole["best"])
        assert found["leftovers"] == []
    assert tree(old.folder) == stored
    assert n_failed > len(places) * 0.5 and n_told > 0.7 * n_failed, (n_failed, n_told, len(places))
    print(f"{len(places)} places, {n_failed} failed, {n_told} told so in the log")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.parametrize("kilobytes", [300, 700, 1000, 5000, 20_000] if is_all() else [300, 1000])
def test_a_small_disk(zygote, tmp_path, monkeypatch, kilobytes):
    """A real one (tmpfs): it is full, or it is not, and then the run is done."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", disk], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.decode().strip()}")
    try:
        monkeypatch.setenv("NER_LAB_HOME", str(disk))
        old = new_run(seed=3)
        assert zygote.run(old, steps=5) == 0
        stored = tree(old.folder)
        run = new_run()
        filler = disk / "filler"
        free = shutil.disk_usage(disk).free
        filler.write_bytes(bytes(max(0, free - 150_000)))
        code = zygote.run(run, steps=STEPS)
        found = zygote.look(run)
        assert code == 3 and found["state"] == "failed" and "disk is full" in found["message"]
        assert tree(old.folder) == stored
        assert found["problems"] == [] and not found["best"].startswith("damaged")
        if kilobytes >= 1000:
            filler.unlink()
            assert zygote.run(run, steps=STEPS) == 0
            assert zygote.look(run)["epochs"] == [1, 2, 3, 4]
    finally:
        subprocess.run(["umount", disk], check=False)


@pytest.mark.parametrize("limit", [2000, 20_000, 60_000, 120_000][: times(4, 2)])
def test_a_file_may_not_grow(limit):
    """RLIMIT_FSIZE, as a quota for one file: one sentence, and a process that ends by itself."""
    run = new_run()

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    stub = HERE.parent / "core" / "training" / "stub_worker.py"
    done = subprocess.run([sys.executable, stub, run.folder], preexec_fn=limited, timeout=120, check=False)
    assert done.returncode in (0, 1)
    assert run.state in ("failed", "finished", "interrupted")


def test_a_read_only_store_is_told(tmp_path, monkeypatch):
    """Also where a start is asked for: one sentence, nothing half made."""
    from ner_core.training import jobs

    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    run = new_run()
    before = tree(run.folder)
    monkeypatch.setattr("ner_core.training.runs.write_file", refuse)
    with pytest.raises(jobs.JobError, match="Read-only file system"):
        jobs.start_run(run.config)
    assert tree(run.folder) == before


def test_no_start_where_too_little_is_free(monkeypatch):
    from collections import namedtuple

    from ner_core.training import jobs

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(jobs.shutil, "disk_usage", lambda _: usage(1, 1, 199 * 2**20))
    run = new_run()
    with pytest.raises(jobs.JobError, match="199 MB are free"):
        jobs.start_run(run.config)
