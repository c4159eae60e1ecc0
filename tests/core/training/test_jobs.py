"""Jobs: start, queue, stop, stand by; with real processes and a pretended trainer."""

import os
import time
from collections import namedtuple
from pathlib import Path

import pytest

from ner_core.training import event_log, jobs, keeping, machine, runs, worker
from ner_core.training.event_log import read_events
from ner_core.training.runs import RunConfig
from ner_core.training.worker import claim

STUB = Path(__file__).with_name("stub_worker.py")
CONLL = b"Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n\n" * 3


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NER_LAB_STUB_SECONDS", "0.01")
    monkeypatch.setenv("NER_LAB_PLACES", "1")
    monkeypatch.setattr(jobs, "WORKER", (str(STUB),))
    monkeypatch.setattr(jobs, "STANDBY_MB", 0)
    yield tmp_path / "home"
    end_standby()
    for run in runs.list_runs():
        if run.is_active:
            runs.delete_run(run.id)
    wait_for(lambda: jobs._living_standby() is None)


def is_ready():
    """Whether a worker with everything loaded waits for a run."""
    folder = jobs._living_standby()
    return folder is not None and (folder / "ready").exists()


def end_standby():
    """Give the standby the one job there is to end it."""
    if folder := jobs._living_standby():
        claim(folder, None)


@pytest.fixture
def config():
    return RunConfig(corpus=keeping.store_corpus("mine.conll", CONLL), corpus_name="mine")


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def state(run_id):
    return runs.read_run(run_id).state


def test_a_run_is_started_and_finishes(config):
    run_id = jobs.start_run(config)
    assert state(run_id) in runs.ACTIVE_STATES
    wait_for(lambda: state(run_id) == "finished")
    assert runs.read_run(run_id).best


def test_the_worker_is_a_session_of_its_own_and_leaves_no_zombie(config, monkeypatch):
    monkeypatch.setenv("NER_LAB_STUB_STEPS", "200")
    run_id = jobs.start_run(config)
    pid = runs.read_json(runs.run_folder_of(run_id) / "worker.json")["pid"]
    if hasattr(os, "getsid"):
        assert os.getsid(pid) == pid != os.getsid(0)
    wait_for(lambda: state(run_id) == "running")
    jobs.stop_run(run_id)
    wait_for(lambda: state(run_id) == "stopped")
    wait_for(lambda: not Path(f"/proc/{pid}").exists())  # reaped


def test_more_than_the_places_wait_in_order(config, monkeypatch):
    monkeypatch.setenv("NER_LAB_STUB_STEPS", "100000")
    first = jobs.start_run(config)
    wait_for(lambda: state(first) == "running")
    second = jobs.start_run(config)
    wait_for(lambda: jobs.place_in_queue(second) == 0)
    third = jobs.start_run(config)
    wait_for(lambda: jobs.place_in_queue(third) == 1)
    assert (state(second), state(third)) == ("waiting", "waiting")
    assert jobs.place_in_queue(first) is None
    jobs.stop_run(first)
    wait_for(lambda: state(second) == "running")
    assert jobs.place_in_queue(third) == 0
    jobs.stop_run(third)
    wait_for(lambda: state(third) == "stopped")


def test_a_running_run_is_stopped_before_it_is_deleted(config, monkeypatch, home):
    monkeypatch.setenv("NER_LAB_STUB_STEPS", "100000")
    run_id = jobs.start_run(config)
    wait_for(lambda: state(run_id) == "running")
    runs.delete_run(run_id)
    assert list((home / "runs").iterdir()) == []


