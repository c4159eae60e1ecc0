"""What do the commands `corpus`, `convert` and `catalogue` do?

Chapter of part VI. They show what a file holds, write it in another form, and fetch public corpora; the work itself is that of
part I.

Source: none; they call `data.statistics`, `data.formats` and `data.catalogue`. Differs from the pages: a file is read whole, in its
own order, and no part is dealt.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ner_core.commands.terminal import BadInput, cache, listed, nothing, open_file, open_whole, print_json, say
from ner_core.records import Sentence

FORMS = ("conll", "jsonl", "csv", "spacy")

# --- corpus, convert --------------------------------------------------------------


def show_corpus(chosen: argparse.Namespace) -> int:
    """Print what was read from a file: counts, tags, lengths, and every repair."""
    from ner_core.data.statistics import corpus_counts

    facts = corpus_counts(open_whole(chosen.file, chosen.format))
    facts = {name: fact for name, fact in facts.items() if name not in ("split", "parts")}  # nothing was dealt
    if chosen.json:
        print_json(facts)
        return 0
    print(f"{facts['name']}: {facts['form']}")
    print(f"{facts['sentences']:,} sentences, {facts['tokens']:,} tokens, {facts['words']:,} different words")
    print(f"entities  {listed(facts['entities'])}")
    print(f"tags      {listed(facts['tags'])}")
    lengths = facts["lengths"]
    print(
        f"lengths   {lengths['min']} to {lengths['max']} tokens, mean {lengths['mean']:.1f}, half up to {lengths['median']:g}"
    )
    for note in facts["notes"]:
        print(f"note      {note}")
    return 0


def convert(chosen: argparse.Namespace) -> int:
    """Read one form, write another; the sentences keep the file's order, and the parts it names."""
    from ner_core.data.corpus import with_parts

    form = chosen.to or _form_of(chosen.output)
    if chosen.for_spreadsheets and form != "csv":
        raise BadInput(f"--for-spreadsheets is for csv alone. Received: {form}.")
    corpus = open_whole(chosen.file, getattr(chosen, "from"))
    content = write_form(with_parts(corpus), form, for_spreadsheets=chosen.for_spreadsheets)
    try:
        Path(chosen.output).write_bytes(content)
    except OSError as problem:
        raise BadInput(f"{chosen.output} cannot be written: {problem.strerror}.") from None
    say(f"{len(corpus.sentences):,} sentences written to {chosen.output} as {form}.")
    for note in corpus.notes:
        say(f"note: {note}")
    if chosen.json:
        print_json({"output": chosen.output, "form": form, "sentences": len(corpus.sentences), "bytes": len(content)})
    return 0


def _form_of(path: str) -> str:
    ending = Path(path).suffix.lower()
    forms = {".conll": "conll", ".txt": "conll", ".tsv": "conll", ".iob": "conll", ".jsonl": "jsonl", ".csv": "csv"}
    form = {**forms, ".spacy": "spacy"}.get(ending)
    if form is None:
        raise BadInput(f"The ending {ending!r} of {path} names no form; add --to with one of {', '.join(FORMS)}.")
    return form


def write_form(sentences: Sequence[Sentence], form: str, *, for_spreadsheets: bool = False) -> bytes:
    """The sentences as the bytes of a file; what the form cannot hold is refused with a reason."""
    from functools import partial

    from ner_core.data.formats.conll import write_conll
    from ner_core.data.formats.docbin import write_docbin
    from ner_core.data.formats.jsonl import write_jsonl
    from ner_core.data.formats.kaggle import write_long_csv

    write_csv = partial(write_long_csv, for_spreadsheets=for_spreadsheets)
    writers = {"conll": write_conll, "jsonl": write_jsonl, "csv": write_csv, "spacy": write_docbin}
    try:
        content = writers[form](sentences)
        return content if isinstance(content, bytes) else content.encode()
    except UnicodeEncodeError as problem:
        half = problem.object[problem.start : problem.end]
        raise BadInput(f"No file can hold half a character (a lone surrogate). Received: {half!r}.") from None
    except ValueError as problem:  # the form has no room for this word, label or span: it says which
        raise BadInput(str(problem)) from problem


# --- the catalogue of public corpora --------------------------------------------------


def show_catalogue(chosen: argparse.Namespace) -> int:
    """List the public corpora, or fetch one of them; nothing is fetched unless it is named."""
    from ner_core.data.catalogue import entries, find, in_words, missing

    if chosen.file and not chosen.name:
        raise BadInput("--file needs the name of a corpus: catalogue NAME --file FILE.")
    if chosen.name:
        return _take_by_hand(find(chosen.name), chosen) if chosen.file else _fetch(find(chosen.name), chosen)
    rows = [
        {
            **{name: getattr(entry, name) for name in ("name", "title", "about", "licence", "page", "labels")},
            "bytes": entry.n_bytes,
            "by_hand": entry.is_by_hand,
            "is_here": not missing(entry, cache()),
        }
        for entry in entries()
    ]
    if chosen.json:
        print_json({"corpora": rows})
        return 0
    for row in rows:
        state = "here" if row["is_here"] else "to be got by hand" if row["by_hand"] else "not fetched"
        print(f"{row['name']:<10}{in_words(row['bytes']):>8}  {state:<18}{row['licence']}")
        print(f"{'':<10}{row['about']}")
        print(f"{'':<10}{row['page']}")
    return 0


def _fetch(entry, chosen: argparse.Namespace) -> int:
    from ner_core.data.catalogue import fetch, in_words

    is_seen, last = sys.stderr.isatty(), -1
    for step in fetch(entry, cache()):
        tenth = step.done * 10 // step.total
        if is_seen or tenth != last:
            told = f"{step.done * 100 // step.total:>3} % of {in_words(step.total)}  {step.file}"
            print(f"\r{told:<70}" if is_seen else told, end="" if is_seen else "\n", file=sys.stderr, flush=True)
        last = tenth
    if is_seen:
        print(file=sys.stderr)
    return _tell_it_is_here(entry, chosen)


def _take_by_hand(entry, chosen: argparse.Namespace) -> int:
    from ner_core.data.catalogue import missing, take

    with open_file(chosen.file) as file:
        taken = take(file.read(), cache())
    if taken is None or taken[0] != entry:
        raise BadInput(
            f"{chosen.file} is not a file that the catalogue knows as {entry.title}. It can be used all the same: "
            "give its path in place of a name; but figures quoted for this corpus do not hold for it."
        )
    say(f"This is the known file {taken[1].name}.")
    lacking = ", ".join(file.name for file in missing(entry, cache()))
    return nothing(f"Still missing: {lacking}.") if lacking else _tell_it_is_here(entry, chosen)


def _tell_it_is_here(entry, chosen: argparse.Namespace) -> int:
    say(f"{entry.title} is here ({cache() / entry.name}). Use it by its name: --corpus {entry.name}")
    if chosen.json:
        print_json({"name": entry.name, "folder": str(cache() / entry.name), "bytes": entry.n_bytes})
    return 0
