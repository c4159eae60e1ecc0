"""Storing taggers: the same comes back; a kill, a flipped bit or a hostile folder never gives a wrong one."""

import json
import os
import random
import time
import tracemalloc
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from ner_core.records import Corpus, Sentence, Span
from ner_core.tagger import store
from ner_core.tagger.archive import MANIFEST, StoreError
from ner_core.tagger.networks import weight_shapes
from ner_core.tagger.recipes import RECIPES, new_tagger, recipe
from ner_core.tagger.store import broken_models, list_models, load_tagger, save_tagger

ADA = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
CORPUS = Corpus("tiny", (ADA, Sentence(("Lovelace", "a \u2028", "naïve", "<b>"))), (ADA,), (ADA,), ("geo", "per"))


def random_tagger(name="bilstm-crf", *, published=False, seed=0, corpus=CORPUS):
    tagger = new_tagger(corpus, recipe(name, published=published))
    random_numbers = np.random.default_rng(seed)
    shapes = weight_shapes(tagger.network)
    tagger.weights = {n: random_numbers.normal(size=shape).astype(np.float32) for n, shape in shapes.items()}
    tagger.temperature, tagger.threshold = 1.25, 0.4
    return tagger


def sign(folder: Path) -> None:
    """Write a manifest that agrees with the files, as an attacker would."""
    files = {n: (folder / n).read_bytes() for n in store.FILES}
    about = {n: {"bytes": len(data), "sha256": sha256(data).hexdigest()} for n, data in files.items()}
    (folder / MANIFEST).write_text(json.dumps({"version": 1, "files": about}))


def rewrite(folder: Path, name: str, change) -> None:
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))
    sign(folder)


@pytest.fixture
def folder(tmp_path):
    return save_tagger(random_tagger(), tmp_path / "model")


# --- there and back -------------------------------------------------------------------


@pytest.mark.parametrize(("name", "published"), list(RECIPES))
def test_every_recipe_comes_back_equal(tmp_path, name, published):
    tagger = random_tagger(name, published=published)
    again = load_tagger(save_tagger(tagger, tmp_path / "model"))
    assert again.encoder == tagger.encoder
    assert again.network == tagger.network
    assert (again.temperature, again.threshold, again.card) == (1.25, 0.4, tagger.card)
    assert list(again.weights) == list(tagger.weights)
    for weight, array in tagger.weights.items():
        assert np.array_equal(again.weights[weight], array)
        assert not again.weights[weight].flags.writeable


def test_half_a_surrogate_pair_in_a_word_comes_back(tmp_path):
    tagger = random_tagger(corpus=replace(CORPUS, train=(ADA, Sentence(("odd \ud800",)))))
    assert load_tagger(save_tagger(tagger, tmp_path / "m")).encoder.words == tagger.encoder.words


def test_same_tagger_same_bytes(tmp_path):
    first, second = (save_tagger(random_tagger(), tmp_path / name) for name in "ab")
    assert all((first / n).read_bytes() == (second / n).read_bytes() for n in (*store.FILES, MANIFEST))


def test_model_json_can_be_read_by_a_person(folder):
    text = (folder / "model.json").read_text()
    assert '"recipe": "bilstm-crf"' in text
    assert text.count("\n") > 50
    assert sorted(p.name for p in folder.iterdir()) == sorted([*store.FILES, MANIFEST])


def test_saving_leaves_other_files_alone(tmp_path):
    (tmp_path / "README.md").write_text("my notes")
    save_tagger(random_tagger(), tmp_path)
    save_tagger(random_tagger(seed=1), tmp_path)
    assert (tmp_path / "README.md").read_text() == "my notes"


def test_card_may_hold_numpy_numbers_and_no_number(tmp_path):
    tagger = random_tagger()
    tagger.card |= {"f1": np.float32(0.5), "loss": float("nan"), "seeds": (1, 2)}
    card = load_tagger(save_tagger(tagger, tmp_path / "m")).card
    assert (card["f1"], card["loss"], card["seeds"]) == (0.5, None, [1, 2])


@pytest.mark.parametrize("spoil", ["untrained", "lacks one", "wrong shape", "not finite"])
def test_what_could_not_be_opened_is_not_saved(tmp_path, spoil):
    tagger = random_tagger()
    first = next(iter(tagger.weights))
    if spoil == "untrained":
        tagger.weights = {}
    elif spoil == "lacks one":
        del tagger.weights[first]
    elif spoil == "wrong shape":
        tagger.weights[first] = tagger.weights[first][:-1]
    else:
        tagger.weights[first][0] = np.inf
    with pytest.raises(StoreError):
        save_tagger(tagger, tmp_path / "model")
    assert not (tmp_path / "model").exists()


