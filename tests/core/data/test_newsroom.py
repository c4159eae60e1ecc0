"""The corpus that ships is well formed, annotated in one way, and is what its card says."""

import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from ner_core.corpora import agreement, check
from ner_core.data.corpus import load_corpus
from ner_core.data.formats.conll import read_conll
from ner_core.records import GMB_LABELS, Counts, Sentence, Span

SECOND_SHA256 = "7677e9419b57740a51ef20ac7093f5f41c614147dc31a2ee8fbfd71422e70206"  # as committed before the comparison


@pytest.fixture(scope="module")
def sentences():
    return check.read_newsroom(check.CORPUS.read_text(encoding="utf-8"))


def test_no_mistakes_are_found(sentences):
    assert check.find_problems(sentences) == []


def test_card_tells_the_counted_figures(sentences):
    card = check.CARD.read_text(encoding="utf-8")
    assert check.replace_figures(card, check.card_figures(sentences)) == card
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


# --- parts ----------------------------------------------------------------------------


def test_test_part_asks_for_names_that_training_has_not_seen():
    corpus = load_corpus()
    n_unseen, n_mentions = check.count_unseen(corpus)
    assert n_mentions == sum(len(sentence.spans) for sentence in corpus.test)
    assert 0.30 <= n_unseen / n_mentions <= 0.45


def test_unseen_mentions_are_counted_by_their_words():
    seen, new = Sentence(("Oslo", "won"), (Span(0, 1, "geo"),)), Sentence(("Rome", "won"), (Span(0, 1, "geo"),))
    assert check.count_unseen(replace(load_corpus(), train=(seen,), test=(seen, seen, new))) == (1, 3)


# --- the second annotation --------------------------------------------------------------


def test_first_agreement_can_be_counted_again():
    first, now = agreement.measure(check.CORPUS)
    assert first.n_sentences == 300 and len(first.conflicts) == len(agreement.CONFLICTS) == 7
    assert first.overall == Counts(tp=788, fp=6, fn=8) and round(first.overall.f1, 3) == 0.991
    assert sum(first.by_label.values(), Counts()) == first.overall
    assert first.by_label["tim"] == Counts(tp=120, fp=4, fn=5)
    kept_first = [conflict for conflict in agreement.CONFLICTS if conflict.kept == "first"]
    assert len(now.conflicts) == len(kept_first)  # wherever the second was right, the gold now says so
    assert now.overall.f1 > first.overall.f1


def test_the_second_annotation_is_the_one_that_was_compared():
    assert sha256(agreement.SECOND.read_bytes()).hexdigest() == SECOND_SHA256


def test_every_conflict_is_told_as_it_was():
    second = read_conll(agreement.SECOND.read_bytes()).sentences
    for conflict in agreement.CONFLICTS:
        one, other = agreement.read_marked(conflict.first), agreement.read_marked(conflict.second)
        assert one.words == other.words and one.spans != other.spans and conflict.kept in ("first", "second")
        assert agreement.compare(agreement.put_back(second, [replace_first(conflict)]), second).conflicts == ()


def replace_first(conflict):
    """The second reading put in the place of the first: where it is true, nothing changes."""
    return replace(conflict, first=conflict.second)


def test_agreement_is_strict_and_the_same_both_ways():
    one = [Sentence(("New", "York", "won", "today"), (Span(0, 2, "geo"), Span(3, 4, "tim")))]
    other = [Sentence(("New", "York", "won", "today"), (Span(0, 2, "org"), Span(3, 4, "tim")))]
    result, back = agreement.compare(one, other), agreement.compare(other, one)
    assert result.by_label == {"geo": Counts(fn=1), "org": Counts(fp=1), "tim": Counts(tp=1)}
    assert list(result.by_label) == ["geo", "org", "tim"] and result.conflicts == ((one[0], other[0]),)
    assert result.overall.f1 == back.overall.f1 == 0.5
    assert agreement.agreement_rows(result)[-1] == ("all", "1", "1", "1", "0.500")


def test_what_cannot_be_compared_is_refused():
    rome, oslo = Sentence(("Rome",)), Sentence(("Oslo",))
    with pytest.raises(ValueError, match="other words than the first"):
        agreement.compare([rome], [oslo])
    with pytest.raises(ValueError, match="not in the corpus"):
        agreement.find_same([rome], [oslo])
    with pytest.raises(ValueError, match="in one place"):
        agreement.put_back([rome, rome], [agreement.Conflict("[Rome geo]", "Rome", "first", "")])
