"""spaCy's DocBin, the `.spacy` file.

Chapter of part I. It answers: *how are documents read from a packed array, without running anything a stranger packed?*

Source: `spacy.tokens.DocBin` (https://spacy.io/api/docbin): zlib around MessagePack around an array (N, A) of 64-bit
numbers, a row a token, a column an attribute; words and labels are hashes, and their strings stand in a list.

Differs from it: no spaCy document is built. The array is read as columns, as any other file is; the unpacked size
is bounded before it is unpacked; of `user_data`, where a Python program may have put anything, only plain text
under "meta" is taken. A document whose sentences are marked becomes these sentences.

>>> ada = Sentence(("Ada", "lives", "in", "London"), (Span(0, 1, "per"), Span(3, 4, "geo")))
>>> read_docbin(write_docbin([ada])).sentences == (ada,)
True
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from ner_core.data.formats.decoding import FormatResult, Repairs, check_size, clean_meta, most_unpacked, refuse
from ner_core.data.formats.jsonl import check_sentence
from ner_core.data.formats.marks import build_sentence, clean_text
from ner_core.records import Note, Prediction, Sentence, Span, UploadError

_INSIDE, _BEGINS = 1, 3  # spaCy's numbers for ENT_IOB; 0 = not said, 2 = outside
# Beyond the first, a token must take a packed byte; a real one takes several.
_SURE_TOKENS, _MOST_TOKENS = 1_000_000, 5_000_000
_MEND = "write it again with spaCy 3: DocBin(docs=docs).to_disk(path)"


def is_docbin(data: bytes) -> bool:
    """Do the bytes begin as a packed DocBin does?

    >>> is_docbin(write_docbin([Sentence(("Ada",))])), is_docbin(b"x^2 O")
    (True, False)
    """
    try:
        start = zlib.decompressobj().decompress(data[:10_000], 500) if data[:1] == b"x" else b""
    except zlib.error:
        return False
    return b"attrs" in start


# --- reading -----------------------------------------------------------------------------


def read_docbin(data: bytes) -> FormatResult:
    """Read a `.spacy` file. Raises UploadError where it is damaged."""
    repairs = Repairs()
    message = _unpack(data)
    try:
        sentences, n_documents = _read(message, max(_SURE_TOKENS, min(len(data), _MOST_TOKENS)), repairs)
    except UploadError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise refuse("the DocBin is damaged", f"{type(error).__name__}: {error}"[:80], _MEND) from None
    if not sentences:
        raise refuse("the DocBin holds no word", f"{n_documents} documents", "give one with texts")
    return FormatResult(sentences, f"spaCy DocBin, {n_documents:,} documents", tuple(map(_by_document, repairs.notes)))


def _by_document(note: Note) -> Note:
    """What was counted in documents, told in documents: a `.spacy` file has no lines.

    >>> print(_by_document(Note("a word", 3, (1, 1, 7))))
    a word (document 1, 7): 3 times
    """
    places = ", ".join(map(str, dict.fromkeys(note.lines)))
    return Note(f"{note.what} (document {places})", note.count) if places else note


def _unpack(data: bytes) -> dict:
    try:
        unpacker = zlib.decompressobj()
        packed = unpacker.decompress(data, most_unpacked(len(data)) + 1)
    except zlib.error as error:
        raise refuse("the DocBin cannot be unpacked", str(error), _MEND) from None
    check_size(len(packed), len(data))
    if not unpacker.eof:
        raise refuse("the DocBin is cut off", "a file that ends too early", _MEND)
    message = _from_msgpack(packed)
    if not isinstance(message, dict):
        raise refuse("the DocBin is damaged", f"a {type(message).__name__} instead of its table", _MEND)
    return message


def _from_msgpack(packed: bytes) -> object:
    """Plain values alone: no hook turns them into objects. None where it is no MessagePack."""
    from srsly.msgpack import _unpacker

    try:
        return _unpacker.unpackb(packed, raw=False, use_list=False, strict_map_key=False)
    except Exception:  # the unpacker's own kinds of errors have no kind in common
        return None


def _read(message: dict, most: int, repairs: Repairs) -> tuple[tuple[Sentence, ...], int]:
    """Columns of the array -> sentences. Raises UploadError where there are more than `most` tokens or documents."""
    from spacy.attrs import ENT_IOB, ENT_TYPE, ORTH, SENT_START
    from spacy.strings import StringStore

    attributes = list(message["attrs"])
    table = np.frombuffer(message["tokens"], np.uint64).reshape(-1, len(attributes))  # (N, A)
    lengths = np.frombuffer(message["lengths"], np.int32)  # (documents,)
    spaces = np.frombuffer(message["spaces"], bool)  # (N,)
    if lengths.sum(dtype=np.int64) != len(table) or len(spaces) != len(table) or (lengths < 0).any():
        raise ValueError(f"{len(table):,} tokens for {len(lengths):,} documents")
    if max(len(table), len(lengths)) > most:
        received = f"{len(table):,} tokens in {len(lengths):,} documents"
        raise refuse(f"the DocBin holds more than {most:,} tokens or documents", received, "give a part of it")
    strings = _Strings(StringStore(message["strings"]), repairs)
    wanted = (ORTH, ENT_IOB, ENT_TYPE, SENT_START)
    columns = {attribute: table[:, i].tolist() for i, attribute in enumerate(attributes) if attribute in wanted}
    words = [strings[key] for key in columns[ORTH]]
    nothing = [0] * len(table)
    tags, labels, starts = (columns.get(attribute, nothing) for attribute in (ENT_IOB, ENT_TYPE, SENT_START))
    if ENT_IOB not in columns or ENT_TYPE not in columns:
        repairs.add("document without entities: the file holds none", count=len(lengths))
    flags, user_data, sentences = message.get("flags") or (), message.get("user_data") or (), []
    for number, (first, last) in enumerate(pairwise([0, *np.cumsum(lengths).tolist()])):
        is_spaced = number < len(flags) and flags[number].get("has_unknown_spaces")
        gaps = [True] * (last - first - 1) + [False] if is_spaced else spaces[first:last].tolist()
        meta = _meta(user_data[number] if number < len(user_data) else None, number + 1, repairs)
        spans = _spans(tags[first:last], [strings[key] if key else "" for key in labels[first:last]])
        sentences += _to_sentences(words[first:last], gaps, spans, starts[first:last], meta, number + 1, repairs)
    return tuple(sentences), len(lengths)


class _Strings(dict):
    """Hash -> text, cleaned once; a hash without its string is a KeyError, and the file damaged."""

    def __init__(self, store, repairs: Repairs) -> None:
        super().__init__()
        self._store, self._repairs = store, repairs

    def __missing__(self, key: int) -> str:
        self[key] = text = clean_text(self._store[key], None, self._repairs)
        return text


def _spans(tags: list[int], labels: list[str]) -> list[Span]:
    """ENT_IOB and ENT_TYPE of one document -> spans of its tokens.

    >>> _spans([3, 1, 2, 1, 0], ["per", "per", "", "geo", ""])
    [Span(start=0, end=2, label='per'), Span(start=3, end=4, label='geo')]
    """
    spans, start = [], None
    for index, (tag, label) in enumerate(zip([*tags, 2], [*labels, ""], strict=True)):
        goes_on = tag == _INSIDE and start is not None and label == labels[index - 1]
        if start is not None and not goes_on:
            spans.append(Span(start, index, labels[start]))
            start = None
        if start is None and tag in (_INSIDE, _BEGINS) and label:
            start = index
    return spans


def _to_sentences(words, gaps, spans, starts, meta, number: int, repairs: Repairs) -> list[Sentence]:
    """One document -> its sentences; white space, a token to spaCy, is text between words to us."""
    offsets, last = [], 0
    for word, gap in zip(words, gaps, strict=True):
        offsets.append(last)
        last += len(word) + gap
    text = "".join(word + " " * gap for word, gap in zip(words, gaps, strict=True))
    inside = {i for span in spans for i in range(span.start + 1, span.end)}
    cuts = [0, *(i for i in range(1, len(words)) if starts[i] == 1 and i not in inside), len(words)]
    found = []
    for first, end in pairwise(cuts):
        kept = [i for i in range(first, end) if words[i].strip()]
        if len(kept) < end - first:
            repairs.add("token of white space, read as the space between words", number, end - first - len(kept))
        if not kept:
            continue
        begin, stop = (0, len(text)) if len(cuts) == 2 else (offsets[kept[0]], offsets[kept[-1]] + len(words[kept[-1]]))
        starts = tuple(offsets[i] - begin for i in kept)
        place = {i: n for n, i in enumerate(kept)}
        held = (
            [place[i] for i in range(s.start, s.end) if i in place] + [s.label] for s in spans if first <= s.start < end
        )
        inner = [Span(each[0], each[-2] + 1, each[-1]) for each in held if len(each) > 1]
        found.append(build_sentence(text[begin:stop], tuple(words[i] for i in kept), starts, inner, meta))
    if not found:
        repairs.add("document without a word, left out", number)
    return found


def _meta(packed: object, number: int, repairs: Repairs) -> tuple[tuple[str, str], ...]:
    """The plain texts under "meta" in a document's user data; the rest is left where it is."""
    held = _from_msgpack(packed) if isinstance(packed, bytes) else None
    if not isinstance(held, dict):
        return ()
    if set(held) - {"meta"}:
        repairs.add("user data of a document, not read", number)
    meta = held.get("meta")
    pairs = meta.items() if isinstance(meta, dict) else ()
    texts = ((key, text) for key, text in pairs if isinstance(key, str) and isinstance(text, str))
    return clean_meta(texts, number, repairs)


