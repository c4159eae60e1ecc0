"""The parts every page is made of: header, chips, entity text, scores in words, the code a page ran.

Use, from top to bottom of a page:

    widgets.page_header("Explore", "See what a corpus holds before a network learns from it.")
    corpus = widgets.corpus_chip()             # draws the chip, returns the corpus in use
    tagger = widgets.model_chip()              # the same for the model; None where there is none at all
    widgets.entity_html(prediction)            # highlighted text (escaped), in the person's theme
    widgets.legend(labels)                     # what the colours mean
    widgets.score("recall", counts)            # st.metric with its meaning in words and number of examples
    widgets.empty_state("Nothing trained yet.", "Train a tagger", page="train")
    widgets.error_sentence(error)              # one sentence, never a traceback
    widgets.code_shown("data.statistics:tag_counts", predict)     # folded, at the end of the page

Numbers: `percent(0.8431)` "84.3 %", `number(1048575)` "1,048,575", `duration(75)` "1 min 15 s".
"""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import streamlit as st

from ner_core.records import Corpus, Counts, Prediction, Sentence, Span, Tagger, percent
from ner_core.scores.report import explain_f1, explain_precision, explain_recall
from pages._ui import links, loading, navigation, session

_ROOT = Path(__file__).parents[2]
_parsing = threading.Lock()  # Python 3.11 counts the depth of all threads' syntax trees as one: SystemError

_STYLE = """<style>
[data-testid="stMainBlockContainer"] { max-width: 76rem; margin: 0 auto; }
[data-testid="stStatusWidget"] { display: none; }  /* its "Stop" would stand beside ours and stop no training */
.st-key-keep_key { display: none; }  /* it writes the cookie and shows nothing */
.ner .legend { display: inline-block; line-height: 1.4; margin: 0.15rem 0.1rem; font-size: 0.9rem; }
.ner mark > span:last-child { display: inline-block; }
@media (max-width: 768px) { [data-testid="stSidebar"] { max-width: 11rem; min-width: 0 !important; } }  /* the folded pages */
@media (max-width: 600px) { [data-testid="stLayoutWrapper"]:has(> [class*="st-key-wide_line"]) { flex: 1 1 100% !important; } }
@media (max-width: 600px) { .ner[style*="1.75rem"] { font-size: 1.25rem !important; } }
</style>"""


# --- header and states ---------------------------------------------------------------


def page_header(title: str, sentence: str) -> None:
    """Draw the page's title and the one sentence that says what one does here."""
    from pages._ui import person  # late: it is made of these widgets

    session.begin()
    st.html(_STYLE)
    row = st.container(horizontal=True, vertical_alignment="center")
    row.title(title, anchor=False, width="stretch")
    st.markdown(sentence)
    person.enter(row, is_open=title == navigation.TITLES["teach"])
    links.arrive(row)


def empty_state(
    sentence: str,
    button: str | None = None,
    *,
    page: str | None = None,
    on_click: Callable | None = None,
    args: tuple = (),
) -> None:
    """Say what to do where there is nothing to show, and offer the button that does it."""
    with st.container(border=True):
        st.markdown(sentence)
        if button and st.button(button, type="primary", on_click=on_click, args=args, key=f"empty_{button}") and page:
            navigation.go(page)


def error_sentence(error: Exception | str) -> None:
    """Show what is wrong, where, what was received and how to mend it: one sentence, literally."""
    st.error(plain(str(error)))


def cannot_write(what: str, error: OSError) -> str:
    """Say that the disk refused something.

    >>> cannot_write("It cannot be kept", OSError(28, "No space left on device"))
    'It cannot be kept (No space left on device). Make room on the disk, or ask whoever runs NER Lab; then try again.'
    """
    why = error.strerror or str(error) or type(error).__name__
    return f"{what} ({why}). Make room on the disk, or ask whoever runs NER Lab; then try again."


