"""Evaluate: no model, the tiny model on the shipped corpus, what it warns of, hostile labels."""

from __future__ import annotations

import json

import pytest

from ner_core.data.corpus import fingerprints
from ner_core.records import Counts, Prediction, Span
from ner_core.tagger.store import load_tagger
from pages._ui import evaluate_work, loading
from tests.pages.conftest import KNOWN, save_tiny_model
from tests.pages.test_train import words_of

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def _fresh():
    evaluate_work._kept().clear()


def by_key(test, key: str):
    return next(element for element in test.get("button_group") if element.key == key)


def test_without_a_model_it_offers_to_train(app):
    test = app("evaluate")
    assert "There is no model yet" in words_of(test)
    test.button(key="empty_Train a tagger").click().run()
    assert test.title[0].value == "Train"


def test_a_model_is_measured_at_once_on_the_test_part(app, tiny_models):
    test = app("evaluate")
    corpus = loading.corpus("newsroom")
    evaluation = evaluate_work.find(setting_of("news", corpus, "test"))
    n_names = sum(len(sentence.spans) for sentence in corpus.test)
    assert evaluation.report.overall.n_gold == n_names
    assert f"{n_names:,} names" in words_of(test)
    assert "most frequent tag reaches F1" in words_of(test)
    assert len(test.get("plotly_chart")) == 3
    rows = test.dataframe[-1].value
    assert list(rows["word"]) == list(corpus.test[0].words)


def test_how_sure_it_is_stands_beside_how_often_it_is_right(app, tiny_models, monkeypatch):
    assert "How sure it says it is" not in words_of(app("evaluate"))  # it marks too few names
    monkeypatch.setattr(evaluate_work, "SPANS_A_BIN", 5)
    evaluate_work._kept().clear()
    test = app("evaluate")
    done = evaluate_work.find(setting_of("news", loading.corpus("newsroom"), "test"))
    n_marked = sum(len(p.spans) for p in done.predictions)
    assert n_marked == sum(row.n for row in done.sureness) and len(done.sureness) == n_marked // 5
    assert "When it says" in words_of(test) and f"Over all {n_marked:,} names" in words_of(test)
    assert len(test.get("plotly_chart")) == 4


def test_with_few_names_nothing_is_said_of_how_sure_it_is():
    few = [Prediction("a", (), ("B-per",), (Span(0, 1, "per"),), (0.9,), gold=())] * 30
    assert evaluate_work.Evaluation(few, (), (), ("per",), 0, "O", 0.0).sureness == []
    rows = evaluate_work.Evaluation(few * 2, (), (), ("per",), 0, "O", 0.0).sureness
    assert [(row.n, row.n_right) for row in rows] == [(20, 0)] * 3


def setting_of(model: str, corpus, part: str) -> evaluate_work.Setting:
    found = loading.model(model)
    return evaluate_work.Setting(found, load_tagger(found.folder), "newsroom", corpus, part)


def test_the_part_can_be_changed_and_is_judged(app, tiny_models):
    corpus = loading.corpus("newsroom")
    save_tiny_model(tiny_models / "news", fingerprints=fingerprints(corpus), corpus=corpus.name)
    test = app("evaluate")
    assert "has never seen these sentences" in words_of(test)
    by_key(test, "evaluate_part").set_value("train").run()
    assert "learned from these very sentences" in words_of(test)
    by_key(test, "evaluate_part").set_value("dev").run()
    assert "best epoch was chosen on these" in words_of(test)


def test_other_sentences_than_it_was_trained_on_are_told(app, tiny_models):
    assert "does not say which sentences" in words_of(app("evaluate"))
    save_tiny_model(tiny_models / "news", fingerprints={"train": "0"}, corpus="newsroom")
    assert "another split of this corpus" in words_of(app("evaluate"))
    save_tiny_model(tiny_models / "news", fingerprints={"train": "0"}, corpus="GMB")
    assert "may have learned from some" in words_of(app("evaluate"))


def test_a_model_of_two_corpora_is_judged_by_each(app, tiny_models):
    here = fingerprints(loading.corpus("newsroom"))
    both = {"GMB": {"train": "1", "dev": "2", "test": "3"}, "Newsroom": here}
    save_tiny_model(tiny_models / "news", fingerprints={"train": "0"}, corpus="GMB and Newsroom", trained_on=both)
    test = app("evaluate")
    assert "test part of Newsroom" in words_of(test)
    by_key(test, "evaluate_part").set_value("train").run()
    assert "learned from these very sentences" in words_of(test)


def test_a_model_deleted_on_another_screen_is_no_traceback(app, tiny_models, monkeypatch):
    import shutil

    setting = setting_of("news", loading.corpus("newsroom"), "test")
    shutil.rmtree(tiny_models / "news")
    assert evaluate_work.find(setting) is None


def test_a_large_part_waits_for_the_button(app, tiny_models, monkeypatch):
    real = loading.corpus("newsroom")
    from dataclasses import replace

    monkeypatch.setattr(loading, "corpus", lambda corpus_id: replace(real, test=real.test * 20))
    test = app("evaluate")
    assert not test.get("plotly_chart")
    test.button(key="evaluate_now").click().run()
    assert not test.exception
    assert len(test.get("plotly_chart")) == 4


