"""Try: samples, links, threshold, downloads, hostile and huge texts."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.pages.conftest import save_tiny_model


def shown(test) -> str:
    """All HTML on the page."""
    return "".join(element.proto.body for element in test.get("html"))


def write(test, text: str):
    """Type a text."""
    return test.text_area(key="try_text").set_value(text).run()


def test_entities_stand_with_label_and_confidence(app, tiny_models):
    test = write(app("try_it"), "Ada Lovelace lives in London.")
    assert "<bdi>Ada Lovelace</bdi>" in shown(test)
    names = test.dataframe[0].value
    assert list(names["name"]) == ["Ada Lovelace", "London"]
    assert list(names["meaning"]) == ["person", "place"]
    tokens = test.dataframe[1].value
    assert list(tokens["tag"]) == ["B-per", "I-per", "O", "O", "B-geo", "O"]


def test_the_threshold_hides_names_and_counts_them(app, tiny_models):
    test = write(app("try_it"), "Ada Lovelace lives in London.")
    test.slider(key="try_threshold").set_value(100).run()
    assert "<mark" not in shown(test).split('class="legend"')[0]
    assert any("2 less sure than 100 % are not marked" in caption.value for caption in test.caption)


def test_a_sample_fills_the_box_and_the_row_is_free_again(app, tiny_models):
    test = app("try_it")
    test.pills(key="try_sample").set_value("Two paragraphs").run()
    assert "\n\n" in test.text_area(key="try_text").value
    assert test.pills(key="try_sample").value is None
    assert any(option.startswith("Tutorial: Jim") for option in test.pills(key="try_sample").options)


def test_a_link_opens_its_text_and_a_change_takes_it_out_of_the_url(app, tiny_models):
    test = app("try_it", text="Ada met the BBC 🙂\nin London")
    assert test.text_area(key="try_text").value == "Ada met the BBC 🙂\nin London"
    write(test, "something else")
    assert "text" not in test.query_params
    assert test.text_area(key="try_text").value == "something else"


def test_the_link_to_copy_opens_the_same_text_and_warns_first(app, tiny_models):
    text = "Ada & Bob <b> 🙂\n100% #1?"
    test = write(app("try_it"), text)
    assert "text" not in test.query_params
    link = next(code.value for code in test.code if code.value.startswith("http"))
    assert parse_qs(urlsplit(link).query)["text"] == [text]
    assert urlsplit(link).path == "/try_it"
    assert any("can read it" in words.value for words in test.markdown)


def test_a_text_too_long_for_a_link_says_so(app, tiny_models):
    test = write(app("try_it"), "word " * 3_000)
    assert not [code for code in test.code if code.value.startswith("http")]
    assert any("too long for a link" in words.value for words in test.markdown)


def test_empty_text_says_what_to_do(app, tiny_models):
    test = write(app("try_it"), " \n ")
    assert "Write or paste a text" in test.info[0].value


def test_a_million_characters_get_a_kind_sentence(app, tiny_models):
    test = write(app("try_it"), "Ada Lovelace lives in London. " * 34_000)
    assert not test.exception
    assert "1,020,000 characters" in test.info[0].value
    assert len(shown(test)) < 5_000_000


@pytest.mark.parametrize("text", ["<img src=x onerror=alert(1)>", "x" * 5_000, "\x00\u202e", "🙂" * 50, "/etc/passwd"])
def test_odd_texts_are_answered(app, tiny_models, text):
    test = write(app("try_it"), text)
    assert not test.exception
    assert "<img" not in shown(test)


def test_a_hostile_label_is_escaped_everywhere(app, stores):
    labels = ("per", "geo", "tim", "org", "<img src=x onerror=alert(1)>")
    save_tiny_model(stores / "models" / "news", name="<script>alert(1)</script>", labels=labels)
    test = app("try_it")
    assert not test.exception
    assert "<img" not in shown(test)
    assert "<script>" not in test.button(key="model_chip").label.replace("\\<", "&lt;")


def test_what_the_model_never_finds_is_said(app, stores):
    save_tiny_model(stores / "models" / "news", by_label={"per": {"tp": 1, "fp": 0, "fn": 9}})
    words = " ".join(element.value for element in app("try_it").markdown)
    assert "amounts of money" in words
    assert "geo (place)" in words
    assert "found 1 of 10" in words


def test_counts_that_are_none_are_left_out(app, stores):
    save_tiny_model(stores / "models" / "news", by_label={"geo": {"fn": 9}, "per": {"tp": 1, "fn": 9}})
    words = " ".join(element.value for element in app("try_it").markdown)
    assert "found 0 of 9" in words and "found 1 of 10" in words


def test_without_a_model_the_page_offers_training(app):
    test = app("try_it")
    assert any("no model here yet" in text.value for text in test.markdown)
    assert not test.text_area


def test_a_damaged_model_is_told_in_a_sentence(app, tiny_models):
    weights = tiny_models / "news" / "weights.npz"
    weights.write_bytes(bytes(len(weights.read_bytes())))
    test = app("try_it")
    assert not test.exception
    assert "was cut short or changed" in test.error[0].value
    assert not any("no model here yet" in text.value for text in test.markdown)


def test_the_page_to_download_has_the_colours_of_the_screen(app, stores, monkeypatch):
    import streamlit

    labels = ("geo", "Chemical", "per", "Disease", "tim", "org")
    save_tiny_model(stores / "models" / "news", labels=labels)
    files = {}
    monkeypatch.setattr(streamlit, "download_button", lambda label, data, **_: files.update({label: data()}))
    test = write(app("try_it"), "Ada Lovelace lives in London.")
    look = re.compile(r'<[^>]*background:(#[0-9a-f]{6})[^>]*>(?=[^"]*Disease)')
    on_screen, in_file = look.search(shown(test)), look.search(files["HTML, a page to show"].decode())
    assert on_screen[1] == in_file[1]


def test_files_that_hold_hidden_names_say_so(app, tiny_models):
    test = write(app("try_it"), "Ada Lovelace lives in London.")
    assert not any("The files hold all names" in caption.value for caption in test.caption)
    test.slider(key="try_threshold").set_value(100).run()
    assert any(
        "The files hold all names the model marks, also those less sure than 100 %" in c.value for c in test.caption
    )


def test_downloads_offer_four_forms(app, tiny_models):
    test = write(app("try_it"), "Ada Lovelace lives in London.")
    assert [button.proto.label.split(",")[0] for button in test.get("download_button")] == [
        "JSONL",
        "CoNLL",
        "CSV",
        "HTML",
    ]
