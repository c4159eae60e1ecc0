"""Sentences made from templates: the lists that ship can be read, every slot is filled, and spans lie on the names."""

import random
import re
from functools import cache

import pytest

from ner_core.records import GMB_LABELS, InputError, Span
from ner_core.training.compose import (
    CORPORA,
    Names,
    Template,
    compose,
    draw,
    fill,
    hold_out,
    hold_out_names,
    make_up,
    name_pools,
    read_names,
    read_templates,
)

NAMES = Names(
    {
        "given.a": ("Ada", "Ama"),
        "family.a": ("Asante",),
        "given.b": ("Bo",),
        "family.b": ("Berg",),
        "title": ("Dr.",),
        "per": ("{given} {family}",),
        "city": ("Rome", "New York"),
        "school": ("University of {city}",),
        "time": ("{1-12}:{10-59}",),
    },
    {"given": "per", "family": "per", "per": "per", "title": "per", "city": "geo", "school": "org", "time": "tim"},
)


@cache
def shipped():
    return read_names(), read_templates()


def spans_of(sentence):
    return [(sentence.surface(span), span.label) for span in sentence.spans]


def test_the_lists_that_ship_have_every_label_and_are_long():
    names, templates = shipped()
    assert {names.labels[section] for section in names.sections} == {*GMB_LABELS, ""}
    sizes = dict.fromkeys((*GMB_LABELS, ""), 0)
    for section, entries in names.sections.items():
        sizes[names.labels[section]] += len(entries)
    assert all(sizes[label] >= 300 for label in ("geo", "per", "org", "art", "tim", "gpe"))
    assert len(templates) >= 600


def test_every_slot_of_the_lists_that_ship_can_be_filled():
    names, templates = shipped()
    for section in names.sections:
        for entry in names.sections[section]:
            for slot in re.findall(r"\{([^{}]+)\}", entry):
                assert draw(names, slot, random.Random(1)), f"{section}: {entry}"
    for template in templates:
        for slot in re.findall(r"\{([^{}]+)\}", template.text):
            assert names.labels.get(slot.removeprefix("#")) in (*GMB_LABELS, ""), template.text
        assert not re.search(r"[{}\[\]|]", re.sub(r"\{[^{}]+\}|\[[^\[\]|]+\|\w+\]", "", template.text)), template.text


def test_no_template_stands_twice():
    texts = [template.text for template in shipped()[1]]
    assert len(texts) == len(set(texts))


def test_literal_marks_have_a_label_of_the_corpus():
    for template in shipped()[1]:
        for label in re.findall(r"\|(\w+)\]", template.text):
            assert label in GMB_LABELS, template.text


def test_no_template_is_an_everyday_text():
    """The test set is compared by a machine, so that nobody has to read it."""
    import json

    path = CORPORA.parents[1] / "benchmarks" / "everyday.jsonl"
    texts = {json.loads(line)["text"].lower() for line in path.read_text(encoding="utf-8").splitlines()}
    mine = {re.sub(r"\[([^\[\]|]+)\|\w+\]", r"\1", template.text).lower() for template in shipped()[1]}
    assert not texts & mine


def test_slots_are_filled_and_marked():
    [sentence] = fill("Hi {given}, the {school} opens at {time}.", NAMES, random.Random(3))
    labels = [span.label for span in sentence.spans]
    assert labels == ["per", "org", "tim"]
    assert sentence.surface(sentence.spans[1]).startswith("University of ")


def test_a_title_and_a_name_in_two_slots_are_one_mention():
    [sentence] = fill("{title} {family} came.", NAMES, random.Random(1))
    assert sentence.spans == (Span(0, 2, "per"),)


def test_words_of_no_label_are_no_mention_and_part_two_names():
    names = Names({"given.a": ("Ada",), "did": ("met",)}, {"given": "per", "did": ""})
    [sentence] = fill("{given} {did} {given}", names, random.Random(1))
    assert sentence.text == "Ada met Ada"
    assert sentence.spans == (Span(0, 1, "per"), Span(2, 3, "per"))


