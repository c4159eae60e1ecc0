"""Plotly figures in the house's colours, each with words and a table beside it.

Use:

    figure = charts.new_figure(x="sentence length in tokens", y="sentences", height=320)
    figure.add_bar(x=..., y=..., marker_color=charts.accent())
    charts.floor_line(figure, 0.707, "most-frequent tag")           # grey, named on the chart
    charts.show(figure, key="lengths", alt="Most sentences have 15 to 30 tokens.", table={"length": [...], ...})

`label_bars` draws one bar a label in the labels' own colours. Figures keep zoom and hidden lines while they
update (`uirevision`), can be hovered, and downloaded as a picture. Plotly is loaded when first used.
Bigger figures live in files of their own: `charts_explore`, `charts_train`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from pages._ui import session

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_INK = {"light": "#1c2126", "dark": "#e8eaec"}
_GRID = {"light": "#e6e9ec", "dark": "#2e353a"}
_ACCENT = {"light": "#1f5f8b", "dark": "#7db7de"}
_SECOND = {"light": "#b3541e", "dark": "#eda36f"}
_O_GROUND = "#c6cbd0"  # bars of "O": no entity, no hue
_ON_PASTEL = "#1b1b1f"
_PATTERNS = {"": "", "rising": "/", "falling": "\\", "level": "-", "upright": "|"}
_FLOOR = {"light": "#70787f", "dark": "#9aa2a9"}


def accent() -> str:
    """The one accent colour: the first line of a chart (e.g. training)."""
    return _ACCENT[session.theme()]


def second() -> str:
    """The colour of a second line beside the accent (e.g. validation)."""
    return _SECOND[session.theme()]


def floor() -> str:
    """The grey of floor lines."""
    return _FLOOR[session.theme()]


def new_figure(*, x: str = "", y: str = "", height: int = 320, is_percent: bool = False) -> Figure:
    """Return an empty figure: axis titles, quiet grid, the theme's ink; `is_percent` writes y as 84 %."""
    from plotly.graph_objects import Figure

    theme = session.theme()
    figure = Figure()
    axis = {"gridcolor": _GRID[theme], "zeroline": False, "linecolor": _GRID[theme], "automargin": True}
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": _INK[theme], "size": 14},
        xaxis={**axis, "title": x},
        yaxis={**axis, "title": y, **({"tickformat": ".0%"} if is_percent else {})},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        hoverlabel={"font": {"size": 14}},
        bargap=0.15,
        uirevision="keep",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": _FLOOR[theme], "activecolor": _ACCENT[theme]},
        colorway=[_ACCENT[theme], _SECOND[theme], _FLOOR[theme]],
    )
    return figure


def floor_line(figure: Figure, y: float, name: str) -> None:
    """Draw a grey dotted line across the figure with its name on it: what no learning reaches already."""
    figure.add_hline(
        y=y,
        line={"color": floor(), "dash": "dot", "width": 1.5},
        annotation={"text": f"{name} {y:.1%}".replace("%", " %"), "font": {"color": floor(), "size": 13}},
        annotation_position="top left",
    )


def label_bars(
    values: Mapping[str, float], *, x: str = "", height: int | None = None, text: Sequence[str] | None = None
) -> Figure:
    """One horizontal bar a label, in the label's own colour, in the order given."""
    from ner_core.show.highlight import Colour, label_colours

    labels = list(values)
    colours = label_colours(label for label in labels if label != "O")
    no_entity = Colour(_O_GROUND, _ON_PASTEL, floor())
    looks = [colours.get(label, no_entity) for label in labels]
    figure = new_figure(x=x, height=height or 60 + 34 * max(len(labels), 1))
    figure.add_bar(
        x=list(values.values()),
        y=[literal(label) for label in labels],
        orientation="h",
        marker={
            "color": [look.ground for look in looks],
            "line": {"color": [look.border for look in looks], "width": 1.5},
            "pattern": {"shape": [_PATTERNS[look.pattern] for look in looks], "fgcolor": "#ffffff"},
        },
        text=text or [f"{value:,.0f}" for value in values.values()],
        textposition="auto",
        insidetextfont={"color": _ON_PASTEL},
        outsidetextfont={"color": _INK[session.theme()]},
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    figure.update_xaxes(tickformat=",")
    figure.update_yaxes(autorange="reversed", title="")
    return figure


def literal(text: str) -> str:
    """Escape what Plotly would read as HTML in a label or a word.

    >>> literal("<b>&")
    '&lt;b&gt;&amp;'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def show(figure: Figure, *, key: str, alt: str, table: Mapping[str, Sequence] | None = None, **options):
    """Draw a figure with its text alternative; `table` = its numbers, folded below. Returns a selection if asked for."""
    chosen = st.plotly_chart(
        figure,
        key=key,
        alt=alt,
        theme=None,
        width="stretch",
        config={
            "displaylogo": False,
            "modeBarButtonsToRemove": ["lasso2d", "select2d"],
            "toImageButtonOptions": {"filename": key},
        },
        **options,
    )
    if table:
        with st.expander("The same as a table"):
            st.dataframe(table, hide_index=True, width="stretch")
    return chosen
