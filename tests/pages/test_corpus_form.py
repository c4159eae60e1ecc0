"""The three ways to a corpus: what is here, a file of one's own read in any form, public ones fetched when asked."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import time
import zipfile

import pytest
from streamlit.testing.v1 import AppTest

from ner_core.data import catalogue, download
from ner_core.data.corpus import READERS
from ner_core.training.keeping import load_stored_corpus
from pages._ui import corpus_form, fetching, navigation
from tests.core.data.loopback import FaultyServer, cut, refuse, serve

CONLL = b"Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n\nShe\tO\nworks\tO\n.\tO\n"
DATA = CONLL * 3000
TABLE = b"Sentence #,Word,POS,Tag\nSentence: 1,Ada,NNP,B-per\n,lives,VBZ,O\n"


def form_page():
    """The form, open on a page (a test without a browser loses a dialog)."""
    from pages._ui import corpus_form, widgets

    widgets.page_header("Corpus", "The corpus in use.")
    widgets.corpus_chip()
    corpus_form.show()


@pytest.fixture
def form(stores, monkeypatch):
    """Open that page."""
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")

    def open_page(**query: str) -> AppTest:
        test = AppTest.from_function(form_page, default_timeout=30)
        for name, value in query.items():
            test.query_params[name] = value
        return test.run()

    return open_page


@pytest.fixture
def little(stores, monkeypatch):
    """A catalogue of small files: WNUT-17 at an address given later, GMB of one sentence."""

    def at(url: str, data: bytes = DATA) -> catalogue.Entry:
        rows = json.loads(real.read_text(encoding="utf-8"))
        for row in rows["corpora"]:
            content = TABLE if row["name"] == "gmb" else data
            for file in row["files"]:
                file |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                file["url"] = file["url"] and f"{url}/{file['name']}"
        path = stores / f"{len(list(stores.iterdir()))}.json"
        path.write_text(json.dumps(rows), encoding="utf-8")
        monkeypatch.setattr(catalogue, "CATALOGUE", path)
        return catalogue.find("wnut-17")

    real = catalogue.CATALOGUE
    return at


def said(test: AppTest) -> str:
    """All that stands on the page, without Markdown's backslashes."""
    parts = [*test.markdown, *test.caption, *test.success, *test.info, *test.error]
    return "\n".join(part.value for part in parts).replace("\\", "")


def upload(test: AppTest, name: str, content: bytes, key: str = "upload_train") -> AppTest:
    return test.file_uploader(key=key).set_value([(name, content, "text/plain")]).run()


def form_box(test: AppTest):
    return next(box for box in test.selectbox if box.label == "Not right? Read it as")


# --- what was understood, and changing it ------------------------------------------------------


def test_every_reader_has_words_for_a_person():
    assert list(corpus_form.FORMS) == list(READERS)


def test_what_was_understood_is_shown_point_by_point(form):
    test = upload(form(), "mine.conll", CONLL)
    shown = said(test)
    for point in (
        "**Form**: CoNLL",
        "**Columns**: 2 columns (tab)",
        "**Encoding**: UTF-8",
        "**Tag scheme**: IOB2 (B- ",
    ):
        assert point in shown
    assert form_box(test).value is None


def test_the_form_can_be_changed_and_back(form):
    test = upload(form(), "mine.conll", CONLL)
    form_box(test).set_value("plain").run()
    assert not test.exception
    assert "**Form**: plain text, one sentence a line" in said(test)
    assert "nothing marked in it" in test.success[0].value
    test.button(key="upload_use").click().run()
    assert len([name for name in test.radio(key="corpus_choice").options if name == "mine"]) == 1
    form_box(test).set_value(None).run()
    assert "**Form**: CoNLL" in said(test)


def test_a_form_that_does_not_fit_is_a_kind_sentence_and_can_be_left(form):
    test = upload(form(), "mine.conll", CONLL)
    form_box(test).set_value("spacy").run()
    assert not test.exception and len(test.error) == 1
    assert "It does not seem to be of this form" in said(test)
    assert test.button(key="upload_use").disabled
    form_box(test).set_value(None).run()
    assert not test.error and not test.button(key="upload_use").disabled


def test_a_form_that_was_chosen_is_kept_for_training_and_for_a_reload(form):
    test = upload(form(), "mine.conll", CONLL)
    form_box(test).set_value("plain").run()
    test.button(key="upload_use").click().run()
    assert load_stored_corpus(test.query_params["corpus"]).form == "plain text, one sentence a line, UTF-8"


def test_a_file_that_cannot_be_read_can_still_be_given_a_form(form):
    test = upload(form(), "bad.csv", b"\x89PNG\r\n\x1a\n" + bytes(400))
    assert test.error and form_box(test).value is None


def test_a_known_file_is_recognised(form, little):
    little("http://127.0.0.1:9")
    assert "This is the known file ner_dataset.csv of GMB (same SHA-256)." in said(upload(form(), "x.csv", TABLE))
    assert "This is the known file" not in said(upload(form(), "x.csv", TABLE.lower()))


# --- public corpora ------------------------------------------------------------------------------


def test_purpose_licence_and_size_stand_beside_every_public_corpus(form):
    shown = said(form())
    for entry in catalogue.entries():
        assert entry.title in shown and entry.about in shown and f"Licence {entry.licence} · " in shown
    assert "15.2 MB" in shown and "Press Download" in shown


