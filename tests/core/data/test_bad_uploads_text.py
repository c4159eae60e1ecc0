"""Bad uploads, rows 1 to 10 and 34: whatever characters a file is made of, its words survive exactly or a Note says why not.

The outcome of each row was decided before the code: see the table in `docs/uploads.md`.
"""

import codecs
import gzip
import json
import unicodedata

import pytest

from ner_core.data.corpus import load_corpus
from ner_core.records import Sentence, Span, UploadError
from tests.core.data.uploads import EXACT, FORMS, NO_GOLD, conll, notes, plain, read, table, tagged, words

CP1252 = "line not in UTF-8, read as cp1252 (Windows)"
DAMAGED = "damaged UTF-8, unreadable characters replaced by �"
DAMAGED_16 = "damaged UTF-16, unreadable characters replaced by �"
MARK = "byte-order mark at the beginning of a line, left out"
NUL = "NUL byte, replaced by �"
HALF = "NUL or half a character, replaced by �"
RETURN = "carriage return alone, read as a line's end"
SPACE = "space around a word, left out"
TWO_WAYS = "word written in two ways that look the same (NFC and NFD), kept as two words: 'café'"

TEXT = [["Ada", "lives", "in", "London", "."], ["Bob", "runs", "to", "Rome", "."]]
CAFE = [["Ada", "met", "Bob", "at", "the", "café", "."], ["Bob", "runs", "to", "“Zoë’s”", "…"]]
LETTERS = {"Russian": "Москва", "Chinese": "倫敦一", "Greek": "Αθήνα", "Arabic": "لندن", "emoji": "😀"}


def told(corpus):
    """All Notes but the one every plain text has."""
    return {what: found for what, found in notes(corpus).items() if what != NO_GOLD}


# --- rows 1 to 5: encodings ---------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_1a_cp1252(form):
    corpus = read(FORMS[form](CAFE).encode("cp1252"))
    whole = read(FORMS[form](CAFE))
    assert corpus.sentences == whole.sentences and "cp1252" in corpus.form and not told(whole)
    assert [*told(corpus)] == [CP1252] and corpus.notes[0].lines and "café" in words(corpus)[0]


@pytest.mark.parametrize("byte", [0x81, 0x8D, 0x8F, 0x90, 0x9D])
def test_1b_bytes_that_cp1252_leaves_open(byte):
    corpus = read(b"Ada\tB-per\ncaf\xe9" + bytes([byte]) + b"\tO\n")
    assert words(corpus) == [["Ada", f"café{chr(byte)}"]] and notes(corpus) == {CP1252: (1, (2,))}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("marks", [1, 2])
def test_2ab_byte_order_mark_at_the_beginning(form, marks):
    corpus = read(codecs.BOM_UTF8 * marks + FORMS[form](TEXT).encode())
    assert words(corpus) == TEXT and not told(corpus)


@pytest.mark.parametrize("name", ["Sentence #", '"Sentence #"'])
def test_2a_byte_order_mark_before_the_first_name_of_a_column(name):
    corpus = read(f"\ufeff{name},Word,Tag\nSentence: 1,Ada,B-per\n")
    assert words(corpus) == [["Ada"]] and corpus.form.startswith("Kaggle ner_dataset.csv") and not corpus.notes


@pytest.mark.parametrize(
    ("data", "found", "line"),
    [
        (conll(TEXT) + "\n\ufeff" + conll(TEXT), TEXT + TEXT, 13),
        (table(TEXT) + "\ufeff" + table(TEXT).partition("\n")[2].replace(": ", ": 2"), TEXT + TEXT, 12),
        (plain(TEXT) + "\ufeff" + plain(TEXT), TEXT + TEXT, 3),
        (tagged(TEXT) + "\ufeff" + tagged(TEXT), TEXT + TEXT, 3),
    ],
    ids=["CoNLL", "table", "plain text", "JSON"],
)
def test_2c_byte_order_mark_where_files_were_joined(data, found, line):
    corpus = read(data)
    assert words(corpus) == found and told(corpus) == {MARK: (1, (line,))}


@pytest.mark.parametrize("form", EXACT)
def test_2d_a_mark_inside_a_word_is_a_character(form):
    sentences = [["Ada", "a\ufeffb", "c\ufeff"]]
    assert words(corpus := read(EXACT[form](sentences))) == sentences and not corpus.notes


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_3a_3c_marked_utf_16_and_32(form, encoding):
    corpus = read(("\ufeff" + FORMS[form](CAFE)).encode(encoding))
    assert corpus.sentences == read(FORMS[form](CAFE)).sentences and not told(corpus)
    assert encoding[:6].upper() in corpus.form


