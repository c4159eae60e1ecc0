"""Explore's section on labels: entities by label, tokens by tag, and what each genre is rich in."""

from __future__ import annotations

import streamlit as st

from ner_core.records import Corpus
from ner_core.show.highlight import label_colours, label_words
from pages._ui import charts_explore, explore_found, explore_numbers, links, widgets
from pages._ui.explore_found import Picker

VIEWS = ("Entities by label", "Tokens by tag", "By genre")


@st.fragment
def show(corpus_id: str, corpus: Corpus) -> None:
    """One of three counts as bars; the sentences of the bar that is chosen stand beside them."""
    counts = explore_numbers.overview(corpus_id, corpus)
    share = widgets.percent(counts["tags"]["O"] / counts["tokens"])
    st.markdown(
        f"A label with few examples is learned badly, so count before you train. **{share}** of the tokens are O, which "
        f"means: not part of a name. Whoever always answers O is right {share} of the time and has found nothing."
    )
    view = explore_found.choose_view("Count", VIEWS, key="explore_labels_view")
    if view == "By genre":
        show_genres(corpus_id, corpus)
    elif view == "Tokens by tag":
        show_tags(corpus_id, corpus, counts)
    else:
        show_labels(corpus_id, corpus, counts)
    widgets.code_shown(
        "data.statistics:label_counts",
        "data.statistics:tag_counts",
        "data.mentions:genre_breakdown",
        "data.mentions:rows_with",
    )


def show_labels(corpus_id: str, corpus: Corpus, counts: dict) -> None:
    """Entities by label."""
    entities = counts["entities"]
    if not entities:
        st.info("No entity is marked in this corpus: every tag is O. A tagger can learn nothing from it.")
        return
    picker = Picker(f"explore_label_chosen_{corpus_id}", "Show the sentences with", list(entities), words=in_words)
    total = sum(entities.values())
    left, right = st.columns(2, gap="large")
    with left:
        figure = charts_explore.count_bars(entities, label_colours(corpus.labels), x="entities")
        picker.chart(figure, [list(entities)], name="chart", alt=charts_explore.in_words(VIEWS[0], entities))
        table = {
            "label": list(entities),
            "meaning": [label_words(label) for label in entities],
            "entities": list(entities.values()),
            "share of entities": [widgets.percent(n / total) for n in entities.values()],
        }
        picker.table(table, name="table")
    with right:
        label = picker.select()
        if label is not None:
            rows = explore_numbers.answer(corpus_id, corpus, "rows_with", label=label)
            explore_found.show_sentences(corpus, rows, key=f"{picker.key}_{label}")


def show_tags(corpus_id: str, corpus: Corpus, counts: dict) -> None:
    """Tokens by tag, with and without O."""
    with_o = st.toggle("Show O as well", **links.bound("explore_with_o", "showing O", False))
    shown = {tag: n for tag, n in counts["tags"].items() if with_o or tag != "O"}
    if not shown:
        st.info("Every token is O: switch on “Show O as well” to see it.")
        return
    picker = Picker(f"explore_tag_chosen_{corpus_id}_{with_o}", "Show the sentences with", list(shown))
    left, right = st.columns(2, gap="large")
    with left:
        colours = charts_explore.tag_colours(shown, corpus.labels)
        figure = charts_explore.count_bars(shown, colours, x="tokens")
        picker.chart(figure, [list(shown)], name="chart", alt=charts_explore.in_words(VIEWS[1], shown))
        st.caption("B- begins a name, I- goes on with it.")
        table = {
            "tag": list(shown),
            "tokens": list(shown.values()),
            "share of all tokens": [widgets.percent(n / counts["tokens"]) for n in shown.values()],
        }
        picker.table(table, name="table")
    with right:
        tag = picker.select()
        if tag is not None:
            rows = explore_numbers.answer(corpus_id, corpus, "rows_with", tag=tag)
            explore_found.show_sentences(corpus, rows, key=f"{picker.key}_{tag}")


def show_genres(corpus_id: str, corpus: Corpus) -> None:
    """How rich each genre is in every label."""
    found = explore_numbers.answer(corpus_id, corpus, "genre_breakdown")
    if not found:
        st.info(
            "The sentences of this corpus carry no genre. A file says it in a line `# genre = news` before the "
            "sentences (CoNLL) or in a field `genre` (JSON); Newsroom has twelve."
        )
        return
    st.markdown(
        "A tagger trained on news meets other names in a chat. Names per 100 tokens show what each genre is rich in."
    )
    options = [(one.genre, label) for one in found for label in one.entities if one.entities[label]]
    picker = Picker(
        f"explore_genre_chosen_{corpus_id}",
        "Show the sentences of",
        options,
        words=lambda option: f"{option[0] or 'no genre'}, with {option[1]}",
    )
    left, right = st.columns(2, gap="large")
    with left:
        per_100 = {
            label: [100 * one.entities[label] / one.n_tokens if one.n_tokens else 0.0 for one in found]
            for label in corpus.labels
        }
        names = [one.genre or "no genre" for one in found]
        rates = {one.genre: round(sum(one.entities.values()) * 100 / max(1, one.n_tokens), 1) for one in found}
        said = {label: [f"{n:.1f}" for n in values] for label, values in per_100.items()}
        figure = charts_explore.stacked_bars(
            names, per_100, label_colours(corpus.labels), x="names per 100 tokens", words=said
        )
        picker.chart(
            figure,
            [[(one.genre, label) for one in found] for label in corpus.labels],
            name="chart",
            alt=charts_explore.in_words("Names per 100 tokens by genre", rates),
        )
        table = {
            "genre": names,
            "sentences": [one.n_sentences for one in found],
            "tokens": [one.n_tokens for one in found],
            **{label: [one.entities[label] for one in found] for label in corpus.labels},
        }
        rows = [next((option for option in options if option[0] == one.genre), None) for one in found]
        picker.table(table, name="table", options=rows)
    with right:
        chosen = picker.select()
        if chosen is not None:
            genre, label = chosen
            rows = explore_numbers.answer(corpus_id, corpus, "rows_with", genre=genre, label=label)
            explore_found.show_sentences(corpus, rows, key=f"{picker.key}_{genre}_{label}")


def in_words(label: str) -> str:
    """A label with its meaning.

    >>> in_words("geo"), in_words("Chemical")
    ('geo (place)', 'Chemical')
    """
    words = label_words(label)
    return label if words == label else f"{label} ({words})"
