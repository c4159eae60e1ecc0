"""What do affixes, the CRF, case mixing, mention replacement and the templates each bring?

    python -m benchmarks.ablation [--epochs 1] [--only NAME] [--report]

Trains the recipe `fast` on what `make models` learns from, each time with one thing left out, and scores dev alone: GMB's dev
part as it is and in lower case, Newsroom's, and sentences from held-out templates and names. Each run's figures stay in the
home folder (`ablation/NAME-EPOCHS.json`), so that what was stopped goes on where it was. With them stands a digest of what they
were made of: settings, sentences and the program's chapters on training; where it differs from today's, the run is done
again (or, with `--report`, left out). Writes `docs/ablation.md`.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.make_models import (
    SEED,
    Typed,
    join,
    news_recipe,
    read_corpora,
    score,
    settings,
    training_part,
    typed_sentences,
)
from benchmarks.tutorials import ROOT
from ner_core.data.corpus import fingerprint, fingerprints
from ner_core.records import Corpus, EpochDone, RunEnded
from ner_core.tagger.ours import Recipe
from ner_core.tagger.recipes import new_tagger
from ner_core.training.augment import change_case
from ner_core.training.runs import home

RECIPE = "fast"
CODE = ("ner_core.training.train", "ner_core.training.augment")  # with all that they import, what decides a run
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


def prints_of(gmb: Corpus, newsroom: Corpus, typed: Typed) -> dict[str, object]:
    """Fingerprints of everything that a variant learns from or is measured on."""
    both = {"train": fingerprint(typed.train), "dev": fingerprint(typed.dev)}
    return {"GMB": fingerprints(gmb), "Newsroom": fingerprints(newsroom), "templates": both}


def chapters(module: str, known: frozenset[str] = frozenset()) -> frozenset[str]:
    """A chapter of the book, and all that it builds on."""
    path = file_of(module)
    if module in known or not path.exists():
        return known
    known |= {module}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ner_core"):
            for name in (node.module, *(f"{node.module}.{imported.name}" for imported in node.names)):
                known = chapters(name, known)
    return known


def file_of(module: str) -> Path:
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def digest_of(variant: Variant, epochs: int, prints: dict[str, object]) -> str:
    """SHA-256 of what a run is made of: the variant's recipe, every setting, the sentences and the code."""
    said = {
        "recipe": asdict(variant.change(news_recipe(RECIPE))),
        "left out": [variant.mixes, variant.replaces, variant.has_templates],
        "settings": settings(),
        "epochs": epochs,
        "seed": SEED,
        "sentences": prints,
        "measured": MEASURED,
    }
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for module in sorted(frozenset().union(*map(chapters, CODE))):
        digest.update(file_of(module).read_text(encoding="utf-8").encode())
    return digest.hexdigest()


def stored(path: Path, digest: str) -> dict | None:
    """The figures of a run of this digest; None where there are none, or those of another."""
    if not path.exists():
        return None
    found = json.loads(path.read_text())
    return found if found.get("digest") == digest else None


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
    data = (*read_corpora(), typed_sentences())
    prints, found = prints_of(*data), {}
    for name, variant in VARIANTS.items():
        path, digest = folder / f"{name}-{given.epochs}.json", digest_of(variant, given.epochs, prints)
        figures = stored(path, digest)
        if not figures and not given.report and given.only in (None, name):
            print(f"without {variant.words}", flush=True)
            figures = run(variant, *data, given.epochs) | {"digest": digest}
            path.write_text(json.dumps(figures))
        if figures:
            found[name] = figures
        elif path.exists():
            print(f"{path.name} is of other settings, sentences or code and is left out.", flush=True)
    if "all" not in found:
        sys.exit("No page is written: the run with nothing left out is not there.")
    (ROOT / "docs" / "ablation.md").write_text(write_report(found), encoding="utf-8")


if __name__ == "__main__":
    main()
