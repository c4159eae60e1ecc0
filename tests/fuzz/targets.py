"""One target a reader: any bytes in; an AssertionError where a promise of the reader is broken.

The promises, for every form:

- what cannot be read is an `UploadError` (`StoreError` for models) of one line that says what was received, nothing else;
- words fill their sentence: nothing but white space stands between them, none is empty, and spans lie in their sentence, sorted,
  none over another;
- no word is lost in silence: where lines, rows or records can be counted without reading the form, each became words or a Note;
- what was read is written as JSON Lines and read back equal; as CoNLL and CSV too, or refused with a reason;
- reading costs no more than a second and 20 microseconds a byte.

`run("conll", data)` is all a fuzzer, a property test or a replay has to call. A first byte 0 stands for a file grown from the rest
(`grow.vary`), 1 for the rest repeated to 20,000 bytes; so one byte string reaches all of them.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import random
import shutil
import tempfile
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from unittest import mock

import numpy as np
import srsly

from ner_core.data.corpus import READERS, load_corpus, recognise
from ner_core.data.formats.annotations import read_annotations
from ner_core.data.formats.conll import read_conll, write_conll
from ner_core.data.formats.decoding import FormatResult, Repairs, decode, unpack
from ner_core.data.formats.docbin import read_docbin, write_docbin
from ner_core.data.formats.json_lines import read_values
from ner_core.data.formats.jsonl import write_jsonl
from ner_core.data.formats.kaggle import read_long_csv, write_long_csv
from ner_core.data.formats.plain import read_plain
from ner_core.data.formats.sentence_rows import read_sentence_rows
from ner_core.records import Corpus, Note, Sentence, UploadError
from ner_core.tagger import store
from ner_core.tagger.archive import MANIFEST, StoreError, parse_json
from ner_core.tagger.networks import weight_shapes
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import new_tagger, recipe, resize
from tests.fuzz.grow import Choices, edit, vary
from tests.fuzz.seeds import RECORDS, SEEDS, SENTENCES, WORDS

MOST_SECONDS = 1.0
SECONDS_A_BYTE = 20e-6
_REPEATED = 20_000  # bytes


# --- what every sentence promises -----------------------------------------------------------


def check_sentences(sentences: Sequence[Sentence]) -> None:
    """Words, spans and offsets fit each other."""
    for sentence in sentences:
        assert sentence.words and all(sentence.words), f"an empty word or sentence: {sentence}"
        text, last = sentence.text, 0
        for token in sentence.tokens:
            assert last <= token.start and text[token.start : token.end] == token.text, f"{token} is not in {text!r}"
            assert not text[last : token.start].strip(), f"text before {token} is in no word"
            last = token.end
        assert not text[last:].strip(), f"text behind {last} is in no word of {text!r}"
        last = 0
        for span in sentence.spans:
            assert last <= span.start < span.end <= len(sentence), f"{span} in {len(sentence)} words, behind {last}"
            assert span.label == span.label.strip() != "", f"the label {span.label!r}"
            last = span.end
        assert all(isinstance(part, str) for pair in sentence.meta for part in pair), f"the meta {sentence.meta}"


def check_notes(notes: Sequence[Note]) -> None:
    """Each Note is one line that counts something."""
    for note in notes:
        assert note.count > 0 and len(note.lines) <= 3 and min(note.lines, default=1) > 0, f"the note {note!r}"
        assert "\n" not in note.what and len(note.what) < 300, f"the note {note!r}"


def check_written(sentences: Sequence[Sentence]) -> None:
    """What was read is written and read back equal; a table may refuse, with a reason, what it cannot hold."""
    if all(word.strip() for sentence in sentences for word in sentence.words):  # else a word nobody sees: refused
        again = read_annotations(write_jsonl(sentences).encode()).sentences
        assert again == tuple(sentences), f"JSON Lines came back other: {_difference(sentences, again)}"
    for write, read in ((write_conll, read_conll), (write_long_csv, read_long_csv)):
        try:
            text = write(sentences)
        except ValueError as refusal:
            assert "Received: " in str(refusal), str(refusal)
            continue
        again = read(text.encode()).sentences
        plain = [(s.words, s.spans, dict(s.meta)) for s in sentences]  # a table's columns have an order of their own
        again = [(s.words, s.spans, dict(s.meta)) for s in again]
        assert again == plain, f"{write.__name__} came back other: {_difference(plain, again)}"


def _difference(first: Sequence, second: Sequence) -> str:
    pairs = ((a, b) for a, b in zip(first, second, strict=False) if a != b)
    return "{} became {}".format(*next(pairs, (f"{len(first)} sentences", len(second))))


def _read(read: Callable[[bytes], FormatResult], data: bytes) -> FormatResult | None:
    """What a reader gives, checked; None where it refuses in one proper line."""
    try:
        result = read(data)
    except UploadError as error:
        _check_refusal(error)
        return None
    assert result.sentences, "no sentence and no UploadError"
    check_sentences(result.sentences)
    check_notes(result.notes)
    check_written(result.sentences)
    return result


def _check_refusal(error: Exception) -> None:
    message = str(error)
    assert "\n" not in message and "\r" not in message and len(message) < 1_000, (
        f"a refusal of several lines: {message!r}"
    )
    assert "eceived" in message, f"a refusal that does not say what was received: {message}"


def _count(result: FormatResult, *kinds: str) -> int:
    """How many lines, rows or records the notes say were left out."""
    return sum(note.count for note in result.notes if note.what.startswith(kinds) and "left out" in note.what)


def _text(data: bytes) -> str:
    return decode(data, Repairs())[0]


# --- tables ---------------------------------------------------------------------------------


def kaggle(data: bytes) -> None:
    """One row a word: without quotation marks, each row is a word or counted."""
    result = _read(read_long_csv, data)
    if result is None or '"' in (text := _text(data)):
        return
    head, *rows = text[len(text) - len(text.lstrip()) :].split("\n")
    delimiter = max(",;\t", key=head.count)
    n_rows = sum(any(map(str.strip, row.split(delimiter))) for row in rows)
    n_words = sum(map(len, result.sentences))
    assert n_words + _count(result, "line") == n_rows, f"{n_words} words of {n_rows} rows: {result.notes}"


def sentence_rows(data: bytes) -> None:
    """One row a sentence: without quotation marks, each row with filled cells is a sentence or counted."""
    result = _read(read_sentence_rows, data)
    if result is None or '"' in (text := _text(data)) or "\r" in text or len(text) > 100_000:
        return
    head, *lines = text[len(text) - len(text.lstrip()) :].split("\n")
    rows = list(csv.reader(lines, delimiter=max(",;\t", key=head.count)))
    n_rows = sum(any(map(str.strip, row)) for row in rows)
    n_filled = sum(all(cell.strip() and cell.strip()[0] not in "[(" for cell in row) for row in rows if row)
    n_told = len(result.sentences) + _count(result, "row")
    assert n_filled <= n_told <= n_rows, f"{n_told} of {n_rows} rows, {n_filled} filled: {result.notes}"


def conll(data: bytes) -> None:
    """One word a line: each line is a word or counted, where none begins with #."""
    result = _read(read_conll, data)
    if result is None:
        return
    lines = [line for line in _text(data).split("\n") if line.strip()]
    n_words, n_left_out = sum(map(len, result.sentences)), _count(result, "line", "-DOCSTART-", "comment line")
    assert n_words + n_left_out <= len(lines), f"{n_words} words of {len(lines)} lines: {result.notes}"
    if not any(line.startswith("#") for line in lines):
        assert n_words + n_left_out == len(lines), f"{n_words} words of {len(lines)} lines: {result.notes}"


