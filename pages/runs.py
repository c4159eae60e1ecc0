"""Runs: every training, those that are going on too; open, rename, stop, keep, delete."""

import time

import streamlit as st

from ner_core.training.runs import ACTIVE_STATES, RESUMABLE_STATES, Run, RunError, rename
from pages._ui import compare_show, navigation, person, run_again, session, train_live, train_recorded, widgets
from pages._ui.widgets import duration, number, percent, plain

navigation.guard()

EVERY_SECONDS = 2.0
AT_ONCE = 20  # runs shown before "Show more"


def show_runs(is_live: bool) -> None:
    """The list, newest first."""
    runs = person.runs_in_view()
    states = {run.id: run.state for run in runs}  # once: it may change between two looks
    if is_live and not any(state in ACTIVE_STATES for state in states.values()):
        st.rerun()
    show_picked(runs)
    shown = session.recall("runs_shown", AT_ONCE)
    for run in runs[:shown]:
        show_row(run, states[run.id])
    if len(runs) > shown:
        st.button(
            f"Show {min(AT_ONCE, len(runs) - shown)} more of {number(len(runs))}",
            on_click=session.remember,
            args=("runs_shown", shown + AT_ONCE),
            key="runs_more",
        )


def show_picked(runs: list[Run]) -> None:
    """The button that compares what was ticked; above the rows, so that they stay where they are."""
    if len(runs) < 2:
        return
    known = {run.id for run in runs}
    picked = [run_id for run_id in session.recall("runs_picked", ()) if run_id in known]
    said = f"Compare {number(len(picked))} runs" if len(picked) > 1 else "Compare"
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(said, type="primary", key="runs_compare", disabled=len(picked) < 2):
            session.compare(picked)
            st.rerun()
        first = "the first one ticked is the reference" if picked else "tick two or more below"
        st.caption(f"Settings, curves, scores and sentences beside each other: {first}.")


def pick(run_id: str) -> None:
    """The callback of a row's tick: remembers the order in which runs were ticked."""
    others = [other for other in session.recall("runs_picked", ()) if other != run_id]
    session.remember("runs_picked", [*others, run_id] if session.look(f"pick_{run_id}") else others)


def show_row(run: Run, state: str) -> None:
    """One run: what it is, how it went, what can be done with it."""
    is_active = state in ACTIVE_STATES
    with st.container(border=True, gap="xsmall", key=f"run_{run.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(run.name)}** · {train_live.STATES[state]}", width="stretch")
            st.checkbox("Compare", key=f"pick_{run.id}", persist_state="session", on_change=pick, args=(run.id,))
        st.caption(plain(" · ".join(facts(run, state))))
        if state == "waiting":
            st.caption(plain(person.waiting_in_words(run.id)))
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Open", key=f"open_{run.id}"):
                session.choose_run(run.id)
                navigation.go("train")
            may_manage = person.may_manage(run)
            if not may_manage:
                person.watcher_buttons(run)
            elif is_active:
                st.button(
                    "Stop",
                    key=f"stop_{run.id}",
                    on_click=train_live.stop,
                    args=(run.id,),
                    disabled=state == "stopping",
                    help="Ends after the current step; the best epoch so far is kept.",
                )
            elif state in RESUMABLE_STATES:
                train_live.resume_button(run, key=f"resume_{run.id}")
            if run.best and not is_active:
                if st.button("Evaluate", key=f"evaluate_{run.id}"):
                    train_live.use(run)
                    session.choose_corpus(run.config.corpus)
                    navigation.go("evaluate")
                if may_manage:
                    train_live.keep_box(run)
            run_again.buttons(run, key="list")
            if may_manage:
                person.share_toggle(run)
                rename_box(run)
                delete_box(run, is_active)


def facts(run: Run, state: str) -> list[str]:
    """Settings, best score with its number of names, time taken, when."""
    record = train_live.record_of(run, keeps_steps=False)
    found = [train_live.in_words(run)]
    if record.best:
        dev = record.best.dev
        found.append(
            f"entity F1 {percent(dev.f1)} on {number(dev.overall.n_gold)} names of dev (epoch {record.best.epoch})"
        )
    elif state not in ACTIVE_STATES:
        found.append("no epoch was finished")
    if record.seconds:
        found.append(duration(record.seconds))
    return [*found, time.strftime("%d %b %Y, %H:%M", time.localtime(run.created))]


def rename_box(run: Run) -> None:
    with st.popover("Rename"):
        st.text_input("New name", run.name, max_chars=80, key=f"name_{run.id}")
        st.button("Save the name", key=f"rename_{run.id}", on_click=take_name, args=(run.id,))


def take_name(run_id: str) -> None:
    """The callback of Save: what stands in the box now, also where the page has not run since it was typed."""
    try:
        person.check_manages(run_id)
        rename(run_id, session.look(f"name_{run_id}", ""))
    except RunError as problem:
        session.remember("runs_problem", str(problem))
    except OSError as problem:
        session.remember("runs_problem", widgets.cannot_write("The name was not saved", problem))


def delete_box(run: Run, is_active: bool) -> None:
    with st.popover("Delete"):
        going = " It is stopped first." if is_active else ""
        st.markdown(f"Its curves and its model go for good.{going} Models you kept from it stay.")
        st.button("Delete this run", key=f"delete_{run.id}", on_click=train_live.remove, args=(run.id,))


widgets.page_header("Runs", "Your trainings and those that others share with you, also those that are still going on.")
train_live.show_problem()
if session.compared():
    compare_show.show(session.compared())
elif not (known := person.runs_in_view()):
    widgets.empty_state(
        "Nothing has been trained yet. The shipped corpus takes under a minute.", "Train a tagger", page="train"
    )
elif any(run.is_active for run in known):
    st.fragment(show_runs, run_every=EVERY_SECONDS)(is_live=True)
else:
    show_runs(is_live=False)
if not session.compared():
    train_recorded.offer(title="Recorded")
if session.compared():
    widgets.code_shown(
        "scores.comparison:paired_bootstrap", "scores.comparison:f1_differences", "scores.comparison:disagreements"
    )
else:
    widgets.code_shown("training.runs:list_runs", "training.runs:state", "training.runs:delete_run")
