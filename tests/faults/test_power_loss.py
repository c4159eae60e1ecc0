"""F21: the power fails at any moment, and what was not synced is gone; the last epoch that was told survives.

After ALICE (Pillai et al., OSDI 2014): every operation of a run is noted, then every prefix is built again, once as it was
done and once without each single thing that no sync had brought to the disk. What is found is then read as after a start.
"""

import shutil
from pathlib import Path

import pytest

from ner_core.records import EpochDone
from ner_core.tagger.store import load_tagger
from ner_core.training import event_log, runs
from ner_core.training.checkpoints import CheckpointError, list_checkpoints, load_checkpoint
from tests.core.training.test_worker import stub_train
from tests.faults.conftest import is_all, new_run
from tests.faults.shim import Shim

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="noting operations needs /proc")


def note(run, monkeypatch):
    """The operations of a whole run of three epochs."""
    from ner_core.training import worker

    monkeypatch.setenv("NER_LAB_STUB_STEPS", "15")
    with Shim("note", 0, run.folder) as shim:
        assert worker.run_folder(run.folder, train=stub_train) == "finished"
    return shim.operations


def unsynced(operations):
    """Numbers of those operations that a power cut may undo: no later sync of their file or folder."""
    loose = set()
    for number, (kind, path, *_) in enumerate(operations):
        if kind == "fsync":
            renamed = {path}
            loose -= {n for n in loose if operations[n][0] == "write" and operations[n][1] in renamed}
            loose -= {
                n for n in loose if operations[n][0] in ("rename", "mkdir", "unlink") and parent(operations[n]) == path
            }
        elif kind in ("write", "rename", "unlink"):
            loose.add(number)
    return loose


def parent(operation):
    return str(Path(operation[2] if operation[0] == "rename" else operation[1]).parent)


def build(operations, dropped, folder: Path, source: Path):
    """Do the operations in `folder` in place of `source`, but for those dropped."""

    def here(path):
        return folder / Path(path).relative_to(source)

    for number, (kind, path, *more) in enumerate(operations):
        target = here(path)
        if kind == "open":
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("ab" if "a" in more[0] else "wb"):
                pass
        elif kind == "write":
            with target.open("ab") as file:
                file.write(b"" if number in dropped else more[0])
        elif number in dropped:
            continue
        elif kind == "mkdir":
            target.mkdir(parents=True, exist_ok=True)
        elif kind == "rename" and target.exists():
            moved = here(more[0])
            if moved.is_dir():
                shutil.rmtree(moved)
            target.replace(moved)
        elif kind == "unlink":
            target.unlink(missing_ok=True)
        elif kind == "rmdir" and target.is_dir():
            shutil.rmtree(target, ignore_errors=True)


@pytest.mark.timeout(1800)
def test_what_was_told_survives(tmp_path, monkeypatch, chance):
    run = new_run()
    config = (run.folder / "config.json").read_bytes()
    operations = note(run, monkeypatch)
    places = range(1, len(operations) + 1) if is_all() else sorted(chance.sample(range(1, len(operations) + 1), 12))
    n_tried = 0
    for place in places:
        prefix = operations[:place]
        told = n_epochs_synced(prefix)
        for dropped in [set(), *({number} for number in sorted(unsynced(prefix))), unsynced(prefix)]:
            folder = tmp_path / "again" / run.id
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / "config.json").write_bytes(config)
            build(prefix, dropped, folder, run.folder)
            check(folder, told, (place, dropped))
            n_tried += 1
    print(f"{n_tried} disks of {len(operations)} operations")


def n_epochs_synced(prefix):
    """How many epochs the log had brought to the disk."""
    log = [operation for operation in prefix if operation[1].endswith("events.jsonl")]
    synced = max((n for n, operation in enumerate(log) if operation[0] == "fsync"), default=0)
    lines = b"".join(operation[2] for operation in log[:synced] if operation[0] == "write").split(b"\n")
    events = [found[1] for line in lines if (found := event_log.parse_line(line))]
    return sum(isinstance(event, EpochDone) for event in events)


def check(folder, told, where):
    """What a start after the power cut finds."""
    events = event_log.read_events(folder)[0]
    assert sum(isinstance(event, EpochDone) for event in events) >= told, where
    newest = -1
    for kept in list_checkpoints(folder):
        try:
            newest = max(newest, load_checkpoint(kept).epoch)
        except CheckpointError:
            continue
    assert newest >= told or not told, where
    if told:
        assert load_tagger(folder / "best").is_trained, where
    assert runs.state(folder) in ("starting", "interrupted", "finished"), where
