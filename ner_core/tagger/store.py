"""How does a tagger become a folder of files, and come back unharmed or not at all?

Chapter of part II. A stored tagger is a folder of four files a person can look into:

    model.json      the network, the encoder's settings, temperature, threshold and the card
    vocab.json      words, tags and feature values, in the order of their ids
    weights.npz     one float32 array a weight, stored plainly (no pickle, no compression)
    MANIFEST.json   size and SHA-256 of the three; it alone decides what the folder holds

Saving writes each new file beside the old one (`weights.npz.new`), then replaces the manifest in
one step, then moves the new files to their names. Loading takes, of `weights.npz` and
`weights.npz.new`, the one whose SHA-256 the manifest names: a kill at any moment leaves the old
tagger or the new one, never a mixture and never neither.

Loading trusts nothing and reads through `tagger.archive` alone: every key and number of `model.json`
is checked, the sizes of the weights are computed from the checked network *before* the archive is
opened, and the network is rebuilt by our own code.

Source: the storage protocol follows SQLite's rollback journal ("Atomic Commit in SQLite"); the array
form is NumPy's format 1.0. Differs from it: the commit is the manifest's rename, not a deletion.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import re
import secrets
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ner_core.records import EncodingConfig, Layer, NetworkConfig, Tagger
from ner_core.tagger.archive import (
    HEADER_ROOM,
    MANIFEST,
    StoreError,
    anything,
    check_finite,
    digest,
    each,
    flag,
    integer,
    known_keys,
    list_of,
    number,
    one_of,
    parse_json,
    read_manifest,
    read_signed,
    record,
    refusal,
    short_name,
    unpack_weights,
    word,
)
from ner_core.tagger.encode import FEATURES, Encoder, encoder_from_dict, encoder_to_dict
from ner_core.tagger.forward import ACTIVATIONS
from ner_core.tagger.networks import stacks, weight_shapes

VERSION = 1
FILES = ("model.json", "vocab.json", "weights.npz")

# What loading accepts at most; saving refuses the same, so that nothing is stored that cannot be opened.
MAX_BYTES = {"model.json": 4 << 20, "vocab.json": 64 << 20}
MAX_WEIGHTS = 100_000_000  # numbers, 400 MB


# --- files that appear whole or not at all ------------------------------------------


def write_file(path: str | Path, data: bytes, *, is_durable: bool = True) -> None:
    """Replace the file `path` by `data` in one step that a crash cannot cut in two.

    Any number of threads and processes may do so at once: the last one wins. A file that need not
    survive a power cut (`is_durable=False`) is written without waiting for the disk.
    """
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")  # nobody else's, not even a thread's
    try:
        if is_durable:
            _write_and_sync(temporary, data)
        else:
            temporary.write_bytes(data)
        move_file(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if is_durable:
        sync_folder(path.parent)


def move_file(source: Path, target: Path) -> None:
    """Rename over `target`; Windows refuses while somebody reads it, so try for two seconds."""
    for attempt in range(40):
        try:
            source.replace(target)
            return
        except PermissionError:
            if os.name != "nt" or attempt == 39:
                raise
            time.sleep(0.05)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut (POSIX; Windows has no such call)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some network file systems refuse to sync a folder
    finally:
        os.close(descriptor)


def _write_and_sync(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


# --- saving ----------------------------------------------------------------------------


def save_tagger(tagger: Tagger, folder: str | Path) -> Path:
    """Store a trained tagger in `folder` (made where absent; its other files are left alone).

    Raises StoreError where the weights are missing, not finite, or do not fit the network.
    """
    folder = Path(folder)
    contents = _contents(tagger)
    manifest = {name: {"bytes": len(data), "sha256": digest(data)} for name, data in contents.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(f"{MANIFEST}.*.tmp"):  # of a saving that was killed
        leftover.unlink(missing_ok=True)
    for name, data in contents.items():
        _write_and_sync(folder / f"{name}.new", data)
    sync_folder(folder)
    write_file(folder / MANIFEST, _to_json({"version": VERSION, "files": manifest}, indent=1))  # here it is stored
    for name in FILES:
        move_file(folder / f"{name}.new", folder / name)
    sync_folder(folder)
    return folder


def _contents(tagger: Tagger) -> dict[str, bytes]:
    """The bytes of the three files."""
    encoder = encoder_to_dict(tagger.encoder)
    vocabulary = {name: encoder.pop(name) for name in ("words", "tags", "feature_values")}
    model = {
        "format": "NER Lab tagger",
        "version": VERSION,
        "card": tagger.card,
        "temperature": float(tagger.temperature),
        "threshold": float(tagger.threshold),
        "encoder": encoder,
        "network": asdict(tagger.network),
    }
    contents = {
        "model.json": _to_json(model, indent=1),
        "vocab.json": _to_json(vocabulary, indent=None),
        "weights.npz": _pack_weights(tagger),
    }
    limits = MAX_BYTES | {"vocab.json": _vocabulary_room(tagger.network, weight_shapes(tagger.network))[1]}
    for name, limit in limits.items():
        if len(contents.get(name, b"")) > limit:
            raise StoreError(f"{name} would have {len(contents[name]):,} bytes; at most {limit:,} can be stored.")
    _check_model(parse_json(contents["model.json"], "model.json"))
    return contents


def _pack_weights(tagger: Tagger) -> bytes:
    shapes = weight_shapes(tagger.network)
    if not tagger.weights:
        raise StoreError("This tagger has no weights yet. Train it before it is saved.")
    if set(tagger.weights) != set(shapes):
        odd = sorted(set(tagger.weights) ^ set(shapes))
        raise StoreError(f"The weights do not belong to this network. They differ in: {', '.join(odd[:5])}.")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, shape in shapes.items():
            array = np.ascontiguousarray(tagger.weights[name], dtype="<f4")
            if array.shape != tuple(shape):
                raise StoreError(f"Weight {name} should have the shape {tuple(shape)}. Received: {array.shape}.")
            check_finite(name, array)
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())  # a fixed date: same tagger, same bytes
    return packed.getvalue()


def _to_json(value: object, indent: int | None) -> bytes:
    try:
        text = json.dumps(_plain(value), ensure_ascii=False, indent=indent, allow_nan=False)
        return text.encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair: kept as the escape \ud800
        return json.dumps(_plain(value), ensure_ascii=True, indent=indent, allow_nan=False).encode()


def _plain(value: object) -> object:
    """Return `value` as JSON can hold it: tuples as lists, NumPy numbers as numbers, not-a-number as null.

    >>> _plain({"seeds": (1, np.int64(2)), "loss": float("nan")})
    {'seeds': [1, 2], 'loss': None}
    """
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(entry) for entry in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


# --- loading ----------------------------------------------------------------------------


def load_tagger(folder: str | Path) -> Tagger:
    """Open the tagger stored in `folder`.

    Raises StoreError, in one sentence, where it is absent, incomplete, damaged, hostile or too new.
    """
    folder = Path(folder)
    for _ in range(20):  # somebody may be saving into the folder at this very moment
        before = read_manifest(folder)
        try:
            return _load(folder, before)
        except StoreError:
            time.sleep(0.01)
            if read_manifest(folder) == before:
                break
    return _load(folder, read_manifest(folder))


def _load(folder: Path, manifest_bytes: bytes) -> Tagger:
    manifest = _check_manifest(manifest_bytes, folder)
    model = _read_model(folder, manifest)
    network, encoder_part = model["network"], model["encoder"]
    shapes = _bounded_shapes(network)
    n_words, room = _vocabulary_room(network, shapes)
    vocabulary_bytes = read_signed(folder / "vocab.json", manifest["vocab.json"], room)
    vocabulary = _check_vocabulary(parse_json(vocabulary_bytes, "vocab.json", n_words), network)
    encoder = encoder_from_dict({**encoder_part, **vocabulary})
    _check_ids(encoder, network)
    _check_tags(encoder)
    room = sum(4 * math.prod(shape) + HEADER_ROOM for shape in shapes.values()) + HEADER_ROOM
    weights = unpack_weights(read_signed(folder / "weights.npz", manifest["weights.npz"], room), shapes)
    return Tagger(encoder, network, weights, model["temperature"], model["threshold"], model["card"])


def _read_model(folder: Path, manifest: Mapping) -> dict:
    data = read_signed(folder / "model.json", manifest["model.json"], MAX_BYTES["model.json"])
    return _check_model(parse_json(data, "model.json"))


def _vocabulary_room(network: NetworkConfig, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
    """How many words, and how many bytes of them, belong to a network: as many as its tables have rows."""
    first = stacks(network)[0][0].name
    tables = [shape for name, shape in shapes.items() if name.startswith(f"{first}.")]
    n_words = sum(shape[0] for shape in tables if math.prod(shape)) + network.n_tags
    return n_words, min(MAX_BYTES["vocab.json"], (16 << 20) + 1000 * n_words)


# --- what the files may say ----------------------------------------------------------------


def _pair(value: object, where: str) -> tuple[str, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise refusal(where, "a name and a size", value)
    return short_name(value[0], where), integer(1, 5_000_000)(value[1], where)


_LAYER = record(
    Layer,
    {
        "kind": one_of("embed", "dropout", "spatial_dropout", "conv", "bilstm", "lstm", "dense", "crf"),
        "name": short_name,
        "width": integer(0, 4096),
        "rate": number(0, 0.99),
        "recurrent_rate": number(0, 0.99),
        "activation": one_of(*ACTIVATIONS),
        "kernel_size": integer(1, 31),
        "features": list_of(_pair, 32),
    },
)
_NETWORK = record(
    NetworkConfig,
    {
        "layers": list_of(_LAYER, 64, least=1),
        "is_masked": flag,
        "forbids_illegal": flag,
        "sizes": list_of(_pair, 33, least=1),
        "n_tags": integer(1, 10_000),
        "others": list_of(list_of(_LAYER, 64, least=1), 31),
    },
)
# A card may say anything; these entries are read by pages and scores.
_CARD = {
    **dict.fromkeys(("name", "recipe", "corpus", "scored_on", "split"), word),
    "f1": number(0, 1),
    "labels": list_of(word, 10_000),
    "by_label": each(each(integer(0, 1 << 40))),
    "fingerprints": each(word),
    "trained_on": each(each(word)),
}
_ENCODING = record(
    EncodingConfig,
    {
        "vocabulary_from": one_of("train", "train+dev", "all"),
        "tokenizer": one_of("words", "keras lists", "keras text"),
        "order": one_of("frequency", "arbitrary"),
        "tag_order": one_of("labels", "sorted", "arbitrary", "pieces"),
        "unknown": one_of("unk", "none"),
        "pad_side": one_of("post", "pre"),
        "pad_word": one_of("<pad>", "first word", "last word"),
        "pad_tag": one_of("ignored", "O", "first tag"),
        "first_id": integer(0, 16),
        "min_count": integer(0, 1_000_000),
        "features": list_of(one_of(*FEATURES), len(FEATURES)),
        "max_length": integer(0, 100_000, optional=True),
        "is_masked": flag,
    },
)


def _check_manifest(data: bytes, folder: Path) -> dict[str, dict]:
    stored = known_keys(parse_json(data, MANIFEST), MANIFEST, {"version", "files"})
    _check_version(stored.get("version"))
    files = stored.get("files")
    if not isinstance(files, dict) or set(files) != set(FILES):
        raise StoreError(f"{folder / MANIFEST} should name exactly {', '.join(FILES)}. Take another copy of the model.")
    for name, entry in files.items():
        entry = known_keys(entry, f"{MANIFEST}: {name}", {"bytes", "sha256"})
        integer(1, 1 << 40)(entry.get("bytes"), f"{MANIFEST}: the size of {name}")
        if not isinstance(entry.get("sha256"), str) or not re.fullmatch("[0-9a-f]{64}", entry["sha256"]):
            raise refusal(f"{MANIFEST}: the SHA-256 of {name}", "64 hexadecimal digits", entry.get("sha256"))
    return files


def _check_version(version: object) -> None:
    integer(1, 10**6)(version, "The version")
    if version > VERSION:
        raise StoreError(
            f"This model was written by a newer NER Lab (form {version}; this one reads {VERSION}). Update it."
        )


def _check_model(stored: object) -> dict:
    """Return card, temperature, threshold, encoder (a dict without vocabularies) and network, each checked."""
    names = {"format", "version", "card", "temperature", "threshold", "encoder", "network"}
    stored = known_keys(stored, "model.json", names)
    one_of("NER Lab tagger")(stored.get("format"), "model.json: format")
    _check_version(stored.get("version"))
    card = each(anything)(stored.get("card"), "model.json: card")
    for name in _CARD.keys() & card.keys():
        if card[name] is not None:
            _CARD[name](card[name], f"model.json: card.{name}")
    encoder = known_keys(stored.get("encoder"), "model.json: encoder", {"config", "max_length"})
    config = _ENCODING(encoder.get("config"), "model.json: encoder.config")
    return {
        "card": card,
        "temperature": number(0.01, 100)(stored.get("temperature"), "model.json: temperature"),
        "threshold": number(0, 1)(stored.get("threshold", 0.0), "model.json: threshold"),
        "encoder": {
            "config": asdict(config),
            "max_length": integer(1, 100_000, optional=True)(
                encoder.get("max_length"), "model.json: encoder.max_length"
            ),
        },
        "network": _NETWORK(stored.get("network"), "model.json: network"),
    }


def _bounded_shapes(network: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """The shapes of all weights, refused where together they pass what a tagger may hold."""
    try:
        shapes = {name: tuple(int(n) for n in shape) for name, shape in weight_shapes(network).items()}
    except (KeyError, ValueError, TypeError, IndexError) as problem:
        raise StoreError(f"model.json: network describes no network that can be built ({problem}).") from None
    n_weights = sum(math.prod(shape) for shape in shapes.values())
    if n_weights > MAX_WEIGHTS:
        raise StoreError(f"model.json describes {n_weights:,} weights; at most {MAX_WEIGHTS:,} are opened.")
    return shapes


def _check_vocabulary(stored: object, network: NetworkConfig) -> dict:
    stored = known_keys(stored, "vocab.json", {"words", "tags", "feature_values"})
    sizes = dict(network.sizes)
    features = stored.get("feature_values")
    if not isinstance(features, dict) or len(features) > 32:
        raise refusal("vocab.json: feature_values", "an object", features)
    return {
        "words": list_of(word, sizes.get("word", 0), least=1)(stored.get("words"), "vocab.json: words"),
        "tags": list_of(word, network.n_tags, least=network.n_tags)(stored.get("tags"), "vocab.json: tags"),
        "feature_values": {
            one_of(*FEATURES)(name, "vocab.json: feature_values"): list_of(word, sizes.get(name, 0), least=2)(
                values, f"vocab.json: {name}"
            )
            for name, values in features.items()
        },
    }


def _check_ids(encoder: Encoder, network: NetworkConfig) -> None:
    """Every id the encoder can give must have a row in the network's tables."""
    sizes = dict(network.sizes)
    if encoder.n_word_ids > sizes["word"]:
        raise StoreError(
            f"vocab.json needs {encoder.n_word_ids:,} word ids, the network has {sizes['word']:,}. It is refused."
        )
    asked = {name for layer in network.layers for name, _ in layer.features}
    if not asked <= set(encoder.feature_values):
        raise StoreError(f"vocab.json lacks the features {', '.join(sorted(asked - set(encoder.feature_values)))}.")


