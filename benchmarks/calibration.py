"""When a trained tagger says 90 %, how often is it right? Before and after its temperature is fitted.

    python -m benchmarks.calibration FOLDER ... [--sentences N]

Each FOLDER holds a saved tagger. The temperature is fitted on GMB's dev part (`scores.calibration`), whatever the stored one
is, and the expected calibration error (15 bins of equally many spans) counted on GMB's test part with it and with
temperature 1. GMB is read from `NER_LAB_CORPORA` (default: ../shared/corpora beside the checkout); `--sentences`
takes only the first N of test.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.tutorials import load_gmb
from ner_core.records import Sentence, Tagger, percent
from ner_core.scores.calibration import N_BINS, calibration_error, fit_temperature, outcomes, reliability
from ner_core.tagger.predict import predict
from ner_core.tagger.store import load_tagger

HEADER = (
    "| tagger | temperature | on test | spans | mean confidence | exactly right | calibration error |\n"
    "|---|---:|---|---:|---:|---:|---:|"
)


def measure(tagger: Tagger, sentences: Sequence[Sentence], temperature: float) -> tuple[str, list]:
    """One row's last five cells, and the bins."""
    sure, right = outcomes(predict(replace(tagger, temperature=temperature), sentences))
    error = calibration_error(sure, right)
    cells = f"{len(sure):,} | {percent(sure.mean())} | {percent(right.mean())} | {percent(error, 2)} |"
    return cells, reliability(sure, right)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--sentences", type=int, help="only the first N of test")
    asked = parser.parse_args()
    gmb = load_gmb()
    test = gmb.test[: asked.sentences]
    bins, spent = {}, {}
    print(HEADER)
    for folder in asked.folders:
        tagger = load_tagger(folder)
        started = time.process_time()
        fitted = fit_temperature(tagger, gmb.dev)
        spent[folder.name] = time.process_time() - started
        for temperature, when in ((1.0, "before"), (fitted, "after")):
            cells, bins[folder.name, when] = measure(tagger, test, temperature)
            print(f"| {folder.name} | {temperature:.3f} | {when} | {cells}", flush=True)
    for (name, when), rows in bins.items():
        said = ", ".join(f"{percent(row.confidence)} → {percent(row.share_right)}" for row in rows)
        print(f"\n{name}, {when}; said → right in {N_BINS} bins: {said}")
    print("\nProcessor seconds to fit: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in spent.items()))


if __name__ == "__main__":
    main()
