"""Watch it learn: a person's own sentences, as the network tagged them at each moment of a run.

Use: `train_probes.show(run, record)`, within a fragment that draws itself again or on a page that does not. The
sentences are tagged here, from the weights the run has kept (`training.snapshots`): they are no part of the run,
nobody else sees them, and they are gone with the session. Of a recorded run, which keeps no weights, its own sentences are shown.

What moves is one number a session and run, the moment in view: None follows the newest. While it plays, whoever draws,
for whatever reason, goes one moment on if the last one has been in view long enough: two timers never quarrel, and on a
slow machine no moment is left out.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from ner_core.records import GMB_LABELS, Prediction, Tagger
from ner_core.training import people
from ner_core.training.recordings import is_recording, moments_of, prediction_of
from ner_core.training.runs import Run
from ner_core.training.snapshots import Moment, SnapshotError, list_moments, tagger_at
from pages._ui import loading, person, session, train_form, widgets
from pages._ui.train_record import RunRecord
from pages._ui.widgets import percent, plain

STEP_SECONDS = 0.8  # that a moment is in view while it plays
HEIGHT = 320  # of the sentences
MAX_CHARACTERS = 2_000
_SHARED_SECONDS = 3600


@dataclass(frozen=True)
class Shown:
    """One moment and what each sentence was tagged as then."""

    moment: Moment
    predictions: tuple[Prediction, ...]


def show(run: Run, record: RunRecord, *, is_live: bool) -> None:
    """Draw the sentences, the slider through time, and since when each name is right.

    `is_live`: what calls this draws itself again and again. Then this is no fragment of its own: when a fragment begins
    anew, Streamlit drops what it has not sent of it yet but keeps what belongs to a fragment inside; a slow browser would
    get that without the container it stands in, and its page would go blank ("Bad delta path").
    """
    if is_live:
        _draw(run, record, None)
        return
    is_playing = session.recall(_key(run, "play")) is not None
    st.fragment(_draw, run_every=STEP_SECONDS if is_playing else None)(run, record, is_playing)


def _draw(run: Run, record: RunRecord, has_timer: bool | None) -> None:
    texts = sentences_of(run)
    shown = _moments(run, record, texts)
    at = _position(run, [each.moment for each in shown])
    is_playing = session.recall(_key(run, "play")) is not None
    if has_timer is not None and is_playing != has_timer:
        st.rerun()  # the page once more, with a timer or without one
    with st.container(horizontal=True, vertical_alignment="center"):
        when = f": {shown[at].moment.words}" if shown else ""
        with st.container(width="stretch", key="wide_line_probes"):
            st.markdown(f"**Your sentences**{plain(when)}")
        st.button(
            "Pause" if is_playing else "Play",
            key=f"probes_play_{run.id}",
            on_click=_pause if is_playing else _play,
            args=(run, [each.moment.step for each in shown], at),
            disabled=len(shown) < 2,
            help="Steps through the moments, from the one in view or, at the end, from the first.",
        )
        if not is_recording(run):
            _ask_sentences(run, texts)
    with st.container():  # stays, so that nothing below it changes its place (see `train_live`)
        if len(shown) > 1:
            _slider(run, [each.moment for each in shown], at)
    labels = labels_of(record, shown)
    with st.container(border=True, height=HEIGHT):
        if not shown:
            _tell_empty(run, texts)
        for prediction in shown[at].predictions if shown else ():
            widgets.entity_html(prediction, labels=labels, opacity=True)
    if labels:
        widgets.legend(labels)
    if shown:
        _tell_since(run, shown)


# --- which sentences ----------------------------------------------------------------------


def sentences_of(run: Run) -> tuple[str, ...]:
    """This person's sentences for the run: typed here, given when they joined it, or the run's own."""
    typed = session.look(_key(run, "typed"))
    if typed is not None and not is_recording(run):
        return _lines(typed)
    given = people.read_person(session.owner()).watched.get(run.id)
    if given is not None and run.config.owner != session.owner():
        return given or train_form.PROBES
    return run.config.probes or train_form.PROBES


def _lines(typed: str) -> tuple[str, ...]:
    """
    >>> _lines(" In Rome \\n\\n Ada ")
    ('In Rome', 'Ada')
    """
    return tuple(line.strip() for line in typed.splitlines() if line.strip())[: train_form.MAX_PROBES]


def _ask_sentences(run: Run, texts: Sequence[str]) -> None:
    """One to five sentences, one on each line; private to this session."""
    with st.popover("Change"):
        key = _key(run, "typed")
        if session.look(key) is None:
            session.put(key, "\n".join(texts))
        st.text_area(
            f"Your sentences, one on each line, up to {train_form.MAX_PROBES}",
            key=key,
            persist_state="session",
            height=140,
            max_chars=MAX_CHARACTERS,
        )
        person.where_it_goes("text")


def _key(run: Run, what: str) -> str:
    return f"probes_{what}_{run.id}"


# --- what they were tagged as --------------------------------------------------------------


def _moments(run: Run, record: RunRecord, texts: tuple[str, ...]) -> list[Shown]:
    """Every moment there is, oldest first; one that was thinned out in between is left out."""
    if not texts:
        return []
    found = []
    for moment in list_moments(run.folder):
        try:
            found.append(Shown(moment, _tagged(run, moment, texts)))
        except SnapshotError:
            continue
    if found:
        return found
    if texts == run.config.probes and record.tagged:  # a recorded run, or one of a time when no weights were kept
        logged = moments_of([*([record.started] if record.started else []), *record.tagged])
        return [Shown(moment, tuple(map(prediction_of, probes))) for moment, probes in logged]
    return _as_the_best(run, record, texts)


def _tagged(run: Run, moment: Moment, texts: tuple[str, ...]) -> tuple[Prediction, ...]:
    """Tag with the weights of that moment: the run's own sentences once for all, this person's for this session."""
    if texts == run.config.probes:
        return _tag_for_all(run.folder, moment, texts)
    kept = session.recall("probes_tagged") or {}
    if any(key[:2] != (run.id, texts) for key in kept):  # of one run and its sentences at a time
        kept = {}
    key = (run.id, texts, moment.sha256)
    if key not in kept:
        kept[key] = _tag(run.folder, moment, texts)
        session.remember("probes_tagged", kept)
    return kept[key]


@st.cache_data(max_entries=500, ttl=_SHARED_SECONDS, show_spinner=False)
def _tag_for_all(folder: Path, moment: Moment, texts: tuple[str, ...]) -> tuple[Prediction, ...]:
    return _tag(folder, moment, texts)


def forget() -> None:
    """Drop the sentences of runs from the memory of the server: one of these runs was deleted."""
    _tag_for_all.clear()


def _tag(folder: Path, moment: Moment, texts: tuple[str, ...]) -> tuple[Prediction, ...]:
    from ner_core.tagger.predict import predict

    return tuple(predict(tagger_at(folder, moment, _start(folder)), texts))


def _start(folder: Path) -> Tagger | None:
    """The run's untrained tagger, read once for all who watch; None where it is not there."""
    start = folder / "snapshots" / "start"
    try:
        return loading.tagger(loading.Model("start", "", "", start, False))
    except loading.NotThere:
        return None


