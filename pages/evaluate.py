"""Evaluate: how many names a model finds, which it mixes up, and why accuracy flatters."""

import streamlit as st

from pages._ui import evaluate_show, evaluate_work, links, loading, navigation, session, widgets
from pages._ui.evaluate_work import Evaluation, Setting

navigation.guard()

PARTS = ["test", "dev", "train"]
AT_ONCE = 2_000  # sentences that are measured without being asked: about two seconds


def choose() -> Setting | None:
    """The model, the corpus, how it is dealt, and the part."""
    with st.container(horizontal=True):
        tagger = widgets.model_chip()
        corpus = widgets.corpus_chip()
    if tagger is None:
        widgets.empty_state(
            "There is no model yet. Train one on the corpus that ships: it takes under a minute.",
            "Train a tagger",
            page="train",
        )
        return None
    corpus_id = session.corpus_id()
    with st.container(horizontal=True):
        if tagger.card.get("is_published") is True and choose_split():
            corpus = evaluate_work.deal_as_tutorial(corpus_id, tagger.card.get("recipe"), corpus)
        with links.group("part"):
            part = st.segmented_control(
                f"Part: {widgets.parts_in_words(corpus)}",
                PARTS,
                default="test",
                required=True,
                help="Train is what models learn from, dev chooses the best epoch, test is kept for measuring.",
                **links.bound("evaluate_part", "the part", "test", options=PARTS),
            )
    return Setting(loading.model(session.model_id()), tagger, corpus_id, corpus, part)


def choose_split() -> bool:
    """For a published model: whether the corpus is dealt as its tutorial does."""
    words = {True: "The tutorial's own", False: "The corpus' own"}
    with links.group("split"):
        return st.segmented_control(
            "Split",
            list(words),
            format_func=words.get,
            default=True,
            required=True,
            help="A published model learned from the sentences that the tutorial's split calls train.",
            **links.bound("evaluate_split", "the split", True, options=list(words), words=words.get),
        )


def measure(setting: Setting) -> Evaluation | None:
    """Find the evaluation or do it, with a progress bar; large parts only when asked."""
    evaluation = evaluate_work.find(setting)
    if evaluation:
        return evaluation
    n = len(setting.sentences)
    is_asked = (
        st.button(f"Evaluate {widgets.number(n)} sentences", type="primary", key="evaluate_now")
        if n > AT_ONCE
        else True
    )
    if not is_asked:
        return None
    bar = st.progress(0.0, text="Tagging the sentences")
    for share in evaluate_work.predict_in_chunks(setting):
        bar.progress(share, text=f"Tagging the sentences: {widgets.number(share * n)} of {widgets.number(n)}")
    bar.empty()
    return evaluate_work.find(setting)


def show(setting: Setting, evaluation: Evaluation) -> None:
    """All sections, the most important first."""
    if setting.tagger.encoder.config.tag_order == "pieces":
        st.warning(
            "This recipe's Tokenizer cut the labels into pieces such as `b` and `geo`. No piece names an entity, so the "
            "model marks nothing and its entity F1 is 0, whatever its accuracy says."
        )
    evaluate_show.show_overall(evaluation)
    st.download_button(
        "Download the report (JSON)",
        data=lambda: evaluation.as_json(setting),
        file_name=f"report-{setting.part}.json",
        mime="application/json",
        on_click="ignore",
    )
    left, right = st.columns(2, gap="large")
    with left:
        evaluate_show.show_labels(evaluation)
    with right:
        evaluate_show.show_wall(evaluation)
    evaluate_show.show_errors(evaluation)
    evaluate_show.show_confusion(evaluation)
    evaluate_show.show_sureness(evaluation)
    evaluate_show.show_token_report(evaluation)
    evaluate_show.show_sentence(evaluation, setting.tagger)


widgets.page_header(
    "Evaluate", "Measure a model on sentences whose names are known: what it finds, mixes up and misses."
)
setting = choose()
if setting and not setting.sentences:
    st.info(f"The {setting.part} part of {widgets.plain(setting.corpus.name)} has no sentence: choose another part.")
elif setting:
    judgement = evaluate_work.judge(setting)
    (st.caption if judgement.is_fair else st.warning)(widgets.plain(judgement.sentence))
    done = measure(setting)
    if done:
        show(setting, done)
widgets.code_shown(
    "scores.report:evaluate",
    "scores.report:score",
    "scores.honesty:judge",
    "scores.errors:pair_entities",
    "scores.tokens:token_report",
    "scores.calibration:reliability",
)