# --- a kill at any moment ---------------------------------------------------------------


class Killed(BaseException):
    pass


def test_killed_at_any_write_or_rename_the_old_or_the_new_is_there(tmp_path, monkeypatch):
    old, new = random_tagger(seed=1), random_tagger(seed=2)
    weight = next(iter(old.weights))
    outcomes = []
    for n in range(1, 100):
        folder = save_tagger(old, tmp_path / str(n))
        operations = iter(range(1, 1000))

        def count(real, operations=operations, n=n):
            def operation(*arguments, **options):
                if next(operations) >= n:
                    raise Killed
                return real(*arguments, **options)

            return operation

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", count(Path.replace))
            patch.setattr(os, "fsync", count(os.fsync))
            patch.setattr(Path, "open", count(Path.open))
            try:
                save_tagger(new, folder)
                died = False
            except Killed:
                died = True
        found = load_tagger(folder).weights[weight]
        is_old, is_new = (np.array_equal(found, t.weights[weight]) for t in (old, new))
        assert is_old or is_new
        outcomes.append("new" if is_new else "old")
        save_tagger(new, folder)  # and the next saving clears up
        assert sorted(p.name for p in folder.iterdir()) == sorted([*store.FILES, MANIFEST])
        if not died:
            break
    assert not died
    assert outcomes == sorted(outcomes, reverse=True)  # old ... old, new ... new: one moment of commit
    assert {"old", "new"} <= set(outcomes)


def test_readers_never_meet_a_half_saved_tagger(tmp_path):
    """A reader in another thread, while the tagger is saved over and over."""
    from concurrent.futures import ThreadPoolExecutor

    taggers = [random_tagger(seed=seed) for seed in (1, 2)]
    weight = next(iter(taggers[0].weights))
    folder = save_tagger(taggers[0], tmp_path / "model")
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: [save_tagger(taggers[i % 2], folder) for i in range(12)])
        n_read = 0
        while not writing.done():
            found = load_tagger(folder).weights[weight]
            assert any(np.array_equal(found, t.weights[weight]) for t in taggers)
            n_read += 1
    assert n_read and writing.result()


def test_threads_may_write_one_file_at_once(tmp_path):
    """Thirty pupils upload one file: every one of them ends with a whole file, and nothing is left over."""
    from concurrent.futures import ThreadPoolExecutor

    contents = [bytes([n]) * 10_000 for n in range(30)]
    for is_durable in (True, False):
        with ThreadPoolExecutor(30) as pool:
            list(pool.map(lambda data: store.write_file(tmp_path / "x", data, is_durable=is_durable), contents * 3))  # noqa: B023
        assert (tmp_path / "x").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


# --- damage: never silently wrong -----------------------------------------------------------


