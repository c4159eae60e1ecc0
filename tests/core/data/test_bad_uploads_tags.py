"""Bad uploads, rows 25 to 31 and 33: odd tags and odd words are read, and what was done to them is told.

The outcome of each row was decided before the code: see the table in `docs/uploads.md`.
"""

import io
import json

import pytest

from ner_core.data.corpus import load_corpus
from ner_core.data.formats.docbin import write_docbin
from ner_core.records import Sentence, Span, SplitConfig

WHOLE = SplitConfig(test=0.0, dev=0.0)


def read(text, name="upload.txt"):
    """Through the public door, as a page does it: the name and the bytes."""
    return load_corpus((name, text if isinstance(text, bytes) else text.encode()), split=WHOLE)


def conll(*tags):
    """One sentence a list of tags; words w0, w1 ..."""
    return "\n".join("".join(f"w{i}\t{tag}\n" for i, tag in enumerate(sentence)) for sentence in tags)


def spans(corpus):
    return [[(span.start, span.end, span.label) for span in sentence.spans] for sentence in corpus.train]


def notes(corpus):
    return {note.what: (note.count, note.lines) for note in corpus.notes}


# --- what a row's tags become, and what is told ---------------------------------------------------------

NO_ENTITY = "no entity is marked, so there is nothing to learn from"
FORBIDDEN = "tag that {} forbids there, read as conlleval reads it"

TAGS = {
    "25 all O": ([["O", "O"], ["O"]], "IOB2", [[], []], {NO_ENTITY: (1, ())}),
    "26 IOB1": (
        [["I-per", "I-per", "B-per", "O"], ["O", "I-geo"]],
        "IOB1",
        [[(0, 2, "per"), (2, 3, "per")], [(1, 2, "geo")]],
        {},
    ),
    "27a three schemes in one file": (
        [["B-per", "I-per", "O"], ["S-per", "B-per", "E-per"], ["U-geo", "B-geo", "L-geo", "O"]],
        "BIOES",
        [[(0, 2, "per")], [(0, 1, "per"), (1, 3, "per")], [(0, 1, "geo"), (1, 3, "geo")]],
        {FORBIDDEN.format("BIOES"): (5, (3, 9, 10))},
    ),
    "27b BIOES": ([["S-per", "B-per", "I-per", "E-per"]], "BIOES", [[(0, 1, "per"), (1, 4, "per")]], {}),
    "27b BILOU": ([["U-per", "B-per", "I-per", "L-per"]], "BILOU", [[(0, 1, "per"), (1, 4, "per")]], {}),
    "28a no prefix": (
        [["PER", "PER", "O"], ["GEO", "PER", "O"]],
        "IO",
        [[(0, 2, "PER")], [(0, 1, "GEO"), (1, 2, "PER")]],
        {},
    ),
    "28b no prefix but for one": (
        [["PER", "PER", "O", "PER", "O", "GEO"], ["PER", "B-PER", "O", "O"]],
        "IOB1",
        [[(0, 2, "PER"), (3, 4, "PER"), (5, 6, "GEO")], [(0, 1, "PER"), (1, 2, "PER")]],
        {"tag without B- or I-, read as I-": (5, (1, 2, 4))},
    ),
    "28c a prefix but for one": (
        [["B-PER", "I-PER", "O"], ["O", "PER"], ["B-GEO", "O"]],
        "IOB2",
        [[(0, 2, "PER")], [(1, 2, "PER")], [(0, 1, "GEO")]],
        {"tag without B- or I-, read as I-": (1, (6,)), FORBIDDEN.format("IOB2"): (1, (6,))},
    ),
    "29a I- after O": (
        [["B-per", "O", "I-per"], ["B-per", "B-per"]],
        "IOB2",
        [[(0, 1, "per"), (2, 3, "per")], [(0, 1, "per"), (1, 2, "per")]],
        {FORBIDDEN.format("IOB2"): (1, (3,))},
    ),
    "29b another label inside": (
        [["B-per", "I-geo", "I-geo"], ["B-per"]],
        "IOB2",
        [[(0, 1, "per"), (1, 3, "geo")], [(0, 1, "per")]],
        {FORBIDDEN.format("IOB2"): (1, (2,))},
    ),
    "30a small letters": (
        [["b-per", "i-per", "o"]],
        "IOB2",
        [[(0, 2, "per")]],
        {"tag written B-label": (2, (1, 2)), "tag o read as O": (1, (3,))},
    ),
    "30b one label in capitals and not": (
        [["B-PER", "O", "B-per"]],
        "IOB2",
        [[(0, 1, "PER"), (2, 3, "per")]],
        {"labels that differ in capital letters alone, kept apart: PER, per": (1, ())},
    ),
    "30c a space behind": ([["B-per ", "I-per  ", "O "]], "IOB2", [[(0, 2, "per")]], {}),
    "30d B_PER": ([["B_PER", "I_PER", "O"]], "IOB2", [[(0, 2, "PER")]], {"tag written B-label": (2, (1, 2))}),
    "30e B-PER-X": ([["B-PER-X", "I-PER-X", "O"]], "IOB2", [[(0, 2, "PER-X")]], {}),
    "30f no tag": ([["B-per", "", "I-per", "O"]], "IOB2", [[(0, 1, "per"), (2, 3, "per")]], None),
    "30h no label": (
        [["B-", "I-", "O", "B-per"]],
        "IOB2",
        [[(3, 4, "per")]],
        {"tag B- or I- without a label, read as O": (2, (1, 2))},
    ),
}


