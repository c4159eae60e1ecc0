"""Train the model that ships, `models/news`, on GMB's train part and the Newsroom corpus.

    python -m benchmarks.make_models [--epochs 5] [--out models/news] [--measure]

Reads GMB from `NER_LAB_CORPORA` (default: ../shared/corpora beside the checkout). The card it writes into the
model's folder holds every figure the app shows: data and licences, scores by label with numbers of examples.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.tutorials import CORPORA, ROOT
from ner_core.data.corpus import fingerprints, load_corpus
from ner_core.records import GMB_LABELS, Corpus, EpochDone, Report, Sentence, Tagger
from ner_core.scores.report import evaluate
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import new_tagger, recipe
from ner_core.tagger.store import load_tagger, save_tagger

NEWSROOM_TIMES = 4  # so often is Newsroom read: it is a twentieth of GMB, and nearer to what people type
LOWER, UPPER = 0.25, 0.05  # shares of the training sentences that are also read in lower case, and in capitals

DATA = [
    "GMB extract as on Kaggle (Annotated Corpus for NER), train part: ODbL / DbCL",
    "Newsroom corpus of this project, train part: CC BY 4.0",
]
LIMITS = (
    "Trained on news of about 2005 and on a small corpus written for this project. It marks no amounts. Works, events and natural "
    "phenomena are often missed, and more names are missed in lower-case text. Do not use it to decide about people."
)


def join(gmb: Corpus, newsroom: Corpus) -> Corpus:
    """Lay the two corpora together, part by part."""
    parts = {part: gmb.part(part) + newsroom.part(part) for part in ("train", "dev", "test")}
    return Corpus("GMB and Newsroom", **parts, labels=GMB_LABELS, form="two corpora", split="each by its own split")


def with_other_case(train: tuple[Sentence, ...], seed: int) -> tuple[Sentence, ...]:
    """Return the sentences and, of a share of them, copies in lower case and in capitals, as people type them.

    Mixing case in training is the cure of Mayhew et al. 2019 (arXiv 1903.11222) for names that are typed without capitals.
    """
    random = np.random.default_rng(seed)
    drawn = random.random(len(train))
    copies = [change_case(s, str.lower) for s, x in zip(train, drawn, strict=True) if x < LOWER]
    copies += [change_case(s, str.upper) for s, x in zip(train, drawn, strict=True) if x > 1 - UPPER]
    return train + tuple(copies)


def change_case(sentence: Sentence, change: Callable[[str], str]) -> Sentence:
    return Sentence(tuple(map(change, sentence.words)), sentence.spans)


def make(epochs: int, out: str) -> Tagger:
    from ner_core.training.train import train  # loads TensorFlow

    gmb, newsroom = read_corpora()
    corpus = join(gmb, newsroom)
    base = recipe("bilstm-crf")
    base = replace(base, encoding=replace(base.encoding, min_count=2))
    train_part = gmb.train + NEWSROOM_TIMES * newsroom.train
    seen = replace(corpus, train=with_other_case(train_part, base.training.seed))
    tagger = new_tagger(seen, base)
    config = replace(base.training, epochs=epochs)
    for event in train(tagger, seen, config):
        if isinstance(event, EpochDone):
            print(f"epoch {event.epoch}: dev F1 {event.dev.f1:.4f}, {event.seconds:.0f} s", flush=True)
    tagger.card |= {
        "split": gmb.split,
        "seed": config.seed,
        "best_epoch": event.best_epoch,
        "training_seconds": round(event.seconds),
    }
    return measure(tagger, out)


def measure(tagger: Tagger, out: str) -> Tagger:
    """Measure a trained tagger, write the figures into its card, and store it."""
    gmb, newsroom = read_corpora()
    tagger.card |= card(tagger, gmb, newsroom, join(gmb, newsroom))
    save_tagger(tagger, ROOT / out)
    return tagger


def read_corpora() -> tuple[Corpus, Corpus]:
    """Read GMB and Newsroom in the split the app makes of an upload, so that Evaluate knows what was learned from."""
    return load_corpus(CORPORA / "gmb" / "ner_dataset.csv.xz"), load_corpus("newsroom")


def card(tagger: Tagger, gmb: Corpus, newsroom: Corpus, corpus: Corpus) -> dict:
    """Measure the test parts and say what the model is."""
    on_gmb = evaluate(predict(tagger, gmb.test, with_confidences=False), train=corpus.train)
    on_newsroom = evaluate(predict(tagger, newsroom.test, with_confidences=False), train=corpus.train)
    cases = {"GMB test, lower case": str.lower, "GMB test, capitals": str.upper}
    turned = {}
    for name, change in cases.items():
        test, known = ([change_case(s, change) for s in part] for part in (gmb.test, corpus.train))
        turned[name] = evaluate(predict(tagger, test, with_confidences=False), train=known)
    return {
        "name": "news",
        "data": DATA,
        "limits": LIMITS,
        "f1": on_gmb.f1,
        "scored_on": f"GMB test, {on_gmb.n_sentences:,} sentences",
        "trained_on": {"GMB": fingerprints(gmb), "Newsroom": fingerprints(newsroom)},
        "scores": {"GMB test": plain(on_gmb), "Newsroom test": plain(on_newsroom)},
        "slices": {name: plain(report) for name, report in turned.items()},
        "by_label": counts(on_gmb),
        "fingerprints": fingerprints(corpus),
    }


def plain(report: Report) -> dict:
    return {
        "sentences": report.n_sentences,
        "precision": round(report.precision, 4),
        "recall": round(report.recall, 4),
        "f1": round(report.f1, 4),
        "token_accuracy": round(report.token_accuracy, 4),
        "recall_seen": round(report.seen.recall, 4),
        "recall_unseen": round(report.unseen.recall, 4),
        "by_label": counts(report),
    }


def counts(report: Report) -> dict:
    return {label: {"tp": c.tp, "fp": c.fp, "fn": c.fn} for label, c in report.by_label.items()}


def write_card(tagger: Tagger, out: str) -> None:
    """Write the card as a page for people, from the same figures."""
    c = tagger.card
    lines = [
        "# Model card: news",
        "",
        f"Recipe `{c['recipe']}`, seed {c['seed']}, best of its epochs: {c['best_epoch']}, trained in {c['training_seconds']:,} s. Made by `make models`.",
        "",
        f"**Training.** Newsroom's train part was read {NEWSROOM_TIMES} times an epoch; of all sentences, {LOWER:.0%} were also read in lower case "
        f"and {UPPER:.0%} in capitals.",
        "",
        f"**Split.** Each corpus by itself: {c['split']}; no sentence stands on two sides.",
        "",
        "**Data.** " + "; ".join(c["data"]) + ".",
        "",
        f"**Limits.** {c['limits']}",
        "",
        "| test part | sentences | precision | recall | F1 | recall, seen mentions | recall, unseen |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, s in {**c["scores"], **c["slices"]}.items():
        lines.append(
            f"| {name} | {s['sentences']:,} | {s['precision']:.1%} | {s['recall']:.1%} | {s['f1']:.1%} | {s['recall_seen']:.1%} | {s['recall_unseen']:.1%} |"
        )
    lines += ["", "| label | GMB test: F1 | examples | Newsroom test: F1 | examples |", "|---|---|---|---|---|"]
    for label in c["labels"]:
        cells = []
        for s in c["scores"].values():
            n = s["by_label"].get(label, {"tp": 0, "fp": 0, "fn": 0})
            total = 2 * n["tp"] + n["fp"] + n["fn"]
            cells += [f"{2 * n['tp'] / total:.1%}" if total else "-", f"{n['tp'] + n['fn']:,}"]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    lines += [
        "",
        "Scorer: strict entity scores over IOB2, micro; a mention is *seen* if train holds the same words as a mention.",
    ]
    (ROOT / out / "CARD.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--out", default="models/news")
    parser.add_argument(
        "--measure", action="store_true", help="train nothing: measure what is there, and write its card anew"
    )
    given = parser.parse_args()
    if not (CORPORA / "gmb").exists():
        sys.exit(f"GMB is needed in {CORPORA}/gmb; set NER_LAB_CORPORA to the folder that holds gmb/.")
    tagger = measure(load_tagger(ROOT / given.out), given.out) if given.measure else make(given.epochs, given.out)
    write_card(tagger, given.out)


if __name__ == "__main__":
    main()
