"""Corpora as they come: many labels, few, none, strange ones; other alphabets; one sentence, or one of a thousand words.

Each goes the whole road with both of our recipes: read from a file's bytes, trained, stored, opened again, asked for sentences and for
raw text, scored, shown and exported.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ner_core.data.corpus import load_corpus
from ner_core.data.formats.decoding import Repairs, unpack
from ner_core.data.tags import spans_to_tags
from ner_core.records import Corpus, EpochDone, RunEnded, Sentence, Span
from ner_core.scores.floors import floors
from ner_core.scores.report import evaluate, report_to_dict
from ner_core.show.export import html_page, to_conll, to_csv, to_jsonl
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import new_tagger, recipe, resize, settings_of, suited
from ner_core.tagger.store import load_tagger
from ner_core.training.best_epoch import keep_best
from ner_core.training.event_log import event_to_dict
from ner_core.training.train import train

CORPORA = Path(os.environ.get("NER_LAB_CORPORA", Path(__file__).parents[4] / "shared" / "corpora"))
OURS = ("bilstm-crf", "fast")


def conll(rows: list[str], scheme: str = "IOB2") -> bytes:
    """A two-column file of sentences in which `words|label` marks an entity and `_` stands between its words."""
    lines = []
    for row in rows:
        words, spans = [], []
        for piece in row.split():
            marked, bar, label = piece.rpartition("|")
            start = len(words)
            words += (marked if bar else piece).split("_") if bar else [piece]
            spans += [Span(start, len(words), label)] if bar else []
        lines += [f"{w}\t{t}" for w, t in zip(words, spans_to_tags(tuple(spans), len(words), scheme), strict=True)]
        lines.append("")
    return "\n".join(lines).encode()


def many(rows: list[str], n: int = 20) -> list[str]:
    """The rows again and again, each with a word of its own, so that they are no repeats."""
    return [f"{rows[i % len(rows)]} n{i}" for i in range(n)]


def go(content: bytes, name: str, tmp_path: Path, **training) -> tuple:
    """Train on a file's bytes, store, open, predict, score and export; return what a test may ask."""
    corpus = load_corpus(("odd.conll", content))
    base = suited(recipe(name), corpus)
    widths = {width: 8 for width in settings_of(base) if width.endswith("_width")}
    chosen = resize(base, **widths, epochs=2)
    tagger = new_tagger(corpus, chosen)
    config = replace(chosen.training, **training)
    events = list(keep_best(train(tagger, corpus, config), tagger, tmp_path / "m", corpus=corpus, training=config))
    assert isinstance(events[-1], RunEnded) and events[-1].reason == "finished", events[-1]
    json.dumps([event_to_dict(event) for event in events], allow_nan=False)
    opened = load_tagger(tmp_path / "m")
    assert opened.encoder.tags == tagger.encoder.tags
    found = predict(opened, corpus.sentences)
    assert [p.spans for p in found] == [p.spans for p in predict(tagger, corpus.sentences)]
    for sentence, prediction in zip(corpus.sentences, found, strict=True):
        assert tuple(token.text for token in prediction.tokens) == sentence.words  # not one word is lost
        assert len(prediction.tags) == len(sentence)
        assert all(0 <= confidence <= 1 for confidence in prediction.confidences)
    text = " ".join(corpus.train[0].words)
    [of_text] = predict(opened, [text])
    assert all(text[token.start : token.end] == token.text for token in of_text.tokens)
    assert len("".join(token.text for token in of_text.tokens)) == len("".join(text.split()))
    json.dumps(report_to_dict(evaluate(found, train=corpus.train)))
    floors(corpus.train, corpus.dev)
    for export in (to_conll, to_csv, to_jsonl, html_page):
        assert export(found[:3])
    return corpus, tagger, events


MIXED = ["Ada_Lovelace|per lives in London|geo .", "Bob|per left Paris|geo on Monday|tim .", "Nobody knows ."]


