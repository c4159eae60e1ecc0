"""Two corpora side by side: every figure equals a walk over the sentences, and GMB is answered at once."""

import time
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings

from ner_core.data import side_by_side
from ner_core.data.columns import as_columns
from ner_core.data.statistics import label_counts
from tests.core.data.test_columns import LABELS, small_corpora
from tests.core.data.test_mentions import marks_of


@settings(deadline=None)
@given(small_corpora(), small_corpora())
def test_comparison_as_counted_by_hand(first, second):
    second = replace(second, labels=("never", *LABELS, "own"))
    found = side_by_side.compare(as_columns(first), as_columns(second))
    assert found.labels == (*LABELS, "never", "own")
    for corpus, figures in ((first, found.first), (second, found.second)):
        words, marks = [word for s in corpus.sentences for word in s.words], marks_of(corpus.sentences)
        assert (figures.n_sentences, figures.n_tokens) == (len(corpus.sentences), len(words))
        assert (figures.n_words, figures.n_surfaces) == (len(set(words)), len({surface for surface, _ in marks}))
        assert tuple(figures.entities) == found.labels
        assert {label: n for label, n in figures.entities.items() if n} == label_counts(corpus.sentences)
        assert sum(figures.shares.values()) == pytest.approx(1 if marks else 0)
        assert figures.mean_length == pytest.approx(len(words) / max(1, len(corpus.sentences)))
    known = {word for s in first.sentences for word in s.words}
    unknown = [word for s in second.sentences for word in s.words if word not in known]
    assert (found.n_unknown_words, found.n_unknown_tokens) == (len(set(unknown)), len(unknown))
    surfaces = [{surface for surface, _ in marks_of(corpus.sentences)} for corpus in (first, second)]
    assert found.n_shared_surfaces == len(surfaces[0] & surfaces[1])
    counts = [Counter(surface for surface, _ in marks_of(corpus.sentences)) for corpus in (first, second)]
    shared = side_by_side.shared_surfaces(as_columns(first), as_columns(second))
    assert {one.surface: (one.n_first, one.n_second) for one in shared} == {
        surface: (n, counts[1][surface]) for surface, n in counts[0].items() if surface in counts[1]
    }
    rarer = [min(one.n_first, one.n_second) for one in shared]
    assert rarer == sorted(rarer, reverse=True)
    assert 0 <= found.unknown_share <= 1


@pytest.mark.parametrize("question", [side_by_side.compare, side_by_side.shared_surfaces])
def test_gmb_beside_itself_is_answered_within_a_second(gmb, question):
    columns = as_columns(gmb[0])
    start = time.process_time()
    question(columns, columns)
    assert time.process_time() - start < 1  # 0.2 s at most when nothing else runs
