"""Explore's section "What the network reads": one sentence as a recipe encodes it, published beside mended.

Every cell is one column the network sees: the word, its id, and the tag it has to answer. Padding is grey and narrow.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from ner_core.data.tags import split_tag
from ner_core.records import Corpus, Sentence
from ner_core.show.highlight import label_colours
from ner_core.tagger.encode import Encoder, encode, is_known, pieces_of, read_sentence
from ner_core.tagger.recipes import RECIPE_NAMES, RECIPES, recipe
from pages._ui import explore_numbers, links, person, session, widgets

MAX_TYPED = 600  # characters of a sentence of one's own
MOST_CELLS = 400
CORPUS_S = "From the corpus"
OWN = "My own words"
DEFAULT_RECIPE = "gmb-bilstm-softmax"


@st.fragment
def show(corpus_id: str, corpus: Corpus) -> None:
    """Draw the section."""
    st.markdown(
        "A network never sees words, only numbers. Here is one sentence as a recipe turns it into numbers: "
        "as its tutorial published it, beside the same with the mistakes mended."
    )
    name = st.selectbox(
        "Recipe",
        RECIPE_NAMES,
        index=RECIPE_NAMES.index(DEFAULT_RECIPE),
        format_func=title,
        **links.bound("explore_recipe", "the recipe", DEFAULT_RECIPE, options=RECIPE_NAMES, words=title),
    )
    sentence, has_gold = choose_sentence(corpus_id, corpus)
    if sentence is None:
        st.info("Write a sentence into the box above.")
        return
    widgets.entity_html(sentence, labels=corpus.labels, max_characters=2_000)
    forms = [(name, published) for published in (True, False) if (name, published) in RECIPES]
    cell = ["what it is read as", "its id", *recipe(name).encoding.features]
    cell += ["the tag to answer with the tag's id"] * has_gold
    st.caption(f"Each cell is one column the network sees: {', '.join(cell)}. Striped cells are padding.")
    for column, (_, is_published) in zip(st.columns(len(forms), gap="large"), forms, strict=True):
        with column:
            st.subheader(
                "As published" if is_published else "As mended" if len(forms) > 1 else "As this recipe reads it",
                anchor=False,
            )
            encoder = explore_numbers.encoder(corpus_id, corpus, name, is_published)
            show_form(Reading.of(encoder, sentence, has_gold), corpus.labels, key=f"{name}_{is_published}")
    widgets.code_shown("tagger.encode:fit_encoder", "tagger.encode:read_sentence", "tagger.encode:encode")


def title(name: str) -> str:
    """A recipe's name and what it is."""
    return f"{name}: {recipe(name).title}"


# --- the sentence -----------------------------------------------------------------------


def choose_sentence(corpus_id: str, corpus: Corpus) -> tuple[Sentence | None, bool]:
    """A sentence of the corpus or the person's own; and whether it has gold tags."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.segmented_control(
            "Sentence",
            [CORPUS_S, OWN],
            default=CORPUS_S,
            required=True,
            **links.bound("explore_reading_source", "the sentence", CORPUS_S, options=[CORPUS_S, OWN]),
        )
        if source != OWN and len(corpus.sentences) > 1 and st.button("Another one", key="explore_another"):
            session.remember(f"explore_row_{corpus_id}", random.randrange(len(corpus.sentences)))
    if source == OWN:
        return type_sentence(), False
    row = session.recall(f"explore_row_{corpus_id}")
    sentence = corpus.sentences[explore_numbers.first_example(corpus_id, corpus) if row is None else row]
    if len(sentence) > MOST_CELLS:
        st.info(f"This sentence has {len(sentence):,} tokens; the first {MOST_CELLS} are read here.")
        spans = tuple(span for span in sentence.spans if span.end <= MOST_CELLS)
        sentence = Sentence(sentence.words[:MOST_CELLS], spans)
    return sentence, True


def type_sentence() -> Sentence | None:
    """A sentence of the person's own, cut into tokens; it has no gold tags."""
    from ner_core.data.text import tokenize

    typed = st.text_input(
        "Your sentence",
        "The Zorblax-born envoy lives in London.",
        max_chars=MAX_TYPED,
        key="explore_own",
        persist_state="session",
    )
    person.where_it_goes("looked_at")
    words = tuple(token.text for token in tokenize(typed))
    return Sentence(words) if words else None


