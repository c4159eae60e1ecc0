"""Does each test turn red when its protection is taken away? `python -m tests.faults.red [fault ...]`

The project is copied, one protection is removed there, and the test that should notice is run. Prints one line a fault; ends
with 1 where a test stayed green.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
WORKER, RUNS, CHECKPOINTS = (f"ner_core/training/{name}.py" for name in ("worker", "runs", "checkpoints"))
JOBS, MACHINE, TRAIN = (f"ner_core/training/{name}.py" for name in ("jobs", "machine", "train"))
EVENT_LOG, WISHES, PLACES = (f"ner_core/training/{name}.py" for name in ("event_log", "wishes", "places"))
STORE, ARCHIVE = "ner_core/tagger/store.py", "ner_core/tagger/archive.py"

# fault, what is taken away, file, text there, text instead, test
PROTECTIONS = [
    ("F1", "going on from the checkpoint", WORKER, "keep=keep, start=start", "keep=keep", "test_kill.py::test_killed_at_any_time"),
    ("F1", "one step: rename", CHECKPOINTS, '{target.name}.tmp"', '{target.name}"', "test_kill.py -k every_operation"),
    ("F1", "the optimizer in the checkpoint", TRAIN, ", *(v for optimizer in self.optimizers for v in optimizer.variables)]", "]", "../core/training/test_checkpoints.py -k exactly"),
    ("F1", "the shuffling's state", TRAIN, "= then.random", "= 2 * (self.random.bit_generator.state,)", "../core/training/test_checkpoints.py -k exactly"),
    ("F1", "a changed learning rate in the checkpoint", TRAIN, "then.learning_rate or self.config", "self.config", "../core/training/test_told.py -k resumed_after"),
    ("F1", "learning rates set again", WISHES, "self._again = rates_to_repeat(told, step)", "self._again = {}", "../core/training/test_told.py -k same_steps"),
    ("F2", "a session of its own", JOBS, '"start_new_session": True', "", "test_processes.py -k killed_server"),
    ("F3", "room in reserve", WORKER, '(folder / "reserve").unlink(missing_ok=True)', "pass", "test_full_disk.py -k nth"),
    ("F4", "SHA-256 of every file", CHECKPOINTS, "if _digest(data) != expected[1]:", "if False:", "test_corruption.py -k checkpoint"),
    ("F4", "whose checkpoint it is", CHECKPOINTS, "if run != folder.parents[1].name:", "if False:", "test_corruption.py -k another_run"),
    ("F5", "ids of their own", RUNS, "{secrets.token_hex(8)}\"\n        try:\n            folder.mkdir()", "{16 * '0'}\"\n        try:\n            folder.mkdir(exist_ok=True)", "test_processes.py -k thirty"),
    ("F5", "the lock of a run", JOBS, 'lock = take_lock(run.folder / "lock")', 'lock = (run.folder / "lock").open("ab")', "test_processes.py -k many_resume"),
    ("F7", "the monotonic clock", RUNS, "if time.monotonic() - beat", "if time.time() - beat", "test_processes.py -k clock_jumps"),
    ("F7", "tickets by the monotonic clock", PLACES, "time.monotonic_ns()", "time.time_ns()", "test_processes.py -k queue"),
    ("F8", "the worker offers itself", WORKER, 'write_text("1000")', 'read_text()', "test_keras.py -k ended_before"),
    ("F9", "a look at the loss", TRAIN, "if not math.isfinite(loss):", "if False:", "test_keras.py -k no_number"),
    ("F9", "a look at how the loss goes", TRAIN, 'if self.trend.grows(loss) else ""', 'if self.trend.grows(loss) and False else ""', "../core/training/test_told.py -k loss_that_grows"),
    ("F10", "start time of the process", MACHINE, 'start == identity.get("start") and', "", "test_processes.py -k ghost"),
    ("F11", "checksum of each line", EVENT_LOG, "if int(tail[:-1][:12]) != zlib.crc32(body + b\"}\"):", "if False:", "test_corruption.py -k changed_line"),
    ("F11", "the torn line is closed", EVENT_LOG, 'self._is_torn = bool(lines) and', "self._is_torn = False and", "test_corruption.py -k every_byte"),
    ("F12", "the heartbeat's age", RUNS, "> STALL_SECONDS:", "> 1e9:", "test_processes.py -k halted"),
    ("F13", "files replaced in one step", STORE, "        move_file(temporary, path)", "        path.write_bytes(b''), path.write_bytes(data), temporary.unlink()", "test_processes.py -k readers"),
    ("F15", "waiting for the process", RUNS, "if identity is not None and is_alive(identity):", "if False:", "test_processes.py -k deleted"),
    ("F16", "a checkpoint where it stops", WORKER, "            save_checkpoint(folder, snapshot)", "            pass", "test_processes.py -k stop_keeps"),
    ("F17", "sweeping", CHECKPOINTS, '.glob("*.tmp")', '.glob("*.nothing")', "test_kill.py -k every_operation"),
    ("F18", "the version", RUNS, 'if stored.get("version") != 1:', "if False:", "test_stores.py -k newer_version_says"),
    ("F19", "no key twice", ARCHIVE, "if len(found) != len(pairs):", "if False:", "test_stores.py -k hostile"),
    ("F20", "ids are no paths", RUNS, r're.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{16}", str(run_id))', "True", "test_stores.py -k guesses"),
    ("F21", "fsync before the rename", STORE, "        os.fsync(file.fileno())", "        pass", "test_power_loss.py"),
]  # fmt: skip


def turns_red(row: tuple, folder: Path) -> bool:
    """Take one protection away in a copy and run its test there."""
    _, _, name, text, instead, test = row
    for part in ("ner_core", "tests", "pages", "app.py", "pyproject.toml"):
        source, target = PROJECT / part, folder / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    content = (folder / name).read_text()
    if content.count(text) != 1:
        raise SystemExit(f"{name} holds this {content.count(text)} times, not once: {text}")
    (folder / name).write_text(content.replace(text, instead))
    path, *chosen = test.split()
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/faults/{path}", *chosen]
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{test} could not be run:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    return done.returncode == 1


def main(wanted: list[str]) -> int:
    is_green = False
    for row in PROTECTIONS:
        if wanted and row[0] not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            red = turns_red(row, Path(folder))
        is_green |= not red
        print(f"{row[0]:<4} {row[1]:<34} {'red' if red else 'STAYED GREEN'}   {row[5]}", flush=True)
    return 1 if is_green else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
