"""Bad uploads, rows 44 to 46: odd JSON, entities in odd places, words and tags that do not match.

The outcome of each row was decided before the code: see the table in `docs/uploads.md`.
"""

import json
import time
import zlib

import numpy as np
import pytest

from ner_core.data.corpus import load_corpus
from ner_core.records import SplitConfig, UploadError

WHOLE = SplitConfig(test=0.0, dev=0.0)
GOOD = '{"text": "Ada left", "label": [[0, 3, "per"]]}\n'
ADA = ("Ada", "left")


def read(text, name="upload.jsonl"):
    """Through the public door, as a page does it: the name and the bytes."""
    return load_corpus((name, text.encode()), split=WHOLE)


def found(corpus):
    return [(s.words, [(span.start, span.end, span.label) for span in s.spans]) for s in corpus.train]


def notes(corpus):
    return {note.what: (note.count, note.lines) for note in corpus.notes}


def with_place(start, end="3", label='"per"'):
    return f'{{"text": "Ada left", "label": [[{start}, {end}, {label}]]}}\n'


# --- 44: what JSON leaves open or forbids ---------------------------------------------------------------

NO_PLACE = "entity without a start and an end, left out"
NAN = "NaN or Infinity, read as null"
PER, NONE = [(0, 1, "per")], []

JSON = {
    "44a NaN": (GOOD + with_place("NaN"), [PER, NONE], {NAN: (1, (2,)), NO_PLACE: (1, (2,))}),
    "44a Infinity": (GOOD + with_place("0", "-Infinity"), [PER, NONE], {NAN: (1, (2,)), NO_PLACE: (1, (2,))}),
    "44a a number beyond all": (GOOD + with_place("0", "1e999"), [PER, NONE], {NO_PLACE: (1, (2,))}),
    "44b a key twice": (
        GOOD + '{"text": "Bob", "text": "Ada left", "label": [[0, 3, "per"]]}',
        [PER, PER],
        {"key written twice in one object, the last one kept": (1, (2,))},
    ),
    "44c 5,000 digits": (
        GOOD + with_place("0", "9" * 5_000),
        [PER, NONE],
        {"number of more than 100 digits, read as null": (1, (2,)), NO_PLACE: (1, (2,))},
    ),
    "44c 5,000 digits and a point": (GOOD + with_place("0", "9" * 5_000 + ".0"), [PER, NONE], {NO_PLACE: (1, (2,))}),
    "44c 90 digits": (
        GOOD + with_place("0", "9" * 90),
        [PER, NONE],
        {"entity with a place outside of its text, left out": (1, (2,))},
    ),
    "44e deep brackets in one line": (
        GOOD * 2 + "[" * 100_000 + "\n" + GOOD,
        [PER] * 3,
        {"line that is no JSON, left out": (1, (3,))},
    ),
    "44e deep brackets in one record": (
        GOOD * 2 + '{"text": ' + "[" * 100_000 + "]" * 100_000 + "}\n" + GOOD,
        [PER] * 3,
        {"line that is no JSON, left out": (1, (3,))},
    ),
    "44f one list": (f"[{GOOD.strip()},\n{GOOD}]", [PER] * 2, {}),
    "44f one list in many lines": (json.dumps([json.loads(GOOD)] * 2, indent=2), [PER] * 2, {}),
    "44g a comma behind the last record": (
        f"[{GOOD.strip()},\n{GOOD.strip()},\n]",
        [PER] * 2,
        {"comma behind the last record": (1, (2,))},
    ),
    "44g a comma behind each record": (
        (GOOD.strip() + ",\n") * 2,
        [PER] * 2,
        {"comma behind a record": (2, (1, 2))},
    ),
    "44h a comma behind the last entry": (
        GOOD + '{"text": "Ada left", "label": [[0, 3, "per",],],}',
        [PER] * 2,
        {"comma behind the last entry, left out": (3, (2,))},
    ),
    "44h in a list of many lines": (
        '[\n {\n  "text": "Ada left",\n  "label": [\n   [0, 3, "per"],\n  ],\n },\n]',
        [PER],
        {"comma behind the last entry, left out": (2, (2,)), "comma behind the last record": (1, (2,))},
    ),
    "44h with other odd things": (
        '{"text": "Bob", "text": "Ada left", "n": NaN, "label": [[0, 3, "per"],]}',
        [PER],
        {
            "key written twice in one object, the last one kept": (1, (1,)),
            NAN: (1, (1,)),
            "comma behind the last entry, left out": (1, (1,)),
        },
    ),
}


