"""Explore's section on parts: what dev and test share with train, which names are new there, which words are unknown."""

from __future__ import annotations

import streamlit as st

from ner_core.records import Corpus
from ner_core.show.highlight import label_colours
from pages._ui import charts, charts_explore, explore_found, explore_numbers, links, widgets
from pages._ui.explore_found import Picker

VIEWS = ("Leakage", "New names", "Unknown words")
THRESHOLDS = tuple(range(1, 21))
ALL = "all"


@st.fragment
def show(corpus_id: str, corpus: Corpus) -> None:
    """Sizes, and one of three questions on them."""
    st.markdown(
        "A tagger learns from train; on dev one chooses the best epoch; test is asked once, at the end. "
        "The score means something only if dev and test ask what train has not answered already."
    )
    view = explore_found.choose_view("Question", VIEWS, key="explore_parts_view")
    if not corpus.dev and not corpus.test:
        st.info(
            "All sentences stand in train: there is nothing to measure on. Upload a longer file, which is then split by "
            "itself, or give files of their own for dev and test where you choose the corpus."
        )
    elif view == VIEWS[0]:
        show_leakage(corpus_id, corpus)
    elif view == VIEWS[1]:
        show_unseen(corpus_id, corpus)
    else:
        show_coverage(corpus_id, corpus)
    widgets.code_shown("data.mentions:leakage", "data.mentions:unseen_share", "data.mentions:vocabulary_coverage")


# --- leakage -------------------------------------------------------------------------------------


def show_leakage(corpus_id: str, corpus: Corpus) -> None:
    """Sentences of dev and test that train holds word for word."""
    found = {
        part: leak for part, leak in explore_numbers.answer(corpus_id, corpus, "leakage").items() if leak.n_sentences
    }
    said = [
        f"**{leak.n_leaked:,} of {leak.n_sentences:,}** {part} sentences "
        f"({widgets.percent(leak.n_leaked / leak.n_sentences)}) stand word for word in train"
        for part, leak in found.items()
    ]
    missing = [part for part in ("dev", "test") if part not in found]
    st.markdown(
        f"How it was split: {widgets.plain(corpus.split or 'not said')}. {'; '.join(said)}. "
        + (
            "A tagger that remembers them looks better than it is."
            if any(leak.n_leaked for leak in found.values())
            else ""
        )
        + "".join(f" There is no {part} part." for part in missing)
    )
    parts = list(found)
    picker = Picker(f"explore_leak_{corpus_id}", "Show the sentences of", parts)
    left, right = st.columns(2, gap="large")
    counts = explore_numbers.overview(corpus_id, corpus)["parts"]
    with left:
        leaked = {part: found[part].n_leaked for part in parts}
        if any(leaked.values()):
            figure = charts_explore.count_bars(leaked, {}, x="sentences that stand in train too")
            alt = charts_explore.in_words("Sentences that stand in train too", leaked)
            picker.chart(figure, [parts], name="chart", alt=alt)
        table = {
            "part": list(counts),
            "used": ["to learn", "to choose", "to measure"],
            **{what: [part[what] for part in counts.values()] for what in ("sentences", "tokens", "entities")},
            "in train too": [f"{found[part].n_leaked:,}" if part in found else "" for part in counts],
        }
        right_edge = st.column_config.TextColumn(alignment="right")
        own = [part if part in found else None for part in counts]
        picker.table(table, name="table", options=own, **{"in train too": right_edge})
    with right:
        part = picker.select()
        if part is not None and not found[part].n_leaked:
            st.success(f"No sentence of {part} stands word for word in train.")
        elif part is not None:
            explore_found.show_sentences(corpus, found[part].rows, key=f"{picker.key}_{part}")


# --- new names -----------------------------------------------------------------------------------


