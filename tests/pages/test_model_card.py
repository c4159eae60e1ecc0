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
ON_TEST = {
    "GMB test": {"error_before": 0.061, "error_after": 0.012},
    "Newsroom *test*": {"error_before": 0.042, "error_after": 0.023},
    "broken": {"error_before": "much"},
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


def test_trust_is_told_on_sentences_never_seen():
    line = model_card.trust_in_words(CARD["calibration"] | {"test": ON_TEST})
    assert (
        "off by 1.2 % on GMB test (unadjusted: 6.1 %), and by 2.3 % on Newsroom \\*test\\* (unadjusted: 4.2 %)." in line
    )
    assert "never seen these sentences" in line and "1.0 %" not in line


def test_without_a_test_part_trust_is_told_where_it_was_adjusted():
    line = model_card.trust_in_words(CARD["calibration"])
    assert line.endswith("off by 1.0 % on the part it was adjusted on (unadjusted: 5.0 %).")
    for bad in (*BAD, {"test": {"GMB test": None}}, {"test": 3, "error_before": None}):
        assert model_card.trust_in_words(bad) == ""
