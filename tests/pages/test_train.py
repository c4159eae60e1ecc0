"""Train: the form without a run, a start, a run as it is found on disk, and what comes after it."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from dataclasses import replace

import pytest

from ner_core.records import (
    Counts,
    EpochDone,
    FloorsMeasured,
    ProbesTagged,
    Report,
    RunEnded,
    RunResumed,
    RunStarted,
    RunTold,
    StepDone,
    TrainConfig,
)
from ner_core.training import event_log, jobs, machine, runs, waiting
from pages._ui import charts_train, loading, session, train_live
from pages._ui.train_record import MAX_POINTS, RunRecord, thin

HOSTILE = "<img src=x onerror=alert(1)> *a* :red[b]"
TRAINING = TrainConfig(epochs=3)


def report(tp: int, **changes) -> Report:
    counts = Counts(tp, 4, 20 - tp)
    numbers = {"n_tokens": 100, "n_tokens_right": 80 + tp, "n_cells": 400, "n_cells_right": 380 + tp} | changes
    return Report(counts, {"per": counts}, n_sentences=10, **numbers)


def events(n_epochs: int = 2, *, reason: str | None = "finished", steps: int = 5) -> list:
    """The events of a run of so many epochs, the first of them the best."""
    found = [
        RunStarted(50, 10, 1234, steps, TRAINING),
        FloorsMeasured(report(0), report(7)),
    ]
    step = 0
    for epoch in range(1, n_epochs + 1):
        for _ in range(steps):
            step += 1
            found.append(StepDone(step, epoch, 1 / step, step * 0.5, 70))
        found.append(EpochDone(epoch, step, step * 0.5, 0.4, 0.5, 0.9, 0.95, report(16 - epoch), epoch == 1, 0.5, 0.93))
        probe = {"text": "In Rome", "words": ["In", "Rome"], "starts": [0, 3], "spans": [[1, 2, "geo"]]}
        found.append(ProbesTagged(epoch, step, ({**probe, "confidences": [0.9]},)))
    return [*found, RunEnded(reason, 1, n_epochs, step * 0.5, f"Because it {reason}.")] if reason else found


def make_run(history: list | None = None, *, name: str = "", lives: bool = False, **config) -> runs.Run:
    """A run's folder as a worker leaves it."""
    run = runs.create_run(runs.RunConfig(training=TRAINING, **{"probes": ("In Rome",), **config}))
    log = event_log.EventLog(run.folder)
    for event in history if history is not None else events():
        log.write(event)
    log.close()
    identity = machine.identify(os.getpid()) if lives else {"pid": 0, "start": "", "boot": ""}
    runs.write_file(run.folder / "worker.json", json.dumps(identity).encode())
    if lives and history:
        beat(run, "running")
    if name:
        runs.rename(run.id, name)
    return runs.read_run(run.id)


def beat(run: runs.Run, phase: str, **more) -> None:
    """A sign of life."""
    runs.write_file(run.folder / "heartbeat", json.dumps({"phase": phase, **more}).encode())


def words_of(test) -> str:
    """Everything a page says."""
    parts = [*test.markdown, *test.caption, *test.error, *test.info, *test.warning, *test.success, *test.subheader]
    return "\n".join(str(part.value) for part in parts)


def by_key(elements, key: str):
    return next(element for element in elements if element.key == key)


# --- the form ---------------------------------------------------------------------------


def test_the_form_offers_our_default_first_without_forms(app):
    test = app("train")
    assert test.selectbox(key="train_recipe").options[0].startswith("Our default")
    assert test.selectbox(key="train_recipe").options[1].startswith("The quickest of ours")
    assert test.selectbox(key="train_recipe").options[2].startswith("The most accurate of ours")
    assert all(option.startswith("Tutorial: ") for option in test.selectbox(key="train_recipe").options[3:])
    assert not test.get("button_group")
    assert "parameters to learn" in words_of(test)


def test_a_committee_says_how_many_it_is_and_that_it_takes_long(app):
    test = app("train")
    test.selectbox(key="train_recipe").set_value("best").run()
    assert not test.exception
    assert "takes some minutes" in words_of(test) and "**The committee**: 9 networks, " in words_of(test)
    [table] = [html.proto.body for html in test.get("html") if "<table" in html.proto.body]
    assert table.count("3 of 9 members: ") == 20


