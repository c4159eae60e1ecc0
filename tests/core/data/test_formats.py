"""Readers: real forms, broken files, and every repair told."""

import bz2
import csv
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ner_core.data.formats import decoding
from ner_core.data.formats.conll import read_conll, write_conll
from ner_core.data.formats.decoding import Repairs, decode, unpack
from ner_core.data.formats.kaggle import read_long_csv
from ner_core.data.tags import SCHEMES
from ner_core.records import Sentence, Span, UploadError

DATA = Path(__file__).parents[2] / "data"
ADA = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
ADA_CONLL = b"Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n"


def notes(result):
    return {note.what: (note.count, note.lines) for note in result.notes}


def long_csv(*rows, header="Sentence #,Word,POS,Tag"):
    return "\n".join([header, *rows]).encode()


# --- Kaggle -------------------------------------------------------------------------


def test_ner_dataset_csv():
    result = read_long_csv((DATA / "ner_dataset.csv").read_bytes())
    assert result.form == "Kaggle ner_dataset.csv, cp1252, IOB2"
    assert result.sentences[0] == ADA
    assert result.sentences[1].words == ("None", "of", '"', "café", "…", "1", "TRUE")
    assert result.sentences[2] == Sentence(
        ("NATO", "null", "NA", "nan", "06-Jul"), (Span(0, 1, "org"), Span(4, 5, "tim"))
    )
    assert notes(result) == {"line not in UTF-8, read as cp1252 (Windows)": (2, (11, 12))}


def test_ner_csv_with_25_columns_skips_malformed_lines_and_says_so():
    result = read_long_csv((DATA / "ner.csv").read_bytes())
    assert result.form == "Kaggle ner.csv, cp1252, IOB2"
    assert result.sentences[0] == ADA
    assert result.sentences[1].words == ("René", "said", ",", '"', "None", "of", "it", '"', ".")
    assert [s.words[0] for s in result.sentences] == ["Ada", "René", "NA", "NATO"]
    found = notes(result)
    assert found["line without 25 cells, left out"] == (2, (9, 15))
    assert found["line without a tag, left out"] == (1, (21,))


def test_sentence_numbers_on_every_row_and_numbers_that_come_again():
    result = read_long_csv(long_csv("1,Ada,,O", "1,runs,,O", "2,Rome,,B-geo", "1,Late,,O"))
    assert [s.words for s in result.sentences] == [("Ada", "runs"), ("Rome",), ("Late",)]
    assert notes(result) == {"sentence number that was used before, read as a sentence of its own": (1, (5,))}


def test_a_blank_filled_file_starts_a_sentence_at_every_number():
    result = read_long_csv(long_csv("S,Ada,,O", ",runs,,O", "S,Rome,,B-geo"))
    assert len(result.sentences) == 2


def test_words_before_the_first_number_are_kept_and_told():
    result = read_long_csv(long_csv(",Ada,,O", "Sentence: 1,Rome,,B-geo"))
    assert len(result.sentences) == 2 and result.notes[0].lines == (2,)


def test_an_open_quotation_mark_is_a_character_and_spoils_nothing():
    result = read_long_csv(long_csv("1,Ada,,O", ',"open,,O', ",Rome,,B-geo", ',"""",,O'))
    assert result.sentences[0].words == ("Ada", '"open', "Rome", '"')
    assert notes(result) == {"quotation mark that closes nowhere, read as a character": (1, (3,))}


