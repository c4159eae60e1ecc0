"""The curves for TensorBoard: read back by a reader of their own, and by TensorFlow's."""

import importlib.util
import math
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from ner_core.records import Counts, EpochDone, Report, RunEnded, StepDone
from ner_core.tagger.store import load_tagger
from ner_core.training import classroom, event_log, tensorboard
from ner_core.training.event_log import read_events
from ner_core.training.keeping import store_corpus
from ner_core.training.runs import RunConfig, create_run
from ner_core.training.tensorboard import Board, crc32c
from ner_core.training.worker import run_folder

DEV = Report(Counts(tp=6, fp=2, fn=4), {"per": Counts(6, 2, 4)}, n_sentences=5)
EVENTS = (
    StepDone(1, 1, 0.5, 0.1, 7, 0.01, 2.0),
    StepDone(2, 1, 0.25, 0.2, 7, 0.005, math.nan),
    EpochDone(1, 2, 0.3, 0.375, 0.75, 0.9, 0.9, DEV, True),
    RunEnded("finished", 1, 1, 0.4),
)


def records(data: bytes) -> list[bytes]:
    """The records of an event file, every checksum looked at."""
    found = []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        body = data[12 : 12 + length]
        for part, sum_ in ((data[:8], data[8:12]), (body, data[12 + length : 16 + length])):
            crc = crc32c(part)
            assert struct.unpack("<I", sum_)[0] == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
        found.append(body)
        data = data[16 + length :]
    return found


def written(folder: Path) -> bytes:
    [file] = (folder / "tensorboard").glob("events.out.tfevents.*")
    return file.read_bytes()


def test_every_record_is_whole(tmp_path):
    board = Board(tmp_path)
    for event in EVENTS:
        board.take(event)
    first, *steps = records(written(tmp_path))
    assert b"brain.Event:2" in first
    assert len(steps) == 3
    assert b"learning rate" in steps[0] and b"gradient norm" in steps[0]
    assert b"gradient norm" not in steps[1]  # no number
    assert b"dev entity f1" in steps[2] and struct.pack("<f", DEV.f1) in steps[2]


def test_tensorflow_reads_it(tmp_path):
    tf = pytest.importorskip("tensorflow")
    board = Board(tmp_path, since=40)
    for event in EVENTS:
        board.take(replace(event, step=300 + event.step) if hasattr(event, "step") else event)
    [file] = (tmp_path / "tensorboard").iterdir()
    version, starts, *told = list(tf.compat.v1.train.summary_iterator(str(file)))
    assert version.file_version == "brain.Event:2"
    assert starts.step == 41 and starts.session_log.status == 1  # START
    assert [event.step for event in told] == [301, 302, 302]
    values = {value.tag: value.simple_value for event in told for value in event.summary.value}
    assert values == pytest.approx(
        {
            "loss": 0.25,
            "learning rate": 0.005,
            "gradient norm": 2.0,
            "dev loss": 0.75,
            "dev entity f1": DEV.f1,
            "dev entity precision": 0.75,
            "dev entity recall": 0.6,
        }
    )
    assert abs(told[0].wall_time - file.stat().st_mtime) < 60


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e300])
def test_a_loss_that_is_no_number_ends_nothing(tmp_path, value):
    board = Board(tmp_path)
    board.take(StepDone(1, 1, value, 0.1, 7))
    board.take(EVENTS[-1])
    assert b"loss" not in b"".join(records(written(tmp_path)))


class FullDisk:
    """A file that takes nothing."""

    def __getattr__(self, name):
        def refuse(*_):
            raise OSError(28, "No space left on device")

        return refuse


def test_a_full_disk_ends_nothing(tmp_path):
    board = Board(tmp_path)
    board.close()
    board._file = FullDisk()
    for event in EVENTS:
        board.take(event)
    (tmp_path / "other").write_text("")
    for event in EVENTS:  # nor does a folder that cannot be made
        Board(tmp_path / "other").take(event)


def test_a_worker_writes_it_only_where_it_is_asked_for_and_nothing_else_differs(tmp_path, monkeypatch):
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path))
    spec = importlib.util.spec_from_file_location("stub_worker", Path(__file__).with_name("stub_worker.py"))
    stub = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stub)
    corpus = store_corpus("mine.conll", b"Ada\tB-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n\n" * 3)
    monkeypatch.setattr(event_log, "STEPS_A_SECOND", 1e9)  # else the log thins the steps by the clock
    told, weights = [], []
    for is_asked in (False, True):
        run = create_run(RunConfig(corpus=corpus, tensorboard=is_asked))
        assert run_folder(run.folder, train=stub.stub_train) == "finished"
        assert (run.folder / "tensorboard").exists() == is_asked
        told.append([type(event) for event in read_events(run.folder)[0]])
        weights.append(load_tagger(run.best).weights)
    assert told[0] == told[1]
    assert weights[0].keys() == weights[1].keys()
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])
    assert len(records(written(run.folder))) > 2


def test_a_copy_of_the_curves_makes_no_other_training():
    assert classroom._essence(RunConfig(tensorboard=True)) == classroom._essence(RunConfig())


def test_of_older_curves_only_what_is_done_again_is_void(tmp_path):
    for since, first_void in ((None, None), (0, 1), (2, 3)):
        folder = tmp_path / str(since)
        folder.mkdir()
        board = Board(folder, since)
        board.close()
        starts = records(written(folder))[1:]
        void = tensorboard.format_event(0.0, first_void, tensorboard._STARTS)[9:] if starts else None
        assert [record[9:] for record in starts] == ([void] if first_void else [])


def test_a_training_anew_over_older_curves_says_so(tmp_path, monkeypatch):
    tuple(tensorboard.repeat(iter(EVENTS), tmp_path))
    [older] = (tmp_path / "tensorboard").iterdir()
    older.rename(older.with_name("events.out.tfevents.1.here.1"))
    tuple(tensorboard.repeat(iter(EVENTS), tmp_path))
    newer = max((tmp_path / "tensorboard").iterdir(), key=lambda path: int(path.name.split(".")[3]))
    assert tensorboard._STARTS in newer.read_bytes()


def test_repeat_passes_every_event_on(tmp_path):
    assert tuple(tensorboard.repeat(iter(EVENTS), tmp_path)) == EVENTS
    assert len(records(written(tmp_path))) == 4
