"""Tables with a sentence a row, treebanks, and texts without tags."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner_core.data.corpus import load_corpus, recognise
from ner_core.data.formats.conll import read_conll
from ner_core.data.formats.plain import is_prose, read_plain
from ner_core.data.formats.sentence_rows import read_sentence_rows
from ner_core.records import Sentence, Span, SplitConfig, UploadError

WHOLE = SplitConfig(test=0.0, dev=0.0)
ROWS = '''Sentence #,Sentence,POS,Tag
Sentence: 1,"Ada said "" hi , Bob ""","['NNP', 'VBD', '``', 'UH', ',', 'NNP', '``']","['B-per', 'O', 'O', 'O', 'O', 'B-per', 'O']"
Sentence: 2,New York 's,"['NNP', 'NNP', 'POS']","['B-geo', 'I-geo', 'O']"
Sentence: 3,one two,"['CD']","['O']"
Sentence: 4,one two,"['CD', 'CD']","['O', open('x')]"
'''


def notes(result):
    return {note.what: (note.count, note.lines) for note in result.notes}


# --- one row a sentence -----------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_of_python_lists(encoding, end):
    corpus = load_corpus(("x.csv", ROWS.replace("\n", end).encode(encoding)), split=WHOLE)
    assert corpus.form.startswith("table with one row a sentence, UTF-") and corpus.form.endswith(", IOB2")
    assert corpus.train == (
        Sentence(("Ada", "said", '"', "hi", ",", "Bob", '"'), (Span(0, 1, "per"), Span(5, 6, "per"))),
        Sentence(("New", "York", "'s"), (Span(0, 2, "geo"),)),
    )
    assert {note.what: note.lines for note in corpus.notes} == {
        "row with more words than tags or fewer, left out": (4,),
        "row whose list cannot be read, left out": (5,),
    }


@pytest.mark.parametrize(
    "table",
    [
        "text,labels\nAda runs,B-per O\n",
        'sentence,word_labels\nAda runs,"B-per,O"\n',
        ";tokens;ner_tags\n0;['Ada' 'runs'];['B-per' 'O']\n",
        "Sentence #\tSentence\tTag\n1\tAda runs\t('B-per', 'O')\n",
        "id,text,labels\n0,1,Ada runs,B-per O\n",
    ],
)
def test_other_spellings_of_such_a_table(table):
    corpus = load_corpus(("x.csv", table.encode()), split=WHOLE)
    assert corpus.train == (Sentence(("Ada", "runs"), (Span(0, 1, "per"),)),)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("1,Ada", "row without 3 cells, left out"),
        ("1,Ada  runs,O O O", "row with an empty word or tag, left out"),
        ("1,Ada,\"['O', ['O']]\"", "row whose list cannot be read, left out"),
        (r"1,Ada,['\N{nothing}']", "row whose list cannot be read, left out"),
        ("1,Ada,\"['O' + 'O']\"", "row whose list cannot be read, left out"),
    ],
)
def test_a_row_that_cannot_be_read_is_told(row, what):
    result = read_sentence_rows(f"id,Sentence,Tag\n2,Bob,B-per\n{row}\n".encode())
    assert [s.words for s in result.sentences] == [("Bob",)] and notes(result) == {what: (1, (3,))}


@pytest.mark.parametrize("data", [b"Sentence,Tag\n", b"Sentence,Tag\nAda,\n", b"a,b\nc,d\n", b'Sentence,Tag\n"Ada'])
def test_a_table_without_rows_is_refused(data):
    with pytest.raises(UploadError) as error:
        read_sentence_rows(data)
    assert "received" in str(error.value) and "\n" not in str(error.value)


def test_a_huge_or_nested_cell_costs_no_more_than_its_length():
    cells = ["[" * 200_000 + "]", "['" + "\\" * 200_001 + "']", "['a'" + " , " * 60_000 + "x]", "(" * 100_000 + "'a')"]
    table = "Sentence,Tag\nBob,O\n" + "".join(f'Ada,"{cell}"\n' for cell in cells)
    assert len(read_sentence_rows(table.encode()).sentences) == 1


@settings(deadline=None)
@given(st.text("Ada[]'\",\\O \n;()", max_size=60))
def test_any_row_ends_in_sentences_or_an_upload_error(text):
    try:
        result = read_sentence_rows(b"Sentence,Tag\nBob,O\n" + text.encode())
    except UploadError:
        return
    assert result.sentences and all(s.words and all(word.strip() for word in s.words) for s in result.sentences)


def test_a_long_table_stays_one():
    assert recognise(b"Sentence #,Word,POS,Tag\n1,Ada,N,O\n") == "kaggle"
    assert recognise(b"sentence,word,tag\n1,Ada,O\n") == "kaggle"
    assert recognise(ROWS.encode()) == "rows"


# --- CoNLL-U ------------------------------------------------------------------------------

TREEBANK = """# newdoc id = d1
# sent_id = d1-1
# text = Vamos a Madrid
1-2	Vamonos	_	_	_	_	_	_	_	_
1	Vamos	ir	VERB	_	_	0	root	_	_
2	nos	nos	PRON	_	_	1	obj	_	_
2.1	vamos	ir	VERB	_	_	_	_	_	_
3	a	a	ADP	_	_	4	case	_	_
4	Madrid	Madrid	PROPN	_	_	1	obl	_	SpaceAfter=No|NE=B-LOC

# sent_id = d1-2
# text = O
1	#	#	SYM	_	_	0	root	_	_
2	Ada	Ada	PROPN	_	_	1	x	_	NE=B-PER
3	Lovelace	Lovelace	PROPN	_	_	1	x	_	NE=I-PER|SpaceAfter=No
"""


def test_conll_u():
    result = read_conll(TREEBANK.encode())
    assert result.form == "CoNLL, 10 columns (tab), UTF-8, IOB2"
    assert result.sentences == (
        Sentence(("Vamos", "nos", "a", "Madrid"), (Span(3, 4, "LOC"),), meta=(("sent_id", "d1-1"),)),
        Sentence(("#", "Ada", "Lovelace"), (Span(1, 3, "PER"),), meta=(("sent_id", "d1-2"),)),
    )
    assert notes(result) == {
        "comment line left out": (1, (1,)),
        "line for several words (1-2): its words are read, left out": (1, (4,)),
        "line for an unwritten word (1.1), left out": (1, (7,)),
        "comment # text left out: the words are read": (2, (3, 12)),
    }


def test_universal_ner_has_its_tag_in_the_third_column():
    text = "# sent_id = a\n# text = Ada runs\n1\tAda\tB-PER\t-\tme\n2\truns\tO\t-\tme\n\n# sent_id = b\n# text = x\n1\tx\tO\t-\tme\n"
    result = read_conll(text.encode())
    assert [s.spans for s in result.sentences] == [(Span(0, 1, "PER"),), ()]
    assert notes(result) == {"comment # text left out: the words are read": (2, (2, 7))}
    assert [s.meta for s in result.sentences] == [(("sent_id", "a"),), (("sent_id", "b"),)]


def test_comments_that_open_each_sentence_are_no_words():
    """MultiCoNER: a comment has as many columns as a word."""
    text = "# id 1 domain=en\nada _ _ B-PER\nruns _ _ O\n\n# id 2 domain=en\n# _ _ O\nx _ _ O\n"
    result = read_conll(text.encode())
    assert [s.words for s in result.sentences] == [("ada", "runs"), ("#", "x")]
    assert notes(result) == {"comment line left out": (2, (1, 5))}


def test_a_treebank_without_entities_is_refused():
    with pytest.raises(UploadError, match="no column of tags"):
        read_conll(TREEBANK.replace("NE=", "XX=").encode())


# --- texts without tags ---------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_text_is_read_line_by_line(end):
    text = "Ada lives in London.\n\n  She writes: well!\nIs that so?\n"
    corpus = load_corpus(("x.txt", text.replace("\n", end).encode()), split=WHOLE)
    assert corpus.form == "plain text, one sentence a line, UTF-8" and corpus.labels == ()
    assert [len(s) for s in corpus.train] == [5, 5, 4] and corpus.train[1].text == "She writes: well!"
    assert [(note.what, note.count) for note in corpus.notes] == [
        ("sentence without tags: a text has no gold to learn from", 3)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Ada NNP\nruns VBZ\nin IN\n",
        "name;age\nAda;36.\nBob;40.\n",
        "a, b.\nc, d.\n",
        "Ada\nBob\nCyn\n",
        "<html>\n<body>It is not found.</body>\n</html>",
        "a\tb c d.\nb\tc d e.\n",
        "",
    ],
)
def test_what_is_no_prose_is_not_taken_for_it(text):
    assert not is_prose(text)


def test_long_lines_are_told():
    assert read_plain(b"word " * 300).notes[0].what == "line of more than 200 words, read as one sentence"
