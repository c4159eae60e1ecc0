"""Plain text: one sentence a line, no tags.

Chapter of part I. It answers: *is this a text to read, or a table that lost its tags?*

Source: what people paste and save; the words are cut as in `data.text`.

Differs from a reader of tables: it has no gold to give. Such a corpus can be tagged, searched and counted, but not
learned from, and a Note says so. A file of one word a line, or of equal columns, is not taken for a text.

>>> read_plain(b"Ada lives in London.\\nShe writes.\\n").sentences[1].words
('She', 'writes', '.')
"""

from __future__ import annotations

from collections import Counter
from itertools import islice

from ner_core.data.formats.decoding import (
    FormatResult,
    Repairs,
    clean_text,
    cut_lines,
    decode,
    note_long_pieces,
    without_collector,
)
from ner_core.data.formats.marks import build_sentence
from ner_core.data.text import cut_words, learn
from ner_core.records import Sentence

_ENDS = (".", "!", "?", "…", "。", '."', '!"', '?"', ".”", "?”", "!”", ".)")
_LONGEST_USUAL = 200  # words in a line
_BLOCK = 1_000  # lines whose words are learned at once


def is_prose(text: str) -> bool:
    """Are the lines sentences, not rows of columns?

    >>> is_prose("Ada lives in London.\\nShe writes."), is_prose("Ada NNP\\nlives VBZ"), is_prose("name,age\\nAda,36")
    (True, False, False)
    """
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines or text.lstrip().startswith("<") or 2 * sum("\t" in line for line in lines) > len(lines):
        return False
    if len(lines) > 1 and any(_is_steady(line.count(mark) for line in lines) for mark in ",;|"):
        return False
    n_words = Counter(len(line.split()) for line in lines)
    if sum(count for n, count in n_words.items() if n > 1) < 0.5 * len(lines):
        return False
    n_ended = sum(line.rstrip().endswith(_ENDS) for line in lines)
    return 2 * n_ended >= len(lines) or (len(lines) > 2 and max(n_words.values()) < 0.6 * len(lines))


def _is_steady(counts) -> bool:
    """Does nearly every line hold the same number of a mark, and at least one?"""
    counts = Counter(counts)
    number, n_lines = counts.most_common(1)[0]
    return number > 0 and n_lines > 0.9 * counts.total()


def read_plain(data: bytes) -> FormatResult:
    """Read one sentence a line. Raises UploadError where the file is no text."""
    repairs = Repairs()
    text, encoding = decode(data, repairs)
    del data
    sentences, lines = [], enumerate(cut_lines(text), 1)
    with without_collector():
        while block := [(number, line.strip()) for number, line in islice(lines, _BLOCK)]:
            learn(line for _, line in block)
            sentences += filter(None, (_to_sentence(clean_text(line, n, repairs), n, repairs) for n, line in block))
    repairs.add("sentence without tags: a text has no gold to learn from", count=len(sentences))
    return FormatResult(tuple(sentences), f"plain text, one sentence a line, {encoding}", repairs.notes)


def _to_sentence(line: str, number: int, repairs: Repairs) -> Sentence | None:
    """The words of one line; None for a blank one."""
    note_long_pieces(line, number, repairs)
    found = cut_words(line)
    if not found:
        return None
    if len(found) > _LONGEST_USUAL:
        repairs.add(f"line of more than {_LONGEST_USUAL} words, read as one sentence", number)
    return build_sentence(line, *zip(*found, strict=True))
