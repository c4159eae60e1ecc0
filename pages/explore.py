"""Explore: what a corpus holds, and what a network will read of it, before anything is trained.

Each section is a file of its own (`pages/_ui/explore_*.py`); only the one looked at is loaded and counted.
"""

from importlib import import_module

import streamlit as st

from pages._ui import links, navigation, session, widgets

navigation.guard()

# What the person reads -> module and function, called with the corpus' id and the corpus.
SECTIONS = {
    "Overview": ("explore_overview", "show"),
    "Labels": ("explore_labels", "show"),
    "Lengths": ("explore_lengths", "show"),
    "Mentions": ("explore_mentions", "show"),
    "Doubts": ("explore_doubts", "show"),
    "Parts": ("explore_parts", "show"),
    "Neighbours": ("explore_mentions", "show_neighbours"),
    "Sentences": ("explore_sentences", "show"),
    "What the network reads": ("explore_reading", "show"),
    "Side by side": ("explore_side", "show"),
}

widgets.page_header(
    "Explore a corpus", "See what people have marked, and what a network will read of it, before you train."
)
links.make_steps("explore")
corpus = widgets.corpus_chip()
if not corpus.sentences:
    widgets.empty_state("This corpus holds no sentence. Choose or upload another one above.")
    st.stop()
with links.group("section"):
    section = st.segmented_control(
        "Look at",
        list(SECTIONS),
        default="Overview",
        required=True,
        label_visibility="collapsed",
        **links.bound("section", "the section", "Overview", options=list(SECTIONS)),
    )
module, function = SECTIONS[section]
getattr(import_module(f"pages._ui.{module}"), function)(session.corpus_id(), corpus)
# While the person reads the first section: the next one draws a chart and highlights sentences.
import_module("pages._ui.charts_explore").warm_up()
import_module("spacy.displacy.render")