def test_a_copied_run_keeps_every_digit(stores):
    from pages._ui import train_form

    training = replace(TRAINING, seconds=100.0)
    asked = runs.RunConfig(training=training, hyperparameters={"learning_rate": 0.0012345678, "epochs": 7})
    query = train_form.address_of(asked, loading.corpus("newsroom"))
    assert {value for name, value in query.items() if "learning_rate" in name} == {"0.0012345678"}
    assert {value for name, value in query.items() if "epochs" in name} == {"7"}
    assert float(query["train_minutes"]) * 60 == 100


@pytest.mark.parametrize("name", ["keras-bilstm-crf", "tensorflow-bilstm", "custom-bilstm-crf"])
def test_a_tutorial_names_its_mistakes_and_what_cannot_run(app, name):
    from ner_core.tagger.recipes import recipe

    test = app("train")
    test.selectbox(key="train_recipe").set_value(name).run()
    assert not test.exception
    said = words_of(test)
    assert "Mistakes repaired here" in said
    assert recipe(name).mistakes[0] in said
    assert "do not apply to newsroom" in said
    by_key(test.get("button_group"), "train_form").set_value(True).run()
    assert not test.exception
    assert "kept as published" in words_of(test)
    broken = recipe(name, published=True).cannot_run
    assert (broken is not None) == ("own code stops here" in words_of(test))
    if broken:
        assert any(broken.error in block.value for block in test.code)


def test_start_asks_for_what_was_chosen_and_shows_the_run(app, monkeypatch):
    asked = []
    monkeypatch.setattr(jobs, "start_run", lambda config: asked.append(config) or make_run([], lives=True).id)
    test = app("train")
    test.number_input(key="train_seed").set_value(7)
    test.number_input(key="train_minutes").set_value(2.0)
    next(box for box in test.number_input if box.label == "Epochs").set_value(6)
    test.number_input(key="train_bilstm-crf_False_lstm_width_80").set_value(32)
    test.text_area(key="train_probes_bilstm-crf").set_value("One.\n\nTwo.\n3.\n4.\n5.\n6.").run()
    test.button(key="train_start").click().run()
    assert not test.exception
    [config] = asked
    assert config.hyperparameters == {"epochs": 6, "lstm_width": 32, "batch_tokens": 250}  # small steps: a small corpus
    assert (config.training.seed, config.training.seconds, config.training.epochs) == (7, 120.0, 6)
    assert config.probes == ("One.", "Two.", "3.", "4.", "5.")
    assert test.query_params["run"] == runs.list_runs()[0].id
    assert "Starting TensorFlow" in test.get("progress")[0].proto.text


def test_a_class_gets_its_time_limit_by_one_button(app, monkeypatch):
    asked = []
    monkeypatch.setattr(jobs, "start_run", lambda config: asked.append(config) or make_run([], lives=True).id)
    test = app("train")
    test.button(key="train_class_preset").click().run()
    test.button(key="train_start").click().run()
    assert not test.exception
    assert [config.training.seconds for config in asked] == [8.0]


def test_a_start_that_fails_is_one_sentence(app, monkeypatch):
    def refuse(config):
        raise jobs.JobError("Only 3 MB are free.")

    monkeypatch.setattr(jobs, "start_run", refuse)
    test = app("train")
    test.button(key="train_start").click().run()
    assert [error.value for error in test.error] == [r"Only 3 MB are free\."]
    assert not test.exception


# --- a run in view ---------------------------------------------------------------------------


def test_a_run_that_goes_on_shows_how_far_it_is_and_stops(app):
    run = make_run(events(1, reason=None), lives=True)
    test = app("train", run=run.id)
    text = test.get("progress")[0].proto.text
    assert "Epoch 1 of 3 · step 5 of 15" in text.replace("\\", "")
    assert "140 tokens/s" in text.replace("\\", "")
    assert test.get("progress")[0].proto.value == 33
    test.button(key="train_stop").click().run()
    assert (run.folder / "stop").exists()
    assert len(test.get("vega_lite_chart")) == 3


def test_a_process_that_hangs_is_ended_by_deleting_its_run(app, monkeypatch):
    run = make_run(events(1, reason=None), lives=True)
    monkeypatch.setattr(runs.Run, "state", property(lambda self: "stalled"))
    test = app("train", run=run.id)
    assert "delete the run in Runs" in test.get("progress")[0].proto.text
    shutil.rmtree(run.folder)
    test.button(key="train_stop").click().run()
    assert not test.exception
    assert "There is no run" in test.error[0].value


def test_a_waiting_run_says_its_place(app, monkeypatch):
    run = make_run([], lives=True)
    monkeypatch.setattr(runs.Run, "state", property(lambda self: "waiting"))
    monkeypatch.setattr(waiting, "turns", lambda: {run.id: waiting.Turn(2, 40.0)})
    test = app("train", run=run.id)
    assert "2 before it" in test.get("progress")[0].proto.text


