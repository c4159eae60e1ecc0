"""Tables with one row a word: Kaggle's `ner_dataset.csv` and `ner.csv`.

Chapter of part I. It answers: *how does a table of a million rows become sentences, without losing a word?*

Source: "Annotated Corpus for Named Entity Recognition"
(https://www.kaggle.com/datasets/abhinavwalia95/entity-annotated-corpus). `ner_dataset.csv` has the columns
`Sentence #,Word,POS,Tag` and names a sentence on its first row only; `ner.csv` has 25 columns, of which
`sentence_idx`, `word` and `tag` matter, and names it on every row.

Differs from the tutorials, which read both with pandas: a blank `Sentence #` is the only blank ever filled, so
the words "None", "NA" and "null" stay words; a sentence is a run of rows, so its place in the file is kept
and two runs of one number never melt into one; a row left out is counted in a Note, and its words never fall to
the sentence before. Rows are read one after the other, so that a table takes little more room than its words.

>>> table = b"Sentence #,Word,POS,Tag\\nSentence: 1,Ada,NNP,B-per\\n,Lovelace,NNP,I-per\\n,lives,VBZ,O\\n"
>>> read_long_csv(table).sentences[0].spans
(Span(start=0, end=2, label='per'),)
"""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections.abc import Iterable, Sequence
from itertools import islice

from ner_core.data.formats.decoding import (
    Columns,
    FormatResult,
    Repairs,
    can_hold,
    clean_meta,
    decode,
    refuse,
    shorten,
    to_sentences,
    without_collector,
)
from ner_core.data.formats.tables import (
    SENTENCE_NAMES,
    TAG_NAMES,
    WORD_NAMES,
    header_cells,
    plain_name,
    read_header,
    read_rows,
)
from ner_core.data.tags import spans_to_tags
from ner_core.records import Sentence

META = "meta."
ESCAPED = "escaped"  # names the columns of a row whose cell got a ' before it
FORMULA_STARTS = tuple("=+-@\t\r\n\x00＝＋－＠")
_DIGITS = re.compile(r"\d+")
_LONGEST_CELL = 500_000  # characters that are written into one
_MEND = "the first line must name a column for the sentence (Sentence # or sentence_idx), Word and Tag"


def is_long_csv(text: str) -> bool:
    """Does the first line name columns of such a table?

    >>> is_long_csv("Sentence #,Word,POS,Tag"), is_long_csv("Ada\\tB-per")
    (True, False)
    """
    names, delimiter, _ = read_header(text)
    has = [any(name in names for name in known) for known in (SENTENCE_NAMES, WORD_NAMES, TAG_NAMES)]
    if delimiter == "\t" and not has[0]:
        return False  # CoNLL with column names above
    return sum(has) >= 2 or any(name in names for name in ("sentence #", "sentence idx"))


def read_long_csv(data: bytes) -> FormatResult:
    """Read a table with one row a word. Raises UploadError where it cannot be one."""
    repairs = Repairs()
    text, encoding = decode(data, repairs)
    del data
    header, delimiter, header_line = header_cells(text)
    names = list(map(plain_name, header))
    table = _Table(header, header_line, _places(names, header, delimiter, header_line))
    with without_collector():
        _find_index(table, text, delimiter)
        _read_words(table, read_rows(text, delimiter, table.n_cells, repairs, skip=header_line), repairs)
        del text
        if not table.columns.words:
            what = f"the table has a header in line {header_line} and no row with a word and a tag"
            raise refuse(what, shorten(delimiter.join(header), 80), "add rows")
        if table.places[0] is None:
            if len(table.columns.starts) == 1 and not table.has_blank_rows:
                _refuse_names("Sentence #", header_line, ", and no blank row between sentences", header, delimiter)
            repairs.add("no column of sentence numbers: blank lines end the sentences", header_line)
            table.columns.between = "blank lines between sentences"
        else:
            ids = _blank_nan(table.ids, table.columns.lines, repairs)
            table.columns.starts = _sentence_starts(ids, table.columns.lines, repairs)
            table.columns.between = "sentence numbers"
        _keep_metas(table, repairs)
        sentences, scheme = to_sentences(table.columns, repairs)
    place = table.places[0]
    form = {"sentence #": "Kaggle ner_dataset.csv", "sentence idx": "Kaggle ner.csv"}.get(
        "" if place is None else names[place - table.has_index]
    )
    return FormatResult(sentences, f"{form or 'table with one row a word'}, {encoding}, {scheme}", repairs.notes)


