"""The figures of a comparison: curves over each other, scores by label, differences with their intervals.

Use: `curves(contenders, measure, over)`, `by_label(contenders, measured, labels)`, `intervals(letters, found)`: each draws one
figure with its words and its table. A run has one colour and one dash everywhere, and its letter stands beside its line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import streamlit as st

from ner_core.records import Counts, EpochDone
from ner_core.scores.comparison import Difference
from pages._ui import charts, session
from pages._ui.compare_work import Contender
from pages._ui.widgets import number, percent

_COLOURS = {
    "light": ("#1f5f8b", "#b3541e", "#4d7c2a", "#7a4fa3", "#a3285c", "#5f6368"),
    "dark": ("#7db7de", "#eda36f", "#a5cf7c", "#c3a3ec", "#f09ac0", "#b8bec4"),
}
_DASHES = ("solid", "dash", "dot", "dashdot")  # where the colours run out
_STRIPES = ("", "/", "\\", "x")

# what a curve shows -> how it is read from an epoch, and whether it is a share
MEASURES = {
    "Entity F1": (lambda epoch: epoch.dev.f1 if epoch.dev.overall.n_gold else math.nan, True),
    "Validation loss": (lambda epoch: epoch.dev_loss, False),
    "Training loss": (lambda epoch: epoch.train_loss, False),
    "Token accuracy": (lambda epoch: epoch.dev.token_accuracy if epoch.dev.n_tokens else math.nan, True),
}
# what it is shown over -> how it is read from an epoch
OVER = {
    "epochs": lambda epoch: epoch.epoch,
    "steps": lambda epoch: epoch.step,
    "seconds": lambda epoch: round(epoch.seconds, 2),
}


def colour(index: int) -> str:
    """The colour of the run with this place on the page."""
    shades = _COLOURS[session.theme()]
    return shades[index % len(shades)]


def _turn(index: int) -> int:
    return index // len(_COLOURS["light"]) % len(_DASHES)


# --- curves over each other -------------------------------------------------------------------


def curves(contenders: Sequence[Contender], measure: str, over: str) -> None:
    """One line a run, a point an epoch; each run's letter at the end of its line."""
    read, is_share = MEASURES[measure]
    write = percent if is_share else "{:.3f}".format
    x_title = {"epochs": "epoch", "steps": "step", "seconds": "training time in seconds"}[over]
    figure = charts.new_figure(x=x_title, y=measure, height=340, is_percent=is_share)
    said, table = [], {"run": [], x_title: [], measure: []}
    for index, contender in enumerate(contenders):
        points = _points(contender.record.epochs, OVER[over], read)
        if not points:
            continue
        x, y = zip(*points, strict=True)
        name = charts.literal(f"{contender.letter}: {charts.shorten(contender.run.name, 40)}")
        figure.add_scatter(
            x=x,
            y=y,
            name=contender.letter,
            mode="lines+markers+text",
            line={"color": colour(index), "width": 2.5, "dash": _DASHES[_turn(index)]},
            marker={"size": 7},
            text=[""] * (len(x) - 1) + [f"<b>{contender.letter}</b>"],
            textposition=("middle right", "top center", "bottom center")[index % 3],  # ends often lie close together
            textfont={"color": colour(index), "size": 15},
            cliponaxis=False,
            customdata=[write(value) for value in y],
            hovertemplate=f"{x_title} %{{x:,}}: %{{customdata}}<extra>{name}</extra>",
        )
        said.append(f"{contender.letter} ends at {write(y[-1])} ({x_title} {x[-1]:,})")
        table["run"] += [contender.letter] * len(x)
        table[x_title] += x
        table[measure] += [write(value) for value in y]
    if not said:
        st.caption(f"No epoch of these runs has told its {measure[0].lower()}{measure[1:]} yet.")
        return
    figure.update_layout(showlegend=True, margin={"r": 36})
    figure.update_xaxes(tickformat=",", **({"dtick": 1} if over == "epochs" and max(table[x_title]) <= 12 else {}))
    alt = f"{measure} by {over}: {'; '.join(said)}."
    charts.show(figure, key=f"compare_curve_{measure}", alt=alt, table=table)


