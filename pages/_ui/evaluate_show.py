"""The sections of Evaluate: scores in words, by label, confusion, errors, the token report, one sentence.

Use: each function takes the `Evaluation` and draws one section.
"""

from __future__ import annotations

import random

import streamlit as st

from ner_core.records import Counts, Tagger
from ner_core.scores.calibration import calibration_error_of
from ner_core.scores.errors import KINDS, describe_error
from ner_core.scores.report import NONE, find_pairs
from ner_core.show.highlight import label_colours
from pages._ui import charts, links, session, widgets
from pages._ui.evaluate_work import Evaluation
from pages._ui.widgets import number, percent, plain

PAGE = 8  # sentences shown at once


# --- overall ------------------------------------------------------------------------------


def show_overall(evaluation: Evaluation) -> None:
    """Precision, recall and F1 with their words, and the floors beside them."""
    report = evaluation.report
    columns = st.columns(3)
    for column, name in zip(columns, ("f1", "precision", "recall"), strict=True):
        with column:
            widgets.score(name, report.overall)
    all_o, table = evaluation.floors
    st.markdown(
        f"Without learning: a table of each word's most frequent tag reaches F1 **{percent(table.f1)}** "
        f"({number(table.overall.tp)} of {number(table.overall.n_gold)} names found), saying O everywhere "
        f"**{percent(all_o.f1)}**."
    )
    show_seen(evaluation)


def show_seen(evaluation: Evaluation) -> None:
    """Recall on names that training has seen and on those it has not."""
    seen, unseen = evaluation.report.seen, evaluation.report.unseen
    if seen is None or not (seen.n_gold or unseen.n_gold):
        return
    st.markdown(
        f"**Remembered or recognised?** Of the names that stand word for word in this corpus' train part it finds "
        f"{_share(seen)}; of those that do not, {_share(unseen)}."
    )


def _share(counts: Counts) -> str:
    """
    >>> _share(Counts(tp=9, fn=1))
    '90.0 % (9 of 10)'
    """
    return f"{percent(counts.recall)} ({number(counts.tp)} of {number(counts.n_gold)})" if counts.n_gold else "none (0)"


