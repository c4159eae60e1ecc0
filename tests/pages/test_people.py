"""People on the pages: the key comes back, nobody sees another's, a watcher only leaves, and delete mine deletes."""

from __future__ import annotations

import math

import pytest
from streamlit.testing.v1 import AppTest

from ner_core.training import classroom, jobs, people, runs, waiting
from pages._ui import loading
from tests.pages.conftest import save_tiny_model
from tests.pages.test_shell import CONLL, corpus_page, upload
from tests.pages.test_train import events, make_run, words_of

ADA, BOB = "A" * 43, "B" * 43  # keys
ADA_ID, BOB_ID = people.owner_of(ADA), people.owner_of(BOB)


def me_page():
    """What the dialog "You" shows (a test without a browser loses dialogs)."""
    from pages._ui import person, widgets

    widgets.page_header("You", "Who is here.")
    person.show_me()


@pytest.fixture
def me(stores):
    def open_page(key: str) -> AppTest:
        test = AppTest.from_function(me_page, default_timeout=30)
        test.query_params["me"] = key
        return test.run()

    return open_page


def corpus_as(key: str, **query: str) -> AppTest:
    test = AppTest.from_function(corpus_page, default_timeout=30)
    for name, value in {"me": key, **query}.items():
        test.query_params[name] = value
    return test.run()


def keys_of(test) -> set[str]:
    return {button.key for button in test.button if button.key}


def test_a_personal_link_brings_the_nickname_back_and_leaves_the_address(me, stores):
    test = me(ADA)
    assert "me" not in test.query_params
    test.text_input(key="nickname").set_value("  Ada <b> ").run()
    test.button(key="nickname_save").click().run()
    assert not test.exception
    again = me(ADA)
    assert again.text_input(key="nickname").value == "Ada <b>"
    assert "<b>" not in again.button(key="person_chip").label.replace(r"\<b\>", "")
    assert me(BOB).text_input(key="nickname").value == ""
    assert any(ADA in code.value for code in again.code)  # their own link, for them alone
    stored = b"".join(path.read_bytes() for path in stores.rglob("*") if path.is_file())
    assert ADA.encode() not in stored


def test_a_link_makes_nobody_somebody_else_unasked(app, monkeypatch):
    from pages._ui import session

    people.set_nickname(ADA_ID, "Ada")
    people.set_nickname(BOB_ID, "Bob")
    monkeypatch.setattr(session, "_cookie", lambda: ADA)
    test = app("home", me=BOB)
    assert test.button(key="person_chip").label == "You: Ada"
    test.button(key="offer_refuse").click().run()
    assert test.button(key="person_chip").label == "You: Ada" and "offer_take" not in keys_of(test)
    test = app("home", me=BOB)
    test.button(key="offer_take").click().run()
    assert test.button(key="person_chip").label == "You: Bob" and "offer_take" not in keys_of(test)


def test_who_only_looks_leaves_nothing(app, stores):
    app("home", me=ADA), app("train", me=ADA), app("runs")
    assert not list(stores.glob("home/people/*"))


def test_a_bad_nickname_is_one_sentence(me):
    test = me(ADA)
    test.text_input(key="nickname").set_value("\u202e").run()
    test.button(key="nickname_save").click().run()
    assert "1 to 24 characters" in words_of(test).replace("\\", "")


# --- uploads (F20) ----------------------------------------------------------------------------


def test_nobody_sees_or_opens_another_ones_upload(stores):
    test = upload(corpus_as(ADA), "secret.conll", CONLL)
    test.button(key="upload_use").click().run()
    corpus_id = test.query_params["corpus"]
    assert (
        "2 sentences" in corpus_as(ADA).radio(key="corpus_choice").options[1]
        or len(corpus_as(ADA).radio(key="corpus_choice").options) == 2
    )
    other = corpus_as(BOB, corpus=corpus_id)
    assert len(other.radio(key="corpus_choice").options) == 1
    assert "Newsroom" in other.button(key="corpus_chip").label
    assert "not yours" in words_of(other)
    upload(other, "secret.conll", CONLL)  # who has the same file may use it
    assert not other.exception
    assert len(corpus_as(BOB).radio(key="corpus_choice").options) == 2


