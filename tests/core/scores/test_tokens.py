"""The token report against scikit-learn's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import classification_report

from ner_core.scores.tokens import token_report

TAG = st.sampled_from(["O", "O", "B-per", "I-per", "B-geo"])
PAIRS = st.lists(st.lists(st.tuples(TAG, TAG), min_size=1, max_size=9), min_size=1, max_size=5)


def flat(sentences, side):
    return [pair[side] for sentence in sentences for pair in sentence]


def assert_equal(report, theirs):
    for row in report.rows():
        name = {"macro average": "macro avg", "weighted average": "weighted avg"}.get(row["tag"], row["tag"])
        ours = (row["precision"], row["recall"], row["f1"], row["support"])
        keys = ("precision", "recall", "f1-score", "support")
        assert ours == pytest.approx(tuple(theirs[name][key] for key in keys)), name


@pytest.mark.parametrize("with_o", [True, False])
@pytest.mark.parametrize("n_padding", [0, 7])
@given(PAIRS)
def test_report_equals_scikit_learn(with_o, n_padding, sentences):
    gold, predicted = flat(sentences, 0) + ["O"] * n_padding, flat(sentences, 1) + ["O"] * n_padding
    report = token_report(
        [[g for g, _ in s] for s in sentences],
        [[p for _, p in s] for s in sentences],
        with_o=with_o,
        padding=(n_padding, n_padding),
    )
    tags = sorted({*gold, *predicted} - (set() if with_o else {"O"}))
    assert list(report.by_tag) == tags
    assert report.accuracy == pytest.approx(sum(g == p for g, p in zip(gold, predicted, strict=True)) / len(gold))
    if tags:
        assert_equal(report, classification_report(gold, predicted, labels=tags, output_dict=True, zero_division=0))
    else:
        assert report.macro.f1 == 0.0


def test_padding_may_be_a_tag_of_its_own_and_partly_wrong():
    report = token_report([["B-per"]], [["B-per"]], padding=(10, 8), padding_tag="<pad>")
    assert (report.by_tag["<pad>"].tp, report.by_tag["<pad>"].fn) == (8, 2)
    assert (report.n_cells, report.n_cells_right) == (11, 9)


def test_all_o_looks_splendid_with_o_and_is_worth_nothing_without():
    gold, predicted = [["B-per", *["O"] * 99]], [["O"] * 100]
    assert token_report(gold, predicted).weighted.f1 > 0.98
    assert token_report(gold, predicted, with_o=False).weighted.f1 == 0.0


@pytest.mark.parametrize(("gold", "predicted"), [([["O"]], []), ([["O", "O"]], [["O"]])])
def test_lengths_that_do_not_fit_are_refused(gold, predicted):
    with pytest.raises(ValueError):
        token_report(gold, predicted)