def test_a_finished_run_says_what_was_gained_and_offers_the_next_step(app):
    from tests.pages.conftest import save_tiny_model

    run = make_run()
    save_tiny_model(run.folder / "best", name="run")
    test = app("train", run=run.id)
    said = words_of(test)
    assert "**15 of 20 names**" in said
    assert "finds 7 and reaches" in said
    assert "after epoch 2" in said
    test.button(key="train_to_try").click().run()
    assert not test.exception
    assert test.query_params["model"] == f"run:{run.id}"


def test_a_run_without_a_model_says_so(app):
    for reason, said in (("failed", r"Because it failed\."), ("diverged", r"Because it diverged\.")):
        test = app("train", run=make_run(events(0, reason=reason)).id)
        assert [error.value for error in test.error] == [said]
        assert "no model to use" in words_of(test)


def test_an_interrupted_run_and_an_unknown_one_are_told(app):
    assert "shut down" in words_of(app("train", run=make_run(events(1, reason=None)).id))
    test = app("train", run="../../etc")
    assert "There is no run" in test.error[0].value
    test.button(key="train_again").click().run()
    assert test.selectbox(key="train_recipe")


def test_hostile_names_stay_words(app):
    run = make_run(name=HOSTILE, corpus_name=HOSTILE)
    test = app("train", run=run.id)
    assert "<img" not in words_of(test).replace(r"\<img", "")
    assert r":red" not in words_of(test).replace(r"\:red", "")


def test_keeping_a_model_makes_a_copy_that_outlives_the_run(app, monkeypatch):
    from tests.pages.conftest import save_tiny_model

    run = make_run(name="My first")
    save_tiny_model(run.folder / "best", name="run")
    test = app("train", run=run.id)
    test.text_input(key=f"keep_{run.id}").set_value("../Mine & <b>").run()
    test.button(key=f"keep_now_{run.id}").click().run()
    assert not test.exception
    assert (runs.home() / "models" / "mine-b" / "MANIFEST.json").exists()
    runs.delete_run(run.id)
    owner = (runs.home() / "models" / "mine-b" / "owner").read_text()
    assert "kept:mine-b" not in {model.id for model in loading.models()}  # of somebody else
    monkeypatch.setattr(session, "owner", lambda: owner)
    kept = loading.model("kept:mine-b")
    assert (kept.id, kept.title) == ("kept:mine-b", "../Mine & <b>")


# --- the record and its curves -----------------------------------------------------------------


def test_a_record_reads_on_from_where_it_was(stores):
    history = events(2)
    run = make_run(history[:6], lives=True)
    record = RunRecord(run.id)
    assert record.read(run.folder)
    assert (record.step, record.epochs, record.best) == (4, [], None)
    assert not record.read(run.folder)
    log = event_log.EventLog(run.folder)
    for event in history[6:]:
        log.write(event)
    log.close()
    assert record.read(run.folder)
    assert (record.step, record.best.epoch, len(record.epochs), record.ended.reason) == (10, 1, 2, "finished")
    assert record.losses == [1 / step for step in range(1, 11)]
    assert record.smoothed[0] == pytest.approx(1.0)
    assert record.losses[-1] < record.smoothed[-1] < 1


def test_a_loss_that_is_no_number_leaves_the_mean_alone():
    record = RunRecord("a")
    for step, loss in enumerate((math.nan, 2.0, math.nan), 1):
        record.take(StepDone(step, 1, loss, step, 5))
    assert math.isnan(record.smoothed[0])
    assert record.smoothed[1:] == pytest.approx([2.0, 2.0])


def test_the_last_epoch_is_the_result_where_the_recipe_keeps_it():
    record = RunRecord("a")
    record.take(RunStarted(1, 1, 1, 5, TrainConfig(keeps_best=False)))
    for event in events(2)[2:]:
        record.take(event)
    assert record.best.epoch == 2


@pytest.mark.parametrize("n", [0, 1, 599, 600, 601, 12_345])
def test_thinning_keeps_the_last_point_and_the_limit(n):
    chosen = thin(n)
    assert len(chosen) <= MAX_POINTS
    assert chosen == sorted(set(chosen))
    assert chosen[-1:] == ([n - 1] if n else [])


