"""Links: settings in the address, what a bad link says, what is hidden, what a teacher pins."""

from __future__ import annotations

import pytest

from ner_core.tagger.recipes import recipe
from ner_core.training import classroom, keeping, people
from pages._ui import links, navigation
from tests.pages.conftest import save_tiny_model
from tests.pages.test_people import ADA, BOB, keys_of
from tests.pages.test_teach import key, teach  # noqa: F401 (fixtures)
from tests.pages.test_train import make_run, words_of

HOSTILE = (
    "",
    " ",
    "-1",
    "1e999",
    "inf",
    "-inf",
    "nan",
    "9" * 4_400,
    "0x10",
    "<b>x</b>",
    "'; DROP",
    "../..",
    "\x00",
    "None",
)
HOSTILE += (
    "\u202e",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "[]",
    "True",
    "a" * 3_000,
    "%00",
    "1.5",
)


def plain_words(test) -> str:
    return words_of(test).replace("\\", "")


# --- settings ---------------------------------------------------------------------------------


def test_a_link_sets_every_setting_of_train(app):
    query = {
        "train_recipe": f"Tutorial: {recipe('gmb-bilstm-softmax').title}",
        "train_form": "As published",
        "train_seed": "77",
        "train_minutes": "2.5",
        "train_tensorboard": "true",
    }
    first = app("train", **query)
    epochs = next(box.key for box in first.number_input if box.key.endswith("epochs_" + box.key.rpartition("_")[2]))
    test = app("train", **query, **{epochs: "4"})
    assert test.selectbox(key="train_recipe").value == "gmb-bilstm-softmax"
    assert test.number_input(key="train_seed").value == 77
    assert test.number_input(key="train_minutes").value == 2.5
    assert test.number_input(key=epochs).value == 4
    assert test.toggle(key="train_tensorboard").value is True
    assert "This link asks" not in words_of(test)
    assert dict(test.query_params.items()) == query | {epochs: "4"}


def test_values_that_are_usual_leave_the_address(app):
    test = app("train", train_seed="1", train_tensorboard="false")
    assert dict(test.query_params.items()) == {}


def test_a_link_sets_explore(app):
    test = app("explore", section="Parts", explore_parts_view="Unknown words", explore_threshold="4")
    assert test.slider(key="explore_threshold").value == 4


def test_what_is_drawn_with_bind_is_known(app, tiny_models):
    """Else a link would call it unknown, and nobody could pin it."""
    from streamlit.testing.v1.element_tree import Widget

    found = 0
    for page in navigation.TITLES:
        for section in ("Overview", "Labels", "Parts", "Sentences") if page == "explore" else ("",):
            test = app(page, **({"section": section} if section else {}))
            for node in test:
                if isinstance(node, Widget) and getattr(node.proto, "query_param_key", ""):
                    found += 1
                    assert links.is_known(page, node.key), (page, node.key)
    assert found > 15


# --- bad links --------------------------------------------------------------------------------

ASKED = {
    "train": (
        "train_recipe",
        "train_form",
        "train_seed",
        "train_minutes",
        "train_tensorboard",
        "run",
        "corpus",
        "hide",
    ),
    "explore": ("section", "label", "explore_labels_view", "explore_threshold", "explore_part"),
    "evaluate": ("evaluate_part", "report_o", "model"),
    "try_it": ("try_threshold",),
    "runs": ("runs", "compare_part"),
}


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_no_hostile_value_ends_in_a_traceback(app, value):
    app("train", **dict.fromkeys(ASKED["train"], value), **{value[:40] or "empty": value})  # `app` looks for exceptions


@pytest.mark.parametrize("page", [page for page in ASKED if page != "train"])
@pytest.mark.parametrize("value", ["inf", "<b>x</b>"])
def test_nor_on_another_page(app, tiny_models, page, value):
    app(page, **dict.fromkeys(ASKED[page], value))


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_every_value_is_read_or_refused(value):
    """Never another exception, never a value out of bounds."""
    kinds = (
        {"default": 1, "low": 0, "high": 10},
        {"default": None, "low": 0.1, "high": 600.0},
        {"default": False, "low": None, "high": None},
        {"default": "a", "options": ["a", "b"], "low": None, "high": None},
    )
    for kind in kinds:
        try:
            found = links._read(value, **{"options": None, "words": str} | kind)
        except ValueError:
            continue
        if kind["low"] is not None and found is not None:
            assert kind["low"] <= found <= kind["high"] and type(found) is type(kind["low"])


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("train_seed", "inf", "the seed “inf” (from 0 to 2,147,483,647)"),
        ("train_seed", "-3", "the seed “-3”"),
        ("train_seed", "1.5", "the seed “1.5”"),
        ("train_minutes", "1e9", "the time limit in minutes “1e9” (from 0.1 to 600.0)"),
        ("train_recipe", "<b>none</b>", "the recipe “<b>none</b>”"),
        ("train_tensorboard", "perhaps", "(true or false)"),
        ("sead", "3", "“sead” (no setting of this page)"),
    ],
)
def test_a_bad_value_is_told_and_the_usual_one_is_used(app, name, value, said):
    test = app("train", **{name: value})
    [told] = [info.value for info in test.info if "This link asks for what cannot be" in info.value]
    assert said in told.replace("\\", "")
    assert test.number_input(key="train_seed").value == 1
    assert test.number_input(key="train_minutes").value is None
    test.run()  # it stays as long as the person stays
    assert any("This link asks" in info.value for info in test.info)
    if name != "sead":
        assert name not in test.query_params
        test.number_input(key="train_seed").set_value(5).run()  # and the box works
        assert test.number_input(key="train_seed").value == 5
    test.query_params.clear()  # as the navigation does
    test.switch_page("pages/home.py").run()
    assert not any("This link asks" in info.value for info in test.info)


