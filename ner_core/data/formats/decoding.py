"""Bytes -> text, and columns -> sentences: what every reader needs.

Chapter of part I. It answers: *which characters do these bytes stand for, and which entities do these tags?*

Source: the Unicode FAQ on byte-order marks (https://www.unicode.org/faq/utf_bom.html) and Microsoft's code
page 1252 (https://www.unicode.org/Public/MAPPINGS/VENDORS/MICSFT/WindowsBestFit/bestfit1252.txt).

Differs from it: no list of encodings is tried until one happens to fit. UTF-8 and marked UTF-16 prove
themselves; everything else is cp1252, of which ISO-8859-1 ("latin-1") is a part: the tutorials' latin-1 turns
a cp1252 "…" into an invisible line break. Every repair is counted in a `Note`, with its first three lines.

>>> decode("Ada Lovelace lives in London…".encode("cp1252"), Repairs())
('Ada Lovelace lives in London…', 'cp1252')
"""

from __future__ import annotations

import bz2
import codecs
import gc
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ner_core.data.tags import detect_scheme, is_allowed, tags_to_spans
from ner_core.records import Note, Sentence, UploadError

LARGEST_FILE = 500_000_000  # bytes, unpacked
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip"}
_NOT_TEXT = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"SQLite format 3": "an SQLite database",
    b"\x80\x04\x95": "a pickle",
}
_MANY_TAGS = re.compile(r"[BIESLU]-[^,]*(?:,[BIESLU]-[^,]*)+|O(?:,(?:O|[BIESLU]-[^,]*))+|[BIESLU]-[^,]*,O")
_LOOSE_PREFIX = re.compile(r"([BIESLUbieslu])[-_](.+)")


@dataclass(frozen=True, slots=True)
class FormatResult:
    """What a reader found: sentences, what the file was (in words), what was repaired."""

    sentences: tuple[Sentence, ...]
    form: str
    notes: tuple[Note, ...] = ()


class Repairs:
    """Counts repairs by kind while a file is read.

    >>> repairs = Repairs(); repairs.add("no tag: row left out", 7); repairs.add("no tag: row left out", 9)
    >>> print(*repairs.notes)
    no tag: row left out: 2 times (lines 7, 9)
    """

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, tuple[int, ...]]] = {}

    def add(self, what: str, line: int | None = None, count: int = 1) -> None:
        before, lines = self._found.get(what, (0, ()))
        if line is not None and len(lines) < 3:
            lines = (*lines, line)
        self._found[what] = (before + count, lines)

    @property
    def notes(self) -> tuple[Note, ...]:
        return tuple(Note(what, count, lines) for what, (count, lines) in self._found.items())


