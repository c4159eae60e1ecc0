"""Encoding: every habit of the tutorials, and ours, on sentences one can count by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_core.records import Corpus, EncodingConfig, Sentence, Span
from ner_core.tagger.encode import (
    decode_tags,
    encode,
    encoder_from_dict,
    encoder_to_dict,
    fit_encoder,
    is_known,
    read_sentence,
)

ADA = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
BORN = Sentence(("The", "Korean-born", "Ada", "sings", "."), (Span(1, 2, "gpe"), Span(2, 3, "per")))
CORPUS = Corpus("two", (ADA,), (), (BORN,), ("geo", "gpe", "per"))
EVERY_CONFIG = [
    EncodingConfig(),
    EncodingConfig(features=("lower", "shape", "prefix3", "suffix2")),
    EncodingConfig(vocabulary_from="all", unknown="none", max_length=4, pad_side="post", first_id=1, pad_word="last word", pad_tag="O", order="arbitrary", tag_order="arbitrary", is_masked=False),
    EncodingConfig(vocabulary_from="all", unknown="none", max_length=0, pad_side="pre", pad_word="first word", pad_tag="first tag", is_masked=False),
    EncodingConfig(vocabulary_from="all", tokenizer="keras lists", unknown="none", first_id=1, max_length=8, pad_side="pre", tag_order="sorted", pad_tag="first tag", is_masked=False),
]  # fmt: skip


def test_test_words_are_unknown_unless_the_vocabulary_is_built_from_all():
    ours = fit_encoder(CORPUS, EncodingConfig())
    assert not is_known(ours, "Korean-born") and is_known(ours, "London")
    assert is_known(fit_encoder(CORPUS, EncodingConfig(vocabulary_from="all")), "Korean-born")
    ids = encode(ours, [BORN]).batch([0]).word_ids[0].tolist()
    assert [ours.reads_as(i) for i in ids] == ["<unk>", "<unk>", "Ada", "<unk>", "."]


def test_padding_with_the_last_word_collides_with_it():
    config = EncodingConfig(vocabulary_from="all", unknown="none", first_id=1, pad_word="last word", max_length=8)
    encoder = fit_encoder(CORPUS, config)
    last = encode(encoder, [ADA]).batch([0]).word_ids[0, -1]
    assert encoder.reads_as(int(last)) == encoder.words[-1] and encoder.words[-1] not in ("<pad>", "<unk>")
    assert encoder.n_word_ids == len(encoder.words) + 1  # ids from 1 leave row 0 unused


@pytest.mark.parametrize("side, expected", [("post", ["Ada", "sings", "."]), ("pre", ["Ada", "sings", "."])])
def test_a_long_sentence_loses_its_beginning_as_in_keras(side, expected):
    encoder = fit_encoder(CORPUS, EncodingConfig(vocabulary_from="all", unknown="none", max_length=3, pad_side=side))
    batch = encode(encoder, [BORN], with_tags=True).batch([0])
    assert [encoder.reads_as(int(i)) for i in batch.word_ids[0]] == expected
    assert batch.columns[0].tolist() == [-1, -1, 0, 1, 2]
    assert encoder.tags[batch.tag_ids[0, 0]] == "B-per"


def test_padding_in_front_moves_the_columns():
    encoder = fit_encoder(CORPUS, EncodingConfig(max_length=8, pad_side="pre"))
    batch = encode(encoder, [ADA]).batch([0])
    assert batch.columns[0].tolist() == [2, 3, 4, 5, 6, 7]
    assert batch.mask[0].tolist() == [False] * 2 + [True] * 6


def test_keras_text_loses_and_splits_words_and_tags():
    config = EncodingConfig(vocabulary_from="all", tokenizer="keras text", tag_order="pieces", first_id=1, unknown="none", max_length=9, pad_side="pre", pad_tag="first tag", is_masked=False)  # fmt: skip
    encoder = fit_encoder(CORPUS, config)
    batch = encode(encoder, [BORN], with_tags=True).batch([0])
    assert [encoder.reads_as(int(i)) for i in batch.word_ids[0]][-5:] == ["the", "korean", "born", "ada", "sings"]
    assert batch.columns[0].tolist() == [4, 5, 7, 8, -1]  # the full stop vanished
    assert [encoder.tags[i] for i in batch.tag_ids[0]] == ["<pad>", "<pad>", "o", "b", "gpe", "b", "per", "o", "o"]
    assert set(decode_tags(encoder, batch.tag_ids, batch.columns)[0]) == {"O"}


@pytest.mark.parametrize("config", EVERY_CONFIG)
def test_gold_tags_survive_encoding_and_decoding(config):
    encoder = fit_encoder(CORPUS, config)
    batch = encode(encoder, [ADA, BORN], with_tags=True).batch([0, 1])
    decoded = [
        tags[: len(s)] for tags, s in zip(decode_tags(encoder, batch.tag_ids, batch.columns), (ADA, BORN), strict=True)
    ]
    gold = [("B-per", "I-per", "O", "O", "B-geo", "O"), ("O", "B-gpe", "B-per", "O", "O")]
    for tags, expected, columns in zip(decoded, gold, batch.columns, strict=True):
        assert [t for t, c in zip(tags, columns, strict=False) if c >= 0] == [
            t for t, c in zip(expected, columns, strict=False) if c >= 0
        ]


@pytest.mark.parametrize("config", EVERY_CONFIG)
def test_an_encoder_comes_back_from_json_unchanged(config):
    encoder = fit_encoder(CORPUS, config)
    assert encoder_from_dict(encoder_to_dict(encoder)) == encoder


@given(
    st.lists(st.lists(st.sampled_from(["Ada", "x", "London", "’"]), max_size=7), min_size=1, max_size=6),
    st.sampled_from(["post", "pre"]),
)
def test_every_word_keeps_its_own_column(rows, side):
    encoder = fit_encoder(CORPUS, EncodingConfig(pad_side=side))
    sentences = [Sentence(tuple(words)) for words in rows]
    batch = encode(encoder, sentences).batch(range(len(rows)))
    for b, words in enumerate(rows):
        columns = batch.columns[b, : len(words)]
        assert batch.mask[b].sum() == len(words) and batch.mask[b, columns].all()
        assert [encoder.reads_as(int(i)) for i in batch.word_ids[b, columns]] == [
            w if is_known(encoder, w) else "<unk>" for w in words
        ]
        assert np.all(batch.columns[b, len(words) :] == -1)


def test_what_the_network_reads_names_unknown_words_and_padding():
    rows = read_sentence(fit_encoder(CORPUS, EncodingConfig()), BORN, 6)
    assert rows[1] == {"column": 1, "word": "Korean-born", "reads_as": "<unk>", "word_id": 1, "tag": "B-gpe", "tag_id": 3, "is_padding": False}  # fmt: skip
    assert rows[5]["is_padding"] and rows[5]["tag"] == "" and rows[5]["reads_as"] == "<pad>"
