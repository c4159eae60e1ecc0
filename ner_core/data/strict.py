"""Which entities do these tags spell, read strictly?

Chapter of part I. A network without a CRF tags each token for itself, so it may write `I-per` where no
`B-per` came before. The strict reading lets such a tag spell nothing: an entity is one
`B-x` and the `I-x` behind it. It is the reading of seqeval with `mode="strict"` and
`scheme=IOB2`, the one every figure of this project is counted by.

Differs from it: a tag that is no IOB2 tag (`_`, `X-per`) is read as `O` instead of an error.
The forgiving reading, which lets `I-per` open an entity, is `tags_to_spans` in `tags`.

>>> strict_spans(["B-per", "I-per", "O", "O", "B-geo", "O"])
(Span(start=0, end=2, label='per'), Span(start=4, end=5, label='geo'))
>>> strict_spans(["I-per", "I-per", "O", "B-geo", "I-org"])   # what a lookup table may write
(Span(start=3, end=4, label='geo'),)
"""

from __future__ import annotations

from collections.abc import Sequence

from ner_core.records import Span


def strict_spans(tags: Sequence[str]) -> tuple[Span, ...]:
    """Read the spans of one sentence's IOB2 tags; an `I-` that continues nothing is no entity."""
    spans: list[Span] = []
    start, inside = -1, ""  # where the open entity began, and the tag that would continue it
    for position, tag in enumerate(tags):
        if start >= 0:
            if tag == inside:
                continue
            spans.append(Span(start, position, inside[2:]))
            start = -1
        if tag[:2] == "B-":
            start, inside = position, "I-" + tag[2:]
    if start >= 0:
        spans.append(Span(start, len(tags), inside[2:]))
    return tuple(spans)
