"""Bad uploads, rows 11 to 24 and 32: whatever shape a file has, no word is lost, moved or made up in silence.

The outcome of each row was decided before the code: see the table in `docs/uploads.md`.
"""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import tracemalloc
import zipfile
from itertools import chain

import pytest

from ner_core.data.corpus import load_corpus
from ner_core.data.formats import decoding
from ner_core.records import Span, UploadError
from tests.core.data.uploads import EXACT, FORMS, NO_GOLD, conll, notes, plain, read, rows, table, tagged, words

TEXT = [["Ada", "lives", "in", "London", "."], ["Bob", "runs", "."]]
NAMES = "line of column names left out"
LONG_WORD = "word of more than 1,000 characters: is a space or a quotation mark missing?"
LONG = "sentence of more than 1,500 words: are {} missing?"
QUOTE = "quotation mark that closes nowhere, read as a character"
TWO_LINES = "line break inside a word, read as a space"


def told(corpus):
    return {what: found for what, found in notes(corpus).items() if what != NO_GOLD}


def refusal(data, name="upload.csv"):
    """The one sentence in which an upload is refused."""
    with pytest.raises(UploadError) as error:
        read(data, name)
    message = str(error.value)
    assert message.startswith(f"{name}: ") and "received" in message and "\n" not in message and len(message) < 400
    assert message.count("; ") >= 2, f"what, what was received, how to mend it: {message}"
    return message


# --- row 11: nothing to read ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", [b"", b" ", b"\n\n\n", b"\t\n \r\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xfe\n\0", b"\xc2\xa0\n"]
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress], ids=["plain", "gz", "bz2", "xz"])
def test_11a_an_empty_file(data, pack):
    message = refusal(pack(data))
    assert (
        f"the file is empty; received {len(data)} bytes without a word; give one with words and their tags" in message
    )


@pytest.mark.parametrize("end", ["", "\n", "\r\n\r\n", "\n,,,\n"])
def test_11b_a_header_alone(end):
    message = refusal("Sentence #,Word,POS,Tag" + end)
    assert "the table has a header in line 1 and no row with a word and a tag" in message and "add rows" in message
    assert "the table has a header in line 3" in refusal("\n\nSentence #,Word,POS,Tag" + end)
    assert "header alone" in refusal("Sentence #,Sentence,Tag" + end.replace(",,,", ",,"))


@pytest.mark.parametrize(
    "text", ["word\ttag\n", "-DOCSTART- -X- O O\n\n", "-DOCSTART-\tO\n", "# a comment\n# and another\n"]
)
def test_11c_no_word_in_conll(text):
    message = refusal("\n" + text)
    assert "in line 2" in message and "each line needs a word and its tag" in message


@pytest.mark.parametrize("text", ["[]", "{}", "[\n]\n", '{"text": ""}\n'])
def test_11d_no_record_in_json(text):
    assert "no record with gold entities" in refusal(text)


# --- row 12: headers -------------------------------------------------------------------------------------

ROWS = "{0}1,Ada,NNP,B-per\n,runs,VBZ,O\n2,Rome,NNP,B-geo\n"