@pytest.mark.parametrize("word", LETTERS.values(), ids=LETTERS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_3b_utf_16_without_its_mark(word, end, encoding):
    text = conll([[word, word, word * 3, "."], [word]]).replace("\n", end)
    corpus = read(text.encode(encoding))
    assert words(corpus) == [[word, word, word * 3, "."], [word]] and not corpus.notes
    assert "UTF-16 without its mark" in corpus.form


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before", ["", "\n\n"])
def test_3b_every_form_in_utf_16_without_its_mark(form, before):
    corpus = read((before + FORMS[form](TEXT)).encode("utf-16-le"))
    assert words(corpus) == TEXT and not told(corpus)


@pytest.mark.parametrize(
    ("data", "last", "line"),
    [
        (conll([["Ada", "x"]]).encode("utf-16") + b"B", ["Ada", "x"], 3),
        ("Ada\tB-per\nx\ud800y\tO\n".encode("utf-16", "surrogatepass"), ["Ada", "x�y"], 2),
        ("Ada\tB-per\nx\udc00\tO\n".encode("utf-16-be", "surrogatepass"), ["Ada", "x�"], 2),
    ],
    ids=["cut", "half a character", "half a character, no mark"],
)
def test_3d_damaged_utf_16(data, last, line):
    corpus = read(data)
    assert words(corpus) == [last] and notes(corpus)[DAMAGED_16] == (1, (line,))


@pytest.mark.parametrize("form", ["CoNLL, tabs", "table, comma", "JSON with tags"])
def test_4a_a_nul_byte_in_a_word(form):
    corpus = read(FORMS[form]([["Ada", "lives\0here", "."]]))
    assert words(corpus) == [["Ada", "lives�here", "."]]
    assert [(count, len(lines)) for count, lines in notes(corpus).values()] == [(1, 1)] and "NUL" in corpus.notes[
        0
    ].what


def test_4a_its_line_is_told():
    corpus = read(b"Ada\tB-per\nli\0ves\tO\nin\tO\n\0London\tB-geo\n.\tO\n")
    assert words(corpus) == [["Ada", "li�ves", "in", "�London", "."]] and notes(corpus) == {NUL: (2, (2, 4))}


@pytest.mark.parametrize("form", FORMS)
def test_4b_nul_bytes_behind_the_end(form):
    corpus = read(FORMS[form](TEXT).encode() + bytes(4096))
    assert words(corpus) == TEXT
    assert told(corpus) == {"NUL bytes at the end of the file, left out": (4096, ())}


@pytest.mark.parametrize("data", [b"Ada\tB-per\nB\0o\0b\0\0\0\0\tO\n", bytes(5000), b"\0\0\0A" * 900, b"A\0\0" * 900])
def test_4c_binary_data_is_refused_with_a_line(data):
    with pytest.raises(UploadError, match=r"a NUL byte in line [12]; received binary data; save it as plain text"):
        read(data)


@pytest.mark.parametrize(
    "bad",
    [b"\xff", b"\xc3", b"\xe2\x82", b"\xc0\xaf", b"\xed\xa0\x80", b"\x80\x80", b"\xf5\x80\x80\x80"],
    ids=["FF", "cut of two", "cut of three", "overlong", "surrogate", "continuation", "beyond Unicode"],
)
@pytest.mark.parametrize("form", ["CoNLL, tabs", "table, comma", "JSON with tags", "table of sentences"])
def test_5_damaged_utf_8_in_the_middle(form, bad):
    sentences = [["Zoë", "ü", "é", "à", "ñ", "ß", "ø", "Gr###", "end"], ["Bob", "é"]]
    data = FORMS[form](sentences).encode().replace(b"###", bad)
    corpus = read(data)
    found = words(corpus)
    assert found[0][:7] == sentences[0][:7] and found[0][8:] == ["end"] and found[1] == sentences[1]
    assert found[0][7].startswith("Gr�") and set(found[0][7][2:]) == {"�"}
    line = data[: data.index(b"Gr")].count(b"\n") + 1
    assert notes(corpus) == {DAMAGED: (1, (line,))} and "UTF-8" in corpus.form


def test_5b_cut_in_the_last_character():
    data = conll([["Zoë", "naïve", "é"]]).encode() + "ü".encode()[:1]
    corpus = read(data + b"")
    assert words(corpus) == [["Zoë", "naïve", "é"]] and notes(corpus)[DAMAGED] == (1, (4,))
    assert "line without 2 columns, left out" in notes(corpus)


def test_5c_a_real_replacement_character_is_no_damage():
    data = "é\tB-per\n�\tO\nü\tO\nGr###\tO\nö\tO\n".encode().replace(b"###", b"\xff")
    corpus = read(data)
    assert words(corpus) == [["é", "�", "ü", "Gr�", "ö"]] and notes(corpus) == {DAMAGED: (1, (4,))}
    assert not read("é\tB-per\n�\tO\n").notes


# --- rows 6 and 7: halves of characters, two ways to write one letter --------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        '{"text": "x Lon\\ud800don", "label": [[2, 9, "geo"]]}',
        '{"tokens": ["x", "Lon\\ud800don"], "ner_tags": ["O", "B-geo"]}',
        '{"text": "x Lon\\udc00don", "spans": [{"start": 2, "end": 9, "label": "geo"}]}',
    ],
)
def test_6a_half_a_character_in_jsonl(record):
    corpus = read('{"text": "Ada", "label": []}\n' + record + "\n")
    assert words(corpus)[1] == ["x", "Lon�don"] and corpus.train[1].spans == (Span(1, 2, "geo"),)
    assert notes(corpus) == {HALF: (1, (2,))}