# --- what stays out of it -------------------------------------------------------------------------


def test_what_is_typed_never_gets_into_the_address(app, tiny_models):
    secret = "Zorblax Quendrin"
    test = app("train")
    test.text_area(key=next(box.key for box in test.text_area)).set_value(secret).run()
    assert "Zorblax" not in str(dict(test.query_params.items()))
    for page, key_ in (("try_it", "try_text"), ("home", "home_text")):
        test = app(page)
        test.text_area(key=key_).set_value(secret).run()
        assert "Zorblax" not in str(dict(test.query_params.items()))
    test = app("explore", section="Sentences")
    test.text_input(key="explore_query").set_value(secret).run()
    assert "Zorblax" not in str(dict(test.query_params.items()))
    test = app("explore", section="What the network reads", explore_reading_source="My own words")
    test.text_input(key="explore_own").set_value(secret).run()
    assert "Zorblax" not in str(dict(test.query_params.items()))


# --- hiding -----------------------------------------------------------------------------------


def test_a_hidden_control_keeps_the_value_of_the_link(app):
    test = app("train", train_seed="7", hide="seed,advanced,corpus")
    assert test.number_input(key="train_seed").value == 7
    assert "display: none" in "".join(str(html.proto.body) for html in test.get("html"))
    assert "show_all" in keys_of(test)
    test.switch_page("pages/explore.py").run()
    assert test.query_params["hide"] == "seed,advanced,corpus"  # on every page
    test.button(key="show_all").click().run()
    assert "hide" not in test.query_params and "show_all" not in keys_of(test)


def test_unknown_names_are_left_aside_with_a_word(app):
    test = app("train", hide="seed, <b>nothing</b> ,SEED")
    assert "There is nothing called “<b>nothing</b>” to hide." in plain_words(test)


def link_page():
    """The link to Train as it stands in the dialog (which a test without a browser loses)."""
    import streamlit as st

    from pages._ui import links

    st.code(links.link_of("train", ["seed", "recipe"]), language=None)


def test_the_link_holds_the_settings_and_no_text(stores):
    from streamlit.testing.v1 import AppTest

    test = AppTest.from_function(link_page)
    for name, value in {"train_seed": "7", "text": "Ada", "sead": "8", "hide": "pages"}.items():
        test.query_params[name] = value
    link = test.run().code[0].value
    assert link.endswith("/train?train_seed=7&hide=seed,recipe")
    assert links.read_link(link).query == {"train_seed": "7", "hide": "seed,recipe"}


def test_every_group_is_drawn_somewhere_and_stands_in_the_table_of_the_docs():
    from pathlib import Path

    root = Path(__file__).parents[2]
    source = "".join(path.read_text(encoding="utf-8") for path in (root / "pages").rglob("*.py"))
    table = (root / "docs/teachers.md").read_text(encoding="utf-8")
    for name in links._groups():
        assert f'links.group("{name}")' in source or f'"{name}" in links.hidden()' in source, name
        assert f"| `{name}` |" in table, name


# --- pinning ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad, said",
    [
        ("teach?x=1", "There is no page"),
        ("nowhere", "There is no page"),
        ("train?me=abc", "has no setting “me”"),
        ("train?__import__=os", "has no setting"),
        ("train?code=abc", "has no setting"),
        ("train?train_x_False_epochs_3=1", "has no setting"),
        ("http://[", "This is no link"),
        ("train?train_seed=" + "1" * 3_000, "at most 2,000 characters"),
        ("&".join(["train?train_seed=1"] * 300), "at most"),
    ],
)
def test_only_known_settings_are_pinned(bad, said):
    with pytest.raises(links.LinkError, match=said.replace("?", r"\?")):
        links.read_link(bad)