@pytest.mark.parametrize(
    "header",
    [
        "SENTENCE #,WORD,POS,TAG",
        "sentence #,word,pos,tag",
        "Sentence #,Word,POS,ner_tags",
        "sentence_id,tokens,pos,NER",
        ' "Sentence #" , "Word" , "POS" , "Tag" ',
        "Sentence_ID,Token,UPOS,NER Tag",
        "sentence-id,token,upos,ner-tag",
        "Sent ID,Words,,Labels",
        "sent_id,form,xpos,BIO",
    ],
)
def test_12ab_other_names(header):
    corpus = read(ROWS.format(header + "\n"))
    assert words(corpus) == [["Ada", "runs"], ["Rome"]] and corpus.labels == ("geo", "per") and not corpus.notes


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("Sentence #,Word,Tag\n1,Ada,B-per\n,runs,O\n", [["Ada", "runs"]]),
        ("Tag,POS,Word,Sentence #\nB-per,N,Ada,1\nO,V,runs,\n", [["Ada", "runs"]]),
        ("id,Sentence #,Word,lemma,POS,Tag,note\n0,1,Ada,ada,N,B-per,\n1,,runs,run,V,O,x\n", [["Ada", "runs"]]),
    ],
)
def test_12c_other_columns(data, found):
    corpus = read(data)
    assert words(corpus) == found and corpus.train[0].spans == (Span(0, 1, "per"),) and not corpus.notes


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("Sentence #,POS,Tag", "no column Word in line 1"),
        ("Sentence #,Word,POS", "no column Tag in line 1"),
        ("Word,Tag", "no column Sentence # in line 1, and no blank row between sentences"),
        ("Sentence #,Text,Class", "no column Word in line 1"),
    ],
)
def test_12df_a_missing_column(header, missing):
    message = refusal(f"{header}\n" + ",".join("1" * len(header.split(","))) + "\n")
    assert (
        missing in message and f"received the columns '{header}'" in message and "the first line must name" in message
    )


@pytest.mark.parametrize("blank", ["", ",", '"",""'])
def test_12e_blank_rows_in_place_of_sentence_numbers(blank):
    corpus = read(f"Word,Tag\nAda,B-per\nruns,O\n{blank}\nRome,B-geo\n{blank}\n{blank}\nBob,B-per\n")
    assert words(corpus) == [["Ada", "runs"], ["Rome"], ["Bob"]]
    assert notes(corpus) == {"no column of sentence numbers: blank lines end the sentences": (1, (1,))}


def test_12g_no_header():
    message = refusal("Sentence: 1,Ada,NNP,B-per\n,runs,VBZ,O\n")
    assert "line 1" in message and "Word" in message and "Tag" in message


def test_12h_a_header_again_in_the_middle():
    both = table(TEXT) + table(TEXT).replace(": ", ": 1")
    corpus = read(both)
    assert words(corpus) == TEXT + TEXT and corpus.labels == ("per",) and notes(corpus) == {NAMES: (1, (10,))}
    corpus = read("word\ttag\n" + conll(TEXT) + "word\ttag\n" + conll(TEXT))
    assert [*chain(*words(corpus))] == [*chain(*TEXT, *TEXT)] and notes(corpus)[NAMES] == (2, (1, 11))


@pytest.mark.parametrize(
    "text",
    [
        "word pos tag\nAda N B-per\nruns V O\n",
        "id token ner\n7 Ada B-per\n7 runs O\n",
        "ner_tag token\nB-per Ada\nO runs\n",
        "pos\ttoken\tlabel\nN\tAda\tB-per\nV\truns\tO\n",
    ],
)
def test_12i_column_names_above_conll(text):
    corpus = read(text)
    assert words(corpus) == [["Ada", "runs"]] and corpus.train[0].spans == (Span(0, 1, "per"),)
    assert notes(corpus) == {NAMES: (1, (1,))}


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_12j_the_line_in_which_excel_names_its_delimiter(delimiter):
    corpus = read(f"sep={delimiter}\n" + table(TEXT, delimiter))
    assert words(corpus) == TEXT and not corpus.notes


# --- row 13: ragged rows ----------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ["2,Ada", "2,Ada,X", "2,Ada,X,O,more", "2,1,5,X,O"])
def test_13ab_a_row_left_out_keeps_the_sentences_apart(row):
    corpus = read(f"Sentence #,Word,POS,Tag\n1,Bob,X,B-per\n,runs,X,O\n{row}\n,sings,X,O\n3,end,X,O\n")
    assert words(corpus) == [["Bob", "runs"], ["sings"], ["end"]]
    assert notes(corpus) == {"line without 4 cells, left out": (1, (4,))}


