"""Compare: choosing runs, what differs, who is better and how surely, sentences, gone corpora; run again and copy settings."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from ner_core.records import Span, TrainConfig
from ner_core.tagger.store import load_tagger, save_tagger
from ner_core.training import jobs, runs
from pages._ui import compare_charts, compare_show, compare_work, evaluate_work, loading, session
from tests.pages.conftest import KNOWN, save_tiny_model
from tests.pages.test_train import HOSTILE, TRAINING, by_key, events, make_run, words_of

GONE = "0" * 64


@pytest.fixture(autouse=True)
def _fresh():
    evaluate_work._kept().clear()
    compare_work._kept().clear()


@pytest.fixture
def corpus(monkeypatch):
    """Newsroom's parts replaced by sentences whose answers are known; its labels stay."""
    real = loading.corpus("newsroom")
    small = replace(real, train=KNOWN, dev=KNOWN, test=KNOWN * 3)
    monkeypatch.setattr(loading, "corpus", lambda corpus_id: corpus_or_gone(corpus_id, small))
    return small


def corpus_or_gone(corpus_id, found):
    if corpus_id == GONE:
        raise loading.NotThere("The corpus in this address is not stored here.")
    return found


def make_model(run: runs.Run, *, knows_london: bool = True) -> None:
    """A model that marks every name of KNOWN, or all but London."""
    save_tiny_model(run.folder / "best")
    if not knows_london:
        tagger = load_tagger(run.folder / "best")
        kernel = next(array for key, array in tagger.weights.items() if array.ndim == 2 and key.startswith("dense."))
        kernel = kernel.copy()
        kernel[tagger.encoder.word_to_id["London"]] = 0
        name = next(key for key, array in tagger.weights.items() if array.ndim == 2 and key.startswith("dense."))
        bias = {name: kernel_with_o(kernel, tagger)}
        shutil.rmtree(run.folder / "best")
        save_tagger(replace(tagger, weights={**tagger.weights, **bias}), run.folder / "best")


def kernel_with_o(kernel, tagger):
    kernel[tagger.encoder.word_to_id["London"], list(tagger.encoder.tags).index("O")] = 12
    return kernel


def two_runs(**second) -> tuple[runs.Run, runs.Run]:
    """A knows all names, B does not know London."""
    first, other = make_run(name="Knows all"), make_run(name="Forgets London", **second)
    make_model(first)
    make_model(other, knows_london=False)
    return first, other


def rows_of(test, column: str) -> dict:
    frame = next(table.value for table in test.dataframe if column in table.value)
    return frame.set_index(column).to_dict("index")


# --- choosing ----------------------------------------------------------------------------------


def test_runs_are_ticked_and_compared_in_that_order(app, corpus):
    first, other = two_runs()
    test = app("runs")
    assert test.button(key="runs_compare").disabled
    test.checkbox(key=f"pick_{other.id}").check().run()
    assert test.button(key="runs_compare").disabled
    test.checkbox(key=f"pick_{first.id}").check().run()
    assert test.button(key="runs_compare").label == "Compare 2 runs"
    test.button(key="runs_compare").click().run()
    assert not test.exception
    assert test.query_params["runs"] == f"{other.id},{first.id}"
    assert "2 runs compared" in words_of(test)
    test.button(key="compare_back").click().run()
    assert "runs" not in test.query_params
    assert test.checkbox(key=f"pick_{other.id}").value


def test_a_tick_taken_away_no_longer_counts(app):
    first, other = make_run(), make_run()
    test = app("runs")
    test.checkbox(key=f"pick_{first.id}").check().run()
    test.checkbox(key=f"pick_{other.id}").check().run()
    test.checkbox(key=f"pick_{first.id}").uncheck().run()
    assert test.button(key="runs_compare").disabled


def test_one_run_alone_offers_no_comparison(app):
    make_run()
    assert "runs_compare" not in [button.key for button in app("runs").button]


@pytest.mark.parametrize("ids", ["nonsense", "20260101-000000-0123456789abcdef", f"../../etc,{HOSTILE}", ","])
def test_a_link_to_nothing_is_a_sentence(app, ids):
    test = app("runs", runs=ids)
    said = words_of(test)
    assert "A comparison needs two runs" in said or "Nothing has been trained yet" in said
    assert "<img" not in said.replace(r"\<img", "")


