"""How the shipped model's training part is made, what its card must tell, and how the reports on it count."""

import json
from dataclasses import replace

import pytest

from benchmarks import ablation, make_models
from benchmarks.calibration import bins_before_and_after, errors, known_to
from benchmarks.everyday import counts_by, total, write_report
from benchmarks.make_models import HELD_TEMPLATES, ROOT, Typed, as_typed, measure, news_recipe, page, training_part
from benchmarks.rare import write_report as write_rare
from ner_core.data.corpus import fingerprints, load_corpus
from ner_core.records import GMB_LABELS, Corpus, Counts, Sentence, Span
from ner_core.scores.calibration import calibration_error, outcomes
from ner_core.tagger.predict import predict
from ner_core.tagger.recipes import new_tagger
from ner_core.tagger.store import load_tagger
from ner_core.training.compose import Names, hold_out, read_templates

SHIPPED = ROOT / "models" / "news"
MOST_BYTES = 15_000_000
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


def test_the_everyday_report_names_the_model_it_was_given():
    found = counts_by([{"kind": "chat", "text": "ada", "spans": [{"start": 0, "end": 3, "label": "per"}]}], [set()])
    page = write_report({"models/mine": found}, 1)
    assert "`models/mine`: precision" in page and "| kind | mentions | models/mine |" in page
    assert "models/news" not in page


# --- what ships -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped():
    return load_tagger(SHIPPED)


def test_the_shipped_folder_is_small():
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) <= MOST_BYTES


def test_the_card_names_data_licences_and_limits(shipped):
    data = " ".join(shipped.card["data"])
    assert all(word in data for word in ("GMB", "ODbL", "Newsroom", "CC BY 4.0", "templates"))
    assert all(word in shipped.card["limits"] for word in ("English only", "Do not use it"))


def test_the_card_holds_scores_by_label_with_counts(shipped):
    scores = shipped.card["scores"]
    assert set(scores) == {"GMB test", "Newsroom test"}
    for part in scores.values():
        assert set(part["by_label"]) == set(GMB_LABELS)
        assert all({"tp", "fp", "fn"} == set(found) for found in part["by_label"].values())
        counts = sum((Counts(**found) for found in part["by_label"].values()), Counts())
        assert part["f1"] == pytest.approx(counts.f1, abs=1e-4)


def test_the_card_holds_every_slice(shipped):
    slices = shipped.card["slices"]
    cases = {"GMB dev", "GMB dev, lower case", "GMB dev, capitals", "GMB dev, title case"}
    genres = {f"Newsroom test, {dict(sentence.meta)['genre']}" for sentence in load_corpus("newsroom").test}
    assert set(slices) == cases | genres | {"templates and names held out"}
    for part in (*slices.values(), *shipped.card["scores"].values()):
        assert part["sentences"] > 0 and 0 < part["f1"] <= 1 and 0 <= part["recall_unseen"] <= 1


def test_the_card_holds_calibration_on_the_test_parts(shipped):
    fit = shipped.card["calibration"]
    assert fit["temperature"] == pytest.approx(shipped.temperature, abs=1e-4)
    assert set(fit["test"]) == {"GMB test", "Newsroom test"}
    for name, found in fit["test"].items():
        assert found["n_sentences"] == shipped.card["scores"][name]["sentences"]
        marked = shipped.card["scores"][name]["by_label"].values()
        assert found["n_spans"] >= sum(
            counts["tp"] + counts["fp"] for counts in marked
        )  # some are too unsure to be shown
        assert 0 < found["error_after"] < found["error_before"]


def test_the_card_tells_how_to_make_the_model_again(shipped):
    made = shipped.card["made"]
    assert set(make_models.settings()) < set(made) and {"command", "recipe", "training"} < set(made)
    assert (made["recipe"], made["training"]["seed"]) == (shipped.card["recipe"], shipped.card["seed"])
    assert made["n_read"] == shipped.card["n_train"] and made["training"]["epochs"] >= shipped.card["best_epoch"]


def test_the_page_is_written_from_the_card(shipped):
    assert (SHIPPED / "CARD.md").read_text(encoding="utf-8") == page(shipped.card)