def test_13d_a_row_without_a_word_keeps_the_sentences_apart():
    corpus = read("Sentence #,Word,POS,Tag\n1,Bob,X,B-per\n2,,X,O\n,sings,X,O\n3,end,X,\n,last,X,O\n")
    assert words(corpus) == [["Bob"], ["sings"], ["last"]]
    assert notes(corpus) == {"line without a word, left out": (1, (3,)), "line without a tag, left out": (1, (5,))}


def test_13c_empty_cells_behind_the_last():
    corpus = read("Sentence #,Word,POS,Tag\n1,Bob,X,B-per,,\n,runs,X,O,\n2,x,X,O\n3,y,X,O\n")
    assert words(corpus) == [["Bob", "runs"], ["x"], ["y"]] and not corpus.notes


def test_13e_conll_lines_with_other_numbers_of_columns():
    corpus = read("Ada\tB-per\nlives\nin\tIN\tO\nLondon\tB-geo\n\nx\tO\n")
    assert words(corpus) == [["Ada", "London"], ["x"]] and notes(corpus) == {
        "line without 2 columns, left out": (2, (2, 3))
    }


# --- rows 14 to 16: too long ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [b"Ada B-per " * 6_000_000, b"Sentence #,Word,Tag\n" + b"1,Ada,O," * 7_500_000, b"It is so. " * 6_000_000],
    ids=["CoNLL", "table", "plain text"],
)
def test_14b_one_line_of_60_mb_is_refused_in_little_memory(data):
    line = 1 + data[:100].count(b"\n")
    n = len(data.splitlines()[-1])
    tracemalloc.start()
    try:
        message = refusal(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert f"line {line} has {n:,} characters" in message
    assert peak < 4 * len(data)  # the text, and the line cut out of it; not a list of twelve million cells


def test_14a_a_gigabyte_is_refused_by_its_size(monkeypatch, tmp_path):
    assert decoding.LARGEST_FILE == 500_000_000
    path = tmp_path / "huge.conll"
    with path.open("wb") as file:
        file.truncate(1_000_000_000)  # sparse: takes no room on the disk
    tracemalloc.start()
    try:
        with pytest.raises(UploadError, match="the file is larger than 500 MB"):
            load_corpus(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    monkeypatch.setattr(decoding, "LARGEST_FILE", 5_000_000)
    assert "larger than 5 MB" in refusal(b"a" * 5_000_001)
    # Not only zeros: an archive may be refused for its rate of packing too.
    assert (
        "5 MB" in (message := refusal(gzip.compress(conll([["Ada", "runs"]] * 300_000).encode())))
        or "archive" in message
    )


def test_14c_one_long_line_of_json_is_read():
    records = [{"tokens": ["Ada", f"runs{i}"], "ner_tags": ["B-per", "O"]} for i in range(60_000)]
    corpus = read(json.dumps(records))
    assert len(corpus.train) == 60_000 and not corpus.notes


@pytest.mark.parametrize("form", EXACT)
def test_15a_a_word_of_200_000_characters(form):
    sentences = [["Ada", "x" * 200_000, "end"], ["Bob", "runs"]]
    data = EXACT[form](sentences)
    corpus = read(data)
    assert words(corpus) == sentences
    assert notes(corpus) == {LONG_WORD: (1, (data[: data.index("xxx")].count("\n") + 1,))}


@pytest.mark.parametrize("form", ["JSON with marks", "plain text"])
def test_15b_a_text_without_a_space(form):
    sentences = [["Ada", "runs", "."], ["Bob", "x" * 200_000, "."]]
    corpus = read(FORMS[form](sentences))
    assert "".join(corpus.train[1].words) == "Bob" + "x" * 200_000 + "." and corpus.train[1].text == " ".join(
        sentences[1]
    )
    expected = {"more than 400 characters without a space, cut into several words": (1, (2,))}
    long_line = {"line of more than 200 words, read as one sentence": (1, (2,))} if form == "plain text" else {}
    assert told(corpus) == expected | long_line


@pytest.mark.parametrize(
    ("form", "missing"),
    [
        ("CoNLL, tabs", "blank lines between sentences"),
        ("CoNLL, spaces", "blank lines between sentences"),
        ("table, comma", "sentence numbers"),
        ("table, tab", "sentence numbers"),
        ("table of sentences", "line ends"),
        ("JSON with tags", "line ends"),
        ("JSON with marks", "line ends"),
    ],
)
def test_16ab_a_sentence_of_100_000_words(form, missing):
    sentences = [["Ada", "runs", "now"], ["Bob", *["again"] * 100_000, "end"], ["Cyn", "is", "out"]]
    data = FORMS[form](sentences)
    corpus = read(data)
    assert words(corpus) == sentences
    assert told(corpus) == {LONG.format(missing): (1, (data[: data.index("Bob")].count("\n") + 1,))}


def test_16c_a_line_of_100_000_words_in_plain_text():
    sentences = [["Ada", "runs", "."], ["Bob", *["again"] * 100_000, "."]]
    corpus = read(plain(sentences))
    assert words(corpus) == sentences
    assert told(corpus) == {"line of more than 200 words, read as one sentence": (1, (2,))}


# --- rows 17 and 18: one sentence --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sentence", [["Ada", "lives", "in", "London", "."], ["Ada", "runs"]], ids=["whole", "short"])
def test_17_one_sentence(form, sentence):
    data = (
        FORMS[form]([sentence]) if form != "plain text" else plain([[*sentence, *([] if "." in sentence else ["."])]])
    )
    corpus = load_corpus(("one.txt", data.encode()))
    assert [s.words[: len(sentence)] for s in corpus.train] == [tuple(sentence)] and not corpus.dev + corpus.test
    assert not told(corpus)


def test_18a_no_blank_line():
    text = conll([[*"abcdefghi", "."] * 200])
    corpus = read(text)
    assert len(corpus.train) == 1 and len(corpus.train[0]) == 2_000
    assert notes(corpus) == {LONG.format("blank lines between sentences"): (1, (1,))}


def test_18b_no_blank_line_in_a_short_file():
    corpus = read(conll([["Ada", "runs", "."] * 20]))
    what = "the whole file is one sentence, with 19 full stops inside: are blank lines between sentences missing?"
    assert len(corpus.train[0]) == 60 and notes(corpus) == {what: (1, (1,))}
    assert not read(conll([["Ada", "met", "J", ".", "Doe", "."]])).notes


def test_18c_a_table_without_sentence_numbers():
    text = table([["Ada", "runs", "."] * 20]).replace("Sentence: 1", "")
    corpus = read(text)
    what = "the whole file is one sentence, with 19 full stops inside: are sentence numbers missing?"
    assert len(corpus.train) == 1 and {*notes(corpus)} == {
        what,
        "words before the first sentence number, read as a sentence",
    }


# --- rows 19 and 20: comments and columns of CoNLL --------------------------------------------------------------------


@pytest.mark.parametrize("columns", ["O", "-X- O", "-X- -X- O", "-X- O O O"])
@pytest.mark.parametrize("between", [" ", "\t"])
@pytest.mark.parametrize("blank", ["\n", "\n\n"])
def test_19a_docstart(columns, between, blank):
    n = columns.count(" ")
    sentences = "\n\n".join(
        "\n".join(between.join([word, *["x"] * n, "B-per" if i == 0 else "O"]) for i, word in enumerate(sentence))
        for sentence in TEXT
    )
    start = "-DOCSTART- " + columns
    text = start.replace(" ", between) + blank + sentences + "\n" + start.replace(" ", between) + blank + sentences
    corpus = read(text)
    assert words(corpus) == TEXT + TEXT
    lines = (1, text[: text.rindex("-DOCSTART-")].count("\n") + 1)
    assert notes(corpus) == {"-DOCSTART- line left out": (2, lines)}


def test_19b_comments_in_a_numbered_table_and_before_sentences():
    corpus = read("#sent 1\n1\tAda\tN\tB-per\n2\truns\tV\tO\n\n# id = 7\n# just so\n1\t#\tS\tO\n2\t#x\tS\tO\n")
    assert words(corpus) == [["Ada", "runs"], ["#", "#x"]] and corpus.train[1].meta == (("id", "7"),)
    assert notes(corpus) == {"comment line left out": (2, (1, 6))}


@pytest.mark.parametrize("between", ["\t", " "])
def test_19c_19d_comments_and_words_that_begin_with_a_hash(between):
    text = "# comment\nAda B-per\n#win O\n# remark\n# O\n\n# comment\nBob B-per\n# B-per\n".replace(" ", between)
    corpus = read(text.replace(f"#{between}comment", "# comment"))
    assert words(corpus) == [["Ada", "#win", "#"], ["Bob", "#"]] and corpus.labels == ("per",)
    assert notes(corpus) == {"comment line left out": (3, (1, 4, 7))}


def test_19ef_conll_u():
    text = (
        "# sent_id = a\n# text = Vamonos Ada\n1-2\tVamonos\t_\t_\t_\t_\t_\t_\t_\t_\n"
        "1\tVamos\t_\t_\t_\t_\t_\t_\t_\tNER=O\n2\tnos\t_\t_\t_\t_\t_\t_\t_\t_\n"
        "2.1\tir\t_\t_\t_\t_\t_\t_\t_\t_\n3\tAda\t_\t_\t_\t_\t_\t_\t_\tNER=B-PER\n\n"
        "# sent_id = b\n# text = x\n1\tx\t_\t_\t_\t_\t_\t_\t_\t_\n"
    )
    corpus = read(text)
    assert words(corpus) == [["Vamos", "nos", "Ada"], ["x"]] and corpus.train[0].spans == (Span(2, 3, "PER"),)
    assert [s.meta for s in corpus.train] == [(("sent_id", "a"),), (("sent_id", "b"),)]
    assert notes(corpus) == {
        "comment # text left out: the words are read": (2, (2, 10)),
        "line for several words (1-2): its words are read, left out": (1, (3,)),
        "line for an unwritten word (1.1), left out": (1, (6,)),
    }


@pytest.mark.parametrize("n_columns", [2, 3, 4, 5])
@pytest.mark.parametrize("place", ["last", "first", "between"])
@pytest.mark.parametrize("between", ["\t", " "])
def test_20ab_columns(n_columns, place, between):
    if place == "between" and n_columns == 2:
        place = "last"

    def line(word, tag):
        rest = ["NN", "x1", "y2"][: n_columns - 2]
        return {"last": [word, *rest, tag], "first": [tag, word, *rest], "between": [word, tag, *rest]}[place]

    gold = [["B-per", "I-per", "O"], ["O", "B-geo"]]
    sentences = [["Ada", "Lovelace", "runs"], ["in", "London"]]
    text = "\n\n".join(
        "\n".join(between.join(line(word, tag)) for word, tag in zip(*both, strict=True))
        for both in zip(sentences, gold, strict=True)
    )
    corpus = read(text)
    assert words(corpus) == sentences and not corpus.notes
    assert [s.spans for s in corpus.train] == [(Span(0, 2, "per"),), (Span(1, 2, "geo"),)]
    assert f"{n_columns} columns" in corpus.form and ("tag first" in corpus.form) == (place == "first")


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 0, 1, 2), (0, 3, 1, 2)])
def test_20c_chunks_are_no_entities(order):
    cells = [
        ["EU", "NNP", "B-NP", "B-ORG"],
        ["rejects", "VBZ", "B-VP", "O"],
        ["calls", "NNS", "I-NP", "O"],
        [".", ".", "O", "O"],
    ]
    corpus = read("".join(" ".join(row[i] for i in order) + "\n" for row in cells))
    assert words(corpus) == [["EU", "rejects", "calls", "."]] and corpus.labels == ("ORG",)


