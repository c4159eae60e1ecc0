"""Runs: the list when empty, in every state, with hostile names; rename, stop, delete."""

from __future__ import annotations

import shutil

from ner_core.records import RunResumed
from ner_core.training import runs
from pages._ui import train_live
from tests.pages.conftest import save_tiny_model
from tests.pages.test_train import HOSTILE, events, make_run, words_of


def test_an_empty_list_offers_to_train(app):
    test = app("runs")
    assert "Nothing has been trained yet" in words_of(test)
    test.button(key="empty_Train a tagger").click().run()
    assert test.title[0].value == "Train"


def test_a_run_tells_its_score_with_the_number_of_names(app):
    make_run(name="First")
    said = words_of(app("runs"))
    assert "**First** · Finished" in said
    assert "entity F1 76.9 % on 20 names of dev (epoch 1)" in said.replace("\\", "")


def test_every_state_is_told(app):
    make_run(events(1, reason=None), lives=True)
    make_run(events(1, reason="stopped"))
    make_run(events(0, reason="failed"))
    make_run(events(1, reason=None))
    said = words_of(app("runs"))
    for state in ("Stopped", "Failed", "Interrupted", "Training"):
        assert f"· {state}" in said
    assert "no epoch was finished" in said


def test_open_goes_to_the_run(app):
    run = make_run()
    test = app("runs")
    test.button(key=f"open_{run.id}").click().run()
    assert not test.exception
    assert test.title[0].value == "Train"
    assert test.query_params["run"] == run.id


def test_rename_and_delete(app):
    run, other = make_run(name="A"), make_run(name="B")
    save_tiny_model(run.folder / "best")
    test = app("runs", run=run.id, model=f"run:{run.id}")
    test.text_input(key=f"name_{run.id}").set_value(HOSTILE)  # and Save at once, as a person does
    test.button(key=f"rename_{run.id}").click().run()
    assert runs.read_run(run.id).name == HOSTILE
    assert "<img" not in words_of(test).replace(r"\<img", "")
    test.button(key=f"delete_{run.id}").click().run()
    assert not test.exception
    assert [left.id for left in runs.list_runs()] == [other.id]
    assert "run" not in test.query_params
    assert "model" not in test.query_params


def test_deleting_what_is_gone_is_one_sentence(app):
    run = make_run()
    test = app("runs")
    runs.delete_run(run.id)
    test.button(key=f"delete_{run.id}").click().run()
    assert not test.exception
    assert "There is no run" in test.error[0].value


def test_an_active_run_can_be_stopped_from_the_list(app):
    run = make_run(events(1, reason=None), lives=True)
    test = app("runs")
    test.button(key=f"stop_{run.id}").click().run()
    assert (run.folder / "stop").exists()
    assert "Stopping" in words_of(test)


def test_stopping_what_is_gone_is_one_sentence(app):
    run = make_run(events(1, reason=None), lives=True)
    test = app("runs")
    shutil.rmtree(run.folder)
    test.button(key=f"stop_{run.id}").click().run()
    assert not test.exception
    assert "There is no run" in test.error[0].value


def test_the_state_of_a_row_is_derived_once(app, monkeypatch):
    make_run()
    asked = []
    monkeypatch.setattr(runs, "state", lambda folder: asked.append(folder) or "finished")
    app("runs")
    assert len(asked) <= 2  # for the page (fragment or not) and for the row


def test_many_runs_are_shown_in_parts(app):
    for _ in range(22):
        make_run([])
    test = app("runs")
    assert sum(button.key.startswith("open_") for button in test.button) == 20
    test.button(key="runs_more").click().run()
    assert sum(button.key.startswith("open_") for button in test.button) == 22


def test_an_interrupted_run_can_be_resumed_from_list_and_page(app, monkeypatch):
    asked = []
    monkeypatch.setattr(train_live.jobs, "resume_run", asked.append)
    run, ended = make_run(events(1, reason=None)), make_run(events(1))
    test = app("runs")
    assert not [button for button in test.button if button.key == f"resume_{ended.id}"]
    test.button(key=f"resume_{run.id}").click().run()
    assert not test.exception
    test = app("train", run=run.id)
    test.button(key="train_resume").click().run()
    assert not test.exception
    assert asked == [run.id, run.id]


def test_a_run_that_cannot_be_resumed_is_told_in_one_sentence(app, monkeypatch):
    def refuse(run_id):
        raise train_live.jobs.JobError("Only 3 MB are free.")

    monkeypatch.setattr(train_live.jobs, "resume_run", refuse)
    run = make_run(events(1, reason="stopped"))
    test = app("runs")
    test.button(key=f"resume_{run.id}").click().run()
    assert "Only 3 MB are free" in test.error[0].value


def test_what_a_resumed_run_does_again_is_shown_once(app):
    again = events(2, reason=None)
    told = [*events(2, reason="stopped"), RunResumed(1, 5, 2.5, "It goes on after step 5.")]
    run = make_run([*told, *[event for event in again if getattr(event, "epoch", 0) == 2]], lives=True)
    record = train_live.RunRecord(run.id)
    record.read(run.folder)
    assert (record.steps, [done.epoch for done in record.epochs]) == (list(range(1, 11)), [1, 2])
    assert record.ended is None and record.probes.epoch == 2
    assert "It goes on after step 5" in words_of(app("train", run=run.id))
