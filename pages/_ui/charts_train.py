"""The curves of one run: loss, accuracy, entity F1.

Use: `charts_train.loss(record)`, `.accuracy(record, is_published=...)`, `.entity_f1(record, with_both=...)`: each
draws one chart with its words and its table. Heights are fixed; the x-axis shows what has run.

These are Vega-Lite charts where the other pages have Plotly's: Streamlit builds a Plotly chart anew whenever a
number in it changes, so that zoom is lost and a browser is busy with nothing else; a Vega-Lite chart whose
specification and `alt` stay the same is only handed the new numbers. Hence everything that changes is in the rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from pages._ui import charts
from pages._ui.train_record import RunRecord, thin
from pages._ui.widgets import number, percent

HEIGHT = 320
HOW_TO_ZOOM = "Curves: Ctrl and wheel zooms, dragging moves, a double click shows all again."

Rows = list[dict]  # series, kind ("line", "dot", "floor", "kept"), x, y, note

_SOLID, _DASHED, _DOTTED = [1, 0], [6, 4], [2, 3]
_FAINT = "66"  # behind a colour: two fifths of it


# --- the three charts -------------------------------------------------------------------


def loss(record: RunRecord) -> None:
    """Training loss by step, raw (faint) and smoothed; validation loss at the end of each epoch."""
    chosen = thin(len(record.steps))
    steps = [record.steps[i] for i in chosen]
    smooth = [record.smoothed[i] for i in chosen]
    measured = [epoch for epoch in record.epochs if math.isfinite(epoch.dev_loss)]
    rows = [
        *_line("training, each step", steps, [record.losses[i] for i in chosen], "step", "{:.3f}".format),
        *_line("training, smoothed", steps, smooth, "step", "{:.3f}".format),
        *_line("validation", [e.step for e in measured], [e.dev_loss for e in measured], "step", "{:.3f}".format),
    ]
    if len(steps) < 3:  # a line of one point draws nothing
        rows += [{**row, "kind": "dot"} for row in rows if row["series"] == "training, smoothed"]
    said = f"Training loss {smooth[-1]:.3f} after {number(record.step)} steps." if smooth else "No step is done yet."
    if measured:
        said += f" Validation loss {measured[-1].dev_loss:.3f} after epoch {measured[-1].epoch}."
    table = {
        "epoch": [epoch.epoch for epoch in record.epochs],
        "step": [epoch.step for epoch in record.epochs],
        "training loss": [_figures(epoch.train_loss) for epoch in record.epochs],
        "validation loss": [_figures(epoch.dev_loss) for epoch in record.epochs],
    }
    looks = {
        "training, each step": (charts.accent() + _FAINT, _SOLID),
        "training, smoothed": (charts.accent(), _SOLID),
        "validation": (charts.second(), _SOLID),
    }
    spec = _spec("step", "loss (nats a token)", looks, points=("validation",))
    _show(spec, rows, key="curve_loss", alt="Training and validation loss by step", said=said, table=table)


def accuracy(record: RunRecord, *, is_published: bool) -> None:
    """Accuracy as the tutorials count it, over real tokens, and what saying O everywhere reaches."""
    x = [epoch.epoch for epoch in record.epochs]
    train = [epoch.train_accuracy for epoch in record.epochs]
    padded = [epoch.dev_accuracy if is_published else epoch.dev.padded_accuracy for epoch in record.epochs]
    tokens = [epoch.dev.token_accuracy for epoch in record.epochs]
    rows = [
        *_line("training", x, train, "epoch", _two),
        *_line("validation, padded", x, padded, "epoch", _two),
        *_line("validation, tokens", x, tokens, "epoch", _two),
    ]
    if record.floors:
        all_o = record.floors.all_o
        rows += [_floor("all-O, padded", all_o.padded_accuracy), _floor("all-O", all_o.token_accuracy)]
    said = "No epoch is done yet."
    if x:
        said = f"After epoch {x[-1]}: {percent(padded[-1])} with padding, {percent(tokens[-1])} of {number(record.epochs[-1].dev.n_tokens)} tokens."
    table = {
        "epoch": x,
        "training": [_share(value) for value in train],
        "validation, padded": [_share(value) for value in padded],
        "validation, tokens": [_share(value) for value in tokens],
        "tokens": [epoch.dev.n_tokens for epoch in record.epochs],
    }
    looks = {
        "training": (charts.accent(), _DASHED),
        "validation, padded": (charts.accent(), _SOLID),
        "validation, tokens": (charts.second(), _SOLID),
    }
    spec = _spec("epoch", "accuracy", looks, points=tuple(looks), y_axis={"format": ".0%"}, y_scale={"zero": False})
    _show(spec, rows, key="curve_accuracy", alt="Accuracy by epoch over its floor lines", said=said, table=table)


def entity_f1(record: RunRecord, *, with_both: bool) -> None:
    """Entity F1 by epoch over the floor lines, the kept epoch marked; `with_both` adds precision and recall."""
    x, dev, best = [epoch.epoch for epoch in record.epochs], [epoch.dev for epoch in record.epochs], record.best
    rows = _line("entity F1", x, [report.f1 for report in dev], "epoch", percent)
    for row, report in zip(rows, dev, strict=True):
        row["note"] += f", precision {percent(report.precision)}, recall {percent(report.recall)}"
        row["note"] += f" ({number(report.overall.n_gold)} names)"
    looks = {"entity F1": (charts.accent(), _SOLID)}
    if with_both:
        rows += _line("precision", x, [report.precision for report in dev], "epoch", percent)
        rows += _line("recall", x, [report.recall for report in dev], "epoch", percent)
        looks |= {"precision": (charts.second(), _DASHED), "recall": (charts.second(), _DOTTED)}
    if record.floors:
        rows.append(_floor("most-frequent tag", record.floors.most_frequent_tag.f1))
        rows.append(_floor("all-O", record.floors.all_o.f1))
    if best:
        note = f"kept: {percent(best.dev.f1)}"
        rows.append({"series": "entity F1", "kind": "kept", "x": best.epoch, "y": best.dev.f1, "note": note})
    said = "No epoch is done yet."
    if best:
        said = (
            f"{percent(best.dev.f1)} at epoch {best.epoch}, the one kept, over {number(best.dev.overall.n_gold)} names."
        )
    table = {
        "epoch": x,
        "F1": [percent(report.f1) for report in dev],
        "precision": [percent(report.precision) for report in dev],
        "recall": [percent(report.recall) for report in dev],
        "names": [report.overall.n_gold for report in dev],
    }
    spec = _spec("epoch", "entity F1", looks, points=tuple(looks), y_axis={"format": ".0%"}, y_scale={"domain": [0, 1]})
    _show(spec, rows, key="curve_f1", alt="Entity F1 by epoch over its floor lines", said=said, table=table)


# --- rows ---------------------------------------------------------------------------------


def _line(series: str, x: Sequence, y: Sequence[float], unit: str, write: Callable) -> Rows:
    """The points of one line; what is not a number is left out.

    >>> _line("a", [1, 2], [0.5, math.nan], "epoch", percent)
    [{'series': 'a', 'kind': 'line', 'x': 1, 'y': 0.5, 'note': 'a, epoch 1: 50.0 %'}]
    """
    return [
        {"series": series, "kind": "line", "x": a, "y": b, "note": f"{series}, {unit} {a:,}: {write(b)}"}
        for a, b in zip(x, y, strict=True)
        if math.isfinite(b)
    ]


def _floor(name: str, y: float) -> dict:
    """A grey line with its name: what needs no learning."""
    return {"series": name, "kind": "floor", "x": None, "y": y, "note": f"{name} {percent(y)}"}


# --- the specification: the same as long as the run is looked at -----------------------------


def _spec(
    x: str, y: str, looks: Mapping[str, tuple], *, points: Sequence[str], y_axis: dict | None = None, y_scale=None
) -> dict:
    """Lines by series, floors and the kept epoch, all from one table of rows; `looks` = colour and dash."""
    names = list(looks)
    at_x = {
        "field": "x",
        "type": "quantitative",
        "title": x,
        "axis": {"format": ",d", "tickMinStep": 1, "tickCount": 6, "labelFlush": False},
        "scale": {"zero": x == "step", "nice": False, **({"padding": 24} if x == "epoch" else {})},
    }
    at_y = {"field": "y", "type": "quantitative", "title": y, "axis": y_axis or {}, "scale": y_scale or {}}
    legend = {"orient": "bottom", "title": None, "columns": 2, "labelLimit": 0, "symbolType": "stroke"}

    def by_series(values: list, **more) -> dict:
        return {"field": "series", "type": "nominal", "scale": {"domain": names, "range": values}, **more}

    lines = {
        "transform": [{"filter": "datum.kind == 'line'"}],
        "mark": {"type": "line", "strokeWidth": 2.5},
        "params": [
            {
                "name": "zoom",
                "select": {"type": "interval", "encodings": ["x"], "zoom": "wheel![event.ctrlKey]"},
                "bind": "scales",
            }
        ],
        "encoding": {
            "x": at_x,
            "y": at_y,
            "color": by_series([look[0] for look in looks.values()], legend=legend),
            "strokeDash": by_series([look[1] for look in looks.values()], legend=legend),
        },
    }
    is_dotted = f"indexof({list(points)}, datum.series) >= 0"
    dots = {
        "transform": [{"filter": "datum.kind == 'line' || datum.kind == 'dot'"}],
        "mark": {"type": "circle", "size": 70},
        "encoding": {
            "x": at_x,
            "y": at_y,
            "color": by_series([look[0] for look in looks.values()], legend=None),
            "opacity": {"condition": {"test": f"datum.kind == 'dot' || {is_dotted}", "value": 1}, "value": 0},
            "tooltip": {"field": "note", "type": "nominal", "title": " "},
        },
    }
    return {
        "height": HEIGHT - 110,
        "layer": [lines, dots, *_floors(at_y), *_kept(at_x, at_y)],
        "config": _config(),
    }


def _floors(at_y: dict) -> list[dict]:
    """Dotted grey lines with their names: beneath, where the curves leave room, or above at the very bottom."""
    chosen = {"filter": "datum.kind == 'floor'"}
    rule = {"type": "rule", "color": charts.floor(), "strokeDash": _DOTTED, "strokeWidth": 1.5}
    place, low, high = {"x": {"value": 4}, "y": at_y}, {"filter": "datum.y <= 0.1"}, {"filter": "datum.y > 0.1"}
    return [
        {"transform": [chosen], "mark": rule, "encoding": {"y": at_y}},
        *_words([chosen, low], place, charts.floor(), align="left", baseline="bottom", dy=-3),
        *_words([chosen, high], place, charts.floor(), align="left", baseline="top", dy=4),
    ]


def _kept(at_x: dict, at_y: dict) -> list[dict]:
    """A ring round the epoch that is kept, and its words (beneath, or above where there is no room)."""
    chosen, place = {"filter": "datum.kind == 'kept'"}, {"x": at_x, "y": at_y}
    ring = {"type": "point", "filled": False, "size": 260, "strokeWidth": 2, "color": charts.accent(), "opacity": 1}
    low, high = {"filter": "datum.y <= 0.2"}, {"filter": "datum.y > 0.2"}
    return [
        {"transform": [chosen], "mark": ring, "encoding": place},
        *_words([chosen, high], place, charts.accent(), align="right", dy=24, dx=6),
        *_words([chosen, low], place, charts.accent(), align="right", dy=-20, dx=6),
    ]


def _words(chosen: list[dict], place: dict, colour: str, **mark) -> list[dict]:
    """The rows' notes as text, over a thick outline in the ground's colour, so that lines do not cross the letters."""
    ground = charts.ground()
    mark = {"type": "text", "fontSize": 13, **mark}
    outline = {"stroke": ground, "strokeWidth": 4, "strokeJoin": "round", "color": ground}
    encoding = {**place, "text": {"field": "note", "type": "nominal"}}
    return [
        {"transform": chosen, "mark": {**mark, **look}, "encoding": encoding} for look in (outline, {"color": colour})
    ]


def _config() -> dict:
    """The theme's ink on a transparent ground."""
    ink, grid = charts.ink(), charts.grid()
    words = {
        "labelColor": ink,
        "titleColor": ink,
        "labelFontSize": 13,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
    }
    return {
        "background": "transparent",
        "font": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
        "view": {"stroke": None},
        "axis": {**words, "gridColor": grid, "domainColor": grid, "tickColor": grid},
        "legend": {**words, "labelFontSize": 12},
    }


def _show(spec: dict, rows: Rows, *, key: str, alt: str, said: str, table: Mapping[str, Sequence]) -> None:
    """Draw the chart, what it says in words and, folded, its table.

    `alt` names the chart and never changes (another one would build it anew); `said` has the numbers of now.
    """
    columns = {name: [row[name] for row in rows] for name in ("series", "kind", "x", "y", "note")}
    columns["x"] = [math.nan if x is None else float(x) for x in columns["x"]]
    zoom = {"on_select": "rerun", "selection_mode": "zoom"}  # a zoom nobody asks for is undone by the next update
    st.vega_lite_chart(columns, spec, key=key, alt=alt, theme=None, width="stretch", height=HEIGHT, **zoom)
    st.caption(said)
    with st.expander("The same as a table", key=f"{key}_table"):
        st.dataframe(table, hide_index=True, width="stretch")


def _two(ratio: float) -> str:
    """A share to two decimals: accuracies lie close together."""
    return percent(ratio, 2)


def _figures(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "none"


def _share(value: float) -> str:
    return percent(value) if math.isfinite(value) else "none"
