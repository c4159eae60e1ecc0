"""The charts of Explore: bars that can be clicked, lengths with the line that cuts them, shares as a threshold moves.

Each function returns a figure, which `explore_found.Picker` or `charts.show` draws. Labels keep the colours they have
in the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import pandas  # noqa: F401 (first: Plotly trips over a pandas that another session's thread is still importing)

from ner_core.data.statistics import LengthCut
from ner_core.data.tags import split_tag
from ner_core.show.highlight import label_colours
from pages._ui import charts

MOST_BARS = 20
MOST_BINS = 130
_PATTERNS = {"": "", "rising": "/", "falling": "\\", "level": "-", "upright": "|"}


def count_bars(values: Mapping[str, float], colour_of: Mapping, *, x: str, **options):
    """Horizontal bars of whole numbers, the first of them where there are many."""
    shown = dict(list(values.items())[:MOST_BARS])
    figure = charts.bars(shown, colour_of, x=x, **options)
    whole_numbers(figure.update_xaxes, max(shown.values(), default=0))
    figure.update_layout(hovermode="y")  # the whole row can be clicked, however short its bar
    return figure


@lru_cache(maxsize=1)
def warm_up() -> None:
    """Make one figure, for the first in a process takes Plotly half a second."""
    count_bars({"": 1}, {}, x="").to_json()


def share_bars(values: Mapping[str, float], colour_of: Mapping, *, x: str, text: Sequence[str]):
    """Horizontal bars of percentages (0-100), with words of their own."""
    shown = dict(list(values.items())[:MOST_BARS])
    figure = charts.bars(shown, colour_of, x=x, text=text[:MOST_BARS], inside_from=0.6)
    figure.update_xaxes(ticksuffix=" %", range=[0, 1.4 * max(1, *shown.values())])
    figure.update_layout(hovermode="y")
    return figure


def whole_numbers(update, largest: float) -> None:
    """Number an axis (`figure.update_xaxes` or `update_yaxes`) by whole numbers only, however small."""
    update(tickformat=",d", nticks=6, dtick=1 if largest < 6 else None)


def in_words(what: str, values: Mapping[str, float]) -> str:
    """A chart in words: how many bars and the three longest.

    >>> in_words("Entities by label", {"geo": 4, "per": 1200})
    'Entities by label: 2 bars; the longest are per 1,200, geo 4.'
    """
    top = sorted(values.items(), key=lambda item: -item[1])[:3]
    said = ", ".join(f"{charts.shorten(name)} {count:,}" for name, count in top)
    return f"{what}: {len(values):,} bar{'' if len(values) == 1 else 's'}; the longest {'is' if len(top) == 1 else 'are'} {said}."


def tag_colours(tags: Sequence[str], labels: Sequence[str]) -> dict:
    """Every tag in the colour of its label; O in none."""
    colours = label_colours(labels)
    return {tag: colours[split_tag(tag)[1]] for tag in tags if split_tag(tag)[1] in colours}


def stacked_bars(
    names: Sequence[str],
    parts: Mapping[str, Sequence[float]],
    looks: Mapping,
    *,
    x: str,
    words: Mapping[str, Sequence[str]] | None = None,
):
    """A horizontal bar for every name, made of `parts` (name of the part -> a length for every bar).

    `looks` = part -> Colour, or the name of a colour; `words` = part -> what is said of every bar.
    """
    from plotly.graph_objects import Bar

    figure = charts.new_figure(x=x, height=110 + 30 * len(names))
    places = list(range(len(names)))
    for part, lengths in parts.items():
        said = charts.literal(part[:60])
        figure.add_trace(
            Bar(
                x=list(lengths),
                y=places,
                orientation="h",
                marker=marker_of(looks.get(part)),
                customdata=[
                    f"{charts.literal(charts.shorten(name, 80))}, {said}: {words[part][place] if words else format(length, ',')}"
                    for place, (name, length) in enumerate(zip(names, lengths, strict=True))
                ],
                hovertemplate="%{customdata}<extra></extra>",
                showlegend=False,
            )
        )
    for part in parts:  # the legend's own squares: those of the bars would be outlined where a bar is chosen
        name = charts.literal(charts.shorten(part))
        figure.add_trace(Bar(x=[None], y=[None], name=name, marker=marker_of(looks.get(part)), hoverinfo="skip"))
    ticks = {"tickvals": places, "ticktext": [charts.literal(charts.shorten(name)) for name in names]}
    figure.update_yaxes(autorange="reversed", title="", showgrid=False, fixedrange=True, **ticks)
    figure.update_xaxes(fixedrange=True, rangemode="tozero")
    figure.update_layout(barmode="stack", legend={"traceorder": "normal", "itemclick": False}, margin={"t": 64})
    return figure


def marker_of(look) -> dict:
    """A bar in its label's colour and pattern; grey where it has none."""
    if look is None or isinstance(look, str):
        return {"color": look or charts.floor()}
    return {
        "color": look.ground,
        "line": {"color": look.border, "width": 1},
        "pattern": {"shape": _PATTERNS[look.pattern], "fgcolor": "#ffffff", "fillmode": "overlay"},
    }


