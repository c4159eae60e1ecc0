"""Train the model that ships, `models/news`, on GMB's train part and the Newsroom corpus.

    python -m benchmarks.make_models [--epochs 4] [--recipe bilstm-crf] [--out models/news] [--measure]

Reads GMB from `NER_LAB_CORPORA` (default: ../shared/corpora beside the checkout). The card it writes into the
model's folder holds every figure the app shows: data and licences, scores by label with numbers of examples, calibration on
the test parts. It also holds how the model was made (`made`): the command, every setting, and the fingerprint of the
sentences read. `--measure` trains and fits nothing: it measures the model that is there and leaves `made` as it is.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from benchmarks.calibration import errors
from benchmarks.tutorials import CORPORA, ROOT
from ner_core.data.corpus import fingerprint, fingerprints, load_corpus
from ner_core.records import GMB_LABELS, Corpus, EpochDone, Report, Sentence, StepDone, Tagger, TrainConfig
from ner_core.scores.calibration import calibrate
from ner_core.scores.report import evaluate
from ner_core.tagger.ours import Recipe
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import new_tagger, recipe, resize
from ner_core.tagger.store import load_tagger, save_tagger
from ner_core.training.augment import (
    change_case,
    drop_full_stop,
    mentions_by_label,
    misspell,
    mix_case,
    replace_mentions,
    title,
)
from ner_core.training.augment import join as join_sentences
from ner_core.training.compose import (
    Names,
    compose,
    hold_out,
    hold_out_names,
    name_pools,
    read_names,
    read_templates,
)

SEED = 1
NEWSROOM_TIMES = 3  # so often is Newsroom read: it is a twentieth of GMB, and nearer to what people type
TEMPLATE_TIMES = 28  # so often is each template filled, with other names every time
MADE_UP = 0.25  # share of the slots for people, cities and firms that no list fills, but a chain of letters
HELD_NAMES, HELD_TEMPLATES = 0.08, 0.1  # shares of the lists and of the templates that are only asked about
REPLACED_SHARE = 0.2  # share of GMB's sentences that are read once more with other names
GMB_CASES = {"lower": 0.18, "upper": 0.06, "titled": 0.04}  # shares of sentences that are read in another case too
TYPED_CASES = {"lower": 0.3, "upper": 0.12, "titled": 0.05}
# The sections that names come from which take the place of others in GMB and Newsroom.
POOLS = {
    "per": ("per",),
    "geo": ("city", "city", "country", "region", "island", "water"),
    "org": ("company", "body", "club", "school", "media", "institution"),
    "art": ("film", "book", "gadget", "car", "building", "law", "prize", "craft"),
    "eve": ("event",),
    "nat": ("storm", "virus", "species", "sky"),
}

DATA = [
    "GMB extract as on Kaggle (Annotated Corpus for NER), train part: ODbL / DbCL",
    "Newsroom corpus of this project, train part: CC BY 4.0",
    "Lists of names and sentence templates of this project (ner_core/corpora/names, everyday_templates.txt): CC BY 4.0",
]
LIMITS = (
    "Trained on news of about 2005, on a small corpus and on sentences made from templates, both written for this project. It marks no "
    "amounts. Works, events and natural phenomena are often missed, and more names are missed in lower-case text. English only, and names "
    "in Latin letters only. It says which words look like a name, not whether what is said is true. Do not use it to decide about people, "
    "to redact documents, or wherever a missed name does harm."
)


def join(gmb: Corpus, newsroom: Corpus) -> Corpus:
    """Lay the two corpora together, part by part."""
    parts = {part: gmb.part(part) + newsroom.part(part) for part in ("train", "dev", "test")}
    return Corpus("GMB and Newsroom", **parts, labels=GMB_LABELS, form="two corpora", split="each by its own split")


@dataclass(frozen=True)
class Typed:
    """Sentences made from templates: to learn from, and, with templates and names held out, to be asked about."""

    train: tuple[Sentence, ...]
    dev: tuple[Sentence, ...]
    names: Names


def typed_sentences(seed: int = SEED) -> Typed:
    """Fill the templates; what is held out of names and templates meets only what is held out."""
    names, held_names = hold_out_names(read_names(), HELD_NAMES)
    templates, held_templates = hold_out(read_templates(), HELD_TEMPLATES)
    learned = compose(templates, names, seed, times=TEMPLATE_TIMES, made_up=MADE_UP)
    asked = compose(held_templates, held_names, seed + 1, times=4)
    return Typed(learned, asked, names)


def as_typed(sentences: Sequence[Sentence], seed: int) -> list[Sentence]:
    """Composed sentences with the small things of typing: full stops left out, letters exchanged, two in one line."""
    chance, found = random.Random(seed), []
    for sentence in sentences:
        drawn = chance.random()
        if drawn < 0.25:
            sentence = drop_full_stop(sentence)
        elif drawn < 0.32:
            sentence = misspell(sentence, chance)
        elif drawn < 0.37:
            sentence = join_sentences(sentence, chance.choice(sentences))
        found.append(sentence)
    return found


def training_part(
    gmb: Corpus, newsroom: Corpus, typed: Typed, seed: int = SEED, *, mixes: bool = True, replaces: bool = True
) -> tuple[tuple[Sentence, ...], tuple[Sentence, ...]]:
    """Return (the sentences as written, the same and copies in other cases): the vocabulary is read from the first alone.

    So "london" is an unknown word to the tagger, whose lower-cased form it knows well: as good as the capital is.
    """
    chance = random.Random(seed)
    news, everyday = list(gmb.train), list(newsroom.train) * NEWSROOM_TIMES + as_typed(typed.train, seed)
    if replaces:
        pools = mentions_by_label(gmb.train + newsroom.train)
        for label, drawn in name_pools(typed.names, POOLS, seed, n=3000, made_up=MADE_UP).items():
            known = pools.get(label, drawn)
            pools[label] = [chance.choice(known) for _ in drawn] + drawn  # half from the corpora, half from the lists
        news += [replace_mentions(s, pools, chance, share=0.7) for s in gmb.train if chance.random() < REPLACED_SHARE]
        everyday += [replace_mentions(s, pools, chance, share=0.7) for s in newsroom.train]
    written = (*news, *everyday)
    if not mixes:
        return written, written
    return written, mix_case(news, chance, **GMB_CASES) + mix_case(everyday, chance, **TYPED_CASES)


WIDER = {"lstm_width": 100, "batch_tokens": 700}  # wider than the recipe, and smaller steps: time matters less here
AFFIXES = (("lower", 32), ("shape", 16), ("prefix2", 8), ("prefix3", 16), ("suffix2", 8), ("suffix3", 16))


def news_recipe(name: str = "bilstm-crf") -> Recipe:
    """The recipe of this name, with six features beside the word; words seen once are read as unknown."""
    base = resize(recipe(name), **WIDER) if name == "bilstm-crf" else recipe(name)
    layers = tuple(replace(a, features=AFFIXES) if a.kind == "embed" else a for a in base.network.layers)
    features = tuple(feature for feature, _ in AFFIXES)
    encoding = replace(base.encoding, features=features, min_count=2)
    return replace(base, encoding=encoding, network=replace(base.network, layers=layers))


def settings() -> dict:
    """Every number and list of this file that decides which sentences are read."""
    return {
        "newsroom_times": NEWSROOM_TIMES,
        "template_times": TEMPLATE_TIMES,
        "made_up": MADE_UP,
        "held_names": HELD_NAMES,
        "held_templates": HELD_TEMPLATES,
        "replaced_share": REPLACED_SHARE,
        "gmb_cases": GMB_CASES,
        "typed_cases": TYPED_CASES,
        "pools": POOLS,
    }


def made(name: str, config: TrainConfig, read: Sequence[Sentence]) -> dict:
    """How a model is made again: the command, recipe and training, the settings, and which sentences they gave."""
    return {
        "command": f"python -m benchmarks.make_models --recipe {name} --epochs {config.epochs}",
        "recipe": name,
        "training": asdict(config),
        **settings(),
        "n_read": len(read),
        "fingerprint_of_read": fingerprint(read),
    }


def make(epochs: int, out: str, name: str = "bilstm-crf", keep_at: str = "") -> Tagger:
    """Train, measure and store. `keep_at`: a folder that gets every epoch's tagger that is best so far."""
    from ner_core.training.train import train  # loads TensorFlow

    gmb, newsroom = read_corpora()
    corpus, typed = join(gmb, newsroom), typed_sentences()
    base = news_recipe(name)
    written, mixed = training_part(gmb, newsroom, typed)
    dev = corpus.dev + mix_case(typed.dev, random.Random(SEED), lower=0.5, upper=0.2, titled=0.0)
    tagger = new_tagger(replace(corpus, train=written, dev=()), base)
    tagger.card["n_train"] = len(mixed)
    print(
        f"{len(written):,} sentences, {len(mixed):,} with other cases, {len(tagger.encoder.words):,} words", flush=True
    )
    config = replace(base.training, epochs=epochs, seed=SEED)
    for event in train(tagger, replace(corpus, train=mixed, dev=dev), config):
        if isinstance(event, StepDone) and event.step % 500 == 0:
            print(f"step {event.step}: {event.seconds:.0f} s", flush=True)
        if isinstance(event, EpochDone):
            print(f"epoch {event.epoch}: dev F1 {event.dev.f1:.4f}, {event.seconds:.0f} s", flush=True)
            if keep_at and event.is_best:
                save_tagger(tagger, ROOT / keep_at)
    tagger.card |= {
        "split": gmb.split,
        "seed": config.seed,
        "best_epoch": event.best_epoch,
        "training_seconds": round(event.seconds),
        "made": made(name, config, mixed),
    }
    calibrate(tagger, corpus.dev)
    return measure(tagger, out, gmb, newsroom)


