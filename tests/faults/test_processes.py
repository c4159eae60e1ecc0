"""F2, F5, F10, F12, F13, F14, F15, F16, F7: processes that are killed, halted, taken for others, told to stop, or many at once."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ner_core.records import TrainConfig
from ner_core.training import event_log, jobs, machine, places, runs, waiting, worker
from tests.faults.conftest import HERE, TINY, is_all, new_run, times, wait_for

STUB = HERE.parent / "core" / "training" / "stub_worker.py"
SERVER = """
import json, sys, time
sys.path.insert(0, {project!r})
from ner_core.training import jobs, runs
from ner_core.records import TrainConfig
jobs.WORKER = ({stub!r},)
print(jobs.start_run(runs.RunConfig({corpus!r}, "mine", hyperparameters={tiny}, training=TrainConfig(seed=1))), flush=True)
time.sleep(600)
"""

posix = pytest.mark.skipif(os.name == "nt", reason="signals and sessions of their own are POSIX")


def identity_of(run):
    return json.loads((run.folder / "worker.json").read_text())


@posix
@pytest.mark.timeout(1800)
def test_a_killed_server_ends_no_training(zygote, monkeypatch):
    """F2: the trainer is a session of its own, goes on to its end, is found again, and nobody starts a second one."""
    monkeypatch.setenv("NER_LAB_STUB_STEPS", "20")
    monkeypatch.setenv("NER_LAB_STUB_SECONDS", "0.02")
    monkeypatch.setattr(jobs, "WORKER", (str(STUB),))
    whole = new_run()
    assert zygote.run(whole, steps=20) == 0
    corpus = whole.config.corpus
    code = SERVER.format(project=str(runs.PROJECT), stub=str(STUB), corpus=corpus, tiny=TINY)
    for _ in range(times(50, 3)):
        server = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], stdout=subprocess.PIPE, text=True)
        run = runs.read_run(server.stdout.readline().strip())
        server.kill()
        server.communicate()
        identity = identity_of(run)
        assert os.getsid(identity["pid"]) == identity["pid"]
        assert run.state in runs.ACTIVE_STATES
        jobs.resume_run(run.id)  # a new server, whose page somebody presses: it goes on already
        wait_for(lambda run=run: not run.is_active)
        assert identity_of(run) == identity
        found = zygote.look(run)
        assert (found["state"], found["epochs"], found["best"]) == (
            "finished",
            [1, 2, 3, 4],
            zygote.look(whole)["best"],
        )
        wait_for(lambda identity=identity: not is_zombie(identity["pid"]), 10)


def is_zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def test_thirty_start_my_run_at_once(zygote):
    """F5: thirty threads here and in each of two processes, one name, and as many runs."""
    n = 30
    with ThreadPoolExecutor(n) as pool:
        made = [run.id for run in pool.map(lambda _: new_run(nickname="my run"), range(n))]
    code = f"""
import sys; sys.path.insert(0, {str(runs.PROJECT)!r})
from concurrent.futures import ThreadPoolExecutor
from ner_core.training import runs
with ThreadPoolExecutor(30) as pool:
    print(*[run.id for run in pool.map(runs.create_run, 15 * [runs.RunConfig(nickname="my run")])])
