"""A page's settings in its address: a link opens the same screen, with less on it where its writer wants that.

Use: a widget whose value belongs in the address is made with `links.bound`:

    st.slider("Threshold", 0, 100, 0, **links.bound("try_threshold", "the threshold", 0, low=0, high=100))

Streamlit then writes its value into the URL, where it is not the default, and reads it from there. What a link asks for
and cannot have is told in a sentence on the page, and the default is used. No text a person types is bound.

A group of controls that a link may hide stands in `with links.group("recipe"):`. `?hide=recipe,seed` draws them,
so that they keep the link's values, but shows them to nobody. `arrive(row)` is called by every page's header: it
applies the screen the teacher has pinned, and offers the teacher the link to this one.

Source: TensorFlow Playground, whose whole state stands in its address, `hide` included.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import streamlit as st

from ner_core.records import InputError
from ner_core.training import classroom, people
from ner_core.training.runs import RunError, read_run
from pages._ui import loading, navigation, session

# What a link can hide, page by page, in the words of the dialog; "everywhere" is on all of them.
GROUPS = {
    "everywhere": {
        "pages": "the list of pages",
        "corpus": "the corpus in use",
        "model": "the model in use",
        "code": "“The code this page just ran”",
    },
    "explore": {"section": "the row of sections", "view": "the question within a section"},
    "train": {
        "recipe": "the recipe",
        "form": "published or mended",
        "epochs": "the number of epochs",
        "seed": "the seed",
        "limit": "the time limit",
        "advanced": "“More settings”",
        "probes": "the sentences to watch",
        "about": "what the recipe says of itself",
        "layers": "the table of layers",
    },
    "evaluate": {"part": "the part that is measured", "split": "whose split"},
    "try_it": {"samples": "the samples", "threshold": "the threshold", "share": "downloads and link"},
    "runs": {"part": "the part that is measured", "curves": "what the curves show"},
}
# The names in the address that belong to a page; Train has more, see `_HYPERPARAMETER`.
NAMES = {
    "home": ("text",),
    "explore": (
        "section",
        "label",
        "explore_labels_view",
        "explore_with_o",
        "explore_lengths_hand",
        "explore_side",
        "explore_doubt",
        "explore_parts_view",
        "explore_threshold",
        "explore_part",
        "explore_label",
        "explore_reading_source",
        "explore_recipe",
    ),
    "train": ("train_recipe", "train_form", "train_seed", "train_minutes", "train_tensorboard", "train_curve"),
    "runs": ("runs", "compare_part", "compare_over", "compare_measure"),
    "evaluate": ("evaluate_part", "evaluate_split", "report_o", "report_padding"),
    "try_it": ("text", "try_threshold"),
}
EVERYWHERE = ("corpus", "model", "run", "hide")
_SHOWN = {"train": ("run",), "home": ("model",), "evaluate": ("model",), "try_it": ("model",)}  # which of model and run
MAX_PINNED = classroom.MAX_PINNED
PIN_SECONDS = 4.0  # within so long a screen that the teacher pins reaches who is in the app already
_HYPERPARAMETER = re.compile(r"train_(.+)_(?:True|False)_([a-z_]+?)_[-+.e0-9]+")
_STYLE = """<style>
[class*="st-key-hidden_"], [data-testid="stLayoutWrapper"]:has(> [class*="st-key-hidden_"]) { display: none; }
</style>"""


class LinkError(InputError):
    """A link cannot be used; the message says why and what to do."""


def is_known(page: str, name: str) -> bool:
    """Tell whether `name` is a setting in the address of this page."""
    if name in EVERYWHERE or name in NAMES.get(page, ()):
        return True
    from ner_core.tagger.recipes import BOUNDS, RECIPE_NAMES  # late: most pages need no recipe

    found = _HYPERPARAMETER.fullmatch(name) if page == "train" else None
    return bool(found) and found[1] in RECIPE_NAMES and found[2] in BOUNDS


# --- a widget in the address ----------------------------------------------------------------


def bound(
    key: str,
    title: str,
    default: Any,
    *,
    options: Sequence | None = None,
    words: Callable[[Any], str] = str,
    low: float | None = None,
    high: float | None = None,
) -> dict:
    """The arguments that keep a widget's value in the URL under `key`, and across pages.

    It is a choice among `options` (in the URL: in their `words`), a number from `low` to `high`, or, without both,
    a switch. `default` must be the widget's own; None there means that it may be empty. What the link asks for and cannot
    have is told where `arrive` stands, and left out of the URL.
    """
    read = partial(_read, default=default, options=options, words=words, low=low, high=high)
    if (pinned := session.take_screen(key)) is not None:
        session.put(key, _or_default(read, pinned[0], default))
    usual = {"key": key, "persist_state": "session", "bind": "query-params"}
    asked = session.asked(key)
    if asked is None:
        return usual
    try:
        read(asked)
    except ValueError:
        session.tell_link(key, _plain(f"{title} {_quoted(asked)} ({_expected(options, words, low, high)})"))
        session.forget_asked(key)
        return usual | {"bind": None}  # Streamlit would read it all the same, and stop at an infinite number
    return usual


def _read(asked: str, *, default, options, words, low, high):
    """What a text from the URL means. Raises ValueError where it means nothing that can be."""
    if options is not None:
        return {words(option): option for option in options}[asked] if asked in map(words, options) else _refuse()
    if asked == "" and default is None:
        return None
    if low is None:
        return asked.lower() == "true" if asked.lower() in ("true", "false") else _refuse()
    number = float(asked)
    if not math.isfinite(number) or not low <= number <= high or (isinstance(low, int) and number != int(number)):
        _refuse()
    return type(low)(number)


def _refuse():
    raise ValueError


def _or_default(read: Callable, asked: str | None, default):
    if asked is None:
        return default
    try:
        return read(asked)
    except ValueError:
        return default


def _expected(options, words, low, high) -> str:
    """
    >>> _expected(None, str, 1, 50), _expected(["a", "b"], str, None, None), _expected(None, str, None, None)
    ('from 1 to 50', 'one of a, b', 'true or false')
    """
    if options is not None:
        few = [words(option)[:40] for option in options[:6]]
        return f"one of {', '.join(few)}{' …' if len(options) > len(few) else ''}"
    return "true or false" if low is None else f"from {low:,} to {high:,}"


def _quoted(text: str) -> str:
    """
    >>> _quoted("x" * 50)
    '“xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…”'
    """
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text[:30])
    return f"“{shown}{'…' if len(text) > 30 else ''}”"


# --- hiding ---------------------------------------------------------------------------------


def hidden() -> frozenset[str]:
    """The groups that this screen hides: those of the link, and those of the screen that is pinned."""
    kept = session.recall("hidden_groups")
    return _hidden() if kept is None else kept


def begin() -> None:
    """Work out once, for a whole drawing of the page, what is hidden. `navigation.show` calls this."""
    session.remember("hidden_groups", _hidden())


def _hidden() -> frozenset[str]:
    return _linked_groups() | _pinned_groups()


def _linked_groups() -> frozenset[str]:
    return frozenset(_names(session.hide())) & _groups()


def _names(text: str) -> list[str]:
    """
    >>> _names(" Seed,recipe,,seed ")
    ['seed', 'recipe']
    """
    return list(dict.fromkeys(name for part in text.split(",") if (name := part.strip().lower())))


def _groups() -> set[str]:
    return {name for groups in GROUPS.values() for name in groups}


def _pinned_groups() -> frozenset[str]:
    screen = pinned()
    if screen is None or session.is_teacher():
        return frozenset()
    return frozenset(_names(screen.query.get("hide", ""))) & _groups()


@contextlib.contextmanager
def group(name: str) -> Iterator[None]:
    """What is drawn within is one group of controls: hidden where the link says so, else as if this were not here."""
    if name not in hidden():
        yield
        return
    with st.container(key=f"hidden_{name}"):
        yield


# --- screens: a page with its settings ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Screen:
    """A page, and what stands in its address."""

    page: str
    query: dict[str, str]


def read_link(link: str) -> Screen:
    """What a link opens: a whole address, or what stands in it from the page on (`train?train_seed=3`).

    Only pages and settings that are known pass. Raises LinkError.

    >>> read_link("http://127.0.0.1:8501/train?train_seed=3&hide=seed")
    Screen(page='train', query={'train_seed': '3', 'hide': 'seed'})
    """
    if len(link) > MAX_PINNED:
        raise LinkError(
            f"A link has at most {MAX_PINNED:,} characters. Received: {len(link):,}. Take settings out of it."
        )
    try:
        parts = urlsplit(link.strip())
        query = dict(parse_qsl(parts.query, keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise LinkError(f"This is no link. Received: {_quoted(link)}. Copy one from “Link” on the screen.") from None
    page = parts.path.strip("/").rpartition("/")[2] or "home"
    if page not in navigation.TITLES or page in navigation.HIDDEN:
        raise LinkError(f"There is no page {_quoted(page)}. Copy the link from “Link” on the screen.")
    if unknown := [name for name in query if not is_known(page, name)]:
        raise LinkError(
            f"The page {navigation.TITLES[page]} has no setting {', '.join(map(_quoted, unknown[:5]))}. "
            "Copy the link from “Link” on the screen."
        )
    return Screen(page, query)


def pinned() -> Screen | None:
    """The screen the teacher has pinned for the class; None where there is none."""
    stored = classroom.settings().pinned
    try:
        return read_link(stored) if stored else None
    except LinkError:  # of another version of NER Lab
        return None


def pin(link: str) -> None:
    """Pin a screen for the class, "" = none any more. Raises LinkError, ClassError, OSError."""
    if not link.strip():
        classroom.change_settings(pinned="")
        return
    screen = read_link(link)
    unused = {"model", "run"} - set(_SHOWN.get(screen.page, ()))
    screen = Screen(screen.page, {name: value for name, value in screen.query.items() if name not in unused})
    if private := _private(screen.query):
        raise LinkError(
            f"{private}, or not here: nobody else in the class can open it. Choose one that all can open, and copy the link again."
        )
    classroom.change_settings(pinned=address_of(screen))


def _private(query: dict[str, str]) -> str:
    """What of a link is not for everybody, as the beginning of a sentence; "" where all of it is."""
    corpus, model = query.get("corpus", session.DEFAULT_CORPUS), query.get("model")
    if corpus not in loading.corpora() or people.is_owned(corpus):
        return "The corpus of this link is an upload"
    if model and not any(found.id == model and loading.is_for_all(found) for found in loading.models()):
        return "The model of this link belongs to somebody"
    run_ids = [run_id for name in ("run", "runs") for run_id in query.get(name, "").split(",") if run_id]
    return "" if all(map(_is_for_all, run_ids)) else "A training of this link is not shared"


def _is_for_all(run_id: str) -> bool:
    from pages._ui import train_recorded  # late: it draws with these groups

    if train_recorded.is_recorded(run_id):
        return True
    try:
        run = read_run(run_id)
    except RunError:
        return False
    return not run.config.owner or people.is_shared(run)


def address_of(screen: Screen) -> str:
    """
    >>> address_of(Screen("train", {"train_seed": "3", "hide": "recipe,seed"})), address_of(Screen("home", {}))
    ('train?train_seed=3&hide=recipe,seed', '')
    """
    path = "" if screen.page == "home" else screen.page
    return f"{path}?{urlencode(screen.query, safe=',')}" if screen.query else path


# --- the browser's Back -------------------------------------------------------------------------

# Streamlit overwrites the address when a bound widget changes, and reads it again when the browser goes back. So each
# change by hand becomes a step of its own here; what Streamlit tidies by itself (a value that is the usual one) does not.
_make_steps = st.components.v2.component(
    "ner_lab_steps",
    js="""
