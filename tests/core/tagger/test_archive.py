"""What comes from a stranger: the good one is read, every odd one is refused before it costs anything."""

import io
import os
import zipfile
from hashlib import sha256

import numpy as np
import pytest

from ner_core.records import Layer
from ner_core.tagger import archive
from ner_core.tagger.archive import StoreError, integer, known_keys, parse_json, record, short_name

WEIGHTS = {
    "words.table": np.arange(40, dtype=np.float32).reshape(10, 4),
    "tags.bias": np.ones(3, dtype=np.float32),
}
SHAPES = {name: array.shape for name, array in WEIGHTS.items()}


# --- files -------------------------------------------------------------------------------


@pytest.fixture
def signed(tmp_path):
    """A file, and what its manifest would say of it."""
    file = tmp_path / "vocab.json"
    file.write_bytes(b"[1, 2, 3]")
    return file, {"bytes": 9, "sha256": sha256(b"[1, 2, 3]").hexdigest()}


def test_a_file_is_read_from_its_place_or_the_new_one_beside_it(signed):
    file, about = signed
    assert archive.read_signed(file, about, 9) == b"[1, 2, 3]"
    file.rename(file.with_name("vocab.json.new"))
    file.write_bytes(b"[3, 2, 1]")  # of another saving
    assert archive.read_signed(file, about, 9) == b"[1, 2, 3]"


@pytest.mark.parametrize("content", [b"[1, 2, 4]", b"[1, 2, 3", b"[1, 2, 3] "])
def test_a_changed_file_is_refused(signed, content):
    file, about = signed
    file.write_bytes(content)
    with pytest.raises(StoreError, match=r"vocab\.json was cut short or changed"):
        archive.read_signed(file, about, 100)


def test_a_file_that_claims_too_much_is_not_opened(signed):
    file, about = signed
    file.unlink()
    with pytest.raises(StoreError, match="claims 9 bytes where at most 8 fit"):
        archive.read_signed(file, about, 8)


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
def test_links_are_not_followed(signed):
    file, about = signed
    file.rename(file.with_name("elsewhere.json"))
    file.symlink_to(file.with_name("elsewhere.json"))
    with pytest.raises(StoreError, match=r"vocab\.json is missing"):
        archive.read_signed(file, about, 9)


# --- archives ------------------------------------------------------------------------------


def npz(members, compression=zipfile.ZIP_STORED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return packed.getvalue()


def npy(array):
    member = io.BytesIO()
    np.save(member, array, allow_pickle=True)
    return member.getvalue()


def hostile_weights(attack, good):
    """The members of an archive that is wrong in one way."""
    members = [(f"{name}.npy", npy(array)) for name, array in good.items()]
    first = members[0][0]
    if attack == "zip bomb":
        return npz([(first, bytes(10**6)), *members[1:]], zipfile.ZIP_DEFLATED)
    if attack == "compressed":
        return npz(members, zipfile.ZIP_DEFLATED)
    if attack == "pickle":
        return npz([(first, npy(np.array([{"a": 1}], dtype=object))), *members[1:]])
    if attack == "one too many":
        return npz([*members, ("../evil.npy", b"")])
    if attack == "one missing":
        return npz(members[1:])
    if attack == "shape bomb":
        header = io.BytesIO()
        large = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 10)}
        np.lib.format.write_array_header_1_0(header, large)
        return npz([(first, header.getvalue().ljust(len(members[0][1]), b"\0")), *members[1:]])
    if attack == "other type":
        array = next(iter(good.values()))
        return npz([(first, npy(array.astype(np.float16).repeat(2, axis=0))), *members[1:]])
    if attack == "not a number":
        array = next(iter(good.values())).copy()
        array[0, 0] = np.nan
        return npz([(first, npy(array)), *members[1:]])
    return b"PK\x03\x04 no archive at all"


ATTACKS = "zip bomb, compressed, pickle, one too many, one missing, shape bomb, other type, not a number, no archive"


@pytest.mark.parametrize("attack", ATTACKS.split(", "))
def test_a_hostile_archive_is_refused(attack):
    with pytest.raises(StoreError, match=r"weights\.npz|no finite numbers"):
        archive.unpack_weights(hostile_weights(attack, WEIGHTS), SHAPES)


def test_a_good_archive_opens():
    """So that the refusals above are for what is hostile, not for how the archive was made."""
    found = archive.unpack_weights(npz([(f"{name}.npy", npy(array)) for name, array in WEIGHTS.items()]), SHAPES)
    assert list(found) == list(WEIGHTS)
    assert all(
        np.array_equal(found[name], array) and not found[name].flags.writeable for name, array in WEIGHTS.items()
    )


# --- JSON and its values ---------------------------------------------------------------------


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": NaN}', '{"a": 1, "a": 2}', "9" * 5000, "[]", "null", "\x00"])
def test_odd_json_is_refused(text):
    with pytest.raises(StoreError, match=r"vocab\.json"):
        known_keys(parse_json(text.encode(), "vocab.json"), "vocab.json", {"a"})
    assert known_keys(parse_json(b'{"a": 1}', "vocab.json"), "vocab.json", {"a"}) == {"a": 1}


def test_values_are_counted_before_they_are_parsed(monkeypatch):
    monkeypatch.setattr("json.loads", lambda *_, **__: pytest.fail("it was parsed"))
    with pytest.raises(StoreError, match="more values"):
        parse_json(b"[" + b"[]," * (archive.MAX_VALUES + 7) + b"[]]", "vocab.json", 7)


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"kind": "dense"}, "lacks name"),
        ({"kind": "dense", "name": "../x"}, r"layer\.name should be a short name"),
        ({"kind": "dense", "name": "x", "module": "os"}, "does not know: module"),
        ({"kind": "dense", "name": "x", "width": True}, r"layer\.width should be a whole number"),
        ({"kind": "dense", "name": "x", "rate": 1e9}, r"layer\.rate should be a number"),
        ("dense", "layer should be an object"),
    ],
)
def test_a_record_takes_what_its_checks_allow(stored, said):
    check = record(Layer, {"name": short_name, "width": integer(0, 4096)})
    assert check({"kind": "dense", "name": "x", "width": 3}, "layer") == Layer("dense", "x", width=3)
    with pytest.raises(StoreError, match=said):
        check(stored, "layer")
