"""The only file that touches `st.session_state` and `st.query_params`.

Use: `session.corpus_id()`, `session.model_id()`, `session.run_id()`, `session.text()` read what the person
has chosen; `choose_corpus`, `choose_model`, `choose_run`, `set_text` change it (also as `on_click=`).
A widget keeps its value across pages by `key=..., persist_state="session"`; its key is read before it is drawn by
`look(key)` and set by `put(key, value)`. Anything else a page wants to keep goes through `remember(name, value)` and
`recall(name, default)`. The text is one for Home and Try, so its boxes are made with `text_box` and `take_text`.

Corpus, model and run stand in the URL as well (`?corpus=`, `?model=`, `?run=`), because a browser's reload
starts a new session; the navigation drops them, so `begin` puts them back on every run. A typed text never
does: only a link the person has copied holds one (`?text=`), and the first change of the text removes it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st
from streamlit.errors import StreamlitAPIException

from ner_core.training.classroom import is_class, is_proof
from ner_core.training.people import Person, is_key, new_key, owner_of, read_person

COOKIE = "ner_lab_me"  # holds the person's key in their browser
DEFAULT_CORPUS = "newsroom"
DEFAULT_TEXT = "Ada Lovelace lives in London."
_IN_URL = ("corpus", "model", "run", "hide")
MAX_LINK = 6_000  # characters of text; longer addresses are cut by browsers and mail programs


def begin() -> None:
    """Take over what the URL says, then write what the session knows back into it. `page_header` calls this."""
    lacking = {}
    for name in _IN_URL:
        if name in st.query_params:
            st.session_state[f"chosen_{name}"] = st.query_params[name]
        elif st.session_state.get(f"chosen_{name}"):
            lacking[name] = st.session_state[f"chosen_{name}"]
    if lacking:
        st.query_params.update(lacking)  # in one message: the browser makes each a step of its history
    me()
    linked = st.query_params.get("text")
    if linked is not None and linked != st.session_state.get("linked_text"):
        st.session_state["linked_text"] = linked
        set_text(linked)


def corpus_id() -> str:
    """The corpus in use: "newsroom", or the id of an upload."""
    return st.session_state.get("chosen_corpus") or DEFAULT_CORPUS


def choose_corpus(chosen: str) -> None:
    """Use this corpus from now on; the one that ships leaves the URL clean."""
    _choose("corpus", None if chosen == DEFAULT_CORPUS else chosen)


def model_id() -> str | None:
    """The model asked for; None means: the first there is (see `loading.model`)."""
    return st.session_state.get("chosen_model")


def choose_model(chosen: str | None) -> None:
    """Use this model from now on."""
    _choose("model", chosen)


def run_id() -> str | None:
    """The training run in view, or None."""
    return st.session_state.get("chosen_run")


def choose_run(chosen: str | None) -> None:
    """Look at this training run from now on."""
    _choose("run", chosen)


def compared() -> list[str]:
    """The runs that are compared on Runs, the reference first; none where the list is shown. The URL alone says it."""
    return [run for run in st.query_params.get("runs", "").split(",") if run]


def compare(run_ids: Iterable[str]) -> None:
    """Compare these runs (`?runs=a,b,c`), or none (also as `on_click=`)."""
    if joined := ",".join(dict.fromkeys(run_ids)):
        st.query_params["runs"] = joined
    elif "runs" in st.query_params:
        del st.query_params["runs"]


def text() -> str:
    """The text last typed or chosen, the same on Home and Try."""
    return st.session_state.get("text", DEFAULT_TEXT)


def set_text(new: str) -> None:
    """Put `new` into the text box; a text from a link leaves the URL when it is changed."""
    st.session_state["text"] = new
    if "text" in st.query_params and st.query_params["text"] != new:
        del st.query_params["text"]


def take_sample(key: str, samples: dict[str, str]) -> None:
    """The callback of a row of samples: the chosen one becomes the text, and the row is free again."""
    if st.session_state[key] in samples:
        set_text(samples[st.session_state[key]])
        st.session_state[key] = None


def text_box(key: str) -> str:
    """Prepare the text widget `key` to show the session's text; returns its key.

    The widget is then made with `key=session.text_box("...")` and `on_change=session.take_text`.
    """
    st.session_state[key] = text()
    return key


def take_text(key: str) -> None:
    """The callback of a text widget: what was typed becomes the session's text."""
    set_text(st.session_state[key] or "")


def link_with_text(shared: str) -> str:
    """The address of the Try page that opens with this text (and, where chosen, this model)."""
    return address("try_it", text=shared, **({"model": model_id()} if model_id() else {}))


def theme() -> str:
    """ "light" or "dark", as the person's browser shows the app now."""
    return st.context.theme.type or "light"


def uploads() -> dict[str, str]:
    """The corpora this person has uploaded, and old ones opened by link: id -> name. Others' uploads are never listed."""
    if "uploads" not in st.session_state:
        st.session_state["uploads"] = dict(read_person(owner()).uploads)
    return st.session_state["uploads"]


# --- who is here ----------------------------------------------------------------------------


def me() -> str:
    """The key of the person: of a personal link (`?me=`), which leaves the URL at once, of the cookie, or a new one.

    A link does not make somebody else of a person of whom something is stored here: it is only offered (`offered`).
    """
    if "me" not in st.session_state:
        kept = _cookie()
        st.session_state["me"] = kept if is_key(kept) else new_key()
    linked = st.query_params.get("me")
    if linked is not None:
        del st.query_params["me"]
        if is_key(linked) and linked != st.session_state["me"]:
            if read_person(owner_of(st.session_state["me"])) == Person():
                become(linked)
            else:
                st.session_state["offered_me"] = linked
    return st.session_state["me"]


