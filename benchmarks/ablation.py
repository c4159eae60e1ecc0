"""What do affixes, the CRF, case mixing, mention replacement and the templates each bring?

    python -m benchmarks.ablation [--epochs 1] [--only NAME] [--report]

Trains the recipe `fast` on what `make models` learns from, each time with one thing left out, and scores dev alone: GMB's dev
part as it is and in lower case, Newsroom's, and sentences from held-out templates and names. Each run's figures stay in the
home folder (`ablation/NAME.json`), so a run that was stopped goes on where it was. Writes `docs/ablation.md`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.make_models import (
    SEED,
    Typed,
    join,
    news_recipe,
    read_corpora,
    score,
    training_part,
    typed_sentences,
)
from benchmarks.tutorials import ROOT
from ner_core.records import Corpus, EpochDone, RunEnded
from ner_core.tagger.recipes import Recipe, new_tagger
from ner_core.training.augment import change_case
from ner_core.training.runs import home

RECIPE = "fast"
MEASURED = (
    "GMB dev",
    "unseen (recall)",
    "GMB dev, lower case",
    "GMB dev, capitals",
    "Newsroom dev",
    "templates held out",
)


def as_it_is(base: Recipe) -> Recipe:
    return base


def without_affixes(base: Recipe) -> Recipe:
    """Only the word, its lower-cased form and its shape."""
    kept = ("lower", "shape")
    layers = tuple(
        replace(a, features=tuple((n, w) for n, w in a.features if n in kept)) if a.kind == "embed" else a
        for a in base.network.layers
    )
    return replace(base, encoding=replace(base.encoding, features=kept), network=replace(base.network, layers=layers))


def without_crf(base: Recipe) -> Recipe:
    """A softmax a word in the CRF's place; which tags may follow each other is no longer known."""
    layers = tuple(
        replace(layer, activation="softmax") if layer.kind == "dense" else layer
        for layer in base.network.layers
        if layer.kind != "crf"
    )
    return replace(
        base,
        network=replace(base.network, layers=layers, forbids_illegal=False),
        training=replace(base.training, loss="sparse_categorical_crossentropy"),
    )


@dataclass(frozen=True)
class Variant:
    """What is left out, in words, and how: of the recipe, of the training part."""

    words: str
    change: Callable[[Recipe], Recipe] = as_it_is
    mixes: bool = True
    replaces: bool = True
    has_templates: bool = True


VARIANTS = {
    "all": Variant("nothing"),
    "affixes": Variant("affixes (beginnings and endings of words)", change=without_affixes),
    "crf": Variant("CRF (a softmax in its place)", change=without_crf),
    "case": Variant("case mixing", mixes=False),
    "mentions": Variant("mention replacement", replaces=False),
    "templates": Variant("sentences from templates", has_templates=False),
    "none": Variant("case mixing, mention replacement and templates", mixes=False, replaces=False, has_templates=False),
}


def run(variant: Variant, gmb: Corpus, newsroom: Corpus, typed: Typed, epochs: int) -> dict:
    """Train one variant and score it on dev."""
    from ner_core.training.train import train  # loads TensorFlow

    learned = typed if variant.has_templates else replace(typed, train=())
    written, mixed = training_part(gmb, newsroom, learned, mixes=variant.mixes, replaces=variant.replaces)
    corpus = join(gmb, newsroom)
    base = variant.change(news_recipe(RECIPE))
    tagger = new_tagger(replace(corpus, train=written, dev=()), base)
    for event in train(tagger, replace(corpus, train=mixed), replace(base.training, epochs=epochs, seed=SEED)):
        if isinstance(event, EpochDone):
            print(f"  epoch {event.epoch}: dev F1 {event.dev.f1:.4f}, {event.seconds:.0f} s", flush=True)
        if isinstance(event, RunEnded):
            seconds = event.seconds
    on_gmb = score(tagger, gmb.dev, corpus.train)
    turned = {case: [change_case(s, case) for s in gmb.dev] for case in (str.lower, str.upper)}
    figures = (
        on_gmb.f1,
        on_gmb.unseen.recall,
        *(score(tagger, part, ()).f1 for part in turned.values()),
        score(tagger, newsroom.dev, ()).f1,
        score(tagger, typed.dev, ()).f1,
    )
    return dict(zip(MEASURED, figures, strict=True)) | {"epochs": epochs, "seconds": seconds, "sentences": len(mixed)}


def write_report(results: dict[str, dict]) -> str:
    """The page `docs/ablation.md`: the first row is everything, the others say what is lost."""
    lines = [
        "# What each part of the shipped model's training brings, on `fast`",
        "",
        "Written by `python -m benchmarks.ablation`; no figure is typed by hand.",
        "",
        f"Recipe `{RECIPE}` with the features and the training part of `make models`, seed {SEED}, {results['all']['epochs']} epoch(s), each time with one "
        "thing left out. Strict entity F1 in percent on **dev** parts, recall where it says so. One seed: differences under half a point mean little.",
        "",
        f"| left out | {' | '.join(MEASURED)} | sentences an epoch |",
        "|---|" + "---:|" * (len(MEASURED) + 1),
    ]
    for name, found in results.items():
        cells = " | ".join(f"{100 * found[what]:.1f}" for what in MEASURED)
        lines.append(f"| {VARIANTS[name].words} | {cells} | {found['sentences']:,} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--only", choices=VARIANTS)
    parser.add_argument("--report", action="store_true", help="train nothing, write the page from what is there")
    given = parser.parse_args()
    folder = home() / "ablation"
    folder.mkdir(parents=True, exist_ok=True)
    data = None
    for name, variant in VARIANTS.items():
        path = folder / f"{name}-{given.epochs}.json"
        if given.report or path.exists() or (given.only and given.only != name):
            continue
        data = data or (*read_corpora(), typed_sentences())
        print(f"without {variant.words}", flush=True)
        path.write_text(json.dumps(run(variant, *data, given.epochs)))
    paths = {name: folder / f"{name}-{given.epochs}.json" for name in VARIANTS}
    found = {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}
    if "all" in found:
        (ROOT / "docs" / "ablation.md").write_text(write_report(found), encoding="utf-8")


if __name__ == "__main__":
    main()
