"""Corpus: forms found by content, splits that repeat, parts that do not leak."""

import gzip
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from ner_core.data.corpus import fingerprint, fingerprints, leak, load_corpus, recognise, resplit, split_corpus
from ner_core.data.formats.conll import write_conll
from ner_core.records import GMB_LABELS, Sentence, Span, SplitConfig, UploadError

DATA = Path(__file__).parents[2] / "data"


def numbered(n):
    return tuple(Sentence((f"word{i}", ".")) for i in range(n))


def conll(*sentences):
    return write_conll(sentences).encode()


# --- reading ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("ner_dataset.csv", "Kaggle ner_dataset.csv"),
        ("ner.csv", "Kaggle ner.csv"),
        ("conll2003.txt", "CoNLL, 4 columns"),
        ("germeval.tsv", "CoNLL, 4 columns (tab), outer tags"),
        ("mit_movie.tsv", "CoNLL, 2 columns (tab), tag first"),
    ],
)
def test_the_content_decides_the_form(name, form):
    data = (DATA / name).read_bytes()
    by_path, by_bytes = load_corpus(DATA / name), load_corpus(("misleading.xlsx", gzip.compress(data)))
    assert by_path.form.startswith(form) and by_path.sentences == by_bytes.sentences
    assert by_path.name == name.split(".")[0] and by_bytes.name == "misleading"


def test_the_starter_corpus_opens_by_default():
    corpus = load_corpus()
    assert corpus.name == "newsroom" and corpus.labels == GMB_LABELS and not corpus.notes
    assert len(corpus.sentences) >= 300 and min(map(len, (corpus.train, corpus.dev, corpus.test))) > 20
    assert dict(corpus.train[0].meta)["genre"]
    assert leak(corpus) == {"dev": (), "test": ()}


@pytest.mark.parametrize("part", ["dev", "test"])
def test_a_file_of_one_part_alone_keeps_it_and_says_that_nothing_trains(part):
    marked = Sentence(("Ada", "came"), (Span(0, 1, "per"),), meta=(("part", part),))
    corpus = load_corpus(("x.conll", conll(*[marked] * 10)))
    assert len(corpus.part(part)) == 10 and len(corpus.sentences) == 10
    (note,) = corpus.notes
    assert f"says {part}," in note.what and "nothing to train on" in note.what and note.count == 10


def test_dev_cut_from_a_train_that_the_file_names_is_told():
    parts = ["train"] * 20 + ["test"] * 4
    said = [Sentence((f"word{i}", "."), meta=(("part", part),)) for i, part in enumerate(parts)]
    corpus = load_corpus(("x.conll", conll(*said)))
    assert len(corpus.test) == 4 and len(corpus.dev) == 1
    assert [note.count for note in corpus.notes if "dealt to dev" in note.what] == [1]


def test_labels_keep_gmbs_order_or_that_of_the_file():
    tags = [Sentence(("a", "b"), (Span(0, 1, "per"), Span(1, 2, "geo")))]
    assert load_corpus(("x", conll(*tags))).labels == ("geo", "per")
    assert load_corpus(("x", conll(*tags, Sentence(("c",), (Span(0, 1, "LOC"),))))).labels == ("per", "geo", "LOC")
    kept = load_corpus(("x", conll(*tags)), labels=["per"])
    assert kept.labels == ("per",) and kept.train[0].spans == (Span(0, 1, "per"),)
    assert "other than per" in kept.notes[0].what


def test_given_parts_are_kept_and_the_leak_is_told():
    train, dev, test = numbered(5), numbered(2), (Sentence(("new",)), *numbered(1))
    parts = [(f"{i}.conll", conll(*part)) for i, part in enumerate((train, dev, test))]
    corpus = load_corpus(parts[0], dev=parts[1], test=parts[2])
    assert (corpus.train, corpus.dev, corpus.test) == (train, dev, test)
    assert corpus.split == "given by the files"
    leaks = [note for note in corpus.notes if "word for word" in note.what]
    assert [(note.what.split()[0], note.count) for note in leaks] == [("dev", 2), ("test", 1)]
    assert "(50.0% of test)" in leaks[1].what


def test_dev_is_cut_from_train_where_only_a_test_file_is_given():
    corpus = load_corpus(("a", conll(*numbered(100))), test=("b", conll(Sentence(("new",)))))
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (92, 8, 1)
    assert corpus.split.startswith("given by a test file; dev: grouped")