def measure(tagger: Tagger, out: str, gmb: Corpus, newsroom: Corpus) -> Tagger:
    """Measure a trained tagger as it is, its temperature included; write the figures into its card, and store it."""
    tagger.card |= card(tagger, gmb, newsroom, typed_sentences().dev)
    save_tagger(tagger, ROOT / out)
    return tagger


def read_corpora() -> tuple[Corpus, Corpus]:
    """Read GMB and Newsroom in the split the app makes of an upload, so that Evaluate knows what was learned from."""
    return load_corpus(CORPORA / "gmb" / "ner_dataset.csv.xz"), load_corpus("newsroom")


def card(tagger: Tagger, gmb: Corpus, newsroom: Corpus, typed: Sequence[Sentence]) -> dict:
    """Measure the test parts and the slices, and say what the model is."""
    corpus = join(gmb, newsroom)
    on_gmb, on_newsroom = score(tagger, gmb.test, corpus.train), score(tagger, newsroom.test, corpus.train)
    on_test = {"GMB test": errors(tagger, gmb.test), "Newsroom test": errors(tagger, newsroom.test)}
    return {
        "name": "news",
        "data": DATA,
        "limits": LIMITS,
        "f1": on_gmb.f1,
        "scored_on": f"GMB test, {on_gmb.n_sentences:,} sentences",
        "trained_on": {"GMB": fingerprints(gmb), "Newsroom": fingerprints(newsroom)},
        "scores": {"GMB test": plain(on_gmb), "Newsroom test": plain(on_newsroom)},
        "slices": slices(tagger, gmb.dev, newsroom, typed, corpus.train),
        "by_label": counts(on_gmb),
        "calibration": tagger.card.get("calibration", {}) | {"test": on_test},
        "fingerprints": fingerprints(corpus),
    }


