"""The book from a terminal: `python -m ner_core COMMAND`.

The same functions as the pages use, for scripts and for measuring. Results go to stdout, messages
to stderr; exit code 0 = done, 1 = the work failed, 2 = bad arguments or bad input, said in one line.
Each command imports only the chapters it needs, so that all but `train` run without TensorFlow.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from ner_core.records import Corpus, Counts, EpochDone, Event, InputError, Report, RunEnded, Sentence, SplitConfig
from ner_core.training.sweep import add_command as add_sweep

FORMS = ("conll", "jsonl", "csv", "spacy")
_LINES_A_PIECE = 2048  # texts a worker of a cluster tags before it is given more
_LINES_AT_ONCE = 256  # texts tagged together: bounds memory on endless input


class BadInput(InputError):
    """Something the person gave cannot be used: exit code 2."""


# --- corpus, convert --------------------------------------------------------------


def show_corpus(chosen: argparse.Namespace) -> int:
    """Print what was read from a file: counts, tags, lengths, and every repair."""
    from ner_core.data.statistics import corpus_counts

    facts = corpus_counts(_read_whole(chosen.file, chosen.format))
    facts = {name: fact for name, fact in facts.items() if name not in ("split", "parts")}  # nothing was dealt
    if chosen.json:
        _print_json(facts)
        return 0
    print(f"{facts['name']}: {facts['form']}")
    print(f"{facts['sentences']:,} sentences, {facts['tokens']:,} tokens, {facts['words']:,} different words")
    print(f"entities  {_listed(facts['entities'])}")
    print(f"tags      {_listed(facts['tags'])}")
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
    corpus = _read_whole(chosen.file, getattr(chosen, "from"))
    content = write_form(with_parts(corpus), form, for_spreadsheets=chosen.for_spreadsheets)
    try:
        Path(chosen.output).write_bytes(content)
    except OSError as problem:
        raise BadInput(f"{chosen.output} cannot be written: {problem.strerror}.") from None
    _say(f"{len(corpus.sentences):,} sentences written to {chosen.output} as {form}.")
    for note in corpus.notes:
        _say(f"note: {note}")
    if chosen.json:
        _print_json({"output": chosen.output, "form": form, "sentences": len(corpus.sentences), "bytes": len(content)})
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
            "is_here": not missing(entry, _cache()),
        }
        for entry in entries()
    ]
    if chosen.json:
        _print_json({"corpora": rows})
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
    for step in fetch(entry, _cache()):
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

    with _open(chosen.file) as file:
        taken = take(file.read(), _cache())
    if taken is None or taken[0] != entry:
        raise BadInput(
            f"{chosen.file} is not a file that the catalogue knows as {entry.title}. It can be used all the same: "
            "give its path in place of a name; but figures quoted for this corpus do not hold for it."
        )
    _say(f"This is the known file {taken[1].name}.")
    lacking = ", ".join(file.name for file in missing(entry, _cache()))
    return _nothing(f"Still missing: {lacking}.") if lacking else _tell_it_is_here(entry, chosen)


def _tell_it_is_here(entry, chosen: argparse.Namespace) -> int:
    _say(f"{entry.title} is here ({_cache() / entry.name}). Use it by its name: --corpus {entry.name}")
    if chosen.json:
        _print_json({"name": entry.name, "folder": str(_cache() / entry.name), "bytes": entry.n_bytes})
    return 0


# --- recipes, train -----------------------------------------------------------------


def show_recipes(chosen: argparse.Namespace) -> int:
    """Print every recipe: name, source, published or mended, layers."""
    from ner_core.tagger.recipes import RECIPES

    rows = [
        {
            "name": each.name,
            "title": each.title,
            "source": each.source,
            "is_published": each.is_published,
            "form": "published" if each.is_published else "mended",
            "layers": [f"{layer.kind} {layer.width}" if layer.width else layer.kind for layer in each.network.layers],
        }
        for each in RECIPES.values()
    ]
    if chosen.json:
        _print_json({"recipes": rows})
        return 0
    for row in rows:
        print(f"{row['name']:<22}{row['form']:<11}{' · '.join(row['layers'])}")
        print(f"{'':<22}{row['source']}")
    return 0


def train(chosen: argparse.Namespace) -> int:
    """Train a recipe on a corpus and store the best tagger in `--out`; Ctrl-C keeps the best so far."""
    from ner_core.tagger.recipes import deal, new_tagger, recipe, resize, suited
    from ner_core.training.tensorboard import repeat
    from ner_core.training.worker import keep_best, stop_on_signal

    base = recipe(chosen.recipe, published=chosen.published)
    out = _checked_out(chosen.out)
    corpus = _read_corpus(chosen.corpus, None, dev=chosen.dev, test=chosen.test)
    corpus = deal(corpus, base)
    base = suited(base, corpus)
    if chosen.rare_times:
        base = resize(base, rare_times=chosen.rare_times)
    asked = {"epochs": chosen.epochs, "seconds": chosen.seconds, "seed": chosen.seed}
    config = replace(base.training, **{name: value for name, value in asked.items() if value is not None})
    _say(f"{base.name} ({'published' if chosen.published else 'mended'}) on {corpus.name}: loading TensorFlow …")
    with _without_chatter():
        from ner_core.training.train import train as train_tagger

    tagger = new_tagger(corpus, base)
    with stop_on_signal() as is_told:
        events = train_tagger(tagger, corpus, config, control=lambda: "stop" if is_told() else None)
        events = repeat(events, out) if chosen.tensorboard else events
        ended = _follow(keep_best(events, tagger, out, corpus=corpus, training=config), as_json=chosen.json)
    if ended.reason in ("failed", "diverged"):
        _say(ended.message)
        return 1
    _say(f"{ended.message} Stored in {out}." if tagger.is_trained else ended.message)
    return 0


@contextlib.contextmanager
def _without_chatter() -> Iterator[None]:
    """Keep what TensorFlow says of itself while it is imported away from stderr."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _follow(events: Iterator[Event], *, as_json: bool) -> RunEnded:
    """Print the events, one a line; return the last."""
    from ner_core.training.runs import event_to_dict

    event: Event = RunEnded("failed", 0, 0, 0.0, "The training ended without saying why.")
    for event in events:
        if as_json:
            _print_json(event_to_dict(event))
        elif isinstance(event, EpochDone):
            dev, mark = event.dev, " *" if event.is_best else ""
            print(
                f"epoch {event.epoch:>3}  {event.seconds:7.1f} s  loss {event.train_loss:.4f}  dev loss {event.dev_loss:.4f}"
                f"  entity precision {dev.precision:.1%} recall {dev.recall:.1%} F1 {dev.f1:.1%}{mark}",
                flush=True,
            )
    return event


