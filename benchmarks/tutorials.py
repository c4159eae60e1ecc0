"""Run the five tutorials, as published and as mended, and hold their claims against what was seen.

    python -m benchmarks.tutorials [--epochs 3] [--seconds 600] [--only NAME] [--report-only]

Reads GMB from `NER_LAB_CORPORA` (default: ../shared/corpora beside the checkout), writes one folder a
run under `.ner_lab/tutorials`, and from these folders `docs/tutorials.md`. Resumable: a run whose
result is there is not repeated; delete its folder, or ask for more epochs, to train it again.
Each run is a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from ner_core.data.corpus import load_corpus
from ner_core.records import Corpus, EpochDone, SplitConfig
from ner_core.scores.floors import floors
from ner_core.scores.report import evaluate
from ner_core.tagger.encode import keras_words
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import RECIPES, deal, new_tagger, recipe, resize
from ner_core.tagger.store import save_tagger, write_file
from ner_core.training.event_log import format_line
from ner_core.training.machine import available_cores
from ner_core.training.runs import home

ROOT = Path(__file__).resolve().parents[1]
CORPORA = Path(os.environ.get("NER_LAB_CORPORA") or ROOT.parent / "shared" / "corpora")
# The split every figure is quoted on: sentences in file order, RandomState(1).permutation, 20 % test, 8 % dev.
COMMON = SplitConfig(kind="random", test=0.2, dev=0.08, seed=1)
# our default, then every tutorial as published and as mended
RUNS = [("bilstm-crf", False), *((name, form) for name, form in RECIPES if (name, True) in RECIPES)]
# The tutorial's own advice for doing better, tried as published.
LARGER = ("gmb-bilstm-softmax", True, {"lstm_width": 250, "max_length": 100})


# --- one run, in a process of its own ----------------------------------------------------


def run_one(name: str, published: bool, settings: dict, epochs: int, seconds: float, folder: Path) -> None:
    """Train one recipe and write its events and `result.json` into `folder`."""
    from ner_core.training.train import train  # loads TensorFlow, here alone

    folder.mkdir(parents=True, exist_ok=True)
    common = load_gmb()
    chosen = resize(recipe(name, published), **settings)
    corpus = deal(common, chosen)
    tagger = new_tagger(corpus, chosen)
    config = replace(chosen.training, epochs=epochs, seconds=seconds)
    done: list[EpochDone] = []
    with (folder / "events.jsonl").open("wb") as log:
        for sequence, event in enumerate(train(tagger, corpus, config), 1):
            log.write(format_line(sequence, event))
            if isinstance(event, EpochDone):
                log.flush()
                done.append(event)
                print(f"  epoch {event.epoch}: dev F1 {event.dev.f1:.3f}, {event.seconds:.0f} s", flush=True)
    save_tagger(tagger, folder / "model")
    result = {
        "recipe": name,
        "published": published,
        "settings": settings,
        "epochs_asked": epochs,
        "epochs": len(done),
        "ended": event.reason,
        "seconds": event.seconds,
        "steps": done[-1].step,
        "seconds_an_epoch": seconds_an_epoch(folder),
        "peak_mb": event.peak_mb,
        **measure(tagger, corpus, common),
    }
    write_file(folder / "result.json", json.dumps(result, indent=1).encode())


def measure(tagger, corpus: Corpus, common: Corpus) -> dict:
    """Score the run's own test part, and those common test sentences that it was not trained on."""
    pad_to = tagger.encoder.max_length or max(map(len, corpus.sentences))
    own = evaluate(predict(tagger, corpus.test, with_confidences=False), pad_to=pad_to)
    trained = {sentence.words for sentence in corpus.train + corpus.dev}
    unseen = [sentence for sentence in common.test if sentence.words not in trained]
    if corpus.test == common.test:
        unseen = list(common.test)
    shared = evaluate(predict(tagger, unseen, with_confidences=False))
    return {
        "pad_to": pad_to,
        "padded_accuracy": own.padded_accuracy,
        "token_accuracy": own.token_accuracy,
        "f1": own.f1,
        "n_test": own.n_sentences,
        "common_f1": shared.f1,
        "n_common": shared.n_sentences,
    }


