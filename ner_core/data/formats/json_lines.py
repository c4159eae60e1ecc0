"""JSON and JSON Lines -> values, each with the line it begins in.

Chapter of part I. It answers: *how is JSON read that tools, and hands, have written?*

Source: RFC 8259 (https://www.rfc-editor.org/rfc/rfc8259) and JSON Lines (https://jsonlines.org).

Differs from it: one list of records and one record a line are read alike. A comma too many, `NaN`, a key written
twice and a broken line are read or left out, and counted in a Note; a number of thousands of digits, or brackets
nested a hundred thousand deep, cost no more than their length.

>>> read_values('{"text": "Ada"}\\n{"text": "Bob"}', Repairs())
[(1, {'text': 'Ada'}), (2, {'text': 'Bob'})]
>>> read_values('[\\n{"text": "Ada"},\\n{"text": "Bob"},\\n]', repairs := Repairs())
[(2, {'text': 'Ada'}), (3, {'text': 'Bob'})]
>>> print(*repairs.notes)
comma behind the last record: 1 time (line 3)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ner_core.data.formats.decoding import Repairs, refuse, shorten

_BLANK = re.compile(r"\s*")
_BEGIN = re.compile(r"\{\s*[\"}]|\[\s*[\[{\"\]]")
_MOST_DIGITS = 100
_MOST_COMMAS = 20  # too many of them in one value
_WINDOWS = (4_000, 64_000, 1_000_000, 16_000_000, 1 << 62)  # characters in which a value is looked for
_MOST_CROSSINGS = 20  # broken values that run over the end of their line: bounds what reading twice can cost
_MEND = "give one JSON object a line, or one list of them"


class _Broken(Exception):
    """No JSON from here on: what is wrong, and at which character."""

    def __init__(self, what: str, at: int | None) -> None:
        super().__init__(what)
        self.what, self.at = what, at


def is_json(text: str) -> bool:
    """Does the text begin as a JSON object or list does?

    >>> is_json(' [ {"text": 1}]'), is_json("[\\tO\\nsic\\tO")
    (True, False)
    """
    return bool(_BEGIN.match(text.lstrip()))


def read_values(text: str, repairs: Repairs) -> list[tuple[int, object]]:
    """The records of a file with their line numbers. Raises UploadError, with a line number, where it is no JSON."""
    return list(each_value(text, repairs))


def each_value(text: str, repairs: Repairs) -> Iterator[tuple[int, object]]:
    """Yield what `read_values` lists: who needs one record at a time keeps no more of them."""
    reader = _Reader(text, repairs)
    start = reader.skip_blank(0)
    is_list = text.startswith("[", start) and not text.startswith('"', reader.skip_blank(start + 1))
    try:
        yield from reader.read_list(start + 1) if is_list else reader.read_lines(start)
    except _Broken as broken:
        at = reader.at if broken.at is None else broken.at
        line = text.count("\n", 0, at) + 1
        found = shorten(text[at : at + 40].partition("\n")[0]) if at < len(text) else "the end of the file"
        raise refuse(f"line {line} is no JSON: {broken.what}", found, _MEND) from None


def _comma_too_many(piece: str, fault: int) -> int | None:
    """Where a comma stands before a closing bracket, at which JSON breaks.

    >>> _comma_too_many('{"a": [1, ]}', 10), _comma_too_many('{"a" 1}', 5)
    (8, None)
    """
    bracket = _BLANK.match(piece, fault + piece.startswith(",", fault)).end()  # newer Pythons point at the comma
    comma = len(piece[:bracket].rstrip()) - 1
    is_one = piece[bracket : bracket + 1] in ("]", "}") and piece[comma : comma + 1] == ","
    return comma if is_one else None


class _Reader:
    """Walks through a text, value by value, and knows in which line it is."""

    def __init__(self, text: str, repairs: Repairs) -> None:
        self.text, self.repairs, self.at, self.line = text, repairs, 0, 1
        self._odd: list[str] = []
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._to_dict,
            parse_constant=self._to_nothing,
            parse_int=self._to_int,
            strict=False,
        )

    def read_list(self, at: int) -> Iterator[tuple[int, object]]:
        """Yield the values of one list, whose bracket stands before `at`."""
        while not self.text.startswith("]", at := self.skip_blank(at)):
            value, at = self.read_value(at)
            yield self.line, value
            at = self.skip_blank(at)
            if self.text.startswith(",", at):
                at = self.skip_blank(at + 1)
                if self.text.startswith("]", at):
                    self.repairs.add("comma behind the last record", self.line)
            elif not self.text.startswith("]", at):
                raise _Broken("the list goes on without a comma or ends without ]", at)
        if (end := self.skip_blank(at + 1)) < len(self.text):
            raise _Broken("something stands behind the list", end)

    def read_lines(self, at: int) -> Iterator[tuple[int, object]]:
        """Yield one value after the other; a line that holds none is left out, where most lines do."""
        n_values, first_broken, n_broken, n_crossings, has_long = 0, None, 0, 0, False
        while at < len(self.text):
            line_end = self.text.find("\n", at) % (len(self.text) + 1)  # -1 becomes the text's end
            try:
                value, end = self.read_value(at)
            except _Broken as broken:
                first_broken = first_broken or _Broken(broken.what, at if broken.at is None else broken.at)
                n_broken += 1
                n_crossings += broken.at is None or broken.at > line_end
                if has_long or n_crossings > _MOST_CROSSINGS:
                    break
                self.repairs.add("line that is no JSON, left out", self.line)
                at = self.skip_blank(line_end)
                continue
            has_long = has_long or end > line_end
            n_values += 1
            yield self.line, value
            at = self.skip_blank(end)
            if self.text.startswith(",", at):
                self.repairs.add("comma behind a record", self.line)
                at = self.skip_blank(at + 1)
        if first_broken and (n_broken > n_values or has_long or n_crossings > _MOST_CROSSINGS):
            raise first_broken

    def read_value(self, at: int) -> tuple[object, int]:
        """The value that begins at `at`, and where it ends."""
        self.line += self.text.count("\n", self.at, at)
        self.at = at
        for size in _WINDOWS:  # in a short piece a fault costs little, and there may be one in every record
            size = min(size, len(self.text) - at)
            try:
                value, end = self._decode(self.text[at : at + size])
            except json.JSONDecodeError as error:
                is_cut = error.pos > size - 12 or error.msg.startswith("Unterminated")
                if not is_cut or at + size == len(self.text):
                    raise _Broken(error.msg[:1].lower() + error.msg[1:], at + error.pos) from None
                continue
            except RecursionError:
                raise _Broken("brackets are nested too deeply", None) from None
            if end < size or at + size == len(self.text) or isinstance(value, (dict, list)):
                break
        return value, at + end

    def _decode(self, piece: str) -> tuple[object, int]:
        """The value at the beginning, read without commas that stand before a closing bracket; and where it ends."""
        for n_commas in range(_MOST_COMMAS + 1):
            self._odd.clear()
            try:
                found = self._decoder.raw_decode(piece)
                break
            except json.JSONDecodeError as error:
                comma = _comma_too_many(piece, error.pos)
                if comma is None or n_commas == _MOST_COMMAS:
                    raise
                piece = f"{piece[:comma]} {piece[comma + 1 :]}"
        for what in self._odd:  # only of values that were read, and read once
            self.repairs.add(what, self.line)
        if n_commas:
            self.repairs.add("comma behind the last entry, left out", self.line, n_commas)
        return found

    def skip_blank(self, at: int) -> int:
        return _BLANK.match(self.text, at).end()

    # --- what JSON leaves open, and what it forbids ---

    def _to_dict(self, pairs: list[tuple[str, object]]) -> dict:
        found = dict(pairs)
        if len(found) < len(pairs):
            self._odd.append("key written twice in one object, the last one kept")
        return found

    def _to_nothing(self, _: str) -> None:
        self._odd.append("NaN or Infinity, read as null")

    def _to_int(self, digits: str) -> int | None:
        if len(digits) <= _MOST_DIGITS:
            return int(digits)
        self._odd.append(f"number of more than {_MOST_DIGITS} digits, read as null")
        return None
