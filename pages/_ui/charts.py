"""Plotly figures in the house's colours, each with words and a table beside it.

Use:

    figure = charts.new_figure(x="sentence length in tokens", y="sentences", height=320)
    figure.add_bar(x=..., y=..., marker_color=charts.accent())
    charts.show(figure, key="lengths", alt="Most sentences have 15 to 30 tokens.", table={"length": [...], ...})

`bars` draws one bar a name, in its label's colours. Figures keep zoom and hidden lines while they
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

    from ner_core.show.highlight import Colour

_INK = {"light": "#1c2126", "dark": "#e8eaec"}
_GRID = {"light": "#e6e9ec", "dark": "#2e353a"}
_ACCENT = {"light": "#1f5f8b", "dark": "#7db7de"}
_SECOND = {"light": "#b3541e", "dark": "#eda36f"}
_GROUND = {"light": "#ffffff", "dark": "#15181b"}
_ON_PASTEL = "#1b1b1f"  # words on a label's colour, in both themes
_PATTERNS = {"": "", "rising": "/", "falling": "\\", "level": "-", "upright": "|"}
_FLOOR = {"light": "#70787f", "dark": "#9aa2a9"}


def accent() -> str:
    """The one accent colour: the first line of a chart (e.g. training)."""
    return _ACCENT[session.theme()]


def second() -> str:
    """The colour of a second line beside the accent (e.g. validation)."""
    return _SECOND[session.theme()]


def of_label(look: Colour) -> str:
    """The colour of a label's line: its border on a light page, its ground on a dark one."""
    return look.ground if session.theme() == "dark" else look.border


def floor() -> str:
    """The grey of floor lines."""
    return _FLOOR[session.theme()]


def ink() -> str:
    """The colour of words and numbers."""
    return _INK[session.theme()]


def grid() -> str:
    """The colour of the quiet lines behind a chart."""
    return _GRID[session.theme()]


def ground() -> str:
    """The colour of the page behind a chart."""
    return _GROUND[session.theme()]


def new_figure(*, x: str = "", y: str = "", height: int = 320, is_percent: bool = False) -> Figure:
    """Return an empty figure: axis titles, quiet grid, the theme's ink; `is_percent` writes y as 84 %."""
    from plotly.graph_objects import Figure

    figure = Figure()
    axis = {"gridcolor": grid(), "zeroline": False, "linecolor": grid(), "automargin": True}
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": ink(), "size": 14},
        xaxis={**axis, "title": x},
        yaxis={**axis, "title": y, **({"tickformat": ".0%"} if is_percent else {})},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        hoverlabel={"font": {"size": 14}},
        bargap=0.15,
        uirevision="keep",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": floor(), "activecolor": accent()},
        colorway=[accent(), second(), floor()],
    )
    return figure


def bars(
    values: Mapping[str, float],
    colour_of: Mapping[str, Colour],
    *,
    x: str = "",
    text: Sequence[str] | None = None,
    inside_from: float = 0.2,
) -> Figure:
    """One horizontal bar a name, in the order given; `colour_of` = name -> Colour, grey where it has none.

    Long names are shortened. `text` stands in a coloured bar that is longer than `inside_from` of the longest.
    """
    names, lengths = list(values), list(values.values())
    largest, looks = max(lengths, default=0) or 1, [colour_of.get(name) for name in names]
    is_inside = [bool(look) and length > inside_from * largest for look, length in zip(looks, lengths, strict=True)]
    figure = new_figure(x=x, height=80 + 30 * len(names))
    figure.add_bar(
        x=lengths,
        y=list(range(len(names))),  # two shortened names may be the same
        orientation="h",
        marker={
            "color": [look.ground if look else floor() for look in looks],
            "line": {"color": [look.border if look else floor() for look in looks], "width": 1.5},
            "pattern": {
                "shape": [_PATTERNS[look.pattern] if look else "" for look in looks],
                "fgcolor": "#ffffff",
                "fillmode": "overlay",
            },
        },
        customdata=[literal(shorten(name, 80)) for name in names],
        text=text or [f"{length:,.0f}" for length in lengths],
        textposition=["inside" if inside else "outside" for inside in is_inside],
        insidetextfont={"color": _ON_PASTEL},
        outsidetextfont={"color": ink()},
        cliponaxis=False,
        hovertemplate="%{customdata}: %{text}<extra></extra>",
    )
    ticks = {"tickvals": list(range(len(names))), "ticktext": [literal(shorten(name)) for name in names]}
    figure.update_yaxes(autorange="reversed", title="", showgrid=False, fixedrange=True, **ticks)
    figure.update_xaxes(range=[0, 1.12 * largest], tickformat=",", fixedrange=True)
    return figure


def shorten(text: str, n: int = 28) -> str:
    """
    >>> shorten("International Atomic Energy Agency", 16)
    'International A…'
    """
    text = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return text if len(text) <= n else text[: n - 1] + "…"


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