@pytest.mark.parametrize("numbers", [[1, 2, 3, 1, 2], [0, 1, 2, 0, 1], [1, 2, 3, 4, 5], [0, 1, 2, 3, 4]])
def test_20d_numbered_words(numbers):
    lines = [
        f"{n}\t{cells}"
        for n, cells in zip(numbers, ["Ada\tB-per", "is\tO", "in\tO", "Rome\tB-geo", ".\tO"], strict=True)
    ]
    corpus = read("\n".join([*lines[:3], "", *lines[3:]]))
    assert words(corpus) == [["Ada", "is", "in"], ["Rome", "."]] and not corpus.notes


def test_20e_one_column():
    message = refusal("It\nwas\na\nnight\n", "x.conll")
    assert "no column of tags" in message and "'It'" in message and "line 1" in message


# --- rows 21 and 22: quotation marks, delimiters --------------------------------------------------------------------


def test_21ab_a_quotation_mark_as_a_word():
    sentences = [["Ada", '"', "runs", '"'], ['"Oh', '"', 'it"s', '"x"', "."]]
    assert words(corpus := read(conll(sentences))) == sentences and not corpus.notes
    raw = "Sentence #\tWord\tTag\n" + "".join(
        f"{number}\t{word}\t{'O' if i else 'B-per'}\n"
        for number, sentence in enumerate(sentences)
        for i, word in enumerate(sentence)
    )
    corpus = read(raw)
    assert words(corpus) == sentences and notes(corpus) == {QUOTE: (4, (3, 5, 6))}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_21c_quoted_cells(delimiter):
    sentences = [["Ada", '"', 'a "b"', "x,y;z", '""', "'", "end"], ["Bob", '"']]
    corpus = read(table(sentences, delimiter))
    assert words(corpus) == sentences and not corpus.notes