def test_a_huge_cell_is_read_and_told():
    result = read_long_csv(long_csv("1,Ada,,O", f",{'x' * 200_000},,O", ",Rome,,B-geo"))
    assert result.sentences[0].words == ("Ada", "x" * 200_000, "Rome") and result.notes[0].lines == (3,)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_names_in_any_case_and_a_nameless_index(delimiter):
    rows = [
        ["", "SENTENCE_ID", "Token", "NER"],
        ["0", "7", "Ada", "B-per"],
        ["1", "7", "runs", "O"],
        [],
        ["2", "8", "x", "O"],
    ]
    data = "\r\n".join(delimiter.join(row) for row in rows).encode("utf-8-sig")
    result = read_long_csv(data)
    assert [s.words for s in result.sentences] == [("Ada", "runs"), ("x",)] and not result.notes
    shifted = data.replace(delimiter.encode() + b"SENTENCE", b"SENTENCE", 1)
    assert read_long_csv(shifted).sentences == result.sentences


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"Sentence #,Word,POS\n1,Ada,NNP\n", "no column Tag in line 1; received the columns 'Sentence #,Word,POS'; "),
        (b"Sentence #,Tag\n1,O\n", "no column Word"),
        (b"Word,Tag\nAda,O\n", "no column Sentence #"),
        (b"Sentence #,Word,POS,Tag\r\n", "a header in line 1 and no row"),
        (b"Sentence #,Word,POS,Tag\n,,,\n", "a header in line 1 and no row"),
        (b"", "the file is empty"),
        (b" \n\t\n", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"Sentence #,Word,POS,Tag\n1,A\x00d\x00a\x00\x00\x00,,O", "NUL byte in line 2"),
    ],
)
def test_files_that_are_refused(data, message):
    with pytest.raises(UploadError) as error:
        read_long_csv(data)
    assert message in str(error.value) and "received" in str(error.value) and "\n" not in str(error.value)


cells = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=8)


@settings(deadline=None)
@given(st.lists(st.lists(cells, min_size=1, max_size=4), min_size=1, max_size=4))
def test_a_written_table_is_read_back(sentences):
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["Sentence #", "Word", "POS", "Tag"])
    for number, words in enumerate(sentences, start=1):
        writer.writerows([f"Sentence: {number}" if i == 0 else "", word, "X", "O"] for i, word in enumerate(words))
    assert [list(s.words) for s in read_long_csv(out.getvalue().encode()).sentences] == sentences


# --- CoNLL --------------------------------------------------------------------------


def test_conll_2003_as_issued():
    result = read_conll((DATA / "conll2003.txt").read_bytes())
    assert result.form == "CoNLL, 4 columns (space), UTF-8, IOB1"
    first, second = result.sentences
    assert first.spans == (Span(0, 2, "PER"), Span(3, 4, "PER"), Span(4, 5, "PER"))
    assert first.words[5] == '"' and second.spans == (Span(0, 1, "LOC"),)
    assert notes(result) == {"-DOCSTART- line left out": (2, (1, 11))}


def test_germeval_takes_the_outer_tags_and_says_so():
    result = read_conll((DATA / "germeval.tsv").read_bytes())
    assert result.sentences == (
        Sentence(("Die", "Universität", "London", "ruht"), (Span(1, 3, "ORG"),)),
        Sentence(("#", "Ada"), (Span(1, 2, "PER"),)),
    )
    assert notes(result)["comment line left out"] == (2, (1, 7))
    assert any("outer" in what for what in notes(result))


def test_mit_has_its_tags_first():
    result = read_conll((DATA / "mit_movie.tsv").read_bytes())
    assert result.sentences[0] == Sentence(("what", "films", "ada", "lovelace"), (Span(2, 4, "ACTOR"),))
    assert "tag first" in result.form
    assert notes(result) == {"line without 2 columns, left out": (1, (5,))}


def test_our_own_file_tells_its_genres():
    result = read_conll((DATA / "newsroom_like.conll").read_bytes())
    assert [s.meta for s in result.sentences] == [(("genre", "news"),), (("genre", "sport"),)]
    assert result.sentences[1].words == ("#", "1") and not result.notes


def test_hash_lines_elsewhere_are_not_taken_for_comments():
    result = read_conll(b"Ada\tO\n# genre = x\nis\tO\n#\tO\n#win\tB-x\n")
    assert result.sentences[0].words == ("Ada", "is", "#", "#win")
    assert notes(result) == {"line without 2 columns, left out": (1, (2,))}


def test_strange_characters_stay_in_their_words():
    text = 'a\u2028b\tO\n"\tO\nc\u0085\tB-x\n\u200d\tO\n5\u00a0m\tO\n\t\nnull\tO\n'
    result = read_conll(text.encode())
    assert [s.words for s in result.sentences] == [("a\u2028b", '"', "c\u0085", "\u200d", "5\u00a0m"), ("null",)]