def plain(text: str) -> str:
    r"""Escape Markdown, so that a file name or a tag is shown as it is.

    >>> plain("a*b <i> $x$ :red[y]")
    'a\\*b \\<i\\> \\$x\\$ \\:red\\[y\\]'
    """
    return "".join(f"\\{c}" if c in r"\`*_{}[]()<>#+-.!|$~:^" and not c.isalnum() else c for c in text)


# --- numbers in words ------------------------------------------------------------------


def number(count: float) -> str:
    """
    >>> number(1048575)
    '1,048,575'
    """
    return f"{count:,.0f}"


def duration(seconds: float) -> str:
    """
    >>> duration(0.42), duration(48.2), duration(75), duration(60), duration(7260)
    ('0.4 s', '48 s', '1 min 15 s', '1 min', '2 h 1 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def parts_in_words(corpus: Corpus) -> str:
    """
    >>> parts_in_words(Corpus("c", (1, 2), (), (3,), ()))
    'test 1, dev 0, train 2 sentences'
    """
    return f"{', '.join(f'{part} {number(len(corpus.part(part)))}' for part in ('test', 'dev', 'train'))} sentences"


# name -> title, what it means in words
SCORES = {
    "precision": ("Precision", explain_precision),
    "recall": ("Recall", explain_recall),
    "f1": ("F1", explain_f1),
}


def score(name: str, counts: Counts) -> None:
    """Draw precision, recall or F1, and beneath it what it means and how many examples it rests on."""
    title, explain = SCORES[name]
    n = counts.n_predicted if name == "precision" else counts.n_gold
    with st.container(gap=None):
        st.metric(title, percent(getattr(counts, name)) if n else "none")
        st.caption(explain(counts))


# --- text with entities ------------------------------------------------------------------


def entity_html(
    shown: Prediction | Sentence,
    *,
    labels: Sequence[str] = (),
    threshold: float = 0.0,
    compare: Sequence[Span] | None = None,
    large: bool = False,
    **options,
) -> None:
    """Show a prediction or gold sentence with its entities highlighted, in the person's theme.

    `labels` are the corpus' or model's, in order, so that a label has one colour everywhere.
    `compare` are gold spans: gold and predicted rows are drawn. `options` go to `to_html`.
    """
    from ner_core.show.highlight import to_html

    theme = session.theme()
    st.html(to_html(shown, labels=labels, threshold=threshold, compare=compare, theme=theme, large=large, **options))


def legend(labels: Sequence[str], counts: Mapping[str, int] | None = None) -> None:
    """Name the labels in their colours: "geo: place", with their numbers where given."""
    from ner_core.show.highlight import legend_html

    st.html(legend_html(labels, counts, theme=session.theme()))


def labels_of(tagger: Tagger) -> tuple[str, ...]:
    """The labels a tagger can give, in its corpus' order."""
    from ner_core.data.tags import split_tag

    known = dict.fromkeys(split_tag(tag)[1] for tag in tagger.encoder.tags)
    ordered = dict.fromkeys([*tagger.card.get("labels", ()), *known])
    return tuple(label for label in ordered if label in known and label)


# --- the corpus in use ---------------------------------------------------------------------


def corpus_chip() -> Corpus:
    """Draw the corpus in use as a chip that can be changed; return the corpus."""
    try:
        corpus = loading.corpus(session.corpus_id())
    except loading.NotThere as error:
        session.choose_corpus(session.DEFAULT_CORPUS)
        error_sentence(f"{error} The corpus that ships is shown instead.")
        corpus = loading.corpus(session.DEFAULT_CORPUS)
    n = len(corpus.sentences)
    label = f"Corpus: {plain(loading.corpus_name(corpus))} · {number(n)} sentence{'' if n == 1 else 's'}"
    with links.group("corpus"):
        is_pressed = st.button(label, key="corpus_chip", help="Change the corpus or upload one")
    if is_pressed:
        _corpus_dialog()
    return corpus


