"""Does the corpus that ships teach a tagger anything within eight seconds?

    python -m benchmarks.newsroom [--seconds 8] [--seeds 1 2 3 4 5]

Trains the default recipe on the Newsroom corpus, once a seed, and writes `docs/newsroom.md`: entity F1 on dev and test beside the
floor, which gives every word the tag it carries most often in train. The split stays the same; the seed is that of training.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from ner_core.data.corpus import load_corpus
from ner_core.records import Corpus, EpochDone
from ner_core.scores.floors import floors
from ner_core.scores.report import evaluate
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import new_tagger, recipe, suited
from ner_core.training.machine import available_cores

REPORT = Path(__file__).resolve().parents[1] / "docs" / "newsroom.md"
WANTED = 0.10  # F1 above the floor, on every seed


@dataclass(frozen=True, slots=True)
class Run:
    """What one seed reached; `best_epoch` is the one kept, by entity F1 on dev; `others` see `busy_seconds`."""

    seed: int
    n_epochs: int
    best_epoch: int
    n_steps: int
    seconds: float
    dev: float
    test: float
    others: float


def run_seed(corpus: Corpus, seed: int, seconds: float) -> Run:
    """Train for `seconds` and score the best epoch on dev and test."""
    from ner_core.training.train import train  # loads TensorFlow

    chosen = suited(recipe("bilstm-crf"), corpus)
    config = replace(chosen.training, seed=seed, seconds=seconds, epochs=1_000)
    tagger, epochs = new_tagger(corpus, chosen), []
    began, busy, own = time.monotonic(), busy_seconds(), time.process_time()
    for event in train(tagger, corpus, config):
        if isinstance(event, EpochDone):
            epochs.append(event)
    others = (busy_seconds() - busy - (time.process_time() - own)) / (time.monotonic() - began)
    scores = [evaluate(predict(tagger, part, with_confidences=False)).f1 for part in (corpus.dev, corpus.test)]
    return Run(seed, len(epochs), event.best_epoch, epochs[-1].step, event.seconds, *scores, max(others, 0.0))


def busy_seconds() -> float:
    """Return the seconds all cores together have worked since the start; with our own work taken off, that of others.

    Where the system does not tell, others seem to do nothing.
    """
    path = Path("/proc/stat")
    if not path.exists():
        return time.process_time()
    user, nice, system, _, _, irq, soft_irq, *_ = map(int, path.read_text().split("\n")[0].split()[1:])
    return (user + nice + system + irq + soft_irq) / os.sysconf("SC_CLK_TCK")


def write_report(corpus: Corpus, runs: Sequence[Run], seconds: float) -> str:
    """Put the runs into words."""
    floor = {name: floors(corpus.train, corpus.part(name))[1].f1 for name in ("dev", "test")}
    n_right = sum(run.dev - floor["dev"] >= WANTED and run.test - floor["test"] >= WANTED for run in runs)
    lines = [
        "# Newsroom: eight seconds of training" if seconds == 8 else f"# Newsroom: {seconds:g} seconds of training",
        "",
        "Written by `python -m benchmarks.newsroom`; no figure is typed by hand.",
        "",
        f"The default recipe, `suited(recipe('bilstm-crf'), corpus)`, {seconds:g} s of training (tracing and dev scoring included) on the",
        f"{len(corpus.train):,} training sentences of `load_corpus()`; the epoch with the best dev F1 is kept. {machine()}.",
        "Strict entity micro F1. The floor gives every word the tag it carries most often in train. **Others**: cores that other",
        "processes kept busy meanwhile; then fewer steps fit into the time, and with half the steps the aim is no longer sure.",
        "",
        "| seed | epochs (kept) | steps | seconds | others | dev F1 | above floor | test F1 | above floor |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {run.seed} | {run.n_epochs} ({run.best_epoch}) | {run.n_steps:,} | {run.seconds:.1f} | {run.others:.1f} "
        f"| {run.dev:.1%} | {100 * (run.dev - floor['dev']):+.1f} | {run.test:.1%} | {100 * (run.test - floor['test']):+.1f} |"
        for run in runs
    ]
    lines += [
        f"| floor | | | | | {floor['dev']:.1%} | | {floor['test']:.1%} | |",
        "",
        *(spread(name, [getattr(run, name) for run in runs], floor[name]) for name in ("dev", "test")),
        "",
        f"At least {100 * WANTED:.0f} F1 above the floor, on dev and on test: {n_right} of {len(runs)} seeds.",
    ]
    return "\n".join(lines) + "\n"


def spread(name: str, values: Sequence[float], floor: float) -> str:
    """Put mean, spread and gain of one part into words.

    >>> spread("dev", [0.7, 0.8], 0.6)
    '- dev: mean 75.0%, standard deviation 7.1, from 70.0% to 80.0%; above the floor 15.0 on average, 10.0 at least.'
    """
    deviation = f"{100 * statistics.stdev(values):.1f}" if len(values) > 1 else "not known"
    gains = [100 * (value - floor) for value in values]
    return (
        f"- {name}: mean {statistics.mean(values):.1%}, standard deviation {deviation}, from {min(values):.1%} to {max(values):.1%}; "
        f"above the floor {statistics.mean(gains):.1f} on average, {min(gains):.1f} at least."
    )


def machine() -> str:
    return (
        f"{available_cores()} cores ({platform.system()} {platform.machine()}), Python {platform.python_version()}, "
        f"TensorFlow {version('tensorflow')}, Keras {version('keras')}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    given = parser.parse_args()
    corpus, runs = load_corpus(), []
    for seed in given.seeds:
        runs.append(run_seed(corpus, seed, given.seconds))
        print(runs[-1], flush=True)
    report = write_report(corpus, runs, given.seconds)
    REPORT.write_text(report, encoding="utf-8", newline="\n")
    print(report)


if __name__ == "__main__":
    main()
