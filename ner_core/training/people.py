"""Who is this, without an account?

Chapter of part IV. A person is whoever holds a key: 256 random bits that the browser keeps in a cookie, or that stand
in a personal link. Here only the key's hash is stored, so that nobody who reads this folder can be anybody else:

    people/OWNER/person.json   nickname, uploads (corpus id -> name), watched runs (run id -> probe sentences),
                               the class code that was entered, the proof of a teacher's key

OWNER is the first 16 digits of the key's SHA-256. A folder appears with the first thing there is to keep: who only
looks leaves nothing. Others see of a person what was shared: runs in whose folder a file `shared` stands.

Source: RFC 6265, section 8.4 (a session identifier is a long random nonce; the server knows what it stands for).
Differs from it: nothing is stored that could be the cookie, as with a password.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ner_core.records import InputError
from ner_core.tagger.store import write_file
from ner_core.training.machine import take_lock
from ner_core.training.runs import Run, RunError, delete_run, home, list_runs, run_folder_of

MAX_NICKNAME = 24  # characters
LOCK_SECONDS = 5.0  # to wait for another tab of the same person


class PersonError(InputError):
    """A nickname or key cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Person:
    """What is stored of a person; of one who has given nothing, nothing.

    uploads   corpus id -> name
    watched   id of a run that another one started -> this person's own probe sentences
    code      the class code that was entered
    proof     the hash of the teacher's key that was shown ("" = none)
    """

    nickname: str = ""
    uploads: Mapping[str, str] = field(default_factory=dict)
    watched: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    code: str = ""
    proof: str = ""


# --- keys ---------------------------------------------------------------------------------


def new_key() -> str:
    """Draw a key that nobody can guess: 256 bits in 43 characters."""
    return secrets.token_urlsafe(32)


def is_key(text: object) -> bool:
    """
    >>> is_key(new_key()), is_key("../../etc/passwd"), is_key(None)
    (True, False, False)
    """
    return isinstance(text, str) and re.fullmatch(r"[A-Za-z0-9_-]{43}", text) is not None


def owner_of(key: str) -> str:
    """The name under which the holder of a key is stored; nobody gets back from it to the key.

    >>> owner_of("A" * 43)
    '0f007385b6f9d4b7'
    """
    if not is_key(key):
        raise PersonError("This personal link is damaged: copy the whole of it. Received: no key of 43 characters.")
    return hashlib.sha256(key.encode()).hexdigest()[:16]


# --- what is stored -----------------------------------------------------------------------