# --- writing -------------------------------------------------------------------------------


def write_docbin(sentences: Iterable[Sentence]) -> bytes:
    """Write sentences as the bytes of a `.spacy` file. Raises ValueError where one cannot be read back equal."""
    sentences = tuple(sentences)
    for sentence in sentences:
        check_sentence(sentence)
        tokens = sentence.tokens
        around = sentence.text[: tokens[0].start] + sentence.text[tokens[-1].end :]
        if around.strip():
            raise ValueError(f"A DocBin's text is all of it words. Received: {around[:60]!r} beside them.")
    return pack_docbin(sentences)


def pack_docbin(items: Iterable[Sentence | Prediction]) -> bytes:
    """Texts to the last character, entities as `doc.ents`, meta in `doc.user_data["meta"]`."""
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    vocabulary = Vocab()
    docs = [_to_doc(item, vocabulary) for item in items]
    return DocBin(docs=docs, store_user_data=any("meta" in doc.user_data for doc in docs)).to_bytes()


def _to_doc(item: Sentence | Prediction, vocabulary):
    """Build a spaCy Doc whose text is the item's text; white space beyond one blank is a token of its own."""
    from spacy.tokens import Doc
    from spacy.tokens import Span as SpacySpan

    words, spaces, place, last = [], [], [], 0
    for token in (*item.tokens, None):
        gap = item.text[last : token.start if token else None]
        if words and gap.startswith(" "):
            spaces[-1], gap = True, gap[1:]
        if gap:
            words.append(encodable(gap))
            spaces.append(False)
        if token is None:
            break
        place.append(len(words))
        words.append(encodable(token.text))
        spaces.append(False)
        last = token.end
    doc = Doc(vocabulary, words=words, spaces=spaces)
    doc.ents = [SpacySpan(doc, place[s.start], place[s.end - 1] + 1, label=encodable(s.label)) for s in item.spans]
    if meta := getattr(item, "meta", ()):
        doc.user_data["meta"] = dict(meta)
    return doc


def encodable(text: str) -> str:
    """Replace half characters (lone surrogates, which no UTF-8 file can hold) by ?; the length stays."""
    return text.encode("utf-8", "replace").decode()