def test_delete_mine_takes_it_out_of_the_servers_memory_too(me, stores):
    test = upload(corpus_as(ADA), "secret.conll", CONLL)
    test.button(key="upload_use").click().run()
    corpus_id = test.query_params["corpus"]
    make_run(owner=ADA_ID)
    people.set_nickname(ADA_ID, "Ada")
    test = me(ADA)
    test.button(key="delete_mine").click().run()
    assert not test.exception
    assert test.text_input(key="nickname").value == ""
    assert not any(ADA in code.value for code in test.code)
    assert runs.list_runs() == []
    assert not list(stores.glob("home/corpora/*")) and not list(stores.glob("home/people/*"))
    assert "Newsroom" in corpus_as(ADA, corpus=corpus_id).button(key="corpus_chip").label


# --- runs ------------------------------------------------------------------------------------


def test_runs_lists_mine_shared_and_nobodys(app):
    mine, others, shared = make_run(owner=ADA_ID), make_run(owner=BOB_ID), make_run(owner=BOB_ID)
    nobodys = make_run()
    people.share(shared.id)
    people.set_nickname(BOB_ID, "Bob*")
    test = app("runs", me=ADA)
    assert {key for key in keys_of(test) if key.startswith("open_")} == {
        f"open_{run.id}" for run in (mine, shared, nobodys)
    }
    assert f"open_{others.id}" not in keys_of(test)
    assert r"by Bob\*" in words_of(test)
    assert f"delete_{mine.id}" in keys_of(test)
    assert f"delete_{shared.id}" not in keys_of(test) and f"rename_{shared.id}" not in keys_of(test)
    test.toggle(key=f"share_{mine.id}").set_value(True).run()
    assert not test.exception
    assert people.is_shared(mine)


def test_a_watcher_opens_a_run_by_its_link_and_only_leaves(app):
    run = make_run(events(1, reason=None), lives=True, owner=BOB_ID)
    test = app("train", me=ADA, run=run.id)
    assert "train_stop" not in keys_of(test)
    test.button(key=f"leave_{run.id}").click().run()
    assert not test.exception
    assert not (run.folder / "stop").exists()
    assert "run" not in test.query_params
    test = app("train", me=BOB, run=run.id)
    test.button(key="train_stop").click().run()
    assert (run.folder / "stop").exists()


def test_a_button_that_outlived_its_right_does_nothing(app):
    run = make_run(events(1, reason=None), lives=True)
    test = app("train", me=ADA, run=run.id)
    stored = (run.folder / "config.json").read_text()
    (run.folder / "config.json").write_text(stored.replace('"owner": ""', f'"owner": "{BOB_ID}"'))
    test.button(key="train_stop").click().run()
    assert not (run.folder / "stop").exists()
    assert "belongs to somebody else" in words_of(test)


def test_the_form_starts_a_run_in_the_persons_name(app, monkeypatch):
    asked = []
    monkeypatch.setattr(jobs, "start_run", lambda config: asked.append(config) or make_run([], lives=True).id)
    app("train", me=ADA).button(key="train_start").click().run()
    assert [config.owner for config in asked] == [ADA_ID]
    run = make_run(owner=BOB_ID)
    people.share(run.id)
    test = app("runs", me=ADA)
    test.button(key=f"again_list_{run.id}").click().run()
    assert [config.owner for config in asked] == [ADA_ID, ADA_ID]  # not in the name of who ran it first


def test_models_of_others_are_listed_only_where_their_run_is_shared(app, stores, monkeypatch):
    mine, others, shared = make_run(owner=ADA_ID), make_run(owner=BOB_ID), make_run(owner=BOB_ID)
    for run in (mine, others, shared):
        save_tiny_model(run.folder / "best")
    people.share(shared.id)
    for name, owner in (("a", ADA_ID), ("b", BOB_ID), ("c", "")):
        save_tiny_model(runs.home() / "models" / name)
        if owner:
            (runs.home() / "models" / name / "owner").write_text(owner)
    from pages._ui import session

    monkeypatch.setattr(session, "owner", lambda: ADA_ID)
    assert {model.id for model in loading.models()} == {
        "kept:a",
        "kept:c",
        f"run:{mine.id}",
        f"run:{shared.id}",
    }
    monkeypatch.setattr(session, "model_id", lambda: f"run:{others.id}")  # by its link
    assert f"run:{others.id}" in {model.id for model in loading.models()}
    monkeypatch.setattr(session, "model_id", lambda: "kept:b")  # a name can be guessed
    assert "kept:b" not in {model.id for model in loading.models()}


