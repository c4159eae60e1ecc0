"""Explore's section on doubts: names with several labels, words marked here and not there, sentences marked in two ways.

A person who reads these lists sees what a tagger has to tell apart, and where the people who marked were not of one mind.
"""

from __future__ import annotations

import streamlit as st

from ner_core.records import Corpus
from ner_core.show.highlight import label_colours, label_words
from pages._ui import charts, charts_explore, explore_found, explore_numbers, widgets
from pages._ui.explore_found import MOST_ROWS, Picker

VIEWS = ("Several labels", "Marked here, O there", "Repeated sentences")
N_BARS = 12


@st.fragment
def show(corpus_id: str, corpus: Corpus) -> None:
    """One of three kinds of doubt."""
    st.markdown(
        "Where one word has two meanings a tagger needs its neighbours; where a corpus contradicts itself, no tagger can "
        "be right. See how often that is so before you blame the network."
    )
    view = explore_found.choose_view("Doubt", VIEWS, key="explore_doubt")
    if view == VIEWS[0]:
        show_ambiguous(corpus_id, corpus)
    elif view == VIEWS[1]:
        show_inconsistent(corpus_id, corpus)
    else:
        show_repeated(corpus_id, corpus)
    widgets.code_shown(
        "data.mentions:ambiguous_surfaces", "data.mentions:inconsistent_surfaces", "data.mentions:repeated_sentences"
    )


# --- one surface, several labels ---------------------------------------------------------------


def show_ambiguous(corpus_id: str, corpus: Corpus) -> None:
    """Surfaces that carry several labels."""
    found = explore_numbers.answer(corpus_id, corpus, "ambiguous_surfaces")
    if not found:
        st.info("No name of this corpus carries two labels: here the words alone say what they are.")
        return
    lesson = next((one for one in found if one.surface == "Washington"), found[0])
    times = [f"{article(label_words(label))} {n:,} time{'s' * (n != 1)}" for label, n in lesson.counts.items()]
    st.markdown(
        f"“**{widgets.plain(charts.shorten(lesson.surface, 80))}**” is {listed([widgets.plain(one) for one in times])}: "
        f"a tagger must look at the neighbours. **{len(found):,}** names carry several labels; whoever always gives "
        f"each its most frequent one is wrong on {sum(one.n_minority for one in found):,} of their "
        f"{sum(one.n for one in found):,} mentions."
    )
    shown, drawn = found[:MOST_ROWS], around(found, lesson)
    options = [(one.surface, label) for one in shown for label in one.counts]
    options += [(lesson.surface, label) for label in lesson.counts if (lesson.surface, label) not in options]
    picker = Picker(
        f"explore_ambiguous_{corpus_id}",
        "Show the sentences with",
        options,
        words=lambda option: f"{option[0]} as {option[1]}",
        first=next(iter([(lesson.surface, label) for label in list(lesson.counts)[1:]])),
    )
    left, right = st.columns(2, gap="large")
    with left:
        labels = [label for label in corpus.labels if any(label in one.counts for one in drawn)]
        counts = {label: [one.counts.get(label, 0) for one in drawn] for label in labels}
        figure = charts_explore.stacked_bars(
            [one.surface for one in drawn],
            {label: [100 * n / one.n for n, one in zip(own, drawn, strict=True)] for label, own in counts.items()},
            label_colours(corpus.labels),
            x="share of its mentions",
            words={
                label: [f"{n:,} of {one.n:,}" for n, one in zip(own, drawn, strict=True)]
                for label, own in counts.items()
            },
        )
        figure.update_xaxes(ticksuffix=" %", range=[0, 100])
        alt = charts_explore.in_words("Names with several labels", {one.surface: one.n for one in drawn})
        names = [[(one.surface, label) if label in one.counts else None for one in drawn] for label in labels]
        picker.chart(figure, names, name="chart", alt=alt)
        table = {
            "name": [one.surface for one in shown],
            "labels": [", ".join(f"{label} {n:,}" for label, n in one.counts.items()) for one in shown],
            "mentions": [one.n for one in shown],
            "not the usual label": [one.n_minority for one in shown],
        }
        picker.table(table, name="table", options=[(one.surface, list(one.counts)[1]) for one in shown])
    with right:
        chosen = picker.select()
        if chosen is not None:
            surface, label = chosen
            rows = explore_numbers.answer(corpus_id, corpus, "rows_with", surface=surface, label=label)
            explore_found.show_sentences(corpus, rows, key=f"{picker.key}_{surface}_{label}")


def around(found: list, lesson) -> list:
    """The first of them, and the one the lesson is about."""
    drawn = found[:N_BARS]
    return drawn if lesson in drawn else [lesson, *drawn[:-1]]


# --- marked here, O there ----------------------------------------------------------------------------