class _Table:
    """A table while its rows are read: where its columns stand, and what was found in them."""

    def __init__(self, header: list[str], header_line: int, places: tuple[int | None, int, int]) -> None:
        self.header, self.header_line, self.places = header, header_line, places
        self.n_cells, self.has_index, self.has_blank_rows = len(header), False, False
        self.columns, self.ids = Columns(lines=array("I")), []
        self.metas: dict[int, list[tuple[str, str]]] = {}  # row -> its cells under `meta.key`


def _places(names: list[str], header: list[str], delimiter: str, header_line: int) -> tuple[int | None, int, int]:
    """In which columns the sentence (None = in none), the word and the tag stand."""
    places = []
    for what, known in (("Sentence #", SENTENCE_NAMES), ("Word", WORD_NAMES), ("Tag", TAG_NAMES)):
        found = [names.index(name) for name in known if name in names]
        if not found and what != "Sentence #":
            _refuse_names(what, header_line, "", header, delimiter)
        places.append(found[0] if found else None)
    return tuple(places)


def _refuse_names(what: str, line: int, more: str, header: list[str], delimiter: str) -> None:
    received = shorten(delimiter.join(header), 80)
    raise refuse(f"no column {what} in line {line}{more}", f"the columns {received}", _MEND)


def _find_index(table: _Table, text: str, delimiter: str) -> None:
    """See whether the rows have one cell more than the header: an index without a name, as pandas writes it."""
    first = (row for _, row in read_rows(text, delimiter, table.n_cells + 1, Repairs(), skip=table.header_line))
    rows = [row for row in islice(first, 100) if any(row)]
    n_longer = sum(len(row) == table.n_cells + 1 and bool(row[-1]) for row in rows)
    if n_longer > 0.9 * len(rows):
        table.n_cells, table.has_index = table.n_cells + 1, True
        table.places = tuple(None if place is None else place + 1 for place in table.places)


def _read_words(table: _Table, rows: Iterable[tuple[int, list[str]]], repairs: Repairs) -> None:
    """Gather words, tags, sentence numbers and line numbers; leave out, and count, the rows that cannot be read."""
    sentence, word, tag = table.places
    columns, n_cells, header = table.columns, table.n_cells, table.header
    meta_places = {
        i + table.has_index: name.removeprefix(META) for i, name in enumerate(header) if name.startswith(META)
    }
    is_escaped = header[-1] == ESCAPED
    words: dict[str, str] = {}  # as in the file -> as read: a million words become a few thousand strings
    tags: dict[str, str] = {}
    is_start, last, left_out = True, "", ""  # left_out: the number of a row left out, if it began a sentence
    for line, row in rows:
        is_whole = len(row) == n_cells
        if is_escaped and is_whole and row[-1]:
            row = _undo_escapes(row, header, line, repairs)
        text, given = (words.get(row[word]), tags.get(row[tag])) if is_whole else (None, None)
        if text is None or given is None:
            if not is_whole or not row[word].strip(" \t\n") or not row[tag].strip() or row == header:
                if not any(map(str.strip, row)):
                    is_start = table.has_blank_rows = True
                    continue
                _tell_row(row, header, n_cells, word, line, repairs)
                if sentence is not None and len(row) > sentence and _is_like(row[sentence].strip(), last):
                    left_out = row[sentence].strip()
                continue
            text = words.setdefault(row[word], row[word].strip(" \t\n").replace("\n", " "))
            given = tags.setdefault(row[tag], row[tag])
        if text != row[word]:
            what = "line break inside a word, read as a space" if "\n" in row[word] else "space around a word, left out"
            repairs.add(what, line)
        if sentence is not None:
            number = row[sentence].strip() or left_out
            if number == last:
                number = last  # one string for a run of equal ones
            last = number or last
            table.ids.append(number)
        elif is_start:
            columns.starts.append(len(columns.words))
        is_start, left_out = False, ""
        if meta_places and (held := [(key, row[i]) for i, key in meta_places.items() if row[i].strip()]):
            table.metas[len(columns.words)] = held
        columns.words.append(text)
        columns.tags.append(given)
        columns.lines.append(line)


