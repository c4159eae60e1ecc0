"""Train our recipes, and `gmb-bilstm-softmax` as published, for `benchmarks.engine`.

The clock is `RunEnded.seconds`: from the first batch, tracing and dev scoring included. Start-up (imports, reading,
encoding, building) lies beside it, and so does what follows it: fitting temperature and threshold on dev. Training tok/s
leaves dev scoring out, because the events tell its time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from math import prod
from pathlib import Path

import numpy as np

from benchmarks.engine_data import Size, counts_of, f1_of, load_part, n_tokens, peak_mb
from ner_core.records import Corpus, EpochDone, NetworkConfig, RunEnded, Sentence, StepDone, Tagger
from ner_core.scores.calibration import calibrate
from ner_core.tagger.networks import stacks, weight_shapes
from ner_core.tagger.ours import Recipe
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import RECIPES, new_tagger, recipe, suited
from ner_core.tagger.store import save_tagger

OURS = ("fast", "bilstm-crf", "best")
PUBLISHED = "gmb-bilstm-softmax"


def is_there(name: str) -> bool:
    """Tell whether the book has this recipe."""
    return (name, name == PUBLISHED) in RECIPES


def digest(name: str) -> str:
    """Name what decides a run, so that a changed recipe is measured anew."""
    base = recipe(name, name == PUBLISHED)
    return sha256(repr((base.encoding, base.network, base.training)).encode()).hexdigest()[:12]


def train_ours(job: Mapping, size: Size, folder: Path) -> dict:
    """Train one recipe on one corpus' train part; return its figures, and keep the tagger in `folder`."""
    began = time.perf_counter()
    name = job["system"]
    corpus = load_part(job["corpus"], size)
    return train_one(recipe(name, name == PUBLISHED), corpus, job, size, folder, began)


def train_one(base: Recipe, corpus: Corpus, job: Mapping, size: Size, folder: Path, began: float) -> dict:
    """Train `base` on `corpus` within its budget; `began` is when this process did (`time.perf_counter`)."""
    from ner_core.training.train import train  # loads TensorFlow, here alone

    base = suited(base, corpus)
    tagger = new_tagger(corpus, base)
    config = replace(base.training, seed=job["seed"], seconds=size.seconds[job["system"]])
    steps: list[StepDone] = []
    epochs: list[EpochDone] = []
    folder.mkdir(parents=True, exist_ok=True)
    started = 0.0
    for event in train(tagger, corpus, config):
        started = started or time.perf_counter()
        if isinstance(event, StepDone):
            steps.append(event)
        elif isinstance(event, EpochDone):
            epochs.append(event)
            np.savez(weights_file(folder, event), **tagger.weights)  # on disk, so that they are not counted as memory
            print(f"  epoch {event.epoch}: {event.seconds:.0f} s, dev F1 {event.dev.f1:.4f}", flush=True)
        elif isinstance(event, RunEnded):
            ended = event
    peak = peak_mb()
    clock = time.perf_counter()
    calibrate(tagger, corpus.dev)
    fitting = time.perf_counter() - clock
    save_tagger(tagger, folder / "model")
    test = counts_of(corpus.test, spans_of(tagger, corpus.test))
    curve = [(e.seconds, *f1_after(tagger, corpus, weights_file(folder, e))) for e in epochs]
    scoring = scoring_seconds(steps, epochs)
    # A committee's step trains one member: a token counts once when all members have read it.
    n_trained = sum(step.n_tokens for step in steps) / len(stacks(tagger.network))
    speed = n_trained / max(ended.seconds - scoring, 1e-9)
    flops = training_flops(tagger.network)
    return {
        "f1": test.f1,
        "precision": test.precision,
        "recall": test.recall,
        "dev_f1": f1_of(corpus.dev, spans_of(tagger, corpus.dev)),
        "temperature": tagger.temperature,
        "threshold": tagger.threshold,
        "fitting_seconds": fitting,
        "seconds": ended.seconds,
        "budget": config.seconds,
        "ended": ended.reason,
        "n_epochs": ended.n_epochs,
        "best_epoch": ended.best_epoch,
        "startup": started - began,
        "curve": curve,
        "scoring_seconds": scoring,
        "n_trained_tokens": n_trained,
        "train_tokens_a_second": speed,
        "train_flops_a_token": flops,
        "gflops": speed * flops / 1e9,
        "peak_mb": peak,
        "n_train": len(corpus.train),
        "n_test": len(corpus.test),
        "n_test_tokens": n_tokens(corpus.test),
    }


def spans_of(tagger: Tagger, sentences: Sequence[Sentence]) -> list:
    return [p.spans for p in predict(tagger, sentences, with_confidences=False)]


def weights_file(folder: Path, epoch: EpochDone) -> Path:
    return folder / f"epoch{epoch.epoch}.npz"


def f1_after(tagger: Tagger, corpus: Corpus, file: Path) -> tuple[float, float]:
    """Dev and test F1 of the weights that an epoch ended with, fitted like the last; the file is deleted."""
    with np.load(file, allow_pickle=False) as kept:
        then = replace(tagger, weights=dict(kept), card=dict(tagger.card))
    file.unlink()
    calibrate(then, corpus.dev)
    return f1_of(corpus.dev, spans_of(then, corpus.dev)), f1_of(corpus.test, spans_of(then, corpus.test))


def scoring_seconds(steps: Sequence[StepDone], epochs: Sequence[EpochDone]) -> float:
    """Seconds that went into scoring dev: from an epoch's last step to its end."""
    last = {}
    for step in steps:
        last[step.epoch] = step.seconds
    return sum(epoch.seconds - last[epoch.epoch] for epoch in epochs if epoch.epoch in last)


# --- arithmetic ----------------------------------------------------------------------------


def forward_flops(network: NetworkConfig) -> int:
    """Floating-point operations that one token costs on its way forward: 2 for each multiply-add.

    Every weight matrix but the look-up tables multiplies each token once, so its multiply-adds are its size:
    a dense layer D*U, a convolution k*D*U, an LSTM 4*U*(D+U) a direction, a CRF's sums over K tags K*K. Biases,
    activations and gates are left out (below 2 % here). Each member of a committee counts.
    """
    tables = {layer.name for stack in stacks(network) for layer in stack if layer.kind == "embed"}
    return 2 * sum(
        prod(shape)
        for name, shape in weight_shapes(network).items()
        if len(shape) > 1 and name.rpartition(".")[0] not in tables
    )


def training_flops(network: NetworkConfig) -> int:
    """Forward, and twice as much on the way back: the gradient of the inputs, and that of the weights."""
    return 3 * forward_flops(network)
