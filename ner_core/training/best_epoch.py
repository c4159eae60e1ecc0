"""Which epoch's tagger is kept, and what does its card say?

Chapter of part IV. `train` saves nothing; `keep_best` stands between it and whoever reads its events, and stores the tagger
whenever an epoch is the best so far. So a training that is killed leaves its best behind, with a card that says on which
sentences, with which settings and how well. At the end the tagger is calibrated and stored once more.

Source: Keras' ModelCheckpoint(save_best_only). Differs from it: no callback but events passed on, and a whole tagger is
stored, in one step, not weights alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from ner_core.records import Corpus, EpochDone, Event, RunEnded, Snapshot, Tagger, TrainConfig
from ner_core.scores.calibration import calibrate
from ner_core.scores.report import evaluate, report_to_dict
from ner_core.tagger.archive import StoreError
from ner_core.tagger.predict import predict
from ner_core.tagger.store import save_tagger


def keep_best(
    events: Iterator[Event],
    tagger: Tagger,
    folder: Path,
    *,
    corpus: Corpus,
    training: TrainConfig,
    start: Snapshot | None = None,
) -> Iterator[Event]:
    """Pass the events on; store the tagger in `folder` whenever an epoch is the best, and as it is at the end.

    The card then says on which sentences, with which settings and how well. A run that goes on from `start`
    puts back what was the best then: of the steps after it, which are taken again, nothing stays.
    """
    shown: EpochDone | None = None  # the epoch whose weights the tagger will end with
    tagger.card |= {"seed": training.seed, "training": asdict(training)}
    for event in start.history if start else ():
        shown = event if event.is_best or not training.keeps_best else shown
    if start and start.best_weights and shown is not None:
        tagger.weights = dict(start.best_weights)
        _save(tagger, folder, shown, corpus)
    for event in events:
        if isinstance(event, EpochDone):
            if event.is_best or not training.keeps_best:
                shown = event
            if event.is_best:
                _save(tagger, folder, event, corpus)
        elif isinstance(event, RunEnded) and shown is not None and tagger.is_trained:
            with contextlib.suppress(Exception):  # changes no weight: how sure it says it is, and what is left out
                calibrate(tagger, corpus.dev)
                if tagger.threshold:
                    shown = replace(shown, dev=evaluate(predict(tagger, corpus.dev, with_confidences=False)))
            with contextlib.suppress(StoreError):  # weights that have diverged: the best epoch's stay
                _save(tagger, folder, shown, corpus)
        yield event


def _save(tagger: Tagger, folder: Path, epoch: EpochDone, corpus: Corpus) -> None:
    from ner_core.data.corpus import fingerprints

    if "fingerprints" not in tagger.card:
        tagger.card["fingerprints"] = fingerprints(corpus)
    dev = epoch.dev
    tagger.card |= {"epoch": epoch.epoch, "seconds": round(epoch.seconds, 2)}
    if dev.n_sentences:  # no score without sentences it was counted on
        scores = {"f1": dev.f1, "precision": dev.precision, "recall": dev.recall, "token_accuracy": dev.token_accuracy}
        by_label = report_to_dict(dev)["by_label"]
        tagger.card |= {**scores, "scored_on": f"dev, {dev.n_sentences:,} sentences", "by_label": by_label}
    save_tagger(tagger, folder)