def show_inconsistent(corpus_id: str, corpus: Corpus) -> None:
    """Words that are a name in one sentence and nothing in another."""
    found = explore_numbers.answer(corpus_id, corpus, "inconsistent_surfaces")
    if not found:
        st.info("Every word that is marked somewhere is marked wherever it stands. Nothing to doubt here.")
        return
    first = found[0]
    st.markdown(
        f"“**{widgets.plain(charts.shorten(first.surface, 80))}**” is marked {first.n_labelled:,} "
        f"time{'s' * (first.n_labelled != 1)} and left as O {first.n_unlabelled:,} time{'s' * (first.n_unlabelled != 1)}. "
        f"**{len(found):,}** names are marked here and not there. Some are right (“May” is also a verb); others are "
        "oversights: a tagger learns them, and is blamed where it finds the name."
    )
    shown, drawn = found[:MOST_ROWS], found[:N_BARS]
    options = [(one.surface, is_marked) for one in shown for is_marked in (False, True)]
    picker = Picker(
        f"explore_inconsistent_{corpus_id}",
        "Show the sentences with",
        options,
        words=lambda option: f"{option[0]}, {'marked' if option[1] else 'not marked'}",
    )
    left, right = st.columns(2, gap="large")
    with left:
        figure = charts_explore.stacked_bars(
            [one.surface for one in drawn],
            {"marked": [one.n_labelled for one in drawn], "not marked (O)": [one.n_unlabelled for one in drawn]},
            {"marked": charts.accent()},
            x="times",
        )
        charts_explore.whole_numbers(figure.update_xaxes, max(one.n_labelled + one.n_unlabelled for one in drawn))
        alt = charts_explore.in_words(
            "Words marked here and not there", {one.surface: one.n_unlabelled for one in drawn}
        )
        names = [[(one.surface, is_marked) for one in drawn] for is_marked in (True, False)]
        picker.chart(figure, names, name="chart", alt=alt)
        table = {
            "words": [one.surface for one in shown],
            "most often": [one.label for one in shown],
            "marked": [one.n_labelled for one in shown],
            "not marked": [one.n_unlabelled for one in shown],
        }
        picker.table(table, name="table", options=[(one.surface, False) for one in shown])
    with right:
        chosen = picker.select()
        if chosen is not None:
            surface, is_marked = chosen
            rows = explore_numbers.answer(
                corpus_id, corpus, "rows_with", surface=surface, **({} if is_marked else {"unlabelled": True})
            )
            explore_found.show_sentences(
                corpus,
                rows,
                key=f"{picker.key}_{surface}_{is_marked}",
                draw=lambda sentence: explore_found.with_unmarked(sentence, surface),
            )


# --- repeats -----------------------------------------------------------------------------------------


def show_repeated(corpus_id: str, corpus: Corpus) -> None:
    """Sentences of the very same words, those first that are marked in two ways."""
    found = explore_numbers.answer(corpus_id, corpus, "repeated_sentences")
    if not found:
        st.info("No sentence stands in this corpus twice.")
        return
    n_conflicting = sum(one.is_conflicting for one in found)
    n_more = sum(len(one.rows) - 1 for one in found)
    st.markdown(
        f"**{len(found):,}** sentence{' stands' if len(found) == 1 else 's stand'} in this corpus more than once, with "
        f"{n_more:,} further cop{'y' if n_more == 1 else 'ies'} in all. "
        f"**{n_conflicting:,}** of them {'is' if n_conflicting == 1 else 'are'} marked in more than one way: "
        "there no tagger can be right on every copy."
        + ("" if n_conflicting else " All copies of a sentence are marked alike.")
    )
    found = found[:MOST_ROWS]
    first_rows = [one.rows[0] for one in found]
    texts = {row: " ".join(corpus.sentences[row].words) for row in first_rows}
    picker = Picker(
        f"explore_repeated_{corpus_id}",
        "Show the copies of",
        first_rows,
        words=lambda row: charts.shorten(texts[row], 90),
    )
    left, right = st.columns(2, gap="large")
    with left:
        kinds = {"marked in more than one way": n_conflicting, "marked alike": len(found) - n_conflicting}
        figure = charts_explore.count_bars(kinds, {}, x="sentences that repeat")
        alike = next((row for row, one in zip(first_rows, found, strict=True) if not one.is_conflicting), None)
        firsts = [first_rows[0] if n_conflicting else None, alike]
        picker.chart(figure, [firsts], name="chart", alt=charts_explore.in_words("Sentences that repeat", kinds))
        table = {
            "sentence": [texts[row][:200] for row in first_rows],
            "copies": [len(one.rows) for one in found],
            "marked": ["in several ways" if one.is_conflicting else "alike" for one in found],
            "parts": [", ".join(one.parts) for one in found],
        }
        picker.table(table, name="table", sentence=st.column_config.TextColumn(width="medium"))
    with right:
        row = picker.select()
        if row is not None:
            rows = next(one.rows for one in found if one.rows[0] == row)
            explore_found.show_sentences(corpus, in_turn(corpus, rows), key=f"{picker.key}_{row}")


def in_turn(corpus: Corpus, rows: tuple[int, ...]) -> list[int]:
    """Copies so that different markings stand first, one beside the other."""
    ways: dict[frozenset, list[int]] = {}
    for row in rows:
        ways.setdefault(frozenset(corpus.sentences[row].spans), []).append(row)
    return [own[0] for own in ways.values()] + [row for own in ways.values() for row in own[1:]]


# --- words -------------------------------------------------------------------------------------------


def article(words: str) -> str:
    """
    >>> article("place"), article("organisation")
    ('a place', 'an organisation')
    """
    return f"an {words}" if words[:1].lower() in "aeio" else f"a {words}"


def listed(words: list[str]) -> str:
    """
    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
