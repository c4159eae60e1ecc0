"""Bad uploads, rows 35 to 43: archives, models and names that mean harm. Nothing is run, nothing grows, nothing is lost.

The outcome of each row was decided before the code: see the table in `docs/uploads.md`. A corpus goes through
`load_corpus` with the bytes of an upload, a model through `load_tagger` with a folder whose manifest agrees with its
files, as a stranger would hand it on. Hostile models are opened in one process of their own, in which the address
space is limited where the system can, and which says for each how long and how much it took.
"""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import stat
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from ner_core.commands.corpora import write_form
from ner_core.data.corpus import load_corpus
from ner_core.data.formats import decoding
from ner_core.records import (
    Corpus,
    Prediction,
    Sentence,
    Span,
    SplitConfig,
    UploadError,
)
from ner_core.show.export import html_page, to_conll, to_csv, to_docbin, to_jsonl
from ner_core.show.highlight import legend_html, to_html
from ner_core.tagger import store
from ner_core.tagger.archive import MANIFEST, StoreError
from ner_core.tagger.networks import weight_shapes
from ner_core.tagger.recipes import new_tagger, recipe
from ner_core.tagger.store import load_tagger, save_tagger
from ner_core.training.keeping import folder_name, keep_model
from ner_core.training.runs import RunConfig, create_run, model_roots, read_run, rename

ROOT = Path(__file__).parents[2]
WHOLE = SplitConfig(test=0.0, dev=0.0)
CONLL = b"Ada\tB-per\nleft\tO\n"
ADA = Sentence(("Ada", "left"), (Span(0, 1, "per"),))


def read(data, name="upload"):
    return load_corpus((name, data), split=WHOLE)


