"""What leaves the app comes back the same, and harms nobody."""

import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from ner_core.data.formats.conll import read_conll
from ner_core.records import Prediction, Sentence, Span, Token
from ner_core.show.export import COLUMNS, html_page, to_conll, to_csv, to_docbin, to_jsonl
from ner_core.show.highlight import to_html

ADA = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
HOSTILE = "<img src=x onerror=alert(1)>"


def predict_as(text, *spans):
    tokens = tuple(Token(m[0], m.start(), m.end()) for m in re.finditer(r"\S+", text))
    return Prediction(text, tokens, ("O",) * len(tokens), spans, tuple(0.1 + i / 7 for i in range(len(spans))))


TRICKY = predict_as(
    '  😀 Ada\n\n=HYPERLINK(1) met\u2028 "O\'Neil", ok?\t\ud800 end ', Span(1, 2, "per"), Span(2, 4, "=x,y")
)


def read_csv(text: str) -> list[dict]:
    """Read back what `to_csv` wrote: one dict an entity, the harmless ' taken away."""
    rows = []
    for row in csv.DictReader(io.StringIO(text, newline="")):
        for name in (row.pop("escaped") or "").split():
            row[name] = row[name][1:]
        numbers = {name: int(row[name]) for name in ("text_number", "start", "end")}
        rows.append(row | numbers | {"confidence": float(row["confidence"]) if row["confidence"] else None})
    return rows


@st.composite
def predictions(draw):
    text = draw(st.text("ab=+'\"\n\r\t, 😀\u2028;", max_size=30))
    n = len(re.findall(r"\S+", text))
    labels = st.sampled_from(["per", "-x", "'", 'a"b', "c,d"])
    return predict_as(text, *(Span(i, i + 1, draw(labels)) for i in range(n) if draw(st.booleans())))


# --- JSON Lines ---


@given(st.lists(predictions(), max_size=4))
def test_jsonl_reads_back_exactly(items):
    lines = to_jsonl(items).splitlines()
    assert [json.loads(line) for line in lines] == [{"text": item.text, "entities": item.entities} for item in items]


def test_jsonl_offsets_count_characters_and_strange_ones_survive():
    text = to_jsonl([TRICKY])
    text.encode("utf-8")
    [record] = map(json.loads, text.splitlines())
    assert record["text"] == TRICKY.text
    for entity in record["entities"]:
        assert record["text"][entity["start"] : entity["end"]] == entity["text"]
    assert "😀" in to_jsonl([predict_as("😀")])


def test_a_gold_entity_has_no_confidence():
    assert json.loads(to_jsonl([ADA]))["entities"][1] == {"start": 22, "end": 28, "label": "geo", "text": "London"}


def test_a_prediction_made_without_confidences_is_written_and_drawn():
    item = Prediction(ADA.text, ADA.tokens, ("O",) * 6, ADA.spans, ())
    assert to_jsonl([item]) == to_jsonl([ADA])
    assert to_html(item, threshold=0.5) == to_html(ADA)


# --- CoNLL ---


def test_conll_reads_back():
    back = read_conll(to_conll([ADA, ADA]).encode()).sentences
    assert [(s.words, s.spans) for s in back] == [(ADA.words, ADA.spans)] * 2


def test_a_bare_text_is_split_into_its_sentences_but_no_entity_is():
    item = predict_as(
        "Ada lives .\n\nBob met New\nYork people .", Span(0, 1, "per"), Span(3, 4, "per"), Span(5, 7, "geo")
    )
    back = read_conll(to_conll([item]).encode()).sentences
    assert [word for s in back for word in s.words] == list(item.words)
    assert back[0].words == ("Ada", "lives", ".")
    assert [s.surface(span) for s in back for span in s.spans] == ["Ada", "Bob", "New York"]


def test_a_prediction_of_a_labelled_sentence_stays_one_sentence():
    item = Prediction(ADA.text, ADA.tokens, ("O",) * 6, (), (), gold=ADA.spans)
    assert len(read_conll(to_conll([item, item]).encode()).sentences) == 2
    assert to_conll([predict_as("")]).strip() == ""


# --- spaCy ---


@given(st.lists(predictions(), max_size=3))
def test_docbin_keeps_every_character_and_entity(items):
    docs = list(DocBin().from_bytes(to_docbin(items)).get_docs(Vocab()))
    assert [doc.text for doc in docs] == [item.text for item in items]
    for doc, item in zip(docs, items, strict=True):
        theirs = [(e.start_char, e.end_char, e.label_, e.text) for e in doc.ents]
        assert theirs == [(e["start"], e["end"], e["label"], e["text"]) for e in item.entities]


def test_docbin_of_a_text_no_file_can_hold():
    [doc] = DocBin().from_bytes(to_docbin([TRICKY])).get_docs(Vocab())
    assert doc.text == TRICKY.text.replace("\ud800", "?")


# --- CSV ---


@pytest.mark.parametrize("for_spreadsheets", [True, False])
@given(st.lists(predictions(), max_size=4))
def test_csv_reads_back_exactly(for_spreadsheets, items):
    rows = read_csv(to_csv(items, for_spreadsheets))
    expected = [{"text_number": n, **entity} for n, item in enumerate(items, 1) for entity in item.entities]
    assert rows == expected


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝"])
def test_no_cell_starts_a_formula_in_a_spreadsheet(start):
    word = start + "HYPERLINK(1)"
    item = Sentence((word, "x"), (Span(0, 1, word), Span(1, 2, "per")))
    cells = list(csv.DictReader(io.StringIO(to_csv([item]), newline="")))
    assert cells[0]["text"] == cells[0]["label"] == "'" + word
    assert [row["escaped"] for row in cells] == ["label text", ""]
    assert "'" not in to_csv([item], for_spreadsheets=False)


def test_csv_names_its_columns_even_when_empty():
    assert to_csv([]).strip() == ",".join(COLUMNS)
    to_csv([predict_as("\ud800", Span(0, 1, "\ud800"))]).encode("utf-8")


# --- one page ---


class Scan(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.text += data


def test_the_page_stands_alone_and_is_safe():
    item = predict_as(f"{HOSTILE} lives in {{London}} %s", Span(0, 2, HOSTILE))
    html = html_page([item, ADA], title=f"{HOSTILE}{{title}}\ud800")
    page = Scan(html)
    html.encode("utf-8")
    assert html.startswith("<!DOCTYPE html>")
    assert not {"img", "script", "link", "iframe"} & set(page.tags)
    assert not {"src", "href", "onerror"} & {name for name, _ in page.attributes}
    assert page.tags.count("article") == 2 and page.tags.count("mark") == 3
    assert "<img src=x" in page.text and "{London} %s" in page.text and f"{HOSTILE}{{title}}" in page.text
    assert "3 entities in 2 texts." in page.text
    assert "default-src 'none'" in html


def test_the_page_holds_a_long_text_whole():
    html = html_page([predict_as("word " * 30_000 + "end")])
    assert "Cut after" not in html and html.count("word") == 30_000
    assert "0 entities in 1 text." in html_page([predict_as("nothing")])