# --- how it is read ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reading:
    """One sentence as one encoder reads it."""

    encoder: Encoder
    sentence: Sentence
    rows: tuple[dict, ...]
    has_gold: bool
    places: tuple[int, ...]  # of every word: its place in the row of ids, -1 where it vanished

    @classmethod
    def of(cls, encoder: Encoder, sentence: Sentence, has_gold: bool) -> Reading:
        """Read `sentence`. Where nothing is padded on its own, three columns are added, as a longer neighbour would."""
        n_ids = len(encode(encoder, [sentence]).word_ids)
        width = encoder.max_length or n_ids + 3
        rows = read_sentence(encoder, sentence, width)
        places = encode(encoder, [sentence]).places.tolist()
        return cls(encoder, sentence, tuple(rows), has_gold, tuple(places))

    @property
    def n_padding(self) -> int:
        return sum(row["is_padding"] for row in self.rows)

    @property
    def vanished(self) -> list[str]:
        """Words that leave no id behind."""
        return [word for word, place in zip(self.sentence.words, self.places, strict=True) if place < 0]

    @property
    def unknown(self) -> list[str]:
        """Words the vocabulary does not hold and that yet have an id."""
        words = zip(self.sentence.words, self.places, strict=True)
        return [word for word, place in words if place >= 0 and not is_known(self.encoder, word)]

    @property
    def split(self) -> list[str]:
        """Words that become several."""
        tokenizer = self.encoder.config.tokenizer
        return [word for word in self.sentence.words if len(pieces_of(word, tokenizer)) > 1]


def show_form(reading: Reading, labels: Sequence[str], *, key: str) -> None:
    """Cells, what there is to notice, and the table."""
    st.html(cells_html(reading, labels))
    st.markdown("\n".join(f"- {said}" for said in findings(reading)))
    with st.expander("The same as a table"):
        features = reading.encoder.config.features
        columns = {
            "column": [row["column"] for row in reading.rows],
            "word": [row["word"] for row in reading.rows],
            "read as": [row["reads_as"] for row in reading.rows],
            "word id": [row["word_id"] for row in reading.rows],
            **{name: [row[name] for row in reading.rows] for name in features},
            "counts": ["no" if _is_masked(reading, row) else "yes" for row in reading.rows],
        }
        if reading.has_gold:
            columns |= {"tag": [row["tag"] for row in reading.rows], "tag id": [_tag_id(row) for row in reading.rows]}
        st.dataframe(columns, hide_index=True, height=320, key=f"explore_table_{key}")
        st.caption("counts: whether the column changes the loss and the accuracy; a mask leaves it out.")


def findings(reading: Reading) -> list[str]:
    """What there is to notice, a sentence each."""
    encoder, config = reading.encoder, reading.encoder.config
    n_rows, n_real = len(reading.rows), len(reading.rows) - reading.n_padding
    said = [f"{_count(n_real, 'column')} of words, {reading.n_padding} of padding. {_padding_sentence(reading)}"]
    if config.pad_word != "<pad>":
        said.append(
            f"**Collision**: padding has the id {encoder.pad_id}, and that is the word "
            f"**{widgets.plain(encoder.reads_as(encoder.pad_id))}**. The network cannot tell them apart."
        )
    if reading.has_gold and config.pad_tag != "ignored" and reading.n_padding:
        answer = encoder.tags[encoder.pad_tag_id]
        wrong = "" if answer in ("O", "<pad>") else ": the network is taught that padding is a name"
        said.append(
            f"Padding is to be answered with **{widgets.plain(answer)}**{wrong}, and it counts in the accuracy."
        )
    said += _lost_words(reading)
    n_cut = len(reading.sentence) - sum(bool(row["word"]) for row in reading.rows) - len(reading.vanished)
    if n_cut > 0 and n_real == n_rows:
        said.append(f"{_count(n_cut, 'word')} at the beginning cut off: the sentence is longer than {n_rows} columns.")
    return said


def _padding_sentence(reading: Reading) -> str:
    config = reading.encoder.config
    where = "in front" if config.pad_side == "pre" else "behind"
    if config.is_masked:
        return f"Padding stands {where}, only as much as the longest neighbour needs, and the mask leaves it out."
    return f"Padding stands {where}, up to {len(reading.rows)} columns for every sentence; nothing tells it from words."


