"""How do found entities leave the app?

Chapter of part V. Five forms. JSON Lines, CoNLL and spaCy's DocBin lose nothing that they can hold; the CSV is for
people with a spreadsheet; the HTML page is for people with a browser and no network.

Source: offsets count characters as Python does (Unicode code points), half-open, over the whole text;
CSV quotes as RFC 4180 does, and heeds OWASP's "CSV Injection" where a spreadsheet would take a cell for a formula.
Differs from it: a cell made harmless is named as such in the column `escaped`, so that it can be undone.

>>> ada = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."),
...                spans=(Span(0, 2, "per"), Span(4, 5, "geo")))
>>> for row in to_csv([ada]).splitlines():
...     print(row)
text_number,start,end,label,text,confidence,escaped
1,0,12,per,Ada Lovelace,,
1,22,28,geo,London,,
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import pairwise

from ner_core.data.formats.conll import write_conll
from ner_core.data.formats.docbin import encodable, pack_docbin
from ner_core.data.formats.jsonl import json_line
from ner_core.data.formats.kaggle import ESCAPED, FORMULA_STARTS
from ner_core.data.text import split_sentences
from ner_core.records import Prediction, Sentence, Span
from ner_core.show.highlight import legend_html, to_html

Item = Prediction | Sentence


def entities_of(item: Item) -> list[dict]:
    """One dict an entity with character offsets; one without a confidence (gold) has none here."""
    if isinstance(item, Prediction) and item.confidences:
        return item.entities
    tokens, found = item.tokens, []
    for span in item.spans:
        start, end = tokens[span.start].start, tokens[span.end - 1].end
        found.append({"start": start, "end": end, "label": span.label, "text": item.text[start:end]})
    return found


# --- for programs: JSON Lines, CoNLL, spaCy -------------------------------------------


def to_jsonl(items: Iterable[Item]) -> str:
    r"""Write one JSON object a text: {"text", "entities": [{start, end, label, text, confidence}]}.

    >>> to_jsonl([Sentence(("Jim",), spans=(Span(0, 1, "per"),))])
    '{"text": "Jim", "entities": [{"start": 0, "end": 3, "label": "per", "text": "Jim"}]}\n'
    """
    return "".join(json_line({"text": item.text, "entities": entities_of(item)}) + "\n" for item in items)


def to_conll(items: Iterable[Item], scheme: str = "IOB2") -> str:
    """Write word TAB tag, an empty line behind each sentence; a bare text is split into its sentences."""
    return encodable(write_conll([sentence for item in items for sentence in _sentences(item)], scheme))


def _sentences(item: Item) -> Iterator[Sentence]:
    """Cut a prediction of a bare text at sentence ends, never inside an entity."""
    if isinstance(item, Sentence):
        yield item
        return
    ends = {len(item.tokens)}
    if item.gold is None:
        firsts = {sentence.starts[0] for sentence in split_sentences(item.text) if sentence.starts}
        inside = {i for span in item.spans for i in range(span.start + 1, span.end)}
        ends |= {i for i, token in enumerate(item.tokens) if token.start in firsts and i not in inside}
    for start, end in pairwise(sorted({0, *ends})):
        spans = (Span(s.start - start, s.end - start, s.label) for s in item.spans if start <= s.start < end)
        yield Sentence(item.words[start:end], tuple(spans))


def to_docbin(items: Iterable[Item]) -> bytes:
    """Write spaCy's DocBin (`.spacy`): texts to the last character, entities as `doc.ents`."""
    return pack_docbin(items)


# --- for people: a spreadsheet, a page ---------------------------------------------------

COLUMNS = ("text_number", "start", "end", "label", "text", "confidence", ESCAPED)


def to_csv(items: Iterable[Item], for_spreadsheets: bool = True) -> str:
    """Write one entity a row, offsets into its text, texts numbered from 1.

    `for_spreadsheets` puts a ' before a cell that a spreadsheet would run as a formula, and names
    the cell's column in `escaped`, so that the ' can be taken away again.
    """
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\r\n")  # so that a lone \r or \n in a cell is quoted
    writer.writeheader()
    for number, item in enumerate(items, 1):
        for entity in entities_of(item):
            row = {"text_number": number, **entity}
            risky = [name for name in ("label", "text") if for_spreadsheets and row[name].startswith(FORMULA_STARTS)]
            writer.writerow(row | {name: "'" + row[name] for name in risky} | {ESCAPED: " ".join(risky)})
    return encodable(buffer.getvalue())


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
</head>
<body style="margin:2rem auto;max-width:60rem;padding:0 1rem;background:#ffffff;color:#1b1b1f;font-family:system-ui,sans-serif">
<h1 style="font-size:1.4rem;overflow-wrap:anywhere">{title}</h1>
<p>{summary}</p>
{legend}
{texts}
</body>
</html>
"""


def html_page(items: Iterable[Item], title: str = "Entities found", *, labels: Sequence[str] = ()) -> str:
    """Write one page with legend and every text highlighted; it needs no network and runs no script."""
    items = list(items)
    found = [entity["label"] for item in items for entity in entities_of(item)]
    labels = list(dict.fromkeys([*labels, *sorted(set(found))]))
    n_texts, n_entities = len(items), len(found)
    summary = (
        f"{n_entities:,} entit{'y' if n_entities == 1 else 'ies'} in {n_texts:,} text{'' if n_texts == 1 else 's'}."
    )
    counts = {label: found.count(label) for label in labels}
    texts = [f'<article style="margin:1.5rem 0">{_whole_html(item, labels)}</article>' for item in items]
    title = escape(encodable(title))
    return PAGE.format(title=title, summary=summary, legend=legend_html(labels, counts), texts="\n".join(texts))


def _whole_html(item: Item, labels: Sequence[str]) -> str:
    return to_html(item, labels=labels, max_characters=max(1, len(item.text)))
