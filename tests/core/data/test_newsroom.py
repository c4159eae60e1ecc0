"""The corpus that ships is well formed, annotated in one way, and is what its card says."""

import re
from pathlib import Path

import pytest

from ner_core.corpora import check
from ner_core.records import GMB_LABELS


@pytest.fixture(scope="module")
def sentences():
    return check.read_newsroom(check.CORPUS.read_text(encoding="utf-8"))


def test_no_mistakes_are_found(sentences):
    assert check.find_problems(sentences) == []


def test_card_tells_the_counted_figures(sentences):
    card = check.CARD.read_text(encoding="utf-8")
    assert check.replace_figures(card, check.figures_table(check.count(sentences))) == card
    assert f"| sentences | {len(sentences):,} |" in card


def test_corpus_is_large_and_mixed_enough(sentences):
    figures = check.count(sentences)
    assert figures.n_sentences >= 2_400
    assert figures.n_tokens >= 50_000
    assert figures.n_mentions >= 6_000
    assert figures.n_without / figures.n_sentences >= 0.12
    assert all(figures.labels[label] >= 150 for label in GMB_LABELS)
    assert all(figures.genres[genre] >= 100 for genre in check.GENRES)
    assert figures.longest >= 45 and figures.bands["1-5"] >= 20
    assert sum(figures.bands.values()) == figures.n_sentences


def test_file_ends_with_a_blank_line_and_holds_no_odd_spaces():
    text = check.CORPUS.read_text(encoding="utf-8")
    assert text.endswith("\tO\n\n")
    assert "\r" not in text and "\u00a0" not in text and "\ufeff" not in text


def test_card_and_guide_name_every_label_and_the_licence():
    card = check.CARD.read_text(encoding="utf-8")
    guide = (Path(check.__file__).parents[2] / "docs" / "annotation.md").read_text(encoding="utf-8")
    assert "CC BY 4.0" in card and "written and annotated by Claude, an AI model" in card
    assert all(re.search(rf"\| {label} \|", guide) for label in GMB_LABELS)


def _sentence(line, words, tags):
    return check.Annotated(line, "news", tuple(words.split()), tuple(tags.split()))


def test_each_kind_of_mistake_is_found():
    good = _sentence(1, "Ada left Rome", "B-per O B-geo")
    assert check.find_problems([good]) == []
    assert "no such tag: 'B-loc'" in check.find_tag_mistakes([_sentence(1, "Rome", "B-loc")])[0]
    assert "continues nothing" in check.find_tag_mistakes([_sentence(1, "New York", "B-per I-geo")])[0]
    assert "same words as line 1" in check.find_duplicates([good, _sentence(9, "ada left rome !", "O O O O")])[0]
    assert "'rome' has several labels" in check.find_label_conflicts([good, _sentence(9, "Rome won", "B-org O")])[0]
    assert "'Rome' is a mention elsewhere" in check.find_missed([good, _sentence(9, "Why Rome ?", "O O O")])[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# genre = news\nRome B-geo\n\n", "Line 2: expected one word, one tab, one tag"),
        ("# genre = poem\nRome\tB-geo\n\n", "Received: 'poem'"),
        ("Rome\tB-geo\n\n", "Line 1: expected a genre comment"),
        ("# genre = news\nRome\tB-geo\n# genre = news\nOslo\tB-geo\n\n", "Line 3: a genre comment inside a sentence"),
        ("# genre = news\nRome\tB-geo", "has no blank line after it"),
    ],
)
def test_broken_form_is_refused_with_its_line(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check.read_newsroom(text)


def test_card_without_markers_is_refused():
    with pytest.raises(ValueError, match="once each"):
        check.replace_figures("no markers", "table")