def test_a_full_disk_is_told_before_the_start(config, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(jobs.shutil, "disk_usage", lambda _: usage(1, 1, 10 * 2**20))
    with pytest.raises(jobs.JobError, match="Only 10 MB are free"):
        jobs.start_run(config)
    assert runs.list_runs() == []


def test_a_disk_or_network_that_refuses_the_cluster_is_told(config, monkeypatch):
    def refuse(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("NER_LAB_SCHEDULER", "tcp://127.0.0.1:9")
    monkeypatch.setattr(jobs.cluster, "submit", refuse)
    with pytest.raises(jobs.JobError, match="No space left on device"):
        jobs.start_run(config)
    assert runs.list_runs() == []


def test_no_process_to_be_had_is_told(config, monkeypatch):
    def refuse(*_, **__):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(jobs.subprocess, "Popen", refuse)
    with pytest.raises(jobs.JobError, match="Cannot allocate memory"):
        jobs.start_run(config)
    assert runs.list_runs() == []


# --- the standby ------------------------------------------------------------------------------


def test_a_standby_takes_the_next_run(config):
    assert not is_ready()
    assert jobs.ensure_standby(config.corpus)
    wait_for(is_ready)
    waiting = runs.read_json(jobs._living_standby() / "worker.json")
    run_id = jobs.start_run(config)
    assert not is_ready()
    assert runs.read_json(runs.run_folder_of(run_id) / "worker.json") == waiting
    wait_for(lambda: state(run_id) == "finished")
    assert read_events(runs.run_folder_of(run_id))[0]


def test_only_one_stands_by(home):
    for _ in range(5):
        assert jobs.ensure_standby()
    wait_for(is_ready)
    assert len([p for p in jobs._standby_root().iterdir() if p.is_dir()]) == 1


def test_a_standby_is_given_away_once(config):
    jobs.ensure_standby()
    wait_for(is_ready)
    folder = jobs._living_standby()
    assert [claim(folder, None) for _ in range(3)] == [True, False, False]
    wait_for(lambda: jobs._living_standby() is None)
    run_id = jobs.start_run(config)
    wait_for(lambda: state(run_id) == "finished")


def test_where_a_run_cannot_be_handed_over_it_gets_a_process_of_its_own(config, monkeypatch):
    """As on exFAT, which knows no hard links."""

    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    jobs.ensure_standby()
    wait_for(is_ready)
    waiting = runs.read_json(jobs._living_standby() / "worker.json")
    with monkeypatch.context() as patch:
        patch.setattr(worker.os, "rename" if os.name == "nt" else "link", refuse)
        run_id = jobs.start_run(config)
    assert is_ready()
    wait_for(lambda: state(run_id) == "finished")
    assert runs.read_json(runs.run_folder_of(run_id) / "worker.json") != waiting
    assert not list(runs.home().rglob("offer.*"))


def test_a_standby_that_cannot_be_had_is_only_missed(config, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    for name in ("write_file", "_start"):
        with monkeypatch.context() as patch:
            patch.setattr(jobs, name, refuse)
            assert jobs.ensure_standby(config.corpus) is False
    assert jobs._living_standby() is None
    assert jobs.ensure_standby(config.corpus)


def test_a_disk_that_takes_nothing_is_told_before_the_start(config, monkeypatch):
    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(jobs, "create_run", refuse)
    with pytest.raises(jobs.JobError, match="Read-only file system"):
        jobs.start_run(config)


def test_stop_of_a_run_that_is_gone_is_told():
    with pytest.raises(runs.RunError, match="There is no run"):
        jobs.stop_run("20260101-000000-0123456789abcdef")


def test_a_standby_nobody_asks_after_ends(home):
    jobs.ensure_standby()
    wait_for(is_ready)
    identity = runs.read_json(jobs._living_standby() / "worker.json")
    (jobs._standby_root() / "asked").write_text(str(time.monotonic() - 601))
    wait_for(lambda: not machine.is_alive(identity))
    assert jobs.ensure_standby()
    wait_for(is_ready)


def test_no_standby_where_memory_is_short(monkeypatch):
    monkeypatch.setattr(jobs, "STANDBY_MB", 10**9)
    monkeypatch.setattr(jobs, "free_memory_mb", lambda: 500)
    assert not jobs.ensure_standby()
    assert jobs._living_standby() is None


def test_the_standby_can_be_forbidden(monkeypatch):
    monkeypatch.setenv("NER_LAB_STANDBY", "0")
    assert not jobs.ensure_standby()
    assert jobs._living_standby() is None


def test_memory_is_measured():
    assert 0 < machine.free_memory_mb() < 10**10


def test_a_stopped_run_is_resumed_by_a_new_process_or_the_standby(config, monkeypatch):
    monkeypatch.setenv("NER_LAB_STUB_STEPS", "400")
    run_id = jobs.start_run(config)
    for has_standby in (False, True):
        wait_for(lambda: state(run_id) == "running")
        jobs.stop_run(run_id)
        wait_for(lambda: state(run_id) == "stopped")
        if has_standby:
            jobs.ensure_standby()
            wait_for(is_ready)
        jobs.resume_run(run_id)
        assert state(run_id) in runs.ACTIVE_STATES
        jobs.resume_run(run_id)  # pressed twice
    identity = runs.read_json(runs.run_folder_of(run_id) / "worker.json")
    wait_for(lambda: state(run_id) == "finished" and not machine.is_alive(identity))
    events = event_log.valid_events(read_events(runs.run_folder_of(run_id))[0])
    assert [event.epoch for event in events if type(event).__name__ == "EpochDone"] == list(range(1, 81))
    with pytest.raises(jobs.JobError, match="nothing left to do"):
        jobs.resume_run(run_id)


def test_a_resume_that_finds_no_process_leaves_the_run_as_it_was(config, monkeypatch):
    def refuse(*_, **__):
        raise OSError(12, "Cannot allocate memory")

    run = runs.create_run(config)
    worker.write_file(run.folder / "worker.json", b'{"pid": 0}')
    monkeypatch.setattr(jobs.subprocess, "Popen", refuse)
    with pytest.raises(jobs.JobError, match="Cannot allocate memory"):
        jobs.resume_run(run.id)
    assert not (run.folder / "resume").exists()
    assert jobs.read_run(run.id)
