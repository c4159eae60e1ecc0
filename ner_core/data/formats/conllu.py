"""What CoNLL-U, and tables like it, add to one word a line: comments, word numbers, a column for anything.

Chapter of part I. It answers: *which lines of a treebank are no words?*

Source: the CoNLL-U format (https://universaldependencies.org/format.html): `# key = value` lines, words numbered
from 1 in each sentence, `1-2` for two words written as one, `1.1` for a word that is not written, and `MISC`, the
tenth column, in which `NE=B-PER` may stand.

Differs from it: comments are known wherever the first column numbers the words (GermEval too), and where a line
such as "# id 4f2a domain=en" opens each sentence (MultiCoNER). What is left out is counted in a Note.

>>> misc_tag("SpaceAfter=No|NE=B-PER"), misc_tag("SpaceAfter=No")
('B-PER', 'O')
"""

from __future__ import annotations

import re

from ner_core.data.formats.decoding import Repairs

N_COLUMNS = 10
_SEVERAL_WORDS = re.compile(r"\d+-\d+")
_NO_WORD = re.compile(r"\d+\.\d+")
_MISC_TAG = re.compile(r"(?:^|\|)(?:name|NE|NER|ner)=([^|]*)")
_PLAIN_TAG = re.compile(r"(?:^|\|)(O|[BIESLU]-[^|=]+)(?:\||$)")
_KEY_VALUE = re.compile(r"# (\w+) = ?([^\t]*)")
_TAG = re.compile(r"[Oo]|[BIESLU]-.+")


def is_numbered(rows: list, n_columns: int) -> bool:
    """Does the first column count the words, of each sentence or of the file, from 1 or from 0?

    >>> is_numbered([["1", "Ada", "O"], ["2", "runs", "O"], None, ["1", "x", "O"]], 3)
    True
    """
    expected, is_first, n_right, n_rows = 1, True, 0, 0
    for row in rows[:5_000]:
        if row is None:
            is_first = True
        elif len(row) == n_columns and not is_extra_row(row[0]) and not row[0].startswith("#"):
            if is_first and row[0] in ("0", "1"):
                expected = int(row[0])
            n_right, n_rows, expected = n_right + (row[0] == str(expected)), n_rows + 1, expected + 1
            is_first = False
    return n_right > 0.9 * n_rows


def is_extra_row(number: str) -> bool:
    """Is it the number of a line that holds no word of its own: 1-2, 1.1?"""
    return bool(_SEVERAL_WORDS.fullmatch(number) or _NO_WORD.fullmatch(number))


def note_extra_row(number: str, line: int, repairs: Repairs) -> None:
    """Tell that such a line was left out."""
    is_several = _SEVERAL_WORDS.fullmatch(number)
    what = "line for several words (1-2): its words are read" if is_several else "line for an unwritten word (1.1)"
    repairs.add(f"{what}, left out", line)


def misc_tag(cell: str) -> str:
    """The tag that stands in a MISC cell; O without one."""
    found = _MISC_TAG.search(cell) or _PLAIN_TAG.search(cell)
    return found[1] if found and found[1] else "O"


def has_misc_tags(cells: list[str]) -> bool:
    """Does any cell of a column name an entity's tag?"""
    return any(_MISC_TAG.search(cell) or _PLAIN_TAG.search(cell) for cell in set(cells))


def opening_comments(lines: list[str]) -> set[int]:
    """Where "# id ..." lines stand that open nearly every sentence and hold no tag.

    >>> opening_comments(["# id 1 domain=en", "Ada _ _ B-PER", "", "# id 2 domain=en", "x _ _ O"])
    {0, 3}
    >>> opening_comments(["# O", "Ada B-PER", "", "# O", "x O"])
    set()
    """
    first = [i for i, line in enumerate(lines) if line.strip() and (i == 0 or not lines[i - 1].strip())]
    found = {i for i in first if lines[i].startswith("# ") and not _TAG.fullmatch(_last_cell(lines[i]))}
    return found if len(found) > 1 and len(found) >= 0.9 * len(first) else set()


def _last_cell(line: str) -> str:
    return line.rpartition("\t")[2].strip() if "\t" in line else line.split()[-1]


def read_comments(lines: list[str], rows: list, repairs: Repairs) -> dict[int, tuple[str, str]]:
    """Take the `#` lines of a numbered table out of its rows; index -> (key, value) of those that say something."""
    metas = {}
    for index, line in enumerate(lines):
        if not line.startswith("#"):
            continue
        rows[index] = None
        match = _KEY_VALUE.fullmatch(line)
        if not match:
            repairs.add("comment line left out", index + 1)
        elif match[1] == "text":
            repairs.add("comment # text left out: the words are read", index + 1)
        else:
            metas[index] = (match[1], " ".join(match[2].split()))
    return metas