def test_6b_two_halves_are_one_emoji():
    corpus = read('{"tokens": ["\\ud83d\\ude00", "Ada"], "ner_tags": ["O", "B-per"]}\n')
    assert words(corpus) == [["😀", "Ada"]] and not corpus.notes


NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))


@pytest.mark.parametrize("form", EXACT)
def test_7_nfc_and_nfd_are_kept_and_told(form):
    write = EXACT[form]
    one, other = [["Ada", NFC]], [["Bob", NFD], ["Bob", NFD, "again"]]
    corpus = load_corpus(("a", write(one).encode()), dev=("b", write(one).encode()), test=("c", write(other).encode()))
    assert corpus.train[0].words[1] == NFC and corpus.test[0].words[1] == NFD != NFC
    assert notes(corpus)[TWO_WAYS] == (2, ())
    both = read(write(one + other))
    assert words(both) == one + other and notes(both) == {TWO_WAYS: (2, ())}
    for alone in (one, other):
        assert not read(write(alone)).notes


# --- rows 8 to 10: line ends, separators, white space that is none --------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("end", ["\r\n", "\r", "\r\r\n"], ids=["CRLF", "CR", "CR CR LF"])
def test_8ab_line_ends(form, end):
    corpus = read(FORMS[form](TEXT).replace("\n", end))
    assert words(corpus) == TEXT and not told(corpus)


@pytest.mark.parametrize("form", FORMS)
def test_8a_mixed_line_ends(form):
    head, _, tail = FORMS[form](TEXT).partition("\n")
    corpus = read(head + "\r\n" + tail)
    assert words(corpus) == TEXT and not told(corpus)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ("Ada\tB-per\rlives\tO\n.\tO\r\n\nBob\tB-per\r\rCyn\tB-per\n", (1, 5, 6)),
        ("Sentence #,Word,Tag\n1,Ada,B-per\r,lives,O\n,.,O\n2,Bob,B-per\n3,Cyn,B-per\n", (2,)),
    ],
)
def test_8c_carriage_returns_among_other_line_ends(data, lines):
    corpus = read(data)
    assert words(corpus) == [["Ada", "lives", "."], ["Bob"], ["Cyn"]]
    assert notes(corpus) == {RETURN: (len(lines), lines)}


def test_8c_in_plain_text():
    corpus = read("Ada lives.\rBob runs.\nCyn sings.\n")
    assert words(corpus) == [["Ada", "lives", "."], ["Bob", "runs", "."], ["Cyn", "sings", "."]]
    assert told(corpus) == {RETURN: (1, (1,))}


STRANGE = {
    "U+2028": "\u2028",
    "U+2029": "\u2029",
    "U+0085": "\u0085",
    "VT": "\x0b",
    "FF": "\x0c",
    "FS": "\x1c",
    "NBSP": "\u00a0",
    "ideographic space": "\u3000",
}


@pytest.mark.parametrize("form", EXACT)
@pytest.mark.parametrize("mark", STRANGE.values(), ids=STRANGE)
def test_9a_10a_white_space_that_belongs_to_a_word(form, mark):
    sentences = [["Ada", f"a{mark}b", f"{mark}c", f"d{mark}", "end"], ["Bob", f"e{mark}{mark}f"]]
    corpus = read(EXACT[form](sentences))
    assert words(corpus) == sentences and not corpus.notes
    assert [s.spans for s in corpus.train] == [(Span(0, 1, "per"),)] * 2


@pytest.mark.parametrize("form", [form for form in EXACT if form != "JSON with tags"])
def test_10a_a_word_that_is_one_nbsp(form):
    corpus = read(EXACT[form]([["Ada", "\u00a0", "runs"]]))
    assert words(corpus) == [["Ada", "\u00a0", "runs"]] and not corpus.notes