def seconds_an_epoch(folder: Path) -> float:
    """Return training seconds of a full epoch, read from the steps of the log (dev scoring left out)."""
    events = read_log(folder)
    n_steps = events[0]["n_steps"]
    steps = [e for e in events if e["kind"] == "StepDone"]
    gaps = [b["seconds"] - a["seconds"] for a, b in pairwise(steps) if a["epoch"] == b["epoch"]]
    return sum(gaps) / len(gaps) * n_steps if gaps else float("nan")


def read_log(folder: Path) -> list[dict]:
    """Return a run's events as plain values."""
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def load_gmb() -> Corpus:
    return load_corpus(CORPORA / "gmb" / "ner_dataset.csv.xz", split=COMMON)


# --- all runs -------------------------------------------------------------------------------


def folder_of(name: str, published: bool, settings: dict) -> Path:
    form = "published" if published else "mended"
    return home() / "tutorials" / "-".join([name, form, *(f"{key}{value}" for key, value in settings.items())])


def run_all(epochs: int, seconds: float, only: str | None) -> None:
    for name, published, settings in [*((n, p, {}) for n, p in RUNS), LARGER]:
        folder = folder_of(name, published, settings)
        if only and only != name:
            continue
        if is_done(folder, epochs):
            print(f"{folder.name}: already there")
            continue
        print(f"{folder.name}: up to {epochs} epochs or {seconds:.0f} s", flush=True)
        job = json.dumps([name, published, settings, epochs, seconds, str(folder)])
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "benchmarks.tutorials", "--one", job], cwd=ROOT, check=True)
        print(f"  {time.monotonic() - began:.0f} s in all", flush=True)


def is_done(folder: Path, epochs: int) -> bool:
    result = folder / "result.json"
    return result.exists() and json.loads(result.read_text())["epochs_asked"] >= epochs


# --- the report -------------------------------------------------------------------------------


def write_report() -> None:
    """Write docs/tutorials.md from the run folders that are there."""
    results = {}
    for name, published, settings in [*((n, p, {}) for n, p in RUNS), LARGER]:
        path = folder_of(name, published, settings) / "result.json"
        if path.exists():
            result = json.loads(path.read_text())
            events = read_log(path.parent)
            result["parameters"] = events[0]["n_parameters"]
            result["train_accuracy"] = [e for e in events if e["kind"] == "EpochDone"][-1]["train_accuracy"]
            results[name, published, bool(settings)] = result
    corpus = load_gmb()
    facts = count_facts(corpus)
    lines = [
        *HEAD.format(**machine()).splitlines(),
        "",
        *runs_table(results),
        "",
        *floor_lines(corpus, facts),
        "",
        "## Claims",
        "",
    ]
    lines += ["| tutorial | claim | our figure | verdict | reason |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in claims(results, facts)]
    path = ROOT / "docs" / "tutorials.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {path.relative_to(ROOT)}")


HEAD = """# The five tutorials, measured

Written by `make tutorials` (`benchmarks/tutorials.py`) from its run folders; no figure is typed by hand.

Corpus: GMB as on Kaggle, 47,959 sentences. Scorer: strict entity micro F1 over IOB2, every real token counted, nothing cut.
Seed 1, {cores} cores ({machine}), TensorFlow {tensorflow}, Keras {keras}. Other work ran on the machine at the same time, so
seconds are an upper bound. **Own split**: the tutorial's, on its test part. **Common split**: the published runs are scored on those sentences
of the common test part that they were not trained on; the mended ones were trained on the common split itself."""


def machine() -> dict:
    return {
        "cores": available_cores(),
        "machine": f"{platform.system()} {platform.machine()}",
        "tensorflow": version("tensorflow"),
        "keras": version("keras"),
    }


