"""What does the report say that tutorials print?

Chapter of part III. Tutorials flatten all sentences into one long list of tags and print precision, recall and F1
of every *tag* (scikit-learn's `classification_report`). Four fifths of the tokens are `O`,
and often padding is in the list too, so that the averages look splendid whatever the network
has learned. Here the same report can be had with and without both, to see what they add.

Differs from it: counts are kept, ratios derived; the averages over fewer tags than all come
with the accuracy over all cells instead of scikit-learn's micro average (`micro` has that).

>>> gold = [("B-per", "I-per", "O", "O", "B-geo", "O")]
>>> predicted = [("B-per", "O", "O", "O", "B-geo", "O")]
>>> with_o = token_report(gold, predicted)
>>> round(with_o.weighted.f1, 2), round(with_o.accuracy, 2)
(0.76, 0.83)
>>> round(token_report(gold, predicted, with_o=False).weighted.f1, 2)
0.67
>>> round(token_report(gold, predicted, padding=(44, 44)).weighted.f1, 2)
0.97
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ner_core.data.tags import spans_to_tags
from ner_core.records import Counts, Prediction


@dataclass(frozen=True, slots=True)
class Average:
    """Precision, recall and F1 averaged over tags, and the number of cells behind them."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class TokenReport:
    """Counts by tag (support = `n_gold`), and the cells that accuracy is counted over."""

    by_tag: Mapping[str, Counts]
    n_cells: int
    n_cells_right: int

    @property
    def accuracy(self) -> float:
        return self.n_cells_right / self.n_cells if self.n_cells else 0.0

    @property
    def micro(self) -> Counts:
        """All tags of the report added up."""
        return sum(self.by_tag.values(), Counts())

    @property
    def macro(self) -> Average:
        """The mean over tags: every tag counts the same."""
        return self._average(dict.fromkeys(self.by_tag, 1))

    @property
    def weighted(self) -> Average:
        """The mean over tags weighted by support: dominated by the most frequent tag."""
        return self._average({tag: counts.n_gold for tag, counts in self.by_tag.items()})

    def _average(self, weights: Mapping[str, int]) -> Average:
        total = sum(weights.values()) or 1
        means = [
            sum(getattr(counts, ratio) * weights[tag] for tag, counts in self.by_tag.items()) / total
            for ratio in ("precision", "recall", "f1")
        ]
        return Average(*means, support=self.micro.n_gold)

    def rows(self) -> list[dict]:
        """One dict a tag, then the two averages: a table to show."""
        scored = [(tag, counts, counts.n_gold) for tag, counts in self.by_tag.items()]
        scored += [("macro average", self.macro, self.macro.support)]
        scored += [("weighted average", self.weighted, self.weighted.support)]
        return [
            {"tag": tag, "precision": row.precision, "recall": row.recall, "f1": row.f1, "support": support}
            for tag, row, support in scored
        ]


def token_report(
    gold_tags: Iterable[Sequence[str]],
    predicted_tags: Iterable[Sequence[str]],
    *,
    with_o: bool = True,
    padding: tuple[int, int] = (0, 0),
    padding_tag: str = "O",
) -> TokenReport:
    """Score every tag over all tokens, as tutorials do.

    `padding` = (padding cells, of which tagged as padding); they count as cells of `padding_tag`
    (the tag the recipe pads with). Which tag the wrong ones got is not recorded, so they
    lower the recall of `padding_tag` and no other tag's precision.
    `with_o=False` leaves the row `O` out of the table and its averages; the accuracy keeps every cell.
    Raises ValueError where sentences or their lengths do not fit together.
    """
    pairs: Counter = Counter()
    for gold, predicted in zip(gold_tags, predicted_tags, strict=True):
        pairs.update(zip(gold, predicted, strict=True))
    n_cells = sum(pairs.values()) + padding[0]
    n_right = sum(n for (gold, predicted), n in pairs.items() if gold == predicted) + padding[1]
    by_tag = _count_by_tag(pairs)
    if padding[0]:
        by_tag[padding_tag] = by_tag.get(padding_tag, Counts()) + Counts(padding[1], 0, padding[0] - padding[1])
    kept = {tag: by_tag[tag] for tag in sorted(by_tag) if with_o or tag != "O"}
    return TokenReport(kept, n_cells, n_right)


def token_claims(predictions: Iterable[Prediction]) -> tuple[float, float]:
    """Two numbers that tutorials print: the accuracy over words of names alone, and the weighted F1, `O` included.

    Raises ValueError where a prediction has no gold spans of its length.
    """
    predictions = list(predictions)
    gold = (spans_to_tags(p.gold or (), len(p.tokens)) for p in predictions)
    full = token_report(gold, (p.tags for p in predictions))
    named = sum((counts for tag, counts in full.by_tag.items() if tag != "O"), Counts())
    return named.recall, full.weighted.f1


def _count_by_tag(pairs: Mapping[tuple[str, str], int]) -> dict[str, Counts]:
    """Turn (gold tag, predicted tag) -> number of tokens into counts by tag."""
    right, invented, missed = Counter(), Counter(), Counter()
    for (gold, predicted), n in pairs.items():
        if gold == predicted:
            right[gold] += n
        else:
            missed[gold] += n
            invented[predicted] += n
    return {tag: Counts(right[tag], invented[tag], missed[tag]) for tag in {*right, *invented, *missed}}