def test_21d_an_open_quotation_mark():
    corpus = read(
        'Sentence #,Word,POS,Tag\n1,Ada,X,B-per\n,"open,X,O\n,"again,X,O\n,Rome,X,B-geo\n2,"""",X,O\n,"y"z,X,O\n'
    )
    assert words(corpus) == [["Ada", '"open', '"again', "Rome"], ['"', '"y"z']] and corpus.labels == ("geo", "per")
    assert notes(corpus) == {QUOTE: (3, (3, 4, 7))}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_21e_a_line_break_inside_a_word(end):
    corpus = read(
        'Sentence #,Word,POS,Tag\n1,Ada,X,B-per\n,"New\nYork",X,B-geo\n,in,X,O\n2,end,X,O\n'.replace("\n", end)
    )
    assert words(corpus) == [["Ada", "New York", "in"], ["end"]] and notes(corpus) == {TWO_LINES: (1, (3,))}


def test_21f_a_line_break_inside_another_cell():
    corpus = read(
        'Sentence #,Word,Tag,Remark\n1,Ada,B-per,"so,\nshe said"\n,runs,O,\n2,in,O,x\n,"b,c",BAD\n3,end,O,y\n'
    )
    assert words(corpus) == [["Ada", "runs"], ["in"], ["end"]]
    assert notes(corpus) == {"line without 4 cells, left out": (1, (6,))}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_22ab_delimiters_and_decimal_commas(delimiter):
    sentences = [["Ada", "3,5", "1;2", "a|b", "10.000,00", ","], ["Bob", ";", "|"]]
    corpus = read(table(sentences, delimiter))
    assert words(corpus) == sentences and not corpus.notes