def zipped(*members, compression=zipfile.ZIP_DEFLATED):
    """A zip of (name or ZipInfo, content)."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return packed.getvalue()


def linked(name, target):
    """A symbolic link, as `zip -y` packs it."""
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info, target


# --- 35 and 36: archives as corpora ----------------------------------------------------------------------

NAMES = ["../../x", "/etc/passwd", "C:\\x.conll", "..\\..\\x", "a\x00b", "x" * 60_000, "<b>.conll", "\u202etxt"]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_in_an_archive_is_never_a_path(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corpus = read(zipped((name, CONLL)), name="mine.zip")
    assert corpus.train == (ADA,) and corpus.name == "mine" and not corpus.notes
    assert not list(tmp_path.rglob("*"))


def test_a_link_in_an_archive_is_refused():
    with pytest.raises(UploadError, match="the zip archive holds a link; received 'x'; pack the file itself"):
        read(zipped(linked("x", "/etc/passwd")))


def test_several_files_are_refused_and_their_names_shortened():
    with pytest.raises(UploadError, match="must hold one file; received 9 files") as error:
        read(zipped(*[(f"{i}{name}", CONLL) for i, name in enumerate([*NAMES, "last"])]))
    assert len(str(error.value)) < 400 and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["../../mine.conll", "C:\\Users\\ada\\mine.conll", "/etc/mine.conll", "mine"])
def test_the_name_of_an_upload_is_never_a_path(name):
    assert read(CONLL, name=name).name == "mine"


def overlapping():
    """A zip in whose list two names lead to the same bytes."""
    data = bytearray(zipped(("a", CONLL), ("b", CONLL)))
    first, second = (data.index(b"PK\x01\x02"), data.rindex(b"PK\x01\x02"))
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    return bytes(data)


ZEROS, LETTERS = bytes(10_000_000), b"a\tO\n" * 5_100_000
ARCHIVES = {
    "36a zip of zeros": lambda: zipped(("x", ZEROS)),
    "36a gzip of zeros": lambda: gzip.compress(ZEROS),
    "36b zip of letters": lambda: zipped(("x", LETTERS)),
    "36b gzip of letters": lambda: gzip.compress(LETTERS),
    "36b bzip2 of letters": lambda: bz2.compress(LETTERS, 1),
    "36b xz of letters": lambda: lzma.compress(LETTERS, preset=1),
    "36c zip in a zip": lambda: zipped(("x.zip", zipped(("y", CONLL)))),
    "36c gzip in a gzip": lambda: gzip.compress(gzip.compress(CONLL)),
    "36d 100,000 files": lambda: zipped(*[(str(i), b"") for i in range(100_000)]),
    "36e overlapping": overlapping,
    "37a .npy": lambda: npy(np.arange(9)),
    "37a .npy of objects": lambda: npy(np.array([Evil()], dtype=object)),
    "37a .npz": lambda: zipped(("a.npy", npy(np.arange(9))), ("b.npy", npy(np.arange(9)))),
    "37a .npz of one": lambda: zipped(("a.npy", npy(np.arange(9)))),
    **{f"37a pickle {n}": lambda n=n: pickle.dumps(Evil(), n) for n in range(6)},
    "38a .h5": lambda: hdf5(),
    "38a .keras": lambda: keras_file(),
    "a tar": lambda: tarred(),
}


@cache
def built(archive):
    return ARCHIVES[archive]()


@pytest.mark.parametrize("archive", ARCHIVES)
def test_a_hostile_archive_is_refused_in_one_sentence(archive):
    data = built(archive)
    started = time.process_time()
    with pytest.raises(UploadError, match="; received ") as error:
        read(data)
    assert time.process_time() - started < 3
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
    assert not Evil.was_run


def test_a_list_of_very_many_files_is_not_even_read():
    with pytest.raises(UploadError, match="received more than 10,000 files"):
        read(built("36d 100,000 files"))


@pytest.mark.parametrize("archive", [name for name in ARCHIVES if name.startswith("36")])
def test_a_bomb_takes_little_memory(archive):
    data = built(archive)
    tracemalloc.start()
    try:
        with pytest.raises(UploadError):
            read(data)
        assert tracemalloc.get_traced_memory()[1] < 120e6  # tens of MB are what a file may hold in any case
    finally:
        tracemalloc.stop()


def test_a_table_that_is_the_same_all_over_is_no_bomb():
    text = b"".join(
        b"Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n%d\tO\n\n" % i for i in range(200_000)
    )
    for pack in (gzip.compress, lambda data: lzma.compress(data, preset=1), lambda data: zipped(("x", data))):
        assert len(decoding.unpack(pack(text), decoding.Repairs())) == len(text)


# --- 35 to 40: models ------------------------------------------------------------------------------------


class Evil:
    """What nobody may ever unpickle."""

    was_run = False

    def __reduce__(self):
        return (setattr, (Evil, "was_run", True))


def npy(array):
    packed = io.BytesIO()
    np.save(packed, array, allow_pickle=True)
    return packed.getvalue()


def hdf5():
    """A file whose one data set stands in another file, and one whose parts do."""
    import h5py

    packed = io.BytesIO()
    with h5py.File(packed, "w") as file:
        file["kernel"] = h5py.ExternalLink("/etc/passwd", "/")
        layout = h5py.VirtualLayout((10,), dtype="f4")
        layout[:5] = h5py.VirtualSource("/etc/hosts", "x", (5,))
        file.create_virtual_dataset("bias", layout)
        file.create_dataset("bomb", shape=(10**12,), dtype="f4", chunks=(1024,))
    return packed.getvalue()


def keras_file():
    """A `.keras` archive with a layer that holds code."""
    evil = {"class_name": "Lambda", "module": "keras.layers", "config": {"function": ["4wEAAA==", None, None]}}
    return zipped(("config.json", json.dumps(evil)), ("metadata.json", "{}"), ("model.weights.h5", hdf5()))


def tarred():
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        info = tarfile.TarInfo("../../x")
        info.size = len(CONLL)
        archive.addfile(info, io.BytesIO(CONLL))
    return packed.getvalue()


def tiny_tagger():
    tagger = new_tagger(Corpus("tiny", (ADA,), (ADA,), (ADA,), ("per",)), recipe("bilstm-crf"))
    numbers = np.random.default_rng(0)
    tagger.weights = {n: numbers.normal(size=s).astype(np.float32) for n, s in weight_shapes(tagger.network).items()}
    return tagger


GOOD = tiny_tagger()


def sign(folder):
    """Write a manifest that agrees with the files, as a stranger would."""
    files = {name: (folder / name).read_bytes() for name in store.FILES}
    about = {name: {"bytes": len(data), "sha256": sha256(data).hexdigest()} for name, data in files.items()}
    (folder / MANIFEST).write_text(json.dumps({"version": 1, "files": about}))


def changed(name, change):
    """An attack that rewrites one JSON file."""

    def attack(folder):
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        change(content)
        (folder / name).write_text(json.dumps(content))
        sign(folder)

    return attack


def written(name, content):
    """An attack that puts other bytes in the place of one file."""

    def attack(folder):
        (folder / name).write_bytes(content() if callable(content) else content)
        sign(folder)

    return attack


def members():
    return [(f"{name}.npy", npy(array)) for name, array in GOOD.weights.items()]


def good_archive():
    return zipped(*members(), compression=zipfile.ZIP_STORED)


def weights(change):
    """An attack that packs other members; `change` takes and returns a list of them."""
    return written("weights.npz", lambda: zipped(*change(members()), compression=zipfile.ZIP_STORED))


def renamed(name):
    return weights(lambda given: [(name, given[0][1]), *given[1:]])


def headed(header):
    """The first array with another header, of the same length."""

    def change(given):
        name, data = given[0]
        room = int.from_bytes(data[8:10], "little")
        return [(name, data[:10] + header.encode().ljust(room - 1)[: room - 1] + b"\n" + data[10 + room :]), *given[1:]]

    return weights(change)


def linked_file(name, target):
    def attack(folder):
        (folder / name).unlink()
        (folder / name).symlink_to(target)

    return attack


def piped(name):
    def attack(folder):
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return attack


def only_a_file(content):
    """A file instead of a folder: `model.keras`."""

    def attack(folder):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        folder.write_bytes(content())

    return attack


def large_network(folder):
    """A network that may have 90 million weights, so that its archive may be large, with another archive."""
    changed("model.json", lambda content: content["network"]["sizes"].__setitem__(0, ["word", 1_500_000]))(folder)
    many = zipped(*[(str(i), b"") for i in range(60_000)], compression=zipfile.ZIP_STORED)
    (folder / "weights.npz").write_bytes(many)
    sign(folder)


def large_network_zip64(folder):
    """The same, its true list told by a second record behind a first that looks right."""
    large_network(folder)
    data = (folder / "weights.npz").read_bytes()
    at = data.rindex(b"PK\x05\x06")
    size, offset = struct.unpack_from("<LL", data, at + 12)
    n, n_bytes = len(GOOD.weights), sum(46 + len(f"{name}.npy") for name in GOOD.weights)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 60_000, 60_000, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, n, n, n_bytes, offset, 0)
    (folder / "weights.npz").write_bytes(data[:at] + record + locator + end)
    sign(folder)


def overlapping_weights(folder):
    """Every name leads to the bytes of the first."""
    data = bytearray((folder / "weights.npz").read_bytes())
    at, first = data.index(b"PK\x01\x02"), None
    while at >= 0:
        first = first or data[at + 42 : at + 46]
        data[at + 42 : at + 46] = first
        at = data.find(b"PK\x01\x02", at + 4)
    (folder / "weights.npz").write_bytes(data)
    sign(folder)


def layer(**values):
    return changed("model.json", lambda content: content["network"]["layers"][0].update(values))


def card(**values):
    return changed("model.json", lambda content: content["card"].update(values))


OTHER_WEIGHTS, NO_ARRAY = "exactly the weights of its network", "should be float32 of the shape"
NO_ARCHIVE, IS_FILE = "no readable archive", "is a file; give the folder that training wrote"

ATTACKS = {
    "35e ../../x.npy": (renamed("../../x.npy"), OTHER_WEIGHTS),
    "35e /x.npy": (renamed("/x.npy"), OTHER_WEIGHTS),
    "35e C:\\x.npy": (renamed("C:\\x.npy"), OTHER_WEIGHTS),
    "35e NUL in a name": (renamed("embed\x00.npy"), OTHER_WEIGHTS),
    "35e NUL for a letter": (
        written("weights.npz", lambda: good_archive().replace(b".npy", b".np\x00")),
        OTHER_WEIGHTS,
    ),
    "35e a link": (weights(lambda given: [linked("x.npy", "/etc/passwd"), *given[1:]]), OTHER_WEIGHTS),
    "35f a file that is a link": (linked_file("weights.npz", "/etc/passwd"), "weights.npz is missing"),
    "35f a manifest that is a link": (linked_file(MANIFEST, "/dev/zero"), "a link or no plain file"),
    "35f a manifest that is a pipe": (piped(MANIFEST), "a link or no plain file"),
    "35f a file that is a pipe": (piped("vocab.json"), "vocab.json is missing"),
    "36f zeros": (written("weights.npz", lambda: zipped(("x", ZEROS))), "exactly the weights"),
    "36f zeros under a right name": (
        written("weights.npz", lambda: zipped((members()[0][0], ZEROS), *members()[1:])),
        "has not the size its network needs",
    ),
    "36f a zip in the zip": (weights(lambda given: [("x.zip", zipped(*given))]), OTHER_WEIGHTS),
    "36f 60,000 members": (large_network, OTHER_WEIGHTS),
    "36f 60,000 members, told twice": (large_network_zip64, NO_ARCHIVE),
    "36f overlapping": (overlapping_weights, ""),
    "36g empty lists": (written("vocab.json", lambda: b'{"words": [' + b"[]," * 5_000_000 + b"[]]}"), "more values"),
    "36g very many": (written("vocab.json", lambda: b'{"words": [' + b"[]," * 20_000_000 + b"[]]}"), "where at most"),
    "36g many words": (written("vocab.json", lambda: b'{"words": [' + b'"ab",' * 3_000_000 + b'"a"]}'), "more values"),
    "36g empty lists in the card": (
        written("model.json", lambda: b'{"card": [' + b"[]," * 1_300_000 + b"[]]}"),
        "more values",
    ),
    "36g deep brackets": (written("model.json", b"[" * 4_000_000), "more values"),
    "36g rather deep brackets": (
        written("model.json", b'{"a": ' + b"[" * 900 + b"]" * 900 + b"}"),
        "nested too deeply",
    ),
    "36g a large file": (written("model.json", b" " * (5 << 20)), "where at most"),
    "37b a pickle in an array": (
        weights(lambda given: [(given[0][0], npy(np.array([Evil()], dtype=object))), *given[1:]]),
        "",
    ),
    "37b a pickle's header": (headed("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"), NO_ARRAY),
    "37b a header to evaluate": (headed("__import__('os').abort()"), NO_ARRAY),
    "37b a header that never ends": (headed("{'descr': ("), NO_ARRAY),
    "37b a header of an old Python": (headed("{'descr': '<f4', 'fortran_order': False, 'shape': (1L, 2), }"), NO_ARRAY),
    "37b a pickle for the archive": (written("weights.npz", lambda: pickle.dumps(Evil())), NO_ARCHIVE),
    "37b a pickle for the vocabulary": (written("vocab.json", lambda: pickle.dumps(Evil())), "no readable JSON"),
    "38b HDF5 for the archive": (written("weights.npz", hdf5), NO_ARCHIVE),
    "38b HDF5 in the archive": (weights(lambda given: [(given[0][0], hdf5()), *given[1:]]), ""),
    "38c a shape beyond all": (
        headed("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 10), }"),
        NO_ARRAY,
    ),
    "38c a shape below zero": (headed("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -1), }"), NO_ARRAY),
    "39 thirty million units": (layer(width=30_000_000), "a whole number from 0 to 4,096"),
    "39 a table too large": (
        changed("model.json", lambda content: content["network"]["sizes"].__setitem__(0, ["word", 5_000_000])),
        "at most 100,000,000 are opened",
    ),
    "39 layer upon layer": (
        changed(
            "model.json",
            lambda content: content["network"].update(
                layers=[
                    {"kind": "embed", "name": "embed", "width": 8},
                    *[{"kind": "bilstm", "name": f"l{i}", "width": 4096} for i in range(62)],
                    {"kind": "dense", "name": "d"},
                ]
            ),
        ),
        "at most 100,000,000 are opened",
    ),
    "39 a number of 5,000 digits": (
        written("model.json", b'{"format": "NER Lab tagger", "version": ' + b"9" * 5_000 + b"}"),
        "no readable JSON",
    ),
    "39 a rate beyond all": (
        written("model.json", b'{"version": 1, "format": "NER Lab tagger", "temperature": 1e999}'),
        "",
    ),
    **{
        f"40a {kind}": (layer(kind=kind), "should be one of embed, dropout")
        for kind in ("Lambda", "lambda", "TFSMLayer", "__main__.Evil", "tests.Evil")
    },
    **{
        f"40b {key}": (layer(**{key: "os"}), f"settings this version does not know: {key}")
        for key in ("module", "class_name", "registered_name", "__class__")
    },
    "40c .keras": (only_a_file(keras_file), IS_FILE),
    "40c .h5": (only_a_file(hdf5), IS_FILE),
    "40c .pkl": (only_a_file(lambda: pickle.dumps(Evil())), IS_FILE),
    "card: labels": (card(labels=7), "card.labels should be a list"),
    "card: counts": (card(by_label={"per": [1]}), "card.by_label.per should be an object"),
    "card: fingerprints": (card(fingerprints={"train": [1]}), "card.fingerprints.train should be a text"),
    "card: score": (card(f1="<b>"), "card.f1 should be a number"),
}

CHILD = """
import json, resource, sys, time
from pathlib import Path
from ner_core.records import InputError
from ner_core.tagger.archive import StoreError
from ner_core.tagger.store import load_tagger