"""
    children = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    made += [name for child in children for name in child.communicate()[0].split()]
    assert len(set(made)) == 60
    assert {run.id for run in runs.list_runs()} == set(made)
    for run_id in made[:2]:
        runs.rename(run_id, "my run")
    assert [runs.read_run(run_id).name for run_id in made[:2]] == 2 * ["my run"]


def test_a_class_that_presses_start_at_once_waits_in_line(monkeypatch):
    """F14: each click is one run in the queue, and is told its place and about how long; nobody is lost."""
    monkeypatch.setenv("NER_LAB_PLACES", "1")
    monkeypatch.setenv("NER_LAB_STUB_STEPS", "100000")
    monkeypatch.setenv("NER_LAB_STUB_SECONDS", "0.2")
    monkeypatch.setattr(jobs, "WORKER", (str(STUB),))
    settings = {"corpus": new_run().config.corpus, "hyperparameters": TINY}
    asked = [
        runs.RunConfig(**settings, training=TrainConfig(seed=seed), owner=f"{seed:016x}")
        for seed in range(1 + times(30, 4))
    ]
    first = runs.read_run(jobs.start_run(asked[0]))
    wait_for(lambda: first.state == "running")
    with ThreadPoolExecutor(len(asked)) as pool:
        clicked = list(pool.map(jobs.start_run, asked[1:]))
    try:
        wait_for(lambda: len(waiting.turns()) == len(clicked))
        turns = waiting.turns()
        assert set(turns) == set(clicked) and first.state == "running"
        assert [turn.n_before for turn in turns.values()] == list(range(len(clicked)))
        waits = [turn.seconds for turn in turns.values()]
        assert waits == sorted(set(waits)) and waits[0] > 0
    finally:
        for run_id in [first.id, *clicked]:
            jobs.stop_run(run_id)
    assert wait_for(lambda: not any(runs.read_run(run_id).is_active for run_id in [first.id, *clicked]))
    assert {runs.read_run(run_id).state for run_id in clicked} == {"stopped"}


def test_many_resume_one_run_at_once(zygote, monkeypatch):
    """Of twenty who press Resume together one starts a trainer."""
    monkeypatch.setenv("NER_LAB_STUB_STEPS", "20")
    monkeypatch.setattr(jobs, "WORKER", (str(STUB),))
    run = new_run()
    zygote.start(run, steps=20, shim=("kill", 60))
    assert zygote.end() == -signal.SIGKILL
    started, real = [], jobs._start

    def count(*options):
        started.append(options)
        return real(*options)

    monkeypatch.setattr(jobs, "_start", count)
    monkeypatch.setattr(
        jobs, "_check_disk", lambda: time.sleep(0.3)
    )  # so long each of them has looked and not yet begun
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(jobs.resume_run, 20 * [run.id]))
    assert len(started) == 1
    assert run.state in (*runs.ACTIVE_STATES, "finished")
    wait_for(lambda: run.state == "finished" and not machine.is_alive(identity_of(run)))
    with pytest.raises(jobs.JobError, match="nothing left to do"):
        jobs.resume_run(run.id)


def test_a_pid_used_again_is_no_ghost(chance):
    """F10: somebody else's process with the pid of the trainer, another boot, a pid that never was."""
    run = new_run()
    me = machine.identify(os.getpid())
    for _ in range(times(50, 20)):
        other = chance.choice(
            [
                me | {"start": str(chance.randrange(10**9))},
                me | {"boot": f"{chance.randrange(10**9)}"},
                me | {"pid": 2**22 + chance.randrange(1000)},
                machine.identify(1) | {"start": me["start"]},
            ]
        )
        (run.folder / "worker.json").write_text(json.dumps(other))
        (run.folder / "heartbeat").write_text(json.dumps({"phase": "running", "monotonic": time.monotonic()}))
        assert run.state == "interrupted"
    (run.folder / "worker.json").write_text(json.dumps(me))
    assert run.state == "running"


@posix
def test_a_halted_trainer_is_stalled_and_recovers(zygote, monkeypatch):
    """F12: SIGSTOP for a while: "stalled", not "interrupted", and no second trainer; SIGCONT: it runs."""
    if not is_all():
        monkeypatch.setattr(runs, "STALL_SECONDS", 2.0)
    run = new_run()
    pid = zygote.start(run, steps=100_000, seconds=0.01)
    wait_for(lambda: run.state == "running")
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: run.state == "stalled", 30)
        jobs.resume_run(run.id)
        assert run.state == "stalled"
        if is_all():
            time.sleep(45)  # sixty in all
            assert run.state == "stalled"
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: run.state == "running", 10)
    os.kill(pid, signal.SIGKILL)
    zygote.end()
    assert run.state == "interrupted"


def test_readers_meet_no_half_written_file(zygote):
    """F13: one writer, eight readers; whatever a reader finds can be read."""
    run = new_run()
    runs.rename(run.id, "b")
    end, problems, n_looks = threading.Event(), [], []

    def read():
        looks, offset, seen = 0, 0, 0
        try:
            while not end.is_set():
                events, offset = event_log.read_events(run.folder, offset)
                seen += len(events)
                found = runs.read_run(run.id)
                assert found.state in (*runs.ACTIVE_STATES, "interrupted", "finished")
                assert [each.id for each in runs.list_runs()] == [run.id]
                assert found.name in ("a" * 80, "b")
                if found.best:
                    from ner_core.tagger.store import load_tagger

                    assert load_tagger(found.best).is_trained
                looks += 1
        except BaseException as problem:
            problems.append(repr(problem))
        n_looks.append(looks)

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    until = time.monotonic() + (60 if is_all() else 3)
    name, steps = "b", 0
    while time.monotonic() < until:
        steps += 10
        (run.folder / "resume").touch()
        assert zygote.run(run, steps=steps) == 0
        name = "b" if name != "b" else "a" * 80
        runs.rename(run.id, name)
    end.set()
    for reader in readers:
        reader.join()
    assert problems == []
    print(f"{sum(n_looks)} looks beside {steps} steps")


