"""Recorded runs: real trainings on GMB that ship with the app, replayed in ten seconds.

Use: `train_recorded.offer()` lists them where there is nothing else to watch, `train_recorded.is_recorded(run_id)` tells an
address (`?run=recorded:NAME`) from a run's, `train_recorded.show(run_id)` plays one. Curves and sentences are drawn by the same
parts as a run that goes on: here a clock hands them the events (`training.recordings`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from ner_core.records import Event, InputError
from ner_core.training.recordings import PLAY_SECONDS, Clock, read_recording, recording, recordings
from ner_core.training.runs import Run, RunError
from pages._ui import loading, navigation, session, train_form, train_live, widgets
from pages._ui.train_record import RunRecord
from pages._ui.widgets import duration, number, percent, plain

PREFIX = "recorded:"
EVERY_SECONDS = 0.5


@dataclass
class Replay:
    """A recording that plays: its clock, and what the page knows by now."""

    clock: Clock
    record: RunRecord
    events: list[Event] = field(repr=False)

    def read(self) -> None:
        for event in self.clock.due():
            self.record.take(event)


def is_recorded(run_id: str | None) -> bool:
    """
    >>> is_recorded("recorded:fast"), is_recorded("20260101-000000-0123456789abcdef"), is_recorded(None)
    (True, False, False)
    """
    return bool(run_id) and run_id.startswith(PREFIX)


# --- the list -----------------------------------------------------------------------------


def offer(*, title: str = "Recorded runs", is_folded: bool = False) -> None:
    """Name the recordings, each with a button that plays it; nothing where none ships."""
    known = recordings()
    if not known:
        return
    with st.expander(title) if is_folded else st.container(gap="small"):
        if not is_folded:
            st.subheader(title, anchor=False)
        st.caption(
            f"Real trainings on GMB (47,959 sentences of news), replayed in {PLAY_SECONDS:.0f} seconds. "
            "Nothing is trained while you watch."
        )
        for run in known:
            _row(run)


def _row(run: Run) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch", gap="xsmall"):
            st.markdown(f"**{plain(run.name)}**")
            st.caption(plain(_facts(run)))
        if st.button("Watch", key=f"watch_{run.id}"):
            session.remember("replay", None)
            session.choose_run(f"{PREFIX}{run.id}")
            navigation.go("train")


@st.cache_data(max_entries=64, show_spinner=False)
def _facts_of(folder: str, changed: float) -> str:
    from pathlib import Path

    from ner_core.training.runs import open_run

    record = RunRecord("", keeps_steps=False)
    for event in read_recording(open_run(Path(folder))):
        record.take(event)
    parts = [f"{len(record.epochs)} epochs in {duration(record.seconds)}"]
    if record.best:
        names = f"{number(record.best.dev.overall.n_gold)} names of dev"
        parts.append(f"entity F1 {percent(record.best.dev.f1)} on {names}")
    return ", ".join(parts)


def _facts(run: Run) -> str:
    """How long it took and how good it became."""
    return _facts_of(str(run.folder), (run.folder / "events.jsonl").stat().st_mtime)


# --- one of them ----------------------------------------------------------------------------


def show(run_id: str) -> None:
    """Play the recording; again and again on request."""
    try:
        run = recording(run_id.removeprefix(PREFIX))
    except RunError as problem:
        widgets.error_sentence(problem)
        return
    replay = _replay(run)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(run.name), anchor=False, width="stretch")
        st.badge("Recorded", color="gray")
    st.caption(plain(f"{train_live.in_words(run)}. {_facts(run)}; replayed in {PLAY_SECONDS:.0f} seconds."))
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Train your own", type="primary", key="recorded_own", help="The same recipe and settings."):
            query = own_settings(run)
            if query is not None:
                navigation.go("train", query)
        st.button("Play again", key="recorded_again", on_click=session.remember, args=("replay", None))
        navigation.link("runs", "All runs")
    is_playing = not replay.clock.is_over
    st.fragment(_draw, run_every=EVERY_SECONDS if is_playing else None)(run, replay, is_playing)


def _replay(run: Run) -> Replay:
    """The replay of this recording that the session has going, or a new one."""
    kept: Replay | None = session.recall("replay")
    if kept is None or kept.record.run_id != run.id:
        events = read_recording(run)
        kept = Replay(Clock(events), RunRecord(run.id), events)
        session.remember("replay", kept)
    return kept


def _draw(run: Run, replay: Replay, is_playing: bool) -> None:
    replay.read()
    if is_playing and replay.clock.is_over:
        st.rerun()  # the page once more, without the timer
    record = replay.record
    steps = f"step {number(record.step)} of {number(record.n_steps_asked)}"
    epoch = f"Epoch {record.epoch} of {record.started.config.epochs}, " if record.started and record.epoch else ""
    st.progress(record.progress, text=plain(f"{epoch}{steps}, {duration(record.seconds)} of training"))
    train_live.show_curves(run, record, is_live=is_playing)
    if record.ended and record.best:
        st.markdown(train_live.gained(record.best.dev, record.floors.most_frequent_tag if record.floors else None))


def own_settings(run: Run) -> dict[str, str] | None:
    """The address of Train's form with the recording's settings: on GMB where it is here, else on the corpus that ships."""
    corpus_id, told = run.config.corpus, None
    try:
        corpus = loading.corpus(corpus_id)
    except loading.NotThere:
        corpus_id = session.DEFAULT_CORPUS
        corpus = loading.corpus(corpus_id)
        told = "GMB is not here yet (press Corpus to fetch or upload it), so Newsroom is chosen; the settings are the recording's."
    try:
        query = train_form.address_of(run.config, corpus)
    except InputError as problem:
        widgets.error_sentence(f"The settings of this recording cannot be copied: {problem}")
        return None
    session.choose_corpus(corpus_id)
    session.choose_run(None)
    session.remember("runs_problem", told)
    return query
