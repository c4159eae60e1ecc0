"""Bad uploads through the page: a kind sentence or a Note for each, never an exception; hostile names shown as they are.

About ten of the 46 kinds, from both halves of the list; all of them are tested in `tests/core`.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from html.parser import HTMLParser

import pytest
from streamlit.testing.v1 import AppTest

from pages._ui.widgets import plain
from tests.pages.conftest import save_tiny_model
from tests.pages.test_train import make_run


def corpus_page():
    """What the corpus chip opens as a dialog, which a test without a browser loses."""
    from pages._ui import corpus_form, widgets

    widgets.page_header("Corpus", "The corpus in use.")
    corpus_form.show()


@pytest.fixture
def upload(stores):
    """Give the form a file."""

    def give(name: str, content: bytes) -> AppTest:
        test = AppTest.from_function(corpus_page, default_timeout=60).run()
        return test.file_uploader(key="upload_train").set_value([(name, content, "text/plain")]).run()

    return give


def zipped(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


READ = {
    "1 cp1252": ("Ada\tB-per\ncafé\tO\n".encode("cp1252"), "read as cp1252 (Windows)"),
    "13 ragged": (b"Ada\tB-per\nand\tso\ton\nleft\tO\n", "left out"),
    "25 all O": (b"Ada\tO\nleft\tO\n", "nothing to learn from"),
    "27 three schemes": (b"a\tB-x\nb\tO\n\na\tS-x\nb\tO\n\na\tU-x\n", "forbids there"),
    "30 small letters": (b"Ada\tb-per\nleft\to\n", "tag written B-label"),
    "31 2,000 labels": (b"".join(b"w\tB-l%d\nv\tO\n\n" % i for i in range(2_000)), "2,000 different labels"),
    "44 a comma too many": (b'[{"text": "Ada left", "label": [[0, 3, "per"],],},]', "comma behind the last entry"),
    "45 beyond the text": (b'{"text": "Ada left", "label": [[0, 3, "per"], [4, 99, "x"]]}', "outside of its text"),
    "46 fewer tags": (
        b'{"tokens": ["a"], "tags": ["B-x"]}\n{"tokens": ["a", "b"], "tags": ["O"]}',
        "more words than tags or fewer",
    ),
}


@pytest.mark.parametrize("kind", READ)
def test_what_can_be_read_is_read_and_told(upload, kind):
    content, told = READ[kind]
    test = upload("mine.txt", content)
    assert not test.exception and not test.error
    assert test.success[0].value.startswith("Read")
    notes = "\n".join(element.value for element in test.markdown)
    assert plain(told) in notes
    assert not test.button(key="upload_use").disabled


REFUSED = {
    "4 NUL": bytes(range(256)) * 9,
    "11 a header alone": b"Sentence #,Word,POS,Tag\n",
    "24 a zip called .csv": zipped("[Content_Types].xml", b"<Types/>"),
    "36 a bomb": gzip.compress(bytes(10_000_000)),
    "36 a zip in a zip": zipped("a.zip", zipped("b", b"Ada\tB-per\n")),
    "38 HDF5": b"\x89HDF\r\n\x1a\n" + bytes(200),
    "44 deep brackets": b"[" * 100_000,
    "41 hostile columns": b"Sentence #,Word,<img src=x onerror=alert(1)> $x$ [a](b)\n1,Ada,O\n",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_refused_kindly_and_nothing_is_kept(upload, stores, kind):
    test = upload("mine.csv", REFUSED[kind])
    assert not test.exception and not test.success
    [error] = test.error
    assert "; received " in error.value.replace("\\", "") and "\n" not in error.value
    assert "Traceback" not in error.value and "<img" not in error.value.replace("\\<img", "")
    assert not list(stores.glob("home/corpora/*"))
    assert test.button(key="upload_use").disabled


# --- 41 and 43: hostile names on every page ----------------------------------------------------------------

HOSTILE = ["<img src=x onerror=alert(1)>", "[a](javascript:alert(1)) $x$ **b** `d`", "{} {0} %s :red[c]"]
PAGES = ("home", "explore", "train", "runs", "evaluate", "try_it")


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.seen |= {tag, *(name for name, _ in attributes)}


def check_page(test: AppTest, text: str) -> None:
    """Nothing on the page is a hostile text unescaped: neither Markdown nor HTML."""
    assert not test.exception, test.exception
    groups = (test.markdown, test.caption, test.info, test.error, test.warning, test.success, test.subheader)
    written = [element.value for group in groups for element in group]
    written += [button.label for button in test.button] + [pill.label for pill in test.button_group]
    if plain(text) != text:
        for value in written:
            assert text not in value, value
    for element in test.get("html"):
        assert not Tags(element.proto.body).seen & {"img", "script", "a", "onerror", "onload", "href"}


@pytest.mark.parametrize("text", [HOSTILE[0], *(pytest.param(text, marks=pytest.mark.slow) for text in HOSTILE[1:])])
def test_a_hostile_name_or_label_is_shown_as_it_is_on_every_page(app, stores, text):
    from ner_core.training.keeping import store_corpus

    word = text.replace(" ", "_")
    content = "".join(f"{word}\tB-{text}\nin\tO\nLondon\tB-geo\n\n" for _ in range(9)) + f"# genre = {text}\nx\tO\n"
    corpus = store_corpus(f"{text}.conll", content.encode())
    save_tiny_model(stores / "models" / "news", name=text, corpus=text, scored_on=text, f1=0.5)
    run = make_run(name=text)
    for page in PAGES:
        test = app(page, corpus=corpus, text=f"{text} met Ada Lovelace", run=run.id)
        check_page(test, text)
        sections = next((group for group in test.button_group if "Sentences" in group.options), None)
        for section in sections.options if page == "explore" else ():
            sections = next(group for group in test.button_group if "Sentences" in group.options)
            check_page(sections.set_value(section).run(), text)
