"""Try: any text, the entities the model in use finds in it, how sure it is, and what it cannot know."""

from collections.abc import Mapping
from functools import partial

import streamlit as st

from ner_core.records import Prediction, Tagger, percent
from pages._ui import links, model_card, navigation, person, session, widgets

navigation.guard()

MAX_CHARACTERS = 100_000
SAMPLES = {
    "News": "On Monday the French president met Angela Merkel in Berlin. The European Union wants a new treaty by 2030.",
    "Two paragraphs": (
        "Maria Silva flew from Lisbon to New York in March.\n\n"
        "She works for the World Health Organization and spoke about Hurricane Katrina."
    ),
    "Small letters": "ada lovelace lives in london and works for the bbc.",
    "Names nobody knows": "Zorblax Quendrin moved from Vintherholm to Plonsk with the Brandelwick Group.",
    "Amounts and products": "Apple sold 3,000 iPhones for $ 2.5 million, 12 percent more than in May.",
}
# What people look for, and the labels that would cover it.
EXPECTED = {
    "amounts of money and percentages": {"money", "percent", "cardinal", "quantity", "amount"},
    "products": {"product", "prod", "misc", "art"},
    "e-mail addresses and telephone numbers": {"email", "phone"},
    "jobs and titles": {"job", "title", "norp"},
}


def tutorial_samples() -> dict[str, str]:
    """The tutorials' own sample sentences: a short name -> the text."""
    from ner_core.tagger.recipes import RECIPES

    texts = dict.fromkeys(text for recipe in RECIPES.values() if recipe.is_published for text in recipe.samples)
    return {f"Tutorial: {' '.join(text.split()[:3])} …": text for text in texts}


def ask_text() -> str:
    """The samples and the text box."""
    samples = SAMPLES | tutorial_samples()
    take = {"on_change": session.take_sample, "args": ("try_sample", samples)}
    with links.group("samples"):
        st.pills("Samples", list(samples), key="try_sample", **take)
    text = st.text_area(
        "Your text",
        key=session.text_box("try_text"),
        on_change=session.take_text,
        args=("try_text",),
        height=150,
        help="The answer changes when you leave the box or press Ctrl+Enter. What you type is neither stored nor logged.",
    )
    person.where_it_goes("text")
    st.button("Find names", type="primary", key="try_find")
    return text


def read(tagger: Tagger, text: str) -> Prediction:
    """Predict once for a text and a model, however often the page is drawn."""
    last = session.recall("try_prediction")
    if last is None or last[0] is not tagger or last[1] != text:
        with st.spinner("Reading the text"):
            from ner_core.tagger.predict import predict

            last = (tagger, text, predict(tagger, [text])[0])
        session.remember("try_prediction", last)
    return last[2]


def cut(text: str) -> str:
    """The part of a text that is read, ending with a whole word; says so where it is not all."""
    if len(text) <= MAX_CHARACTERS:
        return text
    kept = text[:MAX_CHARACTERS]
    kept = kept[: max(kept.rfind(" "), kept.rfind("\n")) + 1] or kept
    st.info(
        f"This text has {len(text):,} characters; the first {len(kept):,} are read here. Try it in parts, or write it "
        "to a file and run `python -m ner_core tag MODEL FILE`, which has no limit."
    )
    return kept


def show_found(prediction: Prediction, labels: tuple[str, ...], least: float) -> float:
    """The text with its entities, the threshold and what was found; returns the threshold."""
    result = st.container()
    with links.group("threshold"):
        chosen = st.slider(
            "Show names from this confidence on",
            0,
            100,
            0,
            5,
            format="%d %%",
            width=420,
            help="How sure the model is: the probability of exactly this name with exactly this label."
            + (f" What it is less than {percent(least, 0)} sure of this model leaves out by itself." if least else ""),
            **links.bound("try_threshold", "the least confidence in percent", 0, low=0, high=100),
        )
    threshold = chosen / 100
    with result:
        with st.container(border=True):
            widgets.entity_html(prediction, labels=labels, threshold=threshold, large=len(prediction.text) < 600)
        st.caption(in_words(prediction, threshold))
        widgets.legend(labels)
        for note in prediction.notes:
            st.warning(widgets.plain(note))
    return threshold


def in_words(prediction: Prediction, threshold: float) -> str:
    """Count what is shown, hidden and unknown."""
    n = sum(confidence >= threshold for confidence in prediction.confidences)
    hidden = len(prediction.spans) - n
    found = "No name" if not n else "One name" if n == 1 else f"{n:,} names"
    parts = [f"{found} in {len(prediction.tokens):,} tokens."]
    if hidden:
        parts.append(f"{hidden:,} less sure than {percent(threshold, 0)} {'is' if hidden == 1 else 'are'} not marked.")
    if prediction.unknown:
        n_words = len({prediction.tokens[i].text for i in prediction.unknown})
        words = "One word" if n_words == 1 else f"{n_words:,} words"
        parts.append(f"{words} the model has never seen (underlined).")
    return " ".join(parts)


