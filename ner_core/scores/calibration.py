"""When a tagger says 90 %, is it right nine times in ten?

Chapter of part III. A confidence is **calibrated** if, of all names marked with confidence p, the share p is exactly
right (words and label). Networks trained long say too much; one number mends most of it: the *temperature*, by which
all tag scores (and a CRF's transitions) are divided before they become probabilities. Above 1 it makes a tagger
more modest, below 1 bolder. It is fitted on dev, after training, and changes no tag: the best row of tags stays the best
when all scores are divided by the same number.

Once confidences can be believed, they answer a second question: *which spans are better left out?* A span that is right
with probability p adds p to the hits and 1 to the marked. F1 = 2 hits / (marked + gold) rises by it only if p is more
than half of F1. So a tagger that reaches F1 0.84 should mark from 42 % on, one that reaches 0.20 from 10 %: this is its
*threshold*.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv 1706.04599): temperature scaling and the
expected calibration error. Half of the best F1 as threshold: Lipton, Elkan and Narayanaswamy 2014, "Thresholding
Classifiers to Maximize F1 Score" (arXiv 1402.1892). Golden-section search: Kiefer 1953.

Differs from it: there one class is chosen for one picture, here a span among all spans of a sentence, and what is lowered is the
negative log-likelihood of "this marked span is right" or "is not", for it is that probability which people are shown. (The
likelihood of whole rows of tags, the CRF's own loss, is mostly that of easy `O` tokens.) Bins hold equally many
spans instead of being equally wide, because most confidences are near 1.

>>> sure, right = [0.9, 0.9, 0.9, 0.9], [True, True, True, False]
>>> round(calibration_error(sure, right, n_bins=1), 2)
0.15
>>> [(round(row.confidence, 2), row.share_right, row.n) for row in reliability(sure, right, n_bins=1)]
[(0.9, 0.75, 4)]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ner_core.records import Batch, Prediction, Sentence, Tagger
from ner_core.tagger import forward
from ner_core.tagger.encode import encode
from ner_core.tagger.predict import batches_by_length, spans_in_columns, tag_rows

N_BINS = 15
COOLEST, HOTTEST = 0.25, 4.0  # the temperatures tried
MOST_SENTENCES = 1_500  # to fit on: one or two seconds
FEWEST_SPANS = 50  # fewer marked names say too little about a temperature: it stays 1
_PRECISION = 0.03  # of log temperature
_CLIP = 1e-6  # a span that is said to be certain and is wrong costs no more than 13.8


# --- measuring -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bin:
    """Spans of like confidence: the mean of what was said of them, how many they are, how many are right."""

    confidence: float
    n: int
    n_right: int

    @property
    def share_right(self) -> float:
        return self.n_right / self.n


def outcomes(predictions: Sequence[Prediction]) -> tuple[np.ndarray, np.ndarray]:
    """Confidence of every marked span (N,), and whether exactly this span stands in gold (N,) bool.

    Raises ValueError for a prediction without confidences or without gold.
    """
    confidences, right = [], []
    for prediction in predictions:
        if prediction.gold is None or len(prediction.confidences) != len(prediction.spans):
            raise ValueError(
                "Calibration needs gold spans and confidences: predict Sentences, with_confidences=True. "
                f"Received: {prediction.text[:60]!r}."
            )
        gold = set(prediction.gold)
        confidences += prediction.confidences
        right += [span in gold for span in prediction.spans]
    return np.array(confidences, float), np.array(right, bool)


def reliability(confidences: Sequence[float], right: Sequence[bool], *, n_bins: int = N_BINS) -> list[Bin]:
    """Sort spans by confidence (N,) and cut them into `n_bins` bins of equally many, the least sure first.

    Fewer spans than bins make fewer bins.
    """
    confidences, right = np.asarray(confidences, float), np.asarray(right, bool)
    order = np.argsort(confidences, kind="stable")
    bins = [rows for rows in np.array_split(order, n_bins) if len(rows)]
    return [Bin(float(confidences[rows].mean()), len(rows), int(right[rows].sum())) for rows in bins]


def calibration_error(confidences: Sequence[float], right: Sequence[bool], *, n_bins: int = N_BINS) -> float:
    """Expected calibration error, 0-1, of spans with `confidences` (N,) and `right` (N,); 0 for none."""
    return calibration_error_of(reliability(confidences, right, n_bins=n_bins))


def calibration_error_of(bins: Sequence[Bin]) -> float:
    """How far what is said lies from what is so, bin by bin, averaged over the spans."""
    return sum(abs(row.confidence - row.share_right) * row.n for row in bins) / max(sum(row.n for row in bins), 1)


def negative_log_likelihood(confidences: np.ndarray, right: np.ndarray) -> float:
    """Mean of -log p over right spans and -log(1 - p) over wrong ones, in nats a span.

    >>> round(negative_log_likelihood(np.array([0.5, 0.5]), np.array([True, False])), 3)
    0.693
    """
    sure = np.clip(confidences, _CLIP, 1 - _CLIP)
    return float(-np.log(np.where(right, sure, 1 - sure)).mean())


# --- fitting -------------------------------------------------------------------------


def calibrate(tagger: Tagger, sentences: Sequence[Sentence]) -> None:
    """Fit the tagger's temperature and threshold on `sentences` (dev); write into its card what the first changed there.

    `card["calibration"]` = temperature, threshold, error_before (at temperature 1), error_after, n_spans, n_sentences. A recipe as
    published (`card["is_published"]`) marks what it finds: its threshold is 0.
    """
    marked = _Found(tagger, sentences)
    tagger.temperature = marked.best_temperature()
    tagger.threshold = 0.0 if tagger.card.get("is_published") else marked.best_threshold(tagger.temperature)
    tagger.card.pop("calibration", None)
    if marked.n_spans:
        before, after = (calibration_error(marked.confidences(t), marked.right) for t in (1.0, tagger.temperature))
        tagger.card["calibration"] = {
            "temperature": round(tagger.temperature, 4),
            "threshold": round(tagger.threshold, 4),
            "error_before": round(before, 5),
            "error_after": round(after, 5),
            "n_spans": marked.n_spans,
            "n_sentences": marked.n_sentences,
        }


def fit_temperature(tagger: Tagger, sentences: Sequence[Sentence]) -> float:
    """The temperature between 0.25 and 4 at which the marked spans' likelihood on `sentences` (dev) is highest.

    Where a long part is given, `MOST_SENTENCES` spread evenly over it are read; where fewer than `FEWEST_SPANS` are
    marked, or the tagger's scores are no numbers, the answer is 1.
    """
    return _Found(tagger, sentences).best_temperature()


class _Found:
    """What a tagger finds in sentences, whatever its threshold: scored and decoded once, so that a temperature only repeats the chains."""

    def __init__(self, tagger: Tagger, sentences: Sequence[Sentence]):
        sentences = _spread(tagger, sentences)
        self.tagger, self.n_sentences = tagger, len(sentences)
        encoded, scored = encode(tagger.encoder, sentences), []

        def score(batch: Batch) -> np.ndarray:
            scored.append((batch, forward.tag_scores(tagger.network, tagger.weights, batch)))
            return scored[-1][1]  # (B,T,K)

        with np.errstate(all="ignore"):  # scores of a training that diverged
            rows = tag_rows(replace(tagger, threshold=0.0), encoded, sentences, score=score)
        self._batches, right = [], []  # each of scores (B,T,K), mask (B,T), the spans in columns
        for chosen, (batch, scores) in zip(batches_by_length(encoded), scored, strict=True):
            spans = [rows[i].spans for i in chosen]
            self._batches.append((scores, batch.mask, spans_in_columns(spans, batch.columns)))
            right += [span in sentences[i].spans for i, found in zip(chosen, spans, strict=True) for span in found]
        self.right = np.array(right, bool)  # (N,)
        self._n_gold = sum(len(sentence.spans) for sentence in sentences)
        self._allowed = forward.allowed_transitions(tagger.encoder.tags) if tagger.network.forbids_illegal else None

    @property
    def n_spans(self) -> int:
        return len(self.right)

    def confidences(self, temperature: float) -> np.ndarray:
        """Of every marked span, (N,)."""
        tagger, found = self.tagger, []
        with np.errstate(all="ignore"):
            for scores, mask, spans in self._batches:
                found += forward.span_probabilities_of_batch(
                    tagger.network, tagger.weights, scores, mask, spans, tagger.encoder.tags, temperature, self._allowed
                )
        return np.array([p for row in found for p in row], float)

    def best_temperature(self) -> float:
        if self.n_spans < FEWEST_SPANS or not np.isfinite(self.confidences(1.0)).all():
            return 1.0

        def cost(log_temperature: float) -> float:
            return negative_log_likelihood(self.confidences(math.exp(log_temperature)), self.right)

        return math.exp(golden_section(cost, math.log(COOLEST), math.log(HOTTEST), precision=_PRECISION))

    def best_threshold(self, temperature: float) -> float:
        confidences = self.confidences(temperature)
        if self.n_spans < FEWEST_SPANS or not np.isfinite(confidences).all():
            return 0.0
        return best_f1(confidences, self.right, self._n_gold) / 2


def best_f1(confidences: np.ndarray, right: np.ndarray, n_gold: int) -> float:
    """The highest F1 that is reached by marking only the surest of the spans, however many.

    >>> best_f1(np.array([0.9, 0.8, 0.3]), np.array([True, True, False]), n_gold=2)
    1.0
    """
    hits = np.cumsum(right[np.argsort(-confidences, kind="stable")])  # (N,): of the 1, 2, ... N surest
    return float((2 * hits / (np.arange(1, len(hits) + 1) + n_gold)).max())


def _spread(tagger: Tagger, sentences: Sequence[Sentence]) -> Sequence[Sentence]:
    """At most `MOST_SENTENCES`, evenly from the whole part; none wider than the tagger's fixed row."""
    widest = tagger.encoder.max_length or math.inf
    sentences = [sentence for sentence in sentences if 0 < len(sentence) <= widest]
    n = min(len(sentences), MOST_SENTENCES)
    return [sentences[i * len(sentences) // n] for i in range(n)]


def golden_section(cost: Callable[[float], float], low: float, high: float, *, precision: float) -> float:
    """Where between `low` and `high` a cost with one valley is lowest: the interval shrinks to 0.618 a call of `cost`.

    >>> round(golden_section(lambda x: (x - 2) ** 2, 0, 5, precision=1e-3), 2)
    2.0
    """
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = cost(left), cost(right)
    while high - low > precision:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = cost(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = cost(right)
    return (low + high) / 2
