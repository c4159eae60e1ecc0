"""What do the commands `evaluate`, `tag` and `models` do?

Chapter of part VI. They score a stored tagger on a part of a corpus, tag texts as they come in, and list what is stored, all
without TensorFlow.

Source: none; they call `scores.report`, `tagger.predict` and `show.export`. Differs from the pages: input may be endless, so that
texts are tagged some at a time, and written as soon as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator

from ner_core.commands.terminal import (
    BadInput,
    listed,
    nothing,
    open_corpus,
    open_file,
    percent_or_dash,
    print_json,
    say,
    write_out,
)
from ner_core.records import Counts, Report

_LINES_A_PIECE = 2048  # texts a worker of a cluster tags before it is given more
_LINES_AT_ONCE = 256  # texts tagged together: bounds memory on endless input

# --- evaluate, tag ---------------------------------------------------------------------


def evaluate(chosen: argparse.Namespace) -> int:
    """Score a stored tagger on a part of a corpus; print the whole report."""
    from ner_core.scores.honesty import honesty
    from ner_core.scores.report import evaluate as score
    from ner_core.tagger.predict import predict
    from ner_core.tagger.recipes import deal, recipe
    from ner_core.tagger.store import load_tagger

    tagger = load_tagger(chosen.model)
    corpus = open_corpus(chosen.corpus, None)
    if tagger.card.get("is_published"):  # the parts it was trained on and kept from
        corpus = deal(corpus, recipe(str(tagger.card.get("recipe")), published=True))
    sentences = corpus.part(chosen.part)
    if not sentences:
        raise BadInput(f"The part {chosen.part} of {corpus.name} has no sentence. Choose another --part.")
    say(honesty(tagger.card, corpus, chosen.part))
    pad_to = tagger.encoder.max_length or max(map(len, corpus.sentences))
    report = score(predict(tagger, sentences, with_confidences=False), train=corpus.train, pad_to=pad_to)
    facts = {"model": chosen.model, "corpus": corpus.name, "part": chosen.part, **report_facts(report)}
    if chosen.json:
        print_json(facts)
    else:
        _print_report(facts)
    return 0


def report_facts(report: Report) -> dict:
    """The whole report as JSON, the ratios beside the counts they follow from.

    >>> report_facts(Report(Counts(8, 2, 8), {"per": Counts(8, 2, 8)}))["overall"]["recall"]
    0.5
    """
    from ner_core.scores.report import report_to_dict

    facts = report_to_dict(report)
    for name in ("overall", "seen", "unseen"):
        facts[name] = facts[name] and _with_ratios(facts[name])
    facts["by_label"] = {label: _with_ratios(counts) for label, counts in facts["by_label"].items()}
    facts |= {name: getattr(report, name) for name in ("macro_f1", "token_accuracy", "padded_accuracy")}
    return facts | {"sentences": facts.pop("n_sentences"), "tokens": facts.pop("n_tokens")}


def _with_ratios(stored: dict) -> dict:
    counts = Counts(**stored)
    return {"precision": counts.precision, "recall": counts.recall, "f1": counts.f1, **stored}


def _print_report(facts: dict) -> None:
    print(f"{facts['model']} on {facts['corpus']}, {facts['part']}: {facts['sentences']:,} sentences")
    print(f"{'':<14}precision  recall      F1    gold")
    for name, counts in [("all", facts["overall"]), *facts["by_label"].items()]:
        ratios = f"{counts['precision']:9.1%} {counts['recall']:7.1%} {counts['f1']:7.1%}"
        print(f"{name:<14}{ratios} {counts['tp'] + counts['fn']:7,}")
    print(f"token accuracy {facts['token_accuracy']:.2%}, with padding {facts['padded_accuracy']:.2%}")
    print(f"errors: {listed(facts['errors'])}")


def tag(chosen: argparse.Namespace) -> int:
    """Tag one text a line and write one prediction a text."""
    from ner_core.tagger.store import load_tagger

    tagger = load_tagger(chosen.model)
    form = "jsonl" if chosen.json else chosen.to
    if form == "spacy" and sys.stdout.isatty():
        raise BadInput("spaCy's DocBin is no text: send it to a file with > file.spacy.")
    lines = _lines(chosen.file)
    if form == "jsonl":
        _tag_as_they_come(tagger, lines)
    else:
        _tag_all(tagger, lines, form)
    return 0


def _predictions(tagger, lines: Iterable[str]) -> Iterator[list]:
    """The predictions in the order of the lines, some at a time; a cluster's workers tag pieces of them side by side."""
    from ner_core.tagger.predict import predict
    from ner_core.training import cluster
    from ner_core.training.machine import available_cores

    if cluster.scheduler():
        return cluster.tag_pieces(tagger, _bunches(lines, _LINES_A_PIECE))
    return (predict(tagger, texts, threads=available_cores()) for texts in _bunches(lines, _LINES_AT_ONCE))


def _tag_as_they_come(tagger, lines: Iterable[str]) -> None:
    from ner_core.show import export

    for predictions in _predictions(tagger, lines):
        write_out(export.to_jsonl(predictions).encode())


def _tag_all(tagger, lines: Iterable[str], form: str) -> None:
    from ner_core.show import export

    predictions = [found for some in _predictions(tagger, lines) for found in some]
    if form == "spacy":
        write_out(export.to_docbin(predictions))
        return
    writers = {"conll": export.to_conll, "csv": export.to_csv, "html": export.html_page}
    write_out(writers[form](predictions).encode("utf-8", "replace"))


def _lines(path: str) -> Iterator[str]:
    """The lines of a file or of standard input (`-`), without their ends; UTF-8."""
    file = sys.stdin.buffer if path == "-" else open_file(path)
    with file:
        for number, line in enumerate(file, 1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError:
                raise BadInput(f"Line {number} of {path} is not UTF-8. Save the text as UTF-8 and try again.") from None


def _bunches(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    bunch: list[str] = []
    for line in lines:
        bunch.append(line)
        if len(bunch) == size:
            yield bunch
            bunch = []
    if bunch:
        yield bunch


# --- models ----------------------------------------------------------------------------------


def show_models(chosen: argparse.Namespace) -> int:
    """Print the stored taggers; those that cannot be opened are named on stderr with the reason."""
    from ner_core.tagger.store import broken_models, list_models
    from ner_core.training.runs import model_roots

    roots = model_roots()
    rows = [
        {
            "folder": str(info.folder),
            "name": info.name,
            "recipe": info.recipe,
            "is_published": info.is_published,
            "corpus": info.corpus,
            "f1": info.f1,
        }
        for root in roots
        for info in list_models(root)
    ]
    broken = [info for root in roots for info in broken_models(root)]
    for info in broken:
        say(f"{info.folder}: {info.problem}")
    if chosen.json:
        print_json({"models": rows, "broken": [{"folder": str(i.folder), "problem": i.problem} for i in broken]})
        return 0
    for row in rows:
        print(f"{row['name']:<32}{row['recipe']:<22}{percent_or_dash(row['f1']):>7}  {row['folder']}")
    return 0 if rows else nothing("No model is stored. Train one with: python -m ner_core train --help")
