"""One run as it is now: what it does, its curves, its probe sentences, and what comes after it.

Use: `train_live.show(run)`. While the run is active this is a fragment that draws itself twice a second,
reading only what is new; the record stays in the session, so that a change of page costs nothing.
"""

from __future__ import annotations

import streamlit as st

from ner_core.records import Prediction, Report, Span, Token
from ner_core.training import jobs
from ner_core.training.runs import (
    ACTIVE_STATES,
    RESUMABLE_STATES,
    Run,
    RunError,
    delete_run,
    keep_model,
    read_run,
)
from pages._ui import charts_train, loading, navigation, person, session, widgets
from pages._ui.train_record import RunRecord
from pages._ui.widgets import duration, number, percent, plain

EVERY_SECONDS = 0.5
FIRST_SECONDS = 0.2  # until the first step, which people wait for

# state -> what it means, for a person
STATES = {
    "waiting": "Waiting for its turn",
    "starting": "Starting",
    "running": "Training",
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
    is_live = run.is_active
    is_early = is_live and not record_of(run).step
    every = FIRST_SECONDS if is_early else EVERY_SECONDS
    st.fragment(_draw, run_every=every if is_live else None)(run.id, is_live=is_live, is_early=is_early)


def in_words(run: Run) -> str:
    """The run's settings in one line."""
    config = run.config
    parts = [f"Recipe {config.recipe}{' as published' if config.is_published else ''}", f"corpus {config.corpus_name}"]
    parts += person.whose(run)
    if config.training:
        parts.append(f"seed {config.training.seed}")
    parts += [f"{name} {value:g}" for name, value in config.hyperparameters.items() if isinstance(value, int | float)]
    return ", ".join(parts)


def _draw(run_id: str, *, is_live: bool, is_early: bool) -> None:
    try:
        run = read_run(run_id)
    except RunError as problem:  # deleted on another screen
        widgets.error_sentence(problem)
        return
    state = run.state
    record = record_of(run)
    if is_live and state not in ACTIVE_STATES:
        st.rerun()  # the whole page once more, without the timer
    _show_state(run, record, state)
    if state not in ACTIVE_STATES:
        show_result(run, record, state)
    _show_curves(run, record)
    if is_early and record.step:
        st.rerun()  # the first point stands: look less often from now on


# --- what it does now ---------------------------------------------------------------------


def _show_state(run: Run, record: RunRecord, state: str) -> None:
    """A line of words, the progress, and Stop."""
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch", gap="xsmall"):
            st.progress(record.progress, text=plain(_line(run, record, state)))
        if not person.may_manage(run):
            person.watcher_buttons(run)
        elif state in ACTIVE_STATES:
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
    if record.resumed and state in ACTIVE_STATES:
        st.caption(plain(record.resumed.message))


def _line(run: Run, record: RunRecord, state: str) -> str:
    """What happens, how far it is, and how long still."""
    if state == "waiting":
        return person.waiting_in_words(run.id)
    if not record.started and state in ("starting", "running"):
        return "Starting TensorFlow, about 5 s"
    if not record.step and state in ("starting", "running"):
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
    left, speed = record.seconds_left(), record.tokens_a_second()
    parts += [f"about {duration(left)} left"] if left is not None else []
    parts += [f"{number(speed)} tokens/s"] if speed else []
    return " · ".join(parts)


# --- curves and probes ------------------------------------------------------------------------


def _show_curves(run: Run, record: RunRecord) -> None:
    """Loss and F1, then accuracy and the probe sentences; one column on a telephone."""
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Loss**: how surprised it is by the right tags")
        charts_train.loss(record)
    with right:
        with st.container(horizontal=True, vertical_alignment="center"):
            n_names = record.epochs[-1].dev.overall.n_gold if record.epochs else 0
            on_names = f" on {number(n_names)} names of dev" if n_names else ": names exactly right"
            st.markdown(f"**Entity F1**{on_names}", width="stretch")
            both = st.toggle("Precision, recall", key="train_both", persist_state="session")
        charts_train.entity_f1(record, with_both=both)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Accuracy**: tags right, where most tags are O")
        charts_train.accuracy(record, is_published=run.config.is_published)
    with right:
        _show_probes(run, record)
    st.caption(charts_train.HOW_TO_ZOOM)


def _show_probes(run: Run, record: RunRecord) -> None:
    """The sentences to watch, as the last epoch tags them."""
    if person.show_own_probes(run, _labels(record)) or not run.config.probes:
        return
    if record.probes is None:
        st.markdown("**Your sentences**, after each epoch")
        with st.container(border=True, height=charts_train.HEIGHT):
            st.caption("They are tagged for the first time when the first epoch is done.")
            for text in run.config.probes:
                st.text(text)
        return
    st.markdown(f"**Your sentences** after epoch {record.probes.epoch}")
    labels = _labels(record)
    with st.container(border=True, height=charts_train.HEIGHT):
        for probe in record.probes.probes:
            widgets.entity_html(to_prediction(probe), labels=labels)
    if labels:
        widgets.legend(labels)


def _labels(record: RunRecord) -> tuple[str, ...]:
    """The labels of dev, GMB's first and in their order."""
    from ner_core.records import GMB_LABELS

    found = record.floors.most_frequent_tag.by_label if record.floors else {}
    return (*(label for label in GMB_LABELS if label in found), *(label for label in found if label not in GMB_LABELS))


def to_prediction(probe: dict) -> Prediction:
    """Rebuild what `training.train.probe_as_dict` wrote into the log.

    >>> to_prediction({"text": "In Rome", "words": ["In", "Rome"], "starts": [0, 3], "spans": [[1, 2, "geo"]],
    ...                "confidences": [0.9]}).entities[0]["text"]
    'Rome'
    """
    words, spans = probe["words"], tuple(Span(*span) for span in probe["spans"])
    tokens = tuple(Token(word, start, start + len(word)) for word, start in zip(words, probe["starts"], strict=True))
    return Prediction(probe["text"], tokens, ("O",) * len(tokens), spans, tuple(probe["confidences"]))


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
    except RunError as problem:
        session.remember("runs_problem", str(problem))
    except OSError as problem:
        session.remember("runs_problem", widgets.cannot_write("The run was not deleted", problem))
    if session.run_id() == run_id:
        session.choose_run(None)
    if session.model_id() == f"run:{run_id}":
        session.choose_model(None)