@pytest.mark.parametrize(
    ("text", "spans", "scheme"),
    [
        ("a B-x\nb I-x\n", [(0, 2, "x")], "IOB2"),
        ("a S-x\nb B-y\nc E-y\n", [(0, 1, "x"), (1, 3, "y")], "BIOES"),
        ("a U-x\nb B-y\nc L-y\n", [(0, 1, "x"), (1, 3, "y")], "BILOU"),
        ("a AI/ML-term\nb AI/ML-term\nc O\n", [(0, 2, "AI/ML-term")], "IO"),
        ("a b_PER\nb I_PER\nc o\n", [(0, 2, "PER")], "IOB2"),
        ("a B-creative-work\nb I-creative-work \nc O\n", [(0, 2, "creative-work")], "IOB2"),
        ("a B-x,B-y\nb O\n", [(0, 1, "x")], "IOB2"),
        ("a O\nb O\n", [], "IOB2"),
        ("a N B-x\nb V O\n", [(0, 1, "x")], "IOB2"),
        ("a N NP X B-x\nb V VP X O\n", [(0, 1, "x")], "IOB2"),
    ],
)
def test_schemes_and_columns(text, spans, scheme):
    result = read_conll(text.encode())
    assert [(s.start, s.end, s.label) for s in result.sentences[0].spans] == spans
    assert result.form.endswith(scheme)


@pytest.mark.parametrize(
    ("text", "what", "lines"),
    [
        ("a\tO\nb\tI-x\nc\tB-x\nd\tO\ne\tB-x", "tag that IOB2 forbids there, read as conlleval reads it", (2,)),
        ("a\tb-x\nb\tO", "tag written B-label", (1,)),
        ("a\to\nb\tO\nc\tB-x", "tag o read as O", (1,)),
        ("a\tB-x\nb\tx\nc\tO\n" + "d\tB-y\n" * 9, "tag without B- or I-, read as I-", (2,)),
        ("a\tB-x,B-y\nb\tO", "several tags on one word, the first one kept", (1,)),
        ("a\tB-x\n\tO\nc\tO", "line without a word, left out", (2,)),
        ("a\tB-x\nb\t\nc\tO", "word without a tag, read as O", (2,)),
        ("word\ttag\nb\tB-x\nc\tO" + "\nd\tO" * 9, "line of column names left out", (1,)),
        ("a\tB-x\nb\nc\tO", "line without 2 columns, left out", (2,)),
    ],
)
def test_every_repair_is_told(text, what, lines):
    assert notes(read_conll(text.encode())) == {what: (1, lines)}


def test_a_note_counts_all_and_names_three_lines():
    result = read_conll(b"a\tO\n" + b"broken\nb\tB-x\n" * 5)
    assert notes(result) == {"line without 2 columns, left out": (5, (2, 4, 6))}


def test_a_file_without_blank_lines_is_told():
    assert "are blank lines" in read_conll(b"a\tO\n" * 2_000).notes[0].what


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_line_ends_and_encodings(end, encoding):
    text = ADA_CONLL.decode() + "\nLondon\tB-geo\n"
    result = read_conll(text.replace("\n", end).encode(encoding))
    assert result.sentences[0] == ADA and len(result.sentences) == 2 and not result.notes


def test_damaged_utf8_keeps_its_whole_characters():
    result = read_conll("é\tO\nü\tO\nGr\xff\tB-x\n".encode().replace(b"\xc3\xbf", b"\xff"))
    assert result.sentences[0].words == ("é", "ü", "Gr�")
    assert result.notes[0].lines == (3,)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"Once upon a time there was a table\nof words and nothing else\n",
        b"Ada\nLovelace\n",
        b"-DOCSTART- -X- O\n",
        b"%PDF-1.4",
        b"a\x00b\tO\n",
        bytes(range(256)) * 4,
        "<html><body>London calls</body></html>".encode("utf-16"),
    ],
)
def test_what_is_no_conll_file_is_refused_in_one_line(data):
    with pytest.raises(UploadError) as error:
        read_conll(data)
    assert "received" in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 400


