"""Train: choose a recipe, start, and watch it learn; the training goes on without this page."""

import streamlit as st

from ner_core.training import jobs
from ner_core.training.runs import RunError, read_run
from pages._ui import links, navigation, person, session, train_form, train_live, train_recorded, widgets

navigation.guard()


def show_run(run_id: str) -> None:
    """The run in view, or why it cannot be shown."""
    if train_recorded.is_recorded(run_id):
        train_recorded.show(run_id)
        return
    try:
        run = read_run(run_id)
    except RunError as problem:
        widgets.error_sentence(problem)
        st.button("Set up a training", type="primary", on_click=session.choose_run, args=(None,), key="train_again")
        return
    train_live.show(run)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Set up another training", on_click=session.choose_run, args=(None,), key="train_again")
        navigation.link("runs", "All runs")


def show_form() -> None:
    """Recipe, settings, layers, Start."""
    corpus = widgets.corpus_chip()
    corpus_id = session.corpus_id()
    jobs.ensure_standby(corpus_id)
    if not corpus.train:
        widgets.error_sentence(f"The training part of {corpus.name} has no sentence: choose another corpus.")
        return
    left, right = st.columns([3, 4], gap="large")
    with left:
        chosen = train_form.choose_recipe()
        settings = train_form.choose_settings(chosen, corpus)
        is_started = st.button("Start training", type="primary", key="train_start")
        counts = (
            f"{widgets.number(len(corpus.train))} sentences to learn from, {widgets.number(len(corpus.dev))} to measure"
        )
        if not corpus.dev:
            st.info("This corpus is so small that no sentence is left to measure on: the last epoch will be kept.")
        st.caption(f"{counts} after each epoch. It goes on when you leave this page; Runs lists it.")
    with right:
        with links.group("about"):
            train_form.tell_recipe(chosen, corpus)
        with links.group("layers"):
            train_form.show_layers(corpus, corpus_id, settings.recipe)
    if not person.runs_in_view():
        train_recorded.offer(title="No run yet? Watch a recorded one", is_folded=True)
    if is_started:
        start(train_form.run_config(settings, corpus, corpus_id))


def start(config) -> None:
    """Hand the run to a process of its own and show it."""
    try:
        run_id = jobs.start_run(person.signed(config))
    except jobs.JobError as problem:
        widgets.error_sentence(problem)
        return
    except OSError as problem:
        widgets.error_sentence(widgets.cannot_write("The training cannot be started", problem))
        return
    session.choose_run(run_id)
    st.rerun()


widgets.page_header("Train", "A network reads the marked sentences again and again until it marks names by itself.")
train_live.show_problem()
if session.run_id():
    show_run(session.run_id())
else:
    show_form()
widgets.code_shown(
    "training.train:train", "training.train:_Run.steps", "training.jobs:start_run", "tagger.recipes:resize"
)
