"""One run as it is now: what it does, its curves, its probe sentences, and what comes after it.

Use: `train_live.show(run)`. While the run is active this is a fragment that draws itself again and again, reading only
what is new; the record stays in the session, so that a change of page costs nothing. The more people watch, on
whatever run, the less often each is shown something new, so that a class does not keep the server from its work.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable

import streamlit as st

from ner_core.records import Report
from ner_core.tagger import recipes
from ner_core.training import classroom, jobs
from ner_core.training.keeping import keep_model
from ner_core.training.runs import (
    ACTIVE_STATES,
    RESUMABLE_STATES,
    Run,
    RunError,
    delete_run,
    is_told_to_pause,
    memory_mb,
    read_run,
    wanted_rate,
)
from pages._ui import charts_train, links, loading, navigation, person, run_again, session, train_probes, widgets
from pages._ui.train_record import RunRecord
from pages._ui.widgets import duration, number, percent, plain

EVERY_SECONDS = ((4, 0.4), (12, 1.0))  # so many watch at most -> how often it is drawn
SLOWEST_SECONDS = 2.0  # where more watch, and where nothing goes on: it waits or is paused
FIRST_SECONDS = 0.2  # until the first step, which people wait for, where few do
_PAUSE_ENDS = f"{classroom.PAUSE_SECONDS / 60:g} minutes"  # of a class
GONE_SECONDS = 6.0  # who was not drawn anything for so long watches no more

F1_VIEWS = ("F1", "Precision, recall", "By label")

_watching: dict[str, float] = {}  # a session's token -> when it was last drawn something; of the whole server

# state -> what it means, for a person
STATES = {
    "waiting": "Waiting for its turn",
    "starting": "Starting",
    "running": "Training",
    "paused": "Paused",
    "stopping": "Stopping",
    "stalled": "No sign of life",
    "finished": "Finished",
    "stopped": "Stopped",
    "diverged": "Diverged",
    "failed": "Failed",
    "interrupted": "Interrupted",
}


def record_of(run: Run, *, keeps_steps: bool = True) -> RunRecord:
    """What the session has read of this run, up to now."""
    kept = session.recall("run_records") or {}
    record = kept.get((run.id, keeps_steps))
    if record is None:
        if keeps_steps:  # the curves of one run at a time
            kept = {key: value for key, value in kept.items() if not key[1]}
        record = kept[run.id, keeps_steps] = RunRecord(run.id, keeps_steps)
        session.remember("run_records", kept)
    record.read(run.folder)
    return record


def show(run: Run) -> None:
    """Draw the run; again and again while it is active."""
    st.subheader(plain(run.name), anchor=False)
    st.caption(plain(in_words(run)))
    every = _every_seconds(record_of(run), run.state) if run.is_active else None
    st.fragment(_draw, run_every=every)(run.id, every)


def _every_seconds(record: RunRecord, state: str) -> float:
    """How often this session is to be drawn something new."""
    n = _count_watchers()
    every = next((seconds for most, seconds in EVERY_SECONDS if n <= most), SLOWEST_SECONDS)
    if state in ("waiting", "paused"):
        return SLOWEST_SECONDS
    is_first = not record.step and state in ("starting", "running")
    return FIRST_SECONDS if is_first and every == EVERY_SECONDS[0][1] else every


def _count_watchers() -> int:
    """How many sessions watch a training on this server, this one included."""
    token = session.recall("watcher")
    if token is None:
        token = secrets.token_hex(8)
        session.remember("watcher", token)
    now = time.monotonic()
    _watching[token] = now
    for other, seen in list(_watching.items()):
        if now - seen > GONE_SECONDS:
            _watching.pop(other, None)
    return len(_watching)


def in_words(run: Run) -> str:
    """The run's settings in one line."""
    config = run.config
    parts = [f"Recipe {config.recipe}{' as published' if config.is_published else ''}", f"corpus {config.corpus_name}"]
    parts += person.whose(run)
    if config.training:
        parts.append(f"seed {config.training.seed}")
    for name, value in config.hyperparameters.items():
        if isinstance(value, int | float):
            bound = recipes.BOUNDS.get(name)
            parts.append(f"{bound.words if bound else name} {value:g}")
    return ", ".join(parts)


def _draw(run_id: str, every: float | None) -> None:
    try:
        run = read_run(run_id)
    except RunError as problem:  # deleted on another screen
        widgets.error_sentence(problem)
        return
    state = run.state
    record = record_of(run)
    if every and state not in ACTIVE_STATES:
        st.rerun()  # the whole page once more, without the timer
    # Three places that stay: where one drawing puts a word and the next one a container that is not yet sent to a slow
    # browser, Streamlit sends the container's content alone, and the page breaks.
    with st.container():
        _show_state(run, record, state)
    with st.container():
        if state not in ACTIVE_STATES:
            show_result(run, record, state)
    with st.container():
        show_curves(run, record, is_live=every is not None)
    if every and _every_seconds(record, state) != every:
        st.rerun()  # the first point stands, it waits no more, or others came or left: look less or more often from now on