words_of_files = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\x00\ufeff"), min_size=1, max_size=6
)
words_of_files = words_of_files.filter(lambda word: word == word.strip(" ") != "" and word != "-DOCSTART-")


@st.composite
def tagged_sentences(draw):
    words = draw(st.lists(words_of_files, min_size=1, max_size=6))
    spans, at = [], 0
    while at < len(words):
        end = draw(st.integers(at, len(words)))
        if end > at:
            spans.append(
                Span(at, end, draw(st.sampled_from(["per", "geo", "creative-work", "<img src=x onerror=alert(1)>"])))
            )
        at = end + draw(st.integers(0, 2)) if end > at else at + 1
    genre = draw(st.sampled_from([(), (("genre", "news"),), (("genre", "sport"), ("year", "1999"))]))
    return Sentence(tuple(words), tuple(spans), meta=genre)


@settings(deadline=None)
@given(st.lists(tagged_sentences(), min_size=1, max_size=4), st.sampled_from([s for s in SCHEMES if s != "IO"]))
@example([Sentence(("0",), meta=(("genre", "news"), ("year", "1")))], "IOB2")
@example([Sentence(("# genre = x",)), Sentence(("#", "word"))], "IOB2")
def test_what_is_written_is_read_back(sentences, scheme):
    assert list(read_conll(write_conll(sentences, scheme).encode()).sentences) == sentences


def test_a_word_that_cannot_be_written_is_refused():
    for word in ("", " a", "a\tb", "a\nb"):
        with pytest.raises(ValueError, match="Received"):
            write_conll([Sentence((word,))])


texts = st.one_of(
    st.binary(max_size=300),
    st.text(st.sampled_from("ab\tO \n\r-BIES#,\"'1é_\u2028"), max_size=200).map(str.encode),
    st.text(st.sampled_from('Ada,O B-x\n";\t'), max_size=200).map(lambda t: b"Sentence #,Word,Tag\n" + t.encode()),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts, st.sampled_from([read_conll, read_long_csv]))
def test_readers_raise_nothing_but_upload_errors(data, read):
    try:
        result = read(data)
    except UploadError:
        return
    assert result.sentences and all(s.words for s in result.sentences)
    assert all(0 <= span.start < span.end <= len(s) for s in result.sentences for span in s.spans)


# --- packed files --------------------------------------------------------------------


def zipped(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/"), data)
    return out.getvalue()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, lambda d: zipped(a=d), lambda d: d])
def test_packed_files_are_recognised_by_their_bytes(pack):
    assert unpack(pack(ADA_CONLL), Repairs()) == ADA_CONLL


def test_members_behind_each_other():
    assert unpack(gzip.compress(b"a\t") + gzip.compress(b"O\n"), Repairs()) == b"a\tO\n"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, lambda d: zipped(a=d)])
def test_a_bomb_is_stopped_at_the_limit(pack, monkeypatch):
    monkeypatch.setattr(decoding, "LARGEST_FILE", 1_000_000)
    with pytest.raises(UploadError, match="larger than 1 MB"):
        unpack(pack(bytes(4_000_000)), Repairs())


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, lambda d: zipped(a=d)])
def test_a_damaged_archive_is_refused(pack):
    data = pack(ADA_CONLL * 50)
    for cut in (data[: len(data) // 2], data[:12], data[:20] + b"\xff" * 40 + data[60:]):
        with pytest.raises(UploadError, match="archive"):
            unpack(cut, Repairs())


def test_zip_archives():
    assert unpack(zipped(**{"x__ner_dataset.csv": b"a", "ner.csv": b"b"}), Repairs()) == b"a"
    with pytest.raises(UploadError, match=r"received 2 files \(a, b\)"):
        unpack(zipped(a=b"1", b=b"2"), Repairs())
    with pytest.raises(UploadError, match="Excel"):
        unpack(zipped(**{"[Content_Types].xml": b"<x/>"}), Repairs())
    with pytest.raises(UploadError, match="0 files"):
        unpack(zipped(), Repairs())


def test_a_packed_file_in_a_packed_file_is_refused():
    with pytest.raises(UploadError, match="gzip archive"):
        decode(unpack(zipped(a=gzip.compress(b"x")), Repairs()), Repairs())