def _points(epochs: Sequence[EpochDone], at, read) -> list[tuple]:
    """x and y of the epochs that have a number.

    >>> _points([1, 2, 3], int, {1: 0.5, 2: math.nan, 3: 0.7}.get)
    [(1, 0.5), (3, 0.7)]
    """
    return [(at(epoch), read(epoch)) for epoch in epochs if math.isfinite(read(epoch))]


# --- scores by label ------------------------------------------------------------------------------


def by_label(letters: Sequence[str], found: Sequence[Mapping[str, Counts]], labels: Sequence[str]) -> None:
    """Bars of entity F1, one a run at each label, with the number of gold names beside the label."""
    n_gold = {label: max(scores.get(label, Counts()).n_gold for scores in found) for label in labels}
    figure = charts.new_figure(x="entity F1", height=90 + len(labels) * (22 + 17 * len(letters)))
    for index, (letter, scores) in enumerate(zip(letters, found, strict=True)):
        counts = [scores.get(label, Counts()) for label in labels]
        figure.add_bar(
            x=[each.f1 for each in counts],
            y=list(range(len(labels))),
            orientation="h",
            name=letter,
            marker={"color": colour(index), "pattern": {"shape": _STRIPES[_turn(index)]}},
            text=[f"{letter} {percent(each.f1)}" for each in counts],
            textposition="outside",
            textfont={"color": charts.ink(), "size": 12},
            cliponaxis=False,
            customdata=[f"{number(c.tp)} of {number(c.n_gold)} found, {number(c.fp)} invented" for c in counts],
            hovertemplate="%{text}: %{customdata}<extra></extra>",
        )
    names = [f"{charts.literal(charts.shorten(label, 16))}<br>n {number(n_gold[label])}" for label in labels]
    figure.update_yaxes(
        autorange="reversed", tickvals=list(range(len(labels))), ticktext=names, showgrid=False, fixedrange=True
    )
    figure.update_xaxes(range=[0, 1.18], tickvals=[0, 0.25, 0.5, 0.75, 1], tickformat=".0%", fixedrange=True)
    figure.update_layout(barmode="group", showlegend=False, bargap=0.25)
    said = "; ".join(
        f"{label} ({number(n_gold[label])} names) "
        + ", ".join(
            f"{letter} {percent(scores.get(label, Counts()).f1)}" for letter, scores in zip(letters, found, strict=True)
        )
        for label in labels
    )
    table = {"label": list(labels), "names": [n_gold[label] for label in labels]}
    table |= {
        f"F1 of {letter}": [percent(scores.get(label, Counts()).f1) for label in labels]
        for letter, scores in zip(letters, found, strict=True)
    }
    charts.show(figure, key="compare_labels", alt=f"Entity F1 by label: {said}.", table=table)


# --- differences ---------------------------------------------------------------------------------------


def intervals(letters: Sequence[str], found: Sequence[Difference]) -> None:
    """By how many points each is above or below the first, with the interval; the first is the line at 0."""
    first, *others = letters
    figure = charts.new_figure(x=f"points of F1 above or below {first}", height=110 + 44 * len(others))
    points = [[100 * value for value in (one.low, one.difference, one.high)] for one in found]
    reach = 1.15 * max(1.0, *(abs(value) for row in points for value in row))
    figure.add_vline(x=0, line={"color": charts.floor(), "width": 1.5})
    for index, (letter, (low, middle, high)) in enumerate(zip(others, points, strict=True), 1):
        figure.add_scatter(
            x=[middle],
            y=[f"<b>{letter}</b>"],
            mode="markers",
            marker={"size": 12, "color": colour(index)},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [high - middle],
                "arrayminus": [middle - low],
                "thickness": 2.5,
                "width": 7,
                "color": colour(index),
            },
            hovertemplate=f"{letter}: %{{x:+.1f}} points, from {low:+.1f} to {high:+.1f}<extra></extra>",
            showlegend=False,
        )
    figure.update_xaxes(range=[-reach, reach], tickformat="+.3~g", fixedrange=True)
    edges = [len(others) - 0.4, -0.6]  # the first on top
    figure.update_yaxes(range=edges, fixedrange=True, showgrid=False, tickfont={"size": 15})
    said = "; ".join(
        f"{letter} {middle:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}"
        for letter, (low, middle, high) in zip(others, points, strict=True)
    )
    charts.show(figure, key="compare_intervals", alt=f"Differences in entity F1 to {first}: {said}.")
