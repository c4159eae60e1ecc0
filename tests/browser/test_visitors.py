"""Visitors who are not on the road: a deep link at the very first visit, a keyboard alone, a hostile or a wrong file."""

import re

import pytest

from tests.browser.driver import PAGES, Server

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

HOSTILE = "<img src=x onerror=alert(1)>"
PEOPLE = ("Ada Lovelace", "Alan Turing", "Grace Hopper", "Mary Shelley", "John Keats", "Jane Austen")
PLACES = ("London", "Berlin", "Madrid", "Lisbon", "Oslo", "Vienna", "Prague")


def small_corpus(label: str, *, word: str = "lives") -> bytes:
    """A CoNLL file of 42 sentences, `label` instead of a person's."""
    sentences = []
    for first, last in (person.split() for person in PEOPLE):
        for place in PLACES:
            tags = ((first, f"B-{label}"), (last, f"I-{label}"), (word, "O"), ("in", "O"), (place, "B-geo"), (".", "O"))
            sentences.append("\n".join("\t".join(row) for row in tags) + "\n")
    return "\n".join(sentences).encode()


def open_dialog(visitor):
    """Explore, and the dialog in which a corpus is chosen."""
    visitor.open("Explore")
    visitor.page.get_by_role("button", name=re.compile("^Corpus:")).click()
    dialog = visitor.page.get_by_role("dialog")
    dialog.wait_for()
    return dialog


def use_upload(visitor, name: str, content: bytes) -> None:
    """Upload a file and use it."""
    dialog = open_dialog(visitor)
    visitor.upload(name, content)
    visitor.see(re.compile("^Read: "))
    dialog.get_by_role("button", name="Use this corpus", exact=True).click()
    dialog.wait_for(state="hidden")


def test_a_corpus_of_ones_own_is_explored(visit):
    visitor = visit()
    use_upload(visitor, "people.conll", small_corpus("person"))
    visitor.page.get_by_role("button", name="Corpus: people · 42 sentences").wait_for()
    visitor.choose("Look at", "Mentions")
    visitor.choose("Label", "person")
    visitor.chart("Most frequent mentions of person").wait_for()
    visitor.choose("Look at", "Sentences")
    visitor.type("Search", "Hopper")
    visitor.page.keyboard.press("Enter")
    visitor.see(re.compile("^7 sentences found"))
    visitor.mark("Grace Hopper").wait_for()
    visitor.go("Train")
    visitor.page.get_by_role("button", name=re.compile("^Corpus: people")).wait_for()
    visitor.page.reload()  # a new session: the address still knows the corpus
    visitor.page.get_by_role("button", name=re.compile("^Corpus: people")).wait_for()


def test_a_hostile_corpus_is_shown_literally_and_runs_nothing(visit):
    visitor = visit()
    use_upload(visitor, f"{HOSTILE}.conll", small_corpus(HOSTILE, word="<script>alert(2)</script>"))
    visitor.page.get_by_role("button", name=re.compile("^Corpus: .*42 sentences")).wait_for()
    visitor.see(HOSTILE)
    for section, heading in (
        ("Labels", "Tokens by tag"),
        ("Lengths", "Move the line"),
        ("Mentions", "most frequent make up"),
        ("Sentences", re.compile("^42 sentences found")),
        ("What the network reads", "Each cell is one column"),
    ):
        visitor.choose("Look at", section)
        visitor.see(heading)
        visitor.wait_until_done()
        assert_nothing_was_taken_for_html(visitor)
    for title in ("Train", "Evaluate"):
        visitor.go(title)
        visitor.see("The code this page just ran")
        assert_nothing_was_taken_for_html(visitor)
    visitor.go("Try")
    visitor.type("Your text", f"{HOSTILE} Ada Lovelace <script>alert(3)</script>")
    visitor.press("Find names")
    visitor.see(HOSTILE)
    visitor.see("<script>alert(3)</script>")
    assert_nothing_was_taken_for_html(visitor)


def assert_nothing_was_taken_for_html(visitor) -> None:
    """No element was made of the hostile label and no traceback is read (that no dialog opened, `visit` asserts)."""
    assert visitor.page.locator('img[src="x"], [onerror]').count() == 0
    assert visitor.page.get_by_text("Traceback").count() == 0


def test_a_wrong_file_gets_one_sentence_and_loses_nothing(visit, server):
    visitor = visit()
    use_upload(visitor, "kept.conll", small_corpus("person"))
    visitor.page.get_by_role("button", name=re.compile("^Corpus: kept")).wait_for()
    stored = sorted(server.home.glob("corpora/*"))
    visitor.page.get_by_role("button", name=re.compile("^Corpus: kept")).click()
    dialog = visitor.page.get_by_role("dialog")
    said = set()
    for name, content in (
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8),
        ("empty.csv", b""),
        ("no_tags.csv", b"Sentence #,Word\nSentence: 1,Ada\n,lives\n"),
    ):
        visitor.upload(name, content)
        problem = dialog.get_by_role("alert").filter(has_text=name)
        problem.wait_for()
        assert dialog.get_by_role("alert").count() == 1
        assert "Traceback" not in problem.inner_text()
        said.add(problem.inner_text())
    assert len(said) == 3, said
    dialog.get_by_role("tab", name="Ready here").click()
    dialog.get_by_role("radio", name="kept").wait_for()
    assert sorted(server.home.glob("corpora/*")) == stored


def test_a_million_characters_are_answered_in_one_sentence(visit):
    visitor = visit()
    visitor.open("Try")
    visitor.type("Your text", "x" * 1_000_000)
    visitor.press("Find names")
    visitor.see("This text has 1,000,000 characters")
    visitor.type("Your text", "Ada Lovelace lives in London.")
    visitor.press("Find names")
    visitor.mark("London").wait_for()


@pytest.mark.parametrize("title", list(PAGES))
def test_the_very_first_visitor_meets_our_navigation(visit, tmp_path, title):
    """Beside a folder named pages/ Streamlit has a navigation of its own, for who comes first and by a deep link."""
    with Server(tmp_path) as fresh:
        visitor = visit(at=fresh)
        visitor.open(title)
        links = visitor.page.get_by_role("navigation").get_by_role("link")
        links.first.wait_for()
        assert links.all_inner_texts() == list(PAGES)


def test_the_keyboard_alone_finds_names(visit):
    visitor = visit()
    visitor.open("Try")
    visitor.mark("London").wait_for()
    tab_to(visitor, "textarea", "Your text")
    visitor.page.keyboard.press("Control+a")
    visitor.page.keyboard.type("On Monday Ada Lovelace met the BBC.")
    tab_to(visitor, "button", "Find names")
    visitor.page.keyboard.press("Enter")
    visitor.mark("Monday").wait_for()


def tab_to(visitor, kind: str, name: str, *, most: int = 40) -> None:
    """Press Tab until that control has the focus."""
    reached = []
    for _ in range(most):
        visitor.page.keyboard.press("Tab")
        at = visitor.page.evaluate(
            """() => { const at = document.activeElement;
                return [at.localName, at.getAttribute("aria-label") || at.innerText.trim()]; }"""
        )
        if at == [kind, name]:
            return
        reached.append(at)
    raise AssertionError(f"Tab does not reach {kind} {name!r} within {most} presses: {reached}")