@posix
@pytest.mark.timeout(900)
def test_a_run_is_deleted_while_it_trains(zygote, home, chance):
    """F15: it is stopped, then it is gone; whoever has it open elsewhere is told kindly."""
    for _ in range(times(50)):
        run = new_run()
        pid = zygote.start(run, steps=100_000, seconds=0.002)
        wait_for(lambda run=run: (run.folder / "worker.json").exists())
        time.sleep(chance.uniform(0, 0.1))
        identity = identity_of(run)
        runs.delete_run(run.id)
        assert not machine.is_alive(identity) and not run.folder.exists()
        with pytest.raises(runs.RunError, match="It may have been deleted"):
            runs.read_run(run.id)
        with pytest.raises(runs.RunError):
            jobs.resume_run(run.id)
        assert run.state in ("interrupted", "starting")  # the other tab still asks, and nothing is raised
        assert event_log.read_events(run.folder) == ([], 0)
        assert zygote.end() in (0, -signal.SIGKILL), pid
    assert list((home / "runs").iterdir()) == []


@posix
@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", ["button", "SIGTERM"])
def test_stop_keeps_everything(zygote, chance, how):
    """F16: a checkpoint of the very last step, "stopped" within five seconds, and resuming ends as if nothing had been."""
    whole = new_run()
    assert zygote.run(whole, steps=20) == 0
    expected = zygote.look(whole)
    for _ in range(times(25)):
        run = new_run()
        pid = zygote.start(run, steps=20, seconds=0.02)
        wait_for(lambda run=run: (run.folder / "heartbeat").exists())
        time.sleep(chance.uniform(0, 0.3))
        started = time.monotonic()
        if how == "button":
            jobs.stop_run(run.id)
        else:
            os.kill(pid, signal.SIGTERM)
        assert zygote.end() == 0
        assert time.monotonic() - started < 5
        found = zygote.look(run)
        assert found["state"] in ("stopped", "finished")
        if found["state"] == "stopped" and found["steps"]:
            assert found["checkpoint"]["step"] >= found["steps"][-1]
        (run.folder / "stop").unlink(missing_ok=True)
        assert zygote.run(run, steps=20) == 0
        found = zygote.look(run)
        assert (found["state"], found["epochs"], found["best"]) == ("finished", [1, 2, 3, 4], expected["best"])
        assert found["leftovers"] == []


@pytest.mark.parametrize("jump", [3600, -3600, 86400 * 400])
def test_the_clock_jumps(zygote, monkeypatch, jump):
    """F7: an hour forth or back in the middle: no negative time, nobody "stalled", order kept."""
    from tests.core.training.test_worker import stub_train

    run, real, jumped = new_run(), time.time, random.Random(1)
    monkeypatch.setattr(time, "time", lambda: real() + jumped.choice([0, jump]))
    monkeypatch.setattr(time, "time_ns", lambda: int(1e9 * time.time()))
    states = set()

    def watched(*options, **more):
        for event in stub_train(*options, **more):
            states.add(run.state)
            yield event

    assert worker.run_folder(run.folder, train=watched) == "finished"
    assert states <= {"starting", "running"}, states
    events = event_log.read_events(run.folder)[0]
    assert all(getattr(event, "seconds", 0) >= 0 for event in events)
    steps = [event.step for event in events if hasattr(event, "step")]
    assert steps == sorted(steps)


@pytest.mark.skipif(not shutil.which("faketime"), reason="faketime is not installed: apt-get install faketime")
def test_the_clock_jumps_for_the_whole_process():
    run = new_run()
    command = ["faketime", "-f", "+0 x3600", sys.executable, str(STUB), str(run.folder)]
    assert subprocess.run(command, timeout=120, check=False).returncode == 0
    assert run.state == "finished"


def test_the_queue_keeps_its_order_when_the_clock_goes_back(monkeypatch):
    """F7: who came first is told by a clock that only goes forward."""
    now = iter([5000, 4000, 3000, 2000])
    monkeypatch.setattr(time, "time_ns", lambda: next(now, 1000))
    monkeypatch.setenv("NER_LAB_PLACES", "1")
    end = threading.Event()

    def wait_in_line(name):
        with places.wait_for_place(name, lambda: "stop" if end.is_set() else None):
            pass

    with places.wait_for_place("first", lambda: None):
        threads = [threading.Thread(target=wait_in_line, args=(name,)) for name in ("second", "third")]
        try:
            for n, thread in enumerate(threads, 1):
                thread.start()
                wait_for(lambda n=n: len(places.waiting_tickets()) == n)
            assert [jobs.place_in_queue(name) for name in ("second", "third")] == [0, 1]
        finally:
            end.set()
            for thread in threads:
                thread.join()
