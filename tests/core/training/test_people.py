"""People, the class and the queue: keys, what others see, one training each, the same one watched, pause and limits."""

import hashlib
import json
import os
import threading
import time
from pathlib import Path

import pytest

from ner_core.records import RunEnded, RunStarted, StepDone, TrainConfig
from ner_core.training import classroom, event_log, jobs, keeping, machine, people, places, runs, waiting, worker
from ner_core.training.runs import RunConfig
from tests.core.training.stub_worker import stub_train

CONLL = b"Ada\tB-per\nlives\tO\n\n" * 3
ADA, BOB = "a" * 16, "b" * 16


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NER_LAB_CLASS", raising=False)
    monkeypatch.delenv("NER_LAB_TEACHER", raising=False)
    return tmp_path / "home"


@pytest.fixture
def in_class(monkeypatch):
    monkeypatch.setenv("NER_LAB_CLASS", "1")


def make_run(owner=ADA, *, is_going=True, events=(), **config) -> runs.Run:
    """A run's folder; this very process pretends to work on it."""
    run = runs.create_run(RunConfig(owner=owner, **config))
    identity = machine.identify(os.getpid()) if is_going else {"pid": 0, "start": "", "boot": ""}
    runs.write_file(run.folder / "worker.json", json.dumps(identity).encode())
    log = event_log.EventLog(run.folder)
    for event in events:
        log.write(event)
    log.close()
    return run


def everything_under(folder: Path) -> bytes:
    return b"\n".join(path.name.encode() + path.read_bytes() for path in folder.rglob("*") if path.is_file())


# --- people -----------------------------------------------------------------------------------


def test_the_server_stores_a_hash_and_never_the_key(home):
    key = people.new_key()
    owner = people.owner_of(key)
    assert owner == hashlib.sha256(key.encode()).hexdigest()[:16]
    people.set_nickname(owner, "Ada")
    people.watch(owner, "run", ("In Rome",))
    assert people.read_person(owner).nickname == "Ada"
    assert people.read_person(owner).watched == {"run": ("In Rome",)}
    assert key.encode() not in everything_under(home)


def test_keys_are_long_and_never_the_same():
    keys = {people.new_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(people.is_key(key) for key in keys)


@pytest.mark.parametrize("owner", ["", "..", "../../etc", "A" * 16, "a" * 17, "a" * 15 + "\n"])
def test_an_owner_is_never_a_path(home, owner):
    with pytest.raises(people.PersonError):
        people.set_nickname(owner, "x")
    assert not list(home.rglob("person.json"))


@pytest.mark.parametrize("name", ["", " \n", "x" * 25, "\u200d\u202e"])
def test_a_nickname_that_cannot_be_seen_or_is_too_long_is_refused(name):
    with pytest.raises(people.PersonError, match="1 to 24 characters"):
        people.clean_nickname(name)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"nickname": 1}', b"\xff", b"[" * 100_000])
def test_a_damaged_record_is_an_empty_one(home, content):
    people.set_nickname(ADA, "Ada")
    (home / "people" / ADA / "person.json").write_bytes(content)
    assert people.read_person(ADA) == people.Person()
    assert people.set_nickname(ADA, "Ada") == "Ada"


