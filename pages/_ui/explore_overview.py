"""Explore's first section: what was understood of a file, how much there is, how it was split, what the labels mean."""

from __future__ import annotations

import streamlit as st

from ner_core.data.tags import spans_to_tags
from ner_core.records import Corpus
from ner_core.show.highlight import label_words
from pages._ui import explore_numbers, widgets
from pages._ui.explore_found import COUNT

FIRST_ROWS = 5  # sentences
FIRST_TOKENS = 60
MOST_COLOURS = 24
SMALL = {"sentence": st.column_config.NumberColumn(width="small")}
# How the eight labels of GMB are used there; other labels are explained by their mentions.
MEANINGS = {
    "geo": "Places: cities, countries, rivers, regions, where the place itself is meant.",
    "gpe": "Peoples and nationalities, and countries acting as states.",
    "per": "Persons, with their titles.",
    "org": "Organisations: companies, parties, armies, clubs, agencies.",
    "tim": "Times: days, months, years, hours.",
    "art": "Works and made things: books, treaties, ships, brands.",
    "eve": "Events with a name: wars, games, festivals.",
    "nat": "Named things of nature: storms, diseases, viruses.",
}


def show(corpus_id: str, corpus: Corpus) -> None:
    """What was understood, how much there is, how it was split, what the labels mean."""
    counts = explore_numbers.overview(corpus_id, corpus)
    n_entities = sum(counts["entities"].values())
    with st.container(horizontal=True, gap="small"):
        for title, n, help in (
            ("Sentences", counts["sentences"], "The unit a network reads at once."),
            ("Tokens", counts["tokens"], "Words and punctuation marks, every one counted."),
            ("Words", counts["words"], "Different tokens; upper and lower case are told apart."),
            ("Tags", len(counts["tags"]), "Different answers a token can get: O, and B- and I- of every label."),
            ("Entities", n_entities, "Names people have marked, of one token or several."),
        ):
            st.metric(title, widgets.number(n), help=help, width=160)
    st.markdown(f"**What was understood:** {widgets.plain(corpus.form or 'sentences with spans')}.")
    widgets.reading_notes(corpus)
    left, right = st.columns([2, 3], gap="large")
    with left:
        show_first_rows(corpus)
    with right:
        show_parts(corpus_id, corpus, counts)
    show_labels(corpus_id, corpus, counts["entities"])
    widgets.code_shown("data.corpus:load_corpus", "data.corpus:split_corpus", "data.statistics:corpus_counts")


def show_first_rows(corpus: Corpus) -> None:
    """The first tokens of the file with their tags, as they were read."""
    rows = []
    for number, row in enumerate(explore_numbers.rows_in_file_order(corpus, FIRST_ROWS), 1):
        sentence = corpus.sentences[row]
        tags = spans_to_tags(sentence.spans, len(sentence))
        rows += [(number, word, tag) for word, tag in zip(sentence.words, tags, strict=True)]
    names, columns = ("sentence", "token", "tag"), zip(*rows[:FIRST_TOKENS], strict=True)
    st.subheader("First rows", anchor=False)
    st.dataframe(
        dict(zip(names, columns, strict=True)), hide_index=True, height=250, key="explore_first", column_config=SMALL
    )


def show_parts(corpus_id: str, corpus: Corpus, counts: dict) -> None:
    """How the sentences are dealt, and whether any stands on two sides."""
    st.subheader("Parts", anchor=False)
    parts = counts["parts"]
    st.dataframe(
        {
            "part": [
                f"{part}: {use}" for part, use in zip(parts, ("to learn", "to choose", "to measure"), strict=True)
            ],
            **{what: [part[what] for part in parts.values()] for what in ("sentences", "tokens", "entities")},
            "share": [widgets.percent(part["sentences"] / counts["sentences"]) for part in parts.values()],
        },
        hide_index=True,
        column_config=dict.fromkeys(("sentences", "tokens", "entities"), COUNT),
    )
    leaks = [
        f"**{leak.n_leaked:,} of {leak.n_sentences:,}** {part} sentences stand word for word in train: "
        "a tagger that remembers them looks better than it is."
        for part, leak in explore_numbers.answer(corpus_id, corpus, "leakage").items()
        if leak.n_leaked
    ]
    repeats = explore_numbers.answer(corpus_id, corpus, "repeated_sentences")
    lines = [f"How it was split: {widgets.plain(corpus.split or 'not said')}."]
    lines += leaks or ["No sentence of dev or test stands word for word in train."]
    if repeats:
        n_conflicting = sum(one.is_conflicting for one in repeats)
        lines.append(
            f"{len(repeats):,} sentences stand here more than once; {n_conflicting:,} are marked in more than one way."
        )
    st.markdown("\n".join(f"- {line}" for line in lines))


def show_labels(corpus_id: str, corpus: Corpus, counts: dict[str, int]) -> None:
    """What each label means, in plain words and by its most frequent mentions."""
    st.subheader("What the labels mean", anchor=False)
    if not counts:
        st.info("No entity is marked in this corpus: every tag is O. A tagger can learn nothing from it.")
        return
    frequent = explore_numbers.answer(corpus_id, corpus, "mentions_by_label")
    known = {label.lower() for label in corpus.labels} <= MEANINGS.keys()
    meanings = {label: MEANINGS[label.lower()] if known else meaning_of(label) for label in counts}
    examples = {label: ", ".join(one.surface for one in frequent[label][:3]) for label in counts}
    if len(counts) <= MOST_COLOURS:
        widgets.legend(corpus.labels, counts)
        lines = (
            f"- **{widgets.plain(label[:60])}**: {widgets.plain(meanings[label])} "
            f"Most often: {widgets.plain(examples[label][:200])}."
            for label in counts
        )
        st.markdown("\n".join(lines))
    else:
        table = {"label": list(counts), "entities": list(counts.values()), "most often": list(examples.values())}
        st.dataframe(table, hide_index=True, column_config={"entities": COUNT})


def meaning_of(label: str) -> str:
    """A label of an upload in plain words, where they are known by heart."""
    words = label_words(label)
    return "So the file calls it." if words == label else f"{words.capitalize()}."
