"""Who is here: the key in the browser's cookie, the class code, what is mine and what I only watch.

Use: `page_header` calls `person.enter(row)`, which keeps the cookie, asks for the class code where there is one, and
draws the chip "You". A page that starts a run signs it (`person.signed(config)`), lists `person.runs_in_view()`,
and offers Stop and the like where `person.may_manage(run)`. `person.where_it_goes("text")` stands at a text box.
"""

from __future__ import annotations

import math
from dataclasses import replace

import streamlit as st

from ner_core.training import classroom, people, waiting
from ner_core.training.runs import Run, RunConfig, RunError, list_runs, read_run
from pages._ui import loading, session, widgets
from pages._ui.widgets import duration, number, plain

# The cookie cannot be set from Python. The script writes it, or tells which key another tab has written before.
_keep_key = st.components.v2.component(
    "ner_lab_me",
    js="""
export default function({ data, setTriggerValue }) {
    const start = `${data.cookie}=`;
    const kept = document.cookie.split("; ").find(part => part.startsWith(start))?.slice(start.length);
    if (kept && kept !== data.key && !data.replaces) {
        setTriggerValue("found", kept);
        return;
    }
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${start}${data.key}; Path=/; Max-Age=34560000; SameSite=Lax${secure}`;
}
""",
)

_WHERE = {
    "text": "The text goes to this server to be tagged. It is not stored, no log holds it, and it is gone when you leave.",
    "looked_at": "What you type goes to this server. It is not stored, no log holds it, and it is gone when you leave.",
    "probes": "These sentences go to this server and stay with the run until you delete it, or all of yours under “You”{}.",
    "upload": "A file goes to this server and stays there, for you alone, until you delete it under “You”{}.",
    "public": "A file that the catalogue knows stays on this server, for everybody; another one for you alone, "
    "until you delete it under “You”{}.",
    "nickname": "It stays on this server until you delete it{}. Others see it beside what you share, the teacher in the queue.",
}


def where_it_goes(box: str) -> None:
    """Say, at a text box, where what is typed goes and how long it stays."""
    st.caption(_WHERE[box].format(", or the teacher clears the class" if classroom.is_class() else ""))


# --- coming in ------------------------------------------------------------------------------


def enter(row, *, is_open: bool = False) -> None:
    """Keep the key, let the person in (`is_open`: without a class code), and draw the chip into `row`."""
    if (wanted := session.key_to_keep()) is not None:
        key, replaces = wanted
        with st.container(key="keep_key"):
            told = _keep_key(
                data={"cookie": session.COOKIE, "key": key, "replaces": replaces},
                key="keep_key_script",
                on_found_change=lambda: None,
            )
        if people.is_key(told.found) and told.found != key:
            session.become(told.found)
            st.rerun()
    if not is_open and not _is_let_in():
        _ask_code()
        st.stop()
    if session.offered():
        _ask_who()
    nickname = people.read_person(session.owner()).nickname
    label = f"You: {plain(nickname)}" if nickname else "You"
    if row.button(label, key="person_chip", help="Your nickname, your link, and what is stored of you"):
        _dialog()


def _ask_who() -> None:
    """A personal link was opened where somebody else is known: nobody becomes another person unasked."""
    other = people.read_person(people.owner_of(session.offered())).nickname or "somebody without a nickname"
    with st.container(border=True):
        st.markdown(
            f"This is the personal link of **{plain(other)}**, and this browser knows you as somebody else. Keep your own link "
            "(under “You”) before you change."
        )
        with st.container(horizontal=True):
            st.button("Stay who I am", type="primary", key="offer_refuse", on_click=session.answer_offer, args=(False,))
            st.button(f"Be {plain(other)} here", key="offer_take", on_click=session.answer_offer, args=(True,))


def _is_let_in() -> bool:
    code, given = classroom.settings().code, session.code_in_link()
    if not code or people.read_person(session.owner()).code == code or session.is_teacher():
        return True
    return classroom.is_code(given) and bool(_let_in())


def _let_in() -> people.Person:
    code = classroom.settings().code
    return people.change_person(session.owner(), lambda stored: stored.update(code=code))


def _ask_code() -> None:
    with st.form("class_code_form", width=420):
        typed = st.text_input("Class code", max_chars=20, key="class_code", help="It stands on the projector.")
        nickname = st.text_input("Your nickname, if you like", max_chars=people.MAX_NICKNAME, key="class_nickname")
        where_it_goes("nickname")
        if not st.form_submit_button("Come in", type="primary", key="class_enter"):
            return
    if not classroom.is_code(typed):
        widgets.error_sentence(
            f"This is not the class code. Received: {typed[:20]!r}. Read it from the projector again."
        )
        return
    try:
        if nickname.strip():
            people.set_nickname(session.owner(), nickname)
        _let_in()
    except people.PersonError as problem:
        widgets.error_sentence(problem)
        return
    except OSError as problem:
        widgets.error_sentence(widgets.cannot_write("You cannot come in", problem))
        return
    st.rerun()


@st.dialog("You", width="medium")
def _dialog() -> None:
    show_me()