def test_notes_of_several_files_say_which():
    damaged = conll(*numbered(3)) + b"broken\n"
    corpus = load_corpus(("a", damaged), dev=("b", conll(Sentence(("new",)))))
    assert corpus.notes[0].what == "train: line without 2 columns, left out"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no/such/file.csv", "no/such/file.csv: no such file; received a path that leads nowhere; check its spelling."),
        (".", "folder"),
        ("with\0nul", "cannot be opened"),
        (
            ("empty.csv", b""),
            "empty.csv: the file is empty; received 0 bytes without a word; give one with words and their tags.",
        ),
        (("../../etc/book.csv", b"PK\x03\x04abc"), "book.csv: the zip archive cannot be unpacked"),
        (("a.jsonl", b'{"body": "London"}'), "no record with gold entities in 1: record without a text, left out"),
        (("cut.json", b'[{"text": "London"},\n {"te'), "line 2 is no JSON"),
        (("words.txt", b"It\nwas\na\ndark\nnight\n"), "no column of tags"),
        (("half.csv", b"Sentence #,Word,POS\n1,Ada,NNP\n"), "no column Tag in line 1"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(source, message):
    with pytest.raises(UploadError) as error:
        load_corpus(source)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_an_unknown_format_is_a_programming_error():
    with pytest.raises(ValueError, match="Received: 'xml'"):
        load_corpus(("a", b"x"), format="xml")
    assert recognise(b"\n\nSentence_idx;word;tag\n") == "kaggle"


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\x1f\x8b\x08", b"PK\x03\x04", b"BZh9", b"\xfd7zXZ\x00", b"\xff\xfe"]),
)
def test_any_bytes_end_in_a_corpus_or_an_upload_error(data, magic):
    try:
        assert load_corpus(("x", magic + data)).sentences
    except UploadError as error:
        assert str(error).startswith("x: ")


# --- splitting ----------------------------------------------------------------------


@given(st.lists(st.integers(0, 30), min_size=1, max_size=120), st.integers(0, 5), st.sampled_from(["shuffle", "end"]))
def test_grouped_parts_never_share_a_sentence(values, seed, dev_from):
    sentences = tuple(Sentence((f"w{value}",), (), None, None, (("row", str(i)),)) for i, value in enumerate(values))
    split = SplitConfig(seed=seed, dev_from=dev_from)
    train, dev, test = split_corpus(sentences, split)
    assert sorted(train + dev + test, key=lambda s: int(s.meta[0][1])) == list(sentences)
    words = [{s.words for s in part} for part in (train, dev, test)]
    assert not (words[0] & words[1] or words[0] & words[2] or words[1] & words[2])
    assert train and len(test) <= math.ceil(0.2 * len(values))
    assert split_corpus(sentences, split) == (train, dev, test)


def test_random_split_is_that_of_scikit_learn_and_keras():
    sentences = numbered(107)
    train, dev, test = split_corpus(sentences, SplitConfig("random", test=0.2, dev=0.1, seed=3, dev_from="end"))
    rest, expected_test = train_test_split(sentences, test_size=0.2, random_state=3)
    cut = int(len(rest) * (1 - 0.1))
    assert (list(train), list(dev), list(test)) == (list(rest[:cut]), list(rest[cut:]), list(expected_test))


def test_string_ids_put_sentence_10_before_sentence_2():
    split = SplitConfig("random", test=0, dev=0, order="string ids")
    drawn = np.random.RandomState(1).permutation(12)
    in_order = [0, 9, 10, 11, *range(1, 9)]
    assert split_corpus(numbered(12), split)[0] == tuple(numbered(12)[in_order[i]] for i in drawn)


def in_genres(*genres):
    return tuple(Sentence((f"word{i}", "."), meta=(("genre", genre),)) for i, genre in enumerate(genres))


def n_by_genre(part):
    return Counter(dict(sentence.meta)["genre"] for sentence in part)


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 200)), min_size=1, max_size=150),
    st.integers(0, 5),
    st.sampled_from(["shuffle", "end"]),
)
def test_every_genre_is_dealt_in_like_shares(rows, seed, dev_from):
    """Without equal sentences each part's share of a genre is exact to one sentence; with them they stay together."""
    split = SplitConfig(seed=seed, dev_from=dev_from)
    single = in_genres(*(genre for genre, _ in rows))
    parts, whole = split_corpus(single, split), n_by_genre(single)
    for part in parts:
        assert all(abs(n_by_genre(part)[g] - n * len(part) / len(single)) < 2 for g, n in whole.items())
    assert len(parts[2]) == min(math.ceil(0.2 * len(rows)), len(rows) - 1)
    assert split_corpus(single, split) == parts

    repeated = tuple(Sentence((f"w{value}",), meta=(("genre", genre),)) for genre, value in rows)
    train, dev, test = ({s.words for s in part} for part in split_corpus(repeated, split))
    assert train and not (train & dev or train & test or dev & test)


def test_a_genre_changes_nothing_where_there_is_one_or_the_split_is_random():
    plain, one, two = numbered(60), in_genres(*"a" * 60), in_genres(*"ab" * 30)
    for split, tagged in ((SplitConfig(), one), (SplitConfig(dev_from="end"), one), (SplitConfig("random"), two)):
        words = [[s.words for s in part] for part in split_corpus(plain, split)]
        assert [[s.words for s in part] for part in split_corpus(tagged, split)] == words


