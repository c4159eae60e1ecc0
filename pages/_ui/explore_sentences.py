"""Explore's section of sentences: search them, and read ten at a time with their entities highlighted."""

from __future__ import annotations

import streamlit as st

from ner_core.records import Corpus
from pages._ui import explore_found, explore_numbers, links, person, session, widgets

PER_PAGE = 10
ANY = ""  # no label is empty


@st.fragment
def show(corpus_id: str, corpus: Corpus) -> None:
    """Search, and read ten at a time with their entities highlighted."""
    st.markdown("No number replaces reading: read some sentences, and ask of each whether you would have marked it so.")
    left, right = st.columns([3, 2])
    query = left.text_input(
        "Search", placeholder="a word or several", max_chars=200, key="explore_query", persist_state="session"
    )
    with left:
        person.where_it_goes("looked_at")
    part = right.segmented_control(
        "Part",
        ["all", "train", "dev", "test"],
        default="all",
        required=True,
        **links.bound("explore_part", "the part", "all", options=["all", "train", "dev", "test"]),
    )
    label = ANY
    if corpus.labels:
        labels = [ANY, *corpus.labels]
        if session.look("explore_label", ANY) not in labels:  # another corpus has other labels
            session.put("explore_label", ANY)
        label = explore_found.pills_or_list("With an entity of", labels, key="explore_label", empty="any label")
    rows = explore_numbers.found_rows(corpus_id, corpus, part, query, label or None)
    if rows:
        key = f"explore_sentences_{corpus_id}_{part}_{label}_{query}"
        explore_found.show_sentences(corpus, rows, key=key, per_page=PER_PAGE)
    else:
        st.info("No sentence holds that. Search for less, or choose another part or label.")
    widgets.code_shown("data.statistics:search_sentences", "show.highlight:to_html")