def test_changes_of_many_tabs_are_all_kept():
    threads = [threading.Thread(target=people.add_upload, args=(ADA, f"{i:064x}", f"{i}")) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(people.read_person(ADA).uploads) == 20


def test_an_upload_goes_with_the_last_who_has_it(home):
    corpus = keeping.store_corpus("mine.conll", CONLL)
    for owner in (ADA, BOB):
        people.add_upload(owner, corpus, "mine")
    assert not people.forget_upload(ADA, corpus)
    assert (home / "corpora" / corpus).exists()
    assert not people.forget_upload(ADA, corpus)  # it is no longer theirs to delete
    assert people.forget_upload(BOB, corpus)
    assert not (home / "corpora" / corpus).exists()


def test_delete_mine_leaves_nothing_of_mine_and_all_of_others(home):
    mine, shared = keeping.store_corpus("mine.conll", CONLL), keeping.store_corpus("shared.conll", CONLL)
    for owner, corpus in ((ADA, mine), (ADA, shared), (BOB, shared)):
        people.add_upload(owner, corpus, "x")
    people.set_nickname(ADA, "Ada")
    make_run(ADA, is_going=False, probes=("Only Ada knows",))
    others = make_run(BOB, is_going=False)
    for owner in (ADA, BOB):
        (home / "models" / owner).mkdir(parents=True)
        (home / "models" / owner / "owner").write_text(owner)
    assert people.delete_mine(ADA) == [mine]
    assert [run.id for run in runs.list_runs()] == [others.id]
    assert [folder.name for folder in (home / "models").iterdir()] == [BOB]
    assert [folder.name for folder in (home / "corpora").iterdir()] == [shared]
    left = everything_under(home)
    assert ADA.encode() not in left and b"Only Ada" not in left


def test_others_see_only_what_was_shared():
    run, nobodys = make_run(ADA), make_run("")

    def listed(owner):
        return {run.id for run in runs.list_runs() if people.is_listed(run, owner, people.read_person(owner))}

    assert listed(ADA) == {run.id, nobodys.id}
    assert listed(BOB) == {nobodys.id}
    people.share(run.id)
    assert listed(BOB) == {run.id, nobodys.id}
    people.share(run.id, False)
    people.watch(BOB, run.id)
    assert listed(BOB) == {run.id, nobodys.id}
    people.leave(BOB, run.id)
    assert listed(BOB) == {nobodys.id}


def test_managing_belongs_to_the_owner_and_the_teacher(monkeypatch):
    run, nobodys = make_run(ADA), make_run("")
    assert classroom.may_manage(run, ADA)
    assert not classroom.may_manage(run, BOB)
    assert classroom.may_manage(run, BOB, is_teacher=True)
    assert classroom.may_manage(nobodys, BOB)
    monkeypatch.setenv("NER_LAB_CLASS", "1")
    assert not classroom.may_manage(nobodys, BOB)


# --- the class ---------------------------------------------------------------------------------


def test_settings_count_only_while_a_class_is_served(monkeypatch):
    classroom.change_settings(is_paused=True, places=1, code="abc234")
    assert classroom.settings() == classroom.ALONE
    monkeypatch.setenv("NER_LAB_CLASS", "1")
    assert (classroom.settings().is_paused, classroom.settings().code) == (True, "abc234")


@pytest.mark.parametrize("changes", [{"places": 0}, {"places": "2"}, {"seconds": float("nan")}, {"steps": 10**9}])
def test_a_limit_out_of_bounds_is_refused_and_nothing_changes(in_class, changes):
    before = classroom.change_settings(places=3)
    with pytest.raises(classroom.ClassError):
        classroom.change_settings(**changes)
    assert classroom.settings() == before


def test_the_teachers_key_is_known_by_its_hash_alone(in_class, home, monkeypatch):
    opened, key = classroom.open_class("192.0.2.7", 8501)
    assert opened.address == "http://192.0.2.7:8501"
    assert len(opened.code) == 6 and classroom.is_code(f" {opened.code[:3].upper()} {opened.code[3:]}")
    assert classroom.is_teacher_key(key) and classroom.is_teacher_key(f" {key}\n")
    assert not classroom.is_teacher_key("") and not classroom.is_teacher_key(key[:-1])
    assert key.encode() not in everything_under(home)
    again, second = classroom.open_class("192.0.2.7", 8501)
    assert (again.code, second) == (opened.code, None)
    _, third = classroom.open_class("192.0.2.7", 8501, has_new_key=True)
    assert classroom.is_teacher_key(third) and not classroom.is_teacher_key(key)
    monkeypatch.setenv("NER_LAB_TEACHER", classroom.hash_of("from outside"))
    assert classroom.is_teacher_key("from outside") and not classroom.is_teacher_key(third)


def test_nobody_is_the_teacher_where_there_is_no_key(in_class):
    assert not classroom.is_teacher_key("") and not classroom.is_proof("")


def test_a_hidden_nickname_is_shown_to_nobody(in_class):
    people.set_nickname(ADA, "Rude word")
    assert classroom.nickname_of(RunConfig(owner=ADA)) == "Rude word"
    classroom.change_settings(hidden=(ADA,))
    assert classroom.nickname_of(RunConfig(owner=ADA, nickname="Rude word")) == ""


def test_clearing_the_class_leaves_the_teacher_and_the_command_lines_runs(in_class, home):
    _, key = classroom.open_class("h", 1)
    code = classroom.settings().code
    people.change_person(BOB, lambda stored: stored.update(proof=classroom.hash_of(key)))
    corpus = keeping.store_corpus("mine.conll", CONLL)
    people.add_upload(ADA, corpus, "mine")
    make_run(ADA, is_going=False), make_run("c" * 16, is_going=False)
    kept = make_run("", is_going=False)
    assert classroom.clear_class(keep=BOB) == [corpus]
    assert [run.id for run in runs.list_runs()] == [kept.id]
    assert people.owners() == [BOB]
    assert classroom.is_proof(people.read_person(BOB).proof)
    assert classroom.settings().code not in ("", code) and not classroom.settings().is_paused


# --- one queue ------------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch):
    """`start_run` without processes: this one pretends to work on every run."""

    def pretend(run):
        runs.write_file(run.folder / "worker.json", json.dumps(machine.identify(os.getpid())).encode())

    monkeypatch.setattr(jobs, "_hand_over", pretend)


def asked(owner, *, seed=1, **changes):
    return RunConfig(owner=owner, training=TrainConfig(seed=seed), **changes)


def test_the_same_request_is_one_training_with_many_watchers(started):
    first = jobs.start_run(asked(ADA, nickname="Ada", probes=("Ada's own",), hyperparameters={"epochs": 2}))
    same = asked(BOB, nickname="Bob", probes=("In Rome",), hyperparameters={"epochs": 2})
    assert jobs.start_run(same) == first
    assert people.read_person(BOB).watched == {first: ("In Rome",)}
    assert jobs.start_run(asked(ADA, hyperparameters={"epochs": 2})) == first  # a second tab of the same person
    for other in (
        asked(BOB, seed=2, hyperparameters={"epochs": 2}),
        asked(BOB, hyperparameters={"epochs": 3}),
        asked(BOB, corpus="f" * 64, hyperparameters={"epochs": 2}),
        asked("", hyperparameters={"epochs": 2}),
    ):
        assert jobs.start_run(other) != first
    (runs.run_folder_of(first) / "worker.json").unlink()
    os.utime(runs.run_folder_of(first) / "config.json", (0, 0))  # it ended long ago
    assert jobs.start_run(same) != first


def test_thirty_who_ask_at_once_start_one_training(started, monkeypatch):
    ids = []
    create = jobs.create_run
    monkeypatch.setattr(jobs, "create_run", lambda config: time.sleep(0.05) or create(config))  # time to be overtaken
    threads = [
        threading.Thread(target=lambda i=i: ids.append(jobs.start_run(asked(f"{i:016x}")))) for i in range(1, 31)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 30 and len(set(ids)) == len(runs.list_runs()) == 1


def test_in_a_class_a_person_has_one_training_at_a_time(started, in_class):
    first = jobs.start_run(asked(ADA))
    with pytest.raises(jobs.JobError, match="one training at a time"):
        jobs.start_run(asked(ADA, seed=2))
    assert len(runs.list_runs()) == 1
    jobs.start_run(asked(BOB, seed=2))
    stopped = make_run(ADA, is_going=False, events=[RunEnded("stopped", 0, 0, 1.0)])
    with pytest.raises(jobs.JobError, match="one training at a time"):
        jobs.resume_run(stopped.id)
    runs.write_file(runs.run_folder_of(first) / "worker.json", b"{}")
    jobs.start_run(asked(ADA, seed=3))


def test_who_works_alone_may_queue_as_many_as_they_like(started):
    assert len({jobs.start_run(asked(ADA, seed=seed)) for seed in range(3)}) == 3


def test_the_class_decides_the_places_and_a_paused_queue_lets_nobody_in(in_class, monkeypatch):
    monkeypatch.setenv("NER_LAB_PLACES", "5")
    assert places.n_places() == 5
    classroom.change_settings(places=2)
    assert places.n_places() == 2
    assert places.has_free_place()
    classroom.change_settings(is_paused=True)
    assert not places.has_free_place()
    polls = []

    def control():
        polls.append(waiting.turns())
        if len(polls) == 3:
            classroom.change_settings(is_paused=False)
        return "stop" if len(polls) > 20 else None

    with places.wait_for_place("a-run", control) as has_place:
        assert has_place
    assert 3 <= len(polls) <= 5  # while it was paused it waited, and then no longer
    assert list(polls[0]) == ["a-run"]


def test_a_limit_ends_a_training_between_two_steps_and_says_so(in_class):
    classroom.change_settings(steps=10, seconds=None)
    limit = classroom.Limit(lambda: None)
    for step in range(1, 11):
        assert limit() is None
        limit.take(StepDone(step, 1, 0.5, step * 1.0, 7))
    assert limit() == "stop"
    assert "limit of this class: 10 steps" in limit.take(RunEnded("stopped", 1, 1, 10.0)).message
    assert limit.take(RunEnded("finished", 1, 1, 10.0, "All done.")).message == "All done."
    classroom.change_settings(steps=None, seconds=5.0)
    limit = classroom.Limit(lambda: None)
    limit.take(StepDone(1, 1, 0.5, 4.9, 7))
    assert limit() is None
    limit.take(StepDone(2, 1, 0.5, 5.0, 7))
    assert limit() == "stop"


def test_a_worker_stops_at_the_limit_and_keeps_its_best(in_class, monkeypatch):
    monkeypatch.setenv("NER_LAB_STUB_STEPS", "30")
    classroom.change_settings(steps=12, seconds=None)
    run = runs.create_run(RunConfig(corpus=keeping.store_corpus("mine.conll", CONLL), owner=ADA))
    assert worker.run_folder(run.folder, train=stub_train) == "stopped"
    events, _ = event_log.read_events(run.folder)
    assert "limit of this class: 12 steps" in events[-1].message
    assert run.best is not None


def test_the_expected_wait_follows_from_what_goes_on(home, monkeypatch):
    monkeypatch.setenv("NER_LAB_PLACES", "1")
    assert waiting.turns() == {}
    make_run(is_going=False, events=[RunStarted(1, 1, 1, 5, TrainConfig()), RunEnded("finished", 1, 3, 24.0)])
    began = [RunStarted(1, 1, 1, 10, TrainConfig(epochs=2)), StepDone(5, 1, 0.5, 10.0, 7)]
    make_run(events=began)  # 5 of 20 steps in 10 s: 30 s are left
    first, second = make_run(), make_run()
    for i, run in enumerate((first, second)):
        ticket = places.queue_folder() / f"{i:020d}.{run.id}.ticket"
        ticket.parent.mkdir(parents=True, exist_ok=True)
        ticket.write_text(json.dumps(machine.identify(os.getpid())))
    turns = waiting.turns()
    assert list(turns) == [first.id, second.id]
    assert turns[first.id] == waiting.Turn(0, 30.0)
    assert turns[second.id] == waiting.Turn(1, 30.0 + 24.0 + waiting.START_SECONDS)