def _lost_words(reading: Reading) -> list[str]:
    """Unknown, vanished and split words, and tags that no longer match them."""
    said, config = [], reading.encoder.config
    if reading.unknown and config.unknown == "unk":
        said.append(f"Not in the vocabulary, read as `<unk>`: {_list(reading.unknown)}.")
    elif reading.unknown:
        said.append(
            f"Not in the vocabulary: {_list(reading.unknown)}. The tutorial's code stops here with a KeyError; "
            "it is read as padding's word instead."
        )
    elif config.vocabulary_from == "all" and config.unknown != "unk" and reading.has_gold:
        said.append("No word is ever unknown: the vocabulary was built from the test sentences too.")
    if reading.vanished:
        said.append(f"**Vanished**: {_list(reading.vanished)}. No id is left where they stood.")
    if reading.split:
        said.append(f"Cut into several words: {_list(reading.split)}.")
    if reading.has_gold and config.tokenizer != "words":
        encoded = encode(reading.encoder, [reading.sentence], with_tags=True)
        n_ids, n_tags = len(encoded.word_ids), len(encoded.tag_ids)
        if config.tag_order == "pieces":
            said.append("The tags go through the Tokenizer too: `B-geo` becomes `b` and `geo`.")
        if n_ids != n_tags:
            said.append(f"**Out of step**: {n_ids} word ids stand against {n_tags} tag ids.")
    return said


def _is_masked(reading: Reading, row: dict) -> bool:
    return row["is_padding"] and reading.encoder.config.is_masked


def _tag_id(row: dict) -> str:
    return str(row["tag_id"]) if row["tag"] else ""


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _list(words: Sequence[str], n: int = 12) -> str:
    distinct = list(dict.fromkeys(words))
    more = f" and {len(distinct) - n} more" if len(distinct) > n else ""
    return ", ".join(f"“**{widgets.plain(word[:60])}**”" for word in distinct[:n]) + more


# --- the cells -----------------------------------------------------------------------------

_CELL = (
    "display:inline-flex;flex-direction:column;align-items:center;vertical-align:top;padding:2px 6px;margin:2px;"
    "border:1px solid {line};border-radius:4px;max-width:11rem;overflow-wrap:anywhere;text-align:center"
)
_NARROW = (
    "display:inline-block;vertical-align:top;width:9px;height:4.1em;margin:2px 1px;border-radius:2px;"
    "background:repeating-linear-gradient(135deg,{line} 0 3px,transparent 3px 6px);border:1px solid {line}"
)


def cells_html(reading: Reading, labels: Sequence[str]) -> str:
    """Draw every column as a cell, escaped: word, id, tag; of a run of padding the first in full, the others narrow."""
    line = "#b9c0c6" if session.theme() == "light" else "#59626a"
    colours, cells, is_first = label_colours(labels), [], True
    for row in reading.rows:
        if row["is_padding"] and not is_first:
            cells.append(f'<span style="{_NARROW.format(line=line)}" title="padding, id {row["word_id"]}"></span>')
            continue
        is_first = is_first and not row["is_padding"]
        cells.append(_cell(reading, row, colours, line))
    words = ", ".join(row["reads_as"] for row in reading.rows if not row["is_padding"])
    label = _visible(f"Columns the network reads: {words}; and {reading.n_padding} of padding")
    return f'<div role="img" aria-label="{label}" style="font-size:0.85rem;line-height:1.35">{"".join(cells)}</div>'


def _cell(reading: Reading, row: dict, colours: dict, line: str) -> str:
    is_padding, is_unknown = row["is_padding"], row["reads_as"] == "<unk>"
    over = "padding" if is_padding else row["word"] if is_unknown else ""
    look = "font-weight:600" + (";text-decoration:underline dotted;text-underline-offset:3px" if is_unknown else "")
    style = _CELL.format(line=line) + (";border-style:dashed" if is_padding else "")
    tag = _tag_html(row["tag"], _tag_id(row), colours) if reading.has_gold else ""
    small = "font-size:0.75rem;opacity:0.85"
    features = "".join(
        f'<span style="{small}">{_visible(row[name])}</span>' for name in reading.encoder.config.features
    )
    return (
        f'<span style="{style}"><span style="{look}">{_visible(row["reads_as"][:60])}</span>'
        f'<span style="font-variant-numeric:tabular-nums">{row["word_id"]}</span>{features}{tag}'
        + (f'<span style="{small}">{_visible(over[:60])}</span>' if over else "")
        + "</span>"
    )


def _tag_html(tag: str, tag_id: str, colours: dict) -> str:
    """The tag with its id, on its label's ground; a tag without a label as it is."""
    colour = colours.get(split_tag(tag)[1] or tag)
    said = f'{_visible(tag[:40])} <span style="font-size:0.75rem">{tag_id}</span>' if tag else "&nbsp;"
    if colour is None:
        return f'<span style="opacity:0.85">{said}</span>'
    style = f"background:{colour.background};color:{colour.text};border-radius:3px;padding:0 4px"
    return f'<span style="{style}">{said}</span>'


def _visible(text: str) -> str:
    return escape("".join(character if character.isprintable() else "\ufffd" for character in text))