@dataclass(slots=True)
class Columns:
    """The rows of a file: words, raw tags and line numbers side by side; `starts` = rows that begin a sentence."""

    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    lines: Sequence[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    metas: dict[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)  # starting row -> meta


def refuse(what: str, received: str, mend: str) -> UploadError:
    """An `UploadError` of one sentence: what and where, what was received, how to mend it.

    >>> print(refuse("no column of tags", "'word'", "add one"))
    no column of tags; received 'word'; add one.
    """
    return UploadError(f"{what}; received {received}; {mend}.")


def shorten(text: str, n: int = 60) -> str:
    """Quote `text` for a message, cut behind `n` characters."""
    return repr(text if len(text) <= n else text[:n] + "…")


@contextmanager
def without_collector() -> Iterator[None]:
    """A million fresh lists would set off the cycle collector again and again, for nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


# --- packed files ----------------------------------------------------------------


def unpack(data: bytes, repairs: Repairs) -> bytes:
    """Unpack gzip, bzip2, xz or a zip with one text file; other bytes come back as they are.

    Raises UploadError where the archive is damaged or holds more than `LARGEST_FILE` bytes.
    """
    kind = next((kind for magic, kind in _PACKED.items() if data.startswith(magic)), None)
    if kind is None:
        unpacked = data
    else:
        try:
            unpacked = _unzip(data, repairs) if kind == "zip" else b"".join(_inflate(data, kind))
        except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as error:
            if isinstance(error, UploadError):
                raise
            raise refuse(
                f"the {kind} archive cannot be unpacked", str(error) or "a cut file", "pack it again"
            ) from None
        except (RuntimeError, NotImplementedError, KeyError, IndexError) as error:
            raise refuse(f"the {kind} archive cannot be read", str(error), "unpack it yourself first") from None
    _check_size(len(unpacked))
    return unpacked


def _inflate(data: bytes, kind: str) -> Iterator[bytes]:
    """Yield the unpacked blocks of a gzip, bzip2 or xz file, member after member, up to the limit."""
    total = 0
    while data:
        # A fresh decompressor a member; xz may not claim more than 256 MiB of memory.
        unpacker = {
            "gzip": lambda: zlib.decompressobj(wbits=31),
            "bzip2": bz2.BZ2Decompressor,
            "xz": lambda: lzma.LZMADecompressor(memlimit=1 << 28),
        }[kind]()
        while not unpacker.eof:
            block = unpacker.decompress(data, 1 << 24)
            data = unpacker.unconsumed_tail if kind == "gzip" else b""
            if not block and not unpacker.eof:
                raise EOFError("a file that ends too early")
            total += len(block)
            _check_size(total)
            yield block
        data = unpacker.unused_data.lstrip(b"\x00")  # padding between members


def _unzip(data: bytes, repairs: Repairs) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
        names = [member.filename for member in members]
        if "[Content_Types].xml" in names:
            raise refuse("not a text file", "an Excel or Word file", "save the table as CSV (UTF-8) and give that")
        wanted = members if len(members) == 1 else [m for m in members if m.filename.endswith("ner_dataset.csv")]
        if len(wanted) != 1:
            found = f"{len(names)} files ({', '.join(names[:3])}{' …' if len(names) > 3 else ''})"
            raise refuse("the zip archive must hold one file", found, "unpack it and give one of them")
        if len(members) > 1:
            repairs.add(f"other files in the zip archive not read: {len(members) - 1}")
        with archive.open(wanted[0]) as member:
            return member.read(LARGEST_FILE + 1)


def _check_size(n_bytes: int) -> None:
    if n_bytes > LARGEST_FILE:
        limit = f"{LARGEST_FILE // 1_000_000} MB"
        raise refuse(f"the file is larger than {limit}", f"more than {limit} when unpacked", "give a part of it")


# --- encodings --------------------------------------------------------------------


def decode(data: bytes, repairs: Repairs) -> tuple[str, str]:
    """Bytes -> (text, name of the encoding). Raises UploadError where they are no text at all.

    >>> decode("\\ufeffLondon".encode("utf-16-le"), Repairs())
    ('London', 'UTF-16')
    """
    kind = next((kind for magic, kind in _NOT_TEXT.items() if data.startswith(magic)), None)
    if kind:
        raise refuse("not a text file", kind, "save it as CSV or as plain text, UTF-8")
    text, encoding = _decode(data, repairs)
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise refuse(f"not a text file: a NUL byte in line {line}", "binary data", "save it as plain text, UTF-8")
    if not text.strip():
        raise refuse("the file is empty", f"{len(data):,} bytes without a word", "give one with words and their tags")
    if "\n" not in text and "\r" in text:
        text = text.replace("\r", "\n")
    return text, encoding


def _decode(data: bytes, repairs: Repairs) -> tuple[str, str]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace"), "UTF-16"
    if data[:4000].count(0) > len(data[:4000]) // 3:  # UTF-16 that lost its mark: every other byte is 0
        name = "utf-16-le" if data[1:4000:2].count(0) > data[:4000:2].count(0) else "utf-16-be"
        return data.decode(name, errors="replace"), "UTF-16 without its mark"
    try:
        return data.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        return _decode_damaged(data, repairs)


def _decode_damaged(data: bytes, repairs: Repairs) -> tuple[str, str]:
    """cp1252; or UTF-8 with damaged places, where most characters beyond ASCII are whole."""
    text = data.decode("utf-8-sig", errors="replace")
    n_beyond_ascii, n_damaged = len(text) - len(text.encode("ascii", errors="ignore")), text.count("\ufffd")
    if n_beyond_ascii - n_damaged > n_damaged:
        for line in _lines_with(text, "\ufffd"):
            repairs.add("damaged UTF-8, unreadable characters replaced by �", line)
        return text, "UTF-8"
    # cp1252 leaves five bytes undefined; they are read as in latin-1.
    text = data.decode("cp1252", errors="latin1_rest")
    for line in _lines_with(text, "[^\x00-\x7f]"):
        repairs.add("line not in UTF-8, read as cp1252 (Windows)", line)
    return text, "cp1252"


def _lines_with(text: str, pattern: str) -> Iterator[int]:
    """Yield the numbers of the lines in which `pattern` occurs."""
    line, before, last = 1, 0, 0
    for match in re.finditer(pattern, text):
        line += text.count("\n", before, match.start())
        before = match.start()
        if line != last:
            yield line
        last = line


def _latin1_rest(error: UnicodeError) -> tuple[str, int]:
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("latin1_rest", _latin1_rest)


# --- columns -> sentences -----------------------------------------------------------


def to_sentences(columns: Columns, repairs: Repairs) -> tuple[tuple[Sentence, ...], str]:
    """Columns -> (sentences with spans, the scheme their tags are written in)."""
    words, tags = columns.words, _clean_tags(columns, repairs)
    bounds = list(zip(columns.starts, [*columns.starts[1:], len(words)], strict=True))
    sequences = [tags[start:end] for start, end in bounds]
    scheme = detect_scheme(sequences)
    _note_forbidden(sequences, bounds, scheme, columns, repairs)
    sentences = tuple(
        Sentence(
            tuple(words[start:end]),
            tags_to_spans(sequence, scheme) if sequence.count("O") < end - start else (),
            meta=columns.metas.get(start, ()),
        )
        for (start, end), sequence in zip(bounds, sequences, strict=True)
    )
    return sentences, scheme


def _clean_tags(columns: Columns, repairs: Repairs) -> list[str]:
    """Bring every tag into the form `O` or `B-label`; count what had to be changed."""
    distinct = dict.fromkeys(columns.tags)
    n_prefixed = sum(bool(_LOOSE_PREFIX.fullmatch(tag.strip())) for tag in distinct)
    has_prefixes = n_prefixed > sum(tag.strip().upper() != "O" for tag in distinct) - n_prefixed
    cleaned = {tag: clean_tag(tag, has_prefixes) for tag in distinct}
    for line, tag in zip(columns.lines, columns.tags, strict=True) if any(why for _, why in cleaned.values()) else ():
        if why := cleaned[tag][1]:
            repairs.add(why, line)
    return [cleaned[tag][0] for tag in columns.tags]


def clean_tag(tag: str, has_prefixes: bool) -> tuple[str, str]:
    """One tag -> (the tag as we write it, why it was changed or "").

    >>> clean_tag("B-corporation,B-person", True)
    ('B-corporation', 'several tags on one word, the first one kept')
    >>> clean_tag("b_PER", True)
    ('B-PER', 'tag written B-label')
    """
    clean = tag.strip()
    if _MANY_TAGS.fullmatch(clean):
        parts = clean.split(",")
        return next((part for part in parts if part != "O"), "O"), "several tags on one word, the first one kept"
    if clean == "o":
        return "O", "tag o read as O"
    match = _LOOSE_PREFIX.fullmatch(clean)
    if match and (match[1].islower() or clean[1] == "_"):
        return f"{match[1].upper()}-{match[2]}", "tag written B-label"
    if has_prefixes and not match and clean != "O":
        return f"I-{clean}", "tag without B- or I-, read as I-"
    return clean, ""


def can_hold(label: str) -> bool:
    """Is a label read back equal from a column of tags?

    >>> can_hold("creative-work"), can_hold("per,B-geo"), can_hold(" per")
    (True, False, False)
    """
    is_line = bool(label) and label == label.strip() and not any(character in "\t\n\r\x00" for character in label)
    return is_line and not any(clean_tag(f"{prefix}-{label}", True)[1] for prefix in "BI")


def _note_forbidden(
    sequences: Sequence[list[str]], bounds: list, scheme: str, columns: Columns, repairs: Repairs
) -> None:
    """Count the tags that their scheme forbids; `tags_to_spans` reads them all the same."""
    pairs = set()
    for sequence in sequences:
        pairs.update(zip([None, *sequence], [*sequence, None], strict=True))
    forbidden = {pair for pair in pairs if not is_allowed(*pair, scheme)}
    for (start, _), sequence in zip(bounds, sequences, strict=True) if forbidden else ():
        for index, pair in enumerate(zip([None, *sequence], [*sequence, None], strict=True)):
            if pair in forbidden:
                row = start + min(index, len(sequence) - 1)
                repairs.add(f"tag that {scheme} forbids there, read as conlleval reads it", columns.lines[row])