def test_22b_a_raw_decimal_comma():
    corpus = read("Sentence #;Word;Tag\n1;Ada;B-per\n;3,5;O\n;kg;O\n")
    assert words(corpus) == [["Ada", "3,5", "kg"]] and not corpus.notes


def test_22c_an_unquoted_comma_is_told():
    corpus = read("Sentence #,Word,POS,Tag\n1,Ada,X,B-per\n,3,5,X,O\n,kg,X,O\n")
    assert words(corpus) == [["Ada", "kg"]] and notes(corpus) == {"line without 4 cells, left out": (1, (3,))}


# --- row 23: sentence numbers ------------------------------------------------------------------------------------

AGAIN = "sentence number that was used before, read as a sentence of its own"
MISSING = "line without a sentence number, read with the sentence before"
NAN = "sentence number nan, read as blank"


@pytest.mark.parametrize(
    ("ids", "lengths", "expected"),
    [
        ("1 1 1 2 2", [3, 2], {}),
        ("1 1 2 2 1 1", [2, 2, 2], {AGAIN: (1, (6,))}),
        ("1 1 1 2 _ 2 3", [3, 3, 1], {MISSING: (1, (6,))}),
        ("1 _ _ 2 _", [3, 2], {}),
        ("1 _ 1 _ 2", [2, 2, 1], {AGAIN: (1, (4,))}),
        ("7 7 3 3 90", [2, 2, 1], {}),
        ("1.0 1.0 2.0", [2, 1], {}),
        ("1 nan nan 2 nan", [3, 2], {NAN: (3, (3, 4, 6))}),
        ("1 NaN 2 NaN NaN", [2, 3], {NAN: (3, (3, 5, 6))}),
        ("1 2 1 2", [1, 1, 1, 1], {AGAIN: (2, (4, 5))}),
    ],
)
def test_23_sentence_numbers(ids, lengths, expected):
    lines = [f"{'' if number == '_' else number},w{i},{'O' if i else 'B-per'}" for i, number in enumerate(ids.split())]
    corpus = read("Sentence #,Word,Tag\n" + "\n".join(lines))
    assert [len(sentence) for sentence in corpus.train] == lengths and notes(corpus) == expected
    assert [word for sentence in words(corpus) for word in sentence] == [f"w{i}" for i in range(len(lines))]


