"""Reading what was written gives equal words, spans and meta; what a form cannot hold is refused."""

import io
import zlib
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ner_core.__main__ import main
from ner_core.commands.corpora import FORMS, write_form
from ner_core.data.corpus import load_corpus, with_parts
from ner_core.data.formats import decoding
from ner_core.data.formats.docbin import pack_docbin, read_docbin, write_docbin
from ner_core.records import GMB_LABELS, Corpus, Sentence, Span, SplitConfig, UploadError

WHOLE = SplitConfig(test=0.0, dev=0.0)
ADA = Sentence(("Ada", "Lovelace", "lives"), (Span(0, 2, "per"),), meta=(("genre", "news"),))
IN_A_TEXT = Sentence(("Ada", "left", "."), (Span(0, 1, "per"),), " Ada\n left.", (1, 6, 10))

words = st.text(st.characters(exclude_characters="\ufeff"), max_size=5) | st.sampled_from(
    [
        "None",
        "NA",
        "1e5",
        "007",
        '"',
        ",",
        "#",
        "-DOCSTART-",
        "=1",
        "\u200d",
        "😀",
        "e\u0301",
        "[",
        "{",
        "New York",
        "O",
        "a\tb",
    ]
)
labels = st.sampled_from(["per", "geo", "creative-work", "a,b", "a,B-x", "per\n", "", "O", "B-per", "é", "<b>"])
metas = st.lists(
    st.tuples(st.sampled_from(["genre", "year", "a key", "Genre"]), st.text('ab  \n\t,"é', max_size=4)), max_size=2
)


@st.composite
def sentences(draw):
    held = tuple(draw(st.lists(words, min_size=1, max_size=5)))
    spans, at = [], 0
    while at < len(held):
        end = draw(st.integers(at, len(held)))
        if end > at:
            spans.append(Span(at, end, draw(labels)))
        at = max(end, at + 1)
    gaps = draw(st.none() | st.lists(st.sampled_from(["", " ", "  ", "\n"]), min_size=len(held), max_size=len(held)))
    if gaps is None:
        return Sentence(held, tuple(spans), meta=tuple(draw(metas)))
    raw, starts = "", []
    for gap, word in zip(gaps, held, strict=True):
        starts.append(len(raw) + len(gap))
        raw += gap + word
    return Sentence(held, tuple(spans), raw, tuple(starts), tuple(draw(metas)))


def content(sentence):
    return sentence.words, sentence.spans, dict(sentence.meta)


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None)
@given(st.lists(sentences(), min_size=1, max_size=3))
@example([ADA, IN_A_TEXT])
@example([Sentence(("Ada",)), Sentence(("x",), (Span(0, 1, "per"),))])
@example([Sentence(('"',)), Sentence((",",)), Sentence(("'",))])
def test_what_is_written_is_read_back(form, given_sentences):
    try:
        data = write_form(given_sentences, form)
    except ValueError as refused:
        assert "Received:" in str(refused)
        return
    back = load_corpus((f"x.{form}", data), format=FORM_OF[form], split=WHOLE).train
    assert [content(s) for s in back] == [content(s) for s in given_sentences]
    if form in ("jsonl", "spacy"):
        assert [s.tokens for s in back] == [s.tokens for s in given_sentences]
        assert [s.text for s in back] == [s.text for s in given_sentences]


FORM_OF = {"conll": "conll", "jsonl": "json", "csv": "kaggle", "spacy": "spacy"}


def text_of(sentence):
    return sentence.text, sentence.tokens


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None)
@given(st.lists(sentences(), min_size=2, max_size=5), st.data())
@example([ADA, IN_A_TEXT], None)
def test_parts_that_are_written_are_read_back(form, given_sentences, data):
    """train, dev and test, however they lie in the file, and beside them words, spans, meta and texts."""
    said = ["dev", "test"] if data is None else [data.draw(st.sampled_from(PARTS)) for _ in given_sentences]
    parts = {part: tuple(s for s, p in zip(given_sentences, said, strict=True) if p == part) for part in PARTS}
    order = tuple(row for part in PARTS for row, p in enumerate(said) if p == part)
    corpus = Corpus("x", **parts, labels=(), order=order)
    try:
        content_of_file = write_form(with_parts(corpus), form)
    except ValueError as refused:
        assert "Received:" in str(refused)
        return
    back = load_corpus((f"x.{form}", content_of_file), format=FORM_OF[form], split=WHOLE)
    if set(said) != {"train"}:
        for part in PARTS:
            assert [content(s) for s in back.part(part)] == [content(s) for s in parts[part]]
            if form in ("jsonl", "spacy"):
                assert [text_of(s) for s in back.part(part)] == [text_of(s) for s in parts[part]]
        assert back.split == "given by the file" or not parts["dev"]
        assert back.has_given_parts and write_form(with_parts(back), form) == content_of_file
    else:  # train alone is no split: the sentences are dealt as those of any file
        assert [content(s)[:2] for s in back.train] == [content(s)[:2] for s in given_sentences]


PARTS = ("train", "dev", "test")