def _keep_metas(table: _Table, repairs: Repairs) -> None:
    """Keep the meta of each sentence's first row; count the later rows that say something else."""
    columns = table.columns
    for start, end in columns.bounds() if table.metas else ():
        held = table.metas.get(start, [])
        if held:
            columns.metas[start] = clean_meta(held, columns.lines[start], repairs)
        for row in range(start + 1, end):
            if not set(table.metas.get(row, ())) <= set(held):
                repairs.add("meta behind a sentence's first row, left out", columns.lines[row])


def _tell_row(row: list[str], header: list[str], n_cells: int, word: int, line: int, repairs: Repairs) -> None:
    """Count why a row is left out."""
    if row == header:
        repairs.add("line of column names left out", line)
    elif len(row) != n_cells:
        repairs.add(f"line without {n_cells} cells, left out", line)
    elif not row[word].strip(" \t\n"):
        repairs.add("line without a word, left out", line)
    else:
        repairs.add("line without a tag, left out", line)


def _is_like(number: str, last: str) -> bool:
    """Is a cell of a row left out another sentence number, such as the last one?

    >>> _is_like("Sentence: 12", "Sentence: 9"), _is_like("runs", "9"), _is_like("9", "9")
    (True, False, False)
    """
    return number not in ("", last) and (not last or _DIGITS.sub("1", number) == _DIGITS.sub("1", last))


def _undo_escapes(row: list[str], header: list[str], line: int, repairs: Repairs) -> list[str]:
    """Take away the ' that `write_long_csv` put before cells for spreadsheets; the last column names them."""
    row, n_before = list(row), len(row) - len(header)  # n_before: 1 where an index without a name stands before
    for name in row[-1].split():
        place = header.index(name) + n_before if name in header else -1
        if row[place].startswith("'"):
            row[place] = row[place][1:]
            repairs.add("' before a cell that a spreadsheet would run, taken away", line)
    return row


def _blank_nan(ids: list[str], lines: Sequence[int], repairs: Repairs) -> list[str]:
    """Blank the numbers that pandas has written as "nan", where others are numbers."""
    nan = {name for name in set(ids) if name.lower() == "nan"}
    if not nan or set(ids) <= nan | {""}:
        return ids
    for line, name in zip(lines, ids, strict=True):
        if name in nan:
            repairs.add("sentence number nan, read as blank", line)
    return ["" if name in nan else name for name in ids]


def _sentence_starts(ids: list[str], lines: Sequence[int], repairs: Repairs) -> list[int]:
    """Rows that begin a sentence: any number where continuation rows are blank, else a new number.

    >>> _sentence_starts(["1", "", "2", ""], range(2, 6), Repairs())
    [0, 2]
    >>> _sentence_starts(["1", "1", "2", "2"], range(2, 6), Repairs())
    [0, 2]
    >>> _sentence_starts(["1", "1", "", "1", "1", "2"], range(2, 8), Repairs())
    [0, 5]
    """
    n_blank, n_same = ids.count(""), sum(name == before != "" for name, before in zip(ids[1:], ids, strict=False))
    is_filled = not n_blank or n_same > n_blank
    starts, last = [], ""
    for i, name in enumerate(ids):
        if name and not (is_filled and name == last):
            starts.append(i)
        elif not name and is_filled and last:
            repairs.add("line without a sentence number, read with the sentence before", lines[i])
        last = name or last
    if ids and (not starts or starts[0] != 0):
        repairs.add("words before the first sentence number, read as a sentence", lines[0])
        starts.insert(0, 0)
    seen: set[str] = set()
    for start in starts:
        if ids[start] in seen:
            repairs.add("sentence number that was used before, read as a sentence of its own", lines[start])
        seen.add(ids[start])
    return starts


