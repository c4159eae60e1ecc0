"""Tables with one row a word: Kaggle's `ner_dataset.csv` and `ner.csv`.

Chapter of part I. It answers: *how does a table of a million rows become sentences, without losing a word?*

Source: "Annotated Corpus for Named Entity Recognition"
(https://www.kaggle.com/datasets/abhinavwalia95/entity-annotated-corpus). `ner_dataset.csv` has the columns
`Sentence #,Word,POS,Tag` and names a sentence on its first row only; `ner.csv` has 25 columns, of which
`sentence_idx`, `word` and `tag` matter, and names it on every row.

Differs from the tutorials, which read both with pandas: a blank `Sentence #` is the only blank ever filled, so
the words "None", "NA" and "null" stay words; a sentence is a run of rows, so its place in the file is kept
and two runs of one number never melt into one; a row left out is counted in a Note.

>>> table = b"Sentence #,Word,POS,Tag\\nSentence: 1,Ada,NNP,B-per\\n,Lovelace,NNP,I-per\\n,lives,VBZ,O\\n"
>>> read_long_csv(table).sentences[0].spans
(Span(start=0, end=2, label='per'),)
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from ner_core.data.formats.decoding import (
    Columns,
    FormatResult,
    Repairs,
    can_hold,
    decode,
    refuse,
    shorten,
    to_sentences,
    without_collector,
)
from ner_core.data.tags import spans_to_tags
from ner_core.records import Sentence

SENTENCE_NAMES = ("sentence #", "sentence_idx", "sentence_id", "sentence id", "sentence", "sent_id", "sent")
WORD_NAMES = ("word", "token", "words", "tokens")
META = "meta."
TAG_NAMES = ("tag", "ner_tag", "ner", "label", "ner_tags", "tags", "entity")
_DELIMITERS = (",", ";", "\t")
_MEND = "the first line must name a column for the sentence (Sentence # or sentence_idx), Word and Tag"


def is_long_csv(text: str) -> bool:
    """Does the first line name columns of such a table?

    >>> is_long_csv("Sentence #,Word,POS,Tag"), is_long_csv("Ada\\tB-per")
    (True, False)
    """
    names = read_header(text)[0]
    n_found = sum(any(name in names for name in known) for known in (SENTENCE_NAMES, WORD_NAMES, TAG_NAMES))
    return n_found >= 2 or any(name in names for name in ("sentence #", "sentence_idx"))


def read_long_csv(data: bytes) -> FormatResult:
    """Read a table with one row a word. Raises UploadError where it cannot be one."""
    repairs = Repairs()
    text, encoding = decode(data, repairs)
    names, delimiter, header_line = read_header(text)
    places = _places(names, text)
    with without_collector():
        rows = _split_rows(text, delimiter)
        header = rows[header_line - 1]
        del rows[:header_line]
        columns = _to_columns(rows, names, places, header_line + 1, repairs)
        _add_metas(columns, header, rows, header_line + 1)
        del rows
        if not columns.words:
            raise refuse(
                "the table has a header and no row with a word and a tag", f"{header_line} line(s)", "add rows"
            )
        sentences, scheme = to_sentences(columns, repairs)
    form = {"sentence #": "Kaggle ner_dataset.csv", "sentence_idx": "Kaggle ner.csv"}.get(names[places[0]])
    return FormatResult(sentences, f"{form or 'table with one row a word'}, {encoding}, {scheme}", repairs.notes)


def read_header(text: str) -> tuple[list[str], str, int]:
    """The first line with words: (its names in lower case, its delimiter, its number)."""
    before = text[: len(text) - len(text.lstrip())].count("\n")
    line = text.split("\n", before + 1)[before][:10_000]
    delimiter = max(_DELIMITERS, key=line.count)
    names = [name.strip().lower() for name in _split_line(line.removesuffix("\r"), delimiter)]
    return names, delimiter, before + 1


def _places(names: list[str], text: str) -> tuple[int, int, int]:
    """In which columns the sentence, the word and the tag stand."""
    places = []
    for what, known in (("Sentence #", SENTENCE_NAMES), ("Word", WORD_NAMES), ("Tag", TAG_NAMES)):
        found = [names.index(name) for name in known if name in names]
        if not found:
            received = shorten(text.lstrip().partition("\n")[0].rstrip("\r"), 80)
            raise refuse(f"no column {what} in line 1", f"the columns {received}", _MEND)
        places.append(found[0])
    return tuple(places)


def _split_rows(text: str, delimiter: str) -> list[list[str]]:
    """One list of cells a line: a quotation mark that is never closed spoils its own line alone."""
    lines = text.split("\n")
    try:
        rows = list(csv.reader(lines, delimiter=delimiter))  # drops a "\r" at the end of a line
        if len(rows) == len(lines):
            return rows
    except csv.Error:
        pass
    return [_split_line(line.removesuffix("\r"), delimiter) for line in lines]


def _split_line(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # a cell of more than 131,072 characters
        return ["", ""]


def _to_columns(rows: list, names: list[str], places: tuple, first_line: int, repairs: Repairs) -> Columns:
    """Pick the three columns, leave out rows that cannot be read, find where sentences start."""
    while rows and not any(rows[-1]):
        rows.pop()
    n_names = len(names)
    if rows and _share(rows[:100], n_names + 1) > 0.9:
        n_names, places = n_names + 1, tuple(place + 1 for place in places)  # an index without a name in the header
    sentence, word, tag = places
    lines: range | list[int] = range(first_line, first_line + len(rows))
    if not _are_whole(rows, n_names, word, tag):
        lines = [
            line for line, row in zip(lines, rows, strict=True) if _is_whole(row, n_names, word, tag, line, repairs)
        ]
        rows = [rows[line - first_line] for line in lines]
    ids = [row[sentence].strip() for row in rows]
    starts = _sentence_starts(ids, lines, repairs)
    shared: dict[str, str] = {}  # a million words become a few thousand strings
    words = [shared.setdefault(row[word], row[word]) for row in rows]
    if any(text != text.strip() for text in shared):
        words = [text.strip() for text in words]
    return Columns(words, [row[tag] for row in rows], lines, starts)


def _add_metas(columns: Columns, header: list[str], rows: list, first_line: int) -> None:
    """Read the columns `meta.key` of our own tables, on the row in which a sentence begins."""
    keys = {i: name.removeprefix(META) for i, name in enumerate(header) if name.startswith(META)}
    for start in columns.starts if keys else ():
        row = rows[columns.lines[start] - first_line]
        columns.metas[start] = tuple((key, row[i]) for i, key in keys.items() if row[i])


def _are_whole(rows: list, n_names: int, word: int, tag: int) -> bool:
    """Is every row complete? Looks at each distinct word and tag once."""
    if set(map(len, rows)) != {n_names}:
        return False
    distinct = {row[word] for row in rows} | {row[tag] for row in rows}
    return all(map(str.strip, distinct))


def _share(rows: list, n_cells: int) -> float:
    filled = [row for row in rows if row]
    return sum(len(row) == n_cells for row in filled) / max(len(filled), 1)


def _is_whole(row: list[str], n_names: int, word: int, tag: int, line: int, repairs: Repairs) -> bool:
    """Can this row be read? If not, and it is not blank, count why."""
    if not row or not any(cell.strip() for cell in row):
        return False
    if len(row) != n_names:
        repairs.add(f"line without {n_names} cells, left out", line)
    elif not row[word].strip():
        repairs.add("line without a word, left out", line)
    elif not row[tag].strip():
        repairs.add("line without a tag, left out", line)
    else:
        return True
    return False


def _sentence_starts(ids: list[str], lines, repairs: Repairs) -> list[int]:
    """Rows that begin a sentence: any number where continuation rows are blank, else a new number.

    >>> _sentence_starts(["1", "", "2", ""], range(2, 6), Repairs())
    [0, 2]
    >>> _sentence_starts(["1", "1", "2", "2"], range(2, 6), Repairs())
    [0, 2]
    """
    is_filled = "" not in ids
    starts = [i for i, name in enumerate(ids) if name and not (is_filled and i and name == ids[i - 1])]
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


def write_long_csv(sentences: Iterable[Sentence]) -> str:
    """Write one word a row as `ner_dataset.csv` has it; meta in columns of its own, on a sentence's first row.

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
    writer.writerow(["Sentence #", "Word", "POS", "Tag", *(META + key for key in keys)])
    _check_cells(sentences)
    for number, sentence in enumerate(sentences, 1):
        meta, rest = dict(sentence.meta), [""] * len(keys)
        tags = spans_to_tags(sentence.spans, len(sentence))
        for i, (word, tag) in enumerate(zip(sentence.words, tags, strict=True)):
            first = [f"Sentence: {number}", word, "", tag, *(meta.get(key, "") for key in keys)]
            writer.writerow(["", word, "", tag, *rest] if i else first)
    return buffer.getvalue()


def _check_cells(sentences: tuple[Sentence, ...]) -> None:
    """Refuse what the reader would not read back equal; each distinct text is looked at once."""
    if not sentences or not all(sentence.words for sentence in sentences):
        raise ValueError("A table holds sentences of at least one word. Received: one without.")
    for word in {word for sentence in sentences for word in sentence.words}:
        if not word or not _is_cell(word):
            raise ValueError(f"A word in a table has no line break and no white space at its ends. Received: {word!r}.")
    for label in {span.label for sentence in sentences for span in sentence.spans}:
        if not _is_cell(label) or not can_hold(label):
            raise ValueError(f"A label in a table is one line without several tags in it. Received: {label!r}.")
    for meta in {sentence.meta for sentence in sentences}:
        if len(dict(meta)) < len(meta) or not all(text and _is_cell(text) and _is_cell(key) for key, text in meta):
            raise ValueError(f"Meta in a table is one line of text under each key, not empty. Received: {meta!r}.")


def _is_cell(text: str) -> bool:
    is_plain = not any(character in "\x00\r\n" or "\ud800" <= character <= "\udfff" for character in text)
    return is_plain and text == text.strip() and len(text) < 100_000
