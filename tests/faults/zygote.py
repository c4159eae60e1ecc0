"""Fresh processes by the hundred: everything is imported once, each order is done in a fork of its own.

Orders come as JSON lines on standard input, answers go to standard output. {"do": "run", "folder": ..., "environment":
{...}, "shim": [mode, at]} runs the worker with the pretended trainer; the answer is its pid at once, and its exit status when
it has ended. {"do": "look", "folder": ...} tells what a process that has never seen the folder finds in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ner_core.data.corpus import fingerprints, load_corpus
from ner_core.records import EpochDone, RunEnded, RunResumed, StepDone
from ner_core.tagger.archive import StoreError
from ner_core.tagger.recipes import deal, new_tagger, recipe
from ner_core.tagger.store import load_tagger
from ner_core.training import checkpoints, event_log, runs, worker
from tests.core.training.stub_worker import stub_train
from tests.faults.shim import Shim


def run(order: dict) -> int:
    """What the worker does, maybe on a file system that fails."""
    folder = Path(order["folder"])
    mode, at = order.get("shim") or ("count", 0)
    with Shim(mode, at, folder) as shim:
        reason = worker.run_folder(folder, train=stub_train)
    if order.get("notes"):
        Path(order["notes"]).write_text(json.dumps({"count": shim.count, "reason": reason}))
    return 0 if reason in ("finished", "stopped") else 3


def look(folder: Path) -> dict:
    """What is found in a run's folder."""
    events = event_log.read_events(folder)[0]
    valid = event_log.valid_events(events)
    lines = (folder / "events.jsonl").read_bytes().split(b"\n") if (folder / "events.jsonl").exists() else []
    sequences = [found[0] for line in lines if (found := event_log.parse_line(line))]
    snapshot, problems = None, []
    for kept in reversed(checkpoints.list_checkpoints(folder)):  # only looks: nothing is set aside
        try:
            snapshot = snapshot or checkpoints.load_checkpoint(kept)
        except checkpoints.CheckpointError as problem:
            problems.append(str(problem))
    ends = [event for event in events if isinstance(event, RunEnded)]
    return {
        "state": runs.state(folder),
        "epochs": [event.epoch for event in valid if isinstance(event, EpochDone)],
        "epochs_told": [event.epoch for event in events if isinstance(event, EpochDone)],
        "steps": [event.step for event in valid if isinstance(event, StepDone)],
        "resumed": [event.message for event in events if isinstance(event, RunResumed)],
        "sequences": sequences,
        "message": ends[-1].message if ends else "",
        "problems": problems,
        "checkpoint": snapshot and {"epoch": snapshot.epoch, "step": snapshot.step},
        "best": digest(folder / "best"),
        "leftovers": sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if is_leftover(path)),
    }


def is_leftover(path: Path) -> bool:
    return path.suffix in (".tmp", ".new") or ".tmp." in path.name


def digest(folder: Path) -> str:
    """The SHA-256 of the stored tagger's weights; "" where there is none, the reason where it cannot be opened."""
    if not (folder / "MANIFEST.json").exists():
        return ""
    try:
        tagger = load_tagger(folder)
    except StoreError as problem:
        return f"damaged: {problem}"
    joined = b"".join(tagger.weights[name].tobytes() for name in sorted(tagger.weights))
    return f"{tagger.card['epoch']}:{hashlib.sha256(joined).hexdigest()[:16]}"


def warm_up() -> None:
    """Have everything imported that a run imports late, so that no fork does it again."""
    corpus = deal(load_corpus(("warm.conll", b"Ada\tB-per\nLovelace\tI-per\n\n" * 3)), recipe("bilstm-crf"))
    new_tagger(corpus, recipe("bilstm-crf"))
    fingerprints(corpus)


def main() -> None:
    warm_up()
    for line in sys.stdin:
        order = json.loads(line)
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reader)
            code = 1
            try:
                os.environ.update(order.get("environment") or {})
                if order["do"] == "run":
                    code = run(order)
                else:
                    os.write(writer, json.dumps(look(Path(order["folder"]))).encode())
                    code = 0
            finally:
                os._exit(code)
        os.close(writer)
        tell({"pid": pid})
        answer = b""
        while part := os.read(reader, 1 << 16):
            answer += part
        os.close(reader)
        status = os.waitpid(pid, 0)[1]
        tell({"status": os.waitstatus_to_exitcode(status), "answer": json.loads(answer) if answer else None})


def tell(value: dict) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
