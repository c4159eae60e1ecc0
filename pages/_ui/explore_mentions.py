"""Explore's sections on names: which are marked most often, and which words stand beside them."""

from __future__ import annotations

import streamlit as st

from ner_core.data.mentions import EDGE
from ner_core.records import Corpus
from ner_core.show.highlight import label_colours
from pages._ui import charts, charts_explore, explore_found, explore_numbers, widgets
from pages._ui.explore_found import MOST_ROWS, Picker
from pages._ui.explore_labels import in_words

N_NEIGHBOURS = 20


@st.fragment
def show(corpus_id: str, corpus: Corpus) -> None:
    """The names of one label, the most frequent first."""
    found = {
        label: counts
        for label, counts in explore_numbers.answer(corpus_id, corpus, "mentions_by_label").items()
        if counts
    }
    if not found:
        st.info("No entity is marked in this corpus, so there are no mentions to count.")
        return
    label = explore_found.choose_label("Label", list(found))
    counts = {one.surface: one.n for one in found[label]}
    total, top = sum(counts.values()), list(counts.values())[: charts_explore.MOST_BARS]
    n_once = sum(n == 1 for n in counts.values())
    st.markdown(
        f"**{total:,}** {'entity is' if total == 1 else 'entities are'} marked {widgets.plain(in_words(label))}, in **{len(counts):,}** different forms. "
        f"The {len(top)} most frequent make up **{widgets.percent(sum(top) / total)}** of them, and {n_once:,} stand "
        "there only once. A tagger can learn frequent names by heart; what it is worth shows on the others."
    )
    surfaces = list(counts)[:MOST_ROWS]
    picker = Picker(f"explore_mention_{corpus_id}_{label}", "Show the sentences with", surfaces)
    left, right = st.columns(2, gap="large")
    with left:
        colour = label_colours(corpus.labels)[label]
        shown = dict(list(counts.items())[: charts_explore.MOST_BARS])
        figure = charts_explore.count_bars(shown, dict.fromkeys(shown, colour), x="times")
        alt = charts_explore.in_words(f"Most frequent mentions of {charts.shorten(label)}", shown)
        picker.chart(figure, [list(shown)], name="chart", alt=alt)
        table = {
            "mention": list(counts),
            "times": list(counts.values()),
            "share": [widgets.percent(n / total) for n in counts.values()],
        }
        picker.table(table, name="table")
    with right:
        surface = picker.select()
        if surface is not None:
            rows = explore_numbers.answer(corpus_id, corpus, "rows_with", label=label, surface=surface)
            explore_found.show_sentences(corpus, rows, key=f"{picker.key}_{surface}")
    widgets.code_shown("data.mentions:mentions_by_label", "data.mentions:rows_with")


@st.fragment
def show_neighbours(corpus_id: str, corpus: Corpus) -> None:
    """The words that stand unusually often right before or after one label."""
    labels = list(explore_numbers.overview(corpus_id, corpus)["entities"])
    if not labels:
        st.info("No entity is marked in this corpus, so nothing stands beside one.")
        return
    st.markdown(
        "A tagger recognises a name it has never seen by its neighbours: after “President” comes a person. "
        "These words stand beside a label far more often than elsewhere."
    )
    label = explore_found.choose_label("Label", labels)
    side = explore_found.choose_view("Side", ("before", "after"), key="explore_side")
    found = neighbours_of(corpus_id, corpus, label, side)
    if not found:
        st.info("No word stands there.")
        return
    said = "; ".join(
        f"“**{shown_word(one.word)}**” {one.n:,} times, {times_as_often(one.lift)} as elsewhere" for one in found[:2]
    )
    st.markdown(f"Most telling right {side} {widgets.plain(in_words(label))}: {said}.")
    words = [one.word for one in found]
    picker = Picker(
        f"explore_neighbour_{corpus_id}_{label}_{side}", "Show the sentences with", words, words=edge_in_words
    )
    left, right = st.columns(2, gap="large")
    with left:
        named = {edge_in_words(one.word): one.n for one in found}
        figure = charts_explore.count_bars(
            named,
            dict.fromkeys(named, label_colours(corpus.labels)[label]),
            x=f"times right {side} it",
            text=[f"{one.n:,} ({times_as_often(one.lift)})" for one in found],
            inside_from=0.5,
        )
        alt = charts_explore.in_words(f"Words right {side} {charts.shorten(label)}", named)
        picker.chart(figure, [words], name="chart", alt=alt)
        table = {
            "word": [edge_in_words(word) for word in words],
            "times": [one.n for one in found],
            f"share of {label}": [widgets.percent(one.share) for one in found],
            "times as often": [round(one.lift, 1) for one in found],
        }
        picker.table(table, name="table")
    with right:
        word = picker.select()
        if word is not None:
            rows = explore_numbers.rows_beside(explore_numbers.columns(corpus_id, corpus), label, side, word)
            explore_found.show_sentences(corpus, rows, key=f"{picker.key}_{word}")
    widgets.code_shown("data.mentions:neighbours")


def neighbours_of(corpus_id: str, corpus: Corpus, label: str, side: str) -> list:
    """Words seen there five times or more; where none is, once or more."""
    for at_least in (5, 1):
        found = explore_numbers.answer(
            corpus_id, corpus, "neighbours", label=label, side=side, n=N_NEIGHBOURS, at_least=at_least
        )
        if found:
            break
    return found


def times_as_often(lift: float) -> str:
    """
    >>> times_as_often(26.3), times_as_often(3.52)
    ('26 × as often', '3.5 × as often')
    """
    return f"{lift:,.0f} × as often" if lift >= 10 else f"{lift:.1f} × as often"


def edge_in_words(word: str) -> str:
    """
    >>> edge_in_words("in"), edge_in_words("<s>")
    ('in', '(sentence edge)')
    """
    return "(sentence edge)" if word == EDGE else word


def shown_word(word: str) -> str:
    return widgets.plain(charts.shorten(edge_in_words(word), 60))