# --- what it does now ---------------------------------------------------------------------


def _show_state(run: Run, record: RunRecord, state: str) -> None:
    """A line of words, the progress, and what can be told to the run."""
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch", gap="xsmall", key="wide_line_run"):
            st.progress(record.progress, text=plain(_line(run, record, state)))
        if not person.may_manage(run):
            person.watcher_buttons(run)
            run_again.copy_button(run, key="live")
        elif state in ACTIVE_STATES:
            if record.started and state in ("running", "paused"):
                _tell_buttons(run, record)
            st.button(
                "Stop",
                key="train_stop",
                on_click=stop,
                args=(run.id,),
                disabled=state == "stopping",
                help="Ends after the current step; the best epoch so far is kept.",
            )
        elif state in RESUMABLE_STATES:
            resume_button(run, key="train_resume")
    if state in ("running", "paused", "stopping"):
        st.caption(plain(_facts(run, record)), help=FACTS_HELP)
    if record.resumed and state in ACTIVE_STATES:
        st.caption(plain(record.resumed.message))


def _tell_buttons(run: Run, record: RunRecord) -> None:
    """Pause or continue, and the learning rate."""
    is_paused = is_told_to_pause(run.folder)
    st.button(
        "Continue training" if is_paused else "Pause training",
        key="train_continue" if is_paused else "train_pause",
        on_click=tell,
        args=(run.id, jobs.continue_run if is_paused else jobs.pause_run),
        help="It goes on where it stands." if is_paused else _pause_help(),
    )
    with st.popover("Learning rate", key="train_rate_box"):
        least, most = (recipes.BOUNDS["learning_rate"].low, recipes.BOUNDS["learning_rate"].high)
        key = f"train_rate_{run.id}"
        first = min(max(record.started.config.learning_rate, least), most)
        st.number_input(
            "From the next step on",
            *(least, most, first),
            step=0.001,
            format="%.5f",
            key=key,
            persist_state="session",
            help=f"How far each step goes. The run began at {record.started.config.learning_rate:g}.",
        )
        st.button("Change it", type="primary", key="train_rate_set", on_click=set_rate, args=(run.id, key))
        falls = record.started.config.final_rate
        st.caption(
            "From there it falls in proportion, as it would have. " * (falls != 1)
            + "The change stands in the run's log; “Run again” begins without it."
        )


def _pause_help() -> str:
    said = "Waits after the current step and keeps its place. Paused time is no training time."
    return said + f" In a class it goes on by itself after {_PAUSE_ENDS}." * classroom.is_class()


FACTS_HELP = (
    "The learning rate says how far a step goes; the gradient norm, how steep the loss was there (the mean of the last ten "
    "steps, before long ones are shortened). Memory is what the process that trains holds now."
)


def _facts(run: Run, record: RunRecord) -> str:
    """Speed of learning, steepness, memory: small numbers for those who look for them."""
    rate, steep, memory = record.learning_rate, record.gradient_norm(), memory_mb(run.folder)
    wanted = wanted_rate(run.folder)
    soon = f", {wanted:.3g} from the next step on" if wanted is not None else ""
    return " · ".join(
        [
            f"learning rate {f'{rate:.3g}' if rate is not None else '–'}{soon}",
            f"gradient norm {f'{steep:.3g}' if steep is not None else '–'}",
            f"memory {f'{number(memory)} MB' if memory else '–'}",
        ]
    )


def _line(run: Run, record: RunRecord, state: str) -> str:
    """What happens, how far it is, and how long still."""
    if state == "waiting":
        return person.waiting_in_words(run.id)
    if not record.started and state in ("starting", "running"):
        return "Starting TensorFlow, about 5 s"
    if not record.step and state in ("starting", "running", "paused"):
        return "Building the network and taking the first step, a few seconds"
    if state == "stopping":
        return "Stopping after the current step; the best epoch so far is kept"
    if state == "stalled":
        return (
            "The training process has given no sign of life for 15 s. It may be short of memory. "
            "If it stays so, delete the run in Runs: that ends the process."
        )
    steps = f"step {number(record.step)} of {number(record.n_steps_asked)}"
    epochs = f"epoch {record.epoch} of {record.started.config.epochs}" if record.started else ""
    if state not in ACTIVE_STATES:
        return ", ".join(filter(None, [STATES[state], epochs, steps, duration(record.seconds)]))
    parts = [epochs[:1].upper() + epochs[1:], steps, f"{duration(record.seconds)} so far"]
    if state == "paused":
        until = f" (it goes on by itself after {_PAUSE_ENDS})" if classroom.is_class() else ""
        return " · ".join([f"Paused{until}", *parts])
    if is_told_to_pause(run.folder):
        return " · ".join(["Pausing after the current step", *parts])
    left, speed = record.seconds_left(), record.tokens_a_second()
    parts += [f"about {duration(left)} left"] if left is not None else []
    parts += [f"{number(speed)} tokens/s"] if speed else []
    return " · ".join(parts)


