"""Spans <-> one tag a token, in the five schemes that files use.

Chapter of part I. It answers: *how does a span become tags that a network can predict, and how do tags become spans?*

Source: Ramshaw and Marcus 1995 (IOB), and the rules of the CoNLL scorer `conlleval`
(https://www.clips.uantwerpen.be/conll2000/chunking/conlleval.txt) for tags that break their scheme.

| scheme | "Ada Lovelace" and "London"  | rule |
|--------|------------------------------|------|
| IOB2   | B-per I-per ... B-geo        | every entity begins with B |
| IOB1   | I-per I-per ... I-geo        | B only between two touching entities of one label |
| BIOES  | B-per E-per ... S-geo        | E ends an entity, S is a whole one (also written IOBES) |
| BILOU  | B-per L-per ... U-geo        | the same with L and U |
| IO     | per per ... geo              | no prefix: touching entities of one label become one |

Differs from it: one reading rule serves all schemes, and a tag that its scheme forbids never loses an entity:
an `I-x` that follows nothing of label x starts an entity, one that is never ended ends where the next begins.

>>> spans_to_tags((Span(0, 2, "per"), Span(4, 5, "geo")), 6)
('B-per', 'I-per', 'O', 'O', 'B-geo', 'O')
>>> tags_to_spans(("B-per", "I-per", "O", "O", "B-geo", "O"))
(Span(start=0, end=2, label='per'), Span(start=4, end=5, label='geo'))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from ner_core.records import Note, Span

SCHEMES = ("IOB2", "IOB1", "BIOES", "BILOU", "IO")

_PREFIXES = "BIESLU"
_MANY_LABELS = 200  # the finest of the common corpora, FIGER, has 113
_LAST_AND_SINGLE = {"BIOES": ("E", "S"), "BILOU": ("L", "U")}


@lru_cache(maxsize=10_000)
def split_tag(tag: str) -> tuple[str, str]:
    """Split off a known prefix, once; a tag without one has the prefix "".

    >>> split_tag("B-creative-work"), split_tag("O"), split_tag("AI/ML-term")
    (('B', 'creative-work'), ('O', ''), ('', 'AI/ML-term'))
    """
    if tag == "O":
        return "O", ""
    if len(tag) > 2 and tag[1] == "-" and tag[0] in _PREFIXES:
        return tag[0], tag[2:]
    return "", tag


def spans_to_tags(spans: Iterable[Span], n: int, scheme: str = "IOB2") -> tuple[str, ...]:
    """Write `spans` over `n` tokens as tags.

    Raises ValueError where a span is empty, leaves the sentence or overlaps another.

    >>> spans_to_tags((Span(0, 2, "per"), Span(4, 5, "geo")), 6, "BIOES")
    ('B-per', 'E-per', 'O', 'O', 'S-geo', 'O')
    """
    _check_scheme(scheme)
    tags, previous = ["O"] * n, None
    for span in sorted(spans):
        if not 0 <= span.start < span.end <= n:
            raise ValueError(f"A span must lie within the sentence's {n} tokens. Received: {span}.")
        if previous and span.start < previous.end:
            raise ValueError(
                f"Spans must not overlap: one tag a token has no room for both. Received: {previous}, {span}."
            )
        is_touching = previous and previous.end == span.start and previous.label == span.label
        tags[span.start : span.end] = _tags_of(span, scheme, bool(is_touching))
        previous = span
    return tuple(tags)


def _tags_of(span: Span, scheme: str, is_touching: bool) -> list[str]:
    """The tags of one span; `is_touching`: the token before it ends an entity of the same label."""
    n, label = span.end - span.start, span.label
    if scheme == "IO":
        return [label] * n
    begin = "I" if scheme == "IOB1" and not is_touching else "B"
    tags = [f"{begin}-{label}", *[f"I-{label}"] * (n - 1)]
    if scheme in _LAST_AND_SINGLE:
        last, single = _LAST_AND_SINGLE[scheme]
        tags[-1] = f"{last if n > 1 else single}-{label}"
    return tags


def tags_to_spans(tags: Sequence[str], scheme: str = "IOB2") -> tuple[Span, ...]:
    """Read the entities off one sentence's tags, repairing as `conlleval` does.

    >>> tags_to_spans(("I-per", "I-per", "I-geo"), "IOB1")
    (Span(start=0, end=2, label='per'), Span(start=2, end=3, label='geo'))
    >>> tags_to_spans(("O", "per", "per"), "IO")
    (Span(start=1, end=3, label='per'),)
    """
    _check_scheme(scheme)
    spans, start, label = [], 0, None  # label: of the entity that is open, if any
    for index, tag in enumerate(tags):
        if tag == "O":
            if label is not None:
                spans.append(Span(start, index, label))
                label = None
            continue
        prefix, tag_label = ("", tag) if scheme == "IO" else split_tag(tag)
        if prefix in ("B", "S", "U") or tag_label != label:
            if label is not None:
                spans.append(Span(start, index, label))
            start, label = index, tag_label
        if prefix in ("E", "S", "L", "U"):
            spans.append(Span(start, index + 1, label))
            label = None
    if label is not None:
        spans.append(Span(start, len(tags), label))
    return tuple(spans)


def is_allowed(previous_tag: str | None, tag: str | None, scheme: str = "IOB2") -> bool:
    """May `tag` follow `previous_tag`? None stands for the sentence's start or end.

    >>> is_allowed("B-per", "I-per"), is_allowed("O", "I-per"), is_allowed(None, "I-per")
    (True, False, False)
    >>> is_allowed("B-per", None, "BIOES"), is_allowed("I-per", "E-per", "BIOES")
    (False, True)
    """
    _check_scheme(scheme)
    if scheme == "IO":
        return True
    before, label_before = split_tag(previous_tag or "O")
    prefix, label = split_tag(tag or "O")
    if not _belongs(before, scheme) or not _belongs(prefix, scheme):
        return False
    if scheme == "IOB1":
        return prefix != "B" or (before in "BI" and label_before == label)
    is_inside = prefix in ("I", "E", "L")
    is_open = before in ("B", "I") and label_before == label
    if scheme == "IOB2":
        return is_open or not is_inside
    return is_open if is_inside else before not in ("B", "I")


def _belongs(prefix: str, scheme: str) -> bool:
    return prefix in ("O", "B", "I", *_LAST_AND_SINGLE.get(scheme, ()))


def detect_scheme(sequences: Iterable[Sequence[str]]) -> str:
    """Say which scheme sentences of tags are written in; IOB2 where nothing speaks against it.

    A file is IOB1 where more entities begin with I (after O or another label) than with B.

    >>> detect_scheme([("O", "I-per", "I-per"), ("I-geo", "B-geo")])
    'IOB1'
    >>> detect_scheme([("O", "S-per")]), detect_scheme([("U-per", "O")]), detect_scheme([("per", "O")])
    ('BIOES', 'BILOU', 'IO')
    """
    pairs: dict[tuple[str, str], int] = {}
    for tags in sequences:
        for pair in zip(("O", *tags), tags, strict=False):
            pairs[pair] = pairs.get(pair, 0) + 1
    seen, begins = dict.fromkeys(("O", "", *_PREFIXES), 0), {"B": 0, "I": 0}
    for (previous, tag), count in pairs.items():
        prefix, label = split_tag(tag)
        seen[prefix] += count
        if prefix in begins and split_tag(previous)[1] != label:
            begins[prefix] += count
    if seen[""] > sum(seen[prefix] for prefix in _PREFIXES):
        return "IO"
    if any(seen[prefix] for prefix in "ESLU"):
        return "BIOES" if seen["E"] + seen["S"] >= seen["L"] + seen["U"] else "BILOU"
    return "IOB1" if begins["I"] > begins["B"] else "IOB2"


def notes_on_labels(labels: Iterable[str]) -> tuple[Note, ...]:
    """What a person should hear of a corpus' labels: none at all, very many, some that differ in capitals alone.

    >>> print(*notes_on_labels(["PER", "geo", "per"]))
    labels that differ in capital letters alone, kept apart: PER, per: 1 time
    """
    labels = tuple(labels)
    by_letters: dict[str, list[str]] = {}
    for label in labels:
        by_letters.setdefault(label.casefold(), []).append(label)
    whats = [
        f"labels that differ in capital letters alone, kept apart: {', '.join(same[:3])}"
        + (f" and {len(same) - 3:,} more" if len(same) > 3 else "")
        for same in by_letters.values()
        if len(same) > 1
    ][:3]
    if not labels:
        whats.append("no entity is marked, so there is nothing to learn from")
    if len(labels) > _MANY_LABELS:
        whats.append(
            f"{len(labels):,} different labels, where most corpora have fewer than 100: is this the column of tags?"
        )
    return tuple(map(Note, whats))


def _check_scheme(scheme: str) -> None:
    if scheme not in SCHEMES:
        raise ValueError(f"A scheme is one of {', '.join(SCHEMES)}. Received: {scheme!r}.")
