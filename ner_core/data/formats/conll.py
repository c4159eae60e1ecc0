"""CoNLL files: a word and its tag on each line, a blank line behind each sentence.

Chapter of part I. It answers: *which column is the word, which the tag, and where do sentences end?*

Source: the CoNLL-2003 shared task (https://www.clips.uantwerpen.be/conll2003/ner/) and its many descendants.

Differs from readers that know one corpus: the file itself says what it is. Columns stand between tabs or
spaces; the tag is the last column that looks like tags (the first one in the MIT corpora, the outer one in
GermEval); lines are cut at "\\n" alone, since U+2028 and U+0085 are characters of real words; a line that is
blank after strip ends a sentence; quotation marks are plain characters. `#` begins real words (WNUT-17), so
a line is a comment only where the whole file says so: where a column numbers the words (CoNLL-U, GermEval), or
where `# genre = news` stands directly before sentences, as in the corpus that ships, or where the last cell of "# so on" is no tag. A line that
cannot be read is left out and counted in a Note. Each distinct line is cut and looked at once: a corpus says most of its lines many times.

>>> result = read_conll(b"Ada\\tB-per\\nLovelace\\tI-per\\nlives\\tO\\nin\\tO\\nLondon\\tB-geo\\n.\\tO\\n")
>>> result.sentences[0].spans
(Span(start=0, end=2, label='per'), Span(start=4, end=5, label='geo'))
>>> result.form
'CoNLL, 2 columns (tab), UTF-8, IOB2'
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ner_core.data.formats import conllu
from ner_core.data.formats.decoding import (
    Columns,
    FormatResult,
    Repairs,
    can_hold,
    clean_meta,
    cut_lines,
    decode,
    refuse,
    shorten,
    to_sentences,
    without_collector,
)
from ner_core.data.formats.tables import TAG_NAMES, WORD_NAMES, plain_name
from ner_core.data.tags import spans_to_tags, split_tag
from ner_core.records import Sentence, UploadError

_DOCSTART = "-DOCSTART-"
_TAG = re.compile(r"[Oo]|[BIESLUbieslu][-_].*", re.DOTALL)
_META = re.compile(r"# (\w+) = ?([^\t]*)")
_BLANKS = re.compile("[ \t]+")
_MEND_TABLE = "the first line of a table must name a column for the sentence (Sentence #), Word and Tag"
_OTHER_NAMES = ("id", "idx", "index", "pos", "pos tag", "upos", "xpos", "lemma", "chunk", "sentence", "sentence id")
_HEADER_NAMES = frozenset([*WORD_NAMES, *TAG_NAMES, *_OTHER_NAMES])
_CHUNKS = frozenset(
    ["NP", "VP", "PP", "ADJP", "ADVP", "SBAR", "PRT", "INTJ", "CONJP", "LST", "UCP"]
)  # phrases, no entities
_MEND = "each line needs a word and its tag, such as B-per or O, between them a tab, and a blank line between sentences"


@dataclass(slots=True)
class _Layout:
    """How the lines of one file are to be read."""

    separator: str  # "tab" or "space"
    n_columns: int
    word: int
    tag: int
    is_numbered: bool = False  # the first column numbers the words: "#" opens comments, "1-2" and "1.1" are no words
    has_inner_tags: bool = False  # GermEval: outer tag, inner tag
    header: list[str] | None = None  # the column names, where they stand above


# --- reading ----------------------------------------------------------------------


def read_conll(data: bytes) -> FormatResult:
    """Read a file with a word and a tag a line. Raises UploadError where no column holds tags."""
    repairs = Repairs()
    text, encoding = decode(data, repairs)
    del data
    with without_collector():
        known: dict[str, str] = {}
        lines = [known.setdefault(line, line) for line in cut_lines(text)]
        del text, known
        counts = Counter(lines)
        has_hashes = any(line.startswith("#") for line in counts)
        metas = _meta_lines(lines) if has_hashes else {}
        separator = "tab" if metas else _separator(counts)  # our own files have tabs
        cells = {line: _split(line, separator) for line in counts if line.strip()}
        rows = list(map(cells.get, lines))
        for index in metas:
            cells.pop(lines[index], None)
            rows[index] = None
        layout = _layout(cells, counts, rows, separator)
        if layout.is_numbered:
            metas = conllu.read_comments(lines, rows, repairs) if has_hashes else {}
        for index in sorted(conllu.opening_comments(lines)) if has_hashes and not (metas or layout.is_numbered) else ():
            rows[index] = None
            repairs.add("comment line left out", index + 1)
        told = _mend_rows(cells, layout)
        del lines, counts
        columns = _to_columns(rows, layout, metas, told, repairs)
        if not columns.words:
            _refuse_first("no line holds a word and its tag", cells, rows)
        del rows, cells
        sentences, scheme = to_sentences(columns, repairs)
    where = ", tag first" if layout.tag < layout.word else ", outer tags" if layout.has_inner_tags else ""
    form = f"CoNLL, {layout.n_columns} columns ({layout.separator}){where}, {encoding}, {scheme}"
    return FormatResult(sentences, form, repairs.notes)


def has_tags(text: str) -> bool:
    """Does a column of these lines hold tags?

    >>> has_tags("Ada B-per\\nruns O"), has_tags("It was a dark and stormy night.")
    (True, False)
    """
    lines = text.split("\n")
    counts = Counter(lines)
    separator = _separator(counts)
    cells = {line: _split(line, separator) for line in counts if line.strip()}
    try:
        _layout(cells, counts, list(map(cells.get, lines)), separator)
    except UploadError:
        return False
    return True


def _meta_lines(lines: list[str]) -> dict[int, tuple[str, str]]:
    """Index -> (key, value) of `# key = value` lines; empty unless every one stands directly before a sentence.

    >>> _meta_lines(["# genre = news", "Ada\\tO"]), _meta_lines(["Ada\\tO", "# genre = news", "is\\tO"])
    ({0: ('genre', 'news')}, {})
    """
    found = {}
    for index, line in enumerate(lines):
        match = _META.fullmatch(line) if line.startswith("# ") else None
        if not match:
            continue
        is_first = index == 0 or not lines[index - 1].strip() or index - 1 in found
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if not is_first or not (("\t" in following and following.strip()) or _META.fullmatch(following)):
            return {}
        found[index] = (match[1], match[2])
    return found


def _separator(counts: Mapping[str, int]) -> str:
    """Do tabs or spaces stand between the columns of most lines?"""
    filled = {line: count for line, count in counts.items() if line.strip()}
    filled = {line: count for line, count in filled.items() if not line.startswith("# ")} or filled
    n_tabs = sum(count for line, count in filled.items() if "\t" in line)
    return "tab" if 2 * n_tabs >= sum(filled.values()) else "space"


def _split(line: str, separator: str) -> list[str]:
    """The cells of one line.

    >>> _split("New York\\tB-geo ", "tab"), _split("Ada NNP  I-PER", "space")
    (['New York', 'B-geo'], ['Ada', 'NNP', 'I-PER'])
    """
    if separator == "space" or "\t" not in line:
        return [cell for cell in _BLANKS.split(line) if cell]
    return [cell.strip(" ") for cell in line.split("\t")]


def _layout(cells: dict[str, list[str]], counts: Mapping[str, int], rows: list, separator: str) -> _Layout:
    """Find the number of columns, the tags and the words, looking at each distinct line once."""
    kinds = [(row, counts[line]) for line, row in cells.items() if row[0] != _DOCSTART]
    kinds = [kind for kind in kinds if kind[0][0] != "#"] or kinds  # a comment may have any number of columns
    widths: Counter[int] = Counter()
    for row, count in kinds:
        widths[len(row)] += count
    n_columns = widths.most_common(1)[0][0] if widths else 0
    usual = [kind for kind in kinds if len(kind[0]) == n_columns]
    header = _header(rows, n_columns)
    is_numbered = n_columns >= 3 and conllu.is_numbered(rows, n_columns)
    named = _named_place(header, TAG_NAMES)
    tag = (
        named
        if named is not None and _tag_column(usual, [named]) is not None
        else _tag_column(usual, _order(n_columns))
    )
    if tag is None and is_numbered and n_columns == conllu.N_COLUMNS:
        tag = n_columns - 1
        if not conllu.has_misc_tags([row[tag] for row, _ in usual]):
            tag = None
        for row, _ in usual if tag else ():
            row[tag] = conllu.misc_tag(row[tag])
    if n_columns < 2 or tag is None:
        _refuse_first("no column of tags in the file", cells, rows)
    layout = _Layout(separator, n_columns, word=int(tag == 0), tag=tag, is_numbered=is_numbered, header=header)
    if is_numbered:
        layout.word, layout.has_inner_tags = 1, n_columns == 4 and _looks_like_tags(_weigh(usual, 2))
        layout.tag = 2 if layout.has_inner_tags else tag
    named = _named_place(header, WORD_NAMES)
    layout.word = layout.word if named in (None, tag) else named
    return layout


def _refuse_first(what: str, cells: dict[str, list[str]], rows: list) -> None:
    """Raise UploadError with the first line that is not blank."""
    number = next((index + 1 for index, row in enumerate(rows) if row), 1)
    line = next(iter(cells), "").strip()
    is_table = line.count(",") > 1 or line.count(";") > 1
    raise refuse(what, f"{shorten(line)} in line {number}", _MEND_TABLE if is_table else _MEND)


def _header(rows: list, n_columns: int) -> list[str] | None:
    """The first row, if it names the columns."""
    first = next((row for row in rows if row and row[0] != _DOCSTART), ())
    is_header = len(first) == n_columns and all(plain_name(cell) in _HEADER_NAMES for cell in first)
    return first if is_header else None


def _named_place(header: list[str] | None, names: Iterable[str]) -> int | None:
    """Which column the header gives one of these names."""
    return next((place for place, cell in enumerate(header or ()) if plain_name(cell) in names), None)


def _order(n_columns: int) -> list[int]:
    """Columns in the order in which they are asked whether they hold the tags: the last, the first, those between.

    >>> _order(4)
    [3, 0, 2, 1]
    """
    return list(dict.fromkeys([n_columns - 1, 0, *range(n_columns - 2, 0, -1)])) if n_columns >= 2 else []


def _tag_column(kinds: list[tuple[list[str], int]], places: list[int]) -> int | None:
    """The first place that looks like entity tags; with prefixes, then without; phrases (NP, VP) where there is nothing else."""
    columns = {place: _weigh(kinds, place) for place in places}
    for looks in (_looks_like_tags, _looks_like_labels):
        found = [place for place, cells in columns.items() if looks(cells)]
        if found:
            return next((place for place in found if not _are_chunks(columns[place])), found[0])
    return None


def _weigh(kinds: list[tuple[list[str], int]], place: int) -> Counter[str]:
    """How often each cell stands in a column."""
    counts: Counter[str] = Counter()
    for row, count in kinds:
        counts[row[place]] += count
    return counts


def _looks_like_tags(cells: Counter[str]) -> bool:
    """Are nearly all cells, but for empty ones, `O` or a label with its prefix?"""
    n_right = sum(count for cell, count in cells.items() if _TAG.fullmatch(cell.partition(",")[0]))
    return n_right >= 0.9 * (cells.total() - cells[""]) > 0


def _looks_like_labels(cells: Counter[str]) -> bool:
    """Are the cells `O` and a few labels without prefixes?"""
    is_few = len(cells) <= max(50, cells.total() // 20) or cells["O"] >= 0.5 * cells.total()
    return cells["O"] >= 0.3 * cells.total() and is_few


def _are_chunks(cells: Counter[str]) -> bool:
    """Are all labels those of phrases, as in the third column of CoNLL-2003?"""
    labels = {split_tag(cell)[1] for cell in cells} - {""}
    return bool(labels) and labels <= _CHUNKS


def _mend_rows(cells: dict[str, list[str]], layout: _Layout) -> dict[int, str]:
    """Cut again, by its tabs, each distinct line that has too many cells; id of a row -> what is to be told of it."""
    told = {}
    for line, row in cells.items():
        given = line.split("\t") if "\t" in line else ()
        if len(row) > layout.n_columns and given:
            again = [cell.strip(" ") for cell in given]
            while len(again) > layout.n_columns and not again[-1]:
                again.pop()
            if len(again) > layout.n_columns == len(list(filter(None, again))):
                again = list(filter(None, again))
                told[id(row)] = "tab too many in a line, left out"
            if len(again) == layout.n_columns:
                row[:] = again
        if len(row) == len(given) and layout.separator == "tab" and given[layout.word] != row[layout.word] != "":
            told[id(row)] = "space around a word, left out"
    return told


def _to_columns(
    rows: list, layout: _Layout, metas: dict[int, tuple[str, str]], told: dict[int, str], repairs: Repairs
) -> Columns:
    """Gather words and tags; leave out, and count, what cannot be read."""
    columns = Columns(lines=array("I"), between="blank lines between sentences")
    is_start, meta, shared, good = True, [], {}, set()  # good: ids of rows there is nothing to tell of
    tags = {row[layout.tag] for row in rows if row and len(row) == layout.n_columns and not row[0].startswith("#")}
    for index, row in enumerate(rows):
        if row is None:
            is_start = True
            if index in metas:
                meta.append(metas[index])
            continue
        if id(row) not in good:
            if row[0] == _DOCSTART:
                repairs.add("-DOCSTART- line left out", index + 1)
                is_start = True
                continue
            if not _can_read(row, layout, index, tags, repairs):
                is_start |= row == layout.header
                continue
            if id(row) in told:
                repairs.add(told[id(row)], index + 1)
            else:
                good.add(id(row))
        if is_start:
            columns.starts.append(len(columns.words))
            if meta:
                columns.metas[len(columns.words)] = clean_meta(meta, index + 1, repairs)
            is_start, meta = False, []
        columns.words.append(shared.setdefault(row[layout.word], row[layout.word]))
        columns.tags.append(shared.setdefault(row[layout.tag], row[layout.tag]))
        columns.lines.append(index + 1)
    if layout.has_inner_tags:
        repairs.add("inner tags of nested entities left out: the outer tags are read")
    return columns


def _can_read(row: list[str], layout: _Layout, index: int, tags: set[str], repairs: Repairs) -> bool:
    """Does this row hold a word and a tag? If not, count why."""
    line = index + 1
    if len(row) != layout.n_columns:
        repairs.add(f"line without {layout.n_columns} columns, left out", line)
    elif layout.is_numbered and conllu.is_extra_row(row[0]):
        conllu.note_extra_row(row[0], line, repairs)
    elif not row[layout.word]:
        repairs.add("line without a word, left out", line)
    elif row == layout.header:
        repairs.add("line of column names left out", line)
    elif row[0] == "#" and not layout.is_numbered and _is_remark(row[layout.tag], tags):
        repairs.add("comment line left out", line)
    else:
        return True
    return False


def _is_remark(cell: str, tags: set[str]) -> bool:
    """Is the cell behind a `#` part of a comment, since it is no tag that the file has?"""
    return bool(cell) and cell not in tags and not _TAG.fullmatch(cell.partition(",")[0])


# --- writing ----------------------------------------------------------------------


def write_conll(sentences: Iterable[Sentence], scheme: str = "IOB2") -> str:
    """Write sentences as word, tab, tag; `meta` as `# key = value` lines. Sentences without words are left out.

    Raises ValueError where a word, a label or meta cannot stand in such a file.

    >>> print(write_conll([Sentence(("London",), meta=(("genre", "news"),))]), end="")
    # genre = news
    London	O
    """
    blocks, known = [], set()
    for sentence in sentences:
        if not sentence.words:
            continue
        for label in {span.label for span in sentence.spans} - known:
            if not can_hold(label):
                raise ValueError(f"A label in CoNLL is one line without several tags in it. Received: {label!r}.")
            known.add(label)
        if len(dict(sentence.meta)) < len(sentence.meta):
            raise ValueError(f"Each key of meta stands once. Received: {sentence.meta!r}.")
        lines = [_meta_line(key, value) for key, value in sentence.meta]
        for word, tag in zip(sentence.words, spans_to_tags(sentence.spans, len(sentence), scheme), strict=True):
            _check_word(word)
            lines.append(f"{word}\t{tag}")
        blocks.append("\n".join(lines) + "\n")
    text = "\n".join(blocks)
    return f"\ufeff{text}" if text.startswith("\ufeff") else text  # a byte-order mark is read away: a word is not


def _meta_line(key: str, value: str) -> str:
    line = f"# {key} = {value}"
    if not _META.fullmatch(line) or value != " ".join(value.split()):
        raise ValueError(f"Meta in CoNLL is a word, and one line of text. Received: {key!r}: {value!r}.")
    return line


def _check_word(word: str) -> None:
    if word == _DOCSTART:
        raise ValueError(f"{_DOCSTART} is no word in CoNLL: it opens a document. Received: {word!r}.")
    if word.startswith("\ufeff"):
        raise ValueError(f"A CoNLL word does not begin with a byte-order mark. Received: {word!r}.")
    if not word or word != word.strip(" ") or any(c in word for c in "\t\n\r\x00"):
        raise ValueError(f"A CoNLL word has no tab, no line break and no space at its ends. Received: {word!r}.")
