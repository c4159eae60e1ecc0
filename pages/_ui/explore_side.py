"""Explore's section of two corpora side by side: how much, of what, how long, and what one would not know of the other."""

from __future__ import annotations

import streamlit as st

from ner_core.data.statistics import length_histogram
from ner_core.records import Corpus
from ner_core.show.highlight import label_words
from pages._ui import charts, charts_explore, explore_found, explore_numbers, loading, widgets
from pages._ui.explore_found import MOST_ROWS, Picker


@st.fragment
def show(corpus_id: str, corpus: Corpus) -> None:
    """Choose a second corpus; counts, shares by label, lengths, shared names, unknown words."""
    others = {key: name for key, name in loading.corpora().items() if key != corpus_id}
    if not others:
        st.info(
            "There is only one corpus here yet. Press “Corpus” above, upload a second one and use it; "
            "the one you look at now is then offered here."
        )
        return
    st.markdown(
        "A tagger trained on one corpus is often used on another. Look first how far they are apart: other labels, longer "
        "sentences and unknown words all cost it names."
    )
    other_id = st.selectbox(
        "Compare with",
        list(others),
        format_func=lambda key: charts.shorten(others[key], 80),
        key=f"explore_other_{corpus_id}",
        persist_state="session",
    )
    try:
        other = loading.corpus(other_id)
    except loading.NotThere as error:
        widgets.error_sentence(error)
        return
    columns = [explore_numbers.columns(*pair) for pair in ((corpus_id, corpus), (other_id, other))]
    names = tell_apart(loading.corpus_name(corpus), loading.corpus_name(other))
    found = explore_numbers.comparison(corpus_id, other_id, *columns)
    back = explore_numbers.comparison(other_id, corpus_id, *columns[::-1])
    show_counts(found, names)
    show_unknown(found, back, names)
    left, right = st.columns(2, gap="large")
    with left:
        picker = show_labels((corpus_id, other_id), found, names)
    with right:
        st.subheader("Sentence lengths", anchor=False)
        histograms = [
            length_histogram(explore_numbers.lengths(*pair)) for pair in ((corpus_id, corpus), (other_id, other))
        ]
        figure = charts_explore.overlaid_lengths(*histograms, names)
        means = [f"{name} {one.mean_length:.1f}" for name, one in zip(names, (found.first, found.second), strict=True)]
        alt = f"Sentence lengths of both corpora, each as a share of its sentences. Mean: {', '.join(means)} tokens."
        charts.show(figure, key="explore_side_lengths", alt=alt)
    if picker:
        show_label_table(found, names)
        if (chosen := picker.select()) is not None:
            place, label = chosen
            which = ((corpus_id, corpus), (other_id, other))[place]
            rows = explore_numbers.answer(*which, "rows_with", label=label)
            explore_found.show_sentences(which[1], rows, key=f"{picker.key}_{place}_{label}")
    show_shared((corpus_id, other_id), (corpus, other), columns, names)
    widgets.code_shown("data.side_by_side:compare")


def tell_apart(first: str, second: str) -> tuple[str, str]:
    """
    >>> tell_apart("Newsroom", "gmb"), tell_apart("mine", "mine")
    (('Newsroom', 'gmb'), ('mine (this one)', 'mine (the other)'))
    """
    return (first, second) if first != second else (f"{first} (this one)", f"{second} (the other)")


def show_counts(found, names: tuple[str, str]) -> None:
    """How much each holds."""
    rows = [
        ("sentences", "n_sentences"),
        ("tokens", "n_tokens"),
        ("different words", "n_words"),
        ("entities", "n_entities"),
        ("different names", "n_surfaces"),
    ]
    both = (found.first, found.second)
    table = {
        "": [*(title for title, _ in rows), "tokens a sentence", "entities per 100 tokens"],
        **{
            name: [
                *(f"{getattr(one, figure):,}" for _, figure in rows),
                f"{one.mean_length:.1f}",
                f"{100 * one.n_entities / max(1, one.n_tokens):.1f}",
            ]
            for name, one in zip(names, both, strict=True)
        },
    }
    right = st.column_config.TextColumn(alignment="right")
    st.dataframe(table, hide_index=True, height="auto", column_config=dict.fromkeys(names, right))


