"""Trainings on a Dask cluster: a real scheduler and two worker processes on loopback, with a pretended trainer."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ner_core.records import EpochDone, RunEnded, RunResumed, TrainConfig
from ner_core.training import classroom, cluster, jobs, keeping, machine, runs, waiting, worker
from ner_core.training.event_log import read_events, valid_events
from ner_core.training.runs import RunConfig
from tests.core.training.stub_worker import stub_train

ROOT = Path(__file__).parents[3]
CONLL = b"Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n\n" * 3
ELSEWHERE = "another-machine"


def wait_for(condition, seconds=90):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("NER_LAB_PLACES", "8")


class Cluster:
    """A scheduler and two workers, each a process of its own; the trainings seem to be another machine's."""

    def __init__(self, folder: Path):
        self.home = folder / "home"
        self.home.mkdir()
        self._folder, self._processes = folder, []
        self._environment = os.environ | {
            "NER_LAB_HOME": str(self.home),
            "NER_LAB_STUB_SECONDS": "0.02",
            "NER_LAB_STUB_STEPS": "100",
            "NER_LAB_STUB_HOST": ELSEWHERE,
            "PYTHONWARNINGS": "ignore",
            "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "2s",
            "NER_LAB_PLACES": "8",
        }
        address = folder / "scheduler.json"
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", address)
        self.address = wait_for(lambda: address.exists() and address.stat().st_size and json.loads(address.read_text()))
        self.address = self.address["address"]
        self.workers = {}

    def add_worker(self, name: str) -> None:
        options = ("--nthreads", 1, "--no-nanny", "--no-dashboard", "--name", name, "--host", "127.0.0.1")
        more = ("--preload", "tests.core.training.stub_cluster", "--local-directory", self._folder / name)
        self.workers[name] = self._start("worker", self.address, *options, *more)

    def _start(self, *words) -> subprocess.Popen:
        with (self._folder / "cluster.log").open("ab") as log:
            command = [sys.executable, "-m", "dask", *map(str, words)]
            process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        self._processes.append(process)
        return process

    def end(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    pytest.importorskip("distributed", reason="Dask is not installed: pip install -r requirements-cluster.txt")
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    started.add_worker("one")
    started.add_worker("two")
    yield started
    if cluster._client is not None:
        cluster._client.close()
        cluster._client = None
    started.end()


@pytest.fixture
def on_cluster(dask, monkeypatch):
    """This process is a server whose trainings go to the cluster, with both workers there and idle."""
    monkeypatch.setenv("NER_LAB_HOME", str(dask.home))
    monkeypatch.setenv("NER_LAB_SCHEDULER", dask.address)
    for name, process in list(dask.workers.items()):
        if process.poll() is not None:
            dask.add_worker(name)
    client = cluster.connect()
    wait_for(lambda: len(client.scheduler_info(n_workers=-1)["workers"]) == 2)
    yield dask
    for run in runs.list_runs():
        if run.is_active:
            jobs.stop_run(run.id)
    wait_for(lambda: not client.processing() or not any(client.processing().values()))


def config(seed=1):
    return RunConfig(keeping.store_corpus("mine.conll", CONLL), corpus_name="mine", training=TrainConfig(seed=seed))


def identity_of(run):
    return runs.read_json(run.folder / "worker.json")


def epochs_of(run):
    return [event for event in valid_events(read_events(run.folder)[0]) if isinstance(event, EpochDone)]


def state_of(run_id):
    return runs.read_run(run_id).state


# --- on a cluster ---------------------------------------------------------------------------


def test_a_run_is_trained_elsewhere_and_its_progress_is_seen(on_cluster):
    run = runs.read_run(jobs.start_run(config()))
    wait_for(lambda: run.state == "running")
    assert identity_of(run)["host"] == ELSEWHERE
    wait_for(lambda: 3 <= len(epochs_of(run)) < 20)
    wait_for(lambda: run.state == "finished")
    assert len(epochs_of(run)) == 20 and run.best


def test_stop_is_cooperative_and_resume_goes_on_with_the_same_numbers(on_cluster, tmp_path, monkeypatch):
    run = runs.read_run(jobs.start_run(config(seed=3)))
    wait_for(lambda: len(epochs_of(run)) >= 2)
    asked = time.monotonic()
    jobs.stop_run(run.id)
    wait_for(lambda: run.state == "stopped")
    assert time.monotonic() - asked < 5
    n_before = len(epochs_of(run))
    assert n_before < 20
    jobs.resume_run(run.id)
    wait_for(lambda: run.state == "finished")
    assert [event.epoch for event in epochs_of(run)] == list(range(1, len(epochs_of(run)) + 1))


def test_a_killed_worker_s_run_is_finished_by_the_other_from_the_checkpoint(on_cluster, monkeypatch):
    run = runs.read_run(jobs.start_run(config(seed=5)))
    wait_for(lambda: len(epochs_of(run)) >= 4)
    trainer = identity_of(run)["pid"]
    [parent] = [name for name, process in on_cluster.workers.items() if is_child(trainer, process.pid)]
    on_cluster.workers[parent].send_signal(signal.SIGKILL)
    on_cluster.workers[parent].wait()
    wait_for(lambda: not Path(f"/proc/{trainer}").exists(), 5)  # its training ends with it
    wait_for(lambda: run.state == "finished")
    other = {"one": "two", "two": "one"}[parent]
    events = read_events(run.folder)[0]
    [resumed] = [event for event in events if isinstance(event, RunResumed)]
    assert resumed.epoch >= 4 and on_cluster.workers[other].poll() is None
    assert [event.epoch for event in epochs_of(run)] == list(range(1, 21))
    assert sum(isinstance(event, RunEnded) for event in events) == 1
    # The same numbers as without the kill.
    alone = runs.create_run(config(seed=5))
    monkeypatch.setenv("NER_LAB_STUB_STEPS", "100")
    worker.run_folder(alone.folder, train=stub_train)
    assert [event.dev_loss for event in epochs_of(run)] == [event.dev_loss for event in epochs_of(alone)]


def is_child(pid, parent):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) == parent


