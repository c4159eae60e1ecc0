"""About this model: what its card says of data, scores, weak spots and limits, folded away.

A card may come from an uploaded folder, so that anything may stand in it: what is not of the form expected is left out.
"""

from collections.abc import Mapping

import streamlit as st

from ner_core.records import Counts, Tagger, percent
from pages._ui import widgets


def show(tagger: Tagger) -> None:
    """The card of the model in use in an expander; nothing where the card holds no figure and no word of that kind."""
    card = tagger.card
    words = in_words(card) + threshold_in_words(tagger.threshold)
    by_label, measured = label_rows(card), slice_rows(card)
    if not (words or by_label or measured):
        return
    with st.expander("About this model"):
        for line in words:
            st.markdown(line)
        if by_label:
            scored_on = widgets.plain(str(card.get("scored_on") or "the part it was measured on"))
            st.markdown(f"**By label**, on {scored_on}:")
            st.dataframe(by_label, hide_index=True)
        if measured:
            st.markdown("**On other kinds of text.** A name is unseen if it never stood in the training part:")
            st.dataframe(measured, hide_index=True)


def in_words(card: Mapping) -> list[str]:
    """Data, calibration and limits, a paragraph each, as Markdown that shows what it holds and runs none of it."""
    lines = []
    data = card.get("data")
    if isinstance(data, list) and data:
        lines.append("**Data and licences.** " + "; ".join(widgets.plain(str(item)) for item in data) + ".")
    trust = trust_in_words(card.get("calibration"))
    if trust:
        lines.append(trust)
    if isinstance(card.get("limits"), str) and card["limits"]:
        lines.append("**Limits.** " + widgets.plain(card["limits"]))
    return lines


def trust_in_words(fit: object) -> str:
    """How far confidences lie from what is so: on texts the model has never seen, else where they were adjusted; "" if not told."""
    if not isinstance(fit, Mapping):
        return ""
    on_test = fit.get("test")
    parts = {str(name): found for name, found in on_test.items()} if isinstance(on_test, Mapping) else {}
    told = [
        f"{percent(found['error_after'])} on {widgets.plain(name)} (unadjusted: {percent(found['error_before'])})"
        for name, found in (parts or {"the part it was adjusted on": fit}).items()
        if isinstance(found, Mapping) and all(_is_number(found.get(key)) for key in ("error_before", "error_after"))
    ]
    if not told:
        return ""
    where = "The model has never seen these sentences, nor was its confidence adjusted on them. " if parts else ""
    return (
        "**How far its confidence can be trusted.** Where it says 90 %, nine of ten should be right. On average it is off by "
        f"{', and by '.join(told)}. {where}".strip()
    )


def threshold_in_words(threshold: float) -> list[str]:
    """From which confidence on a name is marked; nothing where all that is found is marked.

    >>> threshold_in_words(0.0), len(threshold_in_words(0.42))
    ([], 1)
    """
    if not threshold:
        return []
    return [
        f"**What it leaves out.** Names of which it is less than {percent(threshold, 0)} sure: half of the F1 it reached when it was adjusted. "
        "Marking them would do more harm than good."
    ]


def label_rows(card: Mapping) -> list[dict[str, str]]:
    """A row a label: F1, and how many names that is from."""
    rows = []
    by_label = card.get("by_label")
    for label, found in by_label.items() if isinstance(by_label, Mapping) else ():
        counts = counts_of(found)
        if counts:
            f1 = percent(counts.f1) if counts.n_gold + counts.n_predicted else "none"
            rows.append({"label": str(label), "F1": f1, "names counted": f"{counts.n_gold:,}"})
    return rows


def slice_rows(card: Mapping) -> list[dict[str, str]]:
    """A row a part or slice that was measured: sentences, F1, and recall of the names never seen in training."""
    rows = []
    for group in ("scores", "slices"):
        parts = card.get(group)
        for name, found in parts.items() if isinstance(parts, Mapping) else ():
            if isinstance(found, Mapping) and _is_number(found.get("f1")):
                unseen = found.get("recall_unseen")
                rows.append(
                    {
                        "text": str(name),
                        "sentences": f"{found['sentences']:,}" if _is_number(found.get("sentences")) else "",
                        "F1": percent(found["f1"]),
                        "unseen names found": percent(unseen) if _is_number(unseen) else "",
                    }
                )
    return rows


def counts_of(found: object) -> Counts | None:
    """The counts of one label as a card holds them; None where they are not of the form expected."""
    keys = ("tp", "fp", "fn")
    if not isinstance(found, Mapping) or not found.keys() & keys:
        return None
    counts = [found.get(key, 0) for key in keys]
    return Counts(*map(int, counts)) if all(map(_is_number, counts)) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