def _cookie() -> str | None:
    return st.context.cookies.get(COOKIE)


def offered() -> str | None:
    """The key of a personal link that was opened by somebody else, until it is taken or refused."""
    return st.session_state.get("offered_me")


def answer_offer(is_taken: bool) -> None:
    """Become the person of the link, or stay who one is."""
    key = st.session_state.pop("offered_me", None)
    if is_taken and key:
        become(key)


def become(key: str) -> None:
    """Be the person of this key from now on; what the session knew of another one is forgotten."""
    if is_key(key) and key != st.session_state.get("me"):
        st.session_state["me"] = key
        st.session_state["is_key_wanted"] = True
        st.session_state.pop("uploads", None)


def forget_me() -> None:
    """Be somebody new, with an empty session: after everything was deleted, nothing points to who was here."""
    st.session_state.clear()
    for name in _IN_URL:
        if name in st.query_params:
            del st.query_params[name]
    become(new_key())


def key_to_keep() -> tuple[str, bool] | None:
    """The key that the browser's cookie lacks, and whether it takes the place of another one; None where all is well."""
    if _cookie() == me():
        return None
    return me(), bool(st.session_state.get("is_key_wanted"))


def owner() -> str:
    """Under which name the person is stored; it may be shown, unlike the key."""
    return owner_of(me())


def is_teacher() -> bool:
    """Tell whether this person has shown the teacher's key."""
    return is_class() and is_proof(read_person(owner()).proof)


def code_in_link() -> str:
    """The class code of the address (`?code=`, from the QR code), which leaves the URL at once; "" where there is none."""
    given = st.query_params.get("code", "")
    if given:
        del st.query_params["code"]
    return given


def address(path: str = "", **query: str) -> str:
    """An address of this app, as the person's browser would open it."""
    here = urlsplit(st.context.url or "http://127.0.0.1:8501/")
    folder = here.path.rpartition("/")[0]
    return urlunsplit((here.scheme, here.netloc, f"{folder}/{path}", urlencode(query), ""))


def recall(name: str, default=None):
    """What a page has remembered under `name`."""
    return st.session_state.get(f"kept_{name}", default)


def remember(name: str, value) -> None:
    """Keep `value` under `name` until the session ends (also as `on_click=`)."""
    st.session_state[f"kept_{name}"] = value


# --- what the address asks for (see `links`) --------------------------------------------------


def page() -> str | None:
    """The page that is drawn: its file's name; None outside the app (a test of one part)."""
    return recall("page")


def query() -> dict[str, str]:
    """What stands in the address now."""
    return st.query_params.to_dict()


def asked(name: str) -> str | None:
    """What the address asks for under `name`."""
    return st.query_params.get(name)


def forget_asked(name: str) -> None:
    """Take `name` out of the address; what a widget drawn before holds there, that widget takes out itself."""
    with contextlib.suppress(StreamlitAPIException, KeyError):
        del st.query_params[name]


def hide() -> str:
    """The `?hide=` of the link that opened this screen; it stays on all pages until it is taken away."""
    return st.query_params.get("hide") or st.session_state.get("chosen_hide") or ""


def set_hide(names: str) -> None:
    """Hide these groups of controls from now on (also as `on_click=`)."""
    _choose("hide", names or None)


def begin_telling(slot) -> None:
    """Put what a link asked for in vain into `slot`, as long as the person stays on the page."""
    st.session_state["link_slot"] = slot.empty()
    if recall("link_page") != page():
        remember("link_problems", {})
        remember("link_page", page())
    _tell()


def tell_link(name: str, words: str) -> None:
    """Say that a link asks for something that cannot be."""
    remember("link_problems", (recall("link_problems") or {}) | {name: words})
    _tell()


def _tell() -> None:
    problems = recall("link_problems")
    if problems and "link_slot" in st.session_state:
        said = f"This link asks for what cannot be: {'; '.join(problems.values())}. The usual value is used."
        st.session_state["link_slot"].info(said)


def open_screen(page: str, settings: dict[str, str]) -> None:
    """Give every widget of `page` the value of these settings, or its default, when it is drawn next."""
    remember("screen", {"page": page, "settings": settings, "given": set()})
    choose_corpus(settings.get("corpus", DEFAULT_CORPUS))
    choose_model(settings.get("model"))
    choose_run(settings.get("run"))
    if "text" in settings:
        set_text(settings["text"])


def take_screen(name: str) -> tuple[str | None] | None:
    """What the opened screen has for this setting, once: (None,) = its default; None = nothing to be done."""
    screen = recall("screen")
    if screen is None or screen["page"] != page() or name in screen["given"]:
        return None
    screen["given"].add(name)
    return (screen["settings"].get(name),)


# --- widgets' own values, by their keys --------------------------------------------------


def put(key: str, value) -> None:
    """Give the widget `key` a value: in a callback, or before the widget is drawn."""
    st.session_state[key] = value


def look(key: str, default=None):
    """The value of the widget `key`, where it is drawn further down."""
    return st.session_state.get(key, default)


def _choose(name: str, chosen: str | None) -> None:
    st.session_state[f"chosen_{name}"] = chosen
    if chosen:
        st.query_params[name] = chosen
    elif name in st.query_params:
        del st.query_params[name]
