"""Runs: what is written can be read at any moment, whatever was cut; the state is derived, never a lie."""

import json
import math
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ner_core.records import (
    Corpus,
    Counts,
    EpochDone,
    FloorsMeasured,
    ProbesTagged,
    Report,
    RunEnded,
    RunStarted,
    Sentence,
    Span,
    StepDone,
    TrainConfig,
)
from ner_core.tagger.networks import weight_shapes
from ner_core.tagger.recipes import new_tagger, recipe
from ner_core.tagger.store import load_tagger, save_tagger
from ner_core.training import jobs, machine, runs
from ner_core.training.runs import EventLog, RunConfig, RunError, event_from_dict, event_to_dict, read_events

REPORT = Report(
    Counts(8, 2, 3), {"per": Counts(8, 2, 3), "<b>": Counts()}, 5, 50, 45, 60, 55, {"missed": 3}, Counts(8, 0, 1), None
)
EVENTS = [
    RunStarted(100, 10, 12345, 7, TrainConfig(seed=9, seconds=3.5)),
    StepDone(1, 1, 2.25, 0.1, 70),
    FloorsMeasured(REPORT, REPORT),
    EpochDone(1, 7, 1.5, 0.5, 0.6, 0.9, 0.8, REPORT, True),
    ProbesTagged(1, 7, ({"words": ["Ada", "😀", "\u2028"], "spans": [[0, 1, "per"]], "confidences": [0.5]},)),
    RunEnded("finished", 1, 1, 9.5, 'All "done"\n, "crc": 12}'),
]


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


# --- events ---------------------------------------------------------------------------


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_survives_json(event):
    assert event_from_dict(json.loads(json.dumps(event_to_dict(event)))) == event


def test_numbers_that_are_not_finite_become_null_and_come_back():
    plain = event_to_dict(StepDone(1, 1, math.inf, 0.0, 7))
    assert "Infinity" not in json.dumps(plain)
    assert math.isnan(event_from_dict(plain).loss)


@pytest.mark.parametrize(
    "stored", [{}, {"kind": "Nothing"}, {"kind": "StepDone"}, {"kind": "FloorsMeasured", "all_o": 3}]
)
def test_what_is_no_event_is_a_value_error(stored):
    with pytest.raises(ValueError, match="event"):
        event_from_dict(stored)


# --- the log ----------------------------------------------------------------------------