def show_me() -> None:
    """Nickname, personal link, what is stored, and the button that deletes it."""
    me = people.read_person(session.owner())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input("Nickname", me.nickname, max_chars=people.MAX_NICKNAME, key="nickname")
        is_saved = st.button("Save", key="nickname_save")
    where_it_goes("nickname")
    if is_saved:
        try:
            people.set_nickname(session.owner(), typed)
        except people.PersonError as problem:
            widgets.error_sentence(problem)
        except OSError as problem:
            widgets.error_sentence(widgets.cannot_write("The nickname was not saved", problem))
        else:
            st.rerun()
    st.markdown("**Your link**: this browser knows you by a cookie. On another device, or without cookies, open this:")
    st.code(session.address(me=session.me()), language=None, wrap_lines=True)
    st.caption("Who has this link is you here. Keep it to yourself.")
    n_runs = sum(run.config.owner == session.owner() for run in list_runs())
    names = ", ".join(plain(name) for name in me.uploads.values()) or "none"
    st.markdown(f"**Stored of you**: trainings {number(n_runs)}; uploads: {names}.")
    with st.popover("Delete mine"):
        st.markdown("Your trainings, models, uploads and nickname go for good. Trainings that go on are stopped first.")
        if st.button("Delete all of mine", type="primary", key="delete_mine"):
            delete_mine()


def delete_mine() -> None:
    """Remove everything of this person, here and in memory, and be somebody new."""
    from pages._ui import train_probes  # late: it asks who is here

    code = people.read_person(session.owner()).code
    try:
        loading.forget_corpora(people.delete_mine(session.owner()))
        train_probes.forget()
    except OSError as problem:
        widgets.error_sentence(widgets.cannot_write("Not all of yours was deleted", problem))
        return
    session.forget_me()
    if code and code == classroom.settings().code:
        _let_in()  # who was in the class stays in it
    st.rerun()


# --- what is mine -----------------------------------------------------------------------------


def signed(config: RunConfig) -> RunConfig:
    """What is asked for, in this person's name."""
    return replace(config, owner=session.owner(), nickname="")


def runs_in_view() -> list[Run]:
    """The runs this person sees, newest first: their own, watched and shared ones; for the teacher, all."""
    runs = list_runs()
    if session.is_teacher():
        return runs
    owner = session.owner()
    me = people.read_person(owner)
    return [run for run in runs if people.is_listed(run, owner, me)]


def may_manage(run: Run) -> bool:
    """Tell whether this person may stop, delete, rename, keep and share the run."""
    return classroom.may_manage(run, session.owner(), is_teacher=session.is_teacher())


def check_manages(run_id: str) -> None:
    """Raise RunError where the run is not this person's to manage (any more), or is unknown."""
    if not may_manage(read_run(run_id)):
        raise RunError("This training belongs to somebody else: only they and the teacher can change it.")


def whose(run: Run) -> list[str]:
    """Who has asked for it, in words, where it was somebody else."""
    if run.config.owner in ("", session.owner()):
        return ["shared"] if run.config.owner and people.is_shared(run) else []
    return [f"by {classroom.nickname_of(run.config) or 'somebody without a nickname'}"]


def share_toggle(run: Run) -> None:
    """Show the run in everybody's list, or not."""
    if not run.config.owner:
        return
    key = f"share_{run.id}"
    session.put(key, people.is_shared(run))
    st.toggle(
        "Shared",
        key=key,
        on_change=_share,
        args=(run.id, key),
        help="Everybody's list shows it then: its curves, its sentences and its model, not the corpus.",
    )


def _share(run_id: str, key: str) -> None:
    try:
        check_manages(run_id)
        people.share(run_id, bool(session.look(key)))
    except RunError as problem:
        session.remember("runs_problem", str(problem))
    except OSError as problem:
        session.remember("runs_problem", widgets.cannot_write("It was not shared", problem))


def watcher_buttons(run: Run) -> None:
    """What a watcher has in place of Stop: it takes them away, and the training goes on."""
    st.button(
        "Leave",
        key=f"leave_{run.id}",
        on_click=_leave,
        args=(run.id,),
        help="It belongs to somebody else and goes on without you. Stop, pause and the learning rate belong to who started "
        "it, and to the teacher; to change something, copy the settings.",
    )


def _leave(run_id: str) -> None:
    people.leave(session.owner(), run_id)
    if session.run_id() == run_id:
        session.choose_run(None)


# --- the queue ----------------------------------------------------------------------------------


@st.cache_data(ttl=2.0, show_spinner=False)
def _turns(home: str) -> dict[str, waiting.Turn]:
    return waiting.turns()


def turns() -> dict[str, waiting.Turn]:
    """Who waits, and how long still: worked out once in two seconds for all who look."""
    from ner_core.training.runs import home

    return _turns(str(home()))


def waiting_in_words(run_id: str) -> str:
    """Place in the queue and expected wait."""
    if classroom.settings().is_paused:
        return "Waiting: the teacher has paused the queue. It begins by itself when the queue goes on."
    turn = turns().get(run_id)
    if turn is None:
        return "Waiting for its turn: other trainings go first."
    ahead = f"{number(turn.n_before)} before it" if turn.n_before else "it is next"
    if math.isnan(turn.seconds):
        return f"Waiting for its turn: {ahead}, as soon as a machine of the cluster takes it."
    soon = f"it begins in about {duration(turn.seconds)}" if turn.seconds >= 5 else "it begins in a moment"
    return f"Waiting for its turn: {ahead}, {soon}."
