"""Home: the sentence is answered, can be changed, and the way on leads to every page."""

from __future__ import annotations


def shown(test) -> str:
    """All HTML on the page."""
    return "".join(element.proto.body for element in test.get("html"))


def test_the_sentence_is_answered_with_legend(app, tiny_models):
    test = app()
    html = shown(test)
    assert "<bdi>Ada Lovelace</bdi>" in html
    assert "geo: place" in html
    assert any("2 names found" in caption.value for caption in test.caption)


def test_a_changed_sentence_is_answered_and_waits_on_try(app, tiny_models):
    test = app()
    test.text_area(key="home_text").set_value("The BBC met Zorblax on Monday.").run()
    html = shown(test)
    assert "<bdi>BBC</bdi>" in html
    assert "never seen" in html
    assert "text" not in test.query_params
    test.switch_page("pages/try_it.py").run()
    assert test.text_area(key="try_text").value == "The BBC met Zorblax on Monday."


def test_without_a_model_a_sentence_marked_by_hand_stands_there(app):
    test = app()
    assert "<bdi>London</bdi>" in shown(test)
    assert any("no model here yet" in text.value for text in test.markdown)
    assert any(button.label == "Train a tagger" for button in test.button)


def test_an_empty_sentence_says_what_to_do(app, tiny_models):
    test = app()
    test.text_area(key="home_text").set_value("  \n").run()
    assert not test.exception
    assert "Write a sentence" in test.info[0].value


def test_a_long_text_is_read_in_part_and_says_so(app, tiny_models):
    test = app()
    test.text_area(key="home_text").set_value("Ada Lovelace lives in London. " * 200).run()
    assert any("first 2,000 characters" in caption.value for caption in test.caption)


def test_the_way_on_leads_to_the_five_other_pages(app, tiny_models):
    pages = [link.proto.page for link in app().get("page_link")]
    assert pages == ["explore", "train", "runs", "evaluate", "try_it"]
