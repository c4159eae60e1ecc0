"""The page list, in one function, and the links from page to page.

Use: a page's first statement is `navigation.guard()`; `navigation.link("train", "Train a tagger")`
draws a link, `navigation.go("runs")` leaves for a page at once (the session knows which run is in view).

Why the guard: beside a folder named `pages/` Streamlit falls back to its old navigation for the first
visitor after a start who opens a deep link, and `app.py` does not run. The page then finds that the list
has not been declared in this process, declares it and starts the run again, which goes through `app.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

from pages._ui import session

# file name (= url path) -> title in the navigation
TITLES = {
    "home": "Home",
    "explore": "Explore",
    "train": "Train",
    "runs": "Runs",
    "evaluate": "Evaluate",
    "try_it": "Try",
    "teach": "Teach",
}
HIDDEN = ("teach",)  # from everybody but the teacher, who opens it by its address the first time

_is_declared = False


def show() -> st.Page:
    """Declare the pages, draw the navigation on top and return the page asked for."""
    global _is_declared
    from pages._ui import links  # late: links lead to these pages

    links.begin()
    position = "hidden" if "pages" in links.hidden() else "top"
    page = st.navigation([_page(name) for name in TITLES], position=position)
    _is_declared = True
    return page


def guard() -> None:
    """Start again through `app.py` if this process has not declared its pages yet; remember which page is drawn."""
    session.remember("page", Path(sys._getframe(1).f_globals.get("__file__", "")).stem or None)  # the page that asks
    if not _is_declared:
        show()
        st.rerun()


def link(name: str, label: str | None = None, *, help: str | None = None) -> None:
    """Draw a link to the page called `name`."""
    st.page_link(_page(name), label=label or TITLES[name], help=help)


def go(name: str, query: dict[str, str] | None = None) -> None:
    """Leave for the page called `name`, with `query` in its URL, at once (from a button, never from a callback)."""
    st.switch_page(_page(name), query_params=query)


def _page(name: str) -> st.Page:
    return st.Page(
        f"pages/{name}.py",
        title=TITLES[name],
        url_path=None if name == "home" else name,
        default=name == "home",
        visibility="hidden" if name in HIDDEN and not session.is_teacher() else "visible",
    )
