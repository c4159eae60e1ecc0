"""Explore's section on sentence lengths: the histogram, the line that cuts it, what padding does to accuracy,
and the sentences behind every bar.

A fragment: moving the line draws this section alone. Slider and number say the same: when one is moved, the other is
made anew (a new key) with the value chosen, because only `session` may write into a widget.
"""

from __future__ import annotations

from functools import partial

import streamlit as st

from ner_core.data.statistics import LengthCut, length_cut, length_histogram, length_summary
from ner_core.records import Corpus
from pages._ui import charts_explore, explore_found, explore_numbers, session, widgets
from pages._ui.explore_found import Picker

TUTORIAL_LENGTH = 50
LENGTH_HELP = "The tutorials pad to 50, to the longest sentence (104 in GMB), or to 140."
HANDS = ("A click shows the sentences", "A drag moves the line")
LONGEST_SHOWN = 150  # the line can be moved this far, even where all sentences are shorter


@st.fragment
def show(corpus_id: str, corpus: Corpus) -> None:
    """Draw the section."""
    lengths = explore_numbers.lengths(corpus_id, corpus)
    summary = length_summary(lengths)
    st.markdown(
        "A network reads its sentences as a rectangle: longer ones are cut, shorter ones are filled with padding. "
        "**Move the line** and see what that does."
    )
    drawing = st.container()
    max_length = choose_length(corpus_id, summary)
    cut, whole = length_cut(lengths, max_length), length_cut(lengths, None)
    histogram = length_histogram(lengths)
    width = charts_explore.bin_width(summary, cut)
    binned = charts_explore.bin_lengths(histogram, width)
    most = max(binned, key=binned.get)
    picker = Picker(
        f"explore_length_chosen_{corpus_id}_{width}",
        "Show the sentences of",
        list(binned),
        words=lambda first: length_in_words(first, width),
        first=most,
    )
    with drawing:
        draw(corpus_id, picker, binned, width, summary, cut)
    show_cut(cut, len(corpus.sentences), whole)
    left, right = st.columns(2, gap="large")
    with left:
        table = {"tokens": [span_in_words(first, width) for first in binned], "sentences": list(binned.values())}
        picker.table(table, name="table")
    with right:
        first = picker.select()
        if first is not None:
            length = (first, first + width - 1)
            rows = explore_numbers.answer(corpus_id, corpus, "rows_with", length=length)
            explore_found.show_sentences(corpus, rows, key=f"{picker.key}_{first}")
    widgets.code_shown("data.statistics:measure_lengths", "data.statistics:length_cut", "data.mentions:rows_with")


def draw(corpus_id: str, picker: Picker, binned: dict, width: int, summary: dict, cut: LengthCut) -> None:
    """The histogram; a click on a bar shows its sentences, or a drag moves the line, as the person wants it."""
    hand = explore_found.choose_view("On the chart", HANDS, key="explore_lengths_hand")
    figure = charts_explore.length_figure(binned, width, summary, cut)
    alt = charts_explore.length_words(summary, cut)
    if hand == HANDS[0]:
        picker.chart(figure, [list(binned)], name="chart", alt=alt)
        return
    last = max(int(summary["max"]), cut.max_length)
    if follow_drag(corpus_id, charts_explore.draw_line(figure, key="explore_lengths", alt=alt, last=last)):
        st.rerun(scope="fragment")


def span_in_words(first: int, width: int) -> str:
    """
    >>> span_in_words(7, 1), span_in_words(11, 5)
    ('7', '11 to 15')
    """
    return f"{first:,}" if width == 1 else f"{first:,} to {first + width - 1:,}"


def length_in_words(first: int, width: int) -> str:
    """
    >>> length_in_words(1, 1), length_in_words(11, 5)
    ('1 token', '11 to 15 tokens')
    """
    return f"{span_in_words(first, width)} token{'s' * (first + width > 2)}"


def choose_length(corpus_id: str, summary: dict) -> int:
    """The slider and the number in step with it."""
    name = f"explore_length_{corpus_id}"
    first = TUTORIAL_LENGTH if summary["max"] > TUTORIAL_LENGTH else max(1, round(summary["p95"]))
    kept = session.recall(name) or {"length": first, "moved": "slider", "slider": (0, first), "number": (0, first)}
    session.remember(name, kept)
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    make = {
        "slider": partial(left.slider, "Max length, in tokens", help=LENGTH_HELP),
        "number": partial(right.number_input, "or type it"),
    }
    moved = kept["moved"]
    other = "number" if moved == "slider" else "slider"
    for widget in (moved, other):  # the one moved is read first, and the other follows it
        times_made, start = kept[widget]  # `start` stays while it is moved: a new one would stop the hand
        value = make[widget](
            min_value=1,
            max_value=max(LONGEST_SHOWN, summary["max"]),
            value=start,
            key=f"{name}_{widget}_{times_made}",
            on_change=note_moved,
            args=(kept, widget, times_made),
            persist_state="session",
        )
        if widget == moved and value != kept["length"]:
            kept["length"] = value
            kept[other] = (kept[other][0] + 1, value)
    return kept["length"]


def follow_drag(corpus_id: str, dragged: int | None) -> bool:
    """Move the line to where a drag ended just now; a rectangle that stays drawn is no new drag."""
    kept = session.recall(f"explore_length_{corpus_id}")
    if dragged == kept.get("dragged"):
        return False
    kept["dragged"] = dragged
    if dragged is None or dragged == kept["length"]:
        return False
    kept["length"] = dragged
    for widget in ("slider", "number"):
        kept[widget] = (kept[widget][0] + 1, dragged)
    return True


def note_moved(kept: dict, widget: str, times_made: int) -> None:
    """Remember which of the two was moved last; one that has been made anew since then has no say."""
    if kept[widget][0] == times_made:
        kept["moved"] = widget


def show_cut(cut: LengthCut, n_sentences: int, whole: LengthCut) -> None:
    """What the line cuts off, what it pads, and how well a tagger reads that finds nothing."""
    with st.container(horizontal=True, gap="small"):
        for title, value, help in (
            ("Sentences cut", widgets.number(cut.n_cut_sentences), f"Of {n_sentences:,} sentences."),
            ("Tokens cut", widgets.number(cut.n_cut_tokens), f"Of {whole.n_cells:,} tokens."),
            ("Entities cut", widgets.number(cut.n_cut_entities), "Entities that do not fit before the line."),
            ("Padding", widgets.percent(cut.padding_share), f"Of {cut.n_cells:,} cells of the rectangle."),
            (
                "Accuracy of all-O",
                widgets.percent(cut.all_o_accuracy),
                f"The share of {cut.n_cells:,} cells that are right if every answer is O. Padding counts as right.",
            ),
        ):
            st.metric(title, value, help=help, width=160)
    st.markdown(
        f"A tagger that answers O everywhere finds **no entity**: its entity F1 is 0. "
        f"Yet it is right on {widgets.percent(whole.all_o_accuracy)} of the real tokens, and padded to {cut.max_length} "
        f"its accuracy reads **{widgets.percent(cut.all_o_accuracy)}**, because padding counts as right. "
        "Read accuracy beside entity F1, always."
    )
