"""What does a person keep beyond a run: which models, and which corpora that were uploaded?

Chapter of part IV. A run may be deleted any day; a model that is to outlive it is copied under a name of its own. An uploaded
corpus is kept under the digest of its files, so that a worker finds it long after the page is gone, and whoever uploads
the same files again shares them.

Source: content addressing, as Git names its objects. Differs from it: SHA-256 over the files and the form they are read in.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

from ner_core.records import Corpus
from ner_core.tagger.archive import StoreError
from ner_core.tagger.store import load_tagger, save_tagger, write_file
from ner_core.training.runs import Run, RunError, clean_name, home, model_roots, read_json

# --- models -----------------------------------------------------------------------------------


def keep_model(run: Run, name: str) -> Path:
    """Copy the run's best tagger under a name, so that it outlives the run; returns its folder.

    Raises RunError where the name is taken, or the tagger cannot be opened or stored.
    """
    _, root, _ = model_roots()
    folder = root / folder_name(name)
    try:
        tagger = load_tagger(run.folder / "best")
        root.mkdir(parents=True, exist_ok=True)
        folder.mkdir()  # exclusive: of two who ask for one name at once, one is told
    except FileExistsError:
        raise RunError(f"A model called {folder.name!r} is kept already; choose another name.") from None
    except (StoreError, OSError) as problem:
        raise RunError(f"The model cannot be kept: {problem}") from None
    tagger.card["name"] = clean_name(name, 60)
    try:
        return save_tagger(tagger, folder)
    except (StoreError, OSError) as problem:
        shutil.rmtree(folder, ignore_errors=True)
        raise RunError(f"The model cannot be kept: {problem}") from None


def folder_name(name: str) -> str:
    r"""A name as a folder's: letters, digits and hyphens, never empty, never a path, never one Windows keeps for itself.

    Where little or nothing of the name is left, a few digits tell it from others.

    >>> folder_name("Newsroom, 4 epochs"), folder_name("../<b>"), folder_name("\u65b0\u805e"), folder_name("CON")
    ('newsroom-4-epochs', 'b', 'model-9c200f', 'con-a3dbc4')
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].rstrip("-")
    if plain and name.isascii() and not re.fullmatch("con|prn|aux|nul|(com|lpt)[0-9]", plain):
        return plain
    digits = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:6]
    return f"{plain[:50] or 'model'}-{digits}"


# --- corpora ---------------------------------------------------------------------------------------

Upload = tuple[str, bytes]  # file name, content


def store_corpus(
    name: str, data: bytes, *, dev: Upload | None = None, test: Upload | None = None, form: str | None = None
) -> str:
    """Keep an uploaded corpus for workers to read; returns its id, the same for the same files.

    `name` is the file's name (its ending helps to tell the form), `form` the form where the person chose one.
    """
    parts = {"train": (name, data)} | ({"dev": dev} if dev else {}) | ({"test": test} if test else {})
    digest = hashlib.sha256(repr(form).encode())
    for part, (part_name, content) in parts.items():
        digest.update(f"{part}\0{part_name}\0{len(content)}\0".encode(errors="replace"))
        digest.update(content)
    folder = home() / "corpora" / digest.hexdigest()
    if not (folder / "corpus.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for part, (_, content) in parts.items():
            write_file(folder / part, content)
        about = {"name": name, "form": form, "parts": {part: part_name for part, (part_name, _) in parts.items()}}
        write_file(folder / "corpus.json", json.dumps(about).encode())  # last: it makes the corpus exist
    return folder.name


def load_stored_corpus(corpus_id: str) -> Corpus:
    """Read a stored corpus again, or one of the catalogue. Raises RunError or UploadError where it is not here."""
    from ner_core.data.catalogue import is_entry, load_fetched  # late, so that a waiting worker stays small
    from ner_core.data.corpus import load_corpus

    if is_entry(corpus_id):
        return load_fetched(corpus_id, home() / "corpora")
    folder = home() / "corpora" / str(corpus_id)
    about = read_json(folder / "corpus.json") if re.fullmatch("[0-9a-f]{64}", str(corpus_id)) else None
    if about is None:
        raise RunError(f"There is no stored corpus {str(corpus_id)[:16]!r}. Upload the file again.")
    uploads = {part: (part_name, (folder / part).read_bytes()) for part, part_name in about["parts"].items()}
    return load_corpus(uploads["train"], dev=uploads.get("dev"), test=uploads.get("test"), format=about["form"])