@st.dialog("Corpus", width="medium")
def _corpus_dialog() -> None:
    from pages._ui import corpus_form  # late: it is made of these widgets

    corpus_form.show()


def reading_notes(corpus: Corpus) -> None:
    """List (folded, where it is long) what was repaired, left out or noticed while the corpus was read."""
    if corpus.notes:
        n = len(corpus.notes)
        with st.expander(
            "One thing to know from reading" if n == 1 else f"{n} things to know from reading", expanded=n <= 3
        ):
            st.markdown("\n".join(f"- {plain(str(note))}" for note in corpus.notes))


# --- the model in use -----------------------------------------------------------------------


def model_chip() -> Tagger | None:
    """Draw the model in use as a chip that can be changed; return its tagger, or None where there is none."""
    chosen = loading.model(session.model_id())
    if chosen is None:
        return None
    with links.group("model"):
        is_pressed = st.button(f"Model: {plain(chosen.title)}", key="model_chip", help="Choose another model")
    if is_pressed:
        _model_dialog()
    if session.model_id() not in (None, chosen.id):
        st.info(f"The model in this address is not here any more: {plain(chosen.title)} is used instead.")
    return tagger_in_use(chosen)


def tagger_in_use(chosen: loading.Model | None = None) -> Tagger | None:
    """The tagger of the model in use, without drawing a chip; None where there is none that opens."""
    chosen = chosen or loading.model(session.model_id())
    if chosen is None:
        return None
    try:
        return loading.tagger(chosen)
    except loading.NotThere as error:
        error_sentence(error)
        return None


def no_model() -> None:
    """Say what to do where `tagger_in_use` gave None: train one, or choose another than the damaged one."""
    if loading.models():
        sentence = "Choose another model, or train one on the corpus that ships: it takes under a minute."
    else:
        sentence = "There is no model here yet. Train one on the corpus that ships: it takes under a minute."
    empty_state(sentence, "Train a tagger", page="train")


@st.dialog("Model", width="medium")
def _model_dialog() -> None:
    models = {model.id: model for model in loading.models()}
    now = session.model_id() if session.model_id() in models else next(iter(models))
    chosen = st.radio(
        "Use",
        list(models),
        index=list(models).index(now),
        format_func=lambda model: plain(models[model].title),
        captions=[plain(model.caption) for model in models.values()],
        key="model_choice",
    )
    if st.button("Use this model", type="primary", key="model_use", disabled=chosen == now):
        session.choose_model(chosen)
        st.rerun()


# --- the code a page ran -----------------------------------------------------------------------


def code_shown(*functions: Callable | str) -> None:
    """Show, folded, the source of the core functions this page has just called.

    A function is given itself or, where importing it would load TensorFlow, by its
    chapter and name: "training.train:train". The source is read from the file.
    """
    with links.group("code"), st.expander("The code this page just ran"):
        for function in functions:
            chapter, name = _chapter_and_name(function)
            path = _ROOT / "ner_core" / f"{chapter.replace('.', '/')}.py"
            line, source = source_of(path, name, path.stat().st_mtime)
            st.caption(f"`{path.relative_to(_ROOT).as_posix()}`, line {line}")
            st.code(source, language="python")


def _chapter_and_name(function: Callable | str) -> tuple[str, str]:
    if isinstance(function, str):
        chapter, _, name = function.partition(":")
        return chapter, name
    return function.__module__.removeprefix("ner_core."), function.__qualname__


@lru_cache(maxsize=256)
def source_of(path: Path, name: str, modified: float) -> tuple[int, str]:
    """Return the first line number and the source of `name` ("predict", "Encoder.encode") in the file `path`."""
    text = path.read_text(encoding="utf-8")
    with _parsing:
        node: ast.AST = ast.parse(text)
    for part in name.split("."):
        node = next(child for child in ast.iter_child_nodes(node) if getattr(child, "name", None) == part)
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return first, "\n".join(text.split("\n")[first - 1 : node.end_lineno])