def test_a_watcher_sees_their_own_sentences_and_not_the_owners(app):
    run = make_run(events(1, reason=None), lives=True, owner=BOB_ID, probes=("Bob's secret",))
    save_tiny_model(run.folder / "best")
    people.watch(ADA_ID, run.id, ("Ada Lovelace lives in London.",))
    test = app("train", me=ADA, run=run.id)
    shown = "".join(str(html.proto.body) for html in test.get("html"))
    assert "Lovelace" in shown and "Bob's secret" not in words_of(test) + shown
    assert "Your sentences" in words_of(test)


# --- the class ---------------------------------------------------------------------------------


@pytest.fixture
def in_class(stores, monkeypatch):
    monkeypatch.setenv("NER_LAB_CLASS", "1")
    return classroom.change_settings(code="abc234")


@pytest.mark.parametrize("page", ["home", "explore", "train", "runs", "evaluate", "try_it"])
def test_without_the_class_code_no_page_opens(app, in_class, page):
    run = make_run(name="Not for everybody")
    test = app(page, me=ADA, run=run.id)
    assert test.text_input(key="class_code")
    assert "Not for everybody" not in words_of(test)
    assert keys_of(test) <= {"class_enter"}


def test_the_class_code_is_asked_once(app, in_class):
    test = app("home", me=ADA)
    test.text_input(key="class_code").set_value("wrong")
    test.button(key="class_enter").click().run()
    assert "not the class code" in words_of(test)
    test.text_input(key="class_code").set_value("ABC 234")
    test.text_input(key="class_nickname").set_value("Ada")
    test.button(key="class_enter").click().run()
    assert not test.exception
    assert test.button(key="person_chip").label == "You: Ada"
    assert app("train", me=ADA).selectbox(key="train_recipe")
    assert app("train", me=BOB).text_input(key="class_code")
    test = app("train", me=BOB, code="abc234")  # the QR code's link
    assert test.selectbox(key="train_recipe")
    assert "code" not in test.query_params
    classroom.change_settings(code="new999")
    assert app("train", me=BOB).text_input(key="class_code")


def test_a_waiting_training_tells_its_place_and_about_when_it_begins(app, monkeypatch):
    run = make_run([], lives=True)
    monkeypatch.setattr(runs.Run, "state", property(lambda self: "waiting"))
    monkeypatch.setattr(waiting, "turns", lambda: {run.id: waiting.Turn(3, 130.0)})
    text = app("train", run=run.id).get("progress")[0].proto.text.replace("\\", "")
    assert "3 before it, it begins in about 2 min 10 s" in text


@pytest.mark.parametrize("section, box", [("Sentences", "explore_query"), ("What the network reads", "explore_own")])
def test_what_is_typed_on_explore_is_said_not_to_be_stored(app, section, box):
    query = {"explore_reading_source": "My own words"} if box == "explore_own" else {}
    test = app("explore", section=section, **query)
    assert test.text_input(key=box)
    assert "goes to this server. It is not stored, no log holds it" in words_of(test)


def test_where_nobody_knows_when_it_begins_its_place_is_told(app, monkeypatch):
    run = make_run([], lives=True)
    monkeypatch.setattr(runs.Run, "state", property(lambda self: "waiting"))
    monkeypatch.setattr(waiting, "turns", lambda: {run.id: waiting.Turn(0, math.nan)})
    text = app("train", run=run.id).get("progress")[0].proto.text.replace("\\", "")
    assert "it is next, as soon as a machine of the cluster takes it" in text


def test_a_paused_queue_is_told(app, in_class, monkeypatch):
    run = make_run([], lives=True, owner=ADA_ID)
    monkeypatch.setattr(runs.Run, "state", property(lambda self: "waiting"))
    classroom.change_settings(is_paused=True)
    text = app("train", me=ADA, run=run.id, code="abc234").get("progress")[0].proto.text
    assert "teacher has paused the queue" in text