def test_an_empty_part_says_so(app, tiny_models, monkeypatch):
    from dataclasses import replace

    real = loading.corpus("newsroom")
    monkeypatch.setattr(loading, "corpus", lambda corpus_id: replace(real, test=()))
    assert "has no sentence" in words_of(app("evaluate"))


def test_a_published_model_is_measured_on_its_own_split(app, tiny_models):
    save_tiny_model(tiny_models / "news", recipe="gmb-bilstm-softmax", is_published=True)
    test = app("evaluate")
    own = by_key(test, "evaluate_part").label
    by_key(test, "evaluate_split").set_value(False).run()
    assert not test.exception
    assert by_key(test, "evaluate_part").label != own


def test_kinds_of_error_show_their_sentences(app, tiny_models):
    test = app("evaluate")
    evaluation = evaluate_work.find(setting_of("news", loading.corpus("newsroom"), "test"))
    assert evaluation.report.errors["missed"] > 0
    assert f"errors in {len(evaluation.predictions)} sentences" in words_of(test)
    assert "Did not find" in words_of(test)
    by_key(test, "error_kind").set_value("missed").run()
    assert "A name that was not found at all" in words_of(test)


def test_the_token_report_changes_with_its_switches(app, tiny_models):
    test = app("evaluate")
    with_o = tag_rows(test)
    assert "O" in with_o
    test.toggle(key="report_o").set_value(False).run()
    assert "O" not in tag_rows(test)
    test.toggle(key="report_o").set_value(True).run()
    test.toggle(key="report_padding").set_value(True).run()
    assert int(tag_rows(test)["O"]) > int(with_o["O"])


def tag_rows(test) -> dict:
    frame = next(table.value for table in test.dataframe if "support" in table.value)
    return dict(zip(frame["tag"], frame["support"], strict=True))


def test_a_sentence_is_chosen_or_drawn(app, tiny_models):
    test = app("evaluate")
    test.number_input(key="sentence_number").set_value(3).run()
    assert list(test.dataframe[-1].value["word"]) == list(loading.corpus("newsroom").test[2].words)
    next(button for button in test.button if button.label == "A random one with a mistake").click().run()
    assert not test.exception
    assert "no" in set(test.dataframe[-1].value["right"])


def test_the_report_is_plain_json():
    evaluation = evaluate_work.Evaluation([prediction()], KNOWN, KNOWN[:1], ("per", "geo"), 10, "O", 0.1)
    setting = evaluate_work.Setting(
        loading.Model("m", "M", "", None, True),
        type("T", (), {"card": {}}),
        "newsroom",
        loading.corpus("newsroom"),
        "test",
    )
    stored = json.loads(evaluation.as_json(setting))
    assert stored["counts"]["overall"] == {"tp": 1, "fp": 0, "fn": 1}
    assert stored["claims"]["entity_f1"]["value"] == pytest.approx(2 / 3)
    assert stored["floors"]["most_frequent_tag"]["overall"]["tp"] == 2


def prediction(label: str = "per") -> Prediction:
    ada = KNOWN[0]
    spans = (Span(0, 2, label),)
    return Prediction(ada.text, ada.tokens, ("B-per", "I-per", "O", "O", "O", "O"), spans, (1.0,), gold=ada.spans)


def test_padding_is_counted_up_to_the_width():
    evaluation = evaluate_work.Evaluation([prediction()], KNOWN, KNOWN[:1], ("per", "geo"), 10, "O", 0.1)
    assert evaluation.padding == (4, 4)
    assert evaluation.token_report(with_o=True, with_padding=True).accuracy == pytest.approx(9 / 10)
    assert evaluation.token_report(with_o=True, with_padding=False).accuracy == pytest.approx(5 / 6)
    assert evaluation.report.overall == Counts(1, 0, 1)


def test_hostile_labels_stay_words(app, tiny_models, monkeypatch):
    from dataclasses import replace

    real = loading.corpus("newsroom")
    spoilt = tuple(
        replace(s, spans=tuple(replace(span, label=HOSTILE) for span in s.spans)) for s in real.test if s.spans
    )
    monkeypatch.setattr(loading, "corpus", lambda _: replace(real, name=HOSTILE, test=spoilt, labels=(HOSTILE,)))
    test = app("evaluate")
    drawn = [str(element.proto.body) for element in test.get("html")]
    assert any("&lt;img" in body for body in drawn)
    assert not any("<img" in body for body in drawn)
    assert "<img" not in words_of(test).replace(r"\<img", "")


def test_a_model_of_pieces_says_why_its_score_is_nothing(app, tiny_models, monkeypatch):
    tagger = load_tagger(tiny_models / "news")
    from dataclasses import replace

    pieces = replace(tagger.encoder, config=replace(tagger.encoder.config, tag_order="pieces"))
    monkeypatch.setattr(loading, "tagger", lambda model: replace(tagger, encoder=pieces))
    assert "pieces" in words_of(app("evaluate"))
