"""What do corpora cost that are two, five, ten times as large as GMB?

    python -m benchmarks.large FILE [--times 1 2 5 10] [--recipe fast] [--steps 300] [--runs runs.jsonl]

FILE (GMB's `ner_dataset.csv`) is repeated with other names: in every copy but the first each entity gets a name of its own label that is
new, the head of one known name and the tail of another, so that vocabularies grow as with real text. Each size goes the road of a
training that a page asks for: the file is kept for workers, and one worker (a process of its own) reads, encodes, trains some hundred
steps, scores dev, keeps its checkpoint and stores the tagger. Seconds are processor seconds of one thread: other work on the machine does
not count. Memory is the largest the worker ever took. Writes `docs/large.md`; runs kept in `--runs` are not done again.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ner_core.data.corpus import load_corpus
from ner_core.data.formats.conll import write_conll
from ner_core.records import EpochDone, Sentence, SplitConfig, StepDone, TrainConfig

REPORT = Path(__file__).resolve().parents[1] / "docs" / "large.md"
WHOLE = SplitConfig(test=0.0, dev=0.0)
LIMIT_MB = 3_000  # promised of GMB x 10
FIRST_STEPS = 20  # not timed: they hold the building of the network
CHUNK = 5_000  # sentences written at a time


# --- the same corpus with other names ---------------------------------------------------------


def renamed(sentences: Sequence[Sentence], times: int, seed: int = 1) -> Iterator[Sentence]:
    """The sentences as they are, then `times` - 1 copies in which every word of an entity is a new one of its label."""
    known: dict[str, list[str]] = {}
    for sentence in sentences:
        for span in sentence.spans:
            known.setdefault(span.label, []).extend(sentence.words[span.start : span.end])
    pools = {label: sorted(set(words)) for label, words in known.items()}
    yield from sentences
    drawn = random.Random(seed)
    for _ in range(1, times):
        names: dict[tuple[str, str], str] = {}  # a name stays one name within a copy
        for sentence in sentences:
            words = list(sentence.words)
            for span in sentence.spans:
                for i in range(span.start, span.end):
                    key = span.label, words[i]
                    if key not in names:
                        head, tail = drawn.choice(pools[span.label]), drawn.choice(pools[span.label])
                        names[key] = head[: (len(head) + 1) // 2] + tail[len(tail) // 2 :]
                    words[i] = names[key]
            yield Sentence(tuple(words), sentence.spans)


def write(sentences: Iterable[Sentence], path: Path) -> None:
    """Write CoNLL piece by piece."""
    kept: list[Sentence] = []
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for sentence in sentences:
            kept.append(sentence)
            if len(kept) == CHUNK:
                file.write(write_conll(kept) + "\n")
                kept.clear()
        file.write(write_conll(kept))


# --- one training, in a process of its own -----------------------------------------------------


def measure(path: Path, recipe: str, steps: int, folder: Path) -> dict:
    """Ask for a run on the file, as a page does, and let a fresh process do it."""
    environment = os.environ | {
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "NER_LAB_HOME": str(folder),
    }
    command = [
        sys.executable,
        "-m",
        "benchmarks.large",
        str(path),
        "--child",
        "--recipe",
        recipe,
        "--steps",
        str(steps),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPORT.parents[1], env=environment)
    if done.returncode:
        raise SystemExit(f"{path.name} was not trained on: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def train_here(path: Path, recipe: str, steps: int) -> dict:
    """Do the worker's work in this process, and say what each part of it took."""
    from ner_core.training.keeping import store_corpus
    from ner_core.training.runs import RunConfig, create_run
    from ner_core.training.worker import run_folder

    config = RunConfig(corpus=store_corpus(path.name, path.read_bytes()), recipe=recipe, hyperparameters={"epochs": 1})
    gc.collect()
    found: dict = {}
    began = time.process_time()
    found["reason"] = run_folder(
        create_run(config).folder, train=lambda *a, **o: _watched(found, began, steps, *a, **o)
    )
    return found | {"peak_mb": peak_mb()}