export default function({ data }) {
    window.nerLabSteps ??= begin();
    window.nerLabSteps.page = data.page;
}
function begin() {
    const steps = { page: "", isByHand: false };
    const replace = history.replaceState.bind(history);
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => { steps.isByHand = true; }, true);
    addEventListener("popstate", () => { steps.isByHand = false; }, true);
    history.replaceState = (state, title, url) => {
        const next = new URL(url ?? location.href, location.href);
        const isHere = next.pathname === location.pathname && next.pathname.endsWith(`/${steps.page}`);
        if (!steps.isByHand || !isHere || next.search === location.search) return replace(state, title, url);
        steps.isByHand = false;
        history.pushState(state, title, url);
    };
    return steps;
}
""",
)


def make_steps(page: str) -> None:
    """Let the browser's Back lead from one choice on this page to the one before, and not out of the page."""
    with st.container(key="hidden_steps"):
        _make_steps(data={"page": page}, key="steps_script")


# --- at the top of every page --------------------------------------------------------------------


def arrive(row) -> None:
    """Go where the teacher has pinned a screen, hide what is hidden, tell of unknown names, offer the link."""
    page = session.page()
    if page is None or page in navigation.HIDDEN:
        return
    _follow_pin(page)
    if classroom.is_class() and not session.is_teacher():
        st.fragment(_watch_pin, run_every=PIN_SECONDS)(classroom.settings().pinned)
    st.html(_STYLE)
    slot = st.container(gap="xsmall")
    session.begin_telling(slot)
    if (screen := pinned()) and not session.is_teacher():
        slot.caption("Your teacher has pinned these settings.")
    unknown = [name for name in session.query() if not is_known(page, name) and page in NAMES]
    if unknown:
        session.tell_link("", _plain(f"{', '.join(map(_quoted, unknown[:5]))} (no setting of this page)"))
    if strange := [name for name in _names(session.hide()) if name not in _groups()]:
        slot.caption(_plain(f"There is nothing called {', '.join(map(_quoted, strange[:5]))} to hide."))
    if _linked_groups() and (screen is None or session.is_teacher()):
        slot.button(
            "Show all controls",
            key="show_all",
            type="tertiary",
            on_click=session.set_hide,
            args=("",),
            help="The link that opened this page hides some of them.",
        )
    may_link = session.is_teacher() or not classroom.is_class()
    if may_link and row.button("Link", key="link_chip", help="A link to this screen, for a class"):
        _dialog(page)