def slices(
    tagger: Tagger,
    gmb_dev: Sequence[Sentence],
    newsroom: Corpus,
    typed: Sequence[Sentence],
    train: tuple[Sentence, ...],
) -> dict[str, dict]:
    """Scores on GMB's dev part as it is and in other cases, on Newsroom by genre, and on sentences from held-out templates."""
    found = {"GMB dev": plain(score(tagger, gmb_dev, train))}
    for name, change in (("lower case", str.lower), ("capitals", str.upper), ("title case", title)):
        turned, known = ([change_case(s, change) for s in part] for part in (gmb_dev, train))
        found[f"GMB dev, {name}"] = plain(score(tagger, turned, known))
    genres: dict[str, list[Sentence]] = {}
    for sentence in newsroom.test:
        genres.setdefault(dict(sentence.meta)["genre"], []).append(sentence)
    found |= {f"Newsroom test, {genre}": plain(score(tagger, part, train)) for genre, part in genres.items()}
    return found | {"templates and names held out": plain(score(tagger, typed, train))}


def score(tagger: Tagger, sentences: Sequence[Sentence], train: Sequence[Sentence]) -> Report:
    return evaluate(predict(tagger, sentences, with_confidences=False), train=train)


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


def in_words(shares: dict[str, float]) -> str:
    """Shares by case, for people."""
    names = {"lower": "in lower case", "upper": "in capitals", "titled": "as a headline"}
    return ", ".join(f"{share:.0%} {names[case]}" for case, share in shares.items())


