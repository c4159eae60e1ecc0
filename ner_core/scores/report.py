"""How good are these predictions, and what would a tutorial have claimed?

Chapter of part III. One pass over the sentences counts everything: entities by label, kinds of error, names that
training has seen or not, tokens and padding. `score_wall` then puts the numbers tutorials
print beside the one that counts, computed from the same predictions.

Source: strict entity counts as in `strict`; the split into seen and unseen names follows
Augenstein, Derczynski & Bontcheva 2017, "Generalisation in Named Entity Recognition".
Differs from it: false alarms, too, are put with the seen or the unseen names, by their own words,
so that the two groups add up to the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import eq

from ner_core.data.tags import spans_to_tags
from ner_core.records import Counts, Prediction, Report, Sentence, Span, percent
from ner_core.scores.errors import KINDS, Pair, pair_entities
from ner_core.scores.tokens import token_report

NONE = "(none)"  # the row and column of a confusion table for "no entity there"


# --- the report ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tagged:
    """One sentence to score: its words, its gold spans, and the tags and spans it was given."""

    words: Sequence[str]
    gold: Sequence[Span]
    tags: Sequence[str]
    spans: Sequence[Span]


def evaluate(predictions: Iterable[Prediction], *, train: Iterable[Sentence] = (), pad_to: int = 0) -> Report:
    """Score predictions against their gold spans.

    `train` splits the names into those whose very words training has seen and the others.
    Padding cells are counted as the predictions recorded them; where none did, `pad_to` counts
    as many as would fill every sentence up to that length, all right (a trained network tags padding right).
    Raises ValueError where a prediction has no gold spans.
    """
    predictions = list(predictions)
    rows = [Tagged(p.words, _gold(p, number), p.tags, p.spans) for number, p in enumerate(predictions, 1)]
    padding = sum(p.padding[0] for p in predictions), sum(p.padding[1] for p in predictions)
    return score(rows, train=train, padding=padding if padding[0] else count_padding(rows, pad_to))


def _gold(prediction: Prediction, number: int) -> Sequence[Span]:
    if prediction.gold is None:
        raise ValueError(
            f"A score needs the right answer: prediction {number} has no gold spans "
            f"(received the text {prediction.text[:40]!r}). Predict labelled Sentences instead of bare text."
        )
    return prediction.gold


def count_padding(rows: Iterable[Tagged], pad_to: int) -> tuple[int, int]:
    """Count the cells that fill every sentence up to `pad_to`: (cells, right), all right."""
    n_cells = sum(max(0, pad_to - len(row.words)) for row in rows)
    return n_cells, n_cells


def score(rows: Sequence[Tagged], *, train: Iterable[Sentence] = (), padding: tuple[int, int] = (0, 0)) -> Report:
    """Count everything a Report holds; `padding` = (cells, of which right)."""
    known = {sentence.surface(span) for sentence in train for span in sentence.spans}
    tally: Counter = Counter()  # (outcome, label) or (outcome, is seen) -> number; see `_tally`
    errors = dict.fromkeys(KINDS, 0)
    n_tokens = n_right = 0
    for row in rows:
        n_tokens += len(row.words)
        n_right += sum(map(eq, spans_to_tags(row.gold, len(row.words)), row.tags))
        for pair in pair_entities(row.gold, row.spans) if row.gold or row.spans else ():
            if pair[0] != "right":
                errors[pair[0]] += 1
            _tally(tally, pair, row.words, known)
    labels = sorted({label for _, label in tally if isinstance(label, str)})
    by_label = {label: _counts(tally, label) for label in labels}
    return Report(
        overall=sum(by_label.values(), Counts()),
        by_label=by_label,
        n_sentences=len(rows),
        n_tokens=n_tokens,
        n_tokens_right=n_right,
        n_cells=n_tokens + padding[0],
        n_cells_right=n_right + padding[1],
        errors=errors,
        seen=_counts(tally, True) if known else None,
        unseen=_counts(tally, False) if known else None,
    )


def _tally(tally: Counter, pair: Pair, words: Sequence[str], known: set[str]) -> None:
    """Add one pair under its label and, where training's names are `known`, under seen or unseen."""
    kind, gold, predicted = pair
    sides = ((gold, "tp"),) if kind == "right" else ((gold, "fn"), (predicted, "fp"))
    for span, outcome in sides:
        if span is not None:
            tally[outcome, span.label] += 1
            if known:
                tally[outcome, " ".join(words[span.start : span.end]) in known] += 1


