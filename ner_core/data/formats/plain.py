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

from ner_core.data.formats.decoding import FormatResult, Repairs, decode, without_collector
from ner_core.data.formats.marks import build_sentence, clean_text
from ner_core.data.text import tokenize

_ENDS = (".", "!", "?", "…", "。", '."', '!"', '?"', ".”", "?”", "!”", ".)")
_LONGEST_USUAL = 200  # words in a line


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
    sentences = []
    with without_collector():
        for number, line in enumerate(text.split("\n"), 1):
            line = clean_text(line.strip(), number, repairs)
            if not (tokens := tokenize(line)):
                continue
            if len(tokens) > _LONGEST_USUAL:
                repairs.add(f"line of more than {_LONGEST_USUAL} words, read as one sentence", number)
            sentences.append(build_sentence(line, tokens, ()))
    repairs.add("sentence without tags: a text has no gold to learn from", count=len(sentences))
    return FormatResult(tuple(sentences), f"plain text, one sentence a line, {encoding}", repairs.notes)