def show_unseen(corpus_id: str, corpus: Corpus) -> None:
    """The share of names in test (dev where there is no test) that train has never marked."""
    part = "test" if corpus.test else "dev"
    found = {
        label: one
        for label, one in explore_numbers.answer(corpus_id, corpus, "unseen_share", part=part).items()
        if one.n
    }
    if not found:
        st.info(f"No entity is marked in {part}, so there is no name that could be new.")
        return
    everything = found[ALL]
    st.markdown(
        f"**{widgets.percent(everything.share)}** of the {everything.n:,} names in {part} are new: train has never marked "
        "them. The others can be learned by heart, so these show whether a tagger has understood anything."
    )
    labels = [label for label in found if label != ALL]
    options = [(label, surface) for label in labels for surface in found[label].examples]
    picker = Picker(
        f"explore_unseen_{corpus_id}",
        "Show the sentences with",
        options,
        words=lambda option: f"{option[1]} ({option[0]})",
    )
    left, right = st.columns(2, gap="large")
    with left:
        shares = {label: 100 * found[label].share for label in labels}
        figure = charts_explore.share_bars(
            shares,
            label_colours(corpus.labels),
            x=f"share of names in {part} that are new",
            text=[f"{widgets.percent(found[label].share)} of {found[label].n:,}" for label in labels],
        )
        firsts = [next((option for option in options if option[0] == label), None) for label in labels]
        rounded = {label: round(share, 1) for label, share in shares.items()}
        picker.chart(
            figure, [firsts], name="chart", alt=charts_explore.in_words(f"New names in {part}, in percent", rounded)
        )
        table = {
            "label": labels,
            f"names in {part}": [found[label].n for label in labels],
            "new": [found[label].n_unseen for label in labels],
            "share": [widgets.percent(found[label].share) for label in labels],
            "most often": [", ".join(found[label].examples[:5]) for label in labels],
        }
        picker.table(table, name="table", options=firsts)
    with right:
        chosen = picker.select() if options else st.success("Every name is known from train.") and None
        if chosen is not None:
            label, surface = chosen
            rows = explore_numbers.answer(corpus_id, corpus, "rows_with", label=label, surface=surface, part=part)
            explore_found.show_sentences(corpus, rows, key=f"{picker.key}_{label}_{surface}")


# --- unknown words ---------------------------------------------------------------------------------


def show_coverage(corpus_id: str, corpus: Corpus) -> None:
    """How many words a vocabulary knows as its threshold rises."""
    found = explore_numbers.answer(corpus_id, corpus, "vocabulary_coverage", thresholds=THRESHOLDS)
    st.markdown(
        "A network knows only the words of its vocabulary and reads all others as `<unk>`, unknown. **Move the threshold**: "
        "words that train holds less often are left out. Then the network is smaller and learns what to do with an "
        "unknown word, but knows fewer."
    )
    at = st.slider(
        "Keep words that stand in train at least so many times",
        THRESHOLDS[0],
        THRESHOLDS[-1],
        THRESHOLDS[0],
        **links.bound("explore_threshold", "the threshold", THRESHOLDS[0], low=THRESHOLDS[0], high=THRESHOLDS[-1]),
    )
    now, first = found[THRESHOLDS.index(at)], found[0]
    parts = [part for part in ("train", "dev", "test") if corpus.part(part)]
    with st.container(horizontal=True, gap="small"):
        kept = widgets.percent(now.n_words / max(1, first.n_words))
        st.metric("Words known", widgets.number(now.n_words), help=f"{kept} of train's {first.n_words:,}.", width=180)
        for part in parts:
            help = f"Tokens of {part} that are read as <unk>, whatever stands there."
            st.metric(f"Unknown in {part}", widgets.percent(1 - getattr(now, f"share_{part}")), help=help, width=180)
    unknown = {part: [1 - getattr(one, f"share_{part}") for one in found] for part in parts}
    figure = charts_explore.share_lines(THRESHOLDS, unknown, title="threshold: times in train", at=at)
    said = ", ".join(f"{part} {widgets.percent(shares[at - 1])}" for part, shares in unknown.items())
    charts.show(
        figure,
        key="explore_coverage",
        alt=f"Unknown tokens as the threshold rises from 1 to 20. At {at}: {said}.",
    )
    table = {
        "threshold": list(THRESHOLDS),
        "words known": [one.n_words for one in found],
        **{f"unknown in {part}": [widgets.percent(share) for share in shares] for part, shares in unknown.items()},
    }
    st.dataframe(
        table,
        hide_index=True,
        height=explore_found.table_height(len(found)),
        column_config=explore_found.column_formats(table),
    )
