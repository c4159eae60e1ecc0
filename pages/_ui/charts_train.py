"""The curves of one run: loss, accuracy, entity F1.

Use: `charts_train.loss(record)`, `.accuracy(record, is_published=...)`, `.entity_f1(record, with_both=...)`: each draws one
chart with its words and its table. Heights are fixed, the x-axis shows what has run, and zoom survives an
update (`uirevision` is the run's id).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pages._ui import charts
from pages._ui.train_record import RunRecord, thin
from pages._ui.widgets import number, percent

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

HEIGHT = 340


def loss(record: RunRecord) -> None:
    """Training loss by step, raw (faint) and smoothed; validation loss at the end of each epoch."""
    figure = _new(record, x="step", y="loss (nats a token)")
    chosen = thin(len(record.steps))
    steps = [record.steps[i] for i in chosen]
    raw, smooth = [record.losses[i] for i in chosen], [record.smoothed[i] for i in chosen]
    line = {"color": charts.accent(), "width": 1}
    figure.add_scatter(x=steps, y=raw, name="training, each step", mode="lines", line=line, opacity=0.35)
    _line(figure, steps, smooth, "training, smoothed", mode="lines")
    measured = [epoch for epoch in record.epochs if math.isfinite(epoch.dev_loss)]
    _line(
        figure,
        [epoch.step for epoch in measured],
        [epoch.dev_loss for epoch in measured],
        "validation",
        colour=charts.second(),
    )
    said = f"Training loss {smooth[-1]:.3f} after {number(record.step)} steps." if smooth else "No step is done yet."
    if measured:
        said += f" Validation loss {measured[-1].dev_loss:.3f} after epoch {measured[-1].epoch}."
    table = {
        "epoch": [epoch.epoch for epoch in record.epochs],
        "step": [epoch.step for epoch in record.epochs],
        "training loss": [_figures(epoch.train_loss) for epoch in record.epochs],
        "validation loss": [_figures(epoch.dev_loss) for epoch in record.epochs],
    }
    charts.show(figure, key="curve_loss", alt=f"Loss by step. {said}", table=table)


def accuracy(record: RunRecord, *, is_published: bool) -> None:
    """Accuracy as the tutorials count it, over real tokens, and what saying O everywhere reaches."""
    figure = _new(record, x="epoch", y="accuracy")
    figure.update_yaxes(tickformat=".1%")
    x = [epoch.epoch for epoch in record.epochs]
    train = [epoch.train_accuracy for epoch in record.epochs]
    padded = [epoch.dev_accuracy if is_published else epoch.dev.padded_accuracy for epoch in record.epochs]
    tokens = [epoch.dev.token_accuracy for epoch in record.epochs]
    _line(figure, x, train, "training", dash="dash", hover=".2%")
    _line(figure, x, padded, "validation, padding counted", hover=".2%")
    _line(figure, x, tokens, "validation, tokens alone", colour=charts.second(), hover=".2%")
    floors = []
    if record.floors:
        all_o = record.floors.all_o
        floors = [("all-O, padding counted", all_o.padded_accuracy), ("all-O, tokens alone", all_o.token_accuracy)]
    for name, value in floors:
        charts.floor_line(figure, value, name)
    values = [value for value in [*train, *padded, *tokens, *(value for _, value in floors)] if math.isfinite(value)]
    figure.update_yaxes(range=[max(0.0, min(values, default=0.8) - 0.03), 1.01])
    said = f"After epoch {x[-1]}: {percent(padded[-1])} with padding, {percent(tokens[-1])} of tokens." if x else ""
    n_tokens = record.epochs[-1].dev.n_tokens if x else 0
    table = {
        "epoch": x,
        "training": [_share(value) for value in train],
        "validation, padding counted": [_share(value) for value in padded],
        "validation, tokens alone": [_share(value) for value in tokens],
        "tokens": [n_tokens] * len(x),
    }
    charts.show(figure, key="curve_accuracy", alt=f"Accuracy by epoch. {said or 'No epoch is done yet.'}", table=table)


def entity_f1(record: RunRecord, *, with_both: bool) -> None:
    """Entity F1 by epoch over the floor lines, the kept epoch marked; `with_both` adds precision and recall."""
    figure = _new(record, x="epoch", y="entity F1")
    figure.update_yaxes(range=[-0.02, 1.02], tickformat=".0%")
    x, dev = [epoch.epoch for epoch in record.epochs], [epoch.dev for epoch in record.epochs]
    if with_both:
        _line(figure, x, [r.precision for r in dev], "precision", colour=charts.second(), dash="dash", hover=".1%")
        _line(figure, x, [r.recall for r in dev], "recall", colour=charts.second(), dash="dot", hover=".1%")
    figure.add_scatter(
        x=x,
        y=[report.f1 for report in dev],
        customdata=[[r.precision, r.recall, r.overall.n_gold] for r in dev],
        name="entity F1",
        mode="lines+markers",
        line={"color": charts.accent(), "width": 2.5},
        marker={"size": 7},
        hovertemplate="epoch %{x}: F1 %{y:.1%}<br>precision %{customdata[0]:.1%}, recall %{customdata[1]:.1%}"
        "<br>%{customdata[2]:,} names<extra></extra>",
    )
    if record.floors:
        charts.floor_line(figure, record.floors.most_frequent_tag.f1, "most-frequent tag")
        charts.floor_line(figure, record.floors.all_o.f1, "all-O")
    if record.best:
        _mark_best(figure, record)
    said = "No epoch is done yet."
    if record.best:
        best = record.best
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
    charts.show(figure, key="curve_f1", alt=f"Entity F1 by epoch. {said}", table=table)


def _mark_best(figure: Figure, record: RunRecord) -> None:
    """Ring the epoch that is kept and say so beside it."""
    best = record.best
    figure.add_scatter(
        x=[best.epoch],
        y=[best.dev.f1],
        name="kept",
        mode="markers",
        showlegend=False,
        marker={"symbol": "circle-open", "size": 16, "color": charts.accent(), "line": {"width": 2}},
        hoverinfo="skip",
    )
    figure.add_annotation(
        x=best.epoch,
        y=best.dev.f1,
        text=f"kept: {percent(best.dev.f1)}",
        showarrow=False,
        yshift=-20 if best.dev.f1 > 0.15 else 20,
        xanchor="right" if best.epoch > 1 else "left",
        font={"color": charts.accent(), "size": 13},
    )


def _new(record: RunRecord, *, x: str, y: str) -> Figure:
    """An empty figure of the run; an axis of epochs shows whole numbers, from 1 to what has run."""
    figure = charts.new_figure(x=x, y=y, height=HEIGHT)
    legend = {"font": {"size": 12}, "yanchor": "top", "y": -0.3}  # below: the buttons appear above the curves
    figure.update_layout(uirevision=record.run_id, hovermode="closest", legend=legend)
    if x == "epoch":
        n = len(record.epochs)
        figure.update_xaxes(range=[0.7, max(n, 1) + 0.3], dtick=max(1, math.ceil(n / 10)))
    else:
        figure.update_xaxes(rangemode="tozero")
    return figure


def _line(
    figure: Figure, x: list, y: list, name: str, *, colour: str = "", dash: str = "solid", mode: str = "", hover=".3f"
) -> None:
    """Add one named line; what is not a number leaves a gap."""
    figure.add_scatter(
        x=x,
        y=[value if math.isfinite(value) else None for value in y],
        name=name,
        mode=mode or "lines+markers",
        line={"color": colour or charts.accent(), "width": 2.5, "dash": dash},
        marker={"size": 7},
        hovertemplate=f"{figure.layout.xaxis.title.text} %{{x}}: %{{y:{hover}}}<extra>{name}</extra>",
    )


def _figures(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "none"


def _share(value: float) -> str:
    return percent(value) if math.isfinite(value) else "none"