def kib(name):
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)

load_tagger(sys.argv[1])  # so that what follows counts the attack alone
pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
if pages:
    room = pages * resource.getpagesize() + 200_000_000
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
for folder in sys.argv[2:]:
    if Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, started = kib("VmRSS"), time.process_time()
    try:
        load_tagger(folder)
        kind, said = "opened", ""
    except BaseException as problem:
        kind, said = type(problem).__name__, str(problem)
    seconds = time.process_time() - started
    grown = kib("VmHWM") - before
    print(json.dumps({"kind": kind, "said": said, "seconds": seconds, "kib": grown}), flush=True)
loaded = sorted({"h5py", "keras", "tensorflow"} & set(sys.modules))
print(json.dumps({"loaded": loaded}))
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What became of every attack, and what the process had loaded in the end."""
    root = tmp_path_factory.mktemp("models")
    good = save_tagger(GOOD, root / "good")
    folders = [save_tagger(GOOD, root / str(number)) for number in range(len(ATTACKS))]
    for folder, (attack, _) in zip(folders, ATTACKS.values(), strict=True):
        attack(folder)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, good, *folders], capture_output=True, text=True, cwd=ROOT, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *each, last = map(json.loads, done.stdout.splitlines())
    return dict(zip(ATTACKS, each, strict=True)) | last


@pytest.mark.skipif(os.name == "nt", reason="pipes, links and limits of memory are POSIX")
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_model_is_refused_quickly_and_small(outcomes, attack):
    outcome = outcomes[attack]
    assert outcome["kind"] == "StoreError", outcome
    assert ATTACKS[attack][1] in outcome["said"]
    assert "\n" not in outcome["said"] and len(outcome["said"]) < 400
    assert outcome["seconds"] < 0.2
    assert outcome["kib"] < 50_000


@pytest.mark.skipif(os.name == "nt", reason="pipes, links and limits of memory are POSIX")
def test_nothing_that_could_run_a_model_was_loaded(outcomes):
    assert outcomes["loaded"] == [] and not Evil.was_run


@pytest.mark.parametrize("path", ["", "a\x00b", "x" * 5_000, "\ud800", "nowhere", "/dev/null", "."])
def test_an_odd_path_to_a_model_is_refused_in_one_sentence(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError) as error:
        load_tagger(path)
    assert "\n" not in str(error.value)


def test_many_odd_words_are_no_attack(tmp_path):
    """Words of commas and brackets, more than the values a file may have otherwise."""
    words = tuple(f'{"[" * 90}{i}{"," * 90}"\\' for i in range(2_000))
    corpus = Corpus("odd", (Sentence(words),), (ADA,), (ADA,), ("per",))
    tagger = new_tagger(corpus, recipe("bilstm-crf"))
    tagger.weights = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(tagger.network).items()}
    assert load_tagger(save_tagger(tagger, tmp_path / "m")).encoder == tagger.encoder


# --- 41: shown as it is written -----------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"onmouseover='alert(1)'",
    "</span></mark><b>",
    "javascript:alert(1)",
    "[a](javascript:alert(1))",
    "![a](http://x/y.png)",
    "{}",
    "{0.__class__}",
    "%s%n",
    "$x^2$",
    "**bold** `code` :red[x] ~~y~~",
    "&lt;b&gt;&amp;",
    "<!--",
    "]]>",
    "\u202eevil",
]


class Scan(HTMLParser):
    """The elements, attributes and words of a piece of HTML."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text = set(), [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.text += data