def runs_table(results: dict) -> list[str]:
    lines = [
        "| recipe | form | epochs | padded accuracy | token accuracy | entity F1, own split | entity F1, common split | seconds an epoch | memory |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (name, published, is_larger), r in results.items():
        form = ("published" if published else "mended") + (", 250 units, length 100" if is_larger else "")
        ended = "" if r["ended"] == "finished" else f" ({r['ended']} after {r['seconds']:.0f} s)"
        lines.append(
            f"| `{name}` | {form} | {r['epochs']}{ended} | {r['padded_accuracy']:.2%} at {r['pad_to']} | {r['token_accuracy']:.2%} "
            f"| {r['f1']:.1%} ({r['n_test']:,} sentences) | {r['common_f1']:.1%} ({r['n_common']:,}) "
            f"| {r['seconds_an_epoch']:.0f} s | {r['peak_mb']:,.0f} MB |"
        )
    return lines


def count_facts(corpus: Corpus) -> dict:
    """Count what the claims are about."""
    sentences = corpus.sentences
    lengths = [len(sentence) for sentence in sentences]
    n_tokens, n_kept, n_broken = sum(lengths), 0, 0
    pieces = {word: len(keras_words(word)) for word in {word for s in sentences for word in s.words}}
    for sentence in sentences:
        counts = [pieces[word] for word in sentence.words]
        n_kept += sum(count > 0 for count in counts)
        n_broken += sum(counts) != len(counts)
    return {
        "n_tokens": n_tokens,
        "mean": n_tokens / len(lengths),
        "padded_at_50": sum(length < 50 for length in lengths) / len(lengths),
        "padding_share": 1 - sum(min(length, 50) for length in lengths) / (50 * len(lengths)),
        "vanished": 1 - n_kept / n_tokens,
        "broken": n_broken / len(lengths),
        "longest": max(lengths),
        "n_lengths": len(set(lengths)),
    }


def floor_lines(corpus: Corpus, facts: dict) -> list[str]:
    all_o, table = floors(corpus.train, corpus.test)
    _, padded = floors(corpus.train, corpus.test, pad_to=140)
    facts["table_at_140"] = padded.padded_accuracy
    return [
        f"Floor lines on the common test part: all-`O` token accuracy {all_o.token_accuracy:.2%}, F1 0; most-frequent-tag table "
        f"{table.token_accuracy:.2%}, F1 {table.f1:.1%}, and {padded.padded_accuracy:.1%} where padding to 140 is counted."
    ]


def claims(results: dict, facts: dict) -> list[tuple[str, ...]]:
    """Return one row a claim: tutorial, claim, our figure, verdict, reason."""
    softmax, larger = results.get(("gmb-bilstm-softmax", True, False)), results.get(("gmb-bilstm-softmax", True, True))
    custom, lstm = results.get(("custom-bilstm-crf", True, False)), results.get(("gmb-bilstm-lstm", True, False))
    keras, plain = results.get(("keras-bilstm-crf", True, False)), results.get(("tensorflow-bilstm", True, False))
    rows = []
    for name, found in {
        "keras-bilstm-crf": keras,
        "tensorflow-bilstm": plain,
        "custom-bilstm-crf": custom,
        "gmb-bilstm-softmax": softmax,
        "gmb-bilstm-lstm": lstm,
    }.items():
        if not found:
            rows.append((f"`{name}`", "all of its claims", "none", "not run yet", "run `make tutorials`"))
    if keras:
        rows.append(
            (
                "`keras-bilstm-crf`",
                "precision, recall and F1 measure the model",
                f"entity F1 {keras['f1']:.1%}, padded accuracy {keras['padded_accuracy']:.1%}",
                "not kept",
                "none is computed there; `B-geo` becomes two pieces, so that no predicted tag names an entity",
            )
        )
        rows.append(
            (
                "`keras-bilstm-crf`",
                "the Tokenizer prepares words and labels",
                f"{facts['vanished']:.1%} of tokens vanish; {facts['broken']:.1%} of sentences no longer match their tags",
                "false",
                "punctuation is stripped and hyphens cut words in two",
            )
        )
    if plain:
        rows.append(
            (
                "`tensorflow-bilstm`",
                "test loss and accuracy measure the model",
                f"padded accuracy {plain['padded_accuracy']:.1%}, entity F1 {plain['f1']:.1%}",
                "misleading",
                f"padding to {plain['pad_to']} is counted; and only the nearest form runs, the printed one cannot be trained",
            )
        )
    if custom:
        verdict = "reached, and empty" if custom["padded_accuracy"] >= 0.985 else "not reached in the time given"
        rows.append(
            (
                "`custom-bilstm-crf`",
                "99 % accuracy on train and test",
                f"{custom['train_accuracy']:.1%} on train, {custom['padded_accuracy']:.1%} on test, padding counted, after {custom['epochs']} of 20 epochs; entity F1 {custom['f1']:.1%}",
                verdict,
                f"padding and `O` are counted: a dictionary reads {facts['table_at_140']:.1%} at length 140",
            )
        )
    if softmax:
        minutes = 3 * softmax["seconds_an_epoch"] / 60
        rows += [
            (
                "`gmb-bilstm-softmax`",
                "over 98 % accuracy",
                f"{softmax['padded_accuracy']:.1%} with padding; {softmax['token_accuracy']:.1%} of real tokens; entity F1 {softmax['f1']:.1%}",
                "reproduced, and misleading",
                f"{facts['padding_share']:.1%} of the cells are padding",
            ),
            (
                "`gmb-bilstm-softmax`",
                "1.88 million parameters",
                f"{softmax['parameters']:,}",
                "true",
                "counted in the network that was trained",
            ),
            (
                "`gmb-bilstm-softmax`",
                "a histogram with 50 bins",
                f"{facts['n_lengths']} different lengths, from 1 to {facts['longest']}",
                "a matter of taste",
                "Explore draws one bar a length",
            ),
            (
                "`gmb-bilstm-softmax`",
                "1,354,149 words",
                f"{facts['n_tokens']:,} tokens",
                "false",
                "this file has fewer",
            ),
            (
                "`gmb-bilstm-softmax`",
                "most sentences need no padding at 50",
                f"{facts['padded_at_50']:.1%} need padding",
                "false",
                "it is cutting that few need",
            ),
            (
                "`gmb-bilstm-softmax`",
                "mean length 20 to 22",
                f"{facts['mean']:.1f} words",
                "true",
                "counted over all sentences",
            ),
            (
                "`gmb-bilstm-softmax`",
                "3 epochs take 10 to 15 minutes",
                f"{minutes:.1f} minutes",
                "true then" if minutes >= 10 else "faster here",
                "steps alone, on the cores named above",
            ),
        ]
    if larger and softmax:
        better = larger["f1"] > softmax["f1"]
        fair = larger["epochs"] >= softmax["epochs"] and larger["ended"] == "finished"
        rows.append(
            (
                "`gmb-bilstm-softmax`",
                "250 units and length 100 do better",
                f"entity F1 {larger['f1']:.1%} after {larger['steps']:,} steps ({larger['seconds']:.0f} s), against {softmax['f1']:.1%}",
                ("true" if better else "not seen") + ("" if fair else " within the time given"),
                f"one seed; {larger['steps']:,} steps against {softmax['steps']:,}, so the two are not compared at equal training",
            )
        )
    if lstm:
        rows.append(
            (
                "`gmb-bilstm-lstm`",
                "the network identifies the entities of a custom text",
                f"entity F1 {lstm['f1']:.1%} after {lstm['epochs']} of 25 epochs",
                "not shown",
                "the picture shows spaCy's pretrained pipeline, not this network",
            )
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--only", help="one recipe's name")
    parser.add_argument("--report-only", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        name, published, settings, epochs, seconds, folder = json.loads(given.one)
        return run_one(name, published, settings, epochs, seconds, Path(folder))
    if not (CORPORA / "gmb").exists():
        sys.exit(
            f"GMB is needed in {CORPORA}/gmb/ner_dataset.csv.xz; set NER_LAB_CORPORA to the folder that holds gmb/."
        )
    if not given.report_only:
        run_all(given.epochs, given.seconds, given.only)
    write_report()


if __name__ == "__main__":
    main()