@pytest.mark.parametrize("form", FORMS)
def test_the_parts_of_the_corpus_that_ships_go_through_every_form(form):
    newsroom = load_corpus()
    newsroom = replace(newsroom, **{p: newsroom.part(p)[:100] for p in PARTS}, order=())
    back = load_corpus(("x", write_form(with_parts(newsroom), form)))
    assert all(back.part(part) == newsroom.part(part) for part in PARTS)
    assert back.split == "given by the file" and not back.notes


def test_other_programs_read_what_holds_parts_and_genres():
    import json

    import pandas as pd
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    written = with_parts(Corpus("x", (ADA,), (), (ADA,), ("per",)))
    [doc, other] = DocBin().from_bytes(write_form(written, "spacy")).get_docs(Vocab())
    assert [ent.text for ent in doc.ents] == ["Ada Lovelace"]
    assert (doc.user_data["meta"], other.user_data["meta"]["part"]) == ({"part": "train", "genre": "news"}, "test")
    table = pd.read_csv(io.BytesIO(write_form(written, "csv")), keep_default_na=False)
    assert table["Word"].tolist() == [*ADA.words] * 2
    assert table["meta.part"].tolist() == ["train", "", "", "test", "", ""]
    records = [json.loads(line) for line in write_form(written, "jsonl").splitlines()]
    assert [(record["part"], record["meta"]) for record in records] == [
        (p, {"genre": "news"}) for p in ("train", "test")
    ]
    lines = write_form(written, "conll").decode().splitlines()
    assert lines[:3] == ["# part = train", "# genre = news", "Ada\tB-per"]


@pytest.mark.parametrize("named", ["validation", "valid", "val", "devel", "dev"])
def test_the_parts_of_other_people_s_files_are_kept(named):
    text = "".join(f"# part = {part}\n{part}\tO\n\n" for part in ("test", named, "train"))
    corpus = load_corpus(("x.conll", text.encode()))
    assert [s.words for s in corpus.sentences] == [("train",), (named,), ("test",)]
    assert corpus.split == "given by the file" and not any(s.meta for s in corpus.sentences)
    json_lines = "".join(f'{{"text": "{part}", "label": [], "part": "{part}"}}\n' for part in ("test", named, "train"))
    assert load_corpus(("x.jsonl", json_lines.encode())).sentences == corpus.sentences


def test_where_no_dev_is_named_it_is_cut_from_train():
    text = "".join(f"# part = {'test' if i < 3 else 'train'}\nw{i}\tB-x\n\n" for i in range(23))
    corpus = load_corpus(("x.conll", text.encode()))
    assert [len(corpus.part(part)) for part in PARTS] == [19, 1, 3]
    assert corpus.split.startswith("given by the file; dev: grouped")


def test_parts_that_only_some_sentences_name_are_told_and_not_used():
    text = "# part = test\na\tB-x\n\n# part = train\nb\tO\n\nc\tO\n\n# part = III\nd\tO\n"
    corpus = load_corpus(("x.conll", text.encode()), split=WHOLE)
    assert len(corpus.train) == 4 and not corpus.has_given_parts
    [note] = corpus.notes
    assert note.what.startswith("sentence that does not say its part") and note.count == 2
    assert [dict(s.meta).get("part") for s in corpus.train] == ["test", "train", None, "III"]  # nothing is lost


def test_a_part_that_means_something_else_cannot_be_held_beside_the_parts():
    strange = replace(ADA, meta=(("part", "III"),))
    assert load_corpus(("x", write_form([strange], "jsonl")), split=WHOLE).train == (strange,)
    with pytest.raises(ValueError, match="Received:"):
        with_parts(Corpus("x", (strange,), (ADA,), (), ("per",)))


def test_the_command_line_keeps_the_parts(tmp_path):
    (tmp_path / "in.conll").write_text("# part = test\nAda\tB-per\n\n# part = dev\nx\tO\n\n# part = train\ny\tO\n")
    for name in ("out.jsonl", "out.csv", "out.spacy", "out.conll"):
        assert main(["convert", str(tmp_path / "in.conll"), str(tmp_path / name)]) == 0
        corpus = load_corpus(tmp_path / name)
        assert [s.words for s in corpus.sentences] == [("y",), ("x",), ("Ada",)]
    assert (tmp_path / "out.conll").read_text() == (tmp_path / "in.conll").read_text()  # in the file's order


