"""What kind of mistake is each wrong entity?

Chapter of part III. Strict counting calls "New York" instead of "New York City" one entity invented and one
missed. A person sees one mistake, the wrong edge. So gold and predicted entities are paired
first, each used at most once: the same span before the same label with other edges, before
another label; of several the longest overlap, then the leftmost. What is left over was
missed or invented. The kinds follow SemEval-2013 task 9.1 (Segura-Bedmar et al. 2013) as
nervaluate popularised them.

Differs from it: one pairing, one kind an entity, and no partial credit.

>>> gold = [Span(0, 2, "per"), Span(4, 5, "geo"), Span(6, 8, "org")]
>>> predicted = [Span(0, 1, "per"), Span(4, 5, "gpe"), Span(9, 10, "tim")]
>>> for error in classify_errors(gold, predicted):
...     print(error)
('boundary', Span(start=0, end=2, label='per'), Span(start=0, end=1, label='per'))
('label', Span(start=4, end=5, label='geo'), Span(start=4, end=5, label='gpe'))
('missed', Span(start=6, end=8, label='org'), None)
('invented', None, Span(start=9, end=10, label='tim'))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ner_core.records import Span

# Kind -> what it means, in one plain sentence.
KINDS = {
    "boundary": "Right label, wrong edges: a word too many or too few.",
    "label": "Right words, wrong label.",
    "both": "Something is there, but both its edges and its label are wrong.",
    "missed": "A name that was not found at all.",
    "invented": "Marked as a name where there is none.",
}

Pair = tuple[str, Span | None, Span | None]


def pair_entities(gold: Iterable[Span], predicted: Iterable[Span]) -> list[Pair]:
    """Account for every entity exactly once: (kind, gold span, predicted span), in text order.

    The kind is "right" or one of `KINDS`; an entity stated twice counts once.
    """
    wanted, found = set(gold), set(predicted)
    pairs: list[Pair] = [("right", span, span) for span in wanted & found]
    wanted, found = wanted - found, found - wanted
    for kind, gold_span, predicted_span in _candidates(wanted, found):
        if gold_span in wanted and predicted_span in found:
            pairs.append((kind, gold_span, predicted_span))
            wanted.remove(gold_span)
            found.remove(predicted_span)
    pairs += [("missed", span, None) for span in wanted]
    pairs += [("invented", None, span) for span in found]
    return sorted(pairs, key=lambda pair: (pair[1] or pair[2], pair[0]))


def _candidates(gold: Iterable[Span], predicted: Iterable[Span]) -> list[tuple[str, Span, Span]]:
    """Every overlapping pair, the most alike first."""
    found = []
    for g in gold:
        for p in predicted:
            overlap = min(g.end, p.end) - max(g.start, p.start)
            if overlap > 0:
                kind = _kind(g, p)
                found.append((("label", "boundary", "both").index(kind), -overlap, g, p, kind))
    return [(kind, g, p) for *_, g, p, kind in sorted(found)]


def _kind(gold: Span, predicted: Span) -> str:
    if (gold.start, gold.end) == (predicted.start, predicted.end):
        return "label"
    return "boundary" if gold.label == predicted.label else "both"


def classify_errors(gold: Iterable[Span], predicted: Iterable[Span]) -> list[Pair]:
    """The pairs of one sentence that are wrong."""
    return [pair for pair in pair_entities(gold, predicted) if pair[0] != "right"]


def describe_error(error: Pair, words: Sequence[str]) -> str:
    """Say one mistake in a plain sentence.

    >>> words = "Ada Lovelace lives in London .".split()
    >>> describe_error(("boundary", Span(0, 2, "per"), Span(0, 1, "per")), words)
    'Marked “Ada”, but the whole name (per) is “Ada Lovelace”.'
    >>> describe_error(("label", Span(4, 5, "geo"), Span(4, 5, "gpe")), words)
    'Marked “London” as gpe; it is geo.'
    >>> describe_error(("both", Span(0, 2, "per"), Span(1, 3, "org")), words)
    'Marked “Lovelace lives” as org; the name is “Ada Lovelace” (per).'
    >>> describe_error(("missed", Span(4, 5, "geo"), None), words)
    'Did not find “London” (geo).'
    >>> describe_error(("invented", None, Span(3, 4, "geo")), words)
    'Marked “in” as geo, but there is no name.'
    """
    kind, gold, predicted = error
    wanted = gold and " ".join(words[gold.start : gold.end])
    marked = predicted and " ".join(words[predicted.start : predicted.end])
    if kind == "boundary":
        is_part = gold.start <= predicted.start and predicted.end <= gold.end
        return f"Marked “{marked}”, but the {'whole ' if is_part else ''}name ({gold.label}) is “{wanted}”."
    if kind == "label":
        return f"Marked “{marked}” as {predicted.label}; it is {gold.label}."
    if kind == "both":
        return f"Marked “{marked}” as {predicted.label}; the name is “{wanted}” ({gold.label})."
    if kind == "missed":
        return f"Did not find “{wanted}” ({gold.label})."
    if kind == "invented":
        return f"Marked “{marked}” as {predicted.label}, but there is no name."
    raise ValueError(f"An error's kind is one of {', '.join(KINDS)}. Received: {kind!r}.")