# --- row 24: files that are something else ---------------------------------------------------------------------------


def zipped(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("corpus.conll")
        info.size = len(content := conll(TEXT).encode())
        archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (zipped(**{"[Content_Types].xml": "<x/>", "xl/workbook.xml": "<x/>"}), "an Excel or Word file"),
        (zipped(**{"[Content_Types].xml": "<x/>", "word/document.xml": "<x/>"}), "an Excel or Word file"),
        (
            zipped(mimetype="application/vnd.oasis.opendocument.spreadsheet", **{"content.xml": "<x/>"}),
            "a LibreOffice file",
        ),
        (zipped(mimetype="application/vnd.oasis.opendocument.text", **{"content.xml": "<x/>"}), "a LibreOffice file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an old Excel or Word file"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG picture"),
        (b"\xff\xd8\xff\xe0" + bytes(50), "a JPEG picture"),
        (b"GIF89a" + bytes(50), "a GIF picture"),
        (b"PAR1" + bytes(50), "a Parquet file"),
        (b"SQLite format 3\0" + bytes(50), "an SQLite database"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(50), "a 7z archive"),
        (b"Rar!\x1a\x07\x01\0" + bytes(50), "a RAR archive"),
        (b"\x28\xb5\x2f\xfd" + bytes(50), "a Zstandard archive"),
        (tarred(), "a tar archive"),
        (gzip.compress(tarred()), "a tar archive"),
        (b"{\\rtf1\\ansi Ada lives.}", "an RTF document"),
        (b"<!DOCTYPE html>\n<html><body>ner_dataset.csv</body></html>", "a web page"),
        (b"\xef\xbb\xbf\n <HTML lang=en>\nAda B-per\n", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "a Git LFS pointer"),
    ],
)
@pytest.mark.parametrize("name", ["ner_dataset.csv", "corpus.conll", "x.jsonl"])
def test_24ac_other_files_renamed(data, kind, name):
    message = refusal(data, name)
    assert f"not a text file; received {kind};" in message or kind in message
    assert any(verb in message for verb in ("save", "unpack", "download"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, lambda data: zipped(**{"a.txt": data})])
def test_24b_packed_files_renamed(form, pack):
    corpus = read(pack(FORMS[form](TEXT).encode()), "ner_dataset.csv")
    assert words(corpus) == TEXT and not told(corpus)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, lambda data: zipped(**{"a.txt": data})])
