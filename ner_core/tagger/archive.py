"""How is a folder or zip from a stranger read without trusting it?

Chapter of part II. A model may come from anybody, so each thing is refused before it can cost anything:

    a file      no link, device or pipe; as long as agreed, and of the SHA-256 that the manifest names
    an archive  its last record announces exactly the members expected, all uncompressed and of the size
                that their shapes need; each header is, letter by letter, the one NumPy would write
    JSON        its values are counted before they are parsed; no key twice, no NaN, no deep nesting
    a value     of the type and within the bounds that a check names; a key nobody knows is refused

A check is a function of a value and of where it stands; it returns the value, or raises a StoreError that says
what should be there and what was received.

Source: PKWARE's APPNOTE (4.3.16, the end of the central directory) and NumPy's format 1.0. Differs from `zipfile`
and `np.load`: they believe what a header says and make room for it; here it is compared with what must be there.

>>> from ner_core.records import EncodingConfig
>>> encoding = record(EncodingConfig, {"first_id": integer(0, 16)})
>>> encoding(parse_json(b'{"first_id": 2}', "model.json"), "encoder").first_id
2
>>> encoding(parse_json(b'{"first_id": 17}', "model.json"), "encoder")
Traceback (most recent call last):
ner_core.tagger.archive.StoreError: encoder.first_id should be a whole number from 0 to 16. Received: 17.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import reprlib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from itertools import islice
from pathlib import Path

import numpy as np

from ner_core.records import InputError

MANIFEST = "MANIFEST.json"  # size and SHA-256 of the other files; it alone decides what a folder holds
MAX_MANIFEST = 64 << 10  # bytes
MAX_VALUES = 100_000  # in a JSON file, beside the words
HEADER_ROOM = 1024  # bytes a member of an archive may need beside its numbers
_UP_TO_A_VALUE = re.compile(rb'(?:[^",\[{]|"(?:[^"\\]|\\.)*+")*+[,\[{]', re.DOTALL)


class StoreError(InputError):
    """A stored tagger is missing, damaged, hostile or too new; the message says which and what to do."""


# --- the files of a folder ---------------------------------------------------------------


def read_manifest(folder: Path) -> bytes:
    """The bytes of the manifest of `folder`; raises StoreError, saying what stands there instead."""
    path = folder / MANIFEST
    try:
        size = path.stat().st_size
        if path.is_symlink() or not path.is_file():  # a device has no end, and a pipe waits for ever
            raise StoreError(f"{path} is a link or no plain file. Give the folder that training wrote.")
        if size > MAX_MANIFEST:
            raise StoreError(f"{path} is too large to be a manifest. Save or train the tagger again.")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if folder.is_file():
            raise StoreError(
                f"{folder} is a file; give the folder that training wrote. Keras files, HDF5 and pickles are never opened."
            ) from None
        what = "has no MANIFEST.json, so it holds no stored tagger" if folder.is_dir() else "does not exist"
        raise StoreError(f"The folder {folder} {what}. Give the folder that training wrote.") from None
    except (OSError, ValueError) as problem:  # ValueError: a NUL in the path, or the refusals above
        if isinstance(problem, StoreError):
            raise
        why = getattr(problem, "strerror", None) or problem
        raise StoreError(f"{str(path)!r} cannot be read: {why}.") from None


def read_signed(file: Path, expected: Mapping, limit: int) -> bytes:
    """The bytes whose size and SHA-256 the manifest states in `expected`, from the file or its `.new`."""
    if expected["bytes"] > limit:
        raise StoreError(
            f"{file} claims {expected['bytes']:,} bytes where at most {limit:,} fit this network. It is refused."
        )
    found = "is missing"
    for path in (file, file.with_name(f"{file.name}.new")):
        try:
            if path.is_symlink() or not path.is_file():
                continue
            found = "was cut short or changed after it was saved"
            if path.stat().st_size != expected["bytes"]:
                continue
            data = path.read_bytes()
        except FileNotFoundError:  # moved away in this moment: the next place holds it
            continue
        except OSError as problem:
            raise StoreError(f"{path} cannot be read: {problem.strerror}.") from None
        if digest(data) == expected["sha256"]:
            return data
    raise StoreError(f"{file} {found} (its SHA-256 is not the one in {MANIFEST}). Take another copy of the model.")


def digest(data: bytes) -> str:
    """The SHA-256 of `data`, as a manifest states it."""
    return hashlib.sha256(data).hexdigest()


# --- the arrays of an archive ------------------------------------------------------------


def unpack_weights(data: bytes, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Read the arrays `shapes` names and nothing else."""
    expected = {f"{name}.npy": shape for name, shape in shapes.items()}
    _check_archive_end(data, expected)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if sorted(member.filename for member in members) != sorted(expected):
                raise StoreError("weights.npz does not hold exactly the weights of its network. It is refused.")
            for member in members:
                room = member.file_size - 4 * math.prod(expected[member.filename])
                if member.compress_type != zipfile.ZIP_STORED or not 0 < room <= HEADER_ROOM:
                    raise StoreError(
                        f"weights.npz: {member.filename} has not the size its network needs. It is refused."
                    )
            return {
                member.filename.removesuffix(".npy"): _unpack(archive.read(member), member.filename, expected)
                for member in members
            }
    except StoreError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError, OSError) as problem:
        raise StoreError(f"weights.npz is no readable archive ({problem}). Take another copy of the model.") from None


