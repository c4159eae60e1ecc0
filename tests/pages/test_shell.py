"""The shell: every page opens by name and by deep link, choices survive, uploads are answered, TensorFlow stays out."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages._ui import loading, navigation, widgets
from tests.pages.conftest import save_tiny_model

ROOT = Path(__file__).parents[2]
CONLL = b"Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n\nShe\tO\nworks\tO\n.\tO\n"


@pytest.mark.parametrize("page", navigation.TITLES)
def test_every_page_opens_with_a_heading_without_a_model(app, page):
    test = app(page)
    assert len(test.title) == 1
    assert test.title[0].value


@pytest.mark.parametrize("page", navigation.TITLES)
def test_every_page_opens_with_a_model(app, tiny_models, page):
    assert len(app(page).title) == 1


def test_the_first_visitor_of_a_deep_link_gets_the_new_navigation(stores):
    """In a process that has declared no pages yet, a page run by the old way declares them and starts again."""
    code = (
        "from pages._ui import navigation; import streamlit as st\n"
        "calls = []\n"
        "st.navigation = lambda pages, **options: calls.append(len(pages))\n"
        "st.rerun = lambda: calls.append('again')\n"
        "navigation.guard(); navigation.guard()\n"
        "assert calls == [len(navigation.TITLES), 'again'], calls\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, timeout=60)


def test_every_page_begins_with_the_guard():
    for name in navigation.TITLES:
        source = (ROOT / f"pages/{name}.py").read_text(encoding="utf-8")
        assert "\nnavigation.guard()\n" in source, name


def test_only_session_touches_session_state_and_the_url():
    for path in [*ROOT.glob("pages/**/*.py"), ROOT / "app.py"]:
        if path.name != "session.py":
            source = path.read_text(encoding="utf-8")
            assert "st.session_state" not in source.replace("`st.session_state`", ""), path
            assert "st.query_params" not in source.replace("`st.query_params`", ""), path


def test_no_page_loads_tensorflow(stores, tiny_models):
    """All pages, walked in a fresh process, leave TensorFlow and Keras out of it."""
    code = (
        "import sys\nfrom streamlit.testing.v1 import AppTest\n"
        "test = AppTest.from_file('app.py', default_timeout=60).run()\n"
        f"for page in {list(navigation.TITLES)}:\n"
        "    test.switch_page(f'pages/{page}.py').run()\n"
        "    assert not test.exception, (page, test.exception)\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules), 'TensorFlow was loaded'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, env=os.environ
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_run_and_corpus_stand_in_the_url_again_after_the_navigation_dropped_them(app):
    test = app("runs", run="20260101-abc")
    test.query_params.clear()
    test.switch_page("pages/home.py").run()
    assert test.query_params["run"] == "20260101-abc"


def corpus_page():
    """The corpus chip, and open on the page what it opens as a dialog (which a test without a browser loses)."""
    from pages._ui import corpus_form, widgets

    widgets.page_header("Corpus", "The corpus in use.")
    widgets.corpus_chip()
    corpus_form.show()


@pytest.fixture
def chip(stores):
    """Open that page."""

    def open_page(**query: str) -> AppTest:
        test = AppTest.from_function(corpus_page, default_timeout=30)
        for name, value in query.items():
            test.query_params[name] = value
        return test.run()

    return open_page


def upload(test: AppTest, name: str, content: bytes) -> AppTest:
    """Give the form a file."""
    return test.file_uploader(key="upload_train").set_value([(name, content, "text/plain")]).run()


def test_an_unknown_corpus_in_the_url_falls_back_to_the_one_that_ships(chip):
    test = chip(corpus="../../etc/passwd")
    assert "Newsroom" in test.button(key="corpus_chip").label
    assert "upload its file again" in test.error[0].value


def test_a_corpus_can_be_uploaded_and_used_and_a_reload_finds_it(chip):
    key = "A" * 43  # the person's, in their cookie
    test = upload(chip(me=key), "mine.conll", CONLL)
    assert "2 sentences, 9 tokens" in test.success[0].value
    test.button(key="upload_use").click().run()
    assert not test.exception
    assert "2 sentences" in test.button(key="corpus_chip").label
    corpus_id = test.query_params["corpus"]
    assert "2 sentences" in chip(me=key, corpus=corpus_id).button(key="corpus_chip").label


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n \n", b"PK\x03\x04 not a zip", bytes(range(256)) * 9],
    ids=["empty", "blank", "zip", "binary"],
)
def test_a_bad_upload_is_one_sentence_and_keeps_nothing(chip, stores, content):
    test = upload(chip(), "bad.csv", content)
    assert not test.exception
    assert len(test.error) == 1
    assert "Traceback" not in test.error[0].value
    assert not list(stores.glob("home/corpora/*"))
    assert test.button(key="upload_use").disabled


def test_uploads_of_another_session_are_not_listed(chip):
    assert upload(chip(), "secret.conll", CONLL).success
    assert len(chip().radio(key="corpus_choice").options) == 1


def test_the_code_shown_is_the_code_in_the_file(app, tiny_models):
    line, source = widgets.source_of(ROOT / "ner_core/records.py", "Counts.precision", 0.0)
    assert source.lstrip().startswith("@property")
    assert source in (ROOT / "ner_core/records.py").read_text(encoding="utf-8")
    assert (ROOT / "ner_core/records.py").read_text(encoding="utf-8").splitlines()[line - 1].strip() == "@property"
    assert widgets._chapter_and_name("training.train:train") == ("training.train", "train")
    assert "def predict(" in app("try_it").code[-3].value


def score_page():
    """A recall that rests on examples, and a precision that rests on none."""
    from ner_core.records import Counts
    from pages._ui import widgets

    widgets.score("recall", Counts(tp=2108, fp=300, fn=402))
    widgets.score("precision", Counts(fn=3))


def test_scores_are_said_with_their_numbers():
    test = AppTest.from_function(score_page).run()
    recall, precision = test.metric
    assert (recall.label, recall.value) == ("Recall", "84.0 %")
    assert precision.value == "none"
    said = [caption.value for caption in test.caption]
    assert said == ["Of 100 names it finds 84 exactly (counted on 2,510 names).", "It marks nothing here."]


def test_an_upload_that_cannot_be_kept_is_one_sentence(chip, monkeypatch):
    from ner_core.training import keeping

    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keeping, "store_corpus", refuse)
    test = upload(chip(), "mine.conll", CONLL)
    assert not test.exception
    assert [error.value.replace("\\", "") for error in test.error] == [
        "The file was read, but it cannot be kept here (No space left on device). "
        "Make room on the disk, or ask whoever runs NER Lab; then try again."
    ]
    assert test.button(key="upload_use").disabled


def test_the_list_of_models_is_read_again_only_when_one_changed(tiny_models, monkeypatch):
    from ner_core.tagger import store

    looked = []
    real = store.list_models
    monkeypatch.setattr(store, "list_models", lambda root: looked.append(root) or real(root))
    assert [model.id for model in loading.models()] == ["news"]
    n_looked = len(looked)
    assert loading.model(None).id == "news"
    assert len(looked) == n_looked
    save_tiny_model(tiny_models / "other", name="Other", scored_on="dev", f1=0.5, by_label={"per": {"tp": 3, "fn": 1}})
    other = loading.models()[1]
    assert (other.id, len(looked)) == ("other", n_looked + 1)
    assert other.caption.endswith("entity F1 50.0 % on 4 names of dev")


def test_settings_that_matter_are_set():
    settings = tomllib.loads((ROOT / ".streamlit/config.toml").read_text(encoding="utf-8"))
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["runner"]["postScriptGC"] is False
    assert settings["client"]["showErrorDetails"] == "none"
    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["server"]["maxUploadSize"] <= 200