def plain(data: bytes) -> None:
    """One sentence a line: all that is no white space stands in a word."""
    result = _read(read_plain, data)
    if result is None:
        return
    text = _text(data)
    words = "".join("".join(sentence.words) for sentence in result.sentences)
    assert "".join(words.split()) == "".join(text.split()), "a character is in no word"
    assert len(result.sentences) == sum(bool(line.strip()) for line in text.split("\n")), "a line is no sentence"


# --- JSON -----------------------------------------------------------------------------------


def json_lines(data: bytes) -> None:
    """Where Python's own reader takes a file whole, or line by line, both read the same."""
    try:
        text = _text(data)
        repairs = Repairs()
        values = read_values(text, repairs)
    except UploadError as error:
        _check_refusal(error)
        values = None
    else:
        check_notes(repairs.notes)
        lines = [line for line, _ in values]
        assert lines == sorted(lines) and (not lines or 1 <= lines[0] <= lines[-1] <= 1 + text.count("\n")), lines
    for expected in (_parsed(text.strip()), _each_parsed(text)) if values is not None or "text" in locals() else ():
        if expected is not None:
            assert values is not None, f"refused, but it is JSON: {text[:200]!r}"
            found = [value for _, value in values]
            assert repr(found) == repr(expected), f"{found!r} instead of {expected!r}"


