"""The charts of Explore: tags, lengths with the line that cuts them, mentions.

Each `show_*` draws one figure with its words and its table. Labels keep the colours they have in the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas  # noqa: F401 (first: Plotly trips over a pandas that another session's thread is still importing)
import streamlit as st

from ner_core.data.statistics import LengthCut
from ner_core.data.tags import split_tag
from ner_core.show.highlight import label_colours, label_words
from pages._ui import charts, widgets

MOST_BARS = 40
MOST_BINS = 130


def _bars(values: Mapping[str, int], colour_of: Mapping, *, key: str, alt: str, table: Mapping, x: str) -> None:
    """Horizontal bars, the first of them where there are many."""
    shown = dict(list(values.items())[:MOST_BARS])
    largest = max(shown.values(), default=0)
    figure = charts.bars(shown, colour_of, x=x)
    figure.update_xaxes(tickformat=",d", nticks=6, dtick=1 if largest < 6 else None)
    if len(values) > len(shown):
        st.caption(f"The first {len(shown)} of {len(values):,} are drawn; the table holds all.")
    charts.show(figure, key=key, alt=alt, table=table)


def _alt(what: str, values: Mapping[str, int]) -> str:
    """A chart in words: how many bars and the three longest."""
    top = sorted(values.items(), key=lambda item: -item[1])[:3]
    said = ", ".join(f"{charts.shorten(name)} {count:,}" for name, count in top)
    return f"{what}: {len(values):,} bars; the longest are {said}."


def show_label_counts(counts: Mapping[str, int], labels: Sequence[str], n_outside: int | None) -> None:
    """Entities by label; `n_outside` = tokens outside every entity, drawn as a grey bar where given."""
    values = dict(counts) if n_outside is None else {"O": n_outside, **counts}
    total = sum(counts.values())
    table = {
        "label": list(counts),
        "meaning": [label_words(label) for label in counts],
        "entities": list(counts.values()),
        "share of entities": [widgets.percent(count / total) for count in counts.values()],
    }
    alt = _alt("Entities by label", values)
    _bars(values, label_colours(labels), key="explore_labels", alt=alt, table=table, x="entities")


def show_tag_counts(counts: Mapping[str, int], labels: Sequence[str], n_tokens: int) -> None:
    """Tokens by tag, in the colour of the tag's label; shares are of all tokens."""
    colours = label_colours(labels)
    by_tag = {tag: colours[split_tag(tag)[1]] for tag in counts if split_tag(tag)[1] in colours}
    table = {
        "tag": list(counts),
        "tokens": list(counts.values()),
        "share of all tokens": [widgets.percent(count / n_tokens) for count in counts.values()],
    }
    _bars(counts, by_tag, key="explore_tags", alt=_alt("Tokens by tag", counts), table=table, x="tokens")


def show_mentions(found: Sequence[tuple[str, int]], label: str, labels: Sequence[str]) -> None:
    """The most frequent mentions of one label, in its colour."""
    values = dict(found)
    colour = label_colours(labels)[label]
    table = {"mention": list(values), "times": list(values.values())}
    alt = _alt(f"Most frequent mentions of {charts.shorten(label)}", values)
    _bars(values, dict.fromkeys(values, colour), key="explore_mentions", alt=alt, table=table, x="times")


# --- lengths --------------------------------------------------------------------------


def bin_lengths(histogram: Mapping[int, int], width: int) -> dict[int, int]:
    """Put lengths together, `width` at a time; the key is the first of each.

    >>> bin_lengths({1: 2, 4: 1, 5: 3}, 1), bin_lengths({1: 2, 4: 1, 5: 3, 6: 1}, 5)
    ({1: 2, 4: 1, 5: 3}, {1: 6, 6: 1})
    """
    binned: dict[int, int] = {}
    for length, count in histogram.items():
        first = length if width == 1 else (length - 1) // width * width + 1
        binned[first] = binned.get(first, 0) + count
    return binned


def show_lengths(histogram: Mapping[int, int], summary: Mapping[str, float], cut: LengthCut) -> int | None:
    """Sentences by length, the mean, and the line behind which tokens are cut off; return the length dragged to."""
    last = max(int(summary["max"]), cut.max_length)
    width = -(-last // MOST_BINS)
    binned = bin_lengths(histogram, width)
    is_cut = [first + width - 1 > cut.max_length for first in binned]
    spans = [f"{first}" if width == 1 else f"{first} to {first + width - 1}" for first in binned]
    figure = charts.new_figure(x="sentence length in tokens", y="sentences", height=340)
    figure.add_bar(
        x=[first + (width - 1) / 2 for first in binned],
        y=list(binned.values()),
        width=0.85 * width,
        marker_color=[charts.second() if beyond else charts.accent() for beyond in is_cut],
        customdata=spans,
        hovertemplate="%{customdata} tokens: %{y:,} sentences<extra></extra>",
    )
    mean, line = summary["mean"], cut.max_length + 0.5
    _line(figure, mean, f"mean {mean:.1f}", charts.floor(), "dot", side="above")
    side = "left" if line > 0.6 * last else "right"
    _line(figure, line, f"max length {cut.max_length}", charts.second(), "solid", side=side)
    figure.update_layout(margin={"t": 32}, bargap=0)
    figure.update_xaxes(range=[0, 1.02 * last + 1])
    figure.update_yaxes(tickformat=",d", range=[0, 1.25 * max(binned.values(), default=1)])  # room for the names
    alt = (
        f"Sentence lengths from {summary['min']} to {summary['max']} tokens, mean {mean:.1f}, half of them up to "
        f"{summary['median']:.0f}. The line stands at {cut.max_length}: {cut.n_cut_sentences:,} sentences are longer."
    )
    figure.update_layout(dragmode="select", selectdirection="h")
    figure.update_layout(newselection={"line": {"color": charts.second(), "width": 1, "dash": "dot"}})
    figure.update_traces(selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}})
    options = {"on_select": "rerun", "selection_mode": "box"}
    chosen = charts.show(figure, key="explore_lengths", alt=alt, **options)  # its table stands below the slider
    return dragged_to(chosen["selection"], last) if chosen else None


def dragged_to(selection: Mapping, last: int) -> int | None:
    """The length at which a drag across the chart ended on its right.

    >>> dragged_to({"box": [{"x": [3.2, 41.7]}]}, last=104), dragged_to({"box": []}, last=104)
    (41, None)
    """
    boxes = selection.get("box")
    return min(max(int(max(boxes[0]["x"])), 1), last) if boxes else None


def show_length_table(histogram: Mapping[int, int]) -> None:
    """The histogram's numbers, folded."""
    with st.expander("The chart as a table"):
        st.dataframe({"tokens": list(histogram), "sentences": list(histogram.values())}, hide_index=True)


def _line(figure, x: float, name: str, colour: str, dash: str, *, side: str) -> None:
    """A vertical line with its name beside it ("left", "right") or above the chart."""
    figure.add_vline(x=x, line={"color": colour, "dash": dash, "width": 2})
    places = {
        "above": {"y": 1.0, "yanchor": "bottom", "xanchor": "center"},
        "left": {"y": 0.97, "yanchor": "top", "xanchor": "right", "xshift": -6},
        "right": {"y": 0.97, "yanchor": "top", "xanchor": "left", "xshift": 6},
    }
    font = {"color": colour, "size": 14}
    figure.add_annotation(x=x, yref="paper", text=name, showarrow=False, font=font, **places[side])