@pytest.mark.parametrize("row", JSON)
def test_odd_json_is_read_and_told(row):
    text, spans, told = JSON[row]
    corpus = read(text)
    assert found(corpus) == [(ADA, each) for each in spans]
    assert {what: at for what, at in notes(corpus).items() if "nothing to learn" not in what} == told


@pytest.mark.parametrize("n", [10, 700, 3_000])
def test_commas_too_many_far_from_one_another_are_mended(n):
    marks = ",\n".join('{"start": 0, "end": 3, "label": "per"}' for _ in range(n))
    corpus = read(f'[{{"text": "Ada left", "ids": [1,], "entities": [{marks},],}},\n{GOOD}]')
    assert found(corpus) == [(ADA, PER)] * 2
    assert notes(corpus)["comma behind the last entry, left out"][0] == 3


@pytest.mark.parametrize("line", ['{"a": [1,], x}', '{"a": [1,], "x', '{"a": 1,]', '{"text": "Ada", "label": [],}'])
def test_a_fault_in_every_line_takes_no_longer_than_the_file_is_long(line):
    data = (line + "\n") * 60_000 + GOOD * 60_001
    started = time.process_time()
    try:
        read(data)
    except UploadError as error:
        assert "is no JSON" in str(error)
    assert time.process_time() - started < 20


def test_a_comma_in_a_word_stays():
    corpus = read('{"text": "a,] b ,} left", "label": [[0, 1, "x"],]}')
    assert corpus.train[0].text == "a,] b ,} left"


@pytest.mark.parametrize("bracket", ["[", '{"a":', '[{"a":'])
def test_a_hundred_thousand_brackets_alone_are_refused_with_their_line(bracket):
    started = time.process_time()
    with pytest.raises(UploadError, match=r"line 3 is no JSON: brackets are nested too deeply"):
        read("\n\n" + bracket * 100_000)
    assert time.process_time() - started < 3


@pytest.mark.parametrize("text", ['[[], {"text": 7}]', '{"text": null}', '{"a": 1}', '["a", "b"]', "{}"])
def test_json_without_a_text_is_refused_with_its_line_and_a_way_to_mend_it(text):
    with pytest.raises(
        UploadError, match=r"upload.jsonl: .*received .* in line 1; a record needs a text and its marks"
    ):
        read(text)


# --- 45: entities in odd places ----------------------------------------------------------------------------