# --- curves and probes ------------------------------------------------------------------------


def show_curves(run: Run, record: RunRecord, *, is_live: bool) -> None:
    """Loss and F1, the sentences and five claims, the numbers; one column on a telephone. `is_live`: drawn by a timer."""
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Loss**: how surprised it is by the right tags")
        charts_train.loss(record)
    with right:
        with st.container(horizontal=True, vertical_alignment="center"):
            n_names = record.epochs[-1].dev.overall.n_gold if record.epochs else 0
            on_names = f" on {number(n_names)} names of dev" if n_names else ": names exactly right"
            st.markdown(f"**Entity F1**{on_names}", width="stretch")
            view = st.segmented_control(
                "On the chart",
                F1_VIEWS,
                default=F1_VIEWS[0],
                required=True,
                label_visibility="collapsed",
                **links.bound("train_curve", "the curve", F1_VIEWS[0], options=F1_VIEWS),
            )
        if view == F1_VIEWS[2]:
            charts_train.f1_by_label(record)
        else:
            charts_train.entity_f1(record, with_both=view == F1_VIEWS[1])
    left, right = st.columns(2, gap="medium")
    with left:
        train_probes.show(run, record, is_live=is_live)
    with right:
        _show_wall(record)
    st.caption(charts_train.HOW_TO_ZOOM)
    charts_train.numbers(record)


def _show_wall(record: RunRecord) -> None:
    """Five numbers for one model, and their curves."""
    st.markdown(
        "**One model, five claims**: most words are O, so the first ones are high at once; only the last counts whole names."
    )
    charts_train.score_wall(record)
    with st.container(horizontal=True):
        for claim in charts_train.CLAIMS:
            value = claim.of(record.epochs[-1]) if record.epochs else math.nan
            floor = f"{percent(claim.floor(record.floors.all_o))} by saying O" if record.floors else None
            st.metric(
                claim.name[:1].upper() + claim.name[1:],
                percent(value) if math.isfinite(value) else "–",
                floor,
                delta_color="off",
                delta_arrow="off",
                help=claim.words,
                width=190,  # the longest name in full
            )


# --- when it is over -----------------------------------------------------------------------------


def show_result(run: Run, record: RunRecord, state: str) -> None:
    """What was gained in plain words and the next steps; or what went wrong."""
    message = record.ended.message if record.ended else ""
    if state == "interrupted":
        message = "The training process is gone without a word: the machine or the process was shut down."
        message += " The best epoch so far is kept." if run.best else " No epoch was finished, so there is no model."
    if state in ("failed", "diverged", "interrupted"):
        st.error(plain(message))
    elif message:
        st.caption(plain(message))
    if record.rates:
        changes = ", ".join(f"{told.value:.3g} after step {number(told.step)}" for told in record.rates)
        st.caption(plain(f"The learning rate was changed: {changes}. “Run again” begins without it."))
    if run.best is None:
        st.markdown("There is no model to use from this run. Change the settings and start again.")
        return
    if record.best:
        floor = record.floors.most_frequent_tag if record.floors else None
        advice = (AS_MENDED,) if run.config.is_published else ()
        st.markdown(gained(record.best.dev, floor, *advice))
    _offer_next(run)


AS_MENDED = "The tutorial's mistakes stand on the form: compare the same network as mended."


