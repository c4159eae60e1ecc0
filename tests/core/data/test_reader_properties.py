"""What every reader promises, for any bytes: `tests/fuzz/targets.py` says what, Hypothesis looks for a counter-example.

`NER_LAB_EXAMPLES=50000` looks longer: 500 examples a reader and kind of file is what `make test` has time for.
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import zlib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ner_core.data.formats.annotations import read_annotations
from ner_core.data.formats.conll import read_conll, write_conll
from ner_core.data.formats.docbin import read_docbin, write_docbin
from ner_core.data.formats.jsonl import write_jsonl
from ner_core.data.formats.kaggle import read_long_csv, write_long_csv
from ner_core.data.formats.plain import read_plain
from ner_core.data.formats.sentence_rows import read_sentence_rows
from ner_core.data.tags import SCHEMES, spans_to_tags
from ner_core.records import Sentence, Span
from tests.fuzz.grow import Choices, edit
from tests.fuzz.seeds import SEEDS, WORDS
from tests.fuzz.targets import TARGETS, check_sentences, run

N_EXAMPLES = int(os.environ.get("NER_LAB_EXAMPLES", "500"))
often = settings(
    max_examples=N_EXAMPLES,
    deadline=None,
    derandomize="NER_LAB_EXAMPLES" not in os.environ,  # `make test` asks the same each time
    suppress_health_check=list(HealthCheck),
)
readers = pytest.mark.parametrize("reader", TARGETS)


def any_file(reader):
    """Bytes alone; text made of the form's own words and of any characters; the changes of a grown file."""
    pieces = st.one_of(st.sampled_from(WORDS[reader]), st.text(max_size=6))
    texts = st.lists(pieces, max_size=60).map(lambda found: "".join(found).encode("utf-8", "replace"))
    encoded = st.builds(
        lambda data, name: data.decode().encode(name, "replace"), texts, st.sampled_from(["utf-16", "cp1252"])
    )
    grown = st.binary(max_size=80).map(lambda data: b"\x00" + data)
    return st.one_of(st.binary(max_size=200), texts, texts, encoded, grown)


@readers
@often
@given(data=st.data())
def test_any_bytes(reader, data):
    run(reader, data.draw(any_file(reader)))


@readers
@often
@given(data=st.data())
def test_a_good_file_with_a_few_bytes_changed(reader, data):
    """The seeds, and pieces of two of them, edited as a fuzzer edits."""
    seeds = st.sampled_from(SEEDS[reader])
    first, second = data.draw(seeds), data.draw(st.one_of(st.just(b""), seeds))
    cut = data.draw(st.integers(0, len(first)))
    mixed = first[:cut] + second[min(cut, len(second)) :] if second else first
    run(reader, edit(mixed, Choices(data.draw(st.binary(max_size=60))), WORDS[reader]))


# --- well-formed files: tokens out are tokens in ---------------------------------------------

# Words with no white space, which tables would trim, no half characters, and no byte-order mark at their beginning, where
# lines have theirs; quotation marks, # and commas are welcome.
words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=8).filter(
    lambda w: w != "-DOCSTART-" and not w.startswith("\ufeff")
)
labels = st.sampled_from(["per", "geo", "creative-work", "ORG", "é", "a/b", "x y"])