TEXT = "Ada Lovelace left"
WORDS = ("Ada", "Lovelace", "left")
PLACES = {
    "45a one in the other": (
        [[0, 12, "per"], [4, 12, "x"]],
        [(0, 2, "per")],
        "entity that overlaps a longer one, left out",
    ),
    "45a crossing": ([[0, 12, "per"], [4, 17, "x"]], [(0, 2, "per")], "entity that overlaps a longer one, left out"),
    "45a two labels on one place": (
        [[0, 3, "per"], [0, 3, "x"]],
        [(0, 1, "per")],
        "two labels on the same words, the first kept",
    ),
    "45a twice the same": ([[0, 3, "per"], [0, 3, "per"]], [(0, 1, "per")], "entity given twice"),
    "45b begins in a word": ([[1, 3, "per"]], [(0, 1, "per")], "entity that cuts a word, widened to whole words"),
    "45b ends in a word": ([[0, 7, "per"]], [(0, 2, "per")], "entity that cuts a word, widened to whole words"),
    "45c start behind end": ([[12, 4, "per"]], [], "entity with a start behind its end, left out"),
    "45c empty": ([[4, 4, "per"]], [], "entity with a start behind its end, left out"),
    "45d beyond": ([[13, 18, "per"]], [], "entity with a place outside of its text, left out"),
    "45d negative": ([[-3, 3, "per"]], [], "entity with a place outside of its text, left out"),
    "45d far beyond": ([[0, 10**30, "per"]], [], "entity with a place outside of its text, left out"),
    "45f null": ([[0, 3, None]], [], "entity without a label, left out"),
    "45f nothing": ([[0, 3, ""]], [], "entity without a label, left out"),
    "45f blank": ([[0, 3, " "]], [], "entity without a label, left out"),
    "45f a list": ([[0, 3, ["per"]]], [], "entity without a label, left out"),
    "45f no third": ([[0, 3]], [], NO_PLACE),
    "45g a space at the edge": ([[0, 4, "per"]], [(0, 1, "per")], "entity with white space at its edge, trimmed"),
    "45g a space alone": ([[3, 4, "per"]], [], "entity that holds no word, left out"),
    "a number as text": ([["0", "3", "per"]], [(0, 1, "per")], None),
    "true": ([[True, 3, "per"]], [], NO_PLACE),
    "text": ([["x", "y", "per"]], [], NO_PLACE),
}


@pytest.mark.parametrize("row", PLACES)
def test_an_entity_in_an_odd_place_is_mended_or_left_out_and_told(row):
    marks, spans, told = PLACES[row]
    corpus = read(GOOD + json.dumps({"text": TEXT, "label": marks}))
    assert found(corpus) == [(ADA, PER), (WORDS, spans)]
    assert notes(corpus) == ({told: (1, (2,))} if told else {})


