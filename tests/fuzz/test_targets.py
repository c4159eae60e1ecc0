"""The fuzz targets cannot rot: their seeds, files near them and every find that was mended run on each `make test`."""

from pathlib import Path

import pytest

from ner_core.data.formats import conll, json_lines, plain
from ner_core.records import UploadError
from ner_core.tagger import store
from tests.fuzz.seeds import SEEDS, WORDS
from tests.fuzz.targets import TARGETS, mutations, run

FINDS = sorted(path for path in (Path(__file__).parent / "finds").rglob("*") if path.is_file() and path.name[0] != ".")


def test_every_target_has_seeds_and_words():
    assert TARGETS.keys() == SEEDS.keys() == WORDS.keys()


@pytest.mark.parametrize("reader", TARGETS)
def test_seeds_and_files_near_them(reader):
    for data in (*SEEDS[reader], *mutations(reader, 300)):
        try:
            run(reader, data)
        except Exception as error:
            error.add_note(f"The {reader} target was given {data!r}.")
            raise


@pytest.mark.parametrize("path", FINDS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_mended_stays_mended(path):
    run(path.parent.name, path.read_bytes())


# --- each promise can be broken: the targets turn red without it --------------------------------


def _lose_a_word(row, *_):
    return row[0] != "Lovelace"


def _raise(*_args, **_more):
    raise KeyError("a reader's own mistake")


def _refuse_badly(*_args, **_more):
    raise UploadError("two\nlines; received them")


@pytest.mark.parametrize(
    ("reader", "place", "name", "broken", "what"),
    [
        ("conll", conll, "_can_read", _lose_a_word, "words of"),
        ("conll", conll, "decode", _raise, "own mistake"),
        ("conll", conll, "decode", _refuse_badly, "several lines"),
        ("plain", plain, "clean_text", lambda text, *_: text[1:], "in no word"),
        ("json_lines", json_lines._Reader, "_to_int", lambda *_: 1, "instead of"),
        ("store", store, "_check_ids", _raise, "own mistake"),
    ],
)
def test_a_broken_reader_is_found(monkeypatch, reader, place, name, broken, what):
    monkeypatch.setattr(place, name, broken)
    with pytest.raises((AssertionError, KeyError), match=what):
        for data in (*SEEDS[reader], *mutations(reader, 50)):
            run(reader, data)


def test_a_slow_reader_is_found(monkeypatch):
    monkeypatch.setattr("tests.fuzz.targets.MOST_SECONDS", -1.0)
    with pytest.raises(AssertionError, match="s for"):
        run("conll", SEEDS["conll"][0])


def test_labels_with_odd_white_space_come_back_equal():
    """A find of the first minute, in words: a tag's spaces are read as one, and told."""
    result = conll.read_conll("Ada\tB-a\u2028b\nBob\tB- per\nx\tO\n".encode())
    assert [span.label for span in result.sentences[0].spans] == ["a b", "per"]
    assert sum(note.count for note in result.notes) == 2