def _as_the_best(run: Run, record: RunRecord, texts: tuple[str, ...]) -> list[Shown]:
    """Where no moment was kept: as the best epoch so far tags them."""
    if run.best is None:
        return []
    try:
        tagger = loading.tagger(loading.Model(f"run:{run.id}", run.name, "", run.best, False))
    except loading.NotThere:  # it is being replaced by a better one at this moment
        return []
    from ner_core.tagger.predict import predict

    best = record.best
    moment = Moment(best.step, best.epoch, 1.0) if best else Moment(1, 1, 1.0)
    return [Shown(moment, tuple(predict(tagger, texts)))]


# --- the moment in view ------------------------------------------------------------------------


def _position(run: Run, moments: Sequence[Moment]) -> int:
    """Which moment is in view: the one that plays, the one chosen, else the newest."""
    steps = [moment.step for moment in moments]
    newest = len(steps) - 1
    if (playing := session.recall(_key(run, "play"))) is not None:
        since, at = playing
        if time.monotonic() - since >= STEP_SECONDS:
            session.remember(_key(run, "play"), (time.monotonic(), at := at + 1))
        if at < newest:
            return at
        session.remember(_key(run, "play"), None)
        session.remember(_key(run, "at"), None)
    chosen = session.recall(_key(run, "at"))
    return steps.index(chosen) if chosen in steps else newest