def test_curves_carry_points_floors_and_the_kept_epoch(stores, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        charts_train, "_show", lambda spec, rows, *, key, **rest: drawn.update({key: (spec, rows, rest)})
    )
    record = RunRecord("a")
    specs = []
    for event in events(2):
        record.take(event)
        charts_train.loss(record)
        charts_train.score_wall(record)
        charts_train.entity_f1(record, with_both=True)
        specs.append([json.dumps([spec, rest["alt"]]) for spec, _, rest in drawn.values()])
    assert all(spec == specs[0] for spec in specs), "a specification that changes builds the chart anew: zoom is lost"
    _, rows, rest = drawn["curve_f1"]
    assert [row["note"] for row in rows if row["kind"] != "line"] == [
        "most-frequent tag 45.2 %",
        "all-O 0.0 %",
        "kept: 76.9 %",
    ]
    assert {row["series"] for row in rows if row["kind"] == "line"} == {"entity F1", "precision", "recall"}
    assert "precision 78.9 %, recall 75.0 % (20 names)" in rows[0]["note"]
    assert "20 names" in rest["said"]
    _, rows, _ = drawn["curve_loss"]
    assert [row["x"] for row in rows if row["series"] == "training, smoothed"] == list(range(1, 11))
    assert [row["x"] for row in rows if row["series"] == "validation"] == [5, 10]
    _, rows, rest = drawn["curve_wall"]
    padded = [row["y"] for row in rows if row["series"] == "accuracy, padded" and row["kind"] == "line"]
    assert padded == pytest.approx([395 / 400, 394 / 400])
    assert "accuracy, padded 98.5 %, but entity F1 73.7 %" in rest["said"]
    all_o = (2 * 0.8 / 1.8) * 0.8
    assert [row["y"] for row in rows if row["kind"] == "floor"] == pytest.approx([0.95, 0.8, all_o, 0.0, 0.0])


# --- telling a run that goes on ------------------------------------------------------------------


def test_a_run_is_paused_changed_and_let_go_on(app, monkeypatch):
    run = make_run(events(1, reason=None), lives=True)
    test = app("train", run=run.id)
    assert "learning rate –" in words_of(test), "an older log tells none"
    test.button(key="train_pause").click().run()
    assert runs.is_told_to_pause(run.folder)
    assert "Pausing after the current step" in test.get("progress")[0].proto.text
    test.number_input(key=f"train_rate_{run.id}").set_value(0.0005).run()
    test.button(key="train_rate_set").click().run()
    assert runs.wanted_rate(run.folder) == 0.0005
    assert r"0\.0005 from the next step on" in words_of(test)
    beat(run, "paused", memory_mb=1234)
    test.button(key="train_continue").click().run()
    assert not runs.is_told_to_pause(run.folder)
    assert "Paused" in test.get("progress")[0].proto.text
    assert "1,234 MB" in words_of(test).replace("\\", "")
    assert not test.exception


def test_a_rate_that_is_no_longer_there_changes_nothing(stores, monkeypatch):
    run = make_run(events(1, reason=None), lives=True)
    monkeypatch.setattr(session, "look", lambda key: None)
    train_live.set_rate(run.id, f"train_rate_{run.id}")
    assert runs.wanted_rate(run.folder) is None


def test_in_a_class_a_pause_is_told_to_end(app, monkeypatch):
    run = make_run(events(1, reason=None), lives=True)
    test = app("train", run=run.id)
    assert "by itself" not in test.button(key="train_pause").help
    monkeypatch.setenv("NER_LAB_CLASS", "1")
    monkeypatch.setattr(train_live.person, "may_manage", lambda run: True)
    test.run()
    assert "by itself after 5 minutes" in test.button(key="train_pause").help
    test.button(key="train_pause").click().run()
    beat(run, "paused")
    test.run()
    assert "Paused (it goes on by itself after 5 minutes)" in test.get("progress")[0].proto.text.replace("\\", "")


def test_speed_and_steepness_are_told(app):
    history = [
        *events(0, reason=None),
        StepDone(1, 1, 0.5, 0.5, 70, 0.004, 2.5),
        StepDone(2, 1, 0.4, 1.0, 70, 0.002, 3.5),
    ]
    said = words_of(app("train", run=make_run(history, lives=True).id)).replace("\\", "")
    assert "learning rate 0.002 · gradient norm 3 · memory –" in said


def test_a_watcher_can_tell_nothing_and_copies_the_settings(app):
    run = make_run(events(1, reason=None), lives=True, owner="somebody else")
    test = app("train", run=run.id)
    keys = {button.key for button in test.button}
    assert not keys & {"train_pause", "train_continue", "train_rate_set", "train_stop"}
    assert {f"leave_{run.id}", f"copy_live_{run.id}"} <= keys


