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

from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

DEFAULT_CORPUS = "newsroom"
DEFAULT_TEXT = "Ada Lovelace lives in London."
_IN_URL = ("corpus", "model", "run")
MAX_LINK = 6_000  # characters of text; longer addresses are cut by browsers and mail programs


def begin() -> None:
    """Take over what the URL says, then write what the session knows back into it. `page_header` calls this."""
    for name in _IN_URL:
        if name in st.query_params:
            st.session_state[f"chosen_{name}"] = st.query_params[name]
        elif st.session_state.get(f"chosen_{name}"):
            st.query_params[name] = st.session_state[f"chosen_{name}"]
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
    here = urlsplit(st.context.url or "http://127.0.0.1:8501/")
    query = {"text": shared} | ({"model": model_id()} if model_id() else {})
    folder = here.path.rpartition("/")[0]
    return urlunsplit((here.scheme, here.netloc, f"{folder}/try_it", urlencode(query), ""))


def theme() -> str:
    """ "light" or "dark", as the person's browser shows the app now."""
    return st.context.theme.type or "light"


def uploads() -> dict[str, str]:
    """The corpora this session has uploaded or opened by link: id -> name. Others' uploads are never listed."""
    return st.session_state.setdefault("uploads", {})


def recall(name: str, default=None):
    """What a page has remembered under `name`."""
    return st.session_state.get(f"kept_{name}", default)


def remember(name: str, value) -> None:
    """Keep `value` under `name` until the session ends (also as `on_click=`)."""
    st.session_state[f"kept_{name}"] = value


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