def _checked_out(folder: str) -> Path:
    """Refuse before training what could not be written after it."""
    out = Path(folder)
    if out.exists() and not out.is_dir():
        raise BadInput(f"--out must name a folder; {folder} is a file.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise BadInput(f"--out {folder} cannot be made: {problem.strerror}.") from None
    if (out / "MANIFEST.json").exists():
        _say(f"{folder} holds a tagger already: the best epoch of this training takes its place.")
    return out


# --- evaluate, tag ---------------------------------------------------------------------


def evaluate(chosen: argparse.Namespace) -> int:
    """Score a stored tagger on a part of a corpus; print the whole report."""
    from ner_core.scores.honesty import honesty
    from ner_core.scores.report import evaluate as score
    from ner_core.tagger.predict import predict
    from ner_core.tagger.recipes import deal, recipe
    from ner_core.tagger.store import load_tagger

    tagger = load_tagger(chosen.model)
    corpus = _read_corpus(chosen.corpus, None)
    if tagger.card.get("is_published"):  # the parts it was trained on and kept from
        corpus = deal(corpus, recipe(str(tagger.card.get("recipe")), published=True))
    sentences = corpus.part(chosen.part)
    if not sentences:
        raise BadInput(f"The part {chosen.part} of {corpus.name} has no sentence. Choose another --part.")
    _say(honesty(tagger.card, corpus, chosen.part))
    pad_to = tagger.encoder.max_length or max(map(len, corpus.sentences))
    report = score(predict(tagger, sentences, with_confidences=False), train=corpus.train, pad_to=pad_to)
    facts = {"model": chosen.model, "corpus": corpus.name, "part": chosen.part, **report_facts(report)}
    if chosen.json:
        _print_json(facts)
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
    print(f"errors: {_listed(facts['errors'])}")


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
        _write_out(export.to_jsonl(predictions).encode())


def _tag_all(tagger, lines: Iterable[str], form: str) -> None:
    from ner_core.show import export

    predictions = [found for some in _predictions(tagger, lines) for found in some]
    if form == "spacy":
        _write_out(export.to_docbin(predictions))
        return
    writers = {"conll": export.to_conll, "csv": export.to_csv, "html": export.html_page}
    _write_out(writers[form](predictions).encode("utf-8", "replace"))


def _lines(path: str) -> Iterator[str]:
    """The lines of a file or of standard input (`-`), without their ends; UTF-8."""
    file = sys.stdin.buffer if path == "-" else _open(path)
    with file:
        for number, line in enumerate(file, 1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError:
                raise BadInput(f"Line {number} of {path} is not UTF-8. Save the text as UTF-8 and try again.") from None


def _open(path: str):
    try:
        return Path(path).open("rb")
    except OSError as problem:
        raise BadInput(f"{path} cannot be read: {problem.strerror}.") from None


def _bunches(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    bunch: list[str] = []
    for line in lines:
        bunch.append(line)
        if len(bunch) == size:
            yield bunch
            bunch = []
    if bunch:
        yield bunch


# --- runs, models ------------------------------------------------------------------------


def show_runs(chosen: argparse.Namespace) -> int:
    """Print the stored runs and their states, newest first; or resume one, pause it, or let it go on."""
    if chosen.resume:
        return resume(chosen.resume)
    if chosen.pause or chosen.go_on:
        from ner_core.training import jobs

        jobs.pause_run(chosen.pause) if chosen.pause else jobs.continue_run(chosen.go_on)
        return 0
    from ner_core.tagger.store import list_models
    from ner_core.training.runs import list_runs, model_roots

    scores = {info.folder.parent.name: info.f1 for info in list_models(model_roots()[-1])}
    rows = [
        {
            "id": run.id,
            "name": run.name,
            "state": run.state,
            "recipe": run.config.recipe,
            "is_published": run.config.is_published,
            "corpus": run.config.corpus_name,
            "f1": scores.get(run.id),
            "model": run.best and str(run.best),
        }
        for run in list_runs()
    ]
    if chosen.json:
        _print_json({"runs": rows})
        return 0
    for row in rows:
        print(f"{row['id']}  {row['state']:<12}{_percent(row['f1']):>7}  {row['name']}")
    return 0 if rows else _nothing("No run is stored. Start one on the page Train.")


def resume(run_id: str) -> int:
    """Go on with a run that was broken off, here and now; Ctrl-C stops it again, and nothing is lost."""
    from ner_core.training.runs import RESUMABLE_STATES, read_events, read_run
    from ner_core.training.worker import run_folder

    run = read_run(run_id)
    if (state := run.state) not in RESUMABLE_STATES:
        raise BadInput(f"The run {run.id} is {state}. Only one that is {', '.join(RESUMABLE_STATES)} can be resumed.")
    for told in ("stop", "pause"):
        (run.folder / told).unlink(missing_ok=True)
    (run.folder / "resume").touch()
    _say(f"{run.name}: loading TensorFlow …")
    with _without_chatter():
        reason = run_folder(run.folder)
    if reason == "busy":
        raise BadInput(f"Another process has just taken up the run {run.id}.")
    _say(read_events(run.folder)[0][-1].message)
    return 1 if reason in ("failed", "diverged") else 0


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
        _say(f"{info.folder}: {info.problem}")
    if chosen.json:
        _print_json({"models": rows, "broken": [{"folder": str(i.folder), "problem": i.problem} for i in broken]})
        return 0
    for row in rows:
        print(f"{row['name']:<32}{row['recipe']:<22}{_percent(row['f1']):>7}  {row['folder']}")
    return 0 if rows else _nothing("No model is stored. Train one with: python -m ner_core train --help")


# --- what the commands share ----------------------------------------------------------------


def _read_corpus(source: str, form: str | None, **parts: str | None) -> Corpus:
    given = {name: path for name, path in parts.items() if path}
    for path in given.values():
        if path != "newsroom" and not Path(path).is_file():
            raise BadInput(f"There is no file {path}. Give a file, or newsroom for the corpus that ships.")
    return _load(source, form, **given)


def _read_whole(source: str, form: str | None) -> Corpus:
    """Read a file without dealing its sentences to parts, so that their order stays."""
    return _load(source, form, split=SplitConfig(test=0.0, dev=0.0))


def _load(source: str, form: str | None, **options) -> Corpus:
    """Read a file, the corpus that ships, or one of the catalogue that was fetched."""
    from ner_core.data.catalogue import is_entry, load_fetched
    from ner_core.data.corpus import load_corpus

    if source == "newsroom" or Path(source).is_file():
        return load_corpus(source, format=form, **options)
    if is_entry(source):
        return load_fetched(source, _cache(), **options, **({"format": form} if form else {}))
    raise BadInput(
        f"There is no file {source}. Give a file, newsroom for the corpus that ships, or a name that "
        "python -m ner_core catalogue lists."
    )


def _cache() -> Path:
    from ner_core.training.runs import home

    return home() / "corpora"


def _print_json(value: dict) -> None:
    print(json.dumps(value, ensure_ascii=True), flush=True)


def _write_out(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _say(message: str) -> None:
    print(" ".join(message.split()), file=sys.stderr, flush=True)


def _nothing(message: str) -> int:
    _say(message)
    return 0


def _listed(counts: dict) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def _percent(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.1%}"


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        _say(f"{message} (see: {self.prog} --help)")
        sys.exit(2)


def _positive(kind: type):
    def read(text: str):
        value = kind(text)
        if not 0 < value < 1e9:
            raise ValueError
        return value

    read.__name__ = "positive number"
    return read


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**32:
        raise ValueError
    return value


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    parser = _Parser(prog="python -m ner_core", description="Named Entity Recognition: read, train, measure, tag.")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON (train: one event a line)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)

    def add(name: str, work, words: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, parents=[shared], help=words, description=work.__doc__)
        command.set_defaults(work=work)
        return command

    command = add("corpus", show_corpus, "what a file holds")
    command.add_argument("file", metavar="FILE", help="a corpus file, or newsroom for the one that ships")
    command.add_argument(
        "--format", help="kaggle, rows, conll, json, spacy or plain, where looking at the file is not enough"
    )
    command = add("convert", convert, "write a corpus in another form")
    command.add_argument("file", metavar="IN")
    command.add_argument("output", metavar="OUT")
    command.add_argument("--from", help="the form of IN, where looking at it is not enough")
    command.add_argument("--to", choices=FORMS, help="the form of OUT, where its ending does not say it")
    command.add_argument(
        "--for-spreadsheets", action="store_true", help="csv: put ' before cells that a spreadsheet would run"
    )
    command = add("catalogue", show_catalogue, "public corpora: list them, or fetch one")
    command.add_argument("name", metavar="NAME", nargs="?", help="the corpus to fetch; without one they are listed")
    command.add_argument("--file", metavar="FILE", help="take this file, got by hand, zipped or not")
    add("recipes", show_recipes, "the networks that can be trained")
    _add_train(add("train", train, "train a tagger and store the best"))
    command = add("evaluate", evaluate, "score a stored tagger")
    command.add_argument("model", metavar="MODEL", help="the folder of a stored tagger")
    command.add_argument("--corpus", required=True, help="a corpus file, newsroom, or a fetched one of the catalogue")
    command.add_argument("--part", choices=("train", "dev", "test", "all"), default="test")
    command = add("tag", tag, "find entities in texts, one a line")
    command.add_argument("model", metavar="MODEL", help="the folder of a stored tagger")
    command.add_argument("file", metavar="FILE", nargs="?", default="-", help="a text file, or - for standard input")
    command.add_argument("--to", choices=("jsonl", "conll", "csv", "html", "spacy"), default="jsonl")
    command = add("runs", show_runs, "stored runs and their states")
    command.add_argument("--resume", metavar="RUN", help="go on with this run, by its id, from its last checkpoint")
    command.add_argument("--pause", metavar="RUN", help="let a run that goes on wait after its current step")
    command.add_argument("--continue", metavar="RUN", dest="go_on", help="let a paused run go on")
    add("models", show_models, "stored taggers")
    add_sweep(add, _positive)
    return parser


def _add_train(command: argparse.ArgumentParser) -> None:
    command.add_argument("--corpus", required=True, help="a corpus file, newsroom, or a fetched one of the catalogue")
    command.add_argument("--recipe", default="bilstm-crf", help="its name, see: recipes (default: %(default)s)")
    command.add_argument("--out", required=True, metavar="FOLDER", help="where the tagger is stored")
    command.add_argument("--dev", metavar="FILE", help="a dev part of its own")
    command.add_argument("--test", metavar="FILE", help="a test part of its own")
    command.add_argument("--epochs", type=_positive(int), metavar="N")
    command.add_argument(
        "--seconds", type=_positive(float), metavar="S", help="training time at most, then the best is kept"
    )
    command.add_argument("--seed", type=_seed, metavar="N", help="a whole number from 0 to 4,294,967,295")
    command.add_argument(
        "--rare-times", type=_positive(int), metavar="N", help="read rare labels up to N times an epoch"
    )
    command.add_argument("--published", action="store_true", help="as the tutorial has it, mistakes included")
    command.add_argument("--tensorboard", action="store_true", help="also write the curves into FOLDER/tensorboard")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: one sentence's products are small
    parser = build_parser()
    chosen = parser.parse_args(arguments)
    if not hasattr(chosen, "work"):
        parser.print_help()
        return 0
    try:
        return chosen.work(chosen)
    except BrokenPipeError:  # `| head` has read enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123
        return 0
    except KeyboardInterrupt:
        _say("Broken off.")
        return 1
    except InputError as problem:
        _say(str(problem))
        return 2
    except Exception as problem:
        from ner_core.training.worker import explain

        _say(explain(problem))
        return 1


if __name__ == "__main__":
    sys.exit(main())