def test_what_stands_in_the_file_is_read_as_carefully(key, stores):  # noqa: F811
    classroom.change_settings(pinned="teach?x=1")
    assert links.pinned() is None
    with pytest.raises(classroom.ClassError):
        classroom.change_settings(pinned="train?a=\n")
    with pytest.raises(classroom.ClassError):
        classroom.change_settings(pinned="t" * 2_001)


def test_a_pinned_screen_opens_for_everybody_until_it_is_unpinned(app, key, teach):  # noqa: F811
    link = "http://192.0.2.7:8501/train?train_seed=3&train_minutes=1&hide=seed,recipe"
    teach.text_input(key="pin_link").set_value(link)
    teach.button(key="pin_set").click().run()
    assert classroom.settings().pinned == "train?train_seed=3&train_minutes=1&hide=seed,recipe"
    code = classroom.settings().code
    student = app("home", me=BOB, code=code)
    assert student.title[0].value == "Train"
    assert student.number_input(key="train_seed").value == 3
    assert "Your teacher has pinned these settings." in words_of(student)
    assert "show_all" not in keys_of(student) and "link_chip" not in keys_of(student)
    student.number_input(key="train_seed").set_value(9).run()
    assert student.number_input(key="train_seed").value == 9  # pinned, not locked
    classroom.change_settings(pinned="train?train_seed=4")
    student.run()
    assert student.number_input(key="train_seed").value == 4  # on the same page
    assert student.number_input(key="train_minutes").value is None
    teach.run()
    teach.button(key="pin_none").click().run()
    assert classroom.settings().pinned == ""
    student.run()
    assert "pinned" not in words_of(student)


def test_a_pinned_screen_reaches_who_is_in_the_app_already(app, key, teach, monkeypatch):  # noqa: F811
    timers, reruns, made = [], [], links.st.fragment
    monkeypatch.setattr(
        links.st, "fragment", lambda *a, **how: timers.append((*a, how["run_every"])) or made(*a, **how)
    )
    app("home", me=ADA)  # the teacher, whose own screen stays as it is
    assert not timers
    app("home", me=BOB, code=classroom.settings().code)
    assert timers == [(links._watch_pin, links.PIN_SECONDS)] and links.PIN_SECONDS <= 5
    monkeypatch.setattr(links.st, "rerun", lambda: reruns.append("rerun"))
    links._watch_pin("")
    assert not reruns
    classroom.change_settings(pinned="train?train_seed=3")
    links._watch_pin("")
    assert reruns == ["rerun"]


def test_a_bad_pin_is_told_and_changes_nothing(teach):  # noqa: F811
    teach.text_input(key="pin_link").set_value("train?sead=3")
    teach.button(key="pin_set").click().run()
    assert "has no setting “sead”" in plain_words(teach) and not classroom.settings().pinned
    upload = keeping.store_corpus("x.conll", b"Ada\tB-per\n\n")
    teach.text_input(key="pin_link").set_value(f"train?corpus={upload}")
    teach.button(key="pin_set").click().run()
    assert "nobody else in the class can open it" in plain_words(teach) and not classroom.settings().pinned


def test_what_is_not_for_all_is_not_pinned(teach, tiny_models):  # noqa: F811
    from tests.pages.test_people import BOB_ID

    def pin(link):
        teach.text_input(key="pin_link").set_value(link)
        teach.button(key="pin_set").click().run()
        assert not teach.exception
        return classroom.settings().pinned

    run = make_run(owner=BOB_ID)
    save_tiny_model(run.folder / "best", name="run")
    for link in (f"train?run={run.id}", f"runs?runs={run.id}", f"try_it?model=run:{run.id}", "try_it?model=gone"):
        assert not pin(link), link
        assert "nobody else in the class can open it" in plain_words(teach)
    assert pin(f"explore?run={run.id}&model=run:{run.id}&section=Labels") == "explore?section=Labels"
    people.share(run.id)
    for link in (f"train?run={run.id}", f"runs?runs={run.id}", "try_it?model=news"):
        assert pin(link) == link
    assert pin(f"try_it?model=run:{run.id}") == f"try_it?model=run%3A{run.id}"


def test_a_teacher_gets_rid_of_a_links_hiding_although_a_screen_is_pinned(app, teach, key):  # noqa: F811
    classroom.change_settings(pinned="train?hide=seed")
    assert "show_all" in keys_of(app("train", me=ADA, hide="recipe"))
    assert "show_all" not in keys_of(app("train", me=ADA))


def test_settings_of_the_class_are_read_once(app, key):  # noqa: F811
    classroom.change_settings(code="")
    app("train")
    assert classroom._read.cache_info().misses == 1
    classroom.change_settings(code="abc234")
    assert classroom.settings().code == "abc234"
