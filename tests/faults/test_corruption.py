"""F4, F11, F17: what was changed on the disk is noticed, told, and passed over; never read as if it were right."""

import os
import shutil

import pytest

from ner_core.tagger.archive import StoreError
from ner_core.tagger.store import load_tagger
from ner_core.training import event_log, runs
from ner_core.training.checkpoints import CheckpointError, list_checkpoints, load_checkpoint
from tests.core.training.test_checkpoints import same
from tests.faults.conftest import is_all, new_run, times

STEPS = 20


@pytest.fixture
def run(zygote):
    made = new_run()
    assert zygote.run(made, steps=STEPS) == 0
    return made


def truncate(data, chance):
    return data[: chance.randrange(len(data))]


def flip_a_bit(data, chance):
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]


def zero_a_block(data, chance):
    start = chance.randrange(len(data))
    return data[:start] + bytes(len(data[start : start + 512])) + data[start + 512 :]


def empty(data, chance):
    return b""


HARMS = [(truncate, 60), (flip_a_bit, 250), (zero_a_block, 60), (empty, 10)]


@pytest.mark.parametrize("harm, n", HARMS, ids=lambda value: getattr(value, "__name__", value))
def test_no_damaged_checkpoint_is_read(run, chance, harm, n):
    """370 and more: what loads is to the bit what was written, or does not load."""
    newest, before = list_checkpoints(run.folder)[-1], list_checkpoints(run.folder)[-2]
    written, n_noticed = load_checkpoint(newest), 0
    for _ in range(times(n)):
        path = chance.choice(sorted(newest.iterdir()))
        good = path.read_bytes()
        bad = harm(good, chance)
        path.write_bytes(bad)
        try:
            assert same(load_checkpoint(newest), written), f"{path.name} was read though it was changed"
        except CheckpointError as problem:
            assert newest.name in str(problem)
            n_noticed += 1
        assert load_checkpoint(before).step < written.step
        path.write_bytes(good)
    assert n_noticed >= 0.9 * times(n)  # a change of a blank in the manifest is none


@pytest.mark.parametrize("harm, n", HARMS, ids=lambda value: getattr(value, "__name__", value))
def test_no_damaged_tagger_is_read(run, chance, harm, n):
    written = load_tagger(run.best)
    for _ in range(times(n)):
        path = chance.choice([run.best / name for name in ("weights.npz", "vocab.json", "model.json", "MANIFEST.json")])
        good = path.read_bytes()
        path.write_bytes(harm(good, chance))
        try:
            read = load_tagger(run.best)
            assert read.encoder == written.encoder or read.encoder.words == written.encoder.words
            assert all((read.weights[name] == array).all() for name, array in written.weights.items())
        except StoreError as problem:
            assert "Traceback" not in str(problem)
        path.write_bytes(good)


def test_files_of_another_run_are_noticed(zygote, run):
    other = new_run(seed=2)
    assert zygote.run(other, steps=STEPS) == 0
    newest = list_checkpoints(run.folder)[-1]
    for name in ("state.json", "arrays.npz", "MANIFEST.json"):
        good = (newest / name).read_bytes()
        shutil.copy(list_checkpoints(other.folder)[-1] / name, newest / name)
        with pytest.raises(CheckpointError):
            load_checkpoint(newest)
        (newest / name).write_bytes(good)
    shutil.rmtree(newest)
    shutil.copytree(list_checkpoints(other.folder)[-1], newest)
    with pytest.raises(CheckpointError, match="another run"):
        load_checkpoint(newest)


@pytest.mark.parametrize("n_damaged", [1, 2, 3])
def test_it_falls_back_says_so_and_still_ends_the_same(zygote, chance, n_damaged):
    """The last, the last two, or all: from the one before, or from the first step."""
    whole, run = new_run(), new_run()
    assert zygote.run(whole, steps=STEPS) == 0
    assert (
        zygote.run(run, shim=("kill", 1_000_000), steps=STEPS - 3) == 0
    )  # ends "finished" too early: that end is taken away
    log = run.folder / "events.jsonl"
    log.write_bytes(b"".join(line + b"\n" for line in log.read_bytes().split(b"\n")[:-2]))
    damaged = list_checkpoints(run.folder)[-n_damaged:]
    for folder in damaged:
        path = folder / chance.choice(["arrays.npz", "state.json"])
        path.write_bytes(flip_a_bit(path.read_bytes(), chance))
    assert zygote.run(run, steps=STEPS) == 0
    found, expected = zygote.look(run), zygote.look(whole)
    assert all(folder.name in found["resumed"][-1] for folder in damaged)
    assert "SHA-256" in found["resumed"][-1]
    assert (found["epochs"], found["best"]) == (expected["epochs"], expected["best"])


# --- the event log --------------------------------------------------------------------------


def test_cut_at_every_byte_of_the_last_two_records(run):
    """F11: the whole lines before the cut are read, the torn one when it is completed, and a writer goes on behind it."""
    path = run.folder / "events.jsonl"
    data = path.read_bytes()
    lines = data.splitlines(keepends=True)
    begin = len(data) - len(lines[-1]) - len(lines[-2])
    events = event_log.read_events(run.folder)[0]
    assert len(events) == len(lines)
    cuts = range(begin, len(data) + 1) if is_all() else [*range(begin, len(data), 10), len(data) - 1, len(data)]
    for cut in cuts:
        path.write_bytes(data[:cut])
        n_whole = data[:cut].count(b"\n")
        found, offset = event_log.read_events(run.folder)
        assert found == events[:n_whole]
        assert runs.state(run.folder) in ("finished", "interrupted")
        path.write_bytes(data)
        assert found + event_log.read_events(run.folder, offset)[0] == events
        path.write_bytes(data[:cut])
        log = event_log.EventLog(run.folder)
        log.write(events[0])
        log.close()
        numbers = [got[0] for line in path.read_bytes().split(b"\n") if (got := event_log.parse_line(line))]
        assert numbers == list(range(1, len(numbers) + 1))
        n_kept = n_whole + (
            data[:cut].splitlines()[n_whole:] == [lines[n_whole].rstrip()] if n_whole < len(lines) else 0
        )
        assert event_log.read_events(run.folder)[0] == [*events[:n_kept], events[0]]
    print(f"{len(cuts)} cuts")


def test_a_changed_line_is_left_out(run, chance):
    path = run.folder / "events.jsonl"
    data = path.read_bytes()
    events = event_log.read_events(run.folder)[0]
    for _ in range(times(250)):
        path.write_bytes(flip_a_bit(data, chance))
        found = event_log.read_events(run.folder)[0]
        assert all(event in events for event in found)
        assert len(found) >= len(events) - 2  # a flipped line end joins two
        assert os.path.getsize(path) == len(data)  # noqa: PTH202
