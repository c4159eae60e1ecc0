"""Three ways to a corpus: one that is here, a file of one's own, a public one.

Use: `corpus_form.show()`, in a dialog or on a page. Choosing one ends with `session.choose_corpus` and draws the
page again. Nothing is fetched before a person presses a button that says how much it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ner_core.data.catalogue import Entry, entries, identify, in_words, missing, n_bytes_here, take
from ner_core.data.tags import SCHEMES
from ner_core.records import Corpus, UploadError
from pages._ui import fetching, loading, person, session
from pages._ui.widgets import cannot_write, error_sentence, number, plain, reading_notes

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

EVERY_SECONDS = 0.5

# A reader's key -> what a person calls its form
FORMS = {
    "kaggle": "Table, one word a row (Kaggle's ner_dataset.csv and ner.csv)",
    "rows": "Table, one sentence a row",
    "conll": "Columns, one word a line (CoNLL and its relatives)",
    "json": "JSON (doccano, Prodigy, Label Studio, DataTurks, spaCy)",
    "spacy": "spaCy's .spacy file (DocBin)",
    "plain": "Plain text, nothing marked",
}
_SCHEME_WORDS = {
    "IOB2": "B- begins every name, I- goes on",
    "IOB1": "I- marks names, B- only where two of one label touch",
    "BIOES": "B- begins, I- goes on, E- ends, S- stands alone",
    "BILOU": "B- begins, I- goes on, L- ends, U- stands alone",
    "IO": "no beginnings: two names of one label that touch are read as one",
}


def show() -> None:
    """Draw the three ways."""
    ready, upload, public = st.tabs(["Ready here", "Upload a file", "Public corpora"])
    with ready:
        _choose()
    with upload:
        _upload()
    with public:
        for entry in entries():
            with st.container(border=True):
                _public(entry)


# --- one that is here -------------------------------------------------------------------


def _choose() -> None:
    known, now = loading.corpora(), session.corpus_id()
    chosen = st.radio(
        "Use one that is here",
        list(known),
        index=list(known).index(now) if now in known else 0,
        format_func=lambda corpus: plain(known.get(corpus, corpus)),
        key="corpus_choice",
    )
    _use_button(chosen, "corpus_use")


def _use_button(corpus_id: str | None, key: str) -> None:
    """The button that ends the choice; it cannot be pressed where there is nothing else to choose."""
    is_now = corpus_id == session.corpus_id()
    label = "In use now" if is_now else "Use this corpus"
    if st.button(label, type="primary", key=key, disabled=corpus_id is None or is_now):
        session.choose_corpus(corpus_id)
        st.rerun()


# --- a file of one's own -----------------------------------------------------------------


def _upload() -> None:
    limits = {"max_upload_size": loading.MAX_UPLOAD_MB, "help": loading.UPLOAD_HELP}
    files = {"train": st.file_uploader("A file with sentences", key="upload_train", **limits)}
    person.where_it_goes("upload")
    with st.expander("It comes with files of its own for dev and test"):
        files["dev"] = st.file_uploader("Dev (validation) file", key="upload_dev", **limits)
        files["test"] = st.file_uploader("Test file", key="upload_test", **limits)
    if files["train"] is not None:
        _uploaded({part: file for part, file in files.items() if file is not None}, "upload")


def _uploaded(files: Mapping[str, UploadedFile], key: str) -> None:
    """Read uploads, show what was understood, and let the person choose another form."""
    ids = "_".join(file.file_id for file in files.values())
    form = session.look(f"{key}_form_{ids}")
    corpus_id = _read(files, form, ids, key)
    corpus = loading.corpus(corpus_id) if corpus_id else None
    if corpus:
        _show_understood(corpus, session.recall(f"{key}_known"))
    st.selectbox(
        "Not right? Read it as",
        [None, *FORMS],
        format_func=lambda form: FORMS.get(form, "What it looks like"),
        key=f"{key}_form_{ids}",
    )
    if corpus:
        reading_notes(corpus)
    _use_button(corpus_id, f"{key}_use")


def _read(files: Mapping[str, UploadedFile], form: str | None, ids: str, key: str) -> str | None:
    """Read and store uploads, once; None, and a sentence on the page, where that cannot be done."""
    before_ids, before_form, before = session.recall(f"{key}_read", (None, None, None))
    if (before_ids, before_form) == (ids, form):
        return before
    n_bytes = sum(file.size for file in files.values())
    try:
        with st.spinner(f"Reading {in_words(n_bytes)}: finding its form, its sentences and its names", show_time=True):
            contents = {part: (file.name, file.getvalue()) for part, file in files.items()}
            corpus_id, _ = loading.store_upload(contents, form)
            known = identify(contents["train"][1])
    except UploadError as error:
        error_sentence(error)
        if form:
            st.caption("It does not seem to be of this form. Choose another one below.")
        return None
    except OSError as error:
        error_sentence(cannot_write("The file was read, but it cannot be kept here", error))
        return None
    if before_ids == ids and before not in (corpus_id, session.corpus_id()):  # the same files, read another way
        loading.forget_upload(before)
    session.remember(f"{key}_read", (ids, form, corpus_id))
    session.remember(f"{key}_known", known and f"{known[1].name} of {known[0].title}")
    return corpus_id


def _show_understood(corpus: Corpus, known: str | None) -> None:
    n_tokens = sum(map(len, corpus.sentences))
    labels = f"labels {plain(_list(corpus.labels))}" if corpus.labels else "nothing marked in it"
    st.success(f"Read: {_count(len(corpus.sentences), 'sentence')}, {_count(n_tokens, 'token')}, {labels}.")
    st.markdown("  \n".join(f"**{what}**: {plain(found)}" for what, found in understood(corpus.form)))
    if known:
        st.caption(f"This is the known file {plain(known)} (same SHA-256).")


def _list(labels: Sequence[str], most: int = 20) -> str:
    """
    >>> _list(["per", "geo", "org"], 2)
    'per, geo and 1 more'
    """
    more = f" and {number(len(labels) - most)} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more


def _count(n: int, what: str) -> str:
    return f"{number(n)} {what}{'' if n == 1 else 's'}"


def understood(form: str) -> list[tuple[str, str]]:
    """What a reader said of a file, point by point.

    >>> understood("CoNLL, 2 columns (tab), tag first, UTF-8, IOB2")[:3]
    [('Form', 'CoNLL'), ('Columns', '2 columns (tab), tag first'), ('Encoding', 'UTF-8')]
    >>> understood("plain text, one sentence a line, cp1252")
    [('Form', 'plain text, one sentence a line'), ('Encoding', 'cp1252')]
    """
    found: dict[str, list[str]] = {"Form": [], "Columns": [], "Encoding": [], "Tag scheme": []}
    for point in form.split(", "):
        if point in SCHEMES:
            found["Tag scheme"].append(f"{point} ({_SCHEME_WORDS[point]})")
        elif point.startswith(("UTF-", "cp1252")):
            found["Encoding"].append(point)
        elif "column" in point or point in ("tag first", "outer tags"):
            found["Columns"].append(point)
        else:
            found["Form"].append(point)
    return [(what, ", ".join(points)) for what, points in found.items() if points]


# --- a public one --------------------------------------------------------------------------


def _public(entry: Entry) -> None:
    """One row of the catalogue: what it is for, its licence, its size, and how it comes here."""
    st.markdown(f"**{plain(entry.title)}**  \n{plain(entry.about)}")
    st.caption(
        f"Labels {plain(', '.join(entry.labels))}  \nLicence {plain(entry.licence)} · {in_words(entry.n_bytes)} · "
        f"[its page]({entry.page})"
    )
    if not missing(entry, loading.cache()):
        _here(entry)
    elif entry.is_by_hand:
        _by_hand(entry)
    elif (running := fetching.now(entry)) and running.is_running:
        st.fragment(_progress, run_every=EVERY_SECONDS)(entry)
    else:
        _fetch_button(entry)


def _here(entry: Entry) -> None:
    st.caption("It is here, checked by its SHA-256.")
    _use_button(entry.name, f"use_{entry.name}")


def _fetch_button(entry: Entry) -> None:
    before = fetching.now(entry)
    if before and before.problem:
        error_sentence(before.problem)
        st.caption("Or get its files from its page on any computer, and give them here under “Upload a file”.")
    here = n_bytes_here(entry, loading.cache())
    label = f"Fetch {in_words(entry.n_bytes)}"
    if here:
        label = f"Fetch the other {in_words(entry.n_bytes - here)} of {in_words(entry.n_bytes)}"
    st.button(label, key=f"fetch_{entry.name}", on_click=fetching.start, args=(entry,))


def _progress(entry: Entry) -> None:
    """The bar, drawn again and again; at the end, what comes after it."""
    running = fetching.now(entry)
    if not missing(entry, loading.cache()):
        _here(entry)
    elif running and running.is_running:
        st.progress(
            min(running.done / running.total, 1.0), f"{in_words(running.done)} of {in_words(running.total)} are here"
        )
        st.button("Stop", key=f"stop_{entry.name}", help="What came is kept.", on_click=_stop, args=(running,))
    else:
        _fetch_button(entry)


def _stop(running: fetching.Fetching) -> None:
    running.stop()
    running.wait(2.0)  # so that the page shows what is so, unless the server is slow


def _by_hand(entry: Entry) -> None:
    st.markdown("\n".join(f"{i}. {plain(step)}" for i, step in enumerate(entry.steps, 1)))
    st.link_button("Open its page", entry.page)
    key = f"take_{entry.name}"
    file = st.file_uploader(
        f"The {entry.title} file, zipped or not",
        key=key,
        max_upload_size=loading.MAX_UPLOAD_MB,
        on_change=_take,
        args=(key,),
    )
    person.where_it_goes("public")
    if file is None:
        return
    if problem := session.recall(f"problem_{key}"):
        error_sentence(problem)
        return
    st.info(
        f"This is not the file that the catalogue knows as {plain(entry.title)}: figures quoted for it do not hold "
        "for this one. It is welcome all the same."
    )
    _uploaded({"train": file}, key)


def _take(key: str) -> None:
    """Keep the file just given, where it is a known one."""
    file = session.look(key)
    session.remember(f"problem_{key}", "")
    if file is not None:
        try:
            take(file.getvalue(), loading.cache())
        except UploadError as problem:
            session.remember(f"problem_{key}", str(problem))