def test_24d_a_cut_archive(pack):
    packed = pack(conll(TEXT).encode())
    assert "archive cannot be unpacked" in refusal(packed[: len(packed) // 2])


# --- row 32: a label in test alone -----------------------------------------------------------------------------------

UNLEARNED = "{}: entity with a label that train does not hold, so that nobody can learn it: {}"


def test_32_a_label_in_test_alone():
    train, same = "Ada\tB-per\nRome\tB-geo\n", "Bob\tB-per\n"
    other = "Katrina\tB-nat\nhit\tO\nBob\tB-per\n\nH5N1\tB-nat\nX\tB-odd\n"
    corpus = load_corpus(("a", train.encode()), test=("b", other.encode()))
    assert corpus.labels == ("per", "geo", "nat", "odd") and corpus.test[0].spans[0] == Span(0, 1, "nat")
    assert notes(corpus) == {UNLEARNED.format("test", "nat, odd"): (3, ())}
    assert not load_corpus(("a", train.encode()), test=("b", same.encode())).notes
    corpus = load_corpus(("a", train.encode()), dev=("c", other.encode()), test=("b", same.encode()))
    assert notes(corpus) == {UNLEARNED.format("dev", "nat, odd"): (3, ())}


def test_the_helpers_write_what_they_say():
    assert rows(TEXT).count("\n") == 3 and tagged(TEXT).count("\n") == 2


# --- archives of many members, meta, and cells written for spreadsheets ---------------------------------


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gz", "bz2", "xz"])
def test_an_archive_of_too_many_members(pack, monkeypatch):
    monkeypatch.setattr(decoding, "_MOST_MEMBERS", 100)
    table = b"Ada\tB-per\nruns\tO\n\n"
    assert words(read(pack(b"") * 98 + pack(table) + b"\0" * 100_000 + pack(table))) == [["Ada", "runs"]] * 2
    assert "archive has more than 100 members" in refusal(pack(b"") * 101)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gz", "bz2", "xz"])
def test_what_is_behind_a_member_is_not_copied_for_each(pack):
    packed = pack(b"a\n") * 5 + pack(b"") + bytes(20_000_000)
    repairs = decoding.Repairs()
    tracemalloc.start()
    assert decoding.unpack(packed, repairs) == b"a\n" * 5
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15_000_000, "what follows is 20 MB, and xz needs 8 MB of its own"


def test_a_cell_written_for_spreadsheets_is_cleaned_as_any_other():
    corpus = read(b'Sentence #,Word,Tag,escaped\nSentence: 1, Ada ,B-per,\n,"a\nb",O,\n,\'=b ,O,Word\n')
    assert words(corpus) == [["Ada", "a b", "=b"]]
    assert notes(corpus)["space around a word, left out"] == (2, (2, 5)) and TWO_LINES in notes(corpus)


def test_a_quote_for_spreadsheets_behind_an_index_without_a_name():
    corpus = read(b"Sentence #,Word,POS,Tag,escaped\n0,Sentence: 1,'=Ada,,B-per,Word\n1,,runs,,O,x\n")
    assert words(corpus) == [["=Ada", "runs"]]
    assert notes(corpus)["' before a cell that a spreadsheet would run, taken away"] == (1, (2,))


def test_meta_that_is_changed_or_left_out_is_told():
    corpus = read(
        b"Sentence #,Word,Tag,meta.url x,meta.a\n1,Ada,B-per,u,x  y\n,runs,O,,other\n2,Bob,B-per,,z\n2,ran,O,,z\n"
    )
    assert dict(corpus.sentences[0].meta) == {"url_x": "u", "a": "x y"}
    found = notes(corpus)
    assert found["name of meta made one word"] == (1, (2,))
    assert found["white space in meta, read as one space"] == (1, (2,))
    assert found["meta behind a sentence's first row, left out"] == (1, (3,))


def test_a_line_is_named_once():
    repairs = decoding.Repairs()
    for line in (4, 1, 1, 2, 4, 3):
        repairs.add("what", line)
    assert repairs.notes[0].count == 6 and repairs.notes[0].lines == (1, 2, 3)
