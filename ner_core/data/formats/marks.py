"""Marks in characters -> spans of words.

Chapter of part I. It answers: *which words does "characters 10 to 15 are a PERSON" mean?*

Source: spaCy's `Doc.char_span` with `alignment_mode="expand"` (https://spacy.io/api/doc#char_span).

Differs from it: nothing is dropped in silence. A mark that cuts a word grows to the whole word, one with a space
at its edge is trimmed, of two that overlap the longer stays, and one that lies outside of its text is left out:
each is counted in a Note. Where a file counts UTF-16 units or bytes, as JavaScript and some servers do, its
offsets are converted: that is seen where emoji or accents stand before a mark.

>>> [sentence] = to_sentences([Record("President Obama left.", [Mark(10, 15, "PERSON")])], Repairs())
>>> sentence.words, sentence.spans
(('President', 'Obama', 'left', '.'), (Span(start=1, end=2, label='PERSON'),))
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from ner_core.data.formats.decoding import Repairs, clean_text, note_long_pieces, note_long_sentence
from ner_core.data.text import cut_words, learn
from ner_core.records import Sentence, Span

UNITS = {
    "characters": None,
    "UTF-16 units": lambda character: 1 + (character > "\uffff"),
    "UTF-8 bytes": lambda character: len(character.encode("utf-8", "surrogatepass")),
}
_BLOCK = 1_000  # records whose words are learned at once
_MOST_LOOKED_AT = 2_000  # records looked at to find the unit


class Mark(NamedTuple):
    """A labelled stretch of characters, as a file gives it: anything may stand in it."""

    start: object
    end: object
    label: object
    text: object = None


@dataclass(slots=True)
class Record:
    """One text with its marks, as a file gives it; `tokens` where the file has cut the text itself."""

    text: str
    marks: list[Mark] = field(default_factory=list)
    line: int = 1
    tokens: Sequence[Mark] | None = None  # their label is never looked at
    meta: tuple[tuple[str, str], ...] = ()


def to_sentences(records: Iterable[Record], repairs: Repairs) -> tuple[Sentence | None, ...]:
    """One sentence a record; None for a record without a word."""
    records = list(records)
    for record in records:
        record.text = clean_text(record.text, record.line, repairs)
        record.marks = [good for mark in record.marks if (good := _check_mark(mark, record.line, repairs))]
    unit = detect_unit(records)
    if unit != "characters":
        n_marks = sum(len(record.marks) for record in records)
        repairs.add(f"offset counted in {unit}, converted to characters", count=2 * n_marks)
    sentences = []
    for first in range(0, len(records), _BLOCK):
        block = records[first : first + _BLOCK]
        records[first : first + _BLOCK] = [None] * len(block)  # each is let go once it is a sentence
        learn(record.text for record in block if record.tokens is None)
        sentences += [_to_sentence(record, unit, repairs) for record in block]
    return tuple(sentences)


# --- what a mark may hold ------------------------------------------------------------


def _check_mark(mark: Mark, line: int, repairs: Repairs) -> Mark | None:
    """The mark with two whole numbers and a label, or None."""
    start, end, label = _to_int(mark.start), _to_int(mark.end), mark.label
    if start is None or end is None:
        repairs.add("entity without a start and an end, left out", line)
        return None
    if isinstance(label, int) and not isinstance(label, bool):
        repairs.add("label given as a number: the file does not say its name", line)
        label = str(label)
    label = " ".join(clean_text(label, line, repairs).split()) if isinstance(label, str) else ""
    if not label:
        repairs.add("entity without a label, left out", line)
        return None
    return Mark(start, end, label, mark.text if isinstance(mark.text, str) else None)


def _to_int(value: object) -> int | None:
    """A whole number, also where it is written 3.0 or "3".

    >>> _to_int(3), _to_int(3.0), _to_int("3"), _to_int(True), _to_int(None), _to_int(3.5)
    (3, 3, 3, None, None, None)
    """
    if isinstance(value, str) and len(value) < 12 and value.strip().isdecimal():
        return int(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# --- units -----------------------------------------------------------------------------


def detect_unit(records: Iterable[Record]) -> str:
    """What the offsets of a file count: "characters", unless nearly all marks make sense only as something else.

    >>> detect_unit([Record("😀 Ada lives", [Mark(3, 6, "per")])])
    'UTF-16 units'
    """
    fits, n_marks, n_records = dict.fromkeys(UNITS, 0), 0, 0
    for record in records:
        if record.text.isascii() or not record.marks:
            continue
        n_marks, n_records = n_marks + len(record.marks), n_records + 1
        for unit in UNITS:
            to_place = _places(record.text, unit)
            fits[unit] += sum(_fits(record.text, mark, to_place) for mark in record.marks)
        if n_records == _MOST_LOOKED_AT:
            break
    best = max(fits, key=fits.get)  # the first of equals: characters
    return best if fits[best] >= 0.9 * n_marks else "characters"


def _places(text: str, unit: str) -> Callable[[int], int | None]:
    """A function from an offset in `unit` to one in characters; None in the middle of a character or outside."""
    size = UNITS[unit]
    if size is None or text.isascii():
        return lambda offset: offset if 0 <= offset <= len(text) else None
    starts = [0, *accumulate(map(size, text))]

    def to_place(offset: int) -> int | None:
        place = bisect_left(starts, offset)
        return place if place < len(starts) and starts[place] == offset else None

    return to_place


def _fits(text: str, mark: Mark, to_place: Callable[[int], int | None]) -> bool:
    """Does the mark begin and end at the edge of a word, and hold the words it says it holds?"""
    start, end = to_place(mark.start), to_place(mark.end)
    if start is None or end is None or start >= end:
        return False
    if mark.text is not None:
        return text[start:end].strip() == mark.text.strip()
    begins = not text[start].isspace() and not text[max(start - 1, 0) : start + 1].isalnum()
    ends = not text[end - 1].isspace() and not text[end - 1 : end + 1].isalnum()
    return (begins or start == 0) and (ends or end == len(text))


# --- words -------------------------------------------------------------------------------


def _to_sentence(record: Record, unit: str, repairs: Repairs) -> Sentence | None:
    if record.tokens is None:
        note_long_pieces(record.text, record.line, repairs)
    found = _given_words(record, repairs) if record.tokens is not None else cut_words(record.text)
    if not found:
        repairs.add("record without a word, left out", record.line)
        return None
    note_long_sentence(len(found), "line ends", record.line, repairs)
    words, starts = zip(*found, strict=True)
    return build_sentence(record.text, words, starts, _to_spans(record, words, starts, unit, repairs), record.meta)


def build_sentence(
    text: str, words: tuple[str, ...], starts: tuple[int, ...], spans: Iterable[Span] = (), meta: tuple = ()
) -> Sentence:
    """A sentence that keeps its text and offsets where one space between the words does not say it all.

    >>> build_sentence("Ada runs", ("Ada", "runs"), (0, 4))
    Sentence(words=('Ada', 'runs'), spans=(), raw=None, starts=None, meta=())
    """
    if " ".join(words) == text:
        return Sentence(words, tuple(spans), meta=meta)
    return Sentence(words, tuple(spans), text, starts, meta)


def _given_words(record: Record, repairs: Repairs) -> list[tuple[str, int]]:
    """The tokens of the file; or our own, where those do not cover their text."""
    text, found, last = record.text, [], 0
    for given in record.tokens:
        start, end = _to_int(given.start), _to_int(given.end)
        is_right = start is not None and end is not None and last <= start < end <= len(text)
        if not is_right or text[last:start].strip() or (isinstance(given.text, str) and len(given.text) != end - start):
            break
        last = end
        if text[start:end].strip():
            found.append((text[start:end], start))
        else:
            repairs.add("token of white space, read as the space between words", record.line)
    else:
        if not text[last:].strip():
            return found
    repairs.add("tokens that do not fit their text, cut anew", record.line)
    return cut_words(text)


def _to_spans(record: Record, words: Sequence[str], starts: Sequence[int], unit: str, repairs: Repairs) -> list[Span]:
    """The marks as spans of words, none over another."""
    if not record.marks:
        return []
    to_place = _places(record.text, unit)
    ends = [start + len(word) for word, start in zip(words, starts, strict=True)]
    found: dict[tuple[int, int], str] = {}
    for mark in record.marks:
        bounds = _to_bounds(record, (to_place(mark.start), to_place(mark.end)), starts, ends, repairs)
        if bounds is None:
            continue
        if bounds in found:
            same = found[bounds] == mark.label
            repairs.add("entity given twice" if same else "two labels on the same words, the first kept", record.line)
        found.setdefault(bounds, mark.label)
    taken, spans = bytearray(len(words)), []
    for first, last in sorted(found, key=lambda bounds: (bounds[0] - bounds[1], bounds[0])):
        if taken.find(1, first, last) >= 0:
            repairs.add("entity that overlaps a longer one, left out", record.line)
            continue
        taken[first:last] = b"\x01" * (last - first)
        spans.append(Span(first, last, found[first, last]))
    return sorted(spans)


def _to_bounds(
    record: Record, place: tuple, starts: Sequence[int], ends: Sequence[int], repairs: Repairs
) -> tuple | None:
    """The first word of a mark, and the one behind its last; None where it holds no word."""
    (start, end), text = place, record.text
    if start is None or end is None or start >= end:
        what = "start behind its end" if None not in place else "place outside of its text"
        repairs.add(f"entity with a {what}, left out", record.line)
        return None
    first, last = bisect_right(ends, start), bisect_left(starts, end)
    if first >= last:
        repairs.add("entity that holds no word, left out", record.line)
        return None
    if (starts[first], ends[last - 1]) != (start, end):
        if text[start].isspace() or text[end - 1].isspace():
            repairs.add("entity with white space at its edge, trimmed", record.line)
        if starts[first] < start or ends[last - 1] > end:
            repairs.add("entity that cuts a word, widened to whole words", record.line)
    return first, last
