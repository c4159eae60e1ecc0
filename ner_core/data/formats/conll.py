"""CoNLL files: a word and its tag on each line, a blank line behind each sentence.

Chapter of part I. It answers: *which column is the word, which the tag, and where do sentences end?*

Source: the CoNLL-2003 shared task (https://www.clips.uantwerpen.be/conll2003/ner/) and its many descendants.

Differs from readers that know one corpus: the file itself says what it is. Columns stand between tabs or
spaces; the tag is the last column that looks like tags (the first one in the MIT corpora, the outer one in
GermEval); lines are cut at "\\n" alone, since U+2028 and U+0085 are characters of real words; a line that is
blank after strip ends a sentence; quotation marks are plain characters. `#` begins real words (WNUT-17), so
a line is a comment only where the whole file says so: where a column numbers the words (CoNLL-U, GermEval), or
where `# genre = news` stands directly before sentences, as in the corpus that ships. A line that cannot be read is left out and counted in a Note.

>>> result = read_conll(b"Ada\\tB-per\\nLovelace\\tI-per\\nlives\\tO\\nin\\tO\\nLondon\\tB-geo\\n.\\tO\\n")
>>> result.sentences[0].spans
(Span(start=0, end=2, label='per'), Span(start=4, end=5, label='geo'))
>>> result.form
'CoNLL, 2 columns (tab), UTF-8, IOB2'
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ner_core.data.formats import conllu
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
from ner_core.records import Sentence, UploadError

_DOCSTART = "-DOCSTART-"
_TAG = re.compile(r"[Oo]|[BIESLUbieslu][-_].+", re.DOTALL)
_META = re.compile(r"# (\w+) = ?([^\t]*)")
_BLANKS = re.compile("[ \t]+")
_HEADER_NAMES = frozenset(
    ["word", "words", "token", "tokens", "tag", "tags", "ner", "ner_tag", "ner_tags", "label", "labels", "pos", "id"]
)
_MEND = "each line needs a word and its tag, such as B-per or O, between them a tab, and a blank line between sentences"
_LONGEST_USUAL = 1_500  # tokens; the longest real sentence we know has 1,238


@dataclass(slots=True)
class _Layout:
    """How the lines of one file are to be read."""

    separator: str  # "tab" or "space"
    n_columns: int
    word: int
    tag: int
    is_numbered: bool = False  # the first column numbers the words: "#" opens comments, "1-2" and "1.1" are no words
    has_inner_tags: bool = False  # GermEval: outer tag, inner tag


# --- reading ----------------------------------------------------------------------


def read_conll(data: bytes) -> FormatResult:
    """Read a file with a word and a tag a line. Raises UploadError where no column holds tags."""
    repairs = Repairs()
    text, encoding = decode(data, repairs)
    lines = [line.removesuffix("\r") for line in text.split("\n")] if "\r" in text else text.split("\n")
    with without_collector():
        metas = _meta_lines(lines)
        separator = "tab" if metas else _separator(lines)  # our own files have tabs
        rows = [
            None if index in metas or not line.strip() else _split(line, separator) for index, line in enumerate(lines)
        ]
        layout = _layout(rows, separator, lines)
        if layout.is_numbered:
            metas = conllu.read_comments(lines, rows, repairs)
        for index in () if metas or layout.is_numbered else sorted(conllu.opening_comments(lines)):
            rows[index] = None
            repairs.add("comment line left out", index + 1)
        columns = _to_columns(rows, layout, metas, repairs)
        if not columns.words:
            raise refuse("no line holds a word and its tag", f"the first line {shorten(lines[0])}", _MEND)
        sentences, scheme = to_sentences(columns, repairs)
    longest = max(map(len, sentences))
    if longest > _LONGEST_USUAL:
        repairs.add(f"sentence of {longest:,} words: are blank lines between sentences missing?")
    where = ", tag first" if layout.tag < layout.word else ", outer tags" if layout.has_inner_tags else ""
    form = f"CoNLL, {layout.n_columns} columns ({layout.separator}){where}, {encoding}, {scheme}"
    return FormatResult(sentences, form, repairs.notes)


def has_tags(text: str) -> bool:
    """Does a column of these lines hold tags?

    >>> has_tags("Ada B-per\\nruns O"), has_tags("It was a dark and stormy night.")
    (True, False)
    """
    lines = text.split("\n")
    separator = _separator(lines)
    try:
        _layout([_split(line, separator) or None for line in lines], separator, lines)
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


def _separator(lines: list[str]) -> str:
    """Do tabs or spaces stand between the columns of most lines?"""
    filled = [line for line in lines if line.strip() and not line.startswith("# ")]
    filled = filled or [line for line in lines if line.strip()]
    n_tabs = sum("\t" in line for line in filled)
    return "tab" if 2 * n_tabs >= len(filled) else "space"


def _split(line: str, separator: str) -> list[str]:
    """The cells of one line.

    >>> _split("New York\\tB-geo ", "tab"), _split("Ada NNP  I-PER", "space")
    (['New York', 'B-geo'], ['Ada', 'NNP', 'I-PER'])
    """
    if separator == "space" or "\t" not in line:
        return [cell for cell in _BLANKS.split(line) if cell]
    return [cell.strip(" ") for cell in line.split("\t")]


def _layout(rows: list, separator: str, lines: list[str]) -> _Layout:
    """Find the number of columns, the tags and the words."""
    filled = [row for row in rows if row and row[0] != _DOCSTART]
    filled = [row for row in filled if row[0] != "#"] or filled  # a comment may have any number of columns
    counts = Counter(map(len, filled))
    n_columns = counts.most_common(1)[0][0] if counts else 0
    usual = [row for row in filled if len(row) == n_columns]
    is_numbered = n_columns >= 3 and conllu.is_numbered(rows, n_columns)
    tag = _tag_column(usual, n_columns)
    if tag is None and is_numbered and n_columns == conllu.N_COLUMNS and conllu.has_misc_tags([r[-1] for r in usual]):
        tag = n_columns - 1
        for row in usual:
            row[tag] = conllu.misc_tag(row[tag])
    if n_columns < 2 or tag is None:
        line = next((line for line in lines if line.strip()), "")
        raise refuse("no column of tags in the file", f"the first line {shorten(line.strip())}", _MEND)
    layout = _Layout(separator, n_columns, word=int(tag == 0), tag=tag, is_numbered=is_numbered)
    if is_numbered:
        layout.word, layout.has_inner_tags = 1, n_columns == 4 and _looks_like_tags([row[2] for row in usual])
        layout.tag = 2 if layout.has_inner_tags else tag
    return layout


def _tag_column(rows: list[list[str]], n_columns: int) -> int | None:
    """The last column that looks like tags, else the first, else one between; last with prefixes, then without."""
    places = list(dict.fromkeys([n_columns - 1, 0, *range(n_columns - 2, 0, -1)])) if n_columns >= 2 else []
    for looks in (_looks_like_tags, _looks_like_labels):
        for place in places:
            if looks([row[place] for row in rows]):
                return place
    return None


def _looks_like_tags(cells: list[str]) -> bool:
    """Are nearly all cells `O` or a label with its prefix?"""
    counts = Counter(cells)
    n_right = sum(count for cell, count in counts.items() if not cell or _TAG.fullmatch(cell.partition(",")[0]))
    return n_right >= 0.9 * len(cells) and any(counts)


def _looks_like_labels(cells: list[str]) -> bool:
    """Are the cells `O` and a few labels without prefixes?"""
    counts = Counter(cells)
    return counts["O"] >= 0.3 * len(cells) and len(counts) <= max(50, len(cells) // 20)


def _to_columns(rows: list, layout: _Layout, metas: dict[int, tuple[str, str]], repairs: Repairs) -> Columns:
    """Gather words and tags; leave out, and count, what cannot be read."""
    columns, is_start, meta, shared = Columns(), True, [], {}
    for index, row in enumerate(rows):
        if row is None:
            is_start = True
            if index in metas:
                meta.append(metas[index])
            continue
        if row[0] == _DOCSTART:
            repairs.add("-DOCSTART- line left out", index + 1)
            is_start = True
            continue
        if not _can_read(row, layout, index, not columns.words, repairs):
            continue
        if is_start:
            columns.starts.append(len(columns.words))
            if meta:
                columns.metas[len(columns.words)] = tuple(meta)
            is_start, meta = False, []
        columns.words.append(shared.setdefault(row[layout.word], row[layout.word]))
        columns.tags.append(row[layout.tag])
        columns.lines.append(index + 1)
    if layout.has_inner_tags:
        repairs.add("inner tags of nested entities left out: the outer tags are read")
    return columns


def _can_read(row: list[str], layout: _Layout, index: int, is_first: bool, repairs: Repairs) -> bool:
    """Does this row hold a word and a tag? If not, count why."""
    if len(row) == layout.n_columns + 1 and not row[-1]:
        row.pop()  # a tab at the end of the line
    line = index + 1
    if len(row) != layout.n_columns:
        repairs.add(f"line without {layout.n_columns} columns, left out", line)
    elif layout.is_numbered and conllu.is_extra_row(row[0]):
        conllu.note_extra_row(row[0], line, repairs)
    elif not row[layout.word]:
        repairs.add("line without a word, left out", line)
    elif not row[layout.tag]:
        repairs.add("line without a tag, left out", line)
    elif is_first and {cell.lower() for cell in row} <= _HEADER_NAMES and not _TAG.fullmatch(row[layout.tag]):
        repairs.add("line of column names left out", line)
    else:
        return True
    return False


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
        lines = [_meta_line(key, value) for key, value in sentence.meta]
        for word, tag in zip(sentence.words, spans_to_tags(sentence.spans, len(sentence), scheme), strict=True):
            _check_word(word)
            lines.append(f"{word}\t{tag}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _meta_line(key: str, value: str) -> str:
    line = f"# {key} = {value}"
    if not _META.fullmatch(line) or value != " ".join(value.split()):
        raise ValueError(f"Meta in CoNLL is a word, and one line of text. Received: {key!r}: {value!r}.")
    return line


def _check_word(word: str) -> None:
    if word == _DOCSTART:
        raise ValueError(f"{_DOCSTART} is no word in CoNLL: it opens a document. Received: {word!r}.")
    if not word or word != word.strip(" ") or any(c in word for c in "\t\n\r\x00"):
        raise ValueError(f"A CoNLL word has no tab, no line break and no space at its ends. Received: {word!r}.")
