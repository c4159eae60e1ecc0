"""Home: what NER is, in one screen, on a sentence the visitor can change; then the way on."""

import streamlit as st

from ner_core.records import Sentence, Span
from pages._ui import model_card, navigation, person, session, widgets

navigation.guard()

MAX_CHARACTERS = 2_000  # on this page; Try reads more
STEPS = (
    ("explore", "1. Explore", "See the sentences people have marked by hand, and what a network will read."),
    ("train", "2. Train", "Choose a recipe, start, and watch the curves and a sentence while it learns."),
    ("runs", "3. Runs", "Every training you started, also those that are still going on."),
    ("evaluate", "4. Evaluate", "How many names it finds, which it mixes up, and why accuracy flatters."),
    ("try_it", "5. Try", "A page of text, how sure the tagger is, and downloads."),
)
# Marked by hand: what the page shows while there is no model at all.
BY_HAND = Sentence(
    ("Ada", "Lovelace", "lives", "in", "London", "."),
    spans=(Span(0, 2, "per"), Span(4, 5, "geo")),
    raw=session.DEFAULT_TEXT,
    starts=(0, 4, 13, 19, 22, 28),
)


def show_example() -> None:
    """The sentence, highlighted by the model in use, and what the colours mean."""
    text = st.text_area(
        "Change this sentence",
        key=session.text_box("home_text"),
        on_change=session.take_text,
        args=("home_text",),
        height=80,
        help="The answer changes when you leave the box or press Ctrl+Enter.",
    )
    person.where_it_goes("text")
    st.button("Find names", type="primary", key="home_find")
    tagger = widgets.tagger_in_use()
    if tagger is None:
        widgets.entity_html(BY_HAND, large=True)
        st.caption("Marked by hand.")
        widgets.legend(("per", "geo"))
        widgets.no_model()
        return
    if not text.strip():
        st.info("Write a sentence into the box above.")
        return
    with st.spinner("Reading the sentence"):
        from ner_core.tagger.predict import predict

        [prediction] = predict(tagger, [text[:MAX_CHARACTERS]])
    labels = widgets.labels_of(tagger)
    widgets.entity_html(prediction, labels=labels, large=True)
    st.caption(said(prediction, len(text)))
    widgets.legend(labels)
    model_card.show(tagger)


def said(prediction, n_characters: int) -> str:
    """What was found, in a sentence; and where a long text is read whole."""
    n = len(prediction.spans)
    found = "No name found" if not n else "One name found" if n == 1 else f"{n} names found"
    cut = (
        f" in the first {MAX_CHARACTERS:,} characters; Try reads longer texts" if n_characters > MAX_CHARACTERS else ""
    )
    unknown = " Words the model has never seen are underlined." if prediction.unknown else ""
    return f"{found}{cut}. The number beside a label says how sure the model is.{unknown}"


widgets.page_header(
    "Finding names in text",
    "**Named entity recognition** (NER) marks the names in a text and says of what kind each one is: "
    "a person, a place, an organisation, a time. A network has learned this from sentences that people marked by hand.",
)
show_example()

st.subheader("The way on", anchor=False)
for column, (page, title, sentence) in zip(st.columns(len(STEPS), gap="small"), STEPS, strict=True):
    with column, st.container(border=True, height="stretch", gap="xsmall"):
        navigation.link(page, f"**{title}**")
        st.caption(sentence)

widgets.code_shown("tagger.predict:predict", "tagger.predict:tag_rows", "show.highlight:to_html")