@pytest.mark.parametrize("row", TAGS)
def test_odd_tags_are_read_and_told(row):
    tags, scheme, expected, told = TAGS[row]
    corpus = read(conll(*tags))
    assert [len(sentence) for sentence in corpus.train] == [len(sentence) for sentence in tags]  # no word is lost
    assert corpus.form.endswith(scheme)
    assert spans(corpus) == expected
    if told is not None:
        assert notes(corpus) == told


def test_a_word_without_a_tag_stays():
    corpus = read("Ada\tB-per\nlives\t\nin\tO\n\nBob\t \n")
    assert [s.words for s in corpus.train] == [("Ada", "lives", "in"), ("Bob",)]
    assert notes(corpus) == {"word without a tag, read as O": (2, (2, 5))}
    corpus = read('{"tokens": ["Ada", "left"], "tags": ["B-per", ""]}')
    assert corpus.train[0].words == ("Ada", "left") and spans(corpus) == [[(0, 1, "per")]]
    assert notes(corpus) == {"word without a tag, read as O": (1, (1,))}


def test_a_row_of_a_table_that_was_cut_is_left_out_and_told():
    corpus = read("Sentence #,Word,POS,Tag\nSentence: 1,Ada,NNP,B-per\n,left,VBD,\n,left,VBD,O\n")
    assert corpus.train[0].words == ("Ada", "left")
    assert notes(corpus) == {"line without a tag, left out": (1, (3,))}


@pytest.mark.parametrize("prefix", ["B-", ""])
def test_two_thousand_labels_are_read_and_told(prefix):
    n = 2_000
    corpus = read(conll(*([f"{prefix}l{i}", "O", "O"] for i in range(n))))
    assert len(corpus.labels) == n and [len(s.spans) for s in corpus.train] == [1] * n
    [told] = corpus.notes
    assert told.what.startswith("2,000 different labels")


def test_labels_of_common_corpora_are_not_wondered_at():
    assert not read(conll(*([f"B-l{i}", "O"] for i in range(113)))).notes  # as many as FIGER has


# --- words that look like something else -------------------------------------------------------------

WORDS = ("NA", "null", "None", "nan", "1e5", "007", "TRUE", "2024-01-01", "N/A", "NaN", "inf", "-0", "1,5", "O", "Word")
TAGGED = Sentence(WORDS, (Span(0, 1, "org"),))
ROWS = [(word, "B-org" if i == 0 else "O") for i, word in enumerate(WORDS)]


def as_table(delimiter):
    import csv

    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter)
    writer.writerow(["Sentence #", "Word", "POS", "Tag"])
    writer.writerows([f"Sentence: {i}" if i == 1 else "", word, "", tag] for i, (word, tag) in enumerate(ROWS, 1))
    return buffer.getvalue()


def as_rows():
    import csv

    words, tags = [word for word, _ in ROWS], [tag for _, tag in ROWS]
    buffer = io.StringIO()
    csv.writer(buffer).writerows([["Sentence #", "Sentence", "Tag"], ["1", str(words), str(tags)]])
    return buffer.getvalue()


FILES = {
    "CoNLL, tabs": "".join(f"{word}\t{tag}\n" for word, tag in ROWS),
    "CoNLL, spaces": "".join(f"{word} X {tag}\n" for word, tag in ROWS),
    "CoNLL, tag first": "".join(f"{tag}\t{word}\n" for word, tag in ROWS if word != "O"),
    "table": as_table(","),
    "table with semicolons": as_table(";"),
    "one row a sentence": as_rows(),
    "JSON with a tag a word": json.dumps({"tokens": [w for w, _ in ROWS], "ner_tags": [t for _, t in ROWS]}),
    "DocBin": write_docbin([TAGGED]),
}


@pytest.mark.parametrize("form", FILES)
def test_words_that_look_like_numbers_dates_or_nothing_stay_words(form):
    corpus = read(FILES[form])
    expected = tuple(word for word in WORDS if not (form == "CoNLL, tag first" and word == "O"))
    assert [s.words for s in corpus.train] == [expected]
    assert corpus.train[0].spans == TAGGED.spans and not corpus.notes


@pytest.mark.parametrize("word", WORDS)
def test_a_label_that_looks_like_something_else_stays_a_label(word):
    corpus = read(f"Ada\tB-{word}\nleft\tO\n")
    assert corpus.labels == (word,)


def test_numbers_in_a_list_of_words():
    corpus = read('{"tokens": [7, "Ada", 2024], "tags": ["O", "B-per", "O"]}')
    assert corpus.train[0].words == ("7", "Ada", "2024")
    assert notes(corpus) == {"number among the words, read as the word it is written as": (2, (1,))}


@pytest.mark.parametrize("odd", ["null", "true", "1e5", "[]", "{}"])
def test_what_nobody_can_read_as_a_word_is_left_out_with_its_line(odd):
    corpus = read(f'{{"tokens": ["Ada"], "tags": ["B-per"]}}\n{{"tokens": ["x", {odd}], "tags": ["O", "O"]}}\n')
    assert [s.words for s in corpus.train] == [("Ada",)]
    assert notes(corpus) == {"record whose words or tags are no text, left out": (1, (2,))}