def test_more_than_the_workers_wait_in_line_and_a_waiting_one_is_stopped_at_once(on_cluster):
    first, second, third = [runs.read_run(jobs.start_run(config(seed=n))) for n in (11, 12, 13)]
    wait_for(lambda: [run.state for run in (first, second, third)].count("running") == 2)
    [last] = [run for run in (first, second, third) if run.state != "running"]
    assert last.state == "waiting"
    fourth = runs.read_run(jobs.start_run(config(seed=14)))
    turns = waiting.turns()
    assert [(run_id, turn.n_before) for run_id, turn in turns.items()] == [(last.id, 0), (fourth.id, 1)]
    assert 0 <= turns[last.id].seconds <= turns[fourth.id].seconds < 300
    for run in (last, fourth):
        jobs.stop_run(run.id)
        assert run.state == "stopped"
    assert not waiting.turns()
    for run in (first, second, third):
        if run is not last:
            wait_for(lambda run=run: run.state == "finished")
    time.sleep(1.0)  # the task of the stopped one has had its turn
    assert last.state == "stopped" and epochs_of(last) == []


def test_the_limits_of_a_class_hold_on_the_workers(on_cluster, monkeypatch):
    monkeypatch.setenv("NER_LAB_CLASS", "1")
    classroom.change_settings(steps=12)
    run = runs.read_run(jobs.start_run(config(seed=15)))
    wait_for(lambda: not run.is_active)
    (on_cluster.home / "class.json").unlink()
    assert "Stopped at the limit of this class: 12 steps" in read_events(run.folder)[0][-1].message


def test_a_task_done_again_does_nothing(on_cluster):
    run = runs.read_run(jobs.start_run(config(seed=21)))
    wait_for(lambda: run.state == "finished")
    before = (run.folder / "events.jsonl").read_bytes()
    client = cluster.connect()
    assert client.submit(cluster.do_run, run.id, pure=False).result(timeout=30) == "finished"
    assert (run.folder / "events.jsonl").read_bytes() == before
    assert client.submit(cluster.do_run, "20260101-000000-" + 16 * "0", pure=False).result(timeout=30) == "deleted"


def test_a_run_is_stopped_before_it_is_deleted(on_cluster):
    run = runs.read_run(jobs.start_run(config(seed=31)))
    wait_for(lambda: len(epochs_of(run)) >= 1)
    trainer = identity_of(run)["pid"]
    runs.delete_run(run.id)
    assert not run.folder.exists()
    wait_for(lambda: not Path(f"/proc/{trainer}").exists(), 10)


def test_a_large_file_is_tagged_in_pieces_and_joined_in_order(on_cluster, capsys, monkeypatch):
    from ner_core import __main__ as command_line
    from ner_core.tagger.predict import predict
    from ner_core.tagger.store import load_tagger

    model = next(path.parent for path in sorted((ROOT / "models").glob("*/MANIFEST.json")))
    texts = [f"Person {number} lives in London." for number in range(50)]
    tagger = load_tagger(model)
    pieces = [texts[i : i + 8] for i in range(0, 50, 8)]
    tagged = [found for piece in cluster.tag_pieces(tagger, pieces) for found in piece]
    assert [found.text for found in tagged] == texts
    assert [found.spans for found in tagged] == [found.spans for found in predict(tagger, texts)]
    file = on_cluster.home / "texts.txt"
    file.write_text("\n".join(texts))
    monkeypatch.setattr("ner_core.commands.taggers._LINES_A_PIECE", 8)
    assert command_line.main(["tag", str(model), str(file)]) == 0
    there = capsys.readouterr().out
    monkeypatch.delenv("NER_LAB_SCHEDULER")
    assert command_line.main(["tag", str(model), str(file)]) == 0
    assert without_confidence(capsys.readouterr().out) == without_confidence(there) and there.count("\n") == 50


