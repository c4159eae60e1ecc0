"""The training loop: a tiny corpus is memorised, events are in order, the same seed repeats."""

from dataclasses import replace

import numpy as np
import pytest

from ner_core.records import (
    Corpus,
    EpochDone,
    FloorsMeasured,
    ProbesTagged,
    RunEnded,
    RunStarted,
    Sentence,
    Span,
    StepDone,
)
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import RECIPES, new_tagger, recipe, resize, settings_of
from ner_core.training.train import train

ADA = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
BOB = Sentence(("Bob", "left", "Paris", "on", "Monday", "."), (Span(0, 1, "per"), Span(2, 3, "geo"), Span(4, 5, "tim")))
NONE = Sentence(("Nobody", "knows", "."))
ONE = Sentence(("London",), (Span(0, 1, "geo"),))
TINY = Corpus("tiny", (ADA, BOB, NONE, ONE), (ADA, BOB, NONE), (ADA,), ("geo", "per", "tim"))


def small(name="bilstm-crf", published=False, **settings):
    base = recipe(name, published)
    widths = {width: 12 for width in settings_of(base) if width.endswith("_width")}
    return resize(base, **{**widths, "learning_rate": 0.02, **settings})


def run(chosen, *, corpus=TINY, **options):
    tagger = new_tagger(corpus, chosen)
    config = replace(chosen.training, **options.pop("config", {}))
    return tagger, list(train(tagger, corpus, config, **options))


def test_a_tiny_corpus_is_memorised_and_events_come_in_order():
    tagger, events = run(small(epochs=30), probes=["Ada left London ."])
    kinds = [type(event) for event in events]
    assert kinds[:3] == [RunStarted, StepDone, FloorsMeasured] and kinds[-1] is RunEnded
    assert kinds.count(EpochDone) == kinds.count(ProbesTagged) == 30
    done = [event for event in events if isinstance(event, EpochDone)]
    assert done[-1].train_loss < done[0].train_loss
    assert max(event.dev.f1 for event in done) == 1.0
    assert [p.spans for p in predict(tagger, TINY.train)] == [s.spans for s in TINY.train]
    steps = [event for event in events if isinstance(event, StepDone)]
    assert [event.step for event in steps] == list(range(1, len(steps) + 1))


def test_the_best_epoch_is_kept_and_marked():
    tagger, events = run(small(epochs=12))
    done = [event for event in events if isinstance(event, EpochDone)]
    best = [event.epoch for event in done if event.is_best][-1]
    assert events[-1].best_epoch == best
    from ner_core.scores.report import evaluate

    assert evaluate(predict(tagger, TINY.dev)).f1 == max(event.dev.f1 for event in done)


def test_the_same_seed_gives_the_same_events_and_another_does_not():
    def losses(seed):
        _, events = run(small(epochs=3), config={"seed": seed})
        return [event.loss for event in events if isinstance(event, StepDone)]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


@pytest.mark.parametrize("name, published", [key for key in RECIPES if key[0] != "keras-bilstm-crf"])
def test_every_recipe_learns(name, published):
    settings = {"epochs": 2} if not published else {"epochs": 2, "max_length": 8}
    _tagger, events = run(small(name, published, **settings))
    done = [event for event in events if isinstance(event, EpochDone)]
    assert np.isfinite([e.train_loss for e in done]).all() and np.isfinite([e.dev_loss for e in done]).all()
    losses = [event.loss for event in events if isinstance(event, StepDone)]
    assert losses[-1] < losses[0]
    assert done[-1].dev.n_cells >= done[-1].dev.n_tokens
    if published:
        assert done[-1].dev_accuracy == pytest.approx(done[-1].dev.padded_accuracy)


def test_the_keras_tutorial_trains_on_pieces_and_finds_no_entity():
    _, events = run(small("keras-bilstm-crf", True, epochs=2, max_length=8))
    done = [event for event in events if isinstance(event, EpochDone)]
    assert np.isfinite(done[-1].dev_loss) and done[-1].dev.overall.n_predicted == 0


def test_stop_ends_after_the_step_and_keeps_the_weights():
    asked = iter([None, None, "stop"])
    tagger, events = run(small(epochs=50, batch_tokens=50), control=lambda: next(asked))
    assert events[-1].reason == "stopped" and tagger.is_trained
    assert sum(isinstance(event, StepDone) for event in events) == 3


def test_time_is_a_limit():
    _, events = run(small(epochs=100), config={"seconds": 0.01})
    assert events[-1].reason == "time" and events[-1].n_epochs == 1


def test_an_absurd_learning_rate_is_called_diverged_or_survived():
    _, events = run(small("tensorflow-bilstm", learning_rate=1.0, epochs=2), config={"learning_rate": float("nan")})
    assert events[-1].reason == "diverged" and "lower the learning rate" in events[-1].message


def test_patience_ends_early():
    _, events = run(small(epochs=60, patience=2))
    assert events[-1].reason == "early" and events[-1].n_epochs < 60


def test_without_training_sentences_there_is_one_clear_sentence():
    empty = Corpus("empty", (), (), (), ())
    tagger = new_tagger(TINY, small())
    with pytest.raises(ValueError, match="has no sentence"):
        next(train(tagger, empty, small().training))


@pytest.mark.parametrize("name, published", [("bilstm-crf", False), ("custom-bilstm-crf", True)])
def test_without_a_dev_part_the_last_epoch_is_kept(name, published):
    corpus = replace(TINY, dev=())
    tagger, events = run(small(name, published, epochs=3), corpus=corpus, config={"patience": 1})
    assert (events[-1].reason, events[-1].best_epoch, events[-1].n_epochs) == ("finished", 3, 3)
    assert "no model" not in events[-1].message and tagger.is_trained
