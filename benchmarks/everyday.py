"""How good is the model that ships on what people type? And a spaCy pipeline that learned from the same news?

    python -m benchmarks.everyday [--model models/news] [--spacy FOLDER] [--seconds 300] [--only ours]

Scores both on `benchmarks/everyday.jsonl`: 300 typed texts that no model, setting or list was chosen by. Texts are given raw,
so that each system cuts its own words; a mention counts if its characters and its label are exactly right. spaCy is its
efficiency configuration, trained on GMB's train part for up to `--seconds` (`benchmarks.others`), or read from `--spacy`.
Writes `docs/everyday.md`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.tutorials import ROOT, load_gmb
from ner_core.records import GMB_LABELS, Counts
from ner_core.tagger.predict import predict
from ner_core.tagger.store import load_tagger

TEXTS = ROOT / "benchmarks" / "everyday.jsonl"
Mention = tuple[int, int, str]  # first character, the one behind the last, label
Answer = set[Mention]


def read_texts(path: Path = TEXTS) -> list[dict]:
    """The texts, each with `id`, `kind`, `text` and `spans`."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def gold_of(text: Mapping) -> Answer:
    return {(span["start"], span["end"], span["label"]) for span in text["spans"]}


def count(gold: Answer, found: Answer) -> Counts:
    """Strict counts of one text.

    >>> count({(0, 3, "per")}, {(0, 3, "per"), (4, 6, "geo")})
    Counts(tp=1, fp=1, fn=0)
    """
    return Counts(len(gold & found), len(found - gold), len(gold - found))


def counts_by(texts: Sequence[Mapping], answers: Sequence[Answer]) -> dict[str, dict[str, Counts]]:
    """Counts of all texts, by kind of text and by label."""
    by_kind: dict[str, Counts] = {}
    by_label = dict.fromkeys(GMB_LABELS, Counts())
    for text, found in zip(texts, answers, strict=True):
        gold = gold_of(text)
        by_kind[text["kind"]] = by_kind.get(text["kind"], Counts()) + count(gold, found)
        for label in GMB_LABELS:
            by_label[label] += count(*({m for m in part if m[2] == label} for part in (gold, found)))
    return {"kind": by_kind, "label": by_label}


# --- the two systems ------------------------------------------------------------------


def ask_ours(folder: Path, texts: Sequence[str]) -> list[Answer]:
    predictions = predict(load_tagger(folder), texts, with_confidences=False)
    return [
        {(prediction.tokens[s.start].start, prediction.tokens[s.end - 1].end, s.label) for s in prediction.spans}
        for prediction in predictions
    ]


def ask_spacy(folder: Path, texts: Sequence[str]) -> list[Answer]:
    import spacy

    nlp = spacy.load(folder)
    return [{(e.start_char, e.end_char, e.label_) for e in doc.ents} for doc in nlp.pipe(texts)]


def train_spacy(seconds: float, folder: Path) -> Path:
    """Train spaCy on GMB's train part; return the folder of its pipeline."""
    from benchmarks.others import train_spacy_on

    train_spacy_on(load_gmb(), seconds, 1, folder, time.perf_counter())
    return folder / "spacy"


# --- the report ------------------------------------------------------------------------


def total(counts: Mapping[str, Counts]) -> Counts:
    return sum(counts.values(), Counts())


def table(head: str, systems: Mapping[str, dict], by: str) -> list[str]:
    """F1 by kind or by label, a column a system."""
    names = list(systems)
    lines = [f"| {head} | mentions | {' | '.join(names)} |", "|---|---:|" + "---:|" * len(names)]
    first = systems[names[0]][by]
    for row in first:
        cells = " | ".join(f"{systems[name][by][row].f1:.3f}" for name in names)
        lines.append(f"| {row} | {first[row].n_gold} | {cells} |")
    cells = " | ".join(f"**{total(systems[name][by]).f1:.3f}**" for name in names)
    return [*lines, f"| **all** | {total(first).n_gold} | {cells} |"]


def write_report(systems: Mapping[str, dict], n_texts: int) -> str:
    """The page `docs/everyday.md`; our model is the first of the systems."""
    name = next(iter(systems))
    ours = total(systems[name]["kind"])
    return "\n".join(
        [
            "# What people type: 300 everyday texts",
            "",
            "Written by `python -m benchmarks.everyday`; no figure is typed by hand. The texts (`benchmarks/everyday.md`) were used for this page "
            "and for nothing else: no model, no setting and no list of names was chosen by them.",
            "",
            f"{n_texts} raw texts, strict entity F1: a mention counts if its characters and its label are exactly right. `{name}`: precision "
            f"{ours.precision:.3f}, recall {ours.recall:.3f}. spaCy: efficiency configuration, trained on GMB's train part.",
            "",
            "## By kind of text",
            "",
            *table("kind", systems, "kind"),
            "",
            "## By label",
            "",
            *table("label", systems, "label"),
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="models/news")
    parser.add_argument("--spacy", help="a trained spaCy pipeline; without it one is trained")
    parser.add_argument("--seconds", type=float, default=300, help="how long spaCy is trained")
    parser.add_argument("--only", choices=("ours",), help="leave spaCy out and print instead of writing")
    given = parser.parse_args()
    texts = read_texts()
    raw = [text["text"] for text in texts]
    askers: dict[str, Callable[[], list[Answer]]] = {given.model: lambda: ask_ours(ROOT / given.model, raw)}
    with tempfile.TemporaryDirectory() as scratch:
        if not given.only:
            folder = Path(given.spacy) if given.spacy else train_spacy(given.seconds, Path(scratch))
            askers["spaCy on GMB"] = lambda: ask_spacy(folder, raw)
        page = write_report({name: counts_by(texts, ask()) for name, ask in askers.items()}, len(texts))
    if given.only:
        print(page)
    else:
        (ROOT / "docs" / "everyday.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