def _parse(text: str) -> object:
    return json.loads(
        text, strict=False, parse_constant=lambda _: None, parse_int=lambda n: int(n) if len(n) <= 100 else None
    )


def _parsed(text: str) -> list | None:
    """The values of a file that is one JSON value, a list's one by one; None where it is none."""
    try:
        value = _parse(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, list) or (value and isinstance(value[0], str)):
        return [value]  # ["text", {"entities": []}] is one record
    return value


def _each_parsed(text: str) -> list | None:
    """The values of a file in which each line is an object; None where one is not."""
    try:
        values = [_parse(line) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError):
        return None
    return values if all(isinstance(value, dict) for value in values) else None


def annotations(data: bytes) -> None:
    """Records of every tool; grown ones: each is a sentence or counted."""
    if not data.startswith(b"\x00"):
        _read(read_annotations, data)
        return
    choices = Choices(data[1:])
    records = [vary(choices.one_of(RECORDS), choices, WORDS["annotations"]) for _ in range(1 + choices.number(4))]
    result = _read(read_annotations, "\n".join(map(json.dumps, records)).encode())
    if result is not None and not any(isinstance(record, dict) and "classes" in record for record in records):
        n_told = len(result.sentences) + _count(result, "record", "task")
        assert n_told == _n_records(records), f"{n_told} of {_n_records(records)} records: {result.notes}"


def _n_records(records: list) -> int:
    """A file that begins with a list of records is read as that list."""
    is_one_list = (
        len(records) == 1 and isinstance(records[0], list) and not (records[0] and isinstance(records[0][0], str))
    )
    return len(records[0]) if is_one_list else len(records)


def jsonl(data: bytes) -> None:
    """Our own lines, as they are or with values changed."""
    if not data.startswith(b"\x00"):
        _read(read_annotations, data)
        return
    choices = Choices(data[1:])
    records = [json.loads(write_jsonl([choices.one_of(SENTENCES)])) for _ in range(1 + choices.number(3))]
    _read(read_annotations, "\n".join(json.dumps(vary(r, choices, WORDS["jsonl"])) for r in records).encode())


# --- packed ---------------------------------------------------------------------------------


@cache
def _message() -> dict:
    """What a DocBin of our sentences holds: plain values and packed arrays."""
    packed = zlib.decompress(write_docbin(SENTENCES))
    return srsly.msgpack_loads(packed)


def docbin(data: bytes) -> None:
    """A DocBin with values changed (0), as bytes (1), or its MessagePack (other first bytes)."""
    kind, rest = data[:1], data[1:]
    if kind == b"\x00":
        message = vary(_message(), Choices(rest), WORDS["docbin"])
        try:
            rest = zlib.compress(srsly.msgpack_dumps(message))
        except (TypeError, ValueError, OverflowError):  # a number or a character that MessagePack cannot hold
            return
    elif kind != b"\x01":
        rest = zlib.compress(data)
    _read(read_docbin, rest)