@st.composite
def sentences_of(draw, of_words=words):
    """One to five sentences, each with spans that do not touch the rules of any scheme but their own."""
    found = []
    for _ in range(draw(st.integers(1, 5))):
        chosen = draw(st.lists(of_words, min_size=1, max_size=8))
        cuts = sorted(draw(st.sets(st.integers(0, len(chosen)), max_size=6)))
        spans = [Span(a, b, draw(labels)) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
        found.append(Sentence(tuple(chosen), tuple(spans)))
    return tuple(found)


@often
@given(sentences_of(), st.sampled_from(["conll", "csv", "jsonl", "docbin"]))
@example((Sentence(("#", "1")), Sentence(('"', "# a = b"), (Span(0, 1, "per"),))), "conll")
def test_every_word_and_span_that_was_written_is_read(sentences, form):
    write, read = {
        "conll": (write_conll, read_conll),
        "csv": (write_long_csv, read_long_csv),
        "jsonl": (write_jsonl, read_annotations),
        "docbin": (write_docbin, read_docbin),
    }[form]
    written = write(sentences)
    assert read(written if form == "docbin" else written.encode()).sentences == sentences


@often
@given(sentences_of(), st.sampled_from(["\n", "\r\n"]), st.sampled_from(SCHEMES[:4]), st.booleans())
def test_conll_by_another_hand(sentences, end, scheme, is_numbered):
    """Every word of columns between tabs, numbered or not, in every scheme, with either kind of line end."""
    blocks = []
    for sentence in sentences:
        tags = spans_to_tags(sentence.spans, len(sentence), scheme)
        rows = [(word, tag) for word, tag in zip(sentence.words, tags, strict=True)]
        blocks.append(end.join("\t".join([str(n), *row][not is_numbered :]) for n, row in enumerate(rows, 1)) + end)
    found = read_conll(end.join(blocks).encode()).sentences
    assert [sentence.words for sentence in found] == [sentence.words for sentence in sentences]
    check_sentences(found)


@often
@given(sentences_of(), st.sampled_from(",;\t"), st.sampled_from(["sentence_id", "Sentence #"]), st.booleans())
def test_a_table_by_another_hand(sentences, delimiter, name, has_bom):
    """A row a word as Python's csv writes it, with the sentence's number on each row."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow([name, "Word", "Tag"])
    for number, sentence in enumerate(sentences, 1):
        tags = spans_to_tags(sentence.spans, len(sentence))
        writer.writerows([number, word, tag] for word, tag in zip(sentence.words, tags, strict=True))
    found = read_long_csv(out.getvalue().encode("utf-8-sig" if has_bom else "utf-8"))
    assert found.sentences == sentences


@often
@given(sentences_of())
def test_rows_of_lists_by_another_hand(sentences):
    """A row a sentence, words and tags as Python writes lists."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["Sentence #", "Sentence", "Tag"])
    for number, sentence in enumerate(sentences, 1):
        writer.writerow([number, list(sentence.words), list(spans_to_tags(sentence.spans, len(sentence)))])
    assert read_sentence_rows(out.getvalue().encode()).sentences == sentences


@often
@given(
    sentences_of(),
    st.sampled_from(["doccano", "prodigy", "spacy", "dataturks", "label studio", "tokens"]),
    st.booleans(),
)
def test_json_by_another_hand(sentences, tool, as_list):
    """A mark that begins and ends with a word of our cutting is that span, in every tool's words."""
    records, expected = [], []
    for sentence in sentences:
        tokens = sentence.tokens
        marks = [(tokens[s.start].start, tokens[s.end - 1].end, s.label) for s in sentence.spans]
        records.append(_record(tool, sentence, marks))
        expected.append([sentence.text[a:b] for a, b, _ in marks])
    data = json.dumps(records) if as_list else "\n".join(map(json.dumps, records))
    found = read_annotations(data.encode()).sentences
    check_sentences(found)
    if tool == "tokens":
        assert found == sentences
        return
    assert ["".join(s.text.split()) for s in found] == ["".join(s.text.split()) for s in sentences]
    for sentence, surfaces in zip(found, expected, strict=True):
        tokens = sentence.tokens
        held = [sentence.text[tokens[span.start].start : tokens[span.end - 1].end] for span in sentence.spans]
        assert len(held) <= len(surfaces) and all(any(each in own for own in held) for each in surfaces)


def _record(tool, sentence, marks):
    text = sentence.text
    bounds = [{"start": a, "end": b, "label": label} for a, b, label in marks]
    match tool:
        case "doccano":
            return {"id": 1, "text": text, "label": [list(mark) for mark in marks]}
        case "prodigy":
            return {"text": text, "spans": bounds, "answer": "accept"}
        case "spacy":
            return [text, {"entities": marks}]
        case "dataturks":
            points = [{"label": [c], "points": [{"start": a, "end": b - 1, "text": text[a:b]}]} for a, b, c in marks]
            return {"content": text, "annotation": points}
        case "label studio":
            values = [{"value": {"start": a, "end": b, "text": text[a:b], "labels": [c]}} for a, b, c in marks]
            return {"data": {"text": text}, "annotations": [{"result": values}]}
    return {"tokens": sentence.words, "ner_tags": spans_to_tags(sentence.spans, len(sentence))}


@often
@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60), min_size=1, max_size=5))
def test_a_text_loses_no_character(lines):
    text = "\n".join(["Ada.", *lines])
    found = read_plain(text.encode()).sentences
    assert "".join("".join(s.words) for s in found) == "".join(text.split())


@often
@given(
    sentences_of(),
    st.sampled_from([gzip.compress, bz2.compress, lzma.compress]),
    st.integers(0, 2_000),
    st.binary(max_size=4),
)
def test_a_packed_file_that_was_damaged(sentences, pack, at, piece):
    packed = pack(write_conll(sentences).encode())
    run("door", b"\x01a" + packed)
    at %= len(packed)
    run("door", b"\x01a" + packed[:at] + piece + packed[at + len(piece) :])


@often
@given(sentences_of(), st.integers(0, 5_000), st.binary(max_size=4))
def test_a_docbin_that_was_damaged_inside(sentences, at, piece):
    message = zlib.decompress(write_docbin(sentences))
    at %= len(message)
    run("docbin", b"\x01" + zlib.compress(message[:at] + piece + message[at + len(piece) :]))
