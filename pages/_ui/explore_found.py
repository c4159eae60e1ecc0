"""What every section of Explore shares: one choice made in a chart, a table or a list, and its sentences, highlighted.

Use:

    picker = Picker(f"explore_mention_{corpus_id}_{label}", "Show the sentences with", options=surfaces)
    picker.chart(figure, [surfaces], name="bars", alt="Most frequent mentions")   # a click on a bar chooses it
    picker.table({"mention": surfaces, "times": counts}, name="table")            # so does a click on a row here
    chosen = picker.select()                                                      # the list, in step with both

Three ways to one choice, so that a mouse, a finger and a keyboard all reach it. When one of them chooses, the others
are made anew (a new key), so that none still shows what was chosen before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from ner_core.records import Corpus, Sentence, Span
from pages._ui import charts, links, session, widgets

PER_PAGE = 5
LABEL = "label"  # the widget's key and its name in the address
MOST_PILLS = 24
MOST_ROWS = 1_000  # rows of a table are sent to the browser
MOST_CHARACTERS = 2_000  # of one sentence are drawn
NOT_MARKED = "not marked"
COUNT = st.column_config.NumberColumn(format="localized")
_UNSET = object()


class Picker:
    """One choice among `options`, which a chart, a table and a list share; `first` (or the first of them) at the beginning."""

    def __init__(
        self,
        key: str,
        title: str,
        options: Sequence,
        *,
        words: Callable[[Any], str] = str,
        first: Any = None,
    ) -> None:
        self.key, self.title, self.options, self.words = key, title, list(options), words
        self._turns: dict[str, int] = session.recall(key) or {}
        if session.look(key, _UNSET) is _UNSET or session.look(key) not in [*self.options, None]:
            session.put(key, first if first is not None else next(iter(self.options), None))

    @property
    def chosen(self):
        """What is chosen now; None where nothing is."""
        return session.look(self.key)

    def select(self) -> Any:
        """Draw the list and return what is chosen."""
        return st.selectbox(
            self.title,
            self.options,
            index=None,
            format_func=lambda option: charts.shorten(self.words(option), 120),
            placeholder="Click a bar or a row, or choose here",
            key=self.key,
            on_change=self._renew,
            persist_state="session",
        )

    def chart(self, figure, options: Sequence[Sequence], *, name: str, alt: str) -> None:
        """Draw a figure whose bars choose; `options` = for every trace, what its bars stand for (None: nothing)."""
        for trace, names in zip(figure.data, options, strict=False):
            drawn = list(names)[: len(trace.y)]
            is_chosen = [option is not None and option == self.chosen for option in drawn]
            trace.selectedpoints = [place for place, chosen in enumerate(is_chosen) if chosen] or None
            trace.selected = trace.unselected = {"marker": {"opacity": 1}}
            plain = trace.marker.line.color
            plain = plain if isinstance(plain, tuple | list) else [plain or charts.ground()] * len(drawn)
            trace.marker.line = {
                "color": [charts.ink() if chosen else usual for chosen, usual in zip(is_chosen, plain, strict=True)],
                "width": [3 if chosen else 1 for chosen in is_chosen],
            }
        figure.update_layout(clickmode="event+select", dragmode=False)
        key = self._key_of(name)
        charts.show(
            figure,
            key=key,
            alt=alt,
            on_select=lambda: self._take(name, charted(session.look(key), options)),
            selection_mode="points",
        )

    def table(self, table: Mapping[str, Sequence], *, name: str, options: Sequence | None = None, **config) -> None:
        """Draw a table whose rows choose; `options` = what each row stands for, in their order where not given."""
        options = list(options if options is not None else self.options)
        key = self._key_of(name)
        shown = {column: list(values)[:MOST_ROWS] for column, values in table.items()}
        n = max(map(len, table.values()), default=0)
        st.dataframe(
            shown,
            hide_index=True,
            key=key,
            height=table_height(n),
            column_config=column_formats(shown) | config,
            on_select=lambda: self._take(name, tabled(session.look(key), options)),
            selection_mode="single-cell",
        )
        if n > MOST_ROWS:
            st.caption(f"The first {MOST_ROWS:,} of {n:,}.")

    def _key_of(self, name: str) -> str:
        return f"{self.key}_{name}_{self._turns.setdefault(name, 0)}"

    def _take(self, name: str, option) -> None:
        """A chart or table has chosen; None where a second click took the choice back."""
        session.put(self.key, option)
        self._renew(name)

    def _renew(self, but: str = "") -> None:
        session.remember(self.key, {name: turn + (name != but) for name, turn in self._turns.items()})


def charted(state: Mapping | None, options: Sequence[Sequence]):
    """What the bar clicked last stands for.

    >>> charted({"selection": {"points": [{"curve_number": 1, "point_index": 0}]}}, [["a"], ["b", "c"]])
    'b'
    >>> charted({"selection": {"points": []}}, [["a"]]) is None
    True
    """
    points = (state or {}).get("selection", {}).get("points", [])
    if not points:
        return None
    curve, point = points[-1].get("curve_number", 0), points[-1].get("point_index", -1)
    names = options[curve] if curve < len(options) else ()
    return names[point] if 0 <= point < len(names) else None


def tabled(state: Mapping | None, options: Sequence):
    """What the row of the cell stands for that was clicked.

    >>> tabled({"selection": {"cells": [(1, "mention")]}}, ["a", "b"])
    'b'
    """
    cells = (state or {}).get("selection", {}).get("cells", [])
    return options[cells[0][0]] if cells and cells[0][0] < len(options) else None


def table_height(n_rows: int) -> int | str:
    """Whole where it is short; else cut in the middle of a row, so that one sees that it goes on."""
    return "auto" if n_rows <= 10 else 300


def column_formats(table: Mapping[str, Sequence]) -> dict:
    """Thousands separated in every column of whole numbers."""
    return {
        name: COUNT for name, values in table.items() if len(values) and all(isinstance(value, int) for value in values)
    }


# --- the sentences ----------------------------------------------------------------------------


def show_sentences(
    corpus: Corpus,
    rows: Sequence[int],
    *,
    key: str,
    draw: Callable[[Sentence], Sentence] = lambda sentence: sentence,
    per_page: int = PER_PAGE,
) -> None:
    """How many sentences there are, and a few of them at a time with their entities highlighted."""
    if not len(rows):
        st.info("No sentence to show.")
        return
    above, body = st.container(), st.container()
    n_pages = -(-len(rows) // per_page)
    page = st.pagination(n_pages, key=f"{key}_page", max_visible_pages=5) if n_pages > 1 else 1
    first = (page - 1) * per_page
    shown = rows[first : first + per_page]
    found = f"{len(rows):,} sentence{'' if len(rows) == 1 else 's'} found"
    above.caption(f"{found}; {first + 1:,} to {first + len(shown):,} shown." if n_pages > 1 else f"{found}.")
    sentences = corpus.sentences
    with body:
        for row in map(int, shown):
            meta = [widgets.plain(f"{name} {value}") for name, value in sentences[row].meta]
            with st.container(gap=None):
                st.caption(" · ".join([*place_of(corpus, row), *meta]))
                widgets.entity_html(
                    draw(sentences[row]), labels=(*corpus.labels, NOT_MARKED), max_characters=MOST_CHARACTERS
                )


def place_of(corpus: Corpus, row: int) -> tuple[str, str]:
    """Say which sentence of the file this is, and in which part it stands.

    >>> one, two = Corpus("c", (1,), (), (2,), (), order=(1, 0)), Corpus("c", (1,), (2,), (), ())
    >>> place_of(one, 1), place_of(two, 1)
    (('sentence 1', 'test'), ('sentence 1', 'dev'))
    """
    first = {"train": 0, "dev": len(corpus.train), "test": len(corpus.train) + len(corpus.dev)}
    part = "train" if row < first["dev"] else "dev" if row < first["test"] else "test"
    is_ordered = len(corpus.order) == len(corpus.train) + len(corpus.dev) + len(corpus.test)
    place = corpus.order[row] if is_ordered else row - first[part]
    return f"sentence {place + 1:,}", part


def with_unmarked(sentence: Sentence, surface: str) -> Sentence:
    """Mark where the words of `surface` stand outside every entity, as `not marked`.

    >>> from ner_core.records import Span
    >>> met = Sentence(("Rome", "met", "Rome"), (Span(0, 1, "geo"),))
    >>> with_unmarked(met, "Rome").spans
    (Span(start=0, end=1, label='geo'), Span(start=2, end=3, label='not marked'))
    """
    words = sentence.words
    taken = {place for span in sentence.spans for place in range(span.start, span.end)}
    found, place = [], 0
    while place < len(words):
        stop, size = place + 1, len(words[place])
        while size < len(surface) and stop < len(words):  # a word may hold a space itself
            size += 1 + len(words[stop])
            stop += 1
        if " ".join(words[place:stop]) == surface and taken.isdisjoint(range(place, stop)):
            found.append(Span(place, stop, NOT_MARKED))
            place = stop
        else:
            place += 1
    return replace(sentence, spans=tuple(sorted([*sentence.spans, *found])))


def choose_label(title: str, labels: Sequence[str]) -> str:
    """The label looked at, one for all sections and in the address: pills, or a list where there are too many."""
    kept, now = session.recall("label_looked_at"), session.look(LABEL)
    if (now is None and kept in labels) or (now is not None and now not in labels):
        session.put(LABEL, kept if kept in labels else labels[0])  # other sections and other corpora have other labels
    label = pills_or_list(title, labels, key=LABEL)
    session.remember("label_looked_at", label)
    return label


def pills_or_list(title: str, labels: Sequence[str], *, key: str, empty: str = "") -> str:
    """Choose a label by pills, or from a list where there are too many for them; `empty` = how "" is written."""
    is_list = len(labels) > MOST_PILLS

    def words(label: str) -> str:
        return (charts.shorten(label, 60) if is_list else widgets.plain(label[:60])) or empty

    options = {"format_func": words, **links.bound(key, title.lower(), labels[0], options=labels, words=words)}
    if is_list:
        return st.selectbox(title, labels, **options)
    return st.pills(title, labels, default=labels[0], required=True, **options)


def choose_view(title: str, views: Sequence[str], *, key: str) -> str:
    """One of a few views of a section."""
    with links.group("view"):
        bound = links.bound(key, title.lower(), views[0], options=views)
        return st.segmented_control(title, views, default=views[0], required=True, **bound)
