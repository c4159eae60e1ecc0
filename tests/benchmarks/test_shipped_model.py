"""How the shipped model's training part is made, and how the everyday report counts."""

from dataclasses import replace

from benchmarks.everyday import counts_by, total, write_report
from benchmarks.make_models import HELD_TEMPLATES, Typed, as_typed, news_recipe, training_part
from ner_core.records import Corpus, Counts, Sentence, Span
from ner_core.tagger.recipes import new_tagger
from ner_core.training.compose import Names, hold_out, read_templates

CITIES = ("Rome", "Oslo", "Lima", "Cork", "Fez", "Suva")
NAMES = Names(
    dict.fromkeys(
        (
            *("per", "city", "country", "region", "island", "water", "company", "body", "club", "school", "media"),
            *("institution", "film", "book", "gadget", "car", "building", "law", "prize", "craft", "event", "storm"),
            *("virus", "species", "sky"),
        ),
        CITIES,
    ),
    {},
)


def corpus(name):
    sentence = Sentence(("Ada", "left", name, "."), (Span(0, 1, "per"), Span(2, 3, "geo")), meta=(("genre", "news"),))
    return Corpus(name, (sentence,) * 40, (sentence,), (sentence,), ("geo", "per"))


def test_the_vocabulary_knows_no_case_mixed_word():
    """Then a lower-case name is an unknown word with a lower-cased form that is known, as it is when typed."""
    written, mixed = training_part(corpus("London"), corpus("Paris"), Typed((), (), NAMES))
    assert len(mixed) > len(written)
    assert any("london" in s.words for s in mixed) and not any("london" in s.words for s in written)
    joined = replace(corpus("London"), train=written, dev=())
    tagger = new_tagger(joined, news_recipe())
    assert "london" not in tagger.encoder.words and "london" in tagger.encoder.feature_values["lower"]


def test_the_training_part_repeats_and_can_leave_things_out():
    given = corpus("London"), corpus("Paris"), Typed((), (), NAMES)
    assert training_part(*given) == training_part(*given)
    written, mixed = training_part(*given, mixes=False, replaces=False)
    assert written == mixed
    assert {word for s in mixed for word in s.words} == {"Ada", "left", "London", "Paris", "."}


def test_typing_changes_keep_every_mention():
    sentences = corpus("London").train * 5
    typed = as_typed(sentences, 1)
    assert typed == as_typed(sentences, 1)
    assert any(s.words[-1] != "." for s in typed) and any(len(s) > 4 for s in typed)
    assert all({s.surface(span) for span in s.spans} == {"Ada", "London"} for s in typed)


def test_templates_held_out_are_of_many_kinds():
    kept, held = hold_out(read_templates(), HELD_TEMPLATES)
    assert not set(kept) & set(held)
    assert len({template.kind for template in held}) >= 6


def test_everyday_counts_characters_and_label():
    texts = [
        {
            "kind": "chat",
            "text": "ada in rome",
            "spans": [{"start": 0, "end": 3, "label": "per"}, {"start": 7, "end": 11, "label": "geo"}],
        },
        {"kind": "mail", "text": "hello", "spans": []},
    ]
    found = counts_by(texts, [{(0, 3, "per"), (7, 11, "org")}, {(0, 5, "per")}])
    assert found["kind"] == {"chat": Counts(1, 1, 1), "mail": Counts(0, 1, 0)}
    assert found["label"]["per"] == Counts(1, 1, 0)
    assert total(found["kind"]) == total(found["label"]) == Counts(1, 2, 1)
    page = write_report({"models/news": found}, 2)
    assert "| chat | 2 | 0.500 |" in page and "| **all** | 2 | **0.400** |" in page