@pytest.mark.parametrize("mark", STRANGE.values(), ids=STRANGE)
def test_9b_in_a_text_they_stand_between_words(mark):
    text = f"Ada{mark}lives in{mark}London."
    corpus = read(text + "\nBob runs.\n")
    assert words(corpus)[0] == ["Ada", "lives", "in", "London", "."] and corpus.train[0].text == text
    corpus = read(json.dumps({"text": text, "label": [[0, 3, "per"], [13, 19, "geo"]]}))
    assert corpus.train[0].text == text and not corpus.notes
    assert [corpus.train[0].surface(span) for span in corpus.train[0].spans] == ["Ada", "London"]


@pytest.mark.parametrize(
    ("data", "found", "expected"),
    [
        ("Ada\tB-per\nlives O\nin\tO\n", ["Ada", "lives", "in"], {}),
        ("Ada B-per\nNew York\tB-geo\nin O\nit O\n", ["Ada", "New York", "in", "it"], {}),
        ("Ada\tB-per\nNew York\tB-geo\nin\tO\n", ["Ada", "New York", "in"], {}),
        ("Ada \tB-per\n lives\t O \nin\tO\n", ["Ada", "lives", "in"], {SPACE: (2, (1, 2))}),
        ("Ada\t\tB-per\nin\tO\nit\tO\n", ["Ada", "in", "it"], {"tab too many in a line, left out": (1, (1,))}),
        ("Ada\tB-per\t\nin\tO\t\t\nit\tO\nis\tO\n", ["Ada", "in", "it", "is"], {}),
        ("Ada  B-per\nin \t O\nit O\n", ["Ada", "in", "it"], {}),
        ("Sentence #,Word,Tag\n1, Ada,B-per\n,in ,O\n,it,O\n", ["Ada", "in", "it"], {SPACE: (2, (2, 3))}),
        ("Sentence #\tWord\tTag\n1\tNew York\tB-geo\n\tit\tO\n", ["New York", "it"], {}),
    ],
)
def test_10bcde_tabs_and_spaces(data, found, expected):
    corpus = read(data)
    assert words(corpus) == [found] and notes(corpus) == expected


@pytest.mark.parametrize("blank", ["\t", " ", " \t ", "\u00a0"])
def test_10e_blank_lines_that_hold_something(blank):
    corpus = read(conll(TEXT).replace("\n\n", f"\n{blank}\n"))
    assert words(corpus) == TEXT and not corpus.notes


# --- row 34: empty and invisible words, writing from right to left, emoji ---------------------------------------


@pytest.mark.parametrize(
    ("data", "what", "lines"),
    [
        ("Ada\tB-per\n\tO\nruns\tO\n", "line without a word, left out", (2,)),
        ("Sentence #,Word,Tag\n1,Ada,B-per\n,,O\n, ,O\n,runs,O\n", "line without a word, left out", (3, 4)),
        ('{"tokens": ["Ada", "", " ", "runs"], "ner_tags": ["B-per", "O", "O", "O"]}\n', "empty word left out", (1,)),
    ],
)
def test_34abc_empty_words(data, what, lines):
    corpus = read(data)
    assert words(corpus) == [["Ada", "runs"]] and notes(corpus)[what][1] == lines and len(corpus.notes) == 1


INVISIBLE = ["\u200b", "\u200c", "\u200d", "\u2060", "\u00ad", "a\u200bb", "\u200ba", "a\u200d", "co\u00adop"]
ONE_WORD = [
    "👨‍👩‍👧",  # five code points: man, joiner, woman, joiner, girl
    "👨‍👩‍👧‍👦",
    "🏳️‍🌈",
    "🇬🇧",
    "👍🏽",
    "❤️",
    "नमस्ते",
    "cafe\u0301",
    "สวัสดี",
    "שלום",
    "مرحبا",
    "\u202eevil\u202c",
    "a\u202eb",
    "\u0301",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A",
]


@pytest.mark.parametrize("form", EXACT)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["as it is", "gzip"])
def test_34defg_the_very_characters(form, pack):
    sentences = [["Ada", *INVISIBLE, *ONE_WORD, "end"], [ONE_WORD[0]], [INVISIBLE[0], "x"]]
    corpus = read(pack(EXACT[form](sentences).encode()))
    assert words(corpus) == sentences and not corpus.notes


@pytest.mark.parametrize("word", ONE_WORD)
def test_34efg_one_word_also_where_we_cut_the_words(word):
    corpus = read(f"Ada met {word} here.\nBob runs.\n")
    assert words(corpus)[0] == ["Ada", "met", word, "here", "."]
    text = f"Ada met {word} here."
    corpus = read(json.dumps({"text": text, "label": [[8, 8 + len(word), "per"]]}))
    assert corpus.train == (
        Sentence(("Ada", "met", word, "here", "."), (Span(2, 3, "per"),), text, corpus.train[0].starts),
    )
    assert not corpus.notes