def test_a_run_that_is_gone_is_named_and_the_others_are_compared(app, corpus):
    first, other = two_runs()
    test = app("runs", runs=f"{first.id},20260101-000000-0123456789abcdef,{other.id}")
    assert "There is no run" in test.error[0].value
    assert "2 runs compared" in words_of(test)


def test_the_reference_changes_and_a_run_is_left_out(app, corpus):
    (first, other), third = two_runs(), make_run(name="Third")
    test = app("runs", runs=f"{first.id},{other.id},{third.id}")
    test.button(key=f"first_{other.id}").click().run()
    assert test.query_params["runs"] == f"{other.id},{first.id},{third.id}"
    test.button(key=f"leave_{third.id}").click().run()
    assert test.query_params["runs"] == f"{other.id},{first.id}"


# --- what is shown --------------------------------------------------------------------------------


def test_two_runs_are_measured_on_the_same_sentences(app, corpus):
    first, other = two_runs()
    test = app("runs", runs=f"{first.id},{other.id}")
    rows = rows_of(test, "run")
    assert rows["A"]["found"] == "12 of 12" and rows["A"]["points"] == "reference"
    assert rows["B"]["found"] == "9 of 12" and rows["B"]["points"] == "-14.3"
    assert "**B is worse than A** by 14.3 points of F1" in words_of(test)
    assert "Of 6 sentences both get 3 wholly right and neither 0; only **A** 3, only **B** 0" in words_of(test)
    assert "Did not find" in words_of(test)
    assert len(test.get("plotly_chart")) == 4  # intervals, labels, two curves


def test_the_same_model_twice_is_equal(app, corpus):
    first, other = make_run(), make_run()
    make_model(first)
    make_model(other)
    said = words_of(app("runs", runs=f"{first.id},{other.id}"))
    assert "**A and B are equal** on these sentences (F1 100.0 % on 12 names)" in said
    assert "no sentence that only one of them gets right" in said
    assert "None: corpus, recipe, every setting and the seed are the same" in said


def test_only_the_settings_that_differ_are_listed(app, corpus):
    first, other = two_runs(hyperparameters={"lstm_width": 16, "epochs": 2})
    assert set(rows_of(app("runs", runs=f"{first.id},{other.id}"), "setting")) == {"LSTM units", "epochs"}
    shutil.rmtree(other.folder)
    other = make_run(recipe="gmb-bilstm-softmax")
    rows = rows_of(app("runs", runs=f"{first.id},{other.id}"), "setting")
    assert rows["recipe"] == {"A": "bilstm-crf", "B": "gmb-bilstm-softmax"}
    assert "word vector" in rows and "rare labels, times" not in rows  # both read rare labels once


def test_a_seed_alone_is_told_as_chance():
    configs = [runs.RunConfig(training=TrainConfig(seed=seed)) for seed in (1, 2)]
    said = [compare_work.settings_in_words(config) for config in configs]
    assert {name for name in said[0] if said[0][name] != said[1][name]} == {"seed"}


def test_settings_of_another_version_are_shown_as_they_are():
    said = compare_work.settings_in_words(runs.RunConfig(recipe="tomorrow", hyperparameters={"heads": 4}))
    assert (said["recipe"], said["heads"]) == ("tomorrow", "4")


def test_a_run_without_a_model_still_has_curves_and_settings(app, corpus):
    first, _ = two_runs()
    empty = make_run([], name="Nothing yet", lives=True)
    test = app("runs", runs=f"{first.id},{empty.id}")
    said = words_of(test)
    assert "B has no model" in said and "Two runs with a finished epoch are needed" in said
    assert "still training" in said
    assert len(test.get("plotly_chart")) == 2


def test_three_runs_warn_of_luck_and_choose_the_second(app, corpus):
    (first, other), third = two_runs(), make_run(name="Third")
    make_model(third)
    test = app("runs", runs=f"{first.id},{other.id},{third.id}")
    assert "look for p below 0.025" in words_of(test).replace("\\", "")
    by_key(test.get("button_group"), "compare_second").set_value(2).run()
    assert not test.exception
    assert "no sentence that only one of them gets right" in words_of(test)