def show_unknown(found, back, names: tuple[str, str]) -> None:
    """What a tagger of one would not know of the other, both ways."""
    first, second = (widgets.plain(name) for name in names)
    st.markdown(
        f"- A tagger trained on **{first}** would not know **{widgets.percent(found.unknown_share)}** of the tokens of "
        f"{second} ({found.n_unknown_words:,} different words).\n"
        f"- A tagger trained on **{second}** would not know **{widgets.percent(back.unknown_share)}** of the tokens of "
        f"{first} ({back.n_unknown_words:,} different words).\n"
        f"- Names marked in both: **{found.n_shared_surfaces:,}**, of {found.first.n_surfaces:,} in {first} and "
        f"{found.second.n_surfaces:,} in {second}."
    )


def show_labels(ids: tuple[str, str], found, names: tuple[str, str]) -> Picker | None:
    """The share of every label in each corpus; a bar is a corpus and a label, and chooses their sentences."""
    st.subheader("Entities by label", anchor=False)
    if not found.labels:
        st.info("No entity is marked in either corpus.")
        return None
    labels = list(found.labels)[: charts_explore.MOST_BARS]
    both = dict(zip(names, (found.first, found.second), strict=True))
    figure = charts_explore.paired_bars(
        labels, {name: [one.shares[label] for label in labels] for name, one in both.items()}
    )
    said = "; ".join(
        f"{charts.shorten(label)} {widgets.percent(found.first.shares[label])} and {widgets.percent(found.second.shares[label])}"
        for label in labels[:3]
    )
    options = [
        [(place, label) if one.entities[label] else None for label in labels] for place, one in enumerate(both.values())
    ]
    picker = Picker(
        f"explore_side_label_{'_'.join(ids)}",
        "Show the sentences with an entity of",
        [option for row in options for option in row if option],
        words=lambda option: f"{option[1]}, in {names[option[0]]}",
    )
    picker.chart(figure, options, name="bars", alt=f"Share of each label in {names[0]} and {names[1]}: {said}.")
    return picker


def show_label_table(found, names: tuple[str, str]) -> None:
    """The same numbers as a table."""
    table = {"label": list(found.labels), "meaning": [label_words(label) for label in found.labels]}
    for name, one in zip(names, (found.first, found.second), strict=True):
        table |= {name: [one.entities[label] for label in found.labels]}
        table |= {f"share in {name}": [widgets.percent(one.shares[label]) for label in found.labels]}
    st.dataframe(
        table,
        hide_index=True,
        height=explore_found.table_height(len(found.labels)),
        column_config=explore_found.column_formats(table),
    )


def show_shared(ids: tuple[str, str], corpora: tuple[Corpus, Corpus], columns: list, names: tuple[str, str]) -> None:
    """The names both have marked, and the sentences of both."""
    st.subheader("Names marked in both", anchor=False)
    shared = explore_numbers.shared_mentions(*ids, *columns)[:MOST_ROWS]
    if not shared:
        st.info("No name is marked in both corpora.")
        return
    surfaces = [surface for surface, _, _ in shared]
    picker = Picker(f"explore_shared_{'_'.join(ids)}", "Show the sentences with", surfaces)
    left, right = st.columns(2, gap="large")
    with left:
        table = {"name": surfaces, names[0]: [one[1] for one in shared], names[1]: [one[2] for one in shared]}
        picker.table(table, name="table")
    with right:
        surface = picker.select()
        which = st.segmented_control(
            "In", names, default=names[0], required=True, key=f"{picker.key}_which", format_func=widgets.plain
        )
        if surface is not None:
            place = names.index(which)
            rows = explore_numbers.answer(ids[place], corpora[place], "rows_with", surface=surface)
            explore_found.show_sentences(corpora[place], rows, key=f"{picker.key}_{place}_{surface}")
