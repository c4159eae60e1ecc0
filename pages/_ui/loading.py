"""Corpora and models by name, read once and cached for all sessions.

Use: `loading.corpus(id)` -> Corpus; `loading.store_upload(files)` -> (id, Corpus);
`loading.models()` -> what can be chosen; `loading.model(id)` -> one of them (the shipped one for None);
`loading.tagger(model)` -> Tagger. `NotThere` is one sentence for the person.

Corpora are kept as they are (`cache_resource`): they are immutable, and copying a million tokens for
every run would take seconds. Keys are fingerprints of contents, so that nobody meets another's upload.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from ner_core.records import Corpus, Tagger, UploadError, percent
from pages._ui import session

if TYPE_CHECKING:
    from ner_core.tagger.store import ModelInfo

MAX_UPLOAD_MB = 100
UPLOAD_HELP = (
    "A table (Kaggle's ner_dataset.csv or ner.csv, or one row a sentence), CoNLL (a word and its tag on each line, a "
    "blank line between sentences), JSON of doccano, Prodigy, Label Studio, DataTurks or spaCy, a .spacy file, or plain "
    f"text; also packed as .gz, .bz2, .xz or .zip. The form is found by looking. Up to {MAX_UPLOAD_MB} MB."
)


class NotThere(LookupError):
    """A corpus or model that was asked for cannot be opened: what, and what to do."""


# --- corpora -----------------------------------------------------------------------------


def corpora() -> dict[str, str]:
    """What this session may choose: id -> name. Uploads of other sessions are not listed."""
    return {session.DEFAULT_CORPUS: "Newsroom (ships with NER Lab)", **session.uploads()}


def corpus_name(found: Corpus) -> str:
    """The name of a corpus as pages write it."""
    return "Newsroom" if found.name == session.DEFAULT_CORPUS else found.name


def corpus(corpus_id: str) -> Corpus:
    """The corpus called `corpus_id`; raises NotThere where its file is gone or was never here."""
    found = _corpus(corpus_id)
    if corpus_id != session.DEFAULT_CORPUS:
        session.uploads().setdefault(corpus_id, found.name)
    return found


def store_upload(files: dict[str, tuple[str, bytes]]) -> tuple[str, Corpus]:
    """Read uploaded files and keep them where training finds them; return the corpus' id and the corpus.

    `files` is part -> (file name, content); "train" is the whole corpus where it stands alone, "dev" and
    "test" are given parts. Raises UploadError, and then nothing is kept; OSError where it cannot be kept.
    """
    from ner_core.data.corpus import load_corpus
    from ner_core.training.runs import store_corpus

    given = {part: file for part, file in files.items() if part != "train"}
    found = load_corpus(files["train"], **given)
    corpus_id = store_corpus(*files["train"], **given)
    session.uploads()[corpus_id] = found.name
    return corpus_id, _corpus(corpus_id, found)


@st.cache_resource(max_entries=4, show_spinner="Reading the corpus")
def _corpus(corpus_id: str, _found: Corpus | None = None) -> Corpus:
    from ner_core.data.corpus import load_corpus
    from ner_core.training.runs import RunError, load_stored_corpus

    if _found is not None:
        return _found
    if corpus_id == session.DEFAULT_CORPUS:
        return load_corpus()
    try:
        return load_stored_corpus(corpus_id)
    except (RunError, UploadError, OSError):
        raise NotThere("The corpus in this address is not stored here: upload its file again.") from None


# --- models --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Model:
    """One model to choose: `id` stands in the URL, `caption` says what it was trained on and how good it is.

    `saved` changes whenever another tagger is stored in its folder.
    """

    id: str
    title: str
    caption: str
    folder: Path
    is_shipped: bool
    saved: float = 0.0


def models() -> list[Model]:
    """Models that can be used: those that ship, `news` first, then those kept and those trained here, newest first."""
    from ner_core.training.runs import model_roots

    shipped, kept, run = model_roots()
    shipped_first = sorted(_listed(shipped, "", _stamp(shipped)), key=lambda model: (model.id != "news", model.id))
    return [*shipped_first, *_listed(kept, "kept:", _stamp(kept)), *_listed(run, "run:", _stamp(run))]


def _stamp(root: Path) -> tuple:
    """What changes when a model or a run is stored, renamed or deleted: cheap beside reading all cards."""
    names = ("MANIFEST.json", "best/MANIFEST.json", "name.json")
    try:
        folders = sorted(entry.path for entry in os.scandir(root) if entry.is_dir())
    except OSError:
        return ()
    return tuple((folder, *(_changed(f"{folder}/{name}") for name in names)) for folder in folders)


def _changed(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=16)
def _listed(root: Path, kind: str, stamp: tuple) -> tuple[Model, ...]:
    """The models in the folders of `root`, read again only when `stamp` is another."""
    from ner_core.tagger.store import list_models

    return tuple(_to_model(info, kind) for info in list_models(root))


def model(model_id: str | None) -> Model | None:
    """The model called `model_id`; else the first there is; None where there is none."""
    known = models()
    return next((entry for entry in known if entry.id == model_id), known[0] if known else None)


def tagger(chosen: Model) -> Tagger:
    """Open a model, once for all sessions; raises NotThere, saying why it cannot be opened."""
    from ner_core.tagger.store import MANIFEST

    try:
        return _tagger(chosen.folder, (chosen.folder / MANIFEST).stat().st_mtime_ns)
    except (OSError, ValueError) as problem:
        raise NotThere(str(problem)) from None


@st.cache_resource(max_entries=8, show_spinner="Opening the model")
def _tagger(folder: Path, modified: int) -> Tagger:
    from ner_core.tagger.store import load_tagger

    return load_tagger(folder)


def _to_model(info: ModelInfo, kind: str) -> Model:
    folder = info.folder.parent if info.folder.name == "best" else info.folder
    name = _run_name(folder, info.name) if kind == "run:" else info.name
    facts = [info.recipe and f"recipe {info.recipe}{' as published' if info.is_published else ''}"]
    facts += [info.corpus and f"trained on {info.corpus}", _score(info)]
    return Model(
        id=f"{kind}{folder.name}",
        title=name if kind else f"{name} (ships with NER Lab)",
        caption=", ".join(filter(None, facts)),
        folder=info.folder,
        is_shipped=not kind,
        saved=info.saved,
    )


def _score(info: ModelInfo) -> str:
    """The card's entity F1 with what it was counted on; "" where the card does not say so."""
    scored_on = scored_in_words(info.card)
    return f"entity F1 {percent(info.f1)} on {scored_on}" if info.f1 is not None and scored_on else ""


def scored_in_words(card: Mapping) -> str:
    """What the score on a card was counted on, with a number: its own, or the names its counts by label add up to.

    >>> scored_in_words({"scored_on": "dev", "by_label": {"per": {"tp": 3, "fn": 1}, "geo": {"tp": 5, "fn": 0}}})
    '9 names of dev'
    >>> scored_in_words({"scored_on": "GMB test, 9,592 sentences"})
    'GMB test, 9,592 sentences'
    """
    scored_on, by_label = str(card.get("scored_on") or ""), card.get("by_label")
    if any(character.isdigit() for character in scored_on):
        return scored_on
    if not scored_on or not isinstance(by_label, Mapping):
        return ""
    counted = [counts for counts in by_label.values() if isinstance(counts, Mapping)]
    n_names = sum(counts.get("tp", 0) + counts.get("fn", 0) for counts in counted)
    return f"{n_names:,} names of {scored_on}"


def _run_name(folder: Path, fallback: str) -> str:
    """What a person called the run, or its recipe and corpus; and when it was started."""
    from ner_core.training.runs import RunError, open_run

    try:
        run = open_run(folder)
    except RunError:
        return fallback
    return f"{run.name} ({time.strftime('%d %b, %H:%M', time.localtime(run.created))})"