def read_person(owner: str) -> Person:
    """What is stored of this person; nothing where there is nothing, or nothing that can be read."""
    try:
        stored = json.loads((_folder(owner) / "person.json").read_bytes())
        watched = {str(run): tuple(map(str, probes)) for run, probes in stored["watched"].items()}
        uploads = {str(corpus): str(name) for corpus, name in stored["uploads"].items()}
        return Person(str(stored["nickname"]), uploads, watched, str(stored["code"]), str(stored["proof"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Person()


def change_person(owner: str, change: Callable[[dict], None]) -> Person:
    """Let `change` alter what is stored, as one step that no other tab can come between."""
    folder = _folder(owner)
    folder.mkdir(parents=True, exist_ok=True)
    with held_lock(folder / "lock", LOCK_SECONDS):
        stored = asdict(read_person(owner))
        change(stored)
        write_file(folder / "person.json", json.dumps(stored).encode())
    return read_person(owner)


@contextlib.contextmanager
def held_lock(path: Path, seconds: float) -> Iterator[None]:
    """Hold a lock file for a moment; who waits in vain goes on without it, for nobody holds it so long by right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + seconds
    while (lock := take_lock(path)) is None and time.monotonic() < end:
        time.sleep(0.02)
    try:
        yield
    finally:
        if lock is not None:
            lock.close()


def _folder(owner: str) -> Path:
    if not re.fullmatch("[0-9a-f]{16}", owner):
        raise PersonError(f"Nobody is stored under {owner[:40]!r}.")
    return home() / "people" / owner


def set_nickname(owner: str, name: str) -> str:
    """Keep a nickname, cleaned; returns it."""
    cleaned = clean_nickname(name)
    change_person(owner, lambda stored: stored.update(nickname=cleaned))
    return cleaned


def clean_nickname(name: str) -> str:
    r"""One line of what can be shown, of 1 to 24 characters. Raises PersonError.

    >>> clean_nickname("  Ada\n\u202e  L. ")
    'Ada L.'
    >>> clean_nickname(" \t")
    Traceback (most recent call last):
    ner_core.training.people.PersonError: A nickname has 1 to 24 characters that can be seen. Received: none.
    """
    cleaned = " ".join("".join(c if c.isprintable() or c == "\u200d" else " " for c in name).split())
    if not cleaned.strip("\u200d") or len(cleaned) > MAX_NICKNAME:
        received = f"{len(cleaned)}" if cleaned.strip("\u200d") else "none"
        raise PersonError(f"A nickname has 1 to {MAX_NICKNAME} characters that can be seen. Received: {received}.")
    return cleaned


def add_upload(owner: str, corpus_id: str, name: str) -> None:
    """Note that this person has uploaded a corpus: nobody else sees it."""
    folder = home() / "corpora" / corpus_id
    if folder.is_dir():
        (folder / "owned").touch()
    change_person(owner, lambda stored: stored["uploads"].update({corpus_id: name}))


def is_owned(corpus_id: str) -> bool:
    """Tell whether somebody's upload, which others must not open, is meant (and not one of the command line)."""
    return re.fullmatch("[0-9a-f]{64}", corpus_id) is not None and (home() / "corpora" / corpus_id / "owned").exists()


def forget_upload(owner: str, corpus_id: str) -> bool:
    """Take a corpus off this person's list; its files go where nobody else has it, and then True is returned.

    One that a run of theirs was trained on stays, so that the run can be repeated and measured.
    """
    if corpus_id not in read_person(owner).uploads:
        return False
    if any(run.config.corpus == corpus_id and run.config.owner == owner for run in list_runs()):
        return False
    change_person(owner, lambda stored: stored["uploads"].pop(corpus_id, None))
    if any(corpus_id in person.uploads for person in _everybody()):
        return False
    delete_corpus(corpus_id)
    return True


def delete_corpus(corpus_id: str) -> None:
    """Remove an uploaded corpus, the file that makes it exist first."""
    if re.fullmatch("[0-9a-f]{64}", corpus_id):
        folder = home() / "corpora" / corpus_id
        with contextlib.suppress(OSError):
            (folder / "corpus.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def owners() -> list[str]:
    """Everybody of whom something is stored."""
    return sorted(folder.name for folder in (home() / "people").glob("[0-9a-f]*") if len(folder.name) == 16)


def _everybody() -> Iterator[Person]:
    return map(read_person, owners())


# --- whose is a run, and who sees it ------------------------------------------------------


def is_shared(run: Run) -> bool:
    """Tell whether everybody's list shows this run."""
    return (run.folder / "shared").exists()


def share(run_id: str, is_wanted: bool = True) -> None:
    """Show a run in everybody's list, or no longer. Raises RunError where it is unknown."""
    mark = run_folder_of(run_id) / "shared"
    mark.touch() if is_wanted else mark.unlink(missing_ok=True)


def is_listed(run: Run, owner: str, person: Person) -> bool:
    """Tell whether this person's list shows the run: their own, watched or shared ones, and those of the command line."""
    return run.config.owner in ("", owner) or run.id in person.watched or is_shared(run)


def watch(owner: str, run_id: str, probes: tuple[str, ...] = ()) -> None:
    """Note that a person follows a training that somebody else has started, with probe sentences of their own."""
    change_person(owner, lambda stored: stored["watched"].update({run_id: probes}))


def leave(owner: str, run_id: str) -> None:
    """Follow a training no longer; it goes on for everybody else."""
    if run_id in read_person(owner).watched:
        change_person(owner, lambda stored: stored["watched"].pop(run_id, None))


# --- delete mine --------------------------------------------------------------------------


def delete_mine(owner: str) -> list[str]:
    """Remove runs, kept models, uploads and nickname of a person; returns the ids of corpora that are gone.

    A run that goes on is stopped first. What cannot be removed raises OSError, and the rest can be tried again.
    """
    for run in list_runs():
        if run.config.owner == owner:
            with contextlib.suppress(RunError):  # gone in this moment
                delete_run(run.id)
    for folder in (home() / "models").glob("*/owner"):
        with contextlib.suppress(OSError):
            if folder.read_text() == owner:
                shutil.rmtree(folder.parent)
    gone = [corpus for corpus in read_person(owner).uploads if forget_upload(owner, corpus)]
    shutil.rmtree(_folder(owner), ignore_errors=True)
    return gone
