"""Our own JSON Lines: the form that holds all of a sentence.

Chapter of part I. It answers: *which sentences can be written so that they are read back equal, offsets and all?*

Source: JSON Lines (https://jsonlines.org); offsets count characters as Python does, half-open.

Differs from it: a line holds the text, its tokens and its entities with offsets, and meta, so that `annotations` reads
back what was written; what it would not read back is refused with a reason. Letters stay letters: only what some
programs take for a line's end is escaped.

>>> write_jsonl([Sentence(("Ada",))])[:13]
'{"text": "Ada'
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import pairwise

from ner_core.data.formats.decoding import PART_NAMES, Repairs
from ner_core.data.formats.marks import clean_text
from ner_core.records import Sentence

_META_KEY = re.compile(r"\w+")


def write_jsonl(sentences: Iterable[Sentence]) -> str:
    r"""Write one object a sentence: text, tokens and entities with their offsets in characters, part, meta.

    Raises ValueError where a sentence cannot be read back equal.

    >>> write_jsonl([Sentence(("Jim",), meta=(("genre", "news"),))])
    '{"text": "Jim", "tokens": [{"text": "Jim", "start": 0, "end": 3}], "entities": [], "meta": {"genre": "news"}}\n'
    """
    return "".join(json_line(_to_object(sentence)) + "\n" for sentence in sentences)


def _to_object(sentence: Sentence) -> dict:
    check_sentence(sentence)
    text, tokens = sentence.text, sentence.tokens
    first, last = tokens[0].start, tokens[-1].end
    if not (text[:first] + text[last:]).strip():  # only white space around the words: it stays
        first, last = 0, len(text)
    entities = []
    for span in sentence.spans:
        start, end = tokens[span.start].start, tokens[span.end - 1].end
        entities.append({"start": start - first, "end": end - first, "label": span.label, "text": text[start:end]})
    tokens = [{"text": token.text, "start": token.start - first, "end": token.end - first} for token in tokens]
    meta = dict(sentence.meta)
    part = {"part": meta.pop("part")} if meta.get("part") in PART_NAMES else {}
    about = {**part, "meta": meta} if meta else part
    return {"text": text[first:last], "tokens": tokens, "entities": entities, **about}


def json_line(record: dict) -> str:
    """One line in plain letters; what some programs take for a line's end, or cannot encode, as \\u escapes."""
    line = json.dumps(record, ensure_ascii=False)
    if any("\ud800" <= character <= "\udfff" for character in line):
        return json.dumps(record)
    for character in "\x7f\x85\u2028\u2029":
        line = line.replace(character, f"\\u{ord(character):04x}")
    return line


def check_sentence(sentence: Sentence) -> None:
    """Raise ValueError where words, spans or meta could not be read back equal from a file."""
    if not sentence.words:
        raise ValueError("A file holds no sentence without words. Received: ().")
    text, last = sentence.text, 0
    for number, token in enumerate(sentence.tokens):
        if not token.text.strip() or "\x00" in token.text or any("\ud800" <= c <= "\udfff" for c in token.text):
            raise ValueError(f"A word has a visible character, no NUL and no half character. Received: {token.text!r}.")
        gap = text[last : token.start] if number else ""
        if token.start < last or gap.strip() or text[token.start : token.end] != token.text:
            raise ValueError(f"Words stand in their text in order, white space between. Received: {token}.")
        last = token.end
    for before, span in pairwise((None, *sentence.spans)):
        if not (before.end if before else 0) <= span.start < span.end <= len(sentence):
            raise ValueError(f"Spans are sorted and none lies over another. Received: {span}.")
        if not span.label or span.label != " ".join(clean_text(span.label, 0, Repairs()).split()):
            raise ValueError(f"A label is one line of text without spaces at its ends. Received: {span.label!r}.")
    _check_meta(sentence)


def _check_meta(sentence: Sentence) -> None:
    """Raise ValueError where meta is more than one plain line under each key."""
    if len(dict(sentence.meta)) < len(sentence.meta):
        raise ValueError(f"Each key of meta stands once. Received: {sentence.meta!r}.")
    for key, held in sentence.meta:
        if not _META_KEY.fullmatch(key) or held != " ".join(clean_text(held, 0, Repairs()).split()):
            raise ValueError(f"Meta is a word, and one line of text. Received: {key!r}: {held!r}.")