@pytest.mark.parametrize("name", OURS)
def test_twenty_five_labels(name, tmp_path):
    labels = [f"LABEL_{i}" for i in range(25)]
    rows = [f"the word{i}|{label} and more_words{i}|{labels[-i - 1]}" for i, label in enumerate(labels)]
    corpus, tagger, _ = go(conll(many(rows, 100)), name, tmp_path)
    assert len(corpus.labels) == 25 and len(tagger.encoder.tags) == 51


@pytest.mark.parametrize("name", OURS)
def test_bioes(name, tmp_path):
    corpus, _, _ = go(conll(many(MIXED), "BIOES"), name, tmp_path)
    assert corpus.form.endswith("BIOES") and set(corpus.labels) == {"per", "geo", "tim"}
    plain = load_corpus(("odd.conll", conll(many(MIXED))))
    assert sorted(s.spans for s in corpus.sentences) == sorted(s.spans for s in plain.sentences)


@pytest.mark.parametrize("name", OURS)
def test_bc5cdr_as_it_is_published(name, tmp_path):
    path = CORPORA / "bc5cdr" / "train.iobes.tsv.xz"
    if not path.exists():
        pytest.skip("the real corpora are not beside the checkout")
    content = unpack(path.read_bytes(), Repairs()).decode()
    corpus, _, _ = go("\n\n".join(content.split("\n\n")[:50]).encode(), name, tmp_path)
    assert len(corpus.sentences) == 50 and corpus.form.endswith("BIOES")
    assert set(corpus.labels) == {"Chemical", "Disease"}


@pytest.mark.parametrize("name", OURS)
def test_sentences_of_1200_words(name, tmp_path):
    random = np.random.default_rng(1)
    row = [" ".join(f"w{i}|per" if i % 7 == 0 else f"w{i}" for i in random.integers(0, 300, 1_200)) for _ in range(6)]
    corpus, tagger, events = go(conll([*row, *many(MIXED)]), name, tmp_path)
    assert sum(len(sentence) == 1_200 for sentence in corpus.sentences) == 6
    long = next(sentence for sentence in corpus.sentences if len(sentence) == 1_200)
    [of_text] = predict(tagger, [" ".join(long.words)])
    assert len(of_text.tokens) == len(of_text.tags) == 1_200  # nothing is cut off
    assert all(np.isfinite(event.train_loss) for event in events if isinstance(event, EpochDone))


@pytest.mark.parametrize("name", OURS)
def test_one_sentence(name, tmp_path):
    corpus, tagger, events = go(conll(MIXED[:1]), name, tmp_path)
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (1, 0, 0)
    assert events[-1].best_epoch == events[-1].n_epochs == 2  # nothing to choose by: the last is kept
    assert tagger.is_trained


@pytest.mark.parametrize("name", OURS)
def test_one_word(name, tmp_path):
    corpus, _, _ = go(b"London\tB-geo\n", name, tmp_path)
    assert [len(sentence) for sentence in corpus.sentences] == [1]


@pytest.mark.parametrize("name", OURS)
def test_one_label(name, tmp_path):
    corpus, tagger, _ = go(conll(many([row.replace("|geo", "").replace("|tim", "") for row in MIXED])), name, tmp_path)
    assert corpus.labels == ("per",) and tagger.encoder.tags == ("O", "B-per", "I-per")


@pytest.mark.parametrize("name", OURS)
def test_without_any_entity(name, tmp_path):
    corpus, tagger, events = go(conll(many(["Nobody knows .", "It rains again ."])), name, tmp_path)
    assert corpus.labels == () and tagger.encoder.tags == ("O",)
    assert not any(prediction.spans for prediction in predict(tagger, corpus.sentences))
    assert all(event.dev.f1 == 0 for event in events if isinstance(event, EpochDone))


@pytest.mark.parametrize("name", OURS)
def test_an_empty_dev_part(name, tmp_path):
    corpus = load_corpus(("odd.conll", conll(many(MIXED))))
    corpus = replace(corpus, train=corpus.train + corpus.dev, dev=())
    chosen = resize(recipe(name), epochs=2, patience=1, word_width=8)
    tagger = new_tagger(corpus, chosen)
    events = list(
        keep_best(
            train(tagger, corpus, chosen.training), tagger, tmp_path / "m", corpus=corpus, training=chosen.training
        )
    )
    assert (events[-1].reason, events[-1].best_epoch) == ("finished", 2)
    assert load_tagger(tmp_path / "m").card.get("f1") is None  # no score without a sentence it was counted on


