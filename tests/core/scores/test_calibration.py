"""Calibration: the error by hand, the temperature found again, no tag changed, and every odd case answered with 1."""

from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
import pytest

from ner_core.data.corpus import load_corpus
from ner_core.data.strict import strict_spans
from ner_core.records import Corpus, Prediction, Sentence, Span
from ner_core.scores import calibration as chapter
from ner_core.scores.calibration import (
    calibrate,
    calibration_error,
    fit_temperature,
    golden_section,
    negative_log_likelihood,
    outcomes,
    reliability,
)
from ner_core.tagger.networks import weight_shapes
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import RECIPES, new_tagger, recipe, resize, settings_of
from ner_core.tagger.store import load_tagger

WORDS = ("Ada", "Bob", "Oslo", "Rome", "met", "lives", "in", ".")


def random_tagger(corpus, name="bilstm-crf", published=False, seed=12):
    base = recipe(name, published)
    widths = {width: 8 for width in settings_of(base) if width.endswith("_width")}
    tagger = new_tagger(corpus, resize(base, **widths))
    random = np.random.default_rng(seed)
    shapes = weight_shapes(tagger.network).items()
    tagger.weights = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes}
    return tagger


@pytest.fixture(scope="module")
def corpus():
    """Sentences of words drawn at random, where every capital is a name."""
    random = np.random.default_rng(3)
    sentences = []
    for _ in range(150):
        words = tuple(WORDS[i] for i in random.integers(len(WORDS), size=random.integers(3, 9)))
        spans = tuple(Span(i, i + 1, "per") for i, word in enumerate(words) if word[0].isupper())
        sentences.append(Sentence(words, spans))
    return Corpus("drawn", tuple(sentences), tuple(sentences), (), ("per",))


# --- measuring ---------------------------------------------------------------------------


def test_bins_hold_equally_many_and_lose_nobody():
    random = np.random.default_rng(1)
    sure = random.random(1_000)
    rows = reliability(sure, random.random(1_000) < sure)
    assert len(rows) == 15 and {row.n for row in rows} == {66, 67} and sum(row.n for row in rows) == 1_000
    assert [row.confidence for row in rows] == sorted(row.confidence for row in rows)
    assert sum(row.confidence * row.n for row in rows) == pytest.approx(sure.sum())


def test_the_error_is_what_the_definition_says():
    sure = np.array([0.2, 0.4, 0.8, 1.0])
    right = np.array([False, True, True, True])
    by_hand = (abs(0.3 - 0.5) * 2 + abs(0.9 - 1.0) * 2) / 4
    assert calibration_error(sure, right, n_bins=2) == pytest.approx(by_hand)
    assert calibration_error(sure, right, n_bins=9) == pytest.approx((0.2 + 0.6 + 0.2 + 0) / 4)
    assert calibration_error([], []) == 0.0 and reliability([], []) == []


def test_what_is_said_honestly_has_no_error():
    random = np.random.default_rng(2)
    sure = random.random(100_000)
    assert calibration_error(sure, random.random(100_000) < sure) < 0.005
    assert calibration_error(sure, random.random(100_000) < sure**3) > 0.15


def test_outcomes_compare_exactly_and_refuse_what_they_cannot_read():
    spans = Span(0, 1, "per"), Span(2, 3, "geo")
    found = Prediction("a b c", (), (), spans, (0.9, 0.4), gold=(Span(0, 1, "per"), Span(2, 3, "org")))
    sure, right = outcomes([found])
    assert sure.tolist() == [0.9, 0.4] and right.tolist() == [True, False]
    for wrong in (replace(found, gold=None), replace(found, confidences=())):
        with pytest.raises(ValueError, match="with_confidences=True"):
            outcomes([wrong])


def test_golden_section_finds_the_valley_also_at_an_end():
    for valley in (-1.0, 0.3, 2.0):
        assert golden_section(lambda x, v=valley: (x - v) ** 2, -1, 2, precision=1e-4) == pytest.approx(
            valley, abs=1e-3
        )


# --- fitting -----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "seed"), [("bilstm-crf", 7), ("gmb-bilstm-softmax", 12)])
def test_the_temperature_has_the_highest_likelihood_of_all(corpus, name, seed):
    tagger = random_tagger(corpus, name, seed=seed)
    found = fit_temperature(tagger, corpus.dev)
    costs = {}
    for temperature in (found, *np.geomspace(0.25, 4, 9)):
        tagger.temperature = temperature
        costs[temperature] = negative_log_likelihood(*outcomes(predict(tagger, corpus.dev)))
    assert costs[found] <= min(costs.values()) + 1e-3
    assert costs[found] < 0.99 * costs[1.0]  # and it gains something


def test_boasting_is_cooled_down(corpus):
    """Where scores are multiplied, the temperature rises by as much."""
    tagger = random_tagger(corpus)
    modest = fit_temperature(tagger, corpus.dev)
    last = {name: array * 1.5 for name, array in tagger.weights.items() if name.startswith(("dense", "crf"))}
    boasting = replace(tagger, weights={**tagger.weights, **last})
    assert fit_temperature(boasting, corpus.dev) == pytest.approx(min(1.5 * modest, 4), rel=0.05)