def offsets(text, name, unit):
    """Where `name` stands in `text`, counted in a unit other than characters."""
    size = {"UTF-16 units": lambda t: len(t.encode("utf-16-le")) // 2, "UTF-8 bytes": lambda t: len(t.encode())}[unit]
    start = text.index(name)
    return [size(text[:start]), size(text[: start + len(name)]), "per"]


@pytest.mark.parametrize("unit", ["UTF-16 units", "UTF-8 bytes"])
@pytest.mark.parametrize("before", ["😀 ", "😀😀 and ", "👩‍👩‍👧 met 😀, "])
def test_offsets_that_count_something_else_are_converted(unit, before):
    text = f"{before}Ada left, said Bob"
    corpus = read(json.dumps({"text": text, "label": [offsets(text, name, unit) for name in ("Ada", "Bob")]}))
    [sentence] = corpus.train
    assert [sentence.surface(span) for span in sentence.spans] == ["Ada", "Bob"]
    assert notes(corpus) == {f"offset counted in {unit}, converted to characters": (4, ())}


def test_offsets_in_characters_behind_an_emoji_stay():
    text = "😀 Ada left"
    corpus = read(json.dumps({"text": text, "label": [[2, 5, "per"]]}))
    assert corpus.train[0].surface(corpus.train[0].spans[0]) == "Ada" and not corpus.notes


# --- 46: words and tags -------------------------------------------------------------------------------------

FEWER = "record with more words than tags or fewer, left out"


@pytest.mark.parametrize("tags", ['["B-per"]', '["B-per", "O", "O"]', "[]"])
def test_a_record_whose_words_and_tags_do_not_match_is_left_out_with_its_line(tags):
    good, bad = '{"tokens": ["Ada", "left"], "tags": ["B-per", "O"]}\n', f'{{"tokens": ["a", "b"], "tags": {tags}}}\n'
    corpus = read(good + bad + good)
    assert found(corpus) == [(ADA, PER)] * 2
    assert notes(corpus) == {FEWER: (1, (2,))}
    with pytest.raises(UploadError, match=f"{FEWER}; received .* in line 1; a record needs .* words and as many tags"):
        read(bad * 3)


@pytest.mark.parametrize("tags", ["[1, 0]", "[0, 3]"])
def test_tags_that_are_numbers_without_names_are_refused_with_their_line(tags):
    with pytest.raises(UploadError, match=r"the tags in line 1 are numbers without names.*give tags such as B-per"):
        read(f'{{"tokens": ["Ada", "left"], "ner_tags": {tags}}}')


# --- what stands where nobody looks for it ------------------------------------------------------------------


@pytest.mark.parametrize("key", ["label", "labels", "entities", "annotations"])
def test_entities_that_are_no_list_are_told(key):
    corpus = read(GOOD + json.dumps({"text": "Ada left", key: {"start": 0, "end": 3, "label": "per"}}))
    assert found(corpus) == [(ADA, PER), (ADA, NONE)]
    assert notes(corpus) == {"entities that are no list, left out": (1, (2,))}


@pytest.mark.parametrize(
    ("other", "key"), [("tags", "ner"), ("ner_tags", "labels"), ("labels", "tags"), ("ner", "ner_tags")]
)
def test_of_two_lists_the_one_that_looks_like_tags_is_read_and_the_other_told(other, key):
    record = {"tokens": ["Ada", "left"], other: ["noun", "verb"], key: ["B-per", "O"]}
    corpus = read(json.dumps(record))
    assert found(corpus) == [(ADA, PER)]
    assert notes(corpus) == {f"second list of tags, {other}, not read": (1, (1,))}


def test_a_part_is_known_however_it_is_written_and_an_unknown_one_is_told():
    parts = ["Train", "TEST", "training", " Validation ", "gold", 3]
    corpus = read(
        "".join(
            json.dumps({"text": f"Ada left {i}", "label": [], "part": part}) + "\n" for i, part in enumerate(parts[:4])
        )
    )
    assert (len(corpus.train), len(corpus.test), len(corpus.dev)) == (2, 1, 1)
    told = read("".join(GOOD[:-2] + f', "part": {json.dumps(part)}}}\n' for part in parts[4:]))
    assert notes(told) == {"part that is none of train, dev and test, not read": (2, (1, 2))}


def test_a_genre_beside_the_text_is_meta():
    corpus = read('{"text": "Ada left", "label": [[0, 3, "per"]], "genre": "news"}')
    assert corpus.train[0].meta == (("genre", "news"),)


# --- a DocBin ------------------------------------------------------------------------------------------------


def docbin(n_tokens, n_documents=1):
    """One word, again and again, as a stranger might pack it."""
    import srsly
    from spacy.attrs import ORTH
    from spacy.strings import StringStore

    strings = StringStore(["Ada"])
    message = {
        "attrs": [ORTH],
        "tokens": np.full(n_tokens, strings["Ada"], np.uint64).tobytes(),
        "lengths": np.array([n_tokens] + [0] * (n_documents - 1), np.int32).tobytes(),
        "spaces": bytes(n_tokens),
        "strings": ["Ada"],
        "flags": [],
    }
    return zlib.compress(srsly.msgpack_dumps(message))


@pytest.mark.parametrize(
    ("n_tokens", "n_documents", "message"),
    [
        (4_000_000, 1, "unpacks to more than 200 times its size"),
        (1_500_000, 1, "holds more than 1,000,000 tokens or documents"),
        (1, 1_500_000, "holds more than 1,000,000 tokens or documents"),
    ],
)
def test_a_small_docbin_that_becomes_millions_of_tokens_is_refused(n_tokens, n_documents, message):
    with pytest.raises(UploadError, match=message):
        load_corpus(("x.spacy", docbin(n_tokens, n_documents)), split=WHOLE)


def test_a_docbin_is_counted_in_documents():
    corpus = load_corpus(("x.spacy", docbin(2, 3)), split=WHOLE)
    assert notes(corpus)["document without a word, left out (document 2, 3)"] == (2, ())