def test_a_corpus_is_fetched_used_and_found_again(form, little):
    with FaultyServer(serve(DATA)) as server:
        entry = little(f"http://127.0.0.1:{server.port}")
        test = form()
        assert not server.ranges, "something was fetched before anybody asked"
        assert test.button(key="fetch_wnut-17").label == "Fetch 0.7 MB"
        test.button(key="fetch_wnut-17").click().run()
        fetching.now(entry).wait(20)
        test.run()
    assert not test.exception
    assert "It is here, checked by its SHA-256." in said(test)
    assert "WNUT-17 (public corpus)" in [option.replace("\\", "") for option in test.radio(key="corpus_choice").options]
    test.button(key="use_wnut-17").click().run()
    assert "WNUT" in test.button(key="corpus_chip").label and test.query_params["corpus"] == "wnut-17"
    assert test.button(key="use_wnut-17").disabled
    assert "WNUT" in form(corpus="wnut-17").button(key="corpus_chip").label


def test_a_download_that_runs_shows_how_far_it_is_and_can_be_stopped_and_goes_on(form, little):
    with FaultyServer(cut(DATA, 70_000, stalls=True)) as server:
        entry = little(f"http://127.0.0.1:{server.port}")
        test = form()
        test.button(key="fetch_wnut-17").click().run()
        running = fetching.now(entry)
        until = time.monotonic() + 20
        while running.done < 70_000 and time.monotonic() < until:
            running.wait(0.01)
        test.run()
        assert "70 kB of 0.7 MB are here" in [bar.proto.text for bar in test.get("progress")]
        running.stop()
    running.wait(20)  # the server has hung up: nothing more comes
    test.run()
    assert test.button(key="fetch_wnut-17").label == "Fetch the other 0.6 MB of 0.7 MB"
    with FaultyServer(serve(DATA)) as server:
        entry = little(f"http://127.0.0.1:{server.port}")
        test.run()
        test.button(key="fetch_wnut-17").click().run()
        fetching.now(entry).wait(20)
        assert server.ranges[0] == "bytes=70000-"
    assert not catalogue.missing(entry, fetching.loading.cache())


@pytest.mark.parametrize("code", [404, 503])
def test_a_failed_download_is_one_sentence_with_the_way_by_hand(form, little, code):
    with FaultyServer(refuse(code)) as server:
        entry = little(f"http://127.0.0.1:{server.port}")
        test = form()
        test.button(key="fetch_wnut-17").click().run()
        fetching.now(entry).wait(20)
        test.run()
    assert not test.exception and len(test.error) == 1
    assert f"({code})" in said(test) and "By hand: open http" in said(test)
    assert not test.button(key="fetch_wnut-17").disabled


def test_an_unforeseen_fault_is_a_sentence_too(form, little, monkeypatch):
    entry = little("http://127.0.0.1:9")
    monkeypatch.setattr(fetching, "fetch", lambda *_: (1 / 0 for _ in "x"))
    test = form()
    test.button(key="fetch_wnut-17").click().run()
    fetching.now(entry).wait(20)
    assert "something nobody foresaw (ZeroDivisionError)" in said(test.run())


def test_two_sessions_share_one_download(little):
    with FaultyServer(cut(DATA, 9, stalls=True)) as server:
        entry = little(f"http://127.0.0.1:{server.port}")
        fetching.start(entry)
        first = fetching.now(entry)
        fetching.start(entry)
        assert fetching.now(entry) is first
        first.stop()
    first.wait(20)


def test_a_public_corpus_in_the_address_that_is_not_here_says_where_to_get_it(form):
    test = form(corpus="wnut-17")
    assert "Newsroom" in test.button(key="corpus_chip").label
    assert "WNUT-17 is not here yet" in said(test) and "Public corpora" in said(test)


# --- by hand -----------------------------------------------------------------------------------------


def archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return packed.getvalue()


def test_kaggles_archive_is_taken_as_it_comes(form, little):
    little("http://127.0.0.1:9")
    packed = archive(**{"ner.csv": b"other", "ner_dataset.csv": TABLE})
    test = upload(form(), "archive.zip", packed, "take_gmb")
    assert "It is here, checked by its SHA-256." in said(test)
    test.button(key="use_gmb").click().run()
    assert test.query_params["corpus"] == "gmb" and "Corpus: GMB" in test.button(key="corpus_chip").label


def test_another_file_is_welcome_and_told(form, little):
    little("http://127.0.0.1:9")
    test = upload(form(), "ner_dataset.csv", TABLE + b",.,.,O\n", "take_gmb")
    assert "This is not the file that the catalogue knows as GMB" in said(test)
    assert "1 sentence, 3 tokens" in test.success[0].value
    assert not test.button(key="take_gmb_use").disabled


def test_a_broken_archive_is_one_sentence(form, little):
    little("http://127.0.0.1:9")
    test = upload(form(), "archive.zip", b"PK\x03\x04 no archive", "take_gmb")
    assert not test.exception and len(test.error) == 1 and "cannot be unpacked" in said(test)


def test_what_was_wrong_with_a_file_stays_with_its_corpus(monkeypatch):
    kept = {}
    monkeypatch.setattr(corpus_form.session, "look", lambda key: io.BytesIO(b"PK\x03\x04 no archive"))
    monkeypatch.setattr(corpus_form.session, "remember", kept.__setitem__)
    corpus_form._take("take_gmb")
    assert [key for key, problem in kept.items() if problem] == ["problem_take_gmb"]


# --- nothing unasked -----------------------------------------------------------------------------------


def test_opening_every_page_fetches_nothing(app, form, monkeypatch):
    def never(*_, **__):
        pytest.fail("a connection was opened")

    monkeypatch.setattr(download, "_open", never)
    monkeypatch.setattr(fetching, "start", never)
    monkeypatch.setattr(socket, "create_connection", never)
    for page in navigation.TITLES:
        assert not app(page).exception
    assert not form().exception
