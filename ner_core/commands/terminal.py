"""How does a command read what it was given, and tell what it found?

Chapter of part VI. Results go to stdout, messages to stderr, each in one line; what cannot be used is a BadInput that says
what, where and how to mend it. The commands of the chapters after this one share these few functions.

Source: the conventions of POSIX utilities (results and messages apart, exit codes). Differs from them: `--json` gives every
result as JSON too.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ner_core.records import Corpus, InputError, SplitConfig


class BadInput(InputError):
    """Something the person gave cannot be used: exit code 2."""


# --- what is read -----------------------------------------------------------------------------


def open_corpus(source: str, form: str | None, **parts: str | None) -> Corpus:
    """Read a corpus; `parts` are dev and test parts of their own, each a file. Raises BadInput."""
    given = {name: path for name, path in parts.items() if path}
    for path in given.values():
        if path != "newsroom" and not Path(path).is_file():
            raise BadInput(f"There is no file {path}. Give a file, or newsroom for the corpus that ships.")
    return _load(source, form, **given)


def open_whole(source: str, form: str | None) -> Corpus:
    """Read a file without dealing its sentences to parts, so that their order stays."""
    return _load(source, form, split=SplitConfig(test=0.0, dev=0.0))


def _load(source: str, form: str | None, **options) -> Corpus:
    """Read a file, the corpus that ships, or one of the catalogue that was fetched."""
    from ner_core.data.catalogue import is_entry, load_fetched
    from ner_core.data.corpus import load_corpus

    if source == "newsroom" or Path(source).is_file():
        return load_corpus(source, format=form, **options)
    if is_entry(source):
        return load_fetched(source, cache(), **options, **({"format": form} if form else {}))
    raise BadInput(
        f"There is no file {source}. Give a file, newsroom for the corpus that ships, or a name that "
        "python -m ner_core catalogue lists."
    )


def open_file(path: str):
    """Open a file to read its bytes. Raises BadInput."""
    try:
        return Path(path).open("rb")
    except OSError as problem:
        raise BadInput(f"{path} cannot be read: {problem.strerror}.") from None


def cache() -> Path:
    """The folder of the corpora that were fetched."""
    from ner_core.training.runs import home

    return home() / "corpora"


# --- what is told -----------------------------------------------------------------------------


def print_json(value: dict) -> None:
    """Print one JSON object on a line of its own, in ASCII, for any terminal and any program."""
    print(json.dumps(value, ensure_ascii=True), flush=True)


def write_out(data: bytes) -> None:
    """Write bytes as they are to stdout."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def say(message: str) -> None:
    """Tell the person a message: one line on stderr."""
    print(" ".join(message.split()), file=sys.stderr, flush=True)


def nothing(message: str) -> int:
    """Say that there is nothing to list; that is no failure."""
    say(message)
    return 0


def listed(counts: dict) -> str:
    """Return names and counts in a line.

    >>> listed({"per": 1200, "geo": 3}), listed({})
    ('per 1,200, geo 3', 'none')
    """
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def percent_or_dash(ratio: float | None) -> str:
    """Return a ratio in %, or a dash where there is none."""
    return "–" if ratio is None else f"{ratio:.1%}"
