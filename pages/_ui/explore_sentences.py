"""Explore's section of sentences: search them, and read ten at a time with their entities highlighted."""

from __future__ import annotations

import streamlit as st

from ner_core.records import Corpus
from pages._ui import explore_numbers, widgets
from pages._ui.explore_labels import choose_label

PER_PAGE = 10
ANY = ""  # no label is empty


def show(corpus_id: str, corpus: Corpus) -> None:
    """Search, and read ten at a time with their entities highlighted."""
    left, right = st.columns([3, 2])
    query = left.text_input(
        "Search", placeholder="a word or several", max_chars=200, key="explore_query", persist_state="session"
    )
    part = right.segmented_control(
        "Part",
        ["all", "train", "dev", "test"],
        default="all",
        required=True,
        key="explore_part",
        persist_state="session",
    )
    label = ANY
    if corpus.labels:
        label = choose_label("With an entity of", [ANY, *corpus.labels], key=f"explore_label_{corpus_id}")
    rows = explore_numbers.found_rows(corpus_id, corpus, part, query, label or None)
    if not rows:
        st.info("No sentence holds that. Search for less, or choose another part or label.")
    else:
        show_page(corpus, part, rows, key=f"explore_page_{corpus_id}_{part}_{label}_{query}")
    widgets.code_shown("data.statistics:search_sentences", "show.highlight:to_html")


def show_page(corpus: Corpus, part: str, rows: list[int], *, key: str) -> None:
    """Ten of the sentences found, and the pages."""
    above = st.container()
    n_pages = -(-len(rows) // PER_PAGE)
    page = 1
    body = st.container()
    if n_pages > 1:
        page = st.pagination(n_pages, key=key)
    first = (page - 1) * PER_PAGE
    shown = rows[first : first + PER_PAGE]
    above.caption(
        f"{len(rows):,} sentence{'' if len(rows) == 1 else 's'} found; {first + 1:,} to {first + len(shown):,} shown."
    )
    sentences = corpus.part(part)
    with body:
        for row in shown:
            sentence = sentences[row]
            meta = [widgets.plain(f"{name} {value}") for name, value in sentence.meta]
            about = " · ".join([*place_of(corpus, part, row), *meta])
            with st.container(gap=None):
                st.caption(about)
                widgets.entity_html(sentence, labels=corpus.labels, max_characters=2_000)


def place_of(corpus: Corpus, part: str, row: int) -> tuple[str, str]:
    """Say which sentence of the file this is, and in which part it stands.

    >>> one, two = Corpus("c", (1,), (), (2,), (), order=(1, 0)), Corpus("c", (1,), (2,), (), ())
    >>> place_of(one, "test", 0), place_of(two, "all", 1)
    (('sentence 1', 'test'), ('sentence 1', 'dev'))
    """
    first = {"train": 0, "all": 0, "dev": len(corpus.train), "test": len(corpus.train) + len(corpus.dev)}
    overall = first[part] + row
    if part == "all":
        part = "train" if overall < first["dev"] else "dev" if overall < first["test"] else "test"
    place = corpus.order[overall] if len(corpus.order) == len(corpus.sentences) else overall - first[part]
    return f"sentence {place + 1:,}", part
