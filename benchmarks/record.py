"""Record the trainings that ship with the app: the default and every tutorial, published and mended, on GMB.

    python -m benchmarks.record [--recipe NAME [--published]] [--epochs N] [--seconds S] [--out models/recorded]

Reads GMB from `NER_LAB_CORPORA` (default: ../shared/corpora beside the checkout). Each training is a real one, in a
process of its own, with its recipe's settings and seed. Written are its events, with fewer steps, and what `PROBES` were
tagged as at every moment that a run keeps; no weights and no sentence of GMB. Those that are there are not
trained again, unless one is named by `--recipe`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.tutorials import CORPORA, ROOT, RUNS
from ner_core.data.corpus import load_corpus
from ner_core.records import EpochDone, ProbesTagged
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import deal, new_tagger, recipe
from ner_core.training.recordings import save_recording
from ner_core.training.runs import RunConfig
from ner_core.training.snapshots import Choice

PROBES = (
    "Ada Lovelace lives in London.",
    "On Monday the French president met Angela Merkel at the United Nations.",
    "Toyota will open a factory in northern Mexico in March 2019.",
    "Hurricane Katrina reached New Orleans in August 2005.",
    "Spain won the World Cup in Johannesburg.",
)


def record_one(name: str, published: bool, epochs: int | None, seconds: float | None, folder: Path) -> None:
    """Train one recipe and write its recording into `folder`."""
    from ner_core.training.train import probe_as_dict, train  # loads TensorFlow, here alone

    chosen = recipe(name, published)
    corpus = deal(load_corpus(CORPORA / "gmb" / "ner_dataset.csv.xz"), chosen)
    training = replace(chosen.training, epochs=epochs or chosen.training.epochs, seconds=seconds)
    tagger = new_tagger(corpus, chosen)
    created, events, choice = time.time(), [], Choice()

    def show(step, epoch, share, weights, is_end):
        if choice.takes(step, epoch, share, is_end):
            found = predict(replace(tagger, weights=weights()), PROBES)
            events.append(ProbesTagged(epoch, step, tuple(map(probe_as_dict, found))))

    for event in train(tagger, corpus, training, show=show):
        events.append(event)
        if isinstance(event, EpochDone):
            print(f"  epoch {event.epoch}: dev F1 {event.dev.f1:.3f}, {event.seconds:.0f} s", flush=True)
    config = RunConfig(
        corpus="gmb",
        corpus_name="GMB",
        recipe=name,
        is_published=published,
        hyperparameters={"epochs": epochs} if epochs else {},
        training=training,
        probes=PROBES,
    )
    save_recording(folder, config, events, created=created)


def folder_of(out: Path, name: str, published: bool) -> Path:
    return out / f"{name}{'-as-published' if published else ''}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", help="one recipe's name")
    parser.add_argument("--published", action="store_true", help="with --recipe: as its tutorial has it")
    parser.add_argument("--epochs", type=int, help="other than the recipe's own number")
    parser.add_argument("--seconds", type=float, help="a time limit for each")
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "recorded")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        name, published, epochs, seconds, folder = json.loads(given.one)
        return record_one(name, published, epochs, seconds, Path(folder))
    if not (CORPORA / "gmb").exists():
        sys.exit(
            f"GMB is needed in {CORPORA}/gmb/ner_dataset.csv.xz; set NER_LAB_CORPORA to the folder that holds gmb/."
        )
    wanted = [(given.recipe, given.published)] if given.recipe else RUNS
    for name, published in wanted:
        folder = folder_of(given.out.absolute(), name, published)
        if (folder / "config.json").exists() and not given.recipe:
            print(f"{folder.name}: already there")
            continue
        print(folder.name, flush=True)
        job = json.dumps([name, published, given.epochs, given.seconds, str(folder)])
        subprocess.run([sys.executable, "-m", "benchmarks.record", "--one", job], cwd=ROOT, check=True)
        print(f"  {sum(file.stat().st_size for file in folder.iterdir()):,} bytes")


if __name__ == "__main__":
    main()