def without_confidence(lines):
    """What was found and where; the last digits of a confidence depend on how many texts are tagged at once."""
    return re.sub(r'"confidence": [0-9.e-]+', "", lines)


def test_what_only_dask_knows_is_told_in_the_run(on_cluster, monkeypatch):
    monkeypatch.setattr(cluster, "do_run", len)  # a task that cannot begin: there is no process to say so
    monkeypatch.setattr(cluster, "submit", _submit_broken)
    run = runs.read_run(jobs.start_run(config(seed=41)))
    wait_for(lambda: run.state == "failed")
    assert "No worker of the cluster could do it" in read_events(run.folder)[0][-1].message


def _submit_broken(run):
    (run.folder / "cluster.json").write_text("{}")
    asked = cluster.connect().submit(int, "no number", pure=False)
    asked.add_done_callback(lambda done: cluster._tell_failure(run.folder, done))


# --- without one ------------------------------------------------------------------------------


@pytest.fixture
def alone(tmp_path, monkeypatch):
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path))
    monkeypatch.setattr(cluster, "_client", None)
    return runs.create_run(RunConfig())


def test_without_dask_the_person_is_told_what_to_install(alone, monkeypatch):
    monkeypatch.setenv("NER_LAB_SCHEDULER", "tcp://127.0.0.1:8786")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(jobs.JobError, match=r"pip install -r requirements-cluster\.txt"):
        jobs.start_run(RunConfig())
    assert [run.id for run in runs.list_runs()] == [alone.id]  # nothing is left behind


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x", "tcp://"])
def test_a_scheduler_that_does_not_answer_is_told(alone, address, monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed: pip install -r requirements-cluster.txt")
    monkeypatch.setenv("NER_LAB_SCHEDULER", address)
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    with pytest.raises(jobs.JobError, match="does not answer"):
        jobs.start_run(RunConfig())
    assert [run.id for run in runs.list_runs()] == [alone.id]


def test_the_place_in_a_cluster_s_queue_follows_from_the_folders(alone, monkeypatch):
    monkeypatch.setenv("NER_LAB_SCHEDULER", "tcp://127.0.0.1:9")  # nobody answers there, and nobody is asked
    late, early = alone, runs.create_run(RunConfig())
    for run, at in ((late, 2_000_000_000), (early, 1_000_000_000)):
        (run.folder / "cluster.json").write_text("{}")
        os.utime(run.folder / "cluster.json", (at, at))
    turns = waiting.turns()
    assert list(turns) == [early.id, late.id] and turns[late.id].n_before == 1
    assert math.isnan(turns[early.id].seconds)  # nothing trains: nobody knows when a machine will come
    there = machine.identify(os.getpid()) | {"host": ELSEWHERE}

    def take_up(run, phase):
        (run.folder / "worker.json").write_text(json.dumps(there))
        (run.folder / "heartbeat").write_text(json.dumps({"phase": phase, "monotonic": 1.0}))

    take_up(runs.create_run(RunConfig()), "running")
    take_up(late, "waiting")  # its worker's machine has no place yet
    turns = waiting.turns()
    assert list(turns) == [late.id, early.id]
    assert [turn.seconds for turn in turns.values()] == [waiting.UNKNOWN_SECONDS, 2 * waiting.UNKNOWN_SECONDS]


def test_a_process_of_another_machine_lives_as_long_as_its_heart_beats(alone, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(runs.time, "monotonic", lambda: now[0])
    (alone.folder / "worker.json").write_text(json.dumps({"pid": 1, "start": "1", "boot": "x", "host": ELSEWHERE}))

    def beat(at):
        (alone.folder / "heartbeat").write_text(json.dumps({"phase": "running", "monotonic": at}))

    beat(7.0)
    assert alone.state == "running"
    now[0] += runs.STALL_SECONDS - 1
    assert alone.state == "running"
    now[0] += 2
    assert alone.state == "interrupted"
    beat(8.0)
    assert alone.state == "running"
    (alone.folder / "stop").touch()
    assert alone.state == "stopping"


def test_clocks_that_differ_are_mended_at_the_second_look(alone):
    (alone.folder / "worker.json").write_text(json.dumps({"pid": 1, "start": "1", "boot": "x", "host": ELSEWHERE}))
    for at in (1.0, 2.0):
        (alone.folder / "heartbeat").write_text(json.dumps({"phase": "running", "monotonic": at}))
        for name in ("heartbeat", "worker.json"):
            os.utime(alone.folder / name, (1, 1))  # that machine's clock stands in 1970
        assert alone.state == ("interrupted" if at == 1.0 else "running")


def test_the_same_name_after_a_reboot_is_no_living_worker(alone):
    (alone.folder / "worker.json").write_text(json.dumps(machine.identify(os.getpid()) | {"boot": "before"}))
    (alone.folder / "heartbeat").write_text(json.dumps({"phase": "running", "monotonic": time.monotonic()}))
    assert alone.state == "interrupted"
