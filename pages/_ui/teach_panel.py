"""The parts of the page Teach: the teacher's key, the entrance for the projector, the queue, the limits, the end.

Use: `ask_key()` until the key was shown, then `show_entrance()`, `show_queue()`, `show_limits()`, `show_end()`.
"""

from __future__ import annotations

import math
from html import escape

import streamlit as st

from ner_core.training import classroom, cluster, people
from ner_core.training.places import n_places
from ner_core.training.runs import Run, list_runs
from pages._ui import links, loading, person, session, train_live, train_probes, widgets
from pages._ui.widgets import duration, number, plain

EVERY_SECONDS = 2.0
MOST_SHOWN = 40  # trainings of the queue

_STYLE = """<style>
.entrance { display: flex; flex-wrap: wrap; gap: 1rem 3rem; align-items: center; padding: 0.5rem 0 1rem; }
.entrance img { width: min(24rem, 80vw); height: auto; background: #fff; border-radius: 0.4rem; image-rendering: pixelated; }
.entrance .words { flex: 1 1 18rem; min-width: 0; }
.entrance .what { font-size: 1.1rem; opacity: 0.8; }
.entrance .big { font-size: clamp(1.4rem, 3vw, 2.4rem); font-weight: 650; overflow-wrap: anywhere; line-height: 1.25; margin-bottom: 1rem; }
.entrance .code { font-family: ui-monospace, Menlo, Consolas, monospace; letter-spacing: 0.12em; white-space: nowrap; font-size: clamp(2.2rem, 5vw, 4.6rem); }
</style>"""

# With all else hidden, what the back row must read takes the whole width.
_LARGE = """<style>
[data-testid="stMainBlockContainer"] { max-width: none !important; }
.entrance img { width: min(42rem, 80vw, 68vh); }
.entrance .what { font-size: clamp(1.1rem, 1.6vw, 2rem); }
.entrance .big { font-size: clamp(1.4rem, 3.3vw, 5rem); }
.entrance .code { font-size: clamp(2.2rem, 6.5vw, 9rem); }
</style>"""


def ask_key() -> None:
    """Ask for the teacher's key; who has shown it once is known by their cookie."""
    with st.form("teacher_key_form", width=420):
        typed = st.text_input("Teacher's key", type="password", key="teacher_key", max_chars=200)
        st.caption("`make class` printed it when the class was opened. It is compared here and not stored.")
        if not st.form_submit_button("Enter", type="primary", key="teacher_enter"):
            return
    if not classroom.is_teacher_key(typed):
        widgets.error_sentence(
            "This is not the teacher's key of this class. The command make class NEW_KEY=1 draws another."
        )
        return
    proof = classroom.hash_of(typed)
    try:
        people.change_person(session.owner(), lambda stored: stored.update(proof=proof))
    except OSError as problem:
        widgets.error_sentence(widgets.cannot_write("The key fits, but that cannot be noted", problem))
        return
    st.rerun()


# --- for the projector -------------------------------------------------------------------------


def show_entrance(*, is_large: bool = False) -> None:
    """Address, class code and QR code, in letters that the back row reads; `is_large`: as wide as the screen."""
    now = classroom.settings()
    address = now.address or session.address().rstrip("/")
    link = f"{address}/?code={now.code}" if now.code else f"{address}/"
    code = f'<div class="what">Class code</div><div class="big code">{escape(now.code)}</div>' if now.code else ""
    st.html(
        f'{_STYLE}{_LARGE * is_large}<div class="entrance"><img alt="QR code that opens {escape(address)}" src="{qr_code(link)}">'
        f'<div class="words"><div class="what">Open in a browser</div><div class="big">{_breakable(address)}</div>{code}</div></div>'
    )


def _breakable(address: str) -> str:
    """Where the screen is too narrow, an address breaks before its host or its port, not within a number.

    >>> _breakable("http://192.168.1.20:8501")
    'http://<wbr>192.168.1.20<wbr>:8501'
    """
    scheme, slashes, rest = address.rpartition("//")
    host, colon, port = rest.partition(":")
    return "<wbr>".join(filter(None, (escape(scheme + slashes), escape(host), escape(colon + port))))


@st.cache_data(max_entries=8, show_spinner=False)
def qr_code(link: str) -> str:
    """The QR code of a link, as a picture that stands in the page itself."""
    import segno

    return segno.make(link, error="m", micro=False).png_data_uri(scale=8, border=4)


# --- the queue ----------------------------------------------------------------------------------


def show_queue() -> None:
    """What trains, what waits, and what the teacher can do about it; drawn anew by itself."""
    st.subheader("Queue", anchor=False)
    train_live.show_problem()
    st.fragment(_draw_queue, run_every=EVERY_SECONDS)()


def _draw_queue() -> None:
    now, turns = classroom.settings(), person.turns()
    active = [(run, state) for run in list_runs() if (state := run.state) in train_live.ACTIVE_STATES]
    waiting = {run.id for run, state in active if state == "waiting"}
    with st.container(horizontal=True, vertical_alignment="center"):
        most = "" if cluster.scheduler() else f" of {number(n_places())}"  # how many a cluster takes, only it knows
        st.metric("Training now", f"{number(len(active) - len(waiting))}{most}", width=150)
        st.metric("Waiting", number(len(waiting)), width=110)
        longest = max((turn.seconds for turn in turns.values()), default=0.0)
        wait = "none" if not waiting else "unknown" if math.isnan(longest) else duration(longest)
        st.metric("Longest wait", wait, width=150)
        if now.is_paused:
            st.button(
                "Let the queue go on", type="primary", key="queue_go_on", on_click=_set, args=("is_paused", False)
            )
        else:
            st.button(
                "Pause the queue",
                key="queue_pause",
                on_click=_set,
                args=("is_paused", True),
                help="No further training begins; those that go on are left alone.",
            )
    if now.is_paused:
        st.info("The queue is paused: no further training begins.")
    if not active:
        st.caption("Nothing trains and nothing waits.")
    order = {run_id: turn.n_before for run_id, turn in turns.items()}
    active.sort(key=lambda found: (found[0].id in waiting, order.get(found[0].id, len(order)), found[0].created))
    for run, state in active[:MOST_SHOWN]:
        _row(run, state, now.hidden)
    if len(active) > MOST_SHOWN:
        st.caption(f"{number(len(active) - MOST_SHOWN)} more wait behind these.")
    if now.hidden:
        st.button(
            f"Show the hidden nickname{'s' if len(now.hidden) > 1 else ''} again",
            key="unhide",
            on_click=_set,
            args=("hidden", ()),
        )