def decoding(data: bytes) -> None:
    """Any bytes are text or refused; packed (1 to 5), they are the same text."""
    kind, rest = data[:1], data[1:]
    packed = _pack(kind[0], rest) if kind and 1 <= kind[0] <= 5 else data
    repairs = Repairs()
    try:
        unpacked = unpack(packed, repairs)
        if packed is not data:
            assert unpacked == rest, f"{unpacked[:60]!r} unpacked instead of {rest[:60]!r}"
        text, encoding = decode(unpacked, repairs)
    except UploadError as error:
        _check_refusal(error)
        return
    check_notes(repairs.notes)
    assert text.strip() and "\x00" not in text and not text.startswith("\ufeff\ufeff\ufeff"), text[:60]
    text.encode()
    assert encoding, "no name of an encoding"
    try:
        again, _ = decode(text.encode(), Repairs())
    except UploadError:  # "%PDF" in UTF-16 is text, in UTF-8 it begins a document
        return
    assert again.lstrip("\ufeff") == text.lstrip("\ufeff"), "UTF-8 of the text is another text"


def _pack(kind: int, data: bytes) -> bytes:
    if kind <= 3:
        return (gzip.compress, bz2.compress, lzma.compress)[kind - 1](data)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED if kind == 4 else zipfile.ZIP_STORED) as archive:
        archive.writestr("folder/", b"")
        archive.writestr("folder/a.txt", data)
    return packed.getvalue()


def door(data: bytes) -> None:
    """`load_corpus`, the page's door: a name and bytes in, a corpus in parts that hold every sentence once."""
    n = data[0] if data else 0
    name, content = data[1 : 1 + n].decode("utf-8", "surrogateescape"), data[1 + n :]
    try:
        corpus = load_corpus((name, content))
    except UploadError as error:
        _check_refusal(error)
        return
    check_notes(corpus.notes)
    assert sorted(corpus.order) == list(range(len(corpus.sentences))) and corpus.train, (
        "a sentence is in no part, or in two"
    )
    in_file = [
        sentence for _, sentence in sorted(zip(corpus.order, corpus.sentences, strict=True), key=lambda pair: pair[0])
    ]
    content = unpack(content, Repairs())
    assert tuple(in_file) == READERS[recognise(content)](content).sentences, "the parts are not what the reader read"
    assert set(corpus.labels) == {span.label for sentence in in_file for span in sentence.spans}, corpus.labels


# --- stored models --------------------------------------------------------------------------


@cache
def _stored() -> dict[str, bytes]:
    """The files of a small trained-looking tagger."""
    corpus = Corpus("tiny", SENTENCES, SENTENCES[:1], SENTENCES[:1], ("geo", "per"))
    base = recipe("bilstm-crf")
    tagger = new_tagger(corpus, resize(base, **_smallest(base)))
    numbers = np.random.default_rng(0)
    shapes = weight_shapes(tagger.network)
    tagger.weights = {name: numbers.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    with tempfile.TemporaryDirectory() as folder:
        store.save_tagger(tagger, folder)
        return {name: (Path(folder) / name).read_bytes() for name in store.FILES}


def _smallest(base) -> dict[str, float]:
    from ner_core.tagger.recipes import BOUNDS, settings_of

    return {name: BOUNDS[name].low for name in settings_of(base) if "width" in name or "units" in name}


def _weights_for(model: bytes) -> bytes | None:
    """Weights that fit a changed model, as an attacker would make them; None where it has none, or many."""
    try:
        shapes = weight_shapes(store._check_model(parse_json(model, "model.json"))["network"])
    except Exception:  # what cannot be built is for the target to find out
        return None
    if sum(int(np.prod(shape)) for shape in shapes.values()) > 200_000:
        return None
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, shape in shapes.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.full(shape, 0.1, "<f4"), version=(1, 0))
            archive.writestr(f"{name}.npy", member.getvalue())
    return packed.getvalue()


