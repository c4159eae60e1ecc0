"""JSON of every annotation tool: what is read, what is repaired, what is told."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner_core.data.corpus import load_corpus
from ner_core.data.formats.annotations import read_annotations
from ner_core.data.formats.decoding import Repairs
from ner_core.data.formats.json_lines import read_values
from ner_core.data.formats.jsonl import write_jsonl
from ner_core.data.formats.marks import Mark, Record, detect_unit, to_sentences
from ner_core.records import Sentence, Span, SplitConfig, UploadError

ADA = "Ada Lovelace lives in London."
ADA_SPANS = (Span(0, 2, "per"), Span(4, 5, "geo"))
WHOLE = SplitConfig(test=0.0, dev=0.0)


def notes(result):
    return {note.what: (note.count, note.lines) for note in result.notes}


def lines(*records):
    return "\n".join(map(json.dumps, records)).encode()


def offsets(start, end, label):
    return {"start_offset": start, "end_offset": end, "label": label}


def bounds(start, end, label):
    return {"start": start, "end": end, "label": label}


# --- real files -----------------------------------------------------------------------


def test_the_real_exports(corpora):
    doccano = load_corpus(corpora / "jsonl" / "doccano.jsonl", split=WHOLE)
    assert doccano.form == "doccano JSON, UTF-8" and not doccano.notes
    assert len(doccano.train) == 3 and sum(map(len, doccano.train)) == 13
    assert [s.surface(span) for s in doccano.train for span in s.spans] == ["EU", "German", "Peter Blackburn", "Obama"]
    prodigy = load_corpus(corpora / "jsonl" / "prodigy_headlines_40.jsonl", split=WHOLE)
    assert prodigy.form == "Prodigy JSON, UTF-8" and not prodigy.notes
    assert len(prodigy.train) == 40 and sum(len(s.spans) for s in prodigy.train) == 39
    assert prodigy.train[0].meta == (("source", "The New York Times"),)


# --- the tools ----------------------------------------------------------------------------

SAME = {
    "doccano JSON": {"id": 7, "text": ADA, "label": [[0, 12, "per"], [22, 28, "geo"]]},
    "Prodigy JSON": {"text": ADA, "spans": [bounds(0, 12, "per"), bounds(22, 28, "geo")], "answer": "accept"},
    "NER Lab JSON": {"text": ADA, "entities": [bounds(0, 12, "per"), bounds(22, 28, "geo")]},
    "spaCy training JSON": [ADA, {"entities": [[0, 12, "per"], [22, 28, "geo"]]}],
    "DataTurks JSON": {
        "content": ADA,
        "annotation": [
            {"label": ["per"], "points": [{"start": 0, "end": 11, "text": "Ada Lovelace"}]},
            {"label": ["geo"], "points": [{"start": 22, "end": 27, "text": "London"}]},
        ],
        "extras": None,
    },
    "Label Studio JSON": {
        "id": 1,
        "data": {"text": ADA, "url": "a very long address that is no text, much longer than the text"},
        "annotations": [
            {
                "was_cancelled": False,
                "result": [
                    {"type": "labels", "value": {"start": 0, "end": 12, "text": "Ada Lovelace", "labels": ["per"]}},
                    {"type": "labels", "value": {"start": 22, "end": 28, "text": "London", "labels": ["geo"]}},
                ],
            }
        ],
    },
}


@pytest.mark.parametrize("tool", SAME)
@pytest.mark.parametrize("as_list", [False, True])
def test_one_sentence_from_every_tool(tool, as_list):
    data = json.dumps([SAME[tool]] * 3, indent=2).encode() if as_list else lines(*[SAME[tool]] * 3)
    corpus = load_corpus(("x", data), split=WHOLE)
    assert corpus.form == f"{tool}, UTF-8" and not corpus.notes and corpus.labels == ("geo", "per")
    assert [(s.words, s.spans) for s in corpus.train] == [
        (("Ada", "Lovelace", "lives", "in", "London", "."), ADA_SPANS)
    ] * 3


@pytest.mark.parametrize(
    "record",
    [
        {"text": ADA, "labels": [[0, 12, "per"], [22, 28, "geo"]]},
        {"data": ADA, "label": [[0, 12, "per"], [22, 28, "geo"]]},
        {"text": ADA, "entities": [offsets(0, 12, "per"), offsets(22, 28, "geo")], "relations": [], "Comments": []},
        {"text": ADA, "annotations": [{**offsets(0, 12, "per"), "user": 1}, {**offsets(22, 28, "geo"), "user": 1}]},
        {
            "text": ADA,
            "label": [{"start": 0, "end": 12, "labels": ["per"]}, {"start": 22, "end": 28, "labels": ["geo"]}],
        },
        {"classes": ["per", "geo"], "annotations": [SAME["spaCy training JSON"], None]},
        {
            "tokens": ["Ada", "Lovelace", "lives", "in", "London", "."],
            "ner_tags": ["B-per", "I-per", "O", "O", "B-geo", "O"],
        },
        {"words": ["Ada", "Lovelace", "lives", "in", "London", "."], "labels": ["per", "per", "O", "O", "geo", "O"]},
    ],
    ids=lambda record: ",".join(record),
)
def test_older_and_other_forms(record):
    [sentence] = read_annotations(lines(record)).sentences
    assert sentence.words == ("Ada", "Lovelace", "lives", "in", "London", ".") and sentence.spans == ADA_SPANS


def test_only_accept_is_gold_and_no_spans_are_no_entities():
    records = [{"text": f"Text {i}.", "answer": answer} for i, answer in enumerate(["reject", "accept", "ignore", 5])]
    result = read_annotations(lines(*records))
    assert [s.words for s in result.sentences] == [("Text", "1", ".")] and result.sentences[0].spans == ()
    assert notes(result) == {
        "record with the answer reject, left out: only accept is gold": (1, (1,)),
        "record with the answer ignore, left out: only accept is gold": (1, (3,)),
        "record with the answer other than accept, left out: only accept is gold": (1, (4,)),
    }


def test_the_tokens_of_the_file_are_used():
    text = "New York\n won't"
    tokens = [{"text": "New York", "start": 0, "end": 8}, {"text": "\n ", "start": 8, "end": 10}]
    tokens += [{"text": "won", "start": 10, "end": 13}, {"text": "'t", "start": 13, "end": 15}]
    result = read_annotations(lines({"text": text, "tokens": tokens, "spans": [bounds(0, 3, "geo")]}))
    [sentence] = result.sentences
    assert sentence.words == ("New York", "won", "'t") and sentence.raw == text and sentence.starts == (0, 10, 13)
    assert set(notes(result)) == {
        "token of white space, read as the space between words",
        "entity that cuts a word, widened to whole words",
    }


@pytest.mark.parametrize("bad", [{"start": 1, "end": 3}, {"start": 0, "end": 99}, {"start": None, "end": 1}, {}])
def test_tokens_that_do_not_fit_are_cut_anew(bad):
    result = read_annotations(lines({"text": "Ada runs", "tokens": [bad], "spans": []}))
    assert result.sentences[0].words == ("Ada", "runs")
    assert list(notes(result)) == ["tokens that do not fit their text, cut anew"]


def test_label_studio_takes_the_first_answer_that_was_not_cancelled():
    def answer(label, **more):
        return {
            "result": [{"value": {"start": 0, "end": 3, "labels": [label, "second"]}}, {"value": {"choices": ["x"]}}],
            **more,
        }

    tasks = [
        {"data": {"body": "Ada runs"}, "annotations": [answer("no", was_cancelled=True), answer("per"), answer("geo")]},
        {"data": {"body": "Bob"}, "annotations": []},
    ]
    result = read_annotations(json.dumps(tasks).encode())
    assert [s.spans for s in result.sentences] == [(Span(0, 1, "per"),)]
    assert {what: count for what, (count, _) in notes(result).items()} == {
        "cancelled annotation, left out": 1,
        "task annotated several times, the first kept": 1,
        "answer that marks no words, left out": 1,
        "several labels on one entity, the first kept": 1,
        "task without an annotation, left out": 1,
    }


def test_several_users_and_labels_that_are_numbers():
    marks = [{**offsets(0, 3, 4), "user": 1}, {**offsets(0, 3, 5), "user": 2}, {**offsets(4, 7, 6), "user": 1}]
    result = read_annotations(lines({"text": "Ada Bob", "annotations": marks}))
    assert result.sentences[0].spans == (Span(0, 1, "4"), Span(1, 2, "6"))
    assert notes(result) == {
        "entity marked by another user, left out: the first user's are kept": (1, (1,)),
        "label given as a number: the file does not say its name": (2, (1,)),
    }


def test_records_without_text_are_told():
    result = read_annotations(lines({"text": "Ada"}, {"text": " "}, {"text": None}, {"id": 3}, 5, ["x"]))
    assert len(result.sentences) == 1 and result.form == "JSON with texts alone, UTF-8"
    assert notes(result) == {"record without a text, left out": (5, (2, 3, 4))}


def test_tags_and_words_must_match():
    good = {"tokens": ["Ada", " ", "runs"], "tags": ["B-per", "O", "O"]}
    result = read_annotations(lines(good, {"tokens": ["Ada"], "tags": ["O", "O"]}, {"tokens": ["x"], "tags": [None]}))
    assert [s.words for s in result.sentences] == [("Ada", "runs")] and result.form.endswith("UTF-8, IOB2")
    assert {what: count for what, (count, _) in notes(result).items()} == {
        "empty word left out": 1,
        "record with more words than tags or fewer, left out": 1,
        "record whose words or tags are no text, left out": 1,
    }
    with pytest.raises(UploadError, match=r"line 1 are numbers without names; received '\[3, 0\]'"):
        read_annotations(lines({"tokens": ["Ada", "runs"], "ner_tags": [3, 0]}))


# --- marks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "spans", "note"),
    [
        ([4, 12, "per"], [(1, 2)], None),
        ([4, 13, "per"], [(1, 2)], "entity with white space at its edge, trimmed"),
        ([3, 12, "per"], [(1, 2)], "entity with white space at its edge, trimmed"),
        ([5, 12, "per"], [(1, 2)], "entity that cuts a word, widened to whole words"),
        ([0, 5, "per"], [(0, 2)], "entity that cuts a word, widened to whole words"),
        ([3, 4, "per"], [], "entity that holds no word, left out"),
        ([12, 4, "per"], [], "entity with a start behind its end, left out"),
        ([4, 4, "per"], [], "entity with a start behind its end, left out"),
        ([4, 99, "per"], [], "entity with a place outside of its text, left out"),
        ([-1, 3, "per"], [], "entity with a place outside of its text, left out"),
        ([0, 10**30, "per"], [], "entity with a place outside of its text, left out"),
        (["0", 3.0, "per"], [(0, 1)], None),
        ([0.5, 3, "per"], [], "entity without a start and an end, left out"),
        ([True, 3, "per"], [], "entity without a start and an end, left out"),
        ([0, 3, None], [], "entity without a label, left out"),
        ([0, 3, " "], [], "entity without a label, left out"),
        ([0, 3, {"x": 1}], [], "entity without a label, left out"),
        ([0, 3], [], "entity without a start and an end, left out"),
        ("positive", [], "entity without a start and an end, left out"),
        ([0, 3, " a\nb "], [(0, 1)], None),
    ],
)
def test_a_mark_becomes_whole_words(mark, spans, note):
    result = read_annotations(lines({"text": "Ada Lovelace runs", "label": [mark]}))
    assert [(span.start, span.end) for span in result.sentences[0].spans] == spans
    assert list(notes(result)) == ([note] if note else [])


def test_the_longer_of_two_overlapping_marks_stays():
    marks = [[0, 3, "a"], [0, 7, "b"], [4, 11, "c"], [8, 11, "d"], [8, 11, "d"], [8, 11, "e"]]
    result = read_annotations(lines({"text": "Ada Bob Cyn Dan", "label": marks}))
    assert result.sentences[0].spans == (Span(0, 2, "b"), Span(2, 3, "d"))
    assert {what: count for what, (count, _) in notes(result).items()} == {
        "entity that overlaps a longer one, left out": 2,
        "entity given twice": 1,
        "two labels on the same words, the first kept": 1,
    }


@pytest.mark.parametrize(("unit", "start"), [("characters", 2), ("UTF-16 units", 3), ("UTF-8 bytes", 5)])
@pytest.mark.parametrize("text", [None, "Ada"])
def test_offsets_in_other_units(unit, start, text):
    records = [Record("😀 Ada lives", [Mark(start, start + 3, "per", text)]) for _ in range(2)]
    assert detect_unit(records) == unit
    repairs = Repairs()
    assert [s.spans for s in to_sentences(records, repairs)] == [(Span(1, 2, "per"),)] * 2
    told = {f"offset counted in {unit}, converted to characters": 4} if unit != "characters" else {}
    assert {note.what: note.count for note in repairs.notes} == told


def test_half_characters_and_nul_are_replaced():
    result = read_annotations(b'{"text": "A\\ud800da \\u0000 \\ud83d\\ude00", "label": [[0, 4, "p\\u0000"]]}')
    assert result.sentences[0].words == ("A\ufffdda", "\ufffd", "😀")
    assert result.sentences[0].spans == (Span(0, 1, "p\ufffd"),)
    assert notes(result) == {"NUL or half a character, replaced by �": (3, (1,))}


def test_meta_is_kept_as_every_form_can_hold_it():
    meta = {"genre": "news", "a key": " two\nlines ", "n": 3, "none": None, "deep": {}}
    result = read_annotations(lines({"text": "Ada", "label": [], "meta": meta}))
    assert result.sentences[0].meta == (("genre", "news"), ("a_key", "two lines"), ("n", "3"))
    assert sorted(notes(result)) == [
        "meta that is no plain value, left out",
        "name of meta made one word",
        "white space in meta, read as one space",
    ]


# --- dangerous JSON -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values", "told"),
    [
        ('{"a": NaN}\n{"a": -Infinity}', [(1, {"a": None}), (2, {"a": None})], {"NaN or Infinity, read as null": (2, (1, 2))}),
        ('\n{"a": 1, "a": 2}', [(2, {"a": 2})], {"key written twice in one object, the last one kept": (1, (2,))}),
        ('{"a": %s}' % ("9" * 5000), [(1, {"a": None})], {"number of more than 100 digits, read as null": (1, (1,))}),
        ('{"a": 1},\n{"a": 2},\n', [(1, {"a": 1}), (2, {"a": 2})], {"comma behind a record": (2, (1, 2))}),
        ('{"a": 1}\n# no\n{"a": 2}', [(1, {"a": 1}), (3, {"a": 2})], {"line that is no JSON, left out": (1, (2,))}),
        ('{"a": 1}\n{"a": 2}\n{"a": "cu', [(1, {"a": 1}), (2, {"a": 2})], {"line that is no JSON, left out": (1, (3,))}),
        ('{"a": 1}\n{"a": 2}\n' + "[" * 100_000, [(1, {"a": 1}), (2, {"a": 2})], {"line that is no JSON, left out": (1, (3,))}),
        ('{"a": 1} {"a": 2}', [(1, {"a": 1}), (1, {"a": 2})], {}),
        ('{"a":\n1}\n{"a": 2}', [(1, {"a": 1}), (3, {"a": 2})], {}),
        ('["Ada", {}]\n["Bob", {}]', [(1, ["Ada", {}]), (2, ["Bob", {}])], {}),
        ("[\n]", [], {}),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)  # fmt: skip
def test_json_as_people_write_it(text, values, told):
    repairs = Repairs()
    assert read_values(text, repairs) == values
    assert {note.what: (note.count, note.lines) for note in repairs.notes} == told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"text": "Ada"', "line 1 is no JSON"),
        ('[{"text": "Ada"},\n{"text" "Bob"}]', "line 2 is no JSON: expecting ':' delimiter; received"),
        ('[{"text": "Ada"}\n{"text": "Bob"}]', "line 2 is no JSON: the list goes on without a comma"),
        ('[{"text": "Ada"}', "received the end of the file"),
        ('[{"text": "Ada"}]\nand more', "line 2 is no JSON: something stands behind the list"),
        ('{"text":\n"Ada";\n}', "is no JSON"),  # line 2 or 3: Pythons differ in what they blame
        ("[" * 100_000, "line 1 is no JSON: brackets are nested too deeply"),
        ('{"a":' * 100_000, "line 1 is no JSON: brackets are nested too deeply"),
        ("[]", "no record with gold entities in 0: there is none"),
        ('{"text": "Ada", "answer": "reject"}', "no record with gold entities in 1: record with the answer reject"),
    ],
    ids=lambda value: value[:12],
)
def test_json_that_cannot_be_read_is_refused_with_its_line(text, message):
    with pytest.raises(UploadError) as error:
        load_corpus(("x.json", text.encode()))
    assert message in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 400


def test_broken_lines_cost_no_more_than_their_length():
    """900 open brackets, each of which would be read to the end of the file again."""
    text = '{"a": 1}\n' + "[1,\n" * 900 + "1,\n" * 20_000
    with pytest.raises(UploadError, match="is no JSON: expecting value"):
        read_values(text, Repairs())


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 12), st.floats(), st.text("aB é😀\ud800\n\x00", max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                [
                    "text",
                    "label",
                    "labels",
                    "spans",
                    "entities",
                    "annotations",
                    "data",
                    "content",
                    "annotation",
                    "points",
                    "start",
                    "end",
                    "result",
                    "value",
                    "tokens",
                    "tags",
                    "answer",
                    "meta",
                    "user",
                    "classes",
                    "start_offset",
                    "end_offset",
                ]
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(
    st.one_of(
        values, st.fixed_dictionaries({"text": st.text("aB é😀 \n", max_size=9), "label": values, "tokens": values})
    )
)
def test_any_json_ends_in_sentences_or_an_upload_error(value):
    data = json.dumps(value).encode()
    for read in (read_annotations, lambda data: read_annotations(b"[" + data + b"]")):
        try:
            result = read(data)
        except UploadError:
            continue
        assert result.sentences and all(s.words for s in result.sentences)
        assert all(0 <= span.start < span.end <= len(s) for s in result.sentences for span in s.spans)
        back = read_annotations(write_jsonl(result.sentences).encode()).sentences
        assert [(s.words, s.spans, s.meta, s.text) for s in back] == [
            (s.words, s.spans, s.meta, s.text) for s in result.sentences
        ]


def test_a_sentence_cut_from_a_longer_text_is_written_alone():
    sentence = Sentence(("Bob", "runs"), (Span(0, 1, "per"),), "Ada left. Bob  runs", (10, 15))
    [back] = read_annotations(write_jsonl([sentence]).encode()).sentences
    assert (back.words, back.spans, back.text) == (sentence.words, sentence.spans, "Bob  runs")