def check_html(html, *expected):
    page = Scan(html)
    assert not page.tags & {"script", "img", "b", "a", "iframe", "link", "object", "svg"}
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href")]
    for text in expected:
        assert text in page.text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_word_or_label_is_shown_letter_by_letter(text):
    word = text.replace(" ", "_")
    item = Sentence((word, "left"), (Span(0, 1, text),), meta=(("genre", text),))
    predicted = Prediction(item.text, item.tokens, ("O", "O"), (Span(0, 2, text),), (0.5,), gold=item.spans)
    shown_word, shown = (each.replace("\u202e", "\ufffd") for each in (word, text))  # it would turn the page round
    for html in (
        to_html(item, labels=(text,)),
        to_html(predicted, threshold=0.9),
        to_html(predicted, compare=item.spans),
    ):
        check_html(html, shown_word)
    check_html(legend_html([text], {text: 1}), shown)
    check_html(html_page([item], title=text), shown_word, text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_word_or_label_leaves_the_app_and_comes_back_unchanged(text):
    word = text.replace(" ", "_")
    item = Sentence((word, "left"), (Span(0, 1, text),), meta=(("genre", text),))
    for form in ("conll", "jsonl", "csv", "spacy"):
        [back] = read(write_form([item], form)).train
        assert (back.words, back.spans, back.meta) == (item.words, item.spans, item.meta)
    assert json.loads(to_jsonl([item]))["entities"][0]["label"] == text
    assert text in to_conll([item]) and text.replace('"', '""') in to_csv([item]) and to_docbin([item])


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_column_or_file_name_is_named_in_the_refusal_and_no_more(text):
    with pytest.raises(UploadError, match="no column ") as error:
        read(f'Sentence #,Word,"{text.replace(chr(34), chr(34) * 2)}"\n1,Ada,O\n'.encode(), name=f"{text}.csv")
    assert "\n" not in str(error.value) and text.partition("/")[0].strip() in str(error.value)


# --- 42: tables for programs, tables for spreadsheets -----------------------------------------------------------

FORMULAS = ('=HYPERLINK("http://x")', "+1", "-", "@x", "＝1", "'=1", "'", "=", "plain", "-0", "a;=1")
SHEET = Sentence(FORMULAS, (Span(0, 2, "per"), Span(3, 4, "=x")), meta=(("genre", "=news"), ("part", "dev")))


def test_a_table_for_programs_is_unchanged_and_read_back_unchanged():
    data = write_form([SHEET, ADA], "csv")
    corpus = read(data)
    assert corpus.train == (SHEET, ADA) and b"'=HYPER" not in data
    assert [note for note in corpus.notes if "spreadsheet" in note.what] == []


def test_a_table_for_spreadsheets_runs_nothing_and_is_read_back_unchanged_with_a_note():
    import csv

    data = write_form([SHEET, ADA], "csv", for_spreadsheets=True)
    cells = [cell for row in csv.reader(io.StringIO(data.decode())) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝"))]
    corpus = read(data)
    assert corpus.train == (SHEET, ADA)
    [note] = [note for note in corpus.notes if "spreadsheet" in note.what]
    assert note.what == "' before a cell that a spreadsheet would run, taken away"
    assert (note.count, note.lines) == (8, (2, 3, 4))


def test_words_that_begin_with_a_quotation_mark_keep_it():
    for data in (
        b"Sentence #,Word,Tag\n1,'=1,O\n1,'s,O\n",
        write_form([Sentence(("'=1", "'s"))], "csv", for_spreadsheets=True),
    ):
        corpus = read(data)
        assert corpus.train[0].words == ("'=1", "'s") and len(corpus.notes) == 1  # no entity is marked


def test_the_command_line_writes_both(tmp_path, capsys):
    from ner_core.__main__ import main

    (tmp_path / "in.conll").write_text("=1\tB-per\n")
    for options in ([], ["--for-spreadsheets"]):
        assert main(["convert", str(tmp_path / "in.conll"), str(tmp_path / "out.csv"), *options]) == 0
        assert ("'=1" in (tmp_path / "out.csv").read_text()) == bool(options)
        assert read((tmp_path / "out.csv").read_bytes()).train[0].words == ("=1",)
    assert main(["convert", str(tmp_path / "in.conll"), str(tmp_path / "out.jsonl"), "--for-spreadsheets"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "--for-spreadsheets is for csv alone. Received: jsonl."


# --- 43: names of runs and models -----------------------------------------------------------------------------

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
KEPT_NAMES = ["a/b", ".", "..", "C:\\x", "CON", "nul", "com1", "<b>", "{}", "$x$", "😀", FAMILY, "新聞", "報紙", " x "]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path / "home"))
    made = create_run(RunConfig(corpus_name="tiny"))
    save_tagger(GOOD, made.folder / "best")
    return made


@pytest.mark.parametrize("name", KEPT_NAMES)
def test_a_run_is_called_as_it_was_called(run, name):
    rename(run.id, name)
    assert read_run(run.id).name == name.strip()
    assert [path.name for path in run.folder.parent.iterdir()] == [run.id]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", "bilstm-crf on tiny"),
        (" \n\t", "bilstm-crf on tiny"),
        ("x" * 300, "x" * 80),
        ("a\nb\x00c\u202ed\ud800e", "a b c d e"),
    ],
    ids=["nothing", "blank", "300 letters", "odd characters"],
)
def test_what_no_line_can_show_is_left_out_of_a_run_s_name(run, name, expected):
    rename(run.id, name)
    assert read_run(run.id).name == expected


def test_models_are_kept_under_any_names_side_by_side(run):
    names = [*(name for name in KEPT_NAMES if name not in ("$x$", "<b>")), "", "x" * 300]  # beside "x", "b"
    folders = [keep_model(run, name) for name in names]
    root = model_roots()[1]
    assert len({folder.name for folder in folders}) == len(names)
    for folder, name in zip(folders, names, strict=True):
        assert folder.parent == root and folder.is_dir()
        assert load_tagger(folder).card["name"] == (" ".join(name.split())[:60])
        assert folder.name.isascii() and folder.name.replace("-", "").isalnum() and len(folder.name) <= 60


@pytest.mark.parametrize("name", ["con", "CON", "Prn", "aux", "NUL", "com0", "com9", "LPT1", "con.txt", "a\x00b", ""])
def test_no_folder_has_a_name_that_windows_keeps_for_itself(name):
    assert folder_name(name).partition(".")[0] not in {
        "con",
        "prn",
        "aux",
        "nul",
        *(f"{p}{n}" for p in ("com", "lpt") for n in range(10)),
    }
