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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from ner_core.records import Corpus, Tagger, UploadError, percent
from ner_core.training import people
from pages._ui import session

if TYPE_CHECKING:
    from ner_core.tagger.store import ModelInfo

MAX_UPLOAD_MB = 100
UPLOAD_HELP = (
    "A table (Kaggle's ner_dataset.csv or ner.csv, or one row a sentence), CoNLL (a word and its tag on each line, a "
    "blank line between sentences), JSON of doccano, Prodigy, Label Studio, DataTurks or spaCy, a .spacy file, or plain "
    f"text; also packed as .gz, .bz2, .xz or .zip. The form is found by looking. Up to {MAX_UPLOAD_MB} MB."
)


NO_CORPUS = "The corpus in this address is not stored here, or not yours: upload its file again."


class NotThere(LookupError):
    """A corpus or model that was asked for cannot be opened: what, and what to do."""


# --- corpora -----------------------------------------------------------------------------


def corpora() -> dict[str, str]:
    """What this session may choose: id -> name. Uploads of other sessions are not listed."""
    from ner_core.data.catalogue import entries, missing

    fetched = {entry.name: f"{entry.title} (public corpus)" for entry in entries() if not missing(entry, cache())}
    return {session.DEFAULT_CORPUS: "Newsroom (ships with NER Lab)", **fetched, **session.uploads()}


def cache() -> Path:
    """The folder that holds public corpora, fetched or got by hand."""
    from ner_core.training.runs import home

    return home() / "corpora"


def corpus_name(found: Corpus) -> str:
    """The name of a corpus as pages write it."""
    return "Newsroom" if found.name == session.DEFAULT_CORPUS else found.name


def corpus(corpus_id: str) -> Corpus:
    """The corpus called `corpus_id`; raises NotThere where its file is gone or was never here."""
    from ner_core.data.catalogue import is_entry

    if is_entry(corpus_id):
        return _corpus(corpus_id, files=_files_of(corpus_id))
    if corpus_id == session.DEFAULT_CORPUS:
        return _corpus(corpus_id)
    if corpus_id not in session.uploads() and people.is_owned(corpus_id):
        raise NotThere(NO_CORPUS)
    found = _corpus(corpus_id)
    session.uploads().setdefault(corpus_id, found.name)
    return found


def store_upload(files: dict[str, tuple[str, bytes]], form: str | None = None) -> tuple[str, Corpus]:
    """Read uploaded files and keep them where training finds them; return the corpus' id and the corpus.

    `files` is part -> (file name, content); "train" is the whole corpus where it stands alone, "dev" and
    "test" are given parts; `form` is the form the person chose, None where the content decides. Raises UploadError,
    and then nothing is kept; OSError where it cannot be kept.
    """
    from ner_core.data.corpus import load_corpus
    from ner_core.training.keeping import store_corpus

    given = {part: file for part, file in files.items() if part != "train"}
    found = load_corpus(files["train"], format=form, **given)
    corpus_id = store_corpus(*files["train"], form=form, **given)
    people.add_upload(session.owner(), corpus_id, found.name)
    session.uploads()[corpus_id] = found.name
    return corpus_id, _corpus(corpus_id, found)


def forget_upload(corpus_id: str) -> None:
    """Take an upload off this person's list; what nobody else has is deleted and leaves the memory too."""
    session.uploads().pop(corpus_id, None)
    if people.forget_upload(session.owner(), corpus_id):
        forget_corpora([corpus_id])


def forget_corpora(corpus_ids: Iterable[str]) -> None:
    """Drop deleted corpora from the memory of the server."""
    for corpus_id in corpus_ids:
        _corpus.clear(corpus_id)


@st.cache_resource(max_entries=4, show_spinner="Reading the corpus", show_time=True)
def _corpus(corpus_id: str, _found: Corpus | None = None, files: str = "") -> Corpus:
    from ner_core.data.corpus import load_corpus
    from ner_core.data.download import FetchError
    from ner_core.training.keeping import load_stored_corpus
    from ner_core.training.runs import RunError

    if _found is not None:
        return _found
    if corpus_id == session.DEFAULT_CORPUS:
        return load_corpus()
    try:
        return load_stored_corpus(corpus_id)
    except FetchError as problem:
        raise NotThere(str(problem)) from None
    except (RunError, UploadError, OSError):
        raise NotThere(NO_CORPUS) from None


def _files_of(name: str) -> str:
    """What a public corpus is made of here: another list of files, or a missing one, is read anew."""
    from ner_core.data.catalogue import find, missing

    entry = find(name)
    return " ".join(file.sha256 for file in entry.files if file not in missing(entry, cache()))


# --- models --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Model:
    """One model to choose: `id` stands in the URL, `caption` says what it was trained on and how good it is.

    `saved` changes whenever another tagger is stored in its folder. `owner` is whose it is ("" = everybody's).
    """

    id: str
    title: str
    caption: str
    folder: Path
    is_shipped: bool
    saved: float = 0.0
    owner: str = ""


def models() -> list[Model]:
    """Models that can be used: those that ship, `news` first, then those kept and those trained here, newest first.

    Of other people's, only those of runs they share, and the one of a run whose link is open.
    """
    from ner_core.training.runs import model_roots

    shipped, kept, run = model_roots()
    shipped_first = sorted(_listed(shipped, "", _stamp(shipped)), key=lambda model: (model.id != "news", model.id))
    others = [*_listed(kept, "kept:", _stamp(kept)), *_listed(run, "run:", _stamp(run))]
    return [*shipped_first, *filter(_is_open_to_me, others)]


def _is_open_to_me(model: Model) -> bool:
    if model.owner in ("", session.owner()) or session.is_teacher():
        return True
    return is_for_all(model) or (model.id.startswith("run:") and model.id == session.model_id())


def is_for_all(model: Model) -> bool:
    """Tell whether everybody may choose this model: it is nobody's own, or of a run that is shared."""
    return not model.owner or (model.id.startswith("run:") and (model.folder.parent / "shared").exists())


def _stamp(root: Path) -> tuple:
    """What changes when a model or a run is stored, renamed or deleted: cheap beside reading all cards."""
    names = ("MANIFEST.json", "best/MANIFEST.json", "name.json", "owner")
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
    from ner_core.tagger.archive import MANIFEST

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
        owner=_owner(folder, kind),
    )


def _owner(folder: Path, kind: str) -> str:
    """Whose model it is: of a run as its settings say, of a kept one as stands beside it; "" is everybody's."""
    from ner_core.training.runs import RunError, open_run

    try:
        if kind == "run:":
            return open_run(folder).config.owner
        return (folder / "owner").read_text().strip() if kind == "kept:" else ""
    except (RunError, OSError, ValueError):
        return ""


def sign_model(folder: Path) -> None:
    """Note whose model has just been kept; what the teacher keeps is everybody's."""
    if not session.is_teacher():
        (folder / "owner").write_text(session.owner())


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