# --- writing ----------------------------------------------------------------------------


def write_long_csv(sentences: Iterable[Sentence], *, for_spreadsheets: bool = False) -> str:
    """Write one word a row as `ner_dataset.csv` has it; meta in columns of its own, on a sentence's first row.

    `for_spreadsheets` puts a ' before a cell that a spreadsheet would run as a formula, and names the cell's column in
    `escaped`: the reader takes the ' away again, and tells it.

    Raises ValueError where a sentence cannot be read back equal. Offsets are left out: a table holds words.

    >>> print(write_long_csv([Sentence(("Ada", "runs"), meta=(("genre", "news"),))]), end="")
    Sentence #,Word,POS,Tag,meta.genre
    Sentence: 1,Ada,,O,news
    ,runs,,O,
    """
    sentences = tuple(sentences)
    keys = tuple(dict.fromkeys(key for sentence in sentences for key, _ in sentence.meta))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    header = ["Sentence #", "Word", "POS", "Tag", *(META + key for key in keys)]
    writer.writerow([*header, ESCAPED] if for_spreadsheets else header)
    _check_cells(sentences)
    for number, sentence in enumerate(sentences, 1):
        meta, rest = dict(sentence.meta), [""] * len(keys)
        tags = spans_to_tags(sentence.spans, len(sentence))
        for i, (word, tag) in enumerate(zip(sentence.words, tags, strict=True)):
            first = [f"Sentence: {number}", word, "", tag, *(meta.get(key, "") for key in keys)]
            row = ["", word, "", tag, *rest] if i else first
            writer.writerow(_escape(row, header) if for_spreadsheets else row)
    return buffer.getvalue()


def _escape(row: list[str], header: list[str]) -> list[str]:
    """
    >>> _escape(["", "=1", "", "O"], ["Sentence #", "Word", "POS", "Tag"])
    ['', "'=1", '', 'O', 'Word']
    """
    risky = [cell.startswith(FORMULA_STARTS) for cell in row]
    cells = [f"'{cell}" if is_risky else cell for cell, is_risky in zip(row, risky, strict=True)]
    return [*cells, " ".join(name for name, is_risky in zip(header, risky, strict=True) if is_risky)]


def _check_cells(sentences: tuple[Sentence, ...]) -> None:
    """Refuse what the reader would not read back equal; each distinct text is looked at once."""
    if not sentences or not all(sentence.words for sentence in sentences):
        raise ValueError("A table holds sentences of at least one word. Received: one without.")
    for word in {word for sentence in sentences for word in sentence.words}:
        if not word or not _is_cell(word):
            raise ValueError(f"A word in a table has no line break and no space at its ends. Received: {word!r}.")
    for label in {span.label for sentence in sentences for span in sentence.spans}:
        if not _is_cell(label) or not can_hold(label):
            raise ValueError(f"A label in a table is one line without several tags in it. Received: {label!r}.")
    for meta in {sentence.meta for sentence in sentences}:
        if clean_meta(meta, 0, Repairs()) != meta or not all(text and _is_cell(text) for _, text in meta):
            raise ValueError(f"Meta in a table is one line of text under each key, not empty. Received: {meta!r}.")


def _is_cell(text: str) -> bool:
    is_plain = not any(character in "\x00\r\n" or "\ud800" <= character <= "\udfff" for character in text)
    return is_plain and text == text.strip(" \t") and len(text) < _LONGEST_CELL
