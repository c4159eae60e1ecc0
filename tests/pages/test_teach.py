"""Teach: closed without a class and without the key; with it the entrance, the queue, the limits and the end."""

from __future__ import annotations

import math

import pytest

from ner_core.training import classroom, people, runs, waiting
from pages._ui import navigation, person, teach_panel
from tests.pages.test_people import ADA, ADA_ID, BOB, BOB_ID, keys_of
from tests.pages.test_train import events, make_run, words_of


@pytest.fixture
def key(stores, monkeypatch) -> str:
    """A class is served; this is the teacher's key."""
    monkeypatch.setenv("NER_LAB_CLASS", "1")
    monkeypatch.delenv("NER_LAB_TEACHER", raising=False)
    return classroom.open_class("192.0.2.7", 8501)[1]


@pytest.fixture
def teach(app, key):
    """The page, opened by Ada, who has shown the key."""
    test = app("teach", me=ADA)
    test.text_input(key="teacher_key").set_value(key)
    test.button(key="teacher_enter").click().run()
    assert not test.exception
    return test


def html_of(test) -> str:
    return "".join(str(html.proto.body) for html in test.get("html"))


def test_without_a_class_it_says_how_to_open_one(app):
    assert "make class" in words_of(app("teach"))


def test_without_the_key_nothing_is_shown_and_nothing_is_in_the_navigation(app, key):
    test = app("teach", me=BOB)
    assert classroom.settings().code not in words_of(test) + html_of(test)
    test.text_input(key="teacher_key").set_value(key[:-1])
    test.button(key="teacher_enter").click().run()
    assert "not the teacher's key" in words_of(test).replace("\\", "")
    assert "queue_pause" not in keys_of(test)
    assert navigation.HIDDEN == ("teach",)


def test_the_projector_shows_address_code_and_qr_code(teach):
    shown = html_of(teach)
    assert "http://192.0.2.7:8501" in shown and classroom.settings().code in shown
    assert 'src="data:image/png;base64,' in shown
    teach.toggle(key="teach_projector").set_value(True).run()
    assert "queue_pause" not in keys_of(teach)


def test_the_qr_code_holds_the_address_and_the_code():
    import segno

    link = "http://192.0.2.7:8501/?code=abc234"
    assert teach_panel.qr_code(link) == segno.make(link, error="m", micro=False).png_data_uri(scale=8, border=4)
    assert teach_panel.qr_code(link) != teach_panel.qr_code(link[:-1])


def test_the_teacher_is_known_again_and_sees_all_runs(app, teach):
    run = make_run(owner=BOB_ID)
    assert "queue_pause" in keys_of(app("teach", me=ADA))
    assert f"delete_{run.id}" in keys_of(app("runs", me=ADA))
    classroom.open_class("192.0.2.7", 8501, has_new_key=True)  # the old key ends
    assert app("teach", me=ADA).text_input(key="teacher_key")


def test_the_queue_can_be_paused_stopped_and_freed_of_a_nickname(teach):
    people.set_nickname(BOB_ID, "<b>Rude</b>")
    run = make_run(events(1, reason=None), lives=True, owner=BOB_ID)
    teach.run()
    assert r"**\<b\>Rude\</b\>**" in words_of(teach)
    teach.button(key=f"hide_{run.id}").click().run()
    assert classroom.settings().hidden == (BOB_ID,)
    assert "nickname hidden" in words_of(teach) and "Rude" not in words_of(teach)
    teach.button(key="unhide").click().run()
    assert classroom.settings().hidden == ()
    teach.button(key="queue_pause").click().run()
    assert classroom.settings().is_paused and "paused" in words_of(teach)
    teach.button(key="queue_go_on").click().run()
    assert not classroom.settings().is_paused
    teach.button(key=f"teach_stop_{run.id}").click().run()
    assert not teach.exception
    assert (run.folder / "stop").exists()


@pytest.mark.parametrize("seconds, longest", [(math.nan, "unknown"), (130.0, "2 min 10 s")])
def test_the_queue_of_a_cluster_tells_what_is_known(teach, monkeypatch, seconds, longest):
    run = make_run(events(1, reason=None), lives=True, owner=BOB_ID)
    monkeypatch.setenv("NER_LAB_SCHEDULER", "tcp://127.0.0.1:9")
    monkeypatch.setattr(runs.Run, "state", property(lambda self: "waiting"))
    monkeypatch.setattr(waiting, "turns", lambda: {run.id: waiting.Turn(0, seconds)})
    person._turns.clear()
    teach.run()
    assert not teach.exception
    assert {metric.label: metric.value for metric in teach.metric} == {
        "Training now": "0",
        "Waiting": "1",
        "Longest wait": longest,
    }
    assert ("in about" in words_of(teach)) == (longest != "unknown")


def test_limits_are_set_and_taken_away(teach):
    teach.number_input(key="limit_places").set_value(3)
    teach.number_input(key="limit_seconds").set_value(None)
    teach.number_input(key="limit_steps").set_value(500)
    teach.checkbox(key="limit_one_each").set_value(False)
    teach.button(key="limits_set").click().run()
    assert not teach.exception
    now = classroom.settings()
    assert (now.places, now.seconds, now.steps, now.is_one_each) == (3, None, 500, False)


def test_a_panel_whose_key_has_ended_changes_nothing(teach):
    classroom.open_class("192.0.2.7", 8501, has_new_key=True)
    teach.button(key="queue_pause").click().run()
    assert not classroom.settings().is_paused
    assert teach.text_input(key="teacher_key")


def test_clearing_the_class_asks_everybody_in_again(app, teach):
    people.set_nickname(BOB_ID, "Bob")
    make_run(owner=BOB_ID), make_run(owner=ADA_ID)
    code = classroom.settings().code
    teach.button(key="clear_class").click().run()
    assert not teach.exception
    assert runs.list_runs() == []
    assert people.owners() == [ADA_ID]  # the teacher, without a nickname
    assert classroom.settings().code != code
    assert "queue_pause" in keys_of(app("teach", me=ADA))
    assert app("home", me=BOB).text_input(key="class_code")