def test_lines_are_json_with_sequence_and_checksum(run):
    write_all(run.folder)
    lines = [json.loads(line) for line in (run.folder / "events.jsonl").read_text().splitlines()]
    assert [line["sequence"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert all(list(line)[-1] == "crc" for line in lines)


def test_events_are_read_from_an_offset(run):
    assert read_events(run.folder) == ([], 0)
    write_all(run.folder, EVENTS[:2])
    first, offset = read_events(run.folder)
    write_all(run.folder, EVENTS[2:])
    second, end = read_events(run.folder, offset)
    assert first + second == EVENTS
    assert read_events(run.folder, end) == ([], end)


def test_cut_at_every_byte_of_the_last_two_records(run):
    write_all(run.folder)
    path = run.folder / "events.jsonl"
    data = path.read_bytes()
    lines = data.splitlines(keepends=True)
    begin = len(data) - len(lines[-1]) - len(lines[-2])
    for cut in range(begin, len(data) + 1):
        path.write_bytes(data[:cut])
        n_whole = data[:cut].count(b"\n")
        events, offset = read_events(run.folder)
        assert events == EVENTS[:n_whole]
        path.write_bytes(data)  # the line is completed later
        assert events + read_events(run.folder, offset)[0] == EVENTS


def test_a_writer_goes_on_behind_a_torn_line(run):
    write_all(run.folder, EVENTS[:3])
    path = run.folder / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    write_all(run.folder, EVENTS[3:])
    assert read_events(run.folder)[0] == EVENTS[:2] + EVENTS[3:]
    sequences = [json.loads(line)["sequence"] for line in path.read_bytes().splitlines() if runs.parse_line(line)]
    assert sequences == [1, 2, 3, 4, 5]


def test_any_changed_byte_is_noticed(run):
    write_all(run.folder, EVENTS[:2])
    line = (run.folder / "events.jsonl").read_bytes().splitlines()[1]
    for i in range(len(line)):
        changed = line[:i] + bytes([line[i] ^ 1]) + line[i + 1 :]
        found = runs.parse_line(changed)
        assert found is None or found[1] == EVENTS[1]


def test_readers_beside_a_writer(run):
    n = 400
    writer = threading.Thread(target=write_all, args=(run.folder, [StepDone(i, 1, 0.5, 0.1, 7) for i in range(n)]))

    def follow():
        found, offset = [], 0
        while len(found) < n:
            events, offset = read_events(run.folder, offset)
            runs.state(run.folder)
            found += [event.step for event in events]
        return found

    with ThreadPoolExecutor(3) as pool:
        followers = [pool.submit(follow) for _ in range(3)]
        writer.start()
        assert all(follower.result(60) == list(range(n)) for follower in followers)
    writer.join()


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


# --- models a person keeps ---------------------------------------------------------------------------


@pytest.fixture
def trained(run):
    """The run, with a tagger of drawn weights as its best."""
    ada = Sentence(("Ada", "sleeps"), (Span(0, 1, "per"),))
    tagger = new_tagger(Corpus("tiny", (ada,), (), (), ("per",)), recipe("bilstm-crf"))
    random = np.random.default_rng(1)
    tagger.weights = {
        name: random.normal(size=shape).astype("f4") for name, shape in weight_shapes(tagger.network).items()
    }
    save_tagger(tagger, run.folder / "best")
    return run


def test_a_kept_model_outlives_its_run(trained, home):
    folder = runs.keep_model(trained, " My <b> best\nmodel ")
    assert folder == home / "models" / "my-b-best-model"
    runs.delete_run(trained.id)
    kept = load_tagger(folder)
    assert kept.is_trained and kept.card["name"] == "My <b> best model"


def test_a_name_is_kept_once_however_many_ask(trained):
    def keep(_):
        try:
            return runs.keep_model(trained, "mine")
        except RunError as problem:
            return str(problem)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(keep, range(8)))
    refused = [answer for answer in answers if isinstance(answer, str)]
    assert len(refused) == 7 and all("kept already" in answer for answer in refused)
    assert load_tagger(runs.model_roots()[1] / "mine").card["name"] == "mine"


def test_what_cannot_be_kept_is_told_and_leaves_no_folder(run, trained, home, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs, "save_tagger", full)
    with pytest.raises(RunError, match="No space left"):
        runs.keep_model(trained, "mine")
    (run.folder / "best" / "MANIFEST.json").unlink()
    with pytest.raises(RunError, match="no stored tagger"):
        runs.keep_model(run, "mine")
    assert list((home / "models").iterdir()) == []


def test_models_stand_where_the_settings_say(home, tmp_path, monkeypatch):
    monkeypatch.delenv("NER_LAB_MODELS", raising=False)
    assert runs.model_roots() == (runs.PROJECT / "models", home / "models", home / "runs")
    monkeypatch.setenv("NER_LAB_MODELS", str(tmp_path / "ours"))
    assert runs.model_roots()[0] == tmp_path / "ours"


# --- corpora ----------------------------------------------------------------------------------------

CONLL = b"Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n\nHello\tO\n"


def test_a_stored_corpus_is_read_again(home):
    first = runs.store_corpus("mine.conll", CONLL)
    assert runs.store_corpus("mine.conll", CONLL) == first
    assert runs.store_corpus("mine.conll", CONLL, test=("t.conll", CONLL)) != first
    corpus = runs.load_stored_corpus(first)
    assert corpus.name == "mine"
    assert len(corpus.sentences) == 2
    assert len(list((home / "corpora").iterdir())) == 2


def test_thirty_may_upload_the_same_file_at_once(home):
    with ThreadPoolExecutor(30) as pool:
        [stored] = set(pool.map(lambda _: runs.store_corpus("mine.conll", CONLL), range(60)))
    assert sorted(p.name for p in (home / "corpora" / stored).iterdir()) == ["corpus.json", "train"]
    assert len(runs.load_stored_corpus(stored).sentences) == 2


def test_given_parts_stay(home):
    stored = runs.store_corpus("a.conll", CONLL, dev=("../b.conll", CONLL), test=("c.conll", CONLL))
    corpus = runs.load_stored_corpus(stored)
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (2, 2, 2)
    assert sorted(p.name for p in (home / "corpora" / stored).iterdir()) == ["corpus.json", "dev", "test", "train"]


@pytest.mark.parametrize("name", ["", "..", "0" * 64, "newsroom"])
def test_an_unknown_corpus_is_refused(name):
    with pytest.raises(RunError, match="no stored corpus"):
        runs.load_stored_corpus(name)