def test_a_text_that_cuts_a_name_in_two_is_given_up():
    assert fill("[Yes. No|art] it is", NAMES, random.Random(1)) == []


def test_two_names_of_other_labels_stay_two():
    [sentence] = fill("{city} {time}", NAMES, random.Random(1))
    assert [span.label for span in sentence.spans] == ["geo", "tim"]


def test_a_person_has_both_names_from_one_origin():
    drawn = {draw(NAMES, "per", random.Random(seed)) for seed in range(60)}
    assert drawn == {"Ada Asante", "Ama Asante", "Bo Berg"}


def test_hashtags_and_literal_marks():
    [sentence] = fill("{#city} in [May|tim]", Names({"city": ("New York",)}, {"city": "geo"}), random.Random(1))
    assert spans_of(sentence) == [("#NewYork", "geo"), ("May", "tim")]


def test_a_mark_inside_a_word_takes_the_whole_word():
    [sentence] = fill("three {city}s", Names({"city": ("Rome",)}, {"city": "geo"}), random.Random(1))
    assert spans_of(sentence) == [("Romes", "geo")]


def test_a_text_of_two_sentences_becomes_two():
    found = fill("I saw {given}. {given} waved.", NAMES, random.Random(1))
    assert [len(sentence.spans) for sentence in found] == [1, 1]


def test_lower_kinds_are_lower_and_avoid_everyday_words():
    names = Names({"place": ("US", "Peru")}, {"place": "geo"})
    texts = {fill("Go to {place}", names, random.Random(i), kind="chat lower")[0].text for i in range(30)}
    assert texts == {"go to peru"}


def test_capitals_are_capitals():
    [sentence] = fill("Go to {city}", NAMES, random.Random(1), kind="capitals")
    assert sentence.text in ("GO TO ROME", "GO TO NEW YORK")
    assert [span.label for span in sentence.spans] == ["geo"]


def test_an_unknown_slot_says_which():
    with pytest.raises(InputError, match="planet"):
        fill("On {planet}", NAMES, random.Random(1))


def test_names_before_the_first_section_say_where(tmp_path):
    (tmp_path / "geo.txt").write_text("Rome; Oslo\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"geo\.txt, line 1"):
        read_names(tmp_path)


def test_the_same_seed_composes_the_same():
    templates = (Template("{given} met {given} in {city}.", "plain"), Template("Rain.", "none"))
    first, again, other = (compose(templates, NAMES, seed, times=6) for seed in (1, 1, 2))
    assert first == again != other
    assert len(set(first)) == len(first)
    assert sum(sentence.text == "Rain ." or sentence.text == "Rain." for sentence in first) == 1


def test_made_up_names_are_new_and_look_like_names():
    names = shipped()[0]
    made = [make_up(names, "city", random.Random(seed)) for seed in range(100)]
    known = set(names.sections["city"])
    assert sum(name not in known for name in made) > 60
    assert all(re.fullmatch(r"[^\W\d_]{4,}.*", name) and name[0].isupper() for name in made)


def test_held_out_names_are_on_one_side_and_patterns_on_both():
    names = shipped()[0]
    kept, held = hold_out_names(names, 0.1)
    cities = set(kept.sections["city"]), set(held.sections["city"])
    assert not cities[0] & cities[1]
    assert cities[0] | cities[1] == set(names.sections["city"])
    assert "University of {city}" in kept.sections["school"] and "University of {city}" in held.sections["school"]
    assert kept.sections["month"] == held.sections["month"] == names.sections["month"]


def test_hold_out_keeps_its_parts_when_a_list_grows():
    short, longer = hold_out(list(range(100)), 0.2), hold_out(list(range(200)), 0.2)
    assert set(short[1]) <= set(longer[1]) and 5 < len(short[1]) < 40


def test_pools_hold_names_cut_as_text_is():
    pools = name_pools(NAMES, {"geo": ("city",), "org": ("school",)}, 1, n=30)
    assert set(pools["geo"]) == {("Rome",), ("New", "York")}
    assert all(words[:2] == ("University", "of") for words in pools["org"])