def page(c: Mapping) -> str:
    """The card as a page for people, from the same figures."""
    how = c["made"]
    lines = [
        "# Model card: news",
        "",
        f"Recipe `{c['recipe']}`, seed {c['seed']}, best of {how['training']['epochs']} epochs: {c['best_epoch']}, trained in "
        f"{c['training_seconds']:,} s. Made by `{how['command']}`; every setting stands in `model.json` under `made`.",
        *(["", how["note"]] if "note" in how else []),
        "",
        f"**Training.** Newsroom's train part was read {how['newsroom_times']} times an epoch, each template was filled {how['template_times']} times "
        f"(of its people, cities and firms {how['made_up']:.0%} are made up), and {how['replaced_share']:.0%} of GMB's sentences were read once more "
        f"with other names (Dai & Adel 2020). Copies in other cases (Mayhew et al. 2019): of GMB's sentences {in_words(how['gmb_cases'])}; of the "
        f"others {in_words(how['typed_cases'])}. {how['held_names']:.0%} of the names and {how['held_templates']:.0%} of the templates were held "
        f"out. {how['n_read']:,} sentences an epoch.",
        "",
        f"**Split.** Each corpus by itself: {c['split']}; no sentence stands on two sides.",
        "",
        "**Data.** " + "; ".join(c["data"]) + ".",
        "",
        f"**Limits.** {c['limits']}",
        "",
        "| part | sentences | precision | recall | F1 | recall, seen mentions | recall, unseen |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, s in {**c["scores"], **c["slices"]}.items():
        lines.append(
            f"| {name} | {s['sentences']:,} | {s['precision']:.1%} | {s['recall']:.1%} | {s['f1']:.1%} | {s['recall_seen']:.1%} | {s['recall_unseen']:.1%} |"
        )
    fit, dev = c["calibration"], "both dev parts, where it was fitted"
    lines += [
        "",
        f"**Calibration.** Tag scores are divided by a temperature of {fit['temperature']:.2f}, fitted on {fit['n_sentences']:,} sentences of both dev "
        f"parts; a name of which it is then less than {fit['threshold']:.0%} sure is not marked. Expected calibration error (15 bins of equally many "
        "names found, those left out counted too):",
        "",
        "| part | names found | before | after |",
        "|---|---:|---:|---:|",
    ]
    for name, found in {**fit["test"], dev: fit}.items():
        lines.append(f"| {name} | {found['n_spans']:,} | {found['error_before']:.1%} | {found['error_after']:.1%} |")
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
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--out", default="models/news")
    parser.add_argument("--recipe", default="bilstm-crf", help="the recipe whose network is trained")
    parser.add_argument("--keep-at", default="", help="a folder for the best tagger so far, after every epoch")
    parser.add_argument(
        "--measure", action="store_true", help="train nothing: measure what is there, and write its card anew"
    )
    given = parser.parse_args()
    if not (CORPORA / "gmb").exists():
        sys.exit(f"GMB is needed in {CORPORA}/gmb; set NER_LAB_CORPORA to the folder that holds gmb/.")
    if given.measure:
        tagger = measure(load_tagger(ROOT / given.out), given.out, *read_corpora())
    else:
        tagger = make(given.epochs, given.out, given.recipe, given.keep_at)
    (ROOT / given.out / "CARD.md").write_text(page(tagger.card), encoding="utf-8")


if __name__ == "__main__":
    main()