def _slider(run: Run, moments: Sequence[Moment], at: int) -> None:
    """The slider through time; it follows the newest moment until the person moves it."""
    words = {moment.step: moment.words for moment in moments}
    step, steps = moments[at].step, tuple(words)
    serial, drawn = session.recall(_key(run, "drawn"), (0, ()))
    # A slider that the page moves itself is a new one: sending a value to the old one would undo what is being dragged,
    # and a slow browser would answer with the old value as if the person had chosen it.
    if session.look(_key(run, f"slider{serial}")) != step or drawn != steps[: len(drawn)]:
        serial += 1
    session.remember(_key(run, "drawn"), (serial, steps))
    key = _key(run, f"slider{serial}")
    st.select_slider(
        "Moment",
        list(words),
        value=step,
        format_func=words.get,
        key=key,
        on_change=_choose,
        args=(run, key, steps[-1]),
        label_visibility="collapsed",
    )


def _choose(run: Run, key: str, newest: int) -> None:
    """The callback of the slider; its right end follows what comes."""
    step = session.look(key)
    session.remember(_key(run, "play"), None)
    session.remember(_key(run, "at"), None if step == newest else step)


def _play(run: Run, steps: Sequence[int], at: int) -> None:
    first = 0 if at == len(steps) - 1 else at
    session.remember(_key(run, "play"), (time.monotonic(), first))


def _pause(run: Run, steps: Sequence[int], at: int) -> None:
    session.remember(_key(run, "play"), None)
    session.remember(_key(run, "at"), steps[at])


# --- words ---------------------------------------------------------------------------------------


def _tell_empty(run: Run, texts: Sequence[str]) -> None:
    if not texts:
        st.caption("No sentence to watch. Press Change and type one to five.")
        return
    if run.is_active:
        st.caption("They are tagged for the first time when the network is built.")
    else:
        st.caption("This run kept no moment to look at. Run it again to watch these sentences while it learns.")
    for text in texts:
        st.text(text)


def labels_of(record: RunRecord, shown: Sequence[Shown] = ()) -> tuple[str, ...]:
    """The labels of dev, or else those that were found, GMB's first and in their order."""
    found = dict.fromkeys(record.floors.most_frequent_tag.by_label if record.floors else ())
    found |= dict.fromkeys(s.label for each in shown for p in each.predictions for s in p.spans)
    return (*(label for label in GMB_LABELS if label in found), *(label for label in found if label not in GMB_LABELS))


def _tell_since(run: Run, shown: Sequence[Shown]) -> None:
    """For each name of the newest moment: since when it is tagged so, and how sure."""
    rows = since_when(shown)
    so_far = "so far" if run.is_active else "at the end"
    if not rows:
        st.caption(f"No name is found in them {so_far}.")
        return
    st.dataframe(
        {
            "name": [row[0] for row in rows],
            "label": [row[1] for row in rows],
            "first right": [row[2] for row in rows],
            "how sure": [row[3] for row in rows],
        },
        hide_index=True,
        width="stretch",
        height="content",
    )
    st.caption(
        f"First right: from then on it was found with these edges and this label, as {so_far}. Nobody has marked "
        "these sentences, so “right” is what the network has come to. The fainter the ground, the less sure it is."
    )


def since_when(shown: Sequence[Shown]) -> list[tuple[str, str, str, str]]:
    """(name, label, moment, how sure) of every entity of the last moment: when it was first tagged so, and stayed.

    >>> from ner_core.records import Span, Token
    >>> def tagged(*spans): return (Prediction("In Rome", (Token("In", 0, 2), Token("Rome", 3, 7)), ("O", "O"), spans, (0.9,) * len(spans)),)
    >>> geo, per = Span(1, 2, "geo"), Span(1, 2, "per")
    >>> since_when([Shown(Moment(n, 1, n / 9), tagged(*found)) for n, found in enumerate([(geo,), (per,), (geo,), (geo,)])])
    [('Rome', 'geo', 'after 2 steps', '90.0 %')]
    """
    rows = []
    for number, last in enumerate(shown[-1].predictions):
        for span, entity in zip(last.spans, last.entities, strict=True):
            first = shown[-1]
            for earlier in reversed(shown[:-1]):
                if span not in earlier.predictions[number].spans:
                    break
                first = earlier
            rows.append((entity["text"], span.label, first.moment.words, percent(entity["confidence"])))
    return rows
