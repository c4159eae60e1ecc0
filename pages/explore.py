"""Explore: what a corpus holds, and what a network will read of it, before anything is trained.

Each section is a file of its own (`pages/_ui/explore_*.py`); only the one looked at is loaded and counted.
"""

from importlib import import_module

import streamlit as st

from pages._ui import navigation, session, widgets

navigation.guard()

# What the person reads -> module and function, called with the corpus' id and the corpus.
SECTIONS = {
    "Overview": ("explore_overview", "show"),
    "Labels and tags": ("explore_labels", "show_counts"),
    "Lengths": ("explore_lengths", "show"),
    "Mentions": ("explore_labels", "show_mentions"),
    "Sentences": ("explore_sentences", "show"),
    "What the network reads": ("explore_reading", "show"),
}

widgets.page_header(
    "Explore a corpus", "See what people have marked, and what a network will read of it, before you train."
)
corpus = widgets.corpus_chip()
if not corpus.sentences:
    widgets.empty_state("This corpus holds no sentence. Choose or upload another one above.")
    st.stop()
section = st.segmented_control(
    "Look at",
    list(SECTIONS),
    default="Overview",
    required=True,
    key="explore_section",
    label_visibility="collapsed",
    persist_state="session",
)
module, function = SECTIONS[section]
getattr(import_module(f"pages._ui.{module}"), function)(session.corpus_id(), corpus)
