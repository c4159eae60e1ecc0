"""The curves of one run: loss, entity F1, F1 by label, and five claims about one model.

Use: `charts_train.loss(record)`, `.entity_f1(record, with_both=...)`, `.f1_by_label(record)`, `.score_wall(record)`: each
draws one chart with its words; `.numbers(record)` is the table of all. Heights are fixed; the x-axis shows what has run.

These are Vega-Lite charts where the other pages have Plotly's: Streamlit builds a Plotly chart anew whenever a
number in it changes, so that zoom is lost and a browser is busy with nothing else; a Vega-Lite chart whose
specification and `alt` stay the same is only handed the new numbers. Hence everything that changes is in the rows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from ner_core.records import GMB_LABELS, Counts, EpochDone, Report
from ner_core.show.highlight import label_colours
from pages._ui import charts
from pages._ui.train_record import RunRecord, thin
from pages._ui.widgets import number, percent, plain

HEIGHT = 320
MAX_LABELS = 12  # lines on the chart by label
TABLE_STEPS = 50  # rows of the table by step
HOW_TO_ZOOM = "Curves: Ctrl and wheel zooms, dragging moves, a double click shows all again."

Rows = list[dict]  # series, kind ("line", "dot", "floor", "kept", "told"), x, y, note

_SOLID, _DASHED, _DOTTED = [1, 0], [6, 4], [2, 3]
_DASHES = (_DASHED, _SOLID, _DOTTED, [8, 3, 2, 3])  # four claims of one hue
_FAINT = "66"  # behind a colour: two fifths of it


# --- the charts -------------------------------------------------------------------------


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
    said = "No step is done yet."
    if smooth:
        said = f"Training loss {smooth[-1]:.3f} after {number(record.step)} step{'' if record.step == 1 else 's'}."
    if measured:
        said += f" Validation loss {measured[-1].dev_loss:.3f} after epoch {measured[-1].epoch}."
    rows += [
        {
            "series": "early" if told.step < record.step / 2 else "late",
            "kind": "told",
            "x": told.step,
            "y": None,
            "note": f"rate {told.value:.2g}",
        }
        for told in record.rates
    ]
    looks = {
        "training, each step": (charts.accent() + _FAINT, _SOLID),
        "training, smoothed": (charts.accent(), _SOLID),
        "validation": (charts.second(), _SOLID),
    }
    spec = _spec("step", "loss (nats a token)", looks, points=("validation",))
    _show(spec, rows, key="curve_loss", alt="Training and validation loss by step", said=said)


@dataclass(frozen=True)
class Claim:
    """One number people print for a model: what it is called, of an epoch, what saying O everywhere reaches, in words."""

    name: str
    of: Callable[[EpochDone], float]
    floor: Callable[[Report], float]
    words: str


def _floor_of_weighted(all_o: Report) -> float:
    """Saying O everywhere: precision is the share of O, recall 1, and every other tag has F1 0."""
    share = all_o.token_accuracy
    return share * 2 * share / (1 + share)


CLAIMS = (
    Claim("accuracy, padded", lambda epoch: epoch.dev.padded_accuracy, lambda all_o: all_o.padded_accuracy,
          "Cells tagged right, the padding behind short sentences included."),
    Claim("accuracy", lambda epoch: epoch.dev.token_accuracy, lambda all_o: all_o.token_accuracy,
          "Words tagged right; most words are O, and saying O is mostly right."),
    Claim("weighted F1 with O", lambda epoch: epoch.weighted_f1, _floor_of_weighted,
          "F1 by tag, averaged by how frequent the tag is: O decides."),
    Claim("accuracy without O", lambda epoch: epoch.accuracy_without_o, lambda all_o: 0.0,
          "Of the words that belong to a name, those with the right tag; false alarms cost nothing."),
    Claim("entity F1", lambda epoch: epoch.dev.f1, lambda all_o: all_o.f1,
          "Whole names with both edges and the label right: the number that counts."),
)  # fmt: skip


def score_wall(record: RunRecord) -> None:
    """Five claims of one model by epoch, and what saying O everywhere reaches in each."""
    rows, x, all_o = [], [epoch.epoch for epoch in record.epochs], record.floors.all_o if record.floors else None
    for claim in CLAIMS:
        rows += _line(claim.name, x, [claim.of(epoch) for epoch in record.epochs], "epoch", percent)
        if all_o:
            rows.append({**_floor(claim.name, claim.floor(all_o)), "note": ""})
    said = "No epoch is done yet."
    if record.epochs:
        last = record.epochs[-1]
        shares = {claim.name: claim.of(last) for claim in CLAIMS}
        most = max(shares, key=lambda name: (math.isfinite(shares[name]), shares[name]))
        said = f"After epoch {last.epoch}: {most} {percent(shares[most])}, but entity F1 {percent(last.dev.f1)}."
    if all_o:
        said += " Dotted, grey: what saying O everywhere reaches."
    looks = {claim.name: (charts.second(), dash) for claim, dash in zip(CLAIMS, _DASHES, strict=False)}
    looks |= {CLAIMS[-1].name: (charts.accent(), _SOLID)}
    spec = _spec("epoch", "share", looks, points=tuple(looks), y_axis={"format": ".0%"}, y_scale={"domain": [0, 1]})
    _show(spec, rows, key="curve_wall", alt="Five claims about one model by epoch", said=said)


def f1_by_label(record: RunRecord) -> None:
    """Entity F1 of each label by epoch, in the label's colour; of many labels the most frequent."""
    known = record.floors.most_frequent_tag.by_label if record.floors else {}
    frequent = sorted(known, key=lambda label: -known[label].n_gold)[:MAX_LABELS]
    labels = [
        *(label for label in GMB_LABELS if label in frequent),
        *(each for each in frequent if each not in GMB_LABELS),
    ]
    rows, colours, names = [], label_colours(known), _names(labels)
    for label in labels:
        found = [(epoch.epoch, epoch.dev.by_label[label]) for epoch in record.epochs if label in epoch.dev.by_label]
        line = _line(names[label], [x for x, _ in found], [counts.f1 for _, counts in found], "epoch", percent)
        for row, (_, counts) in zip(line, found, strict=True):
            row["note"] += f" of {number(counts.n_gold)} names"
        rows += line
    said = "No epoch is done yet."
    if record.epochs and labels:
        last = record.epochs[-1].dev.by_label
        told = (
            f"{names[label]} {percent(last[label].f1)} of {number(last[label].n_gold)}"
            for label in labels
            if label in last
        )
        said = f"After epoch {record.epochs[-1].epoch}: {', '.join(told)} names."
    if len(known) > len(labels):
        said += f" The {len(labels)} most frequent of {number(len(known))} labels; the numbers below have all."
    looks = {
        names[label]: (charts.of_label(colours[label]), _DASHED if colours[label].pattern else _SOLID)
        for label in labels
    }
    spec = _spec(
        "epoch",
        "entity F1",
        looks,
        points=tuple(looks),
        y_axis={"format": ".0%"},
        y_scale={"domain": [0, 1]},
        columns=4,
    )
    _show(spec, rows, key="curve_labels", alt="Entity F1 of each label by epoch", said=said)