def show_wall(evaluation: Evaluation) -> None:
    """The numbers people print for the same predictions, the flattering ones first."""
    claims = evaluation.wall
    padded, entity = claims["padded_accuracy"], claims["entity_f1"]
    st.subheader("One model, many numbers", anchor=False)
    st.markdown(
        f"The same predictions read **{percent(padded.value)}** as accuracy with padding ({number(padded.n)} cells, as "
        f"tutorials count) and **{percent(entity.value)}** as entity F1 ({number(entity.n)} names): most cells are "
        "padding or O, and those are easy."
    )
    rows = list(claims.values())
    figure = charts.new_figure(x="", height=60 + 36 * len(rows), is_percent=False)
    figure.add_bar(
        x=[claim.value for claim in rows],
        y=[claim.name for claim in rows],
        orientation="h",
        marker={"color": [charts.accent() if claim is entity else charts.floor() for claim in rows]},
        text=[percent(claim.value) for claim in rows],
        textposition="auto",
        customdata=[[claim.n, claim.unit, claim.sentence] for claim in rows],
        hovertemplate="%{y}: %{text}<br>%{customdata[0]:,} %{customdata[1]}<br>%{customdata[2]}<extra></extra>",
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    figure.update_yaxes(autorange="reversed", title="")
    table = {
        "number": [claim.name for claim in rows],
        "value": [percent(claim.value) for claim in rows],
        "counted on": [f"{number(claim.n)} {claim.unit}" for claim in rows],
        "what it says": [claim.sentence for claim in rows],
    }
    said = "; ".join(f"{claim.name} {percent(claim.value)}" for claim in rows)
    charts.show(figure, key="score_wall", alt=f"Seven numbers for the same predictions: {said}.", table=table)


# --- by label --------------------------------------------------------------------------------


def show_labels(evaluation: Evaluation) -> None:
    """Entity F1 by label as bars with the number of names, and the table."""
    by_label = evaluation.report.by_label
    labels = [label for label in evaluation.labels if label in by_label]
    labels += [label for label in by_label if label not in labels]
    st.subheader("By label", anchor=False)
    if not labels:
        st.markdown("There are no names in this part, and none is marked.")
        return
    shown = {label: by_label[label] for label in labels}
    figure = charts.bars(
        {label: counts.f1 for label, counts in shown.items()},
        label_colours(dict.fromkeys([*evaluation.labels, *labels])),
        x="entity F1",
        inside_from=0.45,
        text=[f"{percent(counts.f1)} (n {number(counts.n_gold)})" for counts in shown.values()],
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    said = "; ".join(f"{label} {percent(counts.f1)} of {counts.n_gold} names" for label, counts in shown.items())
    charts.show(figure, key="label_scores", alt=f"Entity F1 by label: {said}.")
    rows = [*shown.items(), ("all (micro)", evaluation.report.overall)]
    st.dataframe(
        {
            "label": [label for label, _ in rows],
            "precision": [_or_none(counts.precision, counts.n_predicted) for _, counts in rows],
            "recall": [_or_none(counts.recall, counts.n_gold) for _, counts in rows],
            "F1": [_or_none(counts.f1, counts.n_gold + counts.n_predicted) for _, counts in rows],
            "names": [counts.n_gold for _, counts in rows],
            "marked": [counts.n_predicted for _, counts in rows],
            "right": [counts.tp for _, counts in rows],
        },
        hide_index=True,
        width="stretch",
        alt="Precision, recall and F1 by label, with their numbers of names.",
    )
    st.caption(
        f"Mean over the labels (macro F1): {percent(evaluation.report.macro_f1)}, over {len(by_label)} labels, "
        "however rare each is."
    )


def _or_none(ratio: float, n: int) -> str:
    return percent(ratio) if n else "none"


# --- confusion ----------------------------------------------------------------------------------


def show_confusion(evaluation: Evaluation) -> None:
    """Which label is taken for which; a cell, clicked or chosen, shows its sentences."""
    found = evaluation.confusion
    st.subheader("Which label is taken for which", anchor=False)
    st.markdown(
        "Rows are the right labels, columns what the model said. Click a cell, or choose it below. "
        "Here a name counts with the label it was given even where its edges are not quite right."
    )
    cells = [
        (gold, predicted)
        for gold in found.labels
        for predicted in found.labels
        if found.count(gold, predicted) and gold != predicted
    ]
    cells.sort(key=lambda cell: -found.count(*cell))
    cells += [(label, label) for label in found.labels if found.count(label, label)]
    _draw_confusion(evaluation, cells)
    if not cells:
        return
    if session.look("confusion_cell") not in cells:
        session.put("confusion_cell", cells[0])
    gold, predicted = st.selectbox(
        "Sentences for", cells, format_func=lambda cell: _cell(evaluation, *cell), key="confusion_cell"
    )
    pairs = find_pairs(evaluation.predictions, gold_label=gold, predicted_label=predicted)
    show_pairs(evaluation, pairs, key=f"confusion_{gold}_{predicted}")


def _cell(evaluation: Evaluation, gold: str, predicted: str) -> str:
    """One cell in words."""
    n = number(evaluation.confusion.count(gold, predicted))
    if gold == NONE:
        return f"no name, marked as {predicted} ({n})"
    if predicted == NONE:
        return f"{gold}, not found ({n})"
    return f"{gold}, marked as {predicted} ({n})"


def _draw_confusion(evaluation: Evaluation, cells: list[tuple[str, str]]) -> None:
    """The heat map: colour is the share of its row, the number is the count."""
    found = evaluation.confusion
    names = [charts.literal(label) for label in found.labels]
    shares = [[count / max(sum(row), 1) for count in row] for row in found.table]
    figure = charts.new_figure(x="marked as", y="right label", height=120 + 38 * len(names))
    figure.add_heatmap(
        x=names,
        y=names,
        z=shares,
        text=[[number(count) if count else "" for count in row] for row in found.table],
        texttemplate="%{text}",
        zmin=0,
        zmax=1,
        colorscale=[[0, charts.ground()], [1, charts.accent()]],
        showscale=False,
        hoverinfo="skip",
        xgap=1,
        ygap=1,
    )
    spots = [(i, j) for i in range(len(names)) for j in range(len(names)) if found.table[i][j]]
    figure.add_scatter(  # a heat map's cells cannot be clicked: points that nobody sees can
        x=[names[j] for _, j in spots],
        y=[names[i] for i, _ in spots],
        mode="markers",
        marker={"symbol": "square", "size": 30, "color": "rgba(0,0,0,0)"},
        customdata=[[i, j, percent(shares[i][j]), number(found.table[i][j])] for i, j in spots],
        hovertemplate="%{y} marked as %{x}: %{customdata[3]} (%{customdata[2]} of its row)<extra></extra>",
        showlegend=False,
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(side="top", showgrid=False)
    figure.update_layout(margin={"t": 60}, dragmode=False)
    worst = (
        f"The most frequent mix-up: {_cell(evaluation, *cells[0])}." if cells else "Nothing is marked, nothing missed."
    )
    table = {"right label": list(found.labels)} | {
        f"marked {label}": [row[j] for row in found.table] for j, label in enumerate(found.labels)
    }
    charts.show(
        figure,
        key="confusion",
        alt=f"Confusion of labels. {worst}",
        table=table,
        on_select=lambda: _take_cell(evaluation),
        selection_mode="points",
    )


def _take_cell(evaluation: Evaluation) -> None:
    """The callback of a click on the heat map."""
    points = (session.look("confusion") or {}).get("selection", {}).get("points", [])
    if points and points[0].get("customdata"):
        i, j, *_ = points[0]["customdata"]
        labels = evaluation.confusion.labels
        session.put("confusion_cell", (labels[int(i)], labels[int(j)]))


# --- how sure --------------------------------------------------------------------------------------


def show_sureness(evaluation: Evaluation) -> None:
    """How sure the model says it is, beside how often it is right; nothing where too few names are marked."""
    rows = evaluation.sureness
    if not rows:
        return
    st.subheader("How sure it says it is", anchor=False)
    row = min(rows, key=lambda row: abs(row.confidence - 0.9))
    n = sum(row.n for row in rows)
    said = (
        f"When it says {percent(row.confidence, 0)}, it is right {percent(row.share_right, 0)} of the time "
        f"({number(row.n_right)} of {number(row.n)} names)."
    )
    off = calibration_error_of(rows)
    st.markdown(
        f"**{said}** Over all {number(n)} names it has marked (what it leaves out is not counted), the two differ by {100 * off:.1f} points on average "
        "(expected calibration error). Points on the grey line are honest; below it the model is too sure of itself."
    )
    figure = charts.new_figure(x="what it says", y="how often that is right", height=320, is_percent=True)
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": charts.floor(), "dash": "dot"}, hoverinfo="skip"
    )
    figure.add_scatter(
        x=[row.confidence for row in rows],
        y=[row.share_right for row in rows],
        mode="lines+markers",
        marker={"size": 9, "color": charts.accent()},
        customdata=[[number(row.n_right), number(row.n)] for row in rows],
        hovertemplate="says %{x:.0%}, right %{y:.1%}<br>%{customdata[0]} of %{customdata[1]} names<extra></extra>",
    )
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%")
    figure.update_yaxes(range=[0, 1.02])
    figure.update_layout(showlegend=False)
    table = {
        "it says (mean)": [percent(row.confidence) for row in rows],
        "it is right": [percent(row.share_right) for row in rows],
        "names": [row.n for row in rows],
        "of these right": [row.n_right for row in rows],
    }
    charts.show(
        figure, key="sureness", alt=f"How sure against how often right, {len(rows)} groups. {said}", table=table
    )


# --- errors and their sentences ---------------------------------------------------------------------


def show_errors(evaluation: Evaluation) -> None:
    """The kinds of error with their numbers, and the sentences of one kind."""
    st.subheader("Kinds of error", anchor=False)
    errors = evaluation.report.errors
    total = sum(errors.values())
    if not total:
        st.markdown("There is no error in this part.")
        return
    kinds = [kind for kind in KINDS if errors.get(kind)]
    st.markdown(f"{number(total)} errors in {number(evaluation.report.n_sentences)} sentences.")
    if session.look("error_kind") not in kinds:
        session.put("error_kind", max(kinds, key=lambda kind: errors[kind]))
    kind = st.segmented_control(
        "Kind",
        kinds,
        format_func=lambda kind: f"{kind} ({number(errors[kind])})",
        required=True,
        key="error_kind",
        label_visibility="collapsed",
    )
    st.caption(KINDS[kind])
    show_pairs(evaluation, find_pairs(evaluation.predictions, kind=kind), key=f"error_{kind}")


def show_pairs(evaluation: Evaluation, pairs: list, key: str) -> None:
    """Sentences with what is wrong in them: gold row, marked row; a few at a time."""
    by_sentence: dict[int, list] = {}
    for index, pair in pairs:
        by_sentence.setdefault(index, []).append(pair)
    found, shown = list(by_sentence.items()), session.recall(f"shown_{key}", PAGE)
    with st.container(height=520 if len(found) > 2 else "content", border=True):
        for index, errors in found[:shown]:
            prediction = evaluation.predictions[index]
            said = [describe_error(pair, prediction.words) for pair in errors if pair[0] != "right"]
            st.markdown(plain(f"Sentence {index + 1:,}. " + " ".join(said)))
            widgets.entity_html(prediction, labels=evaluation.labels, compare=prediction.gold)
        if len(found) > shown:
            st.button(
                f"Show more ({number(len(found) - shown)} sentences)",
                key=f"more_{key}",
                on_click=session.remember,
                args=(f"shown_{key}", shown + PAGE),
            )


# --- the tutorials' reports ---------------------------------------------------------------------------


def show_token_report(evaluation: Evaluation) -> None:
    """Precision, recall and F1 by tag, as tutorials print them; what flatters can be switched off."""
    st.subheader("The report that tutorials print, by tag", anchor=False)
    n_padding = evaluation.padding[0]
    with st.container(horizontal=True):
        with_o = st.toggle("Count O", value=True, **links.bound("report_o", "counting O", True))
        with_padding = st.toggle(
            f"Count padding up to {evaluation.pad_to} words ({number(n_padding)} cells)",
            disabled=not n_padding,
            **links.bound("report_padding", "counting padding", False),
        )
    report = evaluation.token_report(with_o=with_o, with_padding=with_padding)
    rows = report.rows()
    st.dataframe(
        {
            "tag": [row["tag"] for row in rows],
            "precision": [f"{row['precision']:.2f}" for row in rows],
            "recall": [f"{row['recall']:.2f}" for row in rows],
            "F1": [f"{row['f1']:.2f}" for row in rows],
            "support": [row["support"] for row in rows],
        },
        hide_index=True,
        width="stretch",
        height="content",
        alt="Precision, recall and F1 by tag, and their averages.",
    )
    st.caption(
        f"Accuracy over {number(report.n_cells)} cells: {percent(report.accuracy)}. Tags are counted word by word here: "
        "half a name counts half, which entity F1 does not allow."
    )


def show_sentence(evaluation: Evaluation, tagger: Tagger) -> None:
    """Word, true tag and predicted tag of one sentence, chosen or drawn at random."""
    from ner_core.tagger.encode import is_known

    st.subheader("One sentence: word, true tag, predicted tag", anchor=False)
    n = len(evaluation.predictions)
    if not 1 <= session.look("sentence_number", 1) <= n:
        session.put("sentence_number", 1)
    wrong = [i for i, p in enumerate(evaluation.predictions, 1) if p.tags != evaluation.gold_tags[i - 1]]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.number_input(f"Sentence (1 to {number(n)})", 1, n, key="sentence_number", width=180)
        st.button("A random one", on_click=lambda: session.put("sentence_number", random.randint(1, n)))
        if wrong:
            st.button(
                "A random one with a mistake",
                on_click=lambda: session.put("sentence_number", random.choice(wrong)),
                help=f"{number(len(wrong))} of {number(n)} sentences have at least one wrong tag.",
            )
    prediction, gold = evaluation.predictions[chosen - 1], evaluation.gold_tags[chosen - 1]
    widgets.entity_html(prediction, labels=evaluation.labels, compare=prediction.gold)
    st.dataframe(
        {
            "word": prediction.words,
            "true": gold,
            "predicted": prediction.tags,
            "right": ["yes" if a == b else "no" for a, b in zip(gold, prediction.tags, strict=True)],
            "seen in training": ["yes" if is_known(tagger.encoder, word) else "no" for word in prediction.words],
        },
        hide_index=True,
        width="stretch",
        height="content",
        alt="Every word of the sentence with its true and its predicted tag.",
    )
