"""Explore's sections on labels: entities by label, tokens by tag, and the names marked most often."""

from __future__ import annotations

import streamlit as st

from ner_core.records import Corpus
from pages._ui import charts_explore, explore_numbers, widgets

MOST_PILLS = 24


def show_counts(corpus_id: str, corpus: Corpus) -> None:
    """Entities by label and tokens by tag, with and without O."""
    counts = explore_numbers.overview(corpus_id, corpus)
    entities, tags = counts["entities"], counts["tags"]
    share = widgets.percent(tags["O"] / counts["tokens"])
    st.markdown(
        f"**{share}** of the tokens are O, which means: not part of a name. So whoever always answers O is right "
        f"{share} of the time and has found nothing."
    )
    with_o = st.toggle("Show O as well", key="explore_with_o", persist_state="session")
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Entities by label", anchor=False)
        if entities:
            charts_explore.show_label_counts(entities, corpus.labels, tags["O"] if with_o else None)
            if with_o:
                st.caption("O counts tokens, the labels count entities.")
        else:
            st.info("No entity is marked in this corpus.")
    with right:
        st.subheader("Tokens by tag", anchor=False)
        shown = {tag: n for tag, n in tags.items() if with_o or tag != "O"}
        if shown:
            charts_explore.show_tag_counts(shown, corpus.labels, counts["tokens"])
            st.caption("B- begins a name, I- goes on with it.")
        else:
            st.info("Every token is O.")
    widgets.code_shown("data.statistics:label_counts", "data.statistics:tag_counts")


def show_mentions(corpus_id: str, corpus: Corpus) -> None:
    """The most frequent names of one label."""
    frequent = explore_numbers.mentions(corpus_id, corpus)
    if not frequent:
        st.info("No entity is marked in this corpus, so there are no mentions to count.")
        return
    counts = explore_numbers.overview(corpus_id, corpus)["entities"]
    label = choose_label("Label", list(frequent), key=f"explore_mention_label_{corpus_id}")
    found = frequent[label]
    share = widgets.percent(sum(n for _, n in found) / counts[label])
    st.markdown(
        f"**{counts[label]:,}** entities are marked {widgets.plain(label)}; the {len(found)} names below make up "
        f"**{share}** of them. A tagger can learn frequent names by heart; what it is worth shows on the others."
    )
    charts_explore.show_mentions(found, label, corpus.labels)
    widgets.code_shown("data.statistics:frequent_mentions_by_label")


def choose_label(title: str, labels: list[str], *, key: str) -> str:
    """Pills; a list where there are too many labels for them. "" is offered as any label."""
    options = {"format_func": lambda label: widgets.plain(label[:60]) or "any label", "key": key}
    if len(labels) > MOST_PILLS:
        return st.selectbox(title, labels, persist_state="session", **options)
    return st.pills(title, labels, default=labels[0], required=True, persist_state="session", **options)