def _names(labels: Sequence[str], n: int = 24) -> dict[str, str]:
    """Label -> what it is called on a chart; those that are alike when cut to `n` characters are numbered.

    >>> _names(["geo", "name-of-a-place", "name-of-a-person"], 10)
    {'geo': 'geo', 'name-of-a-place': 'name-of-a…', 'name-of-a-person': 'name-of-a… 2'}
    """
    names: dict[str, str] = {}  # what it is called -> label
    for label in labels:
        short = name = charts.shorten(label, n)
        copies = 1
        while name in names:
            copies += 1
            name = f"{short} {copies}"
        names[name] = label
    return {label: name for name, label in names.items()}


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
    spec = _spec("epoch", "entity F1", looks, points=tuple(looks), y_axis={"format": ".0%"}, y_scale={"domain": [0, 1]})
    _show(spec, rows, key="curve_f1", alt="Entity F1 by epoch over its floor lines", said=said)


def numbers(record: RunRecord) -> None:
    """All that the curves show, as tables: by epoch, and some of the steps."""
    labels = sorted({label for epoch in record.epochs for label in epoch.dev.by_label})
    names = _names(labels, 28)
    by_epoch = {
        "epoch": [epoch.epoch for epoch in record.epochs],
        "step": [epoch.step for epoch in record.epochs],
        "seconds": [round(epoch.seconds, 1) for epoch in record.epochs],
        "training loss": [_figures(epoch.train_loss) for epoch in record.epochs],
        "validation loss": [_figures(epoch.dev_loss) for epoch in record.epochs],
        "precision": [percent(epoch.dev.precision) for epoch in record.epochs],
        "recall": [percent(epoch.dev.recall) for epoch in record.epochs],
        **{claim.name: [_share(claim.of(epoch)) for epoch in record.epochs] for claim in reversed(CLAIMS)},
        "training accuracy": [_share(epoch.train_accuracy) for epoch in record.epochs],
        "names": [epoch.dev.overall.n_gold for epoch in record.epochs],
        **{
            f"F1 {names[label]} ({number(record.epochs[-1].dev.by_label.get(label, Counts()).n_gold)})": [
                percent(epoch.dev.by_label.get(label, Counts()).f1) for epoch in record.epochs
            ]
            for label in labels
        },
    }
    chosen = thin(len(record.steps), TABLE_STEPS)
    by_step = {
        "step": [record.steps[i] for i in chosen],
        "training loss": [_figures(record.losses[i]) for i in chosen],
        "smoothed": [_figures(record.smoothed[i]) for i in chosen],
    }
    with st.expander("Numbers", key="curve_numbers"):
        st.caption("By epoch, on dev")
        st.dataframe(by_epoch, hide_index=True, width="stretch")
        st.caption("By step")
        st.dataframe(by_step, hide_index=True, width="stretch", height=240)


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
    x: str,
    y: str,
    looks: Mapping[str, tuple],
    *,
    points: Sequence[str],
    y_axis: dict | None = None,
    y_scale: dict | None = None,
    columns: int = 2,
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
    legend = {"orient": "bottom", "title": None, "columns": columns, "labelLimit": 0, "symbolType": "stroke"}

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
    is_dotted = f"indexof({json.dumps(list(points))}, datum.series) >= 0"
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
        "layer": [lines, dots, *_floors(at_y), *_told(at_x), *_kept(at_x, at_y)],
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