@pytest.mark.parametrize("form", FORMS)
def test_the_corpus_that_ships_goes_through_every_form(form):
    """Words, spans, genres; the form is found by looking."""
    newsroom = load_corpus(split=WHOLE).train[:400]
    data = write_form(newsroom, form)
    back = load_corpus(("x", data), split=WHOLE)
    assert back.train == newsroom and not back.notes and back.labels == GMB_LABELS


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ("conll", Sentence(("a\tb",))),
        ("conll", Sentence(("-DOCSTART-",))),
        ("conll", Sentence(("a",), meta=(("two words", "x"),))),
        ("conll", Sentence(("a",), meta=(("genre", "a\tb"),))),
        ("csv", Sentence((" a",))),
        ("csv", Sentence(("a\nb",))),
        ("csv", Sentence(())),
        ("csv", Sentence(("a",), (Span(0, 1, "x,B-y"),))),
        ("csv", Sentence(("a",), meta=(("genre", ""),))),
        ("csv", Sentence(("a",), meta=(("genre", "x"), ("genre", "y")))),
        ("jsonl", Sentence((" ",))),
        ("jsonl", Sentence(("\ud800",))),
        ("jsonl", Sentence(("a", "b"), (Span(0, 2, "x"), Span(1, 2, "y")))),
        ("jsonl", Sentence(("a",), (Span(0, 1, " x"),))),
        ("jsonl", Sentence(("a",), (), "b", (0,))),
        ("jsonl", Sentence(("a", "c"), (), "a b c", (0, 4))),
        ("spacy", Sentence(("a",), (), "a b", (0,))),
        ("spacy", Sentence(())),
    ],
)
def test_what_a_form_cannot_hold_is_refused(form, sentence):
    with pytest.raises(ValueError, match="Received:"):
        write_form([sentence], form)


def test_the_command_line_says_what_cannot_be_held(tmp_path, capsys):
    (tmp_path / "in.jsonl").write_text('{"tokens": ["a\\tb", "c"], "tags": ["B-x", "O"]}', encoding="utf-8")
    assert main(["convert", str(tmp_path / "in.jsonl"), str(tmp_path / "out.conll")]) == 2
    said = capsys.readouterr().err
    assert "A CoNLL word has no tab" in said and said.count("\n") == 1 and not (tmp_path / "out.conll").exists()
    for name in ("out.jsonl", "out.spacy", "out.csv"):
        assert main(["convert", str(tmp_path / "in.jsonl"), str(tmp_path / name)]) == 0
        assert load_corpus(tmp_path / name, split=WHOLE).train == (Sentence(("a\tb", "c"), (Span(0, 1, "x"),)),)


# --- DocBin -----------------------------------------------------------------------------------


def test_a_docbin_of_spacy_with_sentences_and_white_space():
    import spacy
    from spacy.tokens import Doc, DocBin
    from spacy.tokens import Span as SpacySpan

    vocabulary = spacy.blank("en").vocab
    words = ["Ada", "left", ".", "\n\n", "New", "York", "sleeps"]
    doc = Doc(
        vocabulary, words, [True, False, False, False, True, True, True], sent_starts=[i in (0, 4) for i in range(7)]
    )
    doc.ents = [SpacySpan(doc, 0, 1, "PERSON"), SpacySpan(doc, 4, 6, "GPE")]
    doc.user_data["secret"] = (1, 2)
    plain = Doc(vocabulary, ["no", "entities"])
    blank = Doc(vocabulary, [" "])
    result = read_docbin(DocBin(docs=[doc, plain, blank], store_user_data=True).to_bytes())
    assert result.form == "spaCy DocBin, 3 documents"
    assert [(s.words, s.spans, s.text) for s in result.sentences] == [
        (("Ada", "left", "."), (Span(0, 1, "PERSON"),), "Ada left."),
        (("New", "York", "sleeps"), (Span(0, 2, "GPE"),), "New York sleeps"),
        (("no", "entities"), (), result.sentences[2].text),
    ]
    assert {note.what: note.count for note in result.notes} == {
        "token of white space, read as the space between words (document 1, 3)": 2,
        "user data of a document, not read (document 1)": 1,
        "document without a word, left out (document 3)": 1,
    }


def test_a_damaged_docbin_is_refused_in_one_sentence():
    data = write_docbin([ADA, IN_A_TEXT])
    plain = zlib.decompress(data)
    damaged = [
        data[: len(data) // 2],
        data[:2] + b"\x00" + data[3:],
        zlib.compress(b"\x81\xa5attrs\x91A"),
        zlib.compress(b"\xc0"),
    ]
    damaged += [zlib.compress(plain.replace(name, name[::-1])) for name in (b"tokens", b"lengths", b"strings", b"Ada")]
    damaged += [zlib.compress(plain[:-cut]) for cut in (1, 20, 60)] + [pack_docbin([]), b"x\x9c", b"", b"Ada"]
    for each in damaged:
        with pytest.raises(UploadError) as error:
            read_docbin(each)
        assert "received" in str(error.value) and "\n" not in str(error.value)


def test_a_docbin_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(decoding, "LARGEST_FILE", 1_000_000)
    with pytest.raises(UploadError, match=r"larger than 1 MB|times its size"):
        read_docbin(zlib.compress(bytes(4_000_000)))


@settings(deadline=None)
@given(st.data())
def test_any_bytes_in_a_docbin_end_in_sentences_or_an_upload_error(data):
    packed = bytearray(PACKED)
    for _ in range(data.draw(st.integers(1, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        result = read_docbin(zlib.compress(bytes(packed)))
    except UploadError:
        return
    assert result.sentences and all(s.words for s in result.sentences)
    assert all(0 <= span.start < span.end <= len(s) for s in result.sentences for span in s.spans)


PACKED = zlib.decompress(write_docbin([ADA]))
