"""Bytes -> text, and columns -> sentences: what every reader needs.

Chapter of part I. It answers: *which characters do these bytes stand for, and which entities do these tags?*

Source: the Unicode FAQ on byte-order marks (https://www.unicode.org/faq/utf_bom.html) and Microsoft's code
page 1252 (https://www.unicode.org/Public/MAPPINGS/VENDORS/MICSFT/WindowsBestFit/bestfit1252.txt).

Differs from it: no list of encodings is tried until one happens to fit. UTF-8, marked UTF-16 and UTF-32 prove
themselves, and UTF-16 without its mark by the zeros beside its line ends; everything else is cp1252, of which
ISO-8859-1 ("latin-1") is a part: the tutorials' latin-1 turns a cp1252 "…" into an invisible line break. Every
repair is counted in a `Note`, with its first three lines. What each odd file becomes stands in docs/uploads.md.

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
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ner_core.data.tags import detect_scheme, is_allowed, split_tag, tags_to_spans
from ner_core.data.text import LONGEST_PIECE
from ner_core.records import Note, Sentence, UploadError

LARGEST_FILE = 500_000_000  # bytes, unpacked
LONGEST_LINE = 2_000_000  # characters, in forms of one word or one sentence a line
_BLOCK = 1 << 16  # characters cut into lines at once
_LONGEST_USUAL_WORD = 1_000  # characters
_LONGEST_USUAL_SENTENCE = 1_500  # words; the longest real sentence we know has 1,238
_FULL_STOPS = frozenset(".!?。")
_BOMB_FROM, _BOMB_RATIO = 20_000_000, 200  # real text is packed to a tenth, a table of one sentence to a hundredth
_MOST_MEMBERS = 10_000  # in an archive that is read at all
_FED = 1 << 16  # bytes given to a decompressor at once: what it leaves over, it copies
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip"}
_NOT_TEXT = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"SQLite format 3": "an SQLite database",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    **dict.fromkeys((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), "a pickle"),
}
_ARCHIVES = {b"7z\xbc\xaf": "a 7z archive", b"Rar!": "a RAR archive", b"\x28\xb5\x2f\xfd": "a Zstandard archive"}
_OTHER_TEXT = {  # how a text begins that is no corpus -> what it is, what to do
    "<!doctype html": ("a web page", "download the file itself and give that"),
    "<html": ("a web page", "download the file itself and give that"),
    "{\\rtf": ("an RTF document", "save it as plain text, UTF-8"),
    "version https://git-lfs": ("a Git LFS pointer", "download the file itself and give that"),
}
_MARKED = {  # byte-order mark -> encoding, name; the longer ones first
    codecs.BOM_UTF32_LE: ("utf-32", "UTF-32"),
    codecs.BOM_UTF32_BE: ("utf-32", "UTF-32"),
    codecs.BOM_UTF16_LE: ("utf-16", "UTF-16"),
    codecs.BOM_UTF16_BE: ("utf-16", "UTF-16"),
}
_BAD = "\udcff"  # stands for damaged bytes until they are counted: no file can hold it
_MANY_TAGS = re.compile(r"[BIESLU]-[^,]*(?:,[BIESLU]-[^,]*)+|O(?:,(?:O|[BIESLU]-[^,]*))+|[BIESLU]-[^,]*,O")
_NOT_IN_FILES = re.compile("[\x00\ud800-\udfff]")
_META_KEY = re.compile(r"\w+")
_PADDING = re.compile(b"\x00*")  # between the members of an archive
# What files call the parts: in `meta`, or in the key "part" of a JSON record.
PART_NAMES = {"train": "train", "test": "test", **dict.fromkeys(("dev", "devel", "validation", "valid", "val"), "dev")}
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
        if line is not None and line not in lines and (len(lines) < 3 or line < lines[-1]):
            lines = tuple(sorted((*lines, line))[:3])
        self._found[what] = (before + count, lines)

    @property
    def notes(self) -> tuple[Note, ...]:
        return tuple(Note(what, count, lines) for what, (count, lines) in self._found.items())


@dataclass(slots=True)
class Columns:
    """The rows of a file: words, raw tags and line numbers side by side; `starts` = rows that begin a sentence.

    `between` says what ends a sentence in such a file.
    """

    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    lines: Sequence[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    metas: dict[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)  # starting row -> meta
    between: str = "line ends"

    def bounds(self) -> Iterator[tuple[int, int]]:
        """Where each sentence begins, and the row behind its last."""
        return zip(self.starts, [*self.starts[1:], len(self.words)], strict=True)


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
    check_size(len(unpacked))
    return unpacked


def _inflate(data: bytes, kind: str) -> Iterator[bytes]:
    """Yield the unpacked blocks of a gzip, bzip2 or xz file, member after member, up to the limit."""
    packed, at, total, n_members = memoryview(data), 0, 0, 0
    while at < len(packed):
        n_members += 1
        if n_members > _MOST_MEMBERS:
            what = f"the {kind} archive has more than {_MOST_MEMBERS:,} members"
            raise refuse(what, f"{len(packed):,} bytes", "unpack it and give the file in it")
        # A fresh decompressor a member; xz may not claim more than 256 MiB of memory.
        unpacker = {
            "gzip": lambda: zlib.decompressobj(wbits=31),
            "bzip2": bz2.BZ2Decompressor,
            "xz": lambda: lzma.LZMADecompressor(memlimit=1 << 28),
        }[kind]()
        while not unpacker.eof:
            fed = packed[at : at + _FED] if kind == "gzip" or unpacker.needs_input else b""
            block = unpacker.decompress(fed, 1 << 24)
            at += len(fed) - (len(unpacker.unconsumed_tail) if kind == "gzip" else 0)
            if not block and not unpacker.eof and at == len(packed):
                raise EOFError("a file that ends too early")
            total += len(block)
            check_size(total, len(packed))
            yield block
        at = _PADDING.match(data, at - len(unpacker.unused_data)).end()


def _unzip(data: bytes, repairs: Repairs) -> bytes:
    if data.count(b"PK\x01\x02") > _MOST_MEMBERS:
        raise refuse("the zip archive must hold one file", f"more than {_MOST_MEMBERS:,} files", "give one of them")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
        names = [member.filename for member in members]
        for member, kind in (("[Content_Types].xml", "an Excel or Word file"), ("mimetype", "a LibreOffice file")):
            if member in names:
                raise refuse("not a text file", kind, "save the table as CSV (UTF-8) and give that")
        wanted = members if len(members) == 1 else [m for m in members if m.filename.endswith("ner_dataset.csv")]
        if len(wanted) != 1:
            found = f"{len(names):,} files ({', '.join(shorten(name, 40)[1:-1] for name in names[:3])}{' …' if len(names) > 3 else ''})"
            raise refuse("the zip archive must hold one file", found, "unpack it and give one of them")
        if len(members) > 1:
            repairs.add(f"other files in the zip archive not read: {len(members) - 1}")
        if stat.S_ISLNK(wanted[0].external_attr >> 16):
            raise refuse("the zip archive holds a link", shorten(wanted[0].filename), "pack the file itself")
        with archive.open(wanted[0]) as member:
            unpacked = member.read(most_unpacked(len(data)) + 1)
        check_size(len(unpacked), len(data))
        return unpacked


def most_unpacked(n_packed: int) -> int:
    """How many bytes of what `n_packed` bytes unpack to are looked at: one more is too many."""
    return min(LARGEST_FILE, max(_BOMB_FROM, _BOMB_RATIO * n_packed))


def check_size(n_bytes: int, n_packed: int | None = None) -> None:
    """Raise UploadError where a file unpacks to more than can be held, or than honest data would."""
    if n_packed is not None and n_bytes > max(_BOMB_FROM, _BOMB_RATIO * n_packed):
        what = f"the archive unpacks to more than {_BOMB_RATIO} times its size"
        raise refuse(what, f"{n_packed:,} bytes that become {n_bytes:,} or more", "unpack it and give a part of it")
    if n_bytes > LARGEST_FILE:
        limit = f"{LARGEST_FILE // 1_000_000} MB"
        raise refuse(f"the file is larger than {limit}", f"more than {limit} when unpacked", "give a part of it")


# --- encodings --------------------------------------------------------------------


def decode(data: bytes, repairs: Repairs, *, keeps_returns: bool = False) -> tuple[str, str]:
    """Bytes -> (text, name of the encoding). Raises UploadError where they are no text at all.

    A line ends with "\\n" alone, however it ended in the file, unless `keeps_returns`.

    >>> decode("\\ufeffLondon".encode("utf-16-le"), Repairs())
    ('London', 'UTF-16')
    """
    _refuse_other_files(data)
    text, encoding = _decode(data, repairs)
    text = _without_zeros(text.lstrip("\ufeff"), repairs)
    if not text or text.isspace():
        raise refuse("the file is empty", f"{len(data):,} bytes without a word", "give one with words and their tags")
    start = text[:1000].lstrip().partition("\n")[0].lower()
    for beginning, (kind, mend) in _OTHER_TEXT.items():
        if start.startswith(beginning) and "\t" not in start:
            raise refuse("not a text file", kind, mend)
    if "\r" in text and not (keeps_returns and "\n" in text):
        text = _end_lines(text, repairs)
    return _without_marks(text, repairs), encoding


def _refuse_other_files(data: bytes) -> None:
    """Raise UploadError where the first bytes are those of a picture, a document, an archive."""
    if archive := next((kind for magic, kind in _ARCHIVES.items() if data.startswith(magic)), None):
        raise refuse("not a text file", archive, "unpack it and give the file in it")
    if data[257:262] == b"ustar" and 0 in data[:257]:  # a text may have the word there; a tar pads its name with zeros
        raise refuse("not a text file", "a tar archive", "unpack it and give one of its files")
    if kind := next((kind for magic, kind in _NOT_TEXT.items() if data.startswith(magic)), None):
        raise refuse("not a text file", kind, "save it as CSV or as plain text, UTF-8")


def _decode(data: bytes, repairs: Repairs) -> tuple[str, str]:
    marked = next((found for mark, found in _MARKED.items() if data.startswith(mark)), None)
    name, told = marked or (_unmarked_utf_16(data), "UTF-16 without its mark")
    if name:
        return _replace_bad(data.decode(name, errors="damaged"), name[:6].upper(), repairs), told
    try:
        return data.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        return _decode_damaged(data, repairs)


def _unmarked_utf_16(data: bytes) -> str | None:
    """The encoding of UTF-16 that lost its mark: each line end, tab and space in it has a 0 beside it."""
    start = data[: len(data[:4000]) // 2 * 2]
    for name in ("utf-16-le", "utf-16-be") if 0 in start else ():
        text = start.decode(name, errors="replace")
        n_aligned, n_bytes = sum(map(text.count, "\n\r\t, ")), sum(map(start.count, b"\n\r\t, "))
        if n_aligned and 2 * n_aligned >= n_bytes and "\x00" not in text:
            return name
    return None


def _decode_damaged(data: bytes, repairs: Repairs) -> tuple[str, str]:
    """cp1252; or UTF-8 with damaged places, where most characters beyond ASCII are whole."""
    text = data.decode("utf-8-sig", errors="damaged")
    n_beyond_ascii, n_damaged = len(text) - len(text.encode("ascii", errors="ignore")), text.count(_BAD)
    if n_beyond_ascii - n_damaged > n_damaged:
        return _replace_bad(text, "UTF-8", repairs), "UTF-8"
    # cp1252 leaves five bytes undefined; they are read as in latin-1.
    text = data.decode("cp1252", errors="latin1_rest")
    for line in _lines_with(text, "[^\x00-\x7f]"):
        repairs.add("line not in UTF-8, read as cp1252 (Windows)", line)
    return text, "cp1252"


def _replace_bad(text: str, encoding: str, repairs: Repairs) -> str:
    for line in _lines_with(text, _BAD) if _BAD in text else ():
        repairs.add(f"damaged {encoding}, unreadable characters replaced by �", line)
    return text.replace(_BAD, "\ufffd")


def _without_zeros(text: str, repairs: Repairs) -> str:
    """Take out NUL bytes behind the end, replace one in a word. Raises UploadError where they are many."""
    if "\x00" in text:
        whole, text = text, text.rstrip("\x00")
        if not text or text.count("\x00") > 0.1 * len(text):
            line = whole.count("\n", 0, whole.index("\x00")) + 1
            raise refuse(f"not a text file: a NUL byte in line {line}", "binary data", "save it as plain text, UTF-8")
        if len(text) < len(whole):
            repairs.add("NUL bytes at the end of the file, left out", count=len(whole) - len(text))
        for line in _lines_with(text, "\x00"):
            repairs.add("NUL byte, replaced by �", line)
        text = text.replace("\x00", "\ufffd")
    return text


def _without_marks(text: str, repairs: Repairs) -> str:
    """Take out byte-order marks at line beginnings: files that had one each were joined there."""
    if "\n\ufeff" in text:
        for line in _lines_with(text, "(?<=\n)\ufeff"):
            repairs.add("byte-order mark at the beginning of a line, left out", line)
        text = re.sub("(?<=\n)\ufeff+", "", text)
    return text


def _end_lines(text: str, repairs: Repairs) -> str:
    """End every line with a line feed alone; a carriage return alone is told where it is not the file's own way.

    >>> _end_lines("a\\r\\nb\\r\\r\\nc\\n", Repairs())
    'a\\nb\\nc\\n'
    """
    if "\n" not in text:
        return text.replace("\r", "\n")
    text = text.replace("\r\n", "\n") if "\r\r" not in text else re.sub(r"(?<!\r)\r+\n", "\n", text)
    line, before = 1, 0
    for match in re.finditer("\r", text):
        line += text.count("\n", before, match.start())
        repairs.add("carriage return alone, read as a line's end", line)
        line, before = line + 1, match.end()
    return text.replace("\r", "\n")


def cut_lines(text: str) -> Iterator[str]:
    """Yield the lines of a text, cut a block at a time: a million lines at once would take as many objects.

    Raises UploadError, before anything is cut out of it, where a line has more than `LONGEST_LINE` characters.

    >>> list(cut_lines("Ada\\tO\\n\\nruns"))
    ['Ada\\tO', '', 'runs']
    """
    at, number = 0, 0
    while at < len(text):
        end = text.rfind("\n", at, at + _BLOCK)
        if end < 0:
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            if end - at > LONGEST_LINE:
                what = f"line {number + 1} has {end - at:,} characters, at most {LONGEST_LINE:,} are read"
                raise refuse(what, shorten(text[at : at + 61], 60), "put each word, or each sentence, on its own line")
        lines = text[at:end].split("\n")
        number, at = number + len(lines), end + 1
        yield from lines


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
codecs.register_error("damaged", lambda error: (_BAD, error.end))


def clean_text(text: str, line: int | None, repairs: Repairs) -> str:
    """Replace what no text file can hold: NUL, and halves of a character (lone surrogates)."""
    clean, n_found = _NOT_IN_FILES.subn("\ufffd", text)
    if n_found:
        repairs.add("NUL or half a character, replaced by �", line, n_found)
    return clean


def clean_meta(pairs: Iterable[tuple[str, str]], line: int, repairs: Repairs) -> tuple[tuple[str, str], ...]:
    """Meta as every form can hold it: a key is a word and stands once, a value is one line.

    >>> clean_meta([("news genre", " a\\tb"), ("!", "c")], 1, Repairs())
    (('news_genre', 'a b'),)
    """
    found: dict[str, str] = {}
    for key, held in pairs:
        name = "_".join(_META_KEY.findall(key))
        if not name or name in found:
            repairs.add("meta without a name, or under one that stands twice, left out", line)
        else:
            text = clean_text(held, line, repairs)
            found[name] = " ".join(text.split())
            if name != key:
                repairs.add("name of meta made one word", line)
            if found[name] != text:
                repairs.add("white space in meta, read as one space", line)
    return tuple(found.items())


# --- columns -> sentences -----------------------------------------------------------


def to_sentences(columns: Columns, repairs: Repairs) -> tuple[tuple[Sentence, ...], str]:
    """Columns -> (sentences with spans, the scheme their tags are written in)."""
    words = columns.words
    columns.tags = tags = _clean_tags(columns, repairs)  # two lists of a million are one too many
    scheme = detect_scheme(tags[start:end] for start, end in columns.bounds())
    _note_forbidden(scheme, columns, repairs)
    _note_lengths(columns, repairs)
    sentences = tuple(
        Sentence(
            tuple(words[start:end]),
            tags_to_spans(sequence, scheme) if (sequence := tags[start:end]).count("O") < end - start else (),
            meta=columns.metas.get(start, ()),
        )
        for start, end in columns.bounds()
    )
    return sentences, scheme


def _note_lengths(columns: Columns, repairs: Repairs) -> None:
    """Tell words and sentences of a length that a lost separator would give them."""
    if max(map(len, set(columns.words)), default=0) > _LONGEST_USUAL_WORD:
        for line, word in zip(columns.lines, columns.words, strict=True):
            if len(word) > _LONGEST_USUAL_WORD:
                what = f"word of more than {_LONGEST_USUAL_WORD:,} characters"
                repairs.add(f"{what}: is a space or a quotation mark missing?", line)
    for start, end in columns.bounds():
        note_long_sentence(end - start, columns.between, columns.lines[start], repairs)
    if (
        len(columns.starts) == 1
        and len(columns.words) <= _LONGEST_USUAL_SENTENCE
        and columns.between != Columns().between
    ):
        n_inside = sum(word in _FULL_STOPS for word in columns.words[:-1])
        if n_inside > 1:
            what = f"the whole file is one sentence, with {n_inside:,} full stops inside"
            repairs.add(f"{what}: are {columns.between} missing?", columns.lines[0])


def note_long_pieces(text: str, line: int, repairs: Repairs) -> None:
    """Tell a text with a piece so long that the tokenizer cuts it anywhere."""
    if len(text) > LONGEST_PIECE and max(map(len, text.split())) > LONGEST_PIECE:
        repairs.add(f"more than {LONGEST_PIECE} characters without a space, cut into several words", line)


def note_long_sentence(n_words: int, between: str, line: int, repairs: Repairs) -> None:
    """Tell a sentence so long that what should end it may be missing."""
    if n_words > _LONGEST_USUAL_SENTENCE:
        repairs.add(f"sentence of more than {_LONGEST_USUAL_SENTENCE:,} words: are {between} missing?", line)


def _clean_tags(columns: Columns, repairs: Repairs) -> list[str]:
    """Bring every tag into the form `O` or `B-label`; count what had to be changed."""
    distinct = dict.fromkeys(columns.tags)
    n_prefixed = sum(bool(_LOOSE_PREFIX.fullmatch(tag.strip())) for tag in distinct)
    has_prefixes = n_prefixed > sum(tag.strip().upper() != "O" for tag in distinct) - n_prefixed
    has_prefixes |= any(tag[1:2] == "-" and split_tag(tag)[1] in distinct for tag in distinct)  # PER, and one B-PER
    cleaned = {tag: clean_tag(tag, has_prefixes) for tag in distinct}
    for line, tag in zip(columns.lines, columns.tags, strict=True) if any(why for _, why in cleaned.values()) else ():
        if why := cleaned[tag][1]:
            repairs.add(why, line)
    is_clean = all(tag == clean for tag, (clean, _) in cleaned.items())
    return columns.tags if is_clean else [cleaned[tag][0] for tag in columns.tags]


def clean_tag(tag: str, has_prefixes: bool) -> tuple[str, str]:
    """One tag -> (the tag as we write it, why it was changed or "").

    >>> clean_tag("B-corporation,B-person", True)
    ('B-corporation', 'several tags on one word, the first one kept')
    >>> clean_tag("b_PER", True)
    ('B-PER', 'tag written B-label')
    """
    clean = " ".join(tag.split())
    if _MANY_TAGS.fullmatch(clean):
        parts = [part.strip() for part in clean.split(",")]
        first = next((part for part in parts if part != "O"), "O")
        return clean_tag(first, has_prefixes)[0], "several tags on one word, the first one kept"
    if clean == "o":
        return "O", "tag o read as O"
    if not clean:
        return "O", "word without a tag, read as O"
    if len(clean) == 2 and _LOOSE_PREFIX.fullmatch(f"{clean}x"):
        return "O", "tag B- or I- without a label, read as O"
    match = _LOOSE_PREFIX.fullmatch(clean)
    if match and (match[1].islower() or clean[1] == "_"):
        return f"{match[1].upper()}-{match[2].strip()}", "tag written B-label"
    if has_prefixes and not match and clean != "O":
        return f"I-{clean}", "tag without B- or I-, read as I-"
    if match and match[2] != match[2].strip():
        return f"{match[1]}-{match[2].strip()}", "space in a tag left out"
    return clean, "" if clean == tag.strip() else "white space in a tag, read as one space"


def can_hold(label: str) -> bool:
    """Is a label read back equal from a column of tags?

    >>> can_hold("creative-work"), can_hold("per,B-geo"), can_hold(" per")
    (True, False, False)
    """
    is_line = bool(label) and label == label.strip() and not any(character in "\t\n\r\x00" for character in label)
    return is_line and not any(clean_tag(f"{prefix}-{label}", True)[1] for prefix in "BI")


def _note_forbidden(scheme: str, columns: Columns, repairs: Repairs) -> None:
    """Count the tags that their scheme forbids; `tags_to_spans` reads them all the same."""
    pairs = set()
    for start, end in columns.bounds():
        sequence = columns.tags[start:end]
        pairs.update(zip([None, *sequence], [*sequence, None], strict=True))
    forbidden = {pair for pair in pairs if not is_allowed(*pair, scheme)}
    for start, end in columns.bounds() if forbidden else ():
        sequence = columns.tags[start:end]
        for index, pair in enumerate(zip([None, *sequence], [*sequence, None], strict=True)):
            if pair in forbidden:
                row = start + min(index, len(sequence) - 1)
                repairs.add(f"tag that {scheme} forbids there, read as conlleval reads it", columns.lines[row])