def test_measuring_again_fits_nothing_and_keeps_how_it_was_made(shipped, tmp_path, monkeypatch):
    given = corpus("London")
    monkeypatch.setattr(make_models, "typed_sentences", lambda: Typed((), given.dev, NAMES))
    measure(replace(shipped, card=dict(shipped.card)), str(tmp_path), given, given)
    again = load_tagger(tmp_path)
    assert again.temperature == shipped.temperature and again.card["made"] == shipped.card["made"]
    assert (
        again.card["scores"]["GMB test"]["sentences"]
        == again.card["calibration"]["test"]["GMB test"]["n_sentences"]
        == 1
    )


# --- how sure, how often right -----------------------------------------------------------------


def test_before_is_temperature_1_and_after_the_stored_one(shipped):
    sentences = load_corpus("newsroom").test[:60]
    found = errors(shipped, sentences)
    for when, temperature in (("before", 1.0), ("after", shipped.temperature)):
        told = outcomes(predict(replace(shipped, temperature=temperature, threshold=0.0), sentences))
        assert found[f"error_{when}"] == pytest.approx(calibration_error(*told), abs=1e-5)
    assert found["error_before"] != found["error_after"] and found["n_sentences"] == 60
    assert len(bins_before_and_after(shipped, sentences)["after"]) == 15


def test_only_the_split_it_was_trained_on_counts():
    one, other = corpus("London"), corpus("Oslo")
    at_hand = {"one": one, "other": other, "one, split otherwise": replace(one, train=one.test, test=one.train)}
    assert list(known_to({"trained_on": {"GMB": fingerprints(one)}}, at_hand)) == ["one"]
    assert list(known_to({"fingerprints": fingerprints(other)}, at_hand)) == ["other"]
    assert known_to({}, at_hand) == {}


def test_the_shipped_card_names_newsroom_as_it_ships(shipped):
    newsroom = load_corpus("newsroom")
    assert list(known_to(shipped.card, {"Newsroom": newsroom})) == ["Newsroom"]


# --- stored runs --------------------------------------------------------------------------------


def test_an_ablation_of_other_settings_is_not_taken_again(tmp_path, monkeypatch):
    variants = ablation.VARIANTS
    digest = ablation.digest_of(variants["all"], 1, {"GMB": "a"})
    assert digest == ablation.digest_of(variants["all"], 1, {"GMB": "a"})
    others = [
        ablation.digest_of(variants["all"], 2, {"GMB": "a"}),
        ablation.digest_of(variants["all"], 1, {"GMB": "b"}),
        *(ablation.digest_of(variant, 1, {"GMB": "a"}) for name, variant in variants.items() if name != "all"),
    ]
    monkeypatch.setattr(make_models, "TEMPLATE_TIMES", make_models.TEMPLATE_TIMES + 1)
    others.append(ablation.digest_of(variants["all"], 1, {"GMB": "a"}))
    monkeypatch.undo()
    monkeypatch.setattr(ablation, "CODE", ablation.CODE[1:])
    others.append(ablation.digest_of(variants["all"], 1, {"GMB": "a"}))
    assert len({digest, *others}) == len(others) + 1
    path = tmp_path / "all-1.json"
    assert ablation.stored(path, digest) is None
    path.write_text(json.dumps({"GMB dev": 0.8, "digest": digest}))
    assert ablation.stored(path, digest)["GMB dev"] == 0.8
    assert ablation.stored(path, others[0]) is None
    path.write_text(json.dumps({"GMB dev": 0.8}))  # stored before digests were
    assert ablation.stored(path, digest) is None


def test_a_run_is_made_of_all_that_training_builds_on():
    found = ablation.chapters("ner_core.training.train")
    assert {"ner_core.training.train", "ner_core.tagger.crf", "ner_core.tagger.encode", "ner_core.records"} <= found


def test_rare_labels_are_told_with_median_and_range():
    def run(seed, times, tp):
        counts = {label: [tp, 1, 1] for label in ("all", "geo", "per")}
        return {"seed": seed, "times": times, "steps": 10 * seed, "seconds": 1.0, "dev": counts, "test": counts}

    several = [run(seed, times, seed) for seed in (1, 2, 3) for times in (1, 8)]
    told = write_rare(corpus("London"), several, "fast")
    assert "median of seeds 1, 2, 3 (lowest to highest)" in told
    assert "| geo | 40 | 2 | 66.7 (50.0 to 75.0) | 66.7 (50.0 to 75.0) |" in told
    assert "| up to 8 times | 20 | 1 |" in told
    alone = write_rare(corpus("London"), several[:2], "fast")
    assert "seed 1 alone" in alone and "| geo | 40 | 2 | 50.0 | 50.0 |" in alone