def _counts(tally: Mapping, key: str | bool) -> Counts:
    return Counts(*(tally.get((outcome, key), 0) for outcome in ("tp", "fp", "fn")))


def report_to_dict(report: Report) -> dict:
    """Turn a report into plain JSON values: the counts alone, from which all else follows."""
    plain = {name: getattr(report, name) for name in Report.__slots__}
    for name in ("overall", "seen", "unseen"):
        plain[name] = plain[name] and _counts_to_dict(plain[name])
    plain["by_label"] = {label: _counts_to_dict(counts) for label, counts in report.by_label.items()}
    return plain | {"errors": dict(report.errors)}


def report_from_dict(plain: Mapping) -> Report:
    """Rebuild the report `report_to_dict` wrote.

    >>> report = Report(Counts(1, 2, 3), {"per": Counts(1, 2, 3)}, n_tokens=9, errors={"missed": 3})
    >>> report_from_dict(report_to_dict(report)) == report
    True
    """
    counts = {name: plain.get(name) and Counts(**plain[name]) for name in ("overall", "seen", "unseen")}
    by_label = {label: Counts(**values) for label, values in plain["by_label"].items()}
    return Report(**{**plain, **counts, "by_label": by_label, "errors": dict(plain.get("errors", {}))})


def _counts_to_dict(counts: Counts) -> dict[str, int]:
    return {"tp": counts.tp, "fp": counts.fp, "fn": counts.fn}


