"""The event log: what is written can be read at any moment, whatever was cut."""

import json
import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ner_core.records import (
    Counts,
    EpochDone,
    FloorsMeasured,
    ProbesTagged,
    Report,
    RunEnded,
    RunStarted,
    StepDone,
    TrainConfig,
)
from ner_core.training import event_log, runs
from ner_core.training.event_log import EventLog, event_from_dict, event_to_dict, read_events
from ner_core.training.runs import RunConfig

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
    return runs.create_run(RunConfig())


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
    sequences = [json.loads(line)["sequence"] for line in path.read_bytes().splitlines() if event_log.parse_line(line)]
    assert sequences == [1, 2, 3, 4, 5]


def test_any_changed_byte_is_noticed(run):
    write_all(run.folder, EVENTS[:2])
    line = (run.folder / "events.jsonl").read_bytes().splitlines()[1]
    for i in range(len(line)):
        changed = line[:i] + bytes([line[i] ^ 1]) + line[i + 1 :]
        found = event_log.parse_line(changed)
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