def _told(at_x: dict) -> list[dict]:
    """Where a person has changed the learning rate: an upright line and the new rate."""
    chosen, place = {"filter": "datum.kind == 'told'"}, {"x": at_x, "y": {"value": 4}}
    early, late = {"filter": "datum.series == 'early'"}, {"filter": "datum.series != 'early'"}
    rule = {"type": "rule", "color": charts.floor(), "strokeDash": _DASHED}
    return [
        {"transform": [chosen], "mark": rule, "encoding": {"x": at_x}},
        *_words([chosen, early], place, charts.floor(), align="left", baseline="top", dx=4),
        *_words([chosen, late], place, charts.floor(), align="right", baseline="top", dx=-4),
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


def _show(spec: dict, rows: Rows, *, key: str, alt: str, said: str) -> None:
    """Draw the chart, and what it says in words.

    `alt` names the chart and never changes (another one would build it anew); `said` has the numbers of now.
    """
    columns = {name: [row[name] for row in rows] for name in ("series", "kind", "x", "y", "note")}
    for axis in ("x", "y"):
        columns[axis] = [math.nan if value is None else float(value) for value in columns[axis]]
    zoom = {"on_select": "rerun", "selection_mode": "zoom"}  # a zoom nobody asks for is undone by the next update
    st.vega_lite_chart(columns, spec, key=key, alt=alt, theme=None, width="stretch", height=HEIGHT, **zoom)
    st.caption(plain(said))


def _figures(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "none"


def _share(value: float) -> str:
    return percent(value) if math.isfinite(value) else "none"
