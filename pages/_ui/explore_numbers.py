"""What Explore counts, once for each corpus and for all sessions.

Use: `columns(corpus_id, corpus)` gives the corpus as columns and shows how far it has got; `answer(corpus_id, corpus,
"ambiguous_surfaces")` asks `ner_core.data.mentions` a question about it, once. The corpus is passed beside its id and is
not hashed, because the id is a fingerprint of the file. Nobody changes what comes out: nothing is copied
(`cache_resource`), for a million tokens would take seconds.
"""

from __future__ import annotations

from threading import Lock

import streamlit as st

from ner_core.data import mentions, side_by_side, statistics
from ner_core.data.columns import Columns, as_columns
from ner_core.records import Corpus
from ner_core.tagger.encode import Encoder, fit_encoder
from ner_core.tagger.recipes import deal, recipe

FEW_SENTENCES = 5_000  # of which columns are made before a progress bar could be read


# --- the corpus as columns ----------------------------------------------------------------


class Shelf:
    """Where one corpus' columns stand once they are made; a second person waits for the first to make them."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.columns: Columns | None = None


@st.cache_resource(max_entries=4, show_spinner=False)
def _shelf(corpus_id: str) -> Shelf:
    return Shelf()


def columns(corpus_id: str, corpus: Corpus) -> Columns:
    """The corpus as columns; made the first time, and then the page shows how far it has got."""
    shelf = _shelf(corpus_id)
    if shelf.columns is None:
        n_tokens = f"{sum(map(len, corpus.sentences)):,}"
        bar = st.progress(0.0, f"Counting {n_tokens} tokens") if len(corpus.sentences) > FEW_SENTENCES else None
        tell = (lambda share: bar.progress(share, f"Counting {n_tokens} tokens")) if bar else None
        with shelf.lock:
            if shelf.columns is None:
                shelf.columns = as_columns(corpus, tell)
        if bar:
            bar.empty()
    return shelf.columns


def answer(corpus_id: str, corpus: Corpus, question: str, **options):
    """What a function of `ner_core.data.mentions` says of this corpus: `question` is its name."""
    return _answer(corpus_id, question, columns(corpus_id, corpus), **options)


@st.cache_resource(max_entries=128, show_spinner="Counting")
def _answer(corpus_id: str, question: str, _columns: Columns, **options):
    return getattr(mentions, question)(_columns, **options)


@st.cache_resource(max_entries=8, show_spinner="Comparing")
def comparison(first_id: str, second_id: str, _first: Columns, _second: Columns) -> side_by_side.Comparison:
    """Two corpora side by side."""
    return side_by_side.compare(_first, _second)


@st.cache_resource(max_entries=8, show_spinner="Comparing")
def shared_mentions(first_id: str, second_id: str, _first: Columns, _second: Columns) -> list[tuple[str, int, int]]:
    """Surfaces marked in both corpora, and how often in each: those first that both have often."""
    return [(one.surface, one.n_first, one.n_second) for one in side_by_side.shared_surfaces(_first, _second)]


def rows_beside(found: Columns, label: str, side: str, word: str, part: str | None = None) -> list[int]:
    """The sentences in which `word` stands right before, or after, a mention of `label`; `<s>` is the sentence's edge."""
    return mentions.rows_beside(found, label, word, side, part).tolist()


# --- counts and lengths -----------------------------------------------------------------------


@st.cache_resource(max_entries=16, show_spinner="Counting")
def overview(corpus_id: str, _corpus: Corpus) -> dict:
    """`corpus_counts`: sentences, tokens, words, tags, entities, parts."""
    return statistics.corpus_counts(_corpus)


@st.cache_resource(max_entries=16, show_spinner="Measuring lengths")
def lengths(corpus_id: str, _corpus: Corpus) -> statistics.Lengths:
    """What a line dragged over the histogram needs."""
    return statistics.measure_lengths(_corpus.sentences)


@st.cache_resource(max_entries=64, show_spinner="Searching")
def found_rows(corpus_id: str, _corpus: Corpus, part: str, query: str, label: str | None) -> list[int]:
    """Rows of the whole corpus, in `part`, that hold the words and the label."""
    before = {"dev": len(_corpus.train), "test": len(_corpus.train) + len(_corpus.dev)}.get(part, 0)
    return [before + row for row in statistics.search_sentences(_corpus.part(part), query, label)]


# --- what the network reads -----------------------------------------------------------------------


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