def share_lines(x: Sequence[int], lines: Mapping[str, Sequence[float]], *, title: str, at: int):
    """Shares (0-1) as a threshold moves, one line a part, and where the threshold stands now."""
    figure = charts.new_figure(x=title, y="unknown tokens", height=340, is_percent=True)
    looks = ((charts.accent(), "solid"), (charts.second(), "dash"), (charts.floor(), "dot"))
    for (name, shares), (colour, dash) in zip(lines.items(), looks, strict=False):
        figure.add_scatter(
            x=list(x),
            y=list(shares),
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate=f"{name}, threshold %{{x}}: %{{y:.1%}}<extra></extra>",
        )
    _line(figure, at, f"threshold {at}", charts.second(), "solid", side="left" if at > max(x) / 2 else "right")
    figure.update_xaxes(
        range=[min(x) - 0.5, max(x) + 0.5], tickvals=[place for place in x if place == 1 or place % 5 == 0]
    )
    figure.update_yaxes(rangemode="tozero")
    return figure


def overlaid_lengths(first: Mapping[int, int], second: Mapping[int, int], names: tuple[str, str]):
    """Two histograms of sentence lengths, each as the share of its own sentences, so that sizes do not matter."""
    last = max(*first, *second)
    width = max(2, -(-last // 60))
    figure = charts.new_figure(x="sentence length in tokens", y="share of sentences", height=320, is_percent=True)
    for histogram, name, colour, dash in zip(
        (first, second), names, (charts.accent(), charts.second()), ("solid", "dash"), strict=True
    ):
        binned, total = bin_lengths(histogram, width), sum(histogram.values())
        places = range(1, last + width, width)
        figure.add_scatter(
            x=[place + (width - 1) / 2 for place in places],
            y=[binned.get(place, 0) / total for place in places],
            name=charts.literal(charts.shorten(name)),
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2, "shape": "hvh"},
            customdata=[f"{place} to {place + width - 1}" for place in places],
            hovertemplate="%{customdata} tokens: %{y:.1%}<extra></extra>",
        )
    figure.update_yaxes(rangemode="tozero")
    return figure


def paired_bars(names: Sequence[str], shares: Mapping[str, Sequence[float]]):
    """Two bars for every label, one a corpus: shares (0-1)."""
    figure = charts.new_figure(x="share of its entities", height=100 + 46 * len(names))
    places = list(range(len(names)))
    for (corpus, values), (colour, pattern) in zip(
        shares.items(), ((charts.accent(), ""), (charts.second(), "/")), strict=True
    ):
        figure.add_bar(
            x=list(values),
            y=places,
            orientation="h",
            name=charts.literal(charts.shorten(corpus)),
            marker={"color": colour, "pattern": {"shape": pattern, "fgcolor": charts.ground(), "fillmode": "overlay"}},
            customdata=[charts.literal(charts.shorten(name, 80)) for name in names],
            hovertemplate="%{customdata}: %{x:.1%}<extra></extra>",
        )
    ticks = {"tickvals": places, "ticktext": [charts.literal(charts.shorten(name)) for name in names]}
    figure.update_yaxes(autorange="reversed", title="", showgrid=False, fixedrange=True, **ticks)
    figure.update_xaxes(fixedrange=True, tickformat=".0%", rangemode="tozero")
    figure.update_layout(barmode="group", legend={"traceorder": "normal"}, margin={"t": 40})
    return figure


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


def length_figure(binned: Mapping[int, int], width: int, summary: Mapping[str, float], cut: LengthCut):
    """Sentences by length, the mean, and the line behind which tokens are cut off."""
    last = max(int(summary["max"]), cut.max_length)
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
    highest = max(binned.values(), default=1)
    figure.update_layout(margin={"t": 32}, bargap=0, hovermode="x")  # the whole column can be clicked
    figure.update_xaxes(range=[0, 1.02 * last + 1], fixedrange=True)
    figure.update_yaxes(range=[0, 1.25 * highest], fixedrange=True)  # room for the names
    whole_numbers(figure.update_yaxes, highest)
    return figure


def bin_width(summary: Mapping[str, float], cut: LengthCut) -> int:
    """How many lengths stand together in one bar, so that a bar is wide enough to be seen."""
    return -(-max(int(summary["max"]), cut.max_length) // MOST_BINS)


def length_words(summary: Mapping[str, float], cut: LengthCut) -> str:
    """The histogram in words."""
    return (
        f"Sentence lengths from {summary['min']} to {summary['max']} tokens, mean {summary['mean']:.1f}, half of them "
        f"up to {summary['median']:.0f}. The line stands at {cut.max_length}: {cut.n_cut_sentences:,} sentences are longer."
    )


def draw_line(figure, *, key: str, alt: str, last: int) -> int | None:
    """Draw the histogram so that a drag across it moves the line; return the length dragged to."""
    figure.update_layout(dragmode="select", selectdirection="h")
    figure.update_layout(newselection={"line": {"color": charts.second(), "width": 1, "dash": "dot"}})
    figure.update_traces(selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}})
    chosen = charts.show(figure, key=key, alt=alt, on_select="rerun", selection_mode="box")
    return dragged_to(chosen["selection"], last) if chosen else None


def dragged_to(selection: Mapping, last: int) -> int | None:
    """The length at which a drag across the chart ended on its right.

    >>> dragged_to({"box": [{"x": [3.2, 41.7]}]}, last=104), dragged_to({"box": []}, last=104)
    (41, None)
    """
    boxes = selection.get("box")
    return min(max(int(max(boxes[0]["x"])), 1), last) if boxes else None


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
