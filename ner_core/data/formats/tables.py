"""Tables: a line of column names, then cells between commas, semicolons, tabs or bars.

Chapter of part I. It answers: *which cells stand in a row, when quotation marks may be quotes, or words?*

Source: RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180) and Python's `csv`, which reads each row that holds a quotation mark.

Differs from them: rows are cut one by one, so that a quotation mark that closes nowhere spoils nothing behind it: it is read as the
character it is, and told. A file with tabs that has such a mark has no quotes at all. A cell that goes over several lines is read
where the row is whole with it and the lines behind are none by themselves.

>>> list(read_rows('1,"a, b",O\\n2,"open,O', ",", 3, repairs := Repairs()))
[(1, ['1', 'a, b', 'O']), (2, ['2', '"open', 'O'])]
>>> print(*repairs.notes)
quotation mark that closes nowhere, read as a character: 1 time (line 2)
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from ner_core.data.formats.decoding import LONGEST_LINE, Repairs, cut_lines

SENTENCE_NAMES = ("sentence #", "sentence idx", "sentence id", "sentence", "sent id", "sent", "sentence number")
WORD_NAMES = ("word", "token", "words", "tokens", "form")
TAG_NAMES = ("tag", "ner tag", "ner", "label", "ner tags", "tags", "labels", "entity", "bio", "iob", "named entity")
_DELIMITERS = (",", ";", "\t", "|")
_TO_SPACE = re.compile(r"[\s_-]+")
_EXCEL = re.compile(r"sep=(.)")
_MOST_LINES = 50  # that one row may go over

csv.field_size_limit(LONGEST_LINE)  # for the whole process, once: threads share it


def plain_name(name: str) -> str:
    """A column's name as it is looked up.

    >>> plain_name("NER_Tag"), plain_name(" ner-tag "), plain_name("Sentence #")
    ('ner tag', 'ner tag', 'sentence #')
    """
    return _TO_SPACE.sub(" ", name.strip().strip("\"'").strip()).lower()


def read_header(text: str) -> tuple[list[str], str, int]:
    """The first line with words: (its names in lower case, its delimiter, its number).

    >>> read_header("sep=;\\nSentence #;Word;NER_Tag")
    (['sentence #', 'word', 'ner tag'], ';', 2)
    """
    cells, delimiter, number = header_cells(text)
    return list(map(plain_name, cells)), delimiter, number


def header_cells(text: str) -> tuple[list[str], str, int]:
    """The column names as they are written, the delimiter, and their line; Excel's `sep=;` may stand above them."""
    filled = ((number, line) for number, line in enumerate(_first_lines(text), 1) if line.strip())
    number, line = next(filled, (1, ""))
    excel = _EXCEL.fullmatch(line.strip(" "))
    if excel and excel[1] in _DELIMITERS:
        number, line = next(filled, (number, ""))
    delimiter = excel[1] if excel and excel[1] in _DELIMITERS else max(_DELIMITERS, key=line.count)
    cells = _split_quoted(line, delimiter) if '"' in line else line.split(delimiter)
    return line.split(delimiter) if cells is None else cells, delimiter, number


def _first_lines(text: str) -> Iterator[str]:
    """The lines from which a header may come, cut at 10,000 characters."""
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        yield text[at : min(end, at + 10_000)]
        at = end + 1


def read_rows(
    text: str, delimiter: str, n_cells: int, repairs: Repairs, skip: int = 0
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) behind the first `skip` lines; a whole row has `n_cells`, empty ones behind are left out."""
    is_raw = '"' not in text or (delimiter == "\t" and _has_open_quotes(text, n_cells, skip))
    lines = deque()  # lines looked at in advance
    coming = islice(enumerate(cut_lines(text), 1), skip, None)
    while True:
        if lines:
            number, line = lines.popleft()
        elif (found := next(coming, None)) is not None:
            number, line = found
        else:
            return
        if '"' not in line:
            row = line.split(delimiter)
        elif is_raw:
            row = line.split(delimiter)
            if _split_quoted(line, delimiter) is None:
                repairs.add("quotation mark that closes nowhere, read as a character", number)
        else:
            row = _split_quoted(line, delimiter) or _mend_row(line, number, delimiter, n_cells, lines, coming, repairs)
        while len(row) > n_cells and not row[-1]:
            row.pop()
        yield number, row


def _has_open_quotes(text: str, n_cells: int, skip: int) -> bool:
    """Is there a row that is whole only where its quotation marks are characters?"""
    return any(
        '"' in line and _split_quoted(line, "\t") is None and len(line.split("\t")) == n_cells
        for line in islice(cut_lines(text), skip, None)
    )


def _split_quoted(line: str, delimiter: str) -> list[str] | None:
    """The cells of one row as `csv` reads them; None where a quotation mark closes nowhere or stands inside a cell."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None


def _mend_row(
    line: str, number: int, delimiter: str, n_cells: int, lines: deque, coming: Iterable, repairs: Repairs
) -> list[str]:
    """A row whose quotation marks are characters, or that goes on in the next lines."""
    row = line.split(delimiter)
    if len(row) == n_cells or line.count('"') % 2 == 0:
        repairs.add("quotation mark that closes nowhere, read as a character", number)
        return row
    block = [line]
    for place in range(_MOST_LINES):
        if place == len(lines):
            lines.extend(islice(coming, 1))
        if place == len(lines):
            break
        following = lines[place][1]
        is_closing = following.count('"') % 2 == 1
        if not is_closing and len(_split_quoted(following, delimiter) or ()) == n_cells:
            break  # a row by itself
        block.append(following)
        if is_closing:
            whole = _split_quoted("\n".join(block), delimiter)
            if whole and len(whole) == n_cells:
                for _ in range(place + 1):
                    lines.popleft()
                return whole
            break
    return row