def _check_archive_end(data: bytes, expected: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse an archive whose last record announces another list than ours, before `zipfile` reads that list."""
    end, n_bytes = data[-22:], sum(46 + len(name) for name in expected)
    announced = int.from_bytes(end[10:12], "little"), int.from_bytes(end[12:16], "little")
    if end[:4] != b"PK\x05\x06" or data[-42:-38] == b"PK\x06\x07":  # no archive; one with a second, larger record
        raise StoreError("weights.npz is no readable archive. Take another copy of the model.")
    if announced != (len(expected), n_bytes):
        raise StoreError("weights.npz does not hold exactly the weights of its network. It is refused.")


def _unpack(data: bytes, member: str, expected: Mapping[str, tuple[int, ...]]) -> np.ndarray:
    """One array; its header must be the one NumPy writes for it, so that nothing in it is ever evaluated."""
    shape = expected[member]
    wanted = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    first = 10 + int.from_bytes(data[8:10], "little")
    header = data[10:first]
    if data[:8] != b"\x93NUMPY\x01\x00" or header.rstrip(b" \n") != wanted or not header.endswith(b"\n"):
        received = repr(data[:10] if data[:6] != b"\x93NUMPY" else header.rstrip()[:90])
        raise StoreError(f"weights.npz: {member} should be float32 of the shape {shape}. Received: {received}.")
    numbers = data[first:]
    if len(numbers) != 4 * math.prod(shape):
        raise StoreError(
            f"weights.npz: {member} holds {len(numbers):,} bytes of numbers, not {4 * math.prod(shape):,}."
        )
    array = np.frombuffer(numbers, dtype="<f4").reshape(shape).astype(np.float32)
    check_finite(member, array)
    array.setflags(write=False)  # what is stored is not changed in place: `forward` may keep what it made of it
    return array


def check_finite(name: str, array: np.ndarray) -> None:
    """Refuse weights of a training that has diverged."""
    if not np.isfinite(array).all():
        raise StoreError(f"Weight {name} holds values that are no finite numbers: the training has diverged.")


# --- the values of a JSON file -------------------------------------------------------------


def _check_values(data: bytes, what: str, n_words: int) -> None:
    """Refuse JSON of very many values before it is parsed: three bytes, `[],`, become seventy in memory."""
    most = MAX_VALUES + n_words
    looks_many = sum(map(data.count, (b",", b"[", b"{"))) > most  # some may stand in words: looked at closely
    if looks_many and next(islice(_UP_TO_A_VALUE.finditer(data), most, None), None):
        raise StoreError(f"{what} holds more values than its network has words. It is refused.")


def _check_depth(value: object, what: str, room: int = 20) -> None:
    """Refuse what is nested deeper than any program of ours writes."""
    if not room:
        raise StoreError(f"{what} is nested too deeply. It is refused.")
    for entry in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_depth(entry, what, room - 1)


def parse_json(data: bytes, what: str, n_words: int = 0) -> object:
    """The values of a file that may hold `n_words` more of them than a configuration does."""

    def refuse_constant(name: str) -> None:
        raise ValueError(f"{name} is no JSON number")

    def without_duplicates(pairs: list[tuple[str, object]]) -> dict:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key stands twice")
        return found

    _check_values(data, what, n_words)
    try:
        found = json.loads(data, parse_constant=refuse_constant, object_pairs_hook=without_duplicates)
        _check_depth(found, what)
        return found
    except StoreError:
        raise
    except (ValueError, RecursionError) as problem:
        raise StoreError(
            f"{what} is no readable JSON ({str(problem)[:100]}). Take another copy of the model."
        ) from None


# --- what a stored value may be ------------------------------------------------------------

Check = Callable[[object, str], object]
_SHORT = reprlib.Repr()  # a few levels and entries of whatever was stored
_SHORT.maxstring = _SHORT.maxother = 60


def refusal(where: str, expected: str, value: object) -> StoreError:
    """What to raise for a value that is not as expected; it is shown shortened."""
    shown = _SHORT.repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return StoreError(f"{where} should be {expected}. Received: {shown}.")


def number(low: float, high: float) -> Check:
    def check(value: object, where: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise refusal(where, f"a number from {low:g} to {high:g}", value)
        return float(value)

    return check


def integer(low: int, high: int, *, optional: bool = False) -> Check:
    def check(value: object, where: str) -> int | None:
        if optional and value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise refusal(where, f"a whole number from {low:,} to {high:,}", value)
        return value

    return check


def flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise refusal(where, "true or false", value)
    return value


def word(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise refusal(where, "a text", value)
    return value


def short_name(value: object, where: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z<][A-Za-z0-9_ <>+-]{0,39}", value):
        raise refusal(where, "a short name", value)
    return value


def one_of(*allowed: object) -> Check:
    def check(value: object, where: str) -> object:
        if value not in allowed or isinstance(value, bool):
            raise refusal(where, f"one of {', '.join(map(str, allowed))}", value)
        return value

    return check


def list_of(entry: Check, most: int, least: int = 0) -> Check:
    def check(value: object, where: str) -> tuple:
        if not isinstance(value, list) or not least <= len(value) <= most:
            size = f"{len(value):,} entries" if isinstance(value, list) else value
            raise refusal(where, f"a list of {least:,} to {most:,} entries", size)
        return tuple(entry(item, f"{where}[{i}]") for i, item in enumerate(value))

    return check


def each(entry: Check) -> Check:
    def check(value: object, where: str) -> dict:
        if not isinstance(value, dict):
            raise refusal(where, "an object", value)
        return {key: entry(held, f"{where}.{key[:40]}") for key, held in value.items()}

    return check


def anything(value: object, _: str) -> object:
    return value


def record(kind: type, checks: Mapping[str, Check]) -> Check:
    """Check an object against a dataclass: no unknown key; a missing one takes the class's default."""

    def check(value: object, where: str) -> object:
        stored = known_keys(value, where, {field.name for field in fields(kind)})
        missing = [
            field.name
            for field in fields(kind)
            if field.name not in stored and field.default is MISSING and field.default_factory is MISSING
        ]
        if missing:
            raise StoreError(f"{where} lacks {', '.join(missing)}. Take another copy of the model.")
        return kind(**{key: checks.get(key, _plain_setting)(entry, f"{where}.{key}") for key, entry in stored.items()})

    return check


def known_keys(value: object, where: str, known: set[str]) -> dict:
    """Check that `value` is an object with none but these keys; some may be missing."""
    if not isinstance(value, dict):
        raise refusal(where, "an object", value)
    odd = sorted(set(value) - known)
    if odd:
        raise StoreError(f"{where} holds settings this version does not know: {', '.join(odd[:5])}. Update NER Lab.")
    return value


def _plain_setting(value: object, where: str) -> object:
    """A setting without a check of its own: a flag, a small number, a short name or a list of names."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return number(-1e6, 1e6)(value, where) if isinstance(value, float) else integer(-(10**6), 10**6)(value, where)
    if isinstance(value, list):
        return list_of(short_name, 64)(value, where)
    return short_name(value, where)
