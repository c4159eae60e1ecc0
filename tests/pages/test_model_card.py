"""About this model: what a card says is shown, what is malformed is left out, what is hostile is shown as text."""

import pytest

from pages._ui import model_card
from tests.pages.conftest import save_tiny_model

CARD = {
    "data": ["GMB: ODbL", "Newsroom: CC BY 4.0"],
    "limits": "Do not use it to decide about people.",
    "scored_on": "GMB test, 100 sentences",
    "by_label": {"per": {"tp": 8, "fp": 2, "fn": 8}, "nat": {"tp": 0, "fp": 0, "fn": 0}},
    "scores": {"GMB test": {"sentences": 1000, "f1": 0.84, "recall_unseen": 0.58}},
    "slices": {"GMB dev, lower case": {"sentences": 500, "f1": 0.8}},
    "calibration": {"temperature": 1.2, "error_before": 0.05, "error_after": 0.01},
}


def about(test):
    return next((e for e in test.expander if e.label == "About this model"), None)


@pytest.mark.parametrize("page", ["home", "try_it"])
def test_the_card_is_shown_where_the_model_is_used(app, stores, page):
    save_tiny_model(stores / "models" / "news", **CARD)
    test = app(page)
    assert not test.exception
    words = " ".join(text.value for text in about(test).markdown)
    assert "ODbL" in words and "decide about people" in words and "off by 1.0 %" in words
    labels, slices = (frame.value for frame in about(test).dataframe)
    assert labels.to_dict("records") == [
        {"label": "per", "F1": "61.5 %", "names counted": "16"},
        {"label": "nat", "F1": "none", "names counted": "0"},
    ]
    assert list(slices["text"]) == ["GMB test", "GMB dev, lower case"]
    assert list(slices["unseen names found"]) == ["58.0 %", ""]


def test_a_model_without_figures_has_no_card(app, tiny_models):
    test = app("try_it")
    assert not test.exception
    assert about(test) is None


BAD = [
    None,
    3,
    "x",
    [],
    [1],
    {"a": None},
    {"a": {"f1": "high", "tp": "many"}},
    {"a": {"f1": float("nan"), "tp": 1e300}},
]


@pytest.mark.parametrize("bad", BAD)
def test_a_malformed_card_is_left_out(bad):
    card = dict.fromkeys(CARD, bad)
    assert model_card.label_rows(card) == []
    assert model_card.slice_rows(card) == []
    assert model_card.counts_of(bad) is None
    assert all(isinstance(line, str) for line in model_card.in_words(card))


def test_hostile_words_are_text():
    lines = model_card.in_words({"data": ["<script>x</script>"], "limits": "[a](javascript:x) <img src=x>"})
    assert lines == [
        r"**Data and licences.** \<script\>x\</script\>.",
        r"**Limits.** \[a\]\(javascript\:x\) \<img src=x\>",
    ]
