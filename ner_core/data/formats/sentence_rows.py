"""Tables with one row a sentence: `Sentence #,Sentence,POS,Tag`.

Chapter of part I. It answers: *how do the words of a sentence find their tags, when both stand in one cell each?*

Source: the GMB corpus as it is often handed on after a `groupby`: words joined by spaces, tags as a Python list.

Differs from the notebooks that read it with `eval` and `.split()`: a list is only read where it is nothing but
strings, so that no cell is ever run; words stand between single spaces, so that a word such as "\\u00a0" stays one;
a row with more words than tags, or fewer, is left out and counted in a Note.

>>> table = b'Sentence #,Sentence,POS,Tag\\nSentence: 1,Ada lives,"[\\'NNP\\', \\'VBZ\\']","[\\'B-per\\', \\'O\\']"\\n'
>>> read_sentence_rows(table).sentences
(Sentence(words=('Ada', 'lives'), spans=(Span(start=0, end=1, label='per'),), raw=None, starts=None, meta=()),)
"""

from __future__ import annotations

import ast
import csv
import re
import warnings
from array import array
from collections.abc import Iterator

from ner_core.data.formats.decoding import (
    Columns,
    FormatResult,
    Repairs,
    cut_lines,
    decode,
    refuse,
    shorten,
    to_sentences,
    without_collector,
)
from ner_core.data.formats.marks import clean_text
from ner_core.data.formats.tables import TAG_NAMES, WORD_NAMES, read_header

TEXT_NAMES = ("sentence", "text", "sentences", "words", "tokens")
ROW_TAG_NAMES = (*TAG_NAMES, "word labels")
_STRING = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_LIST = re.compile(rf"[\[(]\s*(?:{_STRING}[\s,]*)*[\])]", re.DOTALL)
_ITEM = re.compile(_STRING, re.DOTALL)
_IS_LIST = re.compile(r"[\[(]\s*['\"].*[\])]$|\[\s*\]$", re.DOTALL)
_MEND = "the first line must name a column for the sentence's words (Sentence) and one for its tags (Tag)"


def is_sentence_rows(text: str) -> bool:
    """Does the first line name a sentence and its tags, and the second hold them?

    >>> is_sentence_rows("Sentence #,Sentence,POS,Tag\\nSentence: 1,Ada,['N'],['O']")
    True
    >>> is_sentence_rows("Sentence #,Word,POS,Tag\\nSentence: 1,Ada,N,O"), is_sentence_rows("sentence,word,tag\\n1,Ada,O")
    (False, False)
    """
    names = read_header(text)[0]
    singular = [name for name in WORD_NAMES if not name.endswith("s")]
    if any(name in names for name in singular) or not any(name in names for name in ROW_TAG_NAMES):
        return False
    return any(name in names for name in ("sentence", "text", "sentences")) or (
        any(name in names for name in ("words", "tokens")) and "[" in text[: text.find("\n", 400) % 100_000]
    )


def read_sentence_rows(data: bytes) -> FormatResult:
    """Read a table with one row a sentence. Raises UploadError where it cannot be one."""
    repairs = Repairs()
    text, encoding = decode(data, repairs)
    del data
    names, delimiter, header_line = read_header(text)
    word = next((names.index(name) for name in TEXT_NAMES if name in names), None)
    tag = next((names.index(name) for name in ROW_TAG_NAMES if name in names), None)
    if word is None or tag is None:
        received = shorten(text.lstrip().partition("\n")[0], 80)
        raise refuse("no columns Sentence and Tag in line 1", f"the columns {received}", _MEND)
    columns, shared = Columns(lines=array("I")), {}  # shared: one string for each distinct word
    with without_collector():
        for line, row in _rows(text, delimiter, header_line):
            _add_row(columns, row, len(names), (word, tag), line, repairs, shared)
        if not columns.words:
            why = "; ".join(note.what for note in repairs.notes)
            raise refuse("no row holds words and as many tags", why or "a header alone", _MEND)
        sentences, scheme = to_sentences(columns, repairs)
    return FormatResult(sentences, f"table with one row a sentence, {encoding}, {scheme}", repairs.notes)


def _rows(text: str, delimiter: str, header_line: int) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line each begins in; a cell in quotation marks may go over several lines."""
    reader = csv.reader((f"{line}\n" for line in cut_lines(text)), delimiter=delimiter)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise refuse(f"the row in line {line} cannot be read", str(error), _MEND) from None
        if line > header_line and any(cell.strip() for cell in row):
            yield line, row


def _add_row(
    columns: Columns, row: list[str], n_names: int, places: tuple, line: int, repairs: Repairs, shared: dict
) -> None:
    """Append one sentence's words and tags, or count why it is left out."""
    if len(row) not in (n_names, n_names + 1):
        repairs.add(f"row without {n_names} cells, left out", line)
        return
    word, tag = (place + len(row) - n_names for place in places)  # an index without a name in the header
    words = split_cell(row[word], line, repairs)
    tags = split_cell(row[tag], line, repairs, is_tags=True)
    if tags and len(tags) == 1 and "," in tags[0]:
        tags = tags[0].split(",")
    if words is None or tags is None:
        repairs.add("row whose list cannot be read, left out", line)
    elif len(words) != len(tags):
        repairs.add("row with more words than tags or fewer, left out", line)
    elif not all(word.strip(" \t") for word in words) or not all(map(str.strip, tags)):
        repairs.add("row with an empty word or tag, left out", line)
    elif words:
        columns.starts.append(len(columns.words))
        columns.words += map(shared.setdefault, words, words)
        columns.tags += map(shared.setdefault, tags, tags)
        columns.lines.extend([line] * len(words))


def split_cell(cell: str, line: int, repairs: Repairs, *, is_tags: bool = False) -> list[str] | None:
    """The strings of one cell: a list of strings, else what stands between spaces; None for a list that is broken.

    >>> split_cell("['B-per', 'O']", 2, Repairs()), split_cell('["Ada" "O"]', 2, Repairs())
    (['B-per', 'O'], ['Ada', 'O'])
    >>> split_cell("['O', open('x')]", 2, Repairs()) is None, split_cell("[ Ada ]", 2, Repairs())
    (True, ['[', 'Ada', ']'])
    """
    cell = cell.strip(" \t\r\n")
    if not _IS_LIST.match(cell) and not (is_tags and cell[:1] in ("[", "(")):
        return cell.split(" ") if cell else []
    if not _LIST.fullmatch(cell):
        return None
    items = [_literal(item) for item in _ITEM.findall(cell)]
    return None if None in items else [clean_text(item, line, repairs) for item in items]


def _literal(item: str) -> str | None:
    """The text of one quoted string; only one with a backslash needs Python's rules."""
    if "\\" not in item:
        return item[1:-1]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an escape such as \\d
            return ast.literal_eval(item)
    except (SyntaxError, ValueError):
        return None
