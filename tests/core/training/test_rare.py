"""Sentences with rare labels are read more often: how often, the same for a seed, and exactly when a training goes on."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_core.records import Corpus, EpochDone, InputError, RunStarted, Sentence, Span, StepDone
from ner_core.tagger.encode import encode
from ner_core.tagger.recipes import RECIPES, new_tagger, recipe, resize, settings_of
from ner_core.training.batches import deal_batches, readings
from ner_core.training.checkpoints import load_checkpoint, save_checkpoint
from ner_core.training.train import train
from tests.core.training.test_checkpoints import small_steps, stop_at, timeless


def sentence(i: int, *labels: str) -> Sentence:
    words = (*(f"{label}{i}" for label in labels), "left", ".")
    return Sentence(words, tuple(Span(n, n + 1, label) for n, label in enumerate(labels)))


COUNTS = {"geo": 36, "per": 16, "art": 2, "nat": 1}
TRAIN = (*(sentence(i, label) for label, n in COUNTS.items() for i in range(n)), sentence(99))
CORPUS = Corpus("rare", TRAIN, TRAIN[:3], (), tuple(COUNTS))


@given(st.lists(st.sets(st.sampled_from("abcdef")), min_size=1, max_size=60), st.integers(1, 20))
def test_the_rarest_label_of_a_sentence_decides(held, times):
    sentences = [sentence(i, *sorted(labels)) for i, labels in enumerate(held)]
    often = readings(sentences, times)
    counts = Counter(label for labels in held for label in labels)
    if times == 1 or len(counts) < 2:
        assert often is None
        return
    middle = float(np.median(list(counts.values())))
    for labels, found in zip(held, often, strict=True):
        rarest = min((counts[label] for label in labels), default=math.inf)
        assert found == pytest.approx(min(max(1, math.sqrt(middle / rarest)), times))


def test_a_label_named_twice_in_a_sentence_counts_once():
    twice = [sentence(0, "per", "per", "per"), sentence(1, "geo")]
    assert readings(twice, 20).tolist() == [1.0, 1.0]


def dealt(corpus, times, seed=1, **config):
    chosen = recipe("fast")
    training = replace(chosen.training, rare_times=times, **config)
    encoded = encode(new_tagger(corpus, chosen).encoder, corpus.train, with_tags=True)
    return deal_batches(encoded, training, np.random.default_rng(seed), readings(corpus.train, times))


@pytest.mark.parametrize("config", [{}, {"batch_size": 7}, {"shuffles": False}])
def test_every_sentence_is_read_and_rare_ones_as_often_as_asked(config):
    often, n_epochs = readings(TRAIN, 20), 400
    total = np.zeros(len(TRAIN))
    for seed in range(n_epochs):
        n = np.bincount(np.concatenate(dealt(CORPUS, 20, seed, **config)), minlength=len(TRAIN))
        assert ((n == np.floor(often)) | (n == np.ceil(often))).all()
        total += n
    np.testing.assert_allclose(total / n_epochs, often, atol=0.12)
    assert often.max() == 3.0 and often[-1] == 1  # nat: sqrt(9 / 1); no entity: once


def test_off_draws_what_was_always_drawn():
    """The default takes no number more from the run's generator than before there was this option."""
    chosen = recipe("fast")
    encoded = encode(new_tagger(CORPUS, chosen).encoder, TRAIN, with_tags=True)
    random, plain = np.random.default_rng(5), np.random.default_rng(5)
    groups = deal_batches(encoded, chosen.training, random, readings(TRAIN, chosen.training.rare_times))
    plain.permutation(len(TRAIN))
    plain.permutation(len(groups))
    assert random.bit_generator.state == plain.bit_generator.state
    assert sorted(np.concatenate(groups)) == list(range(len(TRAIN)))


def test_a_seed_repeats_the_epoch():
    assert [rows.tolist() for rows in dealt(CORPUS, 5)] == [rows.tolist() for rows in dealt(CORPUS, 5)]
    assert [rows.tolist() for rows in dealt(CORPUS, 5)] != [rows.tolist() for rows in dealt(CORPUS, 5, seed=2)]


def test_a_training_goes_on_exactly(tmp_path):
    """From within an epoch, whose sentences were drawn before it was broken off: the same events, the same weights."""
    chosen = resize(small_steps(("bilstm-crf", False)), rare_times=5)
    chosen = replace(chosen, training=replace(chosen.training, batch_tokens=24))

    def follow(**options):
        tagger = new_tagger(CORPUS, chosen)
        events = list(train(tagger, CORPUS, chosen.training, **options))
        return tagger, [timeless(event) for event in events if isinstance(event, StepDone | EpochDone)]

    whole, events = follow()
    first_epoch = next(event for event in events if isinstance(event, EpochDone)).step
    run = tmp_path / "20260101-000000-0123456789abcdef"
    run.mkdir()
    for stop in (first_epoch, first_epoch + 3):
        kept = []
        follow(control=stop_at(stop), keep=kept.append)
        resumed, rest = follow(start=load_checkpoint(save_checkpoint(run, kept[-1])))
        assert rest == [event for event in events if event.step > stop] and rest
        assert all(np.array_equal(whole.weights[name], resumed.weights[name]) for name in whole.weights)


def test_more_steps_are_announced_and_taken():
    counts = {}
    for times in (1, 20):
        chosen = resize(small_steps(("fast", False)), rare_times=times)
        chosen = replace(chosen, training=replace(chosen.training, epochs=1, batch_tokens=9))
        events = list(train(new_tagger(CORPUS, chosen), CORPUS, chosen.training))
        [started] = [event for event in events if isinstance(event, RunStarted)]
        n_steps = sum(isinstance(event, StepDone) for event in events)
        assert abs(n_steps - started.n_steps) <= 2
        counts[times] = n_steps
    assert counts[20] > counts[1]


def test_it_is_offered_for_all_but_the_tutorials_as_published():
    for (name, published), base in RECIPES.items():
        assert ("rare_times" in settings_of(base)) is not published, name
        assert base.training.rare_times == 1
    assert resize(recipe("fast"), rare_times=4).training.rare_times == 4
    with pytest.raises(InputError, match=r"rare labels, times \(rare_times\) must be a whole number from 1 to 20"):
        resize(recipe("fast"), rare_times=21)
