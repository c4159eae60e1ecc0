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

from ner_core.data.formats.decoding import Repairs, refuse, shorten

_BLANK = re.compile(r"\s*")
_BEGIN = re.compile(r"\{\s*[\"}]|\[\s*[\[{\"\]]")
_MOST_DIGITS = 100
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
    reader = _Reader(text, repairs)
    start = reader.skip_blank(0)
    is_list = text.startswith("[", start) and not text.startswith('"', reader.skip_blank(start + 1))
    try:
        return reader.read_list(start + 1) if is_list else reader.read_lines(start)
    except _Broken as broken:
        at = reader.at if broken.at is None else broken.at
        line = text.count("\n", 0, at) + 1
        found = shorten(text[at : at + 40].partition("\n")[0]) if at < len(text) else "the end of the file"
        raise refuse(f"line {line} is no JSON: {broken.what}", found, _MEND) from None


class _Reader:
    """Walks through a text, value by value, and knows in which line it is."""

    def __init__(self, text: str, repairs: Repairs) -> None:
        self.text, self.repairs, self.at, self.line = text, repairs, 0, 1
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._to_dict,
            parse_constant=self._to_nothing,
            parse_int=self._to_int,
            strict=False,
        )

    def read_list(self, at: int) -> list[tuple[int, object]]:
        """The values of one list, whose bracket stands before `at`."""
        values = []
        while not self.text.startswith("]", at := self.skip_blank(at)):
            value, at = self.read_value(at)
            values.append((self.line, value))
            at = self.skip_blank(at)
            if self.text.startswith(",", at):
                at = self.skip_blank(at + 1)
                if self.text.startswith("]", at):
                    self.repairs.add("comma behind the last record", self.line)
            elif not self.text.startswith("]", at):
                raise _Broken("the list goes on without a comma or ends without ]", at)
        if (end := self.skip_blank(at + 1)) < len(self.text):
            raise _Broken("something stands behind the list", end)
        return values

    def read_lines(self, at: int) -> list[tuple[int, object]]:
        """One value after the other; a line that holds none is left out, where most lines do."""
        values, first_broken, n_broken, n_crossings, has_long = [], None, 0, 0, False
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
            values.append((self.line, value))
            at = self.skip_blank(end)
            if self.text.startswith(",", at):
                self.repairs.add("comma behind a record", self.line)
                at = self.skip_blank(at + 1)
        if first_broken and (n_broken > len(values) or has_long or n_crossings > _MOST_CROSSINGS):
            raise first_broken
        return values

    def read_value(self, at: int) -> tuple[object, int]:
        """The value that begins at `at`, and where it ends."""
        self.line += self.text.count("\n", self.at, at)
        self.at = at
        try:
            return self._decoder.raw_decode(self.text, at)
        except json.JSONDecodeError as error:
            raise _Broken(error.msg[:1].lower() + error.msg[1:], error.pos) from None
        except RecursionError:
            raise _Broken("brackets are nested too deeply", None) from None

    def skip_blank(self, at: int) -> int:
        return _BLANK.match(self.text, at).end()

    # --- what JSON leaves open, and what it forbids ---

    def _to_dict(self, pairs: list[tuple[str, object]]) -> dict:
        found = dict(pairs)
        if len(found) < len(pairs):
            self.repairs.add("key written twice in one object, the last one kept", self.line)
        return found

    def _to_nothing(self, _: str) -> None:
        self.repairs.add("NaN or Infinity, read as null", self.line)

    def _to_int(self, digits: str) -> int | None:
        if len(digits) <= _MOST_DIGITS:
            return int(digits)
        self.repairs.add(f"number of more than {_MOST_DIGITS} digits, read as null", self.line)
        return None
