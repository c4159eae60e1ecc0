"""Does it help rare labels to read their sentences more often?

    python -m benchmarks.rare FILE [--times 1 8] [--seeds 1 2 3] [--recipe fast] [--runs runs.jsonl]

Trains one recipe on FILE (GMB's `ner_dataset.csv`) with `TrainConfig.rare_times` at each value and with each seed, and writes
`docs/rare.md`: entity F1 of every label on dev and on test, median and range of the seeds, and what it costs. Each run goes on one thread, so that it can be repeated exactly. Runs kept in
`--runs` are not done again.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.newsroom import machine
from ner_core.data.corpus import load_corpus
from ner_core.records import Corpus, Counts, Report, RunEnded, SplitConfig
from ner_core.scores.report import evaluate
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import new_tagger, recipe, resize

REPORT = Path(__file__).resolve().parents[1] / "docs" / "rare.md"
SPLIT = SplitConfig("random", test=0.2, dev=0.08, seed=1)  # the one all figures on GMB are quoted on
RARE = 0.02  # a label is rare that fewer of the training sentences hold


def run(corpus: Corpus, name: str, times: int, seed: int) -> dict:
    """Train once; return counts of every label on dev and test, steps and seconds."""
    from ner_core.training.train import train  # loads TensorFlow

    chosen = resize(recipe(name), rare_times=times)
    tagger = new_tagger(corpus, chosen)
    for event in train(tagger, corpus, replace(chosen.training, seed=seed)):
        if isinstance(event, RunEnded):
            seconds = event.seconds
        else:
            step = getattr(event, "step", 0)
    found = {part: evaluate(predict(tagger, corpus.part(part), with_confidences=False)) for part in ("dev", "test")}
    counts = {part: _counts(report) for part, report in found.items()}
    return {"recipe": name, "times": times, "seed": seed, "steps": step, "seconds": round(seconds, 1), **counts}


def _counts(report: Report) -> dict[str, list[int]]:
    every = {"all": report.overall, **report.by_label}
    return {label: [counts.tp, counts.fp, counts.fn] for label, counts in every.items()}


def write_report(corpus: Corpus, runs: Sequence[Mapping], name: str) -> str:
    """Put the runs into words: a table a part, a row a label, a column a value of `rare_times`."""
    held = Counter(label for sentence in corpus.train for label in {span.label for span in sentence.spans})
    times, seeds = sorted({each["times"] for each in runs}), sorted({each["seed"] for each in runs})
    of = {t: [each for each in runs if each["times"] == t] for t in times}
    lines = [
        "# Reading rare labels more often",
        "",
        "Written by `python -m benchmarks.rare FILE` (`benchmarks/rare.py`); no figure is typed by hand.",
        "",
        "`TrainConfig.rare_times` (on the page: *Rare labels, times*; on the command line `--rare-times`) reads sentences that hold a rare",
        "label more often in every epoch: a label in `f` training sentences asks for `sqrt(m / f)` readings of each, `m` the number of",
        "sentences that hold the middle label, and never for more than `rare_times`. 1, the default, reads every sentence once.",
        "",
        f"Recipe `{name}` as it stands, on {len(corpus.train):,} training sentences of `{corpus.name}`; strict entity F1 in %, "
        f"{_of_seeds(seeds)}; the epoch with the best overall dev F1 is kept. {machine()}, one thread.",
    ]
    head = "".join(f" | {'off' if t == 1 else f'up to {t} times'}" for t in times)
    for part in ("dev", "test"):
        n_gold = {label: tp + fn for label, (tp, _, fn) in runs[0][part].items()}
        rare_first = sorted(held, key=held.__getitem__)
        lines += ["", f"## {part.capitalize()}", "", f"| label | train sentences | {part} entities{head} |"]
        lines.append("|---|---:|---:|" + "---:|" * len(times))
        for label in [*rare_first, "all"]:
            cells = " | ".join(_cell([each[part].get(label, [0, 0, 0]) for each in of[t]]) for t in times)
            n = len(corpus.train) if label == "all" else held[label]
            lines.append(f"| {label} | {n:,} | {n_gold.get(label, 0):,} | {cells} |")
        rare = [label for label in rare_first if held[label] < RARE * len(corpus.train)]
        pooled = [
            _cell([[sum(v) for v in zip(*(each[part][label] for label in rare), strict=True)] for each in of[t]])
            for t in times
        ]
        if rare:
            n = f"{sum(held[label] for label in rare):,} | {sum(n_gold[label] for label in rare):,}"
            lines.append(f"| {', '.join(rare)} together | {n} | {' | '.join(pooled)} |")
    lines += ["", "## Cost", "", "| | steps | seconds of training |", "|---|---:|---:|"]
    for t in times:
        steps, seconds = (median(each[what] for each in of[t]) for what in ("steps", "seconds"))
        lines.append(f"| {'off' if t == 1 else f'up to {t} times'} | {steps:,.0f} | {seconds:,.0f} |")
    return "\n".join([*lines, "", "Seconds are those of a machine that had other work, too; steps are exact."]) + "\n"


def _cell(found: Sequence[Sequence[int]]) -> str:
    """Median F1 in % of the seeds, and from where to where it goes.

    >>> _cell([[1, 1, 1], [0, 0, 2], [1, 0, 0]]), _cell([[1, 1, 1]])
    ('50.0 (0.0 to 100.0)', '50.0')
    """
    scores = [100 * Counts(*each).f1 for each in found]
    spread = f" ({min(scores):.1f} to {max(scores):.1f})" if len(scores) > 1 else ""
    return f"{median(scores):.1f}{spread}"


def _of_seeds(seeds: Sequence[int]) -> str:
    """Which seeds a cell is from.

    >>> _of_seeds([1, 2]), _of_seeds([1])
    ('median of seeds 1, 2 (lowest to highest)', 'seed 1 alone')
    """
    if len(seeds) == 1:
        return f"seed {seeds[0]} alone"
    return f"median of seeds {', '.join(map(str, seeds))} (lowest to highest)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--runs", type=Path, help="a file that keeps the runs, one a line")
    given = parser.parse_args()
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    corpus, runs = load_corpus(given.file, split=SPLIT), []
    if given.runs and given.runs.exists():
        runs = [json.loads(line) for line in given.runs.read_text().splitlines()]
    done = {(each["recipe"], each["times"], each["seed"]) for each in runs}
    for seed in given.seeds:
        for times in given.times:
            if (given.recipe, times, seed) in done:
                continue
            runs.append(run(corpus, given.recipe, times, seed))
            print(runs[-1], flush=True)
            if given.runs:
                with given.runs.open("a", encoding="utf-8") as kept:
                    kept.write(json.dumps(runs[-1]) + "\n")
    runs = [each for each in runs if each["recipe"] == given.recipe]
    REPORT.write_text(write_report(corpus, runs, given.recipe), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