def test_sentences_are_narrowed_down(app, corpus):
    first, other = two_runs()
    test = app("runs", runs=f"{first.id},{other.id}")
    assert words_of(test).count("of this part") == 3
    by_key(test.get("button_group"), "compare_side").set_value("second").run()
    assert "No such sentence" in words_of(test)


def test_it_is_measured_once(app, corpus, monkeypatch):
    first, other = two_runs()
    app("runs", runs=f"{first.id},{other.id}")

    def forbidden(setting):
        raise AssertionError("measured again")

    monkeypatch.setattr(compare_work, "measure", forbidden)
    assert not app("runs", runs=f"{other.id},{first.id}").exception


def test_a_large_part_waits_for_the_button(app, corpus, monkeypatch):
    first, other = two_runs()
    monkeypatch.setattr(compare_show, "AT_ONCE", 5)
    test = app("runs", runs=f"{first.id},{other.id}")
    assert "is worse than" not in words_of(test)
    test.button(key="compare_now").click().run()
    assert "is worse than" in words_of(test)


def test_a_corpus_that_is_gone_leaves_curves_and_settings(app, corpus):
    first, other = make_run(corpus=GONE, corpus_name=HOSTILE), make_run(corpus=GONE, corpus_name=HOSTILE)
    make_model(first)
    make_model(other)
    test = app("runs", runs=f"{first.id},{other.id}")
    said = words_of(test)
    assert "is not here any more" in said and "<img" not in said.replace(r"\<img", "")
    assert len(test.get("plotly_chart")) == 2


def test_an_empty_part_and_one_without_names(app, corpus, monkeypatch):
    first, other = two_runs()
    bare = tuple(replace(sentence, spans=()) for sentence in corpus.test)
    for test_part, said in ((), "has no sentence"), (bare, "There are no names in this part"):
        monkeypatch.setattr(loading, "corpus", lambda _, part=test_part: replace(corpus, test=part))
        compare_work._kept().clear()
        evaluate_work._kept().clear()
        assert said in words_of(app("runs", runs=f"{first.id},{other.id}"))


def test_hostile_words_stay_words(app, corpus, monkeypatch):
    spoilt = tuple(replace(s, spans=tuple(Span(a.start, a.end, HOSTILE) for a in s.spans)) for s in corpus.test)
    monkeypatch.setattr(loading, "corpus", lambda _: replace(corpus, test=spoilt, labels=(HOSTILE,)))
    first, other = two_runs()
    runs.rename(other.id, HOSTILE)
    test = app("runs", runs=f"{first.id},{other.id}")
    assert "<img" not in words_of(test).replace(r"\<img", "")
    assert not any("<img" in str(element.proto.body) for element in test.get("html"))


def test_every_run_has_a_look_of_its_own(monkeypatch):
    monkeypatch.setattr(session, "theme", lambda: "light")
    looks = {(compare_charts.colour(index), compare_charts._turn(index)) for index in range(24)}
    assert len(looks) == 24


# --- run again, copy settings -------------------------------------------------------------------------


def test_run_again_asks_for_exactly_the_same(app, corpus, monkeypatch):
    asked = []
    monkeypatch.setattr(jobs, "start_run", lambda config: asked.append(config) or make_run([], lives=True).id)
    run = make_run(hyperparameters={"lstm_width": 16}, recipe="gmb-bilstm-softmax", is_published=True)
    test = app("runs")
    test.button(key=f"again_list_{run.id}").click().run()
    assert not test.exception
    assert [replace(config, owner="", nickname="") for config in asked] == [run.config]
    assert test.title[0].value == "Train" and test.query_params["run"] != run.id


def test_run_again_without_its_corpus_is_a_kind_sentence(app, corpus, monkeypatch):
    monkeypatch.setattr(jobs, "start_run", lambda config: pytest.fail("started"))
    run = make_run(corpus=GONE, corpus_name="Letters")
    test = app("runs")
    test.button(key=f"again_list_{run.id}").click().run()
    assert not test.exception
    assert "The corpus Letters of this run is not here any more, or not yours" in test.error[0].value