# --- which label is taken for which, and where -------------------------------------


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each gold label (row) was given each label (column); `(none)` comes last in both.

    A row adds up to the gold entities of its label, a column to the marked ones. An entity found
    with wrong edges stands on the diagonal if its label is right.
    """

    labels: tuple[str, ...]
    table: tuple[tuple[int, ...], ...]

    def count(self, gold: str, predicted: str) -> int:
        return self.table[self.labels.index(gold)][self.labels.index(predicted)]


def confusion(predictions: Iterable[Prediction], labels: Sequence[str] = ()) -> Confusion:
    """Count gold label by predicted label over entities that overlap; `labels` gives the order."""
    pairs = Counter((gold, predicted) for *_, gold, predicted in _labelled_pairs(predictions))
    found = sorted({label for pair in pairs for label in pair} - {NONE, *labels})
    names = (*dict.fromkeys(label for label in labels if label != NONE), *found, NONE)
    return Confusion(names, tuple(tuple(pairs[gold, predicted] for predicted in names) for gold in names))


def find_pairs(
    predictions: Iterable[Prediction],
    *,
    kind: str | None = None,
    gold_label: str | None = None,
    predicted_label: str | None = None,
) -> list[tuple[int, Pair]]:
    """List (index of the prediction, pair) for one kind of error, or for one cell of the confusion table."""
    return [
        (index, pair)
        for index, pair, gold, predicted in _labelled_pairs(predictions)
        if kind in (None, pair[0]) and gold_label in (None, gold) and predicted_label in (None, predicted)
    ]


def _labelled_pairs(predictions: Iterable[Prediction]) -> Iterable[tuple[int, Pair, str, str]]:
    """Every pair with its gold and predicted label, `(none)` where there is none."""
    for index, prediction in enumerate(predictions):
        for pair in pair_entities(_gold(prediction, index + 1), prediction.spans):
            yield index, pair, pair[1].label if pair[1] else NONE, pair[2].label if pair[2] else NONE


# --- what a tutorial would have claimed ----------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """One way to put the same predictions into a number: the number, what it counts, in words."""

    name: str
    value: float
    n: int
    unit: str
    sentence: str


def score_wall(predictions: Iterable[Prediction], pad_to: int = 0) -> dict[str, Claim]:
    """The numbers people print for one and the same predictions, the most flattering first."""
    predictions = list(predictions)
    report = evaluate(predictions, pad_to=pad_to)
    gold = [spans_to_tags(p.gold, len(p.tokens)) for p in predictions]
    tags = [p.tags for p in predictions]
    full, without_o = token_report(gold, tags), token_report(gold, tags, with_o=False)
    n_tokens, n_named, n_gold = report.n_tokens, without_o.micro.n_gold, report.overall.n_gold
    claims = {
        "padded_accuracy": ("Accuracy with padding", report.padded_accuracy, report.n_cells, "cells",
                            "Cells tagged right, the padding behind short sentences included."),
        "token_accuracy": ("Token accuracy", report.token_accuracy, n_tokens, "tokens",
                           "Words tagged right; most words are O, and saying O is mostly right."),
        "weighted_token_f1": ("Token F1, weighted, with O", full.weighted.f1, n_tokens, "tokens",
                              "F1 by tag, averaged by how frequent the tag is: O decides."),
        "accuracy_without_o": ("Accuracy on words of names", without_o.micro.recall, n_named, "tokens",
                               "Of the words that belong to a name, those with the right tag; false alarms cost nothing."),
        "token_f1_without_o": ("Token F1 without O", without_o.micro.f1, n_named, "tokens",
                               "F1 over all tags but O: half-found names count half."),
        "entity_f1": ("Entity F1, strict", report.f1, n_gold, "names",
                      "Whole names with both edges and the label right: the number that counts."),
        "macro_entity_f1": ("Entity F1, mean over labels", report.macro_f1, n_gold, "names",
                            "The same for each label alone, then averaged: rare labels weigh as much as frequent ones."),
    }  # fmt: skip
    return {key: Claim(*claim) for key, claim in claims.items()}


# --- scores in plain words -------------------------------------------------------------


def explain_recall(counts: Counts) -> str:
    """Say what recall means here.

    >>> explain_recall(Counts(tp=2108, fp=300, fn=402))
    'Of 100 names it finds 84 exactly (counted on 2,510 names).'
    >>> explain_recall(Counts(tp=9, fn=1))
    'Of 10 names it finds 9 exactly.'
    """
    return _out_of(counts.tp, counts.n_gold, "name", "it finds {} exactly", "There are no names to find here.")


def explain_precision(counts: Counts) -> str:
    """Say what precision means here.

    >>> explain_precision(Counts(tp=9999, fp=1))
    'Of 100 it marks, more than 99 are right (counted on 10,000 marked).'
    >>> explain_precision(Counts(tp=1))
    'Of 1 it marks, 1 is right.'
    """
    return _out_of(counts.tp, counts.n_predicted, "", "{} right", "It marks nothing here.")


def explain_f1(counts: Counts) -> str:
    """Say what F1 means here.

    >>> explain_f1(Counts(tp=8, fp=2, fn=8))
    'F1 61.5 %: one number for both, nearer to the weaker of precision (80.0 %) and recall (50.0 %), over 16 names.'
    """
    if not counts.n_gold and not counts.n_predicted:
        return "F1 says nothing here: there are no names, and none is marked."
    both = f"precision ({percent(counts.precision)}) and recall ({percent(counts.recall)})"
    names = f"{counts.n_gold:,} name{'s' if counts.n_gold != 1 else ''}"
    return f"F1 {percent(counts.f1)}: one number for both, nearer to the weaker of {both}, over {names}."


def _out_of(right: int, total: int, noun: str, outcome: str, empty: str) -> str:
    """Put `right` of `total` as so many of 100, or as they are where they are fewer."""
    if not total:
        return empty
    shown, number = min(total, 100), str(right)
    if total > 100:
        number = "fewer than 1" if 0 < right < total / 100 else "more than 99" if total > right > total * 0.99 else ""
        number = number or str(round(100 * right / total))
    if not noun:
        number += " is" if number == "1" else " are"
    things = f"{shown} {noun}{'s' if shown != 1 else ''}" if noun else f"{shown} it marks,"
    counted = f"{total:,} {f'{noun}s' if noun else 'marked'}"
    return f"Of {things} {outcome.format(number)}{f' (counted on {counted})' if total > 100 else ''}."