def test_nobody_tells_a_run_of_somebody_else(app, stores, monkeypatch):
    run = make_run(events(1, reason=None), lives=True)
    test = app("train", run=run.id)
    monkeypatch.setattr("ner_core.training.classroom.may_manage", lambda *_, **__: False)
    test.button(key="train_pause").click().run()
    assert not runs.is_told_to_pause(run.folder)
    assert "belongs to somebody else" in test.error[0].value


def test_the_more_people_watch_the_less_often_each_is_drawn_something(stores, monkeypatch):
    kept = {}
    monkeypatch.setattr(session, "recall", lambda name, default=None: kept.get(name, default))
    monkeypatch.setattr(session, "remember", lambda name, value: kept.update({name: value}))
    monkeypatch.setattr(train_live, "_watching", {})
    record = RunRecord("a")
    assert train_live._every_seconds(record, "starting") == train_live.FIRST_SECONDS
    assert train_live._every_seconds(record, "waiting") == train_live._every_seconds(record, "paused") == 2.0
    record.take(StepDone(1, 1, 0.5, 0.1, 7))
    told = []
    for _ in range(30):
        kept.clear()  # one session more
        told.append(train_live._every_seconds(record, "running"))
    assert 0.2 <= told[0] <= 0.5 and told[-1] == 2.0 and told == sorted(told)
    later = time.monotonic() + train_live.GONE_SECONDS + 1
    monkeypatch.setattr(train_live.time, "monotonic", lambda: later)
    assert train_live._every_seconds(record, "running") == told[0], "those who have gone count no more"


def test_labels_have_their_colours_and_the_most_frequent_are_drawn(stores, monkeypatch):
    drawn = {}
    monkeypatch.setattr(charts_train, "_show", lambda spec, rows, **rest: drawn.update(rows=rows, spec=spec, **rest))
    by_label = {f"L{n:02d}": Counts(n, 1, 20) for n in range(20)} | {"geo": Counts(500, 1, 1), "per": Counts(400, 9, 9)}
    dev = Report(sum(by_label.values(), Counts()), by_label)
    record = RunRecord("a")
    record.take(FloorsMeasured(dev, dev))
    record.take(EpochDone(1, 5, 1.0, 0.4, 0.5, 0.9, 0.95, dev, True))
    charts_train.f1_by_label(record)
    series = list(dict.fromkeys(row["series"] for row in drawn["rows"]))
    assert series == ["geo", "per", *(f"L{n:02d}" for n in range(19, 9, -1))]
    assert "of 22 labels" in drawn["said"]
    assert "geo 99.8 % of 501" in drawn["said"]


def test_labels_that_begin_alike_have_a_line_each(stores, monkeypatch):
    drawn, tables = {}, []
    monkeypatch.setattr(charts_train, "_show", lambda spec, rows, **rest: drawn.update(rows=rows, spec=spec))
    monkeypatch.setattr(charts_train.st, "dataframe", lambda table, **_: tables.append(table))
    labels = [f"{'the same beginning of a label'} {last}" for last in ("'a", 'b"', "c")]
    dev = Report(Counts(3, 0, 3), {label: Counts(1, 0, 1) for label in labels})
    record = RunRecord("a")
    record.take(FloorsMeasured(dev, dev))
    record.take(EpochDone(1, 5, 1.0, 0.4, 0.5, 0.9, 0.95, dev, True))
    charts_train.f1_by_label(record)
    assert len({row["series"] for row in drawn["rows"]}) == 3
    charts_train.numbers(record)
    assert sum(name.startswith("F1 ") for name in tables[0]) == 3


def test_names_in_an_expression_are_strings_of_json(stores):
    names = ("it's", 'a "b" \\ c')
    spec = charts_train._spec("epoch", "F1", dict.fromkeys(names, ("#000000", [1, 0])), points=names)
    test = spec["layer"][1]["encoding"]["opacity"]["condition"]["test"]
    assert json.loads(test[test.index("[") : test.index("]") + 1]) == list(names)


def test_a_change_of_the_learning_rate_stands_on_the_loss(stores, monkeypatch):
    drawn = {}
    monkeypatch.setattr(charts_train, "_show", lambda spec, rows, **rest: drawn.update(rows=rows))
    record = RunRecord("a")
    for event in (StepDone(1, 1, 0.5, 0.1, 7), RunTold(1, 0.1, "paused"), RunTold(1, 0.1, "rate", 0.0005)):
        record.take(event)
    charts_train.loss(record)
    assert [(row["x"], row["note"]) for row in drawn["rows"] if row["kind"] == "told"] == [(1, "rate 0.0005")]
    record.take(RunResumed(0, 0, 0.0))
    assert record.rates == []
