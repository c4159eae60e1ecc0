"""The harness of the faults: an empty store, fresh processes, a seed that is told, and how often each fault is tried.

`make test` tries a sample (about a tenth); `make faults`, which sets `NER_LAB_FAULTS=all`, tries all of them.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ner_core.records import TrainConfig
from ner_core.training import keeping, runs

HERE = Path(__file__).parent
CONLL = b"Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n\n" * 3
TINY = {"word_width": 8, "lstm_width": 8}


def is_all() -> bool:
    return os.environ.get("NER_LAB_FAULTS") == "all"


def times(n: int, sample: int | None = None) -> int:
    """So often a fault is tried: `n` times on demand, else a tenth (or `sample`)."""
    return n if is_all() else sample if sample is not None else max(1, n // 10)


def wait_for(condition, seconds: float = 240.0):
    """Wait until `condition()` is true and return what it gave."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)
    return found


@pytest.fixture
def chance(request) -> random.Random:
    """The source of a test's chances; its seed stands in the report of a failure and can be given again."""
    seed = int(os.environ.get("NER_LAB_FAULT_SEED") or random.SystemRandom().randrange(2**32))
    print(f"NER_LAB_FAULT_SEED={seed} repeats {request.node.name}")
    return random.Random(seed)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """An empty store; two trainings at once, and nobody stands by."""
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NER_LAB_PLACES", "8")
    monkeypatch.setenv("NER_LAB_STANDBY", "0")
    return tmp_path / "home"


def new_run(seed: int = 1, **options) -> runs.Run:
    """The folder of a run of the pretended trainer, on three sentences."""
    corpus = keeping.store_corpus("mine.conll", CONLL)
    settings = {"corpus_name": "mine", "hyperparameters": TINY, "training": TrainConfig(seed=seed), **options}
    return runs.create_run(runs.RunConfig(corpus, **settings))


class Zygote:
    """Forks of one process that has everything imported."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(HERE / "zygote.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, run: runs.Run, *, shim: tuple[str, int] | None = None, steps: int = 20, **more) -> int:
        """Let a worker begin; returns its pid. `end()` must follow."""
        environment = {"NER_LAB_HOME": os.environ["NER_LAB_HOME"], "NER_LAB_STUB_STEPS": str(steps)}
        environment["NER_LAB_STUB_SECONDS"] = str(more.pop("seconds", 0))
        order = {"do": "run", "folder": str(run.folder), "environment": environment, "shim": shim}
        return self._order(order | {name: str(value) for name, value in more.items()})["pid"]

    def end(self) -> int:
        """Wait for the worker begun last; returns its exit code, negative where a signal ended it."""
        return json.loads(self._process.stdout.readline())["status"]

    def run(self, run: runs.Run, **options) -> int:
        self.start(run, **options)
        return self.end()

    def look(self, run: runs.Run) -> dict:
        """What a process that has never seen the run finds in its folder."""
        self._order({"do": "look", "folder": str(run.folder)})
        return json.loads(self._process.stdout.readline())["answer"]

    def _order(self, order: dict) -> dict:
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


@pytest.fixture(scope="module")
def zygote():
    if not hasattr(os, "fork") or not Path("/proc/self/fd").exists():
        pytest.skip("needs fork and /proc, which this system does not have")
    forks = Zygote()
    yield forks
    forks.close()


def tree(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