SPANISH = ["El señor_Núñez|PER viajó a Málaga|LOC .", "La_Coruña|LOC , dijo Íñigo|PER , está lejos .", "¿ Quién sabe ?"]
DUTCH = [
    "Ook België|LOC en Curaçao|LOC doen mee .",
    "Anneliës_van_’t_Veer|PER woont in ’s-Gravenhage|LOC .",
    "Dat is één idee .",
]
DECOMPOSED = ["Nu\u0301n\u0303ez|PER llego\u0301 a Ma\u0301laga|LOC ."]
EMOJI = ["👩‍👩‍👧|ORG met Ada|PER 😀 in London🇬🇧|LOC !", "❤️ 👍🏽 #Paris2026|LOC", "🇪🇺|ORG \U0001f9d1\u200d\U0001f680"]
OTHERS = [
    "東京|LOC は 晴れ",
    "عمان|LOC مدينة",
    "Αθήνα|LOC είναι",
    "Ёлка в Москве|LOC",
    "กรุงเทพ|LOC",
    "İstanbul|LOC ẞ ſ ǆ",
]


@pytest.mark.parametrize(
    "rows", [SPANISH, DUTCH, DECOMPOSED, EMOJI, OTHERS], ids=["es", "nl", "NFD", "emoji", "others"]
)
@pytest.mark.parametrize("name", OURS)
def test_other_languages_and_signs(name, rows, tmp_path):
    corpus, _tagger, _ = go(conll(many(rows)), name, tmp_path)
    words = {piece.rpartition("|")[0] or piece for row in rows for piece in row.split()}
    known = {word for marked in words for word in (marked.split("_") if marked else [])}
    assert known - {word for sentence in corpus.sentences for word in sentence.words} == set()
    assert not corpus.notes or all("damaged" not in note.what for note in corpus.notes)


ODD_LABELS = (
    "a-b",
    "B",
    "O",
    "I-x",
    "per/son",
    "../x",
    "<b>",
    "名前",
    "👩‍🚀",
    "x.y:z",
    "%s",
    "naïve",
    "$&'\"",
    "\\",
    "0",
    "per,geo",
)


@pytest.mark.parametrize("name", OURS)
def test_labels_of_odd_characters(name, tmp_path):
    rows = [f"the word{i}_x|{label} stands here" for i, label in enumerate(ODD_LABELS)]
    corpus, tagger, _ = go(conll(many(rows, 64)), name, tmp_path)
    assert set(corpus.labels) == set(ODD_LABELS)
    assert set(tagger.encoder.tags) == {"O", *(f"{p}-{label}" for label in ODD_LABELS for p in "BI")}
    spans = {span.label for sentence in corpus.sentences for span in sentence.spans}
    [page] = [html_page([Sentence(("a",), (Span(0, 1, label),))]) for label in ("<b>",)]
    assert spans == set(ODD_LABELS) and "<b>" not in page.split("<body", 1)[-1]


@pytest.mark.parametrize("name", OURS)
def test_every_word_of_its_own(name):
    """No word twice: no feature value is frequent, and dev is unknown from end to end."""
    sentences = [
        Sentence(tuple(f"{chr(65 + i)}{chr(97 + j)}x" * 2 for j in range(4)), (Span(0, 1, "x"),)) for i in range(9)
    ]
    corpus = Corpus("new", tuple(sentences[:6]), tuple(sentences[6:]), (), ("x",))
    chosen = resize(recipe(name), epochs=2, word_width=8)
    tagger = new_tagger(corpus, chosen)
    assert list(train(tagger, corpus, chosen.training))[-1].reason == "finished"
    assert len(predict(tagger, corpus.dev)) == 3