def test_run_again_on_a_full_disk_is_a_sentence(app, corpus, monkeypatch):
    def refuse(config):
        raise jobs.JobError("Only 3 MB are free.")

    monkeypatch.setattr(jobs, "start_run", refuse)
    run = make_run()
    test = app("runs")
    test.button(key=f"again_list_{run.id}").click().run()
    assert "Only 3 MB are free" in test.error[0].value


def test_copied_settings_stand_on_the_form_and_start_the_same(app, monkeypatch):
    asked = []
    monkeypatch.setattr(jobs, "start_run", lambda config: asked.append(config) or make_run([], lives=True).id)
    settings = {"lstm_width": 16, "epochs": 2, "batch_tokens": 400}
    training = replace(TRAINING, epochs=2, seed=9, seconds=90.0)
    run = make_run(hyperparameters=settings, probes=("In Rome.", "Ada."))
    stored = replace(run.config, training=training)
    monkeypatch.setattr(runs, "open_run", lambda folder: replace(run, config=stored))
    test = app("train", train_seed="5", train_minutes="3")  # what was asked for before is forgotten
    test.switch_page("pages/runs.py").run()
    test.button(key=f"copy_list_{run.id}").click().run()
    assert not test.exception
    assert test.title[0].value == "Train" and "run" not in test.query_params
    assert test.number_input(key="train_seed").value == 9
    assert test.number_input(key="train_minutes").value == 1.5
    assert test.text_area(key="train_probes_bilstm-crf").value == "In Rome.\nAda."
    linked = app("train", **dict(test.query_params.items()))  # somebody opens the address
    linked.button(key="train_start").click().run()
    [config] = asked
    assert config.hyperparameters == settings
    assert (config.training.seed, config.training.seconds) == (9, 90.0)
    assert "Rome" not in str(test.query_params)  # what was typed is nobody else's


def test_what_somebody_else_typed_is_not_copied(app, corpus, monkeypatch):
    asked = []
    monkeypatch.setattr(jobs, "start_run", lambda config: asked.append(config) or make_run([], lives=True).id)
    mine, other = make_run(), make_run(owner="0123456789abcdef")
    test = app("runs", runs=f"{mine.id},{other.id}")
    test.button(key=f"again_compare_{other.id}").click().run()
    assert not test.exception
    assert [config.probes for config in asked] == [()]


def test_copying_the_settings_of_a_gone_corpus_says_what_is_chosen(app, corpus):
    run = make_run(corpus=GONE, corpus_name="Letters", recipe="keras-bilstm-crf", is_published=True)
    test = app("runs")
    test.button(key=f"copy_list_{run.id}").click().run()
    assert not test.exception
    assert "Newsroom is chosen instead" in test.error[0].value
    assert test.selectbox(key="train_recipe").value == "keras-bilstm-crf"
    assert "kept as published" in words_of(test)


def test_settings_of_an_unknown_recipe_cannot_be_copied(app, corpus):
    run = make_run(recipe="tomorrow")
    test = app("runs")
    test.button(key=f"copy_list_{run.id}").click().run()
    assert not test.exception
    assert "cannot be copied" in test.error[0].value


def test_a_link_fills_the_form(app):
    title = "Tutorial: Named Entity Recognition using LSTM in Keras"
    test = app("train", train_recipe=title, train_form="As published", train_seed="9")
    assert test.selectbox(key="train_recipe").value == "gmb-bilstm-softmax"
    assert "kept as published" in words_of(test)
    assert test.number_input(key="train_seed").value == 9


def test_curves_leave_out_what_is_no_number():
    from ner_core.records import EpochDone

    history = [event for event in events(3) if isinstance(event, EpochDone)]
    history[1] = replace(history[1], dev_loss=float("nan"))
    read, _ = compare_charts.MEASURES["Validation loss"]
    assert [x for x, _ in compare_charts._points(history, compare_charts.OVER["epochs"], read)] == [1, 3]