@pytest.mark.parametrize("name, published", RECIPES)
def test_no_temperature_changes_a_tag(corpus, name, published):
    tagger = random_tagger(corpus, name, published)
    seen = set()
    for tagger.temperature in (0.25, 1.0, 4.0):
        seen.add(tuple((p.tags, p.spans) for p in predict(tagger, corpus.dev[:50])))
    assert len(seen) == 1


def test_the_card_tells_the_error_before_and_after(corpus):
    tagger = random_tagger(corpus)
    weights = {name: array.copy() for name, array in tagger.weights.items()}
    calibrate(tagger, corpus.dev)
    told, tagger.threshold = tagger.card["calibration"], 0.0
    assert tagger.temperature != 1 and told["temperature"] == pytest.approx(tagger.temperature, abs=1e-4)
    after = calibration_error(*outcomes(predict(tagger, corpus.dev)))
    tagger.temperature = 1.0
    before = calibration_error(*outcomes(predict(tagger, corpus.dev)))
    assert told["error_before"] == pytest.approx(before, abs=1e-4)
    assert told["error_after"] == pytest.approx(after, abs=1e-4)
    assert told["n_sentences"] == len(corpus.dev) and told["n_spans"] == sum(
        len(p.spans) for p in predict(tagger, corpus.dev)
    )
    assert all(np.array_equal(weights[name], array) for name, array in tagger.weights.items())


def test_the_threshold_is_half_of_the_best_f1(corpus):
    tagger = random_tagger(corpus)
    calibrate(tagger, corpus.dev)
    found = predict(replace(tagger, threshold=0.0), corpus.dev)
    gold = {(i, span) for i, sentence in enumerate(corpus.dev) for span in sentence.spans}
    marked = [(sure, (i, span)) for i, p in enumerate(found) for span, sure in zip(p.spans, p.confidences, strict=True)]

    def f1_from(threshold):
        kept = {place for sure, place in marked if sure >= threshold}
        return 2 * len(kept & gold) / (len(kept) + len(gold))

    best = max(f1_from(sure) for sure, _ in marked)
    assert tagger.threshold == pytest.approx(best / 2) and 0 < tagger.threshold < 0.5
    assert f1_from(tagger.threshold) >= f1_from(0.0)


def test_what_is_less_sure_than_the_threshold_is_not_marked(corpus):
    tagger = random_tagger(corpus)
    every = predict(tagger, corpus.dev[:80])
    middle = float(np.median(outcomes(every)[0]))
    kept = predict(replace(tagger, threshold=middle), corpus.dev[:80])
    for before, after in zip(every, kept, strict=True):
        sure = [pair for pair in zip(before.spans, before.confidences, strict=True) if pair[1] >= middle]
        assert list(zip(after.spans, after.confidences, strict=True)) == sure
        assert strict_spans(after.tags) == after.spans and len(after.tags) == len(before.tags)
    plain = predict(replace(tagger, threshold=middle), corpus.dev[:80], with_confidences=False)
    assert [p.tags for p in plain] == [p.tags for p in kept] != [p.tags for p in every]
    assert not any(p.confidences for p in plain)


def test_a_recipe_as_published_marks_all_it_finds(corpus):
    tagger = random_tagger(corpus, "gmb-bilstm-softmax", True)
    calibrate(tagger, corpus.dev)
    assert tagger.threshold == 0.0


def test_a_long_part_is_read_evenly(corpus, monkeypatch):
    monkeypatch.setattr(chapter, "MOST_SENTENCES", 100)
    tagger = random_tagger(corpus)
    calibrate(tagger, corpus.dev)
    assert tagger.card["calibration"]["n_sentences"] == 100


def test_what_says_too_little_leaves_the_temperature_at_one(corpus):
    tagger = random_tagger(corpus)
    for sentences in ((), corpus.dev[:3], (Sentence(()),)):
        assert fit_temperature(tagger, sentences) == 1.0
    tagger.card["calibration"] = {"temperature": 3.0}
    calibrate(tagger, ())
    assert (tagger.temperature, tagger.threshold) == (1.0, 0.0) and "calibration" not in tagger.card
    for wrong in (np.nan, np.inf):
        diverged = replace(tagger, weights={k: np.full_like(v, wrong) for k, v in tagger.weights.items()})
        assert fit_temperature(diverged, corpus.dev) == 1.0


def test_sentences_wider_than_a_tutorials_row_are_left_out(corpus):
    base = recipe("gmb-bilstm-softmax", True)
    tagger = new_tagger(corpus, resize(base, max_length=5))
    tagger.weights = {k: np.full(shape, 0.1, np.float32) for k, shape in weight_shapes(tagger.network).items()}
    calibrate(tagger, corpus.dev)
    assert tagger.card.get("calibration", {"n_sentences": 0})["n_sentences"] < len(corpus.dev)


def test_the_model_that_ships_is_fitted_in_little_time():
    tagger = load_tagger(Path(__file__).parents[3] / "models" / "news")
    started = process_time()
    found = fit_temperature(tagger, load_corpus().dev)
    assert chapter.COOLEST < found < chapter.HOTTEST
    assert process_time() - started < 10
