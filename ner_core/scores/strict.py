"""How many entities were found exactly?

Chapter of part III. An entity counts as found only if its first token, its last token and its label are all
right; everything else is one entity invented and one missed. This is the measure of the
CoNLL shared tasks (Tjong Kim Sang & De Meulder 2003, "Introduction to the CoNLL-2003 Shared
Task"), and equals seqeval with `mode="strict", scheme=IOB2` where tags are read by `strict_spans`.

Differs from it: counts are kept, ratios derived (`Counts`); an entity stated twice in one
sentence counts once.

>>> gold = [(Span(0, 2, "per"), Span(4, 5, "geo"))]    # Ada Lovelace lives in London .
>>> predicted = [(Span(0, 1, "per"), Span(4, 5, "geo"))]
>>> by_label = count_entities(gold, predicted)
>>> by_label
{'geo': Counts(tp=1, fp=0, fn=0), 'per': Counts(tp=0, fp=1, fn=1)}
>>> micro(by_label).f1, macro(by_label)
(0.5, (0.5, 0.5, 0.5))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ner_core.records import Counts, Span


def count_entities(gold: Iterable[Sequence[Span]], predicted: Iterable[Sequence[Span]]) -> dict[str, Counts]:
    """Count right, invented and missed entities by label, labels in alphabetical order.

    Both hold one sequence of spans a sentence. Raises ValueError where their lengths differ.
    """
    right, invented, missed = Counter(), Counter(), Counter()
    for gold_spans, predicted_spans in zip(gold, predicted, strict=True):
        wanted, found = set(gold_spans), set(predicted_spans)
        right.update(span.label for span in wanted & found)
        invented.update(span.label for span in found - wanted)
        missed.update(span.label for span in wanted - found)
    labels = sorted({*right, *invented, *missed})
    return {label: Counts(right[label], invented[label], missed[label]) for label in labels}


def micro(by_label: Mapping[str, Counts]) -> Counts:
    """Add all labels up: every entity counts the same."""
    return sum(by_label.values(), Counts())


def macro(by_label: Mapping[str, Counts]) -> tuple[float, float, float]:
    """Mean precision, recall and F1 over the labels: every label counts the same, however rare."""
    n_labels = len(by_label) or 1
    rows = [(counts.precision, counts.recall, counts.f1) for counts in by_label.values()]
    return tuple(sum(column) / n_labels for column in zip(*rows, strict=True)) if rows else (0.0, 0.0, 0.0)
