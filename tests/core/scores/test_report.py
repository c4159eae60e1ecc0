"""The report agrees with the chapters it is made of, and survives JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_core.data.strict import strict_spans
from ner_core.data.tags import spans_to_tags
from ner_core.records import Counts, Prediction, Report, Sentence, Span, Token
from ner_core.scores.errors import classify_errors
from ner_core.scores.report import (
    NONE,
    confusion,
    evaluate,
    explain_f1,
    explain_precision,
    explain_recall,
    find_pairs,
    report_from_dict,
    report_to_dict,
    score_wall,
)
from ner_core.scores.strict import count_entities


def predict_as(words, gold, tags, padding=(0, 0)):
    """A prediction of `tags` for `words` whose gold tags are `gold`."""
    sentence = Sentence(tuple(words))
    spans = strict_spans(tags)
    return Prediction(
        sentence.text, sentence.tokens, tuple(tags), spans, (0.9,) * len(spans), strict_spans(gold), padding=padding
    )


ADA = predict_as(
    ["Ada", "Lovelace", "lives", "in", "London", "."],
    ["B-per", "I-per", "O", "O", "B-geo", "O"],
    ["B-per", "O", "O", "O", "B-geo", "O"],
)
TAG = st.sampled_from(["O", "O", "B-per", "I-per", "B-geo", "I-geo"])
PREDICTIONS = st.lists(
    st.lists(st.tuples(st.sampled_from("abc"), TAG, TAG), min_size=1, max_size=8).map(
        lambda cells: predict_as(*(list(column) for column in zip(*cells, strict=True)))
    ),
    max_size=5,
)


@given(PREDICTIONS)
def test_a_report_is_the_sum_of_its_chapters(predictions):
    train = [Sentence(("a", "b"), (Span(0, 1, "per"), Span(1, 2, "geo")))]
    report = evaluate(predictions, train=train)
    assert dict(report.by_label) == count_entities([p.gold for p in predictions], [p.spans for p in predictions])
    kinds = [kind for p in predictions for kind, _, _ in classify_errors(p.gold, p.spans)]
    assert report.errors == {kind: kinds.count(kind) for kind in report.errors}
    both_sides = sum(report.errors[kind] for kind in ("boundary", "label", "both"))
    assert report.overall.fn == both_sides + report.errors["missed"]
    assert report.overall.fp == both_sides + report.errors["invented"]
    assert report.seen + report.unseen == report.overall
    gold = [spans_to_tags(p.gold, len(p.tokens)) for p in predictions]
    assert report.n_tokens_right == sum(
        g == t for row, p in zip(gold, predictions, strict=True) for g, t in zip(row, p.tags, strict=True)
    )
    assert report_from_dict(json.loads(json.dumps(report_to_dict(report)))) == report


def test_no_predictions_make_an_empty_report():
    report = evaluate([])
    assert (report.f1, report.n_tokens, report.macro_f1) == (0.0, 0, 0.0)
    assert report_from_dict(report_to_dict(report)) == report
    assert report_from_dict(report_to_dict(Report(Counts(), {}))) == Report(Counts(), {})


def test_seen_and_unseen_go_by_the_very_words():
    train = [Sentence(("London",), (Span(0, 1, "org"),))]
    report = evaluate([ADA], train=train)
    assert report.seen == Counts(tp=1)
    assert report.unseen == Counts(fp=1, fn=1)
    assert evaluate([ADA]).seen is None


def test_padding_is_counted_as_recorded_or_up_to_a_length():
    assert evaluate([ADA]).n_cells == 6
    padded = evaluate([ADA], pad_to=50)
    assert (padded.n_cells, padded.n_cells_right, padded.n_tokens_right) == (50, 49, 5)
    recorded = predict_as(["a"], ["O"], ["O"], padding=(9, 4))
    assert evaluate([recorded], pad_to=50).padded_accuracy == 0.5


def test_bare_text_cannot_be_scored():
    bare = Prediction("Hi", (Token("Hi", 0, 2),), ("O",), (), ())
    with pytest.raises(ValueError, match=r"prediction 2 has no gold spans .*'Hi'"):
        evaluate([ADA, bare])


@given(PREDICTIONS)
def test_confusion_accounts_for_every_entity(predictions):
    found = confusion(predictions, labels=("per", "nat"))
    assert found.labels[:2] == ("per", "nat") and found.labels[-1] == NONE
    assert found.count(NONE, NONE) == 0
    for row, label in zip(found.table[:-1], found.labels, strict=False):
        assert sum(row) == sum(span.label == label for p in predictions for span in p.gold)
    for column, label in zip(list(zip(*found.table, strict=True))[:-1], found.labels, strict=False):
        assert sum(column) == sum(span.label == label for p in predictions for span in p.spans)
    for gold in found.labels:
        for predicted in found.labels:
            cell = find_pairs(predictions, gold_label=gold, predicted_label=predicted)
            assert len(cell) == found.count(gold, predicted)


def test_pairs_of_one_kind_lead_to_their_sentence():
    assert find_pairs([ADA, ADA], kind="boundary") == [
        (index, ("boundary", Span(0, 2, "per"), Span(0, 1, "per"))) for index in (0, 1)
    ]


def test_the_wall_flatters_most_where_padding_counts():
    wall = score_wall([ADA], pad_to=50)
    assert wall["padded_accuracy"].value == pytest.approx(0.98)
    assert wall["token_accuracy"].value == pytest.approx(5 / 6)
    assert wall["accuracy_without_o"].value == pytest.approx(2 / 3)
    assert wall["weighted_token_f1"].value == pytest.approx((1 + 0 + 3 * 6 / 7 + 1) / 6)
    assert wall["token_f1_without_o"].value == pytest.approx(0.8)
    assert wall["entity_f1"].value == pytest.approx(0.5)
    assert [claim.n for claim in wall.values()] == [50, 6, 6, 3, 3, 2, 2]
    assert all(claim.sentence.endswith(".") and claim.unit for claim in wall.values())


@pytest.mark.parametrize(
    ("counts", "recall", "precision"),
    [
        (Counts(), "There are no names to find here.", "It marks nothing here."),
        (Counts(1, 1, 0), "Of 1 name it finds 1 exactly.", "Of 2 it marks, 1 is right."),
        (Counts(0, 0, 5), "Of 5 names it finds 0 exactly.", "It marks nothing here."),
        (
            Counts(1, 999, 999),
            "Of 100 names it finds fewer than 1 exactly (counted on 1,000 names).",
            "Of 100 it marks, fewer than 1 are right (counted on 1,000 marked).",
        ),
        (Counts(200, 0, 0), "Of 100 names it finds 100 exactly (counted on 200 names).", "Of 100 it marks, 100 are right (counted on 200 marked)."),
    ],
)  # fmt: skip
def test_scores_in_plain_words(counts, recall, precision):
    assert explain_recall(counts) == recall
    assert explain_precision(counts) == precision


def test_f1_in_plain_words():
    assert "over 1 name." in explain_f1(Counts(1, 0, 0))
    assert "no names" in explain_f1(Counts())
