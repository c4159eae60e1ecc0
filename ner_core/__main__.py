"""The book from a terminal: `python -m ner_core COMMAND`.

The same functions as the pages use, for scripts and for measuring. Results go to stdout, messages
to stderr; exit code 0 = done, 1 = the work failed, 2 = bad arguments or bad input, said in one line.
Each command imports only the chapters it needs, so that all but `train` run without TensorFlow. What they do stands in
`commands`; here are their names and options.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from ner_core.commands.corpora import FORMS, convert, show_catalogue, show_corpus
from ner_core.commands.taggers import evaluate, show_models, tag
from ner_core.commands.terminal import say
from ner_core.commands.trainings import show_recipes, show_runs, train
from ner_core.records import InputError
from ner_core.training.sweep import add_command as add_sweep


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        say(f"{message} (see: {self.prog} --help)")
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
        say("Broken off.")
        return 1
    except InputError as problem:
        say(str(problem))
        return 2
    except Exception as problem:
        from ner_core.training.worker import explain

        say(explain(problem))
        return 1


if __name__ == "__main__":
    sys.exit(main())