def _check_tags(encoder: Encoder) -> None:
    """Decoding needs each tag once and, but for tags in pieces, the tag `O`."""
    if len(set(encoder.tags)) != len(encoder.tags):
        raise StoreError("vocab.json: tags should each stand once. Take another copy of the model.")
    needs_o = encoder.config.tag_order != "pieces" or encoder.config.pad_tag == "O"
    if needs_o and "O" not in encoder.tags:
        raise refusal("vocab.json: tags", "a list with the tag O", list(encoder.tags))


# --- which taggers are there -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One stored tagger as lists show it; `f1` is the dev score on its card, `saved` a time stamp.

    `problem` is empty but for folders that `broken_models` lists.
    """

    folder: Path
    name: str
    recipe: str = ""
    is_published: bool = False
    corpus: str = ""
    f1: float | None = None
    saved: float = 0.0
    card: Mapping = None
    problem: str = ""


def list_models(root: str | Path) -> list[ModelInfo]:
    """The taggers stored in the folders of `root` (and in their `best` folders), newest first."""
    return [info for info in _look_through(Path(root)) if not info.problem]


def broken_models(root: str | Path) -> list[ModelInfo]:
    """The folders of `root` that hold a tagger which cannot be opened; `problem` says why."""
    return [info for info in _look_through(Path(root)) if info.problem]


def _look_through(root: Path) -> list[ModelInfo]:
    infos = [_model_info(folder) for folder in _model_folders(root)]
    return sorted(infos, key=lambda info: (-info.saved, info.name))


def _model_folders(root: Path) -> Iterator[Path]:
    try:
        entries = sorted(entry for entry in root.iterdir() if entry.is_dir())
    except OSError:
        return
    for folder in entries:
        for candidate in (folder, folder / "best"):
            if (candidate / MANIFEST).is_file() or (candidate / "model.json").is_file():
                yield candidate


def _model_info(folder: Path) -> ModelInfo:
    """Read the card; the weights are only measured here, `load_tagger` checks them."""
    fallback = folder.parent.name if folder.name == "best" else folder.name
    try:
        manifest = _check_manifest(read_manifest(folder), folder)
        card = _read_model(folder, manifest)["card"]
        for name in FILES[1:]:
            paths = [path for path in (folder / name, folder / f"{name}.new") if path.is_file()]
            if manifest[name]["bytes"] not in [path.stat().st_size for path in paths]:
                raise StoreError(f"{folder / name} is missing or cut short. Take another copy of the model.")
        saved = (folder / MANIFEST).stat().st_mtime
    except (StoreError, OSError) as problem:
        return ModelInfo(folder, fallback, problem=str(problem))
    f1 = card.get("f1")
    return ModelInfo(
        folder,
        name=str(card.get("name") or fallback),
        recipe=str(card.get("recipe") or ""),
        is_published=card.get("is_published") is True,
        corpus=str(card.get("corpus") or ""),
        f1=float(f1) if isinstance(f1, int | float) and not isinstance(f1, bool) else None,
        saved=saved,
        card=card,
    )
