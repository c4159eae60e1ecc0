"""Public corpora: what each is for, under which licence, and where it is.

Chapter of part I. It answers: *which corpora can anybody get, and which of them are here?*

Source: the catalogue is one file, `ner_core/corpora/catalogue.json`; sizes and SHA-256 are of the files as their
owners publish them.

Differs from a list of links: every file is known by its SHA-256, so that what comes is what was meant, wherever it
comes from. Nothing is fetched unless somebody calls `fetch`: reading the catalogue opens no connection.

>>> wnut = find("wnut-17")
>>> wnut.title, wnut.licence, in_words(wnut.n_bytes), [file.part for file in wnut.files]
('WNUT-17', 'CC BY 4.0', '0.8 MB', ['train', 'dev', 'test'])
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ner_core.data.corpus import load_corpus
from ner_core.data.download import TIMEOUT, FetchError, KnownFile, fetch_file, is_here, keep, make_folder, n_bytes_of
from ner_core.data.formats.decoding import LARGEST_FILE, Repairs, unpack
from ner_core.records import Corpus, UploadError

CATALOGUE = Path(__file__).parents[1] / "corpora" / "catalogue.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One public corpus: its short name and title, what it is for, its licence, the page that says more.

    `form` is a key of `corpus.READERS`; `steps` say, where it is behind a login, how a person gets it by hand.
    """

    name: str
    title: str
    about: str
    labels: tuple[str, ...]
    licence: str
    page: str
    form: str
    steps: tuple[str, ...]
    files: tuple[KnownFile, ...]

    @property
    def n_bytes(self) -> int:
        return sum(file.n_bytes for file in self.files)

    @property
    def is_by_hand(self) -> bool:
        """Whether a person has to get it: its page asks for a login."""
        return any(file.url is None for file in self.files)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a corpus has come: the file at work, bytes here, bytes in all."""

    file: str
    done: int
    total: int


# --- the list ---------------------------------------------------------------------------


def entries() -> tuple[Entry, ...]:
    """Every corpus of the catalogue."""
    return _read(CATALOGUE)


@lru_cache(maxsize=8)
def _read(path: Path) -> tuple[Entry, ...]:
    return tuple(map(_to_entry, json.loads(path.read_text(encoding="utf-8"))["corpora"]))


def _to_entry(row: dict) -> Entry:
    facts = {name: row[name] for name in ("name", "title", "about", "licence", "page", "form")}
    files = tuple(
        KnownFile(
            each["part"], each["name"], each["url"], each["bytes"], each["sha256"], row["page"], tuple(row["hosts"])
        )
        for each in row["files"]
    )
    return Entry(**facts, labels=tuple(row["labels"]), steps=tuple(row["steps"]), files=files)


def find(name: str) -> Entry:
    """The corpus called `name`. Raises FetchError.

    >>> find("bc5cdr").labels
    ('Chemical', 'Disease')
    """
    found = next((entry for entry in entries() if entry.name == name), None)
    if found is None:
        known = ", ".join(entry.name for entry in entries())
        raise FetchError(f"The catalogue has no corpus {name[:60]!r}. It has {known}.")
    return found


def is_entry(name: str) -> bool:
    """Whether the catalogue has a corpus of this name.

    >>> is_entry("gmb"), is_entry("newsroom")
    (True, False)
    """
    return any(entry.name == name for entry in entries())


def in_words(n_bytes: int) -> str:
    """
    >>> in_words(800955), in_words(15208151), in_words(70000), in_words(51)
    ('0.8 MB', '15.2 MB', '70 kB', '51 bytes')
    """
    if n_bytes >= 100_000:
        return f"{n_bytes / 1e6:.1f} MB"
    return f"{n_bytes / 1e3:.0f} kB" if n_bytes >= 1000 else f"{n_bytes} bytes"


# --- what is here ------------------------------------------------------------------------


def missing(entry: Entry, cache: Path) -> tuple[KnownFile, ...]:
    """The files of `entry` that do not lie in its folder of `cache`, byte for byte."""
    return tuple(file for file in entry.files if not is_here(file, cache / entry.name))


def n_bytes_here(entry: Entry, cache: Path) -> int:
    """How many bytes of `entry` need not be fetched any more."""
    return sum(n_bytes_of(file, cache / entry.name) for file in entry.files)


def load_fetched(name: str, cache: Path, **options) -> Corpus:
    """Read a corpus of the catalogue that is here; `options` are those of `load_corpus`. Raises FetchError."""
    entry = find(name)
    if lacking := missing(entry, cache):
        raise FetchError(
            f"{entry.title} is not here yet ({', '.join(file.name for file in lacking)} missing). Get it on a page, "
            f"under “Public corpora”, or with: python -m ner_core catalogue {entry.name}"
        )
    files = {file.part: cache / entry.name / file.name for file in entry.files}
    given = {"name": entry.title, "format": entry.form, **options}
    return load_corpus(files.pop("train"), **{**files, **given})


def identify(data: bytes) -> tuple[Entry, KnownFile, bytes] | None:
    """Which known file these bytes are, packed or not: (corpus, file, bytes unpacked); None where they are another.

    Raises UploadError where they cannot be unpacked.
    """
    unpacked = unpack(data, Repairs())
    known = [(entry, file) for entry in entries() for file in entry.files if file.n_bytes == len(unpacked)]
    digest = hashlib.sha256(unpacked).hexdigest() if known else ""
    return next(((entry, file, unpacked) for entry, file in known if file.sha256 == digest), None)


def take(data: bytes, cache: Path) -> tuple[Entry, KnownFile] | None:
    """Keep a file that a person has got by hand, packed or as it is; None where the catalogue does not know it.

    Raises UploadError where it cannot be unpacked, FetchError where it cannot be written.
    """
    found = identify(data)
    if found is None:
        return None
    entry, file, unpacked = found
    keep(file, unpacked, cache / entry.name)
    return entry, file


def take_what_lies_there(entry: Entry, cache: Path) -> None:
    """Take what a person has put into the folder of `entry`, under any name and zipped as it came."""
    for path in sorted((cache / entry.name).glob("*")):
        if not missing(entry, cache):
            return
        with contextlib.suppress(UploadError, OSError):
            if path.is_file() and path.suffix != ".part" and path.stat().st_size <= LARGEST_FILE:
                take(path.read_bytes(), cache)


# --- fetching -----------------------------------------------------------------------------


def fetch(entry: Entry, cache: Path, *, timeout: float = TIMEOUT) -> Iterator[Progress]:
    """Bring the files of `entry` into its folder of `cache`, telling how far it is; stop asking, and it stops.

    What is here already, or was put there by hand, is checked and not fetched again. Raises FetchError.
    """
    folder = cache / entry.name
    make_folder(folder)
    take_what_lies_there(entry, cache)
    before = 0
    for file in entry.files:
        if not is_here(file, folder):
            if file.url is None:
                raise FetchError(
                    f"{entry.title} cannot be fetched, because its page asks for a login. {steps(entry, folder)}"
                )
            for done in fetch_file(file, folder, timeout=timeout):
                yield Progress(file.name, before + done, entry.n_bytes)
        before += file.n_bytes
        yield Progress(file.name, before, entry.n_bytes)


def steps(entry: Entry, folder: Path) -> str:
    """How a person gets a corpus that is behind a login."""
    return f"{' '.join(entry.steps)} The page: {entry.page}. Or put the file into {folder} and fetch again."