def _watched(found: dict, began: float, steps: int, tagger, corpus, config: TrainConfig, *, control, **options):
    """Train as usual, but stop after so many steps; note sizes, seconds and memory in `found`."""
    found |= {"sentences": len(corpus.sentences), "tokens": sum(map(len, corpus.sentences))}
    found |= {"train_tokens": sum(map(len, corpus.train)), "words": len(tagger.encoder.words)}
    found |= {"read_seconds": time.process_time() - began, "read_mb": peak_mb()}
    began = time.process_time()
    from ner_core.training.train import train

    found["tensorflow_seconds"] = time.process_time() - began
    told = {"steps": 0}

    def until(asked=control):
        return "stop" if told["steps"] >= steps else asked()

    began, tokens = time.process_time(), 0
    for event in train(tagger, corpus, config, control=until, **options):
        if isinstance(event, StepDone):
            told["steps"] = event.step
            if event.step == 1:
                found |= {"encode_seconds": time.process_time() - began, "encode_mb": peak_mb()}
            if event.step == FIRST_STEPS:
                began, tokens = time.process_time(), -event.n_tokens
            tokens += event.n_tokens
            if event.step == steps:
                found |= {"rate": tokens / (time.process_time() - began), "train_mb": peak_mb()}
                began = time.process_time()
        if isinstance(event, EpochDone):
            found |= {"score_seconds": time.process_time() - began, "dev_f1": event.dev.f1}
        yield event


def peak_mb() -> float:
    """The largest memory this process has held, in MB; what its parent held does not count."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1e3
    from ner_core.training.machine import peak_megabytes

    return peak_megabytes()


# --- words ----------------------------------------------------------------------------------------


def write_report(runs: Sequence[dict], recipe: str, steps: int) -> str:
    """Put the runs into words."""
    largest = max(runs, key=lambda each: each["times"])
    kept = "kept" if largest["peak_mb"] < LIMIT_MB else "not kept"
    lines = [
        "# Large corpora",
        "",
        "Written by `python -m benchmarks.large FILE` (`benchmarks/large.py`); no figure is typed by hand.",
        "",
        f"GMB repeated with other names, trained by a worker as a page asks for it, recipe `{recipe}`, {steps} steps of the one epoch.",
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}; processor seconds of one thread. Memory is the largest the",
        "whole worker process ever took up to that moment, TensorFlow included.",
        "",
        "| GMB | tokens | vocabulary | reading, splitting | encoding, first step | tokens a second | an epoch | after reading | "
        "after encoding | after the steps | at the end |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for each in sorted(runs, key=lambda each: each["times"]):
        memory = " | ".join(f"{each[name]:,.0f} MB" for name in ("read_mb", "encode_mb", "train_mb", "peak_mb"))
        lines.append(
            f"| {each['times']}x | {each['tokens']:,} | {each['words']:,} | {each['read_seconds']:.1f} s | {each['encode_seconds']:.1f} s "
            f"| {each['rate']:,.0f} | {each['train_tokens'] / each['rate'] / 60:.1f} min | {memory} |"
        )
    return (
        "\n".join(
            [
                *lines,
                "",
                f'Promised: less than {LIMIT_MB:,} MB for GMB x 10; {largest["times"]}x took {largest["peak_mb"]:,.0f} MB: {kept}. "An epoch" is the training '
                "tokens divided by",
                'the tokens a second of the steps taken; it grows with the tokens as long as that speed stays the same. "At the end": dev scored, '
                "checkpoint and tagger stored.",
            ]
        )
        + "\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 2, 5, 10])
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--runs", type=Path, help="a file that keeps the runs, one a line")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(train_here(given.file, given.recipe, given.steps)))
        return
    runs = (
        [json.loads(line) for line in given.runs.read_text().splitlines()] if given.runs and given.runs.exists() else []
    )
    for times in given.times:
        if times in {each["times"] for each in runs}:
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"gmb-x{times}.conll"
            write(renamed(load_corpus(given.file, split=WHOLE).train, times), path)
            runs.append({"times": times, "file_mb": path.stat().st_size / 1e6})
            runs[-1] |= measure(path, given.recipe, given.steps, Path(folder) / "home")
        print(runs[-1], flush=True)
        if given.runs:
            with given.runs.open("a", encoding="utf-8") as kept:
                kept.write(json.dumps(runs[-1]) + "\n")
    REPORT.write_text(write_report(runs, given.recipe, given.steps), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