def test_rare_genres_do_not_all_go_to_one_side():
    _, dev, test = split_corpus(in_genres(*map(str, range(50))), SplitConfig())
    assert (len(dev), len(test)) == (4, 10)
    assert [int(s.words[0][4:]) for s in test] != list(range(10))  # drawn, not the first of the file


def test_newsroom_holds_all_genres_in_all_parts():
    corpus = load_corpus()
    whole = n_by_genre(corpus.sentences)
    for part in (corpus.train, corpus.dev, corpus.test):
        share = len(part) / len(corpus.sentences)
        assert all(abs(n_by_genre(part)[genre] - share * n) < 1 for genre, n in whole.items())
    assert len(whole) == 12 and "each genre in like shares, seed 1" in corpus.split
    assert "genre" not in load_corpus(("x", conll(*numbered(50)))).split
    assert "genre" not in resplit(corpus, SplitConfig("random")).split


def test_resplit_goes_back_to_the_order_of_the_file():
    corpus = load_corpus(("x", conll(*numbered(50))))
    split = SplitConfig("random", seed=9)
    again = resplit(resplit(corpus, SplitConfig(seed=4)), split)
    assert (again.train, again.dev, again.test) == split_corpus(numbered(50), split)
    assert again.split.startswith("random") and "seed 9" in again.split


@pytest.mark.parametrize(
    "wrong", [{"kind": "stratified"}, {"order": "ids"}, {"dev_from": "start"}, {"test": 0.95}, {"dev": -0.1}]
)
def test_a_wrong_split_is_refused(wrong):
    with pytest.raises(ValueError, match="Received"):
        split_corpus(numbered(3), SplitConfig(**wrong))


def test_one_sentence_is_for_training():
    assert split_corpus(numbered(1), SplitConfig()) == (numbered(1), (), ())


# --- fingerprints ---------------------------------------------------------------------


def test_fingerprints_tell_words_spans_and_order():
    one, other = Sentence(("a b",)), Sentence(("a", "b"))
    tagged = Sentence(("a", "b"), (Span(0, 1, "x"),))
    seen = {fingerprint(part) for part in ([], [one], [other], [tagged], [one, other], [other, one])}
    assert len(seen) == 6 and all(len(digest) == 64 for digest in seen)
    assert fingerprint([Sentence(("a", "b"), raw="a  b", starts=(0, 3), meta=(("genre", "x"),))]) == fingerprint(
        [other]
    )
    assert set(fingerprints(load_corpus())) == {"train", "dev", "test"}


# --- the real files ---------------------------------------------------------------------


def test_gmb_and_its_common_split(gmb):
    corpus, seconds = gmb
    assert seconds < 6  # about 1.5 s when nothing else runs
    assert corpus.form == "Kaggle ner_dataset.csv, cp1252, IOB2" and corpus.labels == GMB_LABELS
    assert len(corpus.sentences) == 47_959 and sum(map(len, corpus.sentences)) == 1_048_575
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (34_531, 3_836, 9_592)
    assert sorted(corpus.order) == list(range(47_959))
    in_file = [s for _, s in sorted(zip(corpus.order, corpus.sentences, strict=True), key=lambda pair: pair[0])]
    drawn = np.random.RandomState(1).permutation(47_959)
    assert corpus.test == tuple(in_file[i] for i in drawn[:9_592])
    assert corpus.dev == tuple(in_file[i] for i in drawn[9_592:13_428])
    words = [word for sentence in corpus.sentences for word in sentence.words]
    assert words.count("None") == 10 and words.count("…") == 4
    assert round(len(leak(corpus)["test"]) / 9_592, 3) == 0.011
    assert leak(resplit(corpus, SplitConfig())) == {"dev": (), "test": ()}


def test_wnut_17_keeps_its_hash_words(corpora):
    folder = corpora / "wnut17"
    names = ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")
    corpus = load_corpus(folder / names[0], dev=folder / names[1], test=folder / names[2])
    assert (len(corpus.train), sum(map(len, corpus.train))) == (3_394, 62_730)
    assert sum(len(s.spans) for s in corpus.train) == 1_975
    assert sum(word.startswith("#") for s in corpus.sentences for word in s.words) == 1_097
    assert "creative-work" in corpus.labels


def test_bc5cdr_is_iobes(corpora):
    corpus = load_corpus(corpora / "bc5cdr" / "train.iobes.tsv.xz")
    labels = [span.label for sentence in corpus.sentences for span in sentence.spans]
    assert (labels.count("Chemical"), labels.count("Disease")) == (5_203, 4_182)
    assert corpus.form.endswith("BIOES") and not corpus.notes