def show_tables(prediction: Prediction) -> None:
    """Folded: the names, and every token with its tag."""
    from ner_core.show.highlight import label_words

    with st.expander("Names as a table"):
        found = prediction.entities
        st.dataframe(
            {
                "name": [entity["text"] for entity in found],
                "label": [entity["label"] for entity in found],
                "meaning": [label_words(entity["label"]) for entity in found],
                "how sure": [percent(entity["confidence"]) for entity in found],
                "characters": [f"{entity['start']}–{entity['end']}" for entity in found],
            },
            hide_index=True,
        )
    with st.expander("Tokens and their tags"):
        st.caption("B- begins a name, I- goes on with it, O is no name. A token is a word or a punctuation mark.")
        unknown = set(prediction.unknown)
        st.dataframe(
            {
                "token": prediction.words,
                "tag": prediction.tags,
                "seen in training": ["no" if i in unknown else "yes" for i in range(len(prediction.tokens))],
            },
            hide_index=True,
        )


def show_limits(tagger: Tagger, labels: tuple[str, ...]) -> None:
    """Say what this model knows, and what it never finds."""
    from ner_core.show.highlight import label_words

    known = ", ".join(f"{widgets.plain(label)} ({widgets.plain(label_words(label))})" for label in labels)
    labels_lower = {label.lower() for label in labels}
    missing = [what for what, covering in EXPECTED.items() if not covering & labels_lower]
    st.subheader("What this model does not find, or not well", anchor=False)
    lines = [f"It knows {len(labels)} kinds of names and no others: {known}."]
    if missing:
        lines.append(f"It never finds {', '.join(missing[:-1])}{' or ' if missing[1:] else ''}{missing[-1]}.")
    if "art" in labels_lower:
        lines.append(
            "It seldom finds products and works of art: they share the label art, with few examples to learn from."
        )
    lines += rarely_found(tagger, labels)
    st.markdown("\n".join(f"- {line}" for line in lines))


def rarely_found(tagger: Tagger, labels: tuple[str, ...]) -> list[str]:
    """The labels of which it found less than half when it was measured, where its card holds the counts by label."""
    lines, where = [], str(tagger.card.get("scored_on") or "").partition(",")[0]
    on = f" on {widgets.plain(where)}" if where else ""
    by_label = tagger.card.get("by_label")
    for label, found in by_label.items() if isinstance(by_label, Mapping) else ():
        counts = model_card.counts_of(found)
        if counts and label in labels and counts.tp < counts.n_gold / 2:
            measured = f"when it was measured{on}, it found {counts.tp:,} of {counts.n_gold:,}"
            lines.append(f"It often misses {widgets.plain(label)}: {measured}.")
    return lines


def show_sharing(prediction: Prediction, text: str, labels: tuple[str, ...], threshold: float) -> None:
    """Downloads, and a link that holds the text."""
    from ner_core.show import export

    with links.group("share"), st.container(horizontal=True):
        with st.popover("Download"):
            if any(confidence < threshold for confidence in prediction.confidences):
                st.caption(
                    f"The files hold all names the model marks, also those less sure than {percent(threshold, 0)}."
                )
            for label, name, mime, write in (
                ("JSONL, with character positions", "entities.jsonl", "application/jsonl", export.to_jsonl),
                ("CoNLL, a token and its tag a line", "entities.conll", "text/plain", export.to_conll),
                ("CSV, for spreadsheets", "entities.csv", "text/csv", export.to_csv),
                ("HTML, a page to show", "entities.html", "text/html", partial(export.html_page, labels=labels)),
            ):
                st.download_button(
                    label,
                    data=lambda write=write: write([prediction]).encode("utf-8"),
                    file_name=name,
                    mime=mime,
                    key=f"download_{name}",
                    on_click="ignore",
                    width="stretch",
                )
        with st.popover("Copy link"):
            if len(text) > session.MAX_LINK:
                st.markdown(
                    f"This text is too long for a link: it has {len(text):,} characters, at most {session.MAX_LINK:,} fit."
                )
            else:
                st.markdown(
                    "The whole text stands in this link: everyone who gets or sees the link can read it. Copy it here:"
                )
                st.code(session.link_with_text(text), language=None, wrap_lines=True)


widgets.page_header("Try a text", "Type or paste a text and see which names the model finds in it, and how sure it is.")
tagger = widgets.model_chip()
if tagger is None:
    widgets.no_model()
    st.stop()

typed = ask_text()
if not typed.strip():
    st.info("Write or paste a text into the box, or choose a sample above it.")
    st.stop()

labels = widgets.labels_of(tagger)
prediction = read(tagger, cut(typed))
threshold = show_found(prediction, labels, tagger.threshold)
show_sharing(prediction, typed, labels, threshold)
show_tables(prediction)
show_limits(tagger, labels)
model_card.show(tagger)
widgets.code_shown("tagger.predict:predict", "tagger.predict:tag_rows", "show.highlight:to_html")