def gained(dev: Report, floor: Report | None, advice: str = "Train longer, or on more sentences.") -> str:
    """Say what the run has learned beyond what needs no learning.

    >>> from ner_core.records import Counts
    >>> said = gained(Report(Counts(80, 10, 20), {}), Report(Counts(55, 30, 45), {}))
    >>> for sentence in said.split(". "):
    ...     print(sentence)
    It finds **80 of 100 names** exactly and marks 10 things that are no such name: entity F1 **84.2 %**
    A table of each word's most frequent tag finds 55 and reaches 59.5 %; saying O everywhere finds none
    Learning has gained **24.8 points**.
    """
    found = dev.overall
    if not found.n_gold:
        return "There were no names to measure on: the dev part has none. The last epoch is kept, and nothing is known of how good it is."
    said = (
        f"It finds **{number(found.tp)} of {number(found.n_gold)} names** exactly and marks {number(found.fp)} things "
        f"that are no such name: entity F1 **{percent(dev.f1)}**."
    )
    if floor is None:
        return said
    points = 100 * (dev.f1 - floor.f1)
    learned = (
        f"Learning has gained **{points:.1f} points**."
        if points > 0
        else f"That is {abs(points):.1f} points more than this run. {advice}"
    )
    return (
        f"{said} A table of each word's most frequent tag finds {number(floor.overall.tp)} and reaches "
        f"{percent(floor.f1)}; saying O everywhere finds none. {learned}"
    )


def _offer_next(run: Run) -> None:
    """Evaluate, try, keep."""
    with st.container(horizontal=True):
        if st.button("Evaluate this model", type="primary", key="train_to_evaluate"):
            use(run)
            session.choose_corpus(run.config.corpus)
            navigation.go("evaluate")
        if st.button("Try it on a text", key="train_to_try"):
            use(run)
            navigation.go("try_it")
        if person.may_manage(run):
            keep_box(run)


def use(run: Run) -> None:
    """Make this run's best tagger the model in use."""
    session.choose_model(f"run:{run.id}")


def keep_box(run: Run) -> None:
    """Copy the best tagger under a name, so that it outlives the run."""
    with st.popover("Keep as model"):
        st.markdown("The best epoch is copied. The copy stays when the run is deleted.")
        name = st.text_input("Name of the model", run.name, max_chars=60, key=f"keep_{run.id}")
        if st.button("Keep", type="primary", key=f"keep_now_{run.id}", disabled=not name.strip()):
            try:
                kept = keep_model(run, name)
                loading.sign_model(kept)
            except RunError as problem:
                widgets.error_sentence(problem)
            else:
                session.choose_model(f"kept:{kept.name}")
                st.success(f"Kept as {plain(name.strip())}, and in use from now on.")


# --- stopping and deleting from any page ---------------------------------------------------------


def stop(run_id: str) -> None:
    """The callback of Stop; a run that was deleted on another screen is told, not raised."""
    try:
        person.check_manages(run_id)
        jobs.stop_run(run_id)
    except RunError as problem:
        session.remember("runs_problem", str(problem))
    except OSError as problem:
        session.remember("runs_problem", widgets.cannot_write("The run cannot be told to stop", problem))


def tell(run_id: str, how: Callable[[str], None]) -> None:
    """The callback of Pause and Continue."""
    _tell(run_id, how)


def set_rate(run_id: str, key: str) -> None:
    """The callback of the learning rate; an emptied box changes nothing."""
    rate = session.look(key)
    if rate is not None:
        _tell(run_id, lambda run_id: jobs.set_learning_rate(run_id, rate))


def _tell(run_id: str, how: Callable[[str], None]) -> None:
    try:
        person.check_manages(run_id)
        how(run_id)
    except (RunError, jobs.JobError) as problem:
        session.remember("runs_problem", str(problem))
    except OSError as problem:
        session.remember("runs_problem", widgets.cannot_write("The run cannot be told", problem))


def resume_button(run: Run, *, key: str) -> None:
    """Let the training go on where it was broken off."""
    st.button(
        "Resume",
        key=key,
        on_click=resume,
        args=(run.id,),
        help="Goes on from its last checkpoint and ends as if it had never been broken off.",
    )


def resume(run_id: str) -> None:
    """The callback of Resume; what stands in its way is told, not raised."""
    try:
        person.check_manages(run_id)
        jobs.resume_run(run_id)
    except (RunError, jobs.JobError) as problem:
        session.remember("runs_problem", str(problem))
    except OSError as problem:
        session.remember("runs_problem", widgets.cannot_write("The run cannot be resumed", problem))


def show_problem() -> None:
    """What the last callback could not do, once."""
    if problem := session.recall("runs_problem"):
        widgets.error_sentence(problem)
        session.remember("runs_problem", None)


def remove(run_id: str) -> None:
    """The callback of Delete: the run is stopped, its folder removed, and nothing points to it any more."""
    try:
        person.check_manages(run_id)
        delete_run(run_id)
        train_probes.forget()
    except RunError as problem:
        session.remember("runs_problem", str(problem))
    except OSError as problem:
        session.remember("runs_problem", widgets.cannot_write("The run was not deleted", problem))
    if session.run_id() == run_id:
        session.choose_run(None)
    if session.model_id() == f"run:{run_id}":
        session.choose_model(None)
