"""The two floors: small cases by hand, and the figures quoted for GMB."""

import csv
import io
import lzma
import os
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ner_core.data.strict import strict_spans
from ner_core.records import Sentence, Span
from ner_core.scores.floors import all_o, fit_most_frequent, floors

CORPORA = Path(os.environ.get("NER_LAB_CORPORA", Path(__file__).parents[4] / "shared" / "corpora"))
GMB = CORPORA / "gmb" / "ner_dataset.csv.xz"


def sentence(words, *spans):
    return Sentence(tuple(words.split()), tuple(Span(*span) for span in spans))


def test_each_word_gets_its_most_frequent_tag():
    train = [
        sentence("May met May", (0, 1, "per")),
        sentence("in May", (1, 2, "tim")),
        sentence("since May", (1, 2, "tim")),
    ]
    assert fit_most_frequent(train).tag(("May", "met", "nobody")) == ("B-tim", "O", "O")


def test_ties_go_to_the_tag_first_in_the_alphabet():
    once_o = fit_most_frequent([sentence("a b", (0, 1, "x")), sentence("a b")])
    assert once_o.tag(("a",)) == ("B-x",)  # B before O
    begin_or_inside = fit_most_frequent([sentence("a a", (0, 2, "x"))])
    assert begin_or_inside.tag(("a",)) == ("B-x",)  # B before I
    two_labels = fit_most_frequent([sentence("a", (0, 1, "y")), sentence("a", (0, 1, "x"))])
    assert two_labels.tag(("a",)) == ("B-x",)


def test_an_inside_tag_on_its_own_is_no_entity():
    train, dev = [sentence("New York", (0, 2, "geo"))], [sentence("York", (0, 1, "geo"))]
    _, table = floors(train, dev)
    assert (table.overall.tp, table.overall.fp, table.overall.fn) == (0, 0, 1)


def test_all_o_misses_everything_and_padding_flatters_it():
    dev = [sentence("a b c d", (0, 1, "x"))]
    floor, _ = floors([], dev, pad_to=20)
    assert (floor.f1, floor.token_accuracy, floor.padded_accuracy) == (0.0, 0.75, 0.95)
    assert floor.errors["missed"] == 1
    assert all_o(()) == ()


def test_no_sentences_at_all():
    assert [report.n_tokens for report in floors([], [])] == [0, 0]


def read_gmb():
    """Sentences of the file in file order; tags read strictly (GMB's own tags are well formed)."""
    with lzma.open(GMB, "rt", encoding="cp1252", newline="") as file:
        rows = list(csv.reader(io.StringIO(file.read(), newline="")))[1:]
    starts = [i for i, row in enumerate(rows) if row[0]] + [len(rows)]
    return [
        Sentence(tuple(row[1] for row in rows[a:b]), strict_spans([row[3] for row in rows[a:b]]))
        for a, b in pairwise(starts)
    ]


@pytest.mark.skipif(not GMB.exists(), reason="the GMB corpus does not lie beside the checkout")
def test_the_figures_quoted_for_gmb():
    sentences = read_gmb()
    order = np.random.RandomState(1).permutation(len(sentences))
    test, train = [sentences[i] for i in order[:9592]], [sentences[i] for i in order[9592 + 3836 :]]
    assert (len(sentences), len(train)) == (47959, 34531)
    begin = time.process_time()
    nothing, table = floors(train, test)
    seconds = time.process_time() - begin
    assert round(nothing.token_accuracy, 4) == 0.8465 and nothing.f1 == 0.0
    assert round(table.token_accuracy, 4) == 0.9479
    assert round(table.f1, 3) == 0.707
    assert table.overall.n_gold == nothing.overall.fn
    assert seconds < 4, "floors should take about a second"
    print(f"floors on GMB: {seconds:.2f} s of processor time")