def _row(run: Run, state: str, hidden: tuple[str, ...]) -> None:
    """One training: who, what, how far, Stop, and hiding the nickname."""
    owner = run.config.owner
    nickname = classroom.nickname_of(run.config)
    said = f"**{plain(nickname)}**" if nickname else "nickname hidden" if owner in hidden else "no nickname"
    turn = person.turns().get(run.id)
    is_told = turn and state == "waiting" and not (math.isnan(turn.seconds) or classroom.settings().is_paused)
    wait = f", in about {duration(turn.seconds)}" if is_told else ""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"queue_{run.id}"):
        st.markdown(f"{said} · {plain(run.name)} · {train_live.STATES[state]}{wait}", width="stretch")
        st.button(
            "Stop", key=f"teach_stop_{run.id}", on_click=train_live.stop, args=(run.id,), disabled=state == "stopping"
        )
        if nickname and owner:
            st.button("Hide nickname", key=f"hide_{run.id}", on_click=_set, args=("hidden", (*hidden, owner)))


def _set(name: str, value: object) -> None:
    """The callback of the panel's buttons: the teacher, and nobody else, changes a setting."""
    if not session.is_teacher():
        return
    try:
        classroom.change_settings(**{name: value})
    except (classroom.ClassError, OSError) as problem:
        session.remember("runs_problem", str(problem))


# --- limits -------------------------------------------------------------------------------------


def show_limits() -> None:
    """How many trainings at once, how long one may be, one each."""
    now = classroom.settings()
    st.subheader("Limits", anchor=False)
    with st.form("limits_form"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            places = _ask_limit("Trainings at once", "places", now.places, "by the cores")
            seconds = _ask_limit("Seconds a training", "seconds", now.seconds)
            steps = _ask_limit("Steps a training", "steps", now.steps)
        is_one_each = st.checkbox("One training at a time for each person", now.is_one_each, key="limit_one_each")
        if st.form_submit_button("Set the limits", key="limits_set"):
            try:
                classroom.change_settings(places=places, seconds=seconds, steps=steps, is_one_each=is_one_each)
            except (classroom.ClassError, OSError) as problem:
                widgets.error_sentence(str(problem))
            else:
                st.success("Set. They hold for trainings that begin from now on.")


def _ask_limit(label: str, name: str, present: float | None, without: str = "no limit") -> int | None:
    """A limit that can be left empty: its box has no value of its own, or it would come back when it is emptied."""
    key = f"limit_{name}"
    if session.look(key, "never drawn") == "never drawn":
        session.put(key, None if present is None else int(present))
    least, most = (int(bound) for bound in classroom.BOUNDS[name])
    return st.number_input(label, least, most, None, step=1, placeholder=without, key=key, width=190)


# --- one screen for all ---------------------------------------------------------------------------


def show_pin() -> None:
    """The screen that everybody's app opens with, from a link."""
    st.subheader("Pinned screen", anchor=False)
    if screen := links.pinned():
        st.markdown(f"Everybody's app opens with **{plain(links.address_of(screen) or 'Home')}**.")
        st.button("Unpin", key="pin_none", on_click=_set, args=("pinned", ""))
    with st.form("pin_form"):
        link = st.text_input(
            "A link",
            key="pin_link",
            max_chars=links.MAX_PINNED,
            help="Set up a screen, press “Link” on it, choose what is hidden, and copy the link here.",
        )
        if st.form_submit_button("Pin this screen for the class", key="pin_set"):
            try:
                links.pin(link)
            except (links.LinkError, classroom.ClassError) as problem:
                widgets.error_sentence(problem)
            except OSError as problem:
                widgets.error_sentence(widgets.cannot_write("The screen cannot be pinned", problem))
            else:
                st.rerun()


# --- the end of a class -----------------------------------------------------------------------------


def show_end() -> None:
    """A new class code, and the removal of everything the class has stored."""
    st.subheader("After the class", anchor=False)
    with st.container(horizontal=True):
        st.button(
            "Draw a new class code",
            key="new_code",
            on_click=lambda: _set("code", classroom.new_code()),
            help="Everybody but you is asked for it once more.",
        )
        with st.popover("Clear the class"):
            st.markdown(
                "All trainings, models, uploads and nicknames of people go for good, yours too. What ships, public corpora "
                "and runs of the command line stay. A new class code is drawn."
            )
            if st.button("Clear everything of this class", type="primary", key="clear_class"):
                with st.spinner("Stopping and deleting"):
                    _clear()


def _clear() -> None:
    try:
        loading.forget_corpora(classroom.clear_class(keep=session.owner()))
        train_probes.forget()
    except OSError as problem:
        widgets.error_sentence(widgets.cannot_write("Not all was deleted; try again", problem))
        return
    session.choose_run(None)
    session.choose_corpus(session.DEFAULT_CORPUS)
    st.rerun()