def _plain(text: str) -> str:
    from pages._ui import widgets  # late: widgets draw with these groups

    return widgets.plain(text)


def _follow_pin(page: str) -> None:
    """Open the pinned screen once in every session; who watches a run, or comes by a link to one, stays there."""
    screen, stored = pinned(), classroom.settings().pinned
    if screen is None or session.is_teacher() or session.recall("followed_pin") == stored:
        return
    if (page == "train" and session.run_id()) or (page == "runs" and session.compared()):
        return
    session.remember("followed_pin", stored)
    settings = {name: value for name, value in screen.query.items() if name != "hide"}
    session.open_screen(screen.page, settings)
    if page != screen.page:
        navigation.go(screen.page, settings)


def _watch_pin(known: str) -> None:
    """Draw the whole page again as soon as the teacher has pinned another screen, or none any more."""
    if classroom.settings().pinned != known:
        st.rerun()


@st.dialog("Link to this screen", width="medium")
def _dialog(page: str) -> None:
    st.markdown(
        "Who opens this link finds this page with the same settings. A text you have typed is not in it, nor a file you have "
        "uploaded: only its number, which opens it for you alone."
    )
    choices = GROUPS["everywhere"] | GROUPS.get(page, {})
    st.markdown("Hide from them")
    now, chosen = hidden(), []
    with st.container(height="content", gap="xsmall"):
        for column, names in zip(st.columns(2), (list(choices)[::2], list(choices)[1::2]), strict=True):
            for name in names:
                words = choices[name][0].upper() + choices[name][1:]
                if column.checkbox(words, name in now, key=f"hide_{page}_{name}"):
                    chosen.append(name)
    link = link_of(page, chosen)
    st.code(link, language=None, wrap_lines=True)
    if session.is_teacher() and st.button("Pin this screen for the class", key="pin_this"):
        try:
            pin(link)
        except (InputError, OSError) as problem:
            st.error(_plain(str(problem)))
        else:
            st.success(
                "Pinned: who opens the app comes here, and within seconds who is in it, until you unpin it on Teach."
            )


def link_of(page: str, hides: Sequence[str]) -> str:
    """The address of this page with the settings it has now, and what it hides."""
    settings = {name: value for name, value in session.query().items() if is_known(page, name)}
    settings = {name: value for name, value in settings.items() if name not in ("hide", "text")}
    return session.address("") + address_of(Screen(page, settings | ({"hide": ",".join(hides)} if hides else {})))