@pytest.mark.parametrize("name", [*store.FILES, MANIFEST])
def test_a_truncated_file_is_refused(folder, name):
    data = (folder / name).read_bytes()
    for length in (0, 1, len(data) // 2, len(data) - 1):
        (folder / name).write_bytes(data[:length])
        with pytest.raises(StoreError):
            load_tagger(folder)


@pytest.mark.parametrize("name", store.FILES)
def test_a_flipped_bit_is_refused(folder, name):
    data, dice = (folder / name).read_bytes(), random.Random(7)
    for _ in range(25):
        place, bit = dice.randrange(len(data)), 1 << dice.randrange(8)
        flipped = bytearray(data)
        flipped[place] ^= bit
        (folder / name).write_bytes(flipped)
        with pytest.raises(StoreError, match="changed after it was saved"):
            load_tagger(folder)


@pytest.mark.parametrize("name", [*store.FILES, MANIFEST])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(StoreError, match=name):
        load_tagger(folder)


def test_a_file_of_another_model_is_refused(folder, tmp_path):
    other = save_tagger(random_tagger(seed=3), tmp_path / "other")
    (folder / "weights.npz").write_bytes((other / "weights.npz").read_bytes())
    with pytest.raises(StoreError, match="SHA-256"):
        load_tagger(folder)


def test_no_folder_and_an_empty_folder(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        load_tagger(tmp_path / "nothing")
    with pytest.raises(StoreError, match="no stored tagger"):
        load_tagger(tmp_path)


# --- hostile: refused before anything large is made ---------------------------------------------


def set_width(content):
    content["network"]["layers"][0]["width"] = 30_000_000


def set_size(content):
    content["network"]["sizes"][0][1] = 5_000_000


HOSTILE_MODELS = {
    "config bomb": set_width,
    "table too large": set_size,
    "unknown layer": lambda c: c["network"]["layers"][0].update(kind="lambda"),
    "unknown key": lambda c: c["network"].update(module="os"),
    "negative rate": lambda c: c["network"]["layers"][1].update(rate=-0.5),
    "flag as text": lambda c: c["network"].update(is_masked="yes"),
    "no layers": lambda c: c["network"].update(layers=[]),
    "layers as text": lambda c: c["network"].update(layers="embed"),
    "a path as name": lambda c: c["network"]["layers"][0].update(name="../../x"),
    "two layers of one name": lambda c: c["network"]["layers"].append(c["network"]["layers"][0]),
    "more tags than the network": lambda c: c["network"].update(n_tags=1),
    "temperature zero": lambda c: c.update(temperature=0),
    "threshold above one": lambda c: c.update(threshold=1.1),
    "first id beyond the table": lambda c: c["encoder"]["config"].update(first_id=16),
    **{
        f"unknown {key}": lambda c, key=key: c["encoder"]["config"].update({key: "odd"})
        for key in ("vocabulary_from", "tokenizer", "order", "tag_order", "unknown", "pad_side", "pad_word", "pad_tag")
    },
    "unknown feature": lambda c: c["encoder"]["config"].update(features=["soul"]),
    "an activation that prediction lacks": lambda c: c["network"]["layers"][-2].update(activation="tanh"),
    "card no object": lambda c: c.update(card=[]),
    "another program's file": lambda c: c.update(format="pickle"),
    "newer form": lambda c: c.update(version=2),
}


@pytest.mark.parametrize("attack", HOSTILE_MODELS)
def test_a_hostile_model_json_is_refused_quickly_and_small(folder, attack):
    rewrite(folder, "model.json", HOSTILE_MODELS[attack])
    tracemalloc.start()
    started = time.perf_counter()
    with pytest.raises(StoreError) as refusal:
        load_tagger(folder)
    seconds, (_, peak) = time.perf_counter() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 1  # tracing included
    assert peak < 50e6
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["tags"].__setitem__(0, "B-odd"),
        lambda c: c["tags"].__setitem__(1, "O"),
        lambda c: c["feature_values"].update(soul=["a", "b"]),
        lambda c: c["feature_values"].update(shape=["<pad>"]),
    ],
    ids=["no O", "O twice", "unknown feature", "a feature without <unk>"],
)
def test_a_vocabulary_that_could_not_be_used_is_refused(folder, change):
    rewrite(folder, "vocab.json", change)
    with pytest.raises(StoreError, match=r"vocab\.json"):
        load_tagger(folder)


def test_an_archive_that_is_only_resigned_opens(folder):
    """So that the refusals above are for what is hostile, not for the signing."""
    sign(folder)
    assert load_tagger(folder).is_trained


def test_more_words_than_the_network_has_rows(folder):
    rewrite(folder, "vocab.json", lambda content: content["words"].extend(map(str, range(1000))))
    with pytest.raises(StoreError, match="words"):
        load_tagger(folder)


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
def test_links_are_not_followed(folder):
    (folder / "vocab.json").rename(folder / "elsewhere.json")
    (folder / "vocab.json").symlink_to(folder / "elsewhere.json")
    with pytest.raises(StoreError, match=r"vocab\.json"):
        load_tagger(folder)


# --- lists ------------------------------------------------------------------------------------------


def test_list_models_names_good_ones_and_tells_broken_ones(tmp_path):
    tagger = random_tagger()
    tagger.card |= {"f1": 0.75, "name": "Ours"}
    save_tagger(tagger, tmp_path / "one")
    save_tagger(random_tagger("gmb-bilstm-softmax", published=True), tmp_path / "run-7" / "best")
    broken = save_tagger(tagger, tmp_path / "broken")
    (broken / "weights.npz").write_bytes(b"")
    (tmp_path / "unrelated").mkdir()
    infos = {info.name: info for info in list_models(tmp_path)}
    assert set(infos) == {"Ours", "run-7"}
    assert (infos["Ours"].f1, infos["Ours"].recipe, infos["Ours"].corpus) == (0.75, "bilstm-crf", "tiny")
    assert infos["run-7"].is_published
    [problem] = broken_models(tmp_path)
    assert problem.folder == broken
    assert "weights.npz" in problem.problem
    assert list_models(tmp_path / "nowhere") == []


def test_a_newer_setting_is_told(folder):
    def add(content):
        content["encoder"]["config"]["subwords"] = True

    rewrite(folder, "model.json", add)
    with pytest.raises(StoreError, match=r"subwords.*Update"):
        load_tagger(folder)


def test_an_older_model_without_a_later_setting_opens(folder):
    rewrite(folder, "model.json", lambda content: content["encoder"]["config"].pop("order"))
    assert load_tagger(folder).encoder.config == replace(random_tagger().encoder.config, order="frequency")