def _vary_files(files: dict[str, bytes], data: bytes) -> dict[str, bytes]:
    """Change the files as `data` says; its first byte chooses which."""
    part, rest = data[0] % 8 if data else 5, data[1:]
    files, choices = dict(files), Choices(rest)
    for name in [("model.json",), ("vocab.json",), ("model.json", "vocab.json")][part] if part < 3 else ():
        files[name] = json.dumps(vary(json.loads(files[name]), choices, WORDS["store"])).encode()
        if name == "model.json" and (weights := _weights_for(files[name])):
            files["weights.npz"] = weights
    if part == 3:
        with zipfile.ZipFile(io.BytesIO(files["weights.npz"])) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
        chosen, packed = choices.number(len(members)), io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for number, (name, content) in enumerate(members):
                archive.writestr(name, edit(content, choices, ["(", "<f4"]) if number == chosen else content)
        files["weights.npz"] = packed.getvalue()
    elif part == 4:
        files["weights.npz"] = edit(files["weights.npz"], choices, ["PK\x05\x06", "PK\x01\x02"])
    elif part in (5, 6) and rest:
        files["model.json" if part == 5 else "vocab.json"] = rest
    about = {name: {"bytes": len(held), "sha256": sha256(held).hexdigest()} for name, held in files.items()}
    files[MANIFEST] = rest if part == 7 else json.dumps({"version": 1, "files": about}).encode()
    return files


def tagger_store(data: bytes) -> None:
    """A folder of model files, one changed and all signed anew: refused, or a tagger that works and is stored again."""
    folder = Path(tempfile.mkdtemp(prefix="ner-lab-fuzz-"))
    try:
        for name, content in _vary_files(_stored(), data).items():
            (folder / name).write_bytes(content)
        with mock.patch("time.sleep"):  # it waits for somebody who may be saving: nobody is
            tagger = store.load_tagger(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # huge weights overflow: that is arithmetic
            [prediction] = predict(tagger, ["Ada Lovelace lives in London."])
        assert prediction.text == "Ada Lovelace lives in London."
        with mock.patch("os.fsync"):
            again = store.load_tagger(store.save_tagger(tagger, folder / "again"))
        assert (again.encoder, again.network, again.temperature) == (tagger.encoder, tagger.network, tagger.temperature)
        assert again.weights.keys() == tagger.weights.keys(), "a weight was lost"
    except StoreError as error:
        assert len(str(error)) < 2_000, f"a refusal of {len(str(error))} characters"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# --- all of them ----------------------------------------------------------------------------

TARGETS: dict[str, Callable[[bytes], None]] = {
    "kaggle": kaggle,
    "sentence_rows": sentence_rows,
    "conll": conll,
    "conllu": conll,
    "json_lines": json_lines,
    "annotations": annotations,
    "jsonl": jsonl,
    "docbin": docbin,
    "plain": plain,
    "decoding": decoding,
    "door": door,
    "store": tagger_store,
}
_REPEATABLE = ("kaggle", "sentence_rows", "conll", "conllu", "json_lines", "annotations", "jsonl", "plain")


def run(reader: str, data: bytes) -> None:
    """Give `data` to one reader. Raises AssertionError, or what the reader raised, where a promise is broken."""
    if reader in _REPEATABLE and data[:1] == b"\x01":
        data = data[1:] * (_REPEATED // max(len(data) - 1, 1))
    target = TARGETS[reader]
    seconds = _seconds(target, data)
    allowed = MOST_SECONDS + SECONDS_A_BYTE * len(data)
    if seconds > allowed:  # a busy machine, or slow each time?
        seconds = min(seconds, _seconds(target, data))
    assert seconds <= allowed, f"{seconds:.1f} s for {len(data):,} bytes: more than {allowed:.1f} s"


def _seconds(target: Callable[[bytes], None], data: bytes) -> float:
    start = time.process_time()
    target(data)
    return time.process_time() - start


def mutations(reader: str, n: int, seed: int = 0) -> list[bytes]:
    """`n` files near the seeds, the same ones each time."""
    numbers = random.Random(f"{reader} {seed}")
    found = []
    for _ in range(n):
        data = numbers.choice(SEEDS[reader])
        found.append(edit(data, Choices(numbers.randbytes(40)), WORDS[reader]))
    return found
