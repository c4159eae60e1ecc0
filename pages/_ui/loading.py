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
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from ner_core.records import Corpus, Tagger, UploadError
from pages._ui import session

ROOT = Path(__file__).parents[2]
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
    "test" are given parts. Raises UploadError, and then nothing is kept.
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
    """One model to choose: `id` stands in the URL, `caption` says what it was trained on and how good it is."""

    id: str
    title: str
    caption: str
    folder: Path
    is_shipped: bool


def models() -> list[Model]:
    """Models that can be used: those that ship, `news` first, then those kept and those trained here, newest first."""
    from ner_core.tagger.store import list_models

    shipped = sorted(list_models(_shipped_root()), key=lambda info: (info.folder.name != "news", info.folder.name))
    return [
        *(_to_model(info, is_shipped=True) for info in shipped),
        *(_to_model(info, kind="kept:") for info in list_models(_runs_root().with_name("models"))),
        *(_to_model(info, kind="run:") for info in list_models(_runs_root())),
    ]


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


def _shipped_root() -> Path:
    return Path(os.environ.get("NER_LAB_MODELS") or ROOT / "models")


def _runs_root() -> Path:
    from ner_core.training.runs import home

    return home() / "runs"


def _to_model(info, *, is_shipped: bool = False, kind: str = "") -> Model:
    folder = info.folder.parent if info.folder.name == "best" else info.folder
    name = _run_name(folder, info.name) if kind == "run:" else info.name
    facts = [info.recipe and f"recipe {info.recipe}{' as published' if info.is_published else ''}"]
    facts += [info.corpus and f"trained on {info.corpus}", info.f1 is not None and f"entity F1 {info.f1:.1%} on dev"]
    return Model(
        id=f"{kind}{folder.name}",
        title=f"{name} (ships with NER Lab)" if is_shipped else name,
        caption=", ".join(filter(None, facts)),
        folder=info.folder,
        is_shipped=is_shipped,
    )


def _run_name(folder: Path, fallback: str) -> str:
    """What a person called the run, or its recipe and corpus; and when it was started."""
    from ner_core.training.runs import RunError, open_run

    try:
        run = open_run(folder)
    except RunError:
        return fallback
    return f"{run.name} ({time.strftime('%d %b, %H:%M', time.localtime(run.created))})"
