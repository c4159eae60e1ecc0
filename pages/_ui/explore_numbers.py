"""What Explore counts, once for each corpus and for all sessions.

Use: `overview(corpus_id, corpus)` and its neighbours; the corpus is passed beside its id and is not hashed, because
the id is a fingerprint of the file. Encoders are kept as they are (`cache_resource`), figures are copied.
"""

from __future__ import annotations

import streamlit as st

from ner_core.data import statistics
from ner_core.data.corpus import leak
from ner_core.records import Corpus
from ner_core.tagger.encode import Encoder, fit_encoder
from ner_core.tagger.recipes import deal, recipe

N_MENTIONS = 20


@st.cache_data(max_entries=16, show_spinner="Counting")
def overview(corpus_id: str, _corpus: Corpus) -> dict:
    """`corpus_counts`, and beside it how many sentences repeat, disagree and leak."""
    counts = statistics.corpus_counts(_corpus)
    found = {part: len(sentences) for part, sentences in leak(_corpus).items()}
    return counts | {"duplicates": statistics.duplicate_counts(_corpus.sentences), "leak": found}


@st.cache_data(max_entries=16, show_spinner="Counting")
def mentions(corpus_id: str, _corpus: Corpus) -> dict[str, list[tuple[str, int]]]:
    """The most frequent mentions of every label."""
    return statistics.frequent_mentions_by_label(_corpus.sentences, N_MENTIONS)


@st.cache_data(max_entries=16, show_spinner="Measuring lengths")
def lengths(corpus_id: str, _corpus: Corpus) -> statistics.Lengths:
    """What a line dragged over the histogram needs."""
    return statistics.measure_lengths(_corpus.sentences)


@st.cache_data(max_entries=64, show_spinner="Searching")
def found_rows(corpus_id: str, _corpus: Corpus, part: str, query: str, label: str | None) -> list[int]:
    """Rows of `part` that hold the words and the label."""
    return statistics.search_sentences(_corpus.part(part), query, label)


@st.cache_data(max_entries=16, show_spinner=False)
def first_example(corpus_id: str, _corpus: Corpus) -> int:
    """The row of a short sentence of the test part (dev where it is empty) with a word that train does not have."""
    known = {word for sentence in _corpus.train for word in sentence.words}
    n, n_held_out = len(_corpus.sentences), len(_corpus.dev) + len(_corpus.test)
    for row in [*range(n - len(_corpus.test), n), *range(n - n_held_out, n)]:
        sentence = _corpus.sentences[row]
        if 6 <= len(sentence) <= 16 and sentence.spans and not known.issuperset(sentence.words):
            return row
    return 0


def encoder(corpus_id: str, corpus: Corpus, name: str, is_published: bool) -> Encoder:
    """The encoder a recipe builds from this corpus; recipes that encode alike share one."""
    base = recipe(name, is_published)
    return _encoder(corpus_id, repr((base.encoding, base.split)), corpus, base)


@st.cache_resource(max_entries=12, show_spinner="Building the vocabulary")
def _encoder(corpus_id: str, key: str, _corpus: Corpus, _recipe) -> Encoder:
    return fit_encoder(deal(_corpus, _recipe), _recipe.encoding)


def rows_in_file_order(corpus: Corpus, n: int) -> list[int]:
    """Rows of `corpus.sentences` that stood first in the file."""
    if len(corpus.order) != len(corpus.sentences):
        return list(range(min(n, len(corpus.sentences))))
    return sorted((row for row, place in enumerate(corpus.order) if place < n), key=lambda row: corpus.order[row])
