"""Runs: one folder each, whatever the name; the state is derived, never a lie."""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ner_core.records import (
    RunEnded,
    StepDone,
    TrainConfig,
)
from ner_core.training import jobs, machine, runs
from ner_core.training.event_log import EventLog
from ner_core.training.runs import RunConfig, RunError

EVENTS = [StepDone(1, 1, 2.25, 0.1, 70), RunEnded("finished", 1, 1, 9.5)]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def run():
    return runs.create_run(RunConfig(training=TrainConfig(seed=5), probes=("Ada",), hyperparameters={"lstm_width": 32}))


def write_all(folder, events=EVENTS):
    log = EventLog(folder)
    for event in events:
        log.write(event)
    log.close()


# --- runs ---------------------------------------------------------------------------------


def test_a_run_is_read_as_it_was_asked_for(run):
    again = runs.read_run(run.id)
    assert again == run
    assert again.config.training == TrainConfig(seed=5)
    assert (again.config.probes, again.config.hyperparameters) == (("Ada",), {"lstm_width": 32})
    assert again.name == "bilstm-crf on Newsroom"
    assert again.best is None


def test_thirty_at_once_are_thirty_runs():
    with ThreadPoolExecutor(30) as pool:
        ids = {made.id for made in pool.map(runs.create_run, [RunConfig(nickname="my run")] * 30)}
    assert len(ids) == 30
    assert {run.id for run in runs.list_runs()} == ids


@pytest.mark.parametrize("name", ["", ".", "CON", "x" * 300, "😀", "a/b", "<script>", "line\nbreak"])
def test_any_name_is_only_a_label(run, name):
    runs.rename(run.id, name)
    shown = runs.read_run(run.id).name
    assert 0 < len(shown) <= 80
    assert "\n" not in shown
    assert [other.id for other in runs.list_runs()] == [run.id]


@pytest.mark.parametrize("name", ["", "../..", "20260101-000000-0123456789abcdef", "a\0b", "/etc", "C:\\", "x" * 5000])
def test_an_id_that_is_none_is_refused(name):
    with pytest.raises(RunError, match="There is no run"):
        runs.read_run(name)


BAD_TIMES = [f'{{"version": 1, "created": {created}}}' for created in ('"x"', "[3]", "1e300", "NaN", "1" + "0" * 400)]


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"version": 2}', '{"version": 1, "training": 3}', *BAD_TIMES, "\xff"]
)
def test_a_damaged_run_is_left_out_of_the_list(run, content):
    (run.folder / "config.json").write_text(content, encoding="latin-1")
    assert runs.list_runs() == []
    with pytest.raises(RunError):
        runs.read_run(run.id)


def test_delete_takes_everything(run, home):
    write_all(run.folder)
    runs.delete_run(run.id)
    assert list((home / "runs").iterdir()) == []
    with pytest.raises(RunError):
        runs.delete_run(run.id)


def test_one_damaged_run_hides_no_other(run):
    other = runs.create_run(RunConfig())
    (run.folder / "config.json").write_text('{"version": 1, "created": "x"}')
    assert [found.id for found in runs.list_runs()] == [other.id]


def test_delete_clears_up_what_an_earlier_removal_left(run, home):
    (home / "runs" / ".deleted-20260101-000000-0123456789abcdef" / "best").mkdir(parents=True)
    runs.delete_run(run.id)
    assert list((home / "runs").iterdir()) == []


def test_delete_where_the_process_ends_in_that_moment(run, monkeypatch):
    def is_gone(*_):
        raise ProcessLookupError(3, "No such process")

    monkeypatch.setattr(runs, "STOP_SECONDS", 0.0)
    monkeypatch.setattr(machine.os, "kill", is_gone)
    alive = iter([True, True, True, True])
    for module in (runs, machine):
        monkeypatch.setattr(module, "is_alive", lambda _: next(alive, False))
    (run.folder / "worker.json").write_text('{"pid": 4194300}')
    runs.delete_run(run.id)
    assert not run.folder.exists()
    assert next(alive, None) is None  # it was asked, killed, and then gone


def test_delete_ends_a_process_that_does_not_stop(run, monkeypatch):
    monkeypatch.setattr(runs, "STOP_SECONDS", 0.2)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    threading.Thread(target=child.wait, daemon=True).start()
    (run.folder / "worker.json").write_text(json.dumps(machine.identify(child.pid)))
    started = time.monotonic()
    runs.delete_run(run.id)
    assert time.monotonic() - started < 11
    assert not run.folder.exists()
    assert child.wait(5) != 0


# --- state -------------------------------------------------------------------------------------


def work_here(folder, phase="running", age=0.0):
    (folder / "worker.json").write_text(json.dumps(machine.identify(os.getpid())))
    (folder / "heartbeat").write_text(json.dumps({"phase": phase, "monotonic": time.monotonic() - age}))


def test_states_of_a_living_worker(run):
    assert run.state == "starting"
    for phase in ("waiting", "starting", "running"):
        work_here(run.folder, phase)
        assert run.state == phase
        assert run.is_active
    work_here(run.folder, age=runs.STALL_SECONDS + 1)
    assert run.state == "stalled"
    work_here(run.folder)
    jobs.stop_run(run.id)
    assert run.state == "stopping"


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("early", "finished"),
        ("time", "finished"),
        *((word, word) for word in ("finished", "stopped", "diverged", "failed")),
    ],
)
def test_the_last_event_decides(run, reason, state):
    work_here(run.folder)
    write_all(run.folder, [*EVENTS[:-1], RunEnded(reason, 1, 1, 1.0)])
    assert run.state == state
    assert not run.is_active


def test_a_worker_that_is_gone_is_interrupted(run):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    (run.folder / "worker.json").write_text(json.dumps(machine.identify(child.pid)))
    assert run.state == "starting"
    child.kill()
    deadline = time.monotonic() + 10
    while run.state != "interrupted" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert run.state == "interrupted"  # while it is still a zombie
    child.communicate()
    assert run.state == "interrupted"


@pytest.mark.parametrize("change", [{"start": "1"}, {"boot": "another boot"}, {"pid": 0}, {"pid": None}])
def test_a_reused_pid_or_another_boot_is_no_living_worker(run, change):
    (run.folder / "worker.json").write_text(json.dumps(machine.identify(os.getpid()) | change))
    assert run.state == "interrupted"


def test_a_run_nobody_took_up_is_interrupted_after_a_while(run):
    long_ago = time.time() - 2 * runs.START_SECONDS
    os.utime(run.folder / "config.json", (long_ago, long_ago))
    assert run.state == "interrupted"


def test_models_stand_where_the_settings_say(home, tmp_path, monkeypatch):
    monkeypatch.delenv("NER_LAB_MODELS", raising=False)
    assert runs.model_roots() == (runs.PROJECT / "models", home / "models", home / "runs")
    monkeypatch.setenv("NER_LAB_MODELS", str(tmp_path / "ours"))
    assert runs.model_roots()[0] == tmp_path / "ours"
