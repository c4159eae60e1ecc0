"""Watch it learn: a person's sentences at every moment of a run, the slider, playing; and the recordings that ship."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from ner_core.records import FloorsMeasured, ProbesTagged, RunStarted, StepDone
from ner_core.tagger.store import load_tagger
from ner_core.training import people, runs
from ner_core.training.people import owner_of
from ner_core.training.recordings import save_recording
from ner_core.training.snapshots import Album
from pages._ui import session, train_probes, train_recorded
from tests.pages.conftest import save_tiny_model
from tests.pages.test_train import TRAINING, events, make_run, report, words_of

HOSTILE = "<img src=x onerror=alert(1)> met Ada Lovelace in London ."
ADA, BOB = "A" * 43, "B" * 43


def keep_moments(
    run: runs.Run, moments=((0, 1, 0.0, 0.0), (2, 1, 0.4, 0.5), (5, 1, 1.0, 0.9), (10, 2, 1.0, 1.0))
) -> None:
    """Moments of a run: (step, epoch, share, how much of the weights is there)."""
    save_tiny_model(run.folder / "best", name="run")
    tagger = load_tagger(run.folder / "best")
    album = Album(run.folder, replace(tagger, weights={}))
    for step, epoch, share, strength in moments:
        weights = {name: array * strength for name, array in tagger.weights.items()}
        if strength < 1 and "dense.kernel" in weights and step:  # places are learned last
            kernel = weights["dense.kernel"] = weights["dense.kernel"].copy()
            kernel[:, tagger.encoder.tags.index("B-geo")] = 0
        album.show(step, epoch, share, lambda weights=weights: weights, bool(step))


def drawn(test) -> str:
    return "".join(str(html.proto.body) for html in test.get("html"))


def heading(test) -> str:
    return next(m.value for m in test.markdown if m.value.startswith("**Your sentences**"))


def open_run(app, **config):
    run = make_run(**{"probes": ("Ada Lovelace lives in London.",), **config})
    keep_moments(run)
    return run, app("train", run=run.id)


def slider_of(test, run):
    [slider] = [slider for slider in test.select_slider if slider.key.endswith(run.id)]
    return slider


@pytest.mark.parametrize("is_live", [True, False])
def test_what_a_timer_draws_holds_no_second_fragment(app, monkeypatch, is_live):
    made = []
    monkeypatch.setattr(train_probes.st, "fragment", lambda draw, run_every: lambda *told: made.append(run_every))
    monkeypatch.setattr(train_probes, "_draw", lambda run, record, has_timer: made.append("drawn"))
    monkeypatch.setattr(train_probes.session, "recall", lambda *asked: None)
    train_probes.show(make_run(), None, is_live=is_live)
    assert made == (["drawn"] if is_live else [None])


def test_a_run_shows_the_newest_moment_and_the_slider_goes_back(app):
    run, test = open_run(app)
    assert "after epoch 2" in heading(test)
    assert "Ada Lovelace</bdi>" in drawn(test) and "London</bdi>" in drawn(test)
    slider = slider_of(test, run)
    assert list(slider.options) == ["before the first step", "after 2 steps", "after epoch 1", "after epoch 2"]
    slider.set_value(5).run()
    assert not test.exception
    assert "after epoch 1" in heading(test)
    assert "Ada Lovelace</bdi>" in drawn(test) and "London</bdi>" not in drawn(test)
    key = slider_of(test, run).key
    test.run()
    again = slider_of(test, run)
    assert again.key == key and not again.proto.set_value, "a value that is sent undoes what is being dragged"
    slider_of(test, run).set_value(0).run()
    assert "before the first step" in heading(test) and "<mark" not in drawn(test).split("legend")[0]


def test_each_name_tells_since_when_it_is_right(app):
    _, test = open_run(app)
    table = next(frame.value for frame in test.dataframe if "first right" in frame.value)
    assert table[["name", "label", "first right"]].values.tolist() == [
        ["Ada Lovelace", "per", "after 2 steps"],
        ["London", "geo", "after epoch 2"],
    ]


def test_how_sure_it_is_shows_as_opacity(app):
    from ner_core.show.highlight import label_colours

    run, test = open_run(app)
    slider_of(test, run).set_value(2).run()
    ground = label_colours(["per"])["per"].ground
    assert f"background:{ground};" not in drawn(test).split("legend")[0] and f"background:{ground}" in drawn(test)


def test_playing_goes_from_the_first_moment_to_the_last_and_ends(app, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("pages._ui.train_probes.time.monotonic", lambda: now[0])
    run, test = open_run(app)
    test.button(key=f"probes_play_{run.id}").click().run()
    assert "before the first step" in heading(test)
    assert test.button(key=f"probes_play_{run.id}").label == "Pause"
    for seconds, moment in ((0.5, "before the first step"), (0.5, "after 2 steps"), (60, "after epoch 1")):
        now[0] += seconds
        test.run()
        assert moment in heading(test)
    test.button(key=f"probes_play_{run.id}").click().run()  # Pause: it stays
    now[0] += 60
    test.run()
    assert "after epoch 1" in heading(test) and test.button(key=f"probes_play_{run.id}").label == "Play"
    test.button(key=f"probes_play_{run.id}").click().run()
    now[0] += 60
    test.run()
    assert "after epoch 2" in heading(test) and test.button(key=f"probes_play_{run.id}").label == "Play"
    test.button(key=f"probes_play_{run.id}").click().run()  # at the end: from the first one again
    assert "before the first step" in heading(test)
    assert not test.exception


def test_a_live_run_follows_the_newest_moment_until_the_slider_is_moved(app):
    run = make_run(events(1, reason=None), lives=True, probes=("Ada Lovelace lives in London.",))
    keep_moments(run, moments=((0, 1, 0.0, 0.0), (2, 1, 0.4, 0.5)))
    test = app("train", run=run.id)
    assert "after 2 steps" in heading(test)
    keep_moments(run, moments=((0, 1, 0.0, 0.0), (2, 1, 0.4, 0.5), (5, 1, 1.0, 0.9)))
    test.run()
    assert "after epoch 1" in heading(test)
    slider_of(test, run).set_value(2).run()
    keep_moments(run)
    test.run()
    assert "after 2 steps" in heading(test)
    slider_of(test, run).set_value(10).run()
    assert "after epoch 2" in heading(test)
    assert not test.exception


def test_ones_own_sentences_are_private_and_hostile_ones_stay_words(app, stores):
    run, _ = open_run(app, owner=owner_of(BOB))
    people.share(run.id, True)
    first = app("train", run=run.id, me=ADA)
    first.text_area(key=f"probes_typed_{run.id}").set_value(f"{HOSTILE}\n\nLondon").run()
    assert not first.exception
    assert "<img" not in drawn(first) and "<bdi>&lt;</bdi>" in drawn(first) and "London</bdi>" in drawn(first)
    second = app("train", run=run.id, me=BOB)
    assert "img" not in drawn(second) + words_of(second)
    stored = b"".join(path.read_bytes() for path in stores.rglob("*") if path.is_file())
    assert b"onerror" not in stored
    assert all("onerror" not in str(value) for value in first.query_params.values())


def test_without_moments_the_page_says_what_to_do(app):
    run = make_run(events(0, reason="stopped"))
    assert "Run it again to watch" in words_of(app("train", run=run.id))
    run = make_run([], lives=True)
    assert "when the network is built" in words_of(app("train", run=run.id))


def test_with_an_emptied_box_the_page_says_so(app):
    run, test = open_run(app)
    test.text_area(key=f"probes_typed_{run.id}").set_value(" ").run()
    assert not test.exception
    assert "No sentence to watch" in words_of(test) and "No name is found" not in words_of(test)


@pytest.mark.parametrize("way", ["remove", "delete_mine", "clear"])
def test_sentences_of_a_deleted_run_leave_the_memory(app, stores, monkeypatch, way):
    from streamlit.testing.v1 import AppTest

    from pages._ui import person, teach_panel, train_live, train_probes

    cleared = []
    monkeypatch.setattr(train_probes, "_tag_for_all", type("Cache", (), {"clear": lambda self: cleared.append(1)})())
    monkeypatch.setattr(person.st, "rerun", lambda: None)
    run = make_run()
    if way == "remove":
        monkeypatch.setattr(person, "check_manages", lambda run_id: None)
        act = lambda: train_live.remove(run.id)  # noqa: E731
    else:
        act = person.delete_mine if way == "delete_mine" else teach_panel._clear
    monkeypatch.setattr(train_live, "act_of_test", act, raising=False)

    def page():
        from pages._ui import train_live

        train_live.act_of_test()

    assert not AppTest.from_function(page).run().exception
    assert cleared


def test_a_damaged_moment_is_left_out(app):
    run = make_run(probes=("Ada Lovelace lives in London.",))
    keep_moments(run)
    (run.folder / "snapshots" / "step-00000005.npz").write_bytes(b"x")
    test = app("train", run=run.id)
    assert list(slider_of(test, run).options) == ["before the first step", "after 2 steps", "after epoch 2"]


# --- recordings ---------------------------------------------------------------------------------


def probe(*spans):
    words = ["Ada", "Lovelace", "lives", "in", "London", "."]
    starts = [0, 4, 13, 19, 22, 28]
    text = "Ada Lovelace lives in London."
    return {"text": text, "words": words, "starts": starts, "spans": spans, "confidences": [0.7] * len(spans)}


@pytest.fixture
def recorded(stores):
    """A recording of 10 seconds in two epochs."""
    log = [RunStarted(50, 10, 1234, 5, TRAINING), ProbesTagged(1, 0, (probe(),)), FloorsMeasured(report(0), report(7))]
    for event in events(2)[2:]:
        if isinstance(event, ProbesTagged):
            event = ProbesTagged(event.epoch, event.step, (probe([0, 2, "per"]),))
        log.append(event)
        if isinstance(event, StepDone) and event.step == 2:
            log.append(ProbesTagged(1, 2, (probe(),)))
    config = runs.RunConfig("gmb", "GMB", "gmb-bilstm-softmax", True, training=TRAINING, probes=(probe()["text"],))
    save_recording(stores / "models" / "recorded" / "softmax", config, log, created=1.0)


def test_the_list_of_runs_names_the_recordings_and_one_plays(app, recorded, monkeypatch):
    test = app("runs")
    assert "gmb\\-bilstm\\-softmax as published on GMB" in words_of(test)
    assert "2 epochs in 5.0 s, entity F1" in words_of(test).replace("\\", "")
    test.button(key="watch_softmax").click().run()
    assert not test.exception
    assert test.query_params["run"] == "recorded:softmax"


def test_a_recording_replays_in_ten_seconds_and_again(app, recorded, monkeypatch):
    now = [500.0]
    monkeypatch.setattr("ner_core.training.recordings.Clock.__init__.__defaults__", (10.0, lambda: now[0]))
    test = app("train", run="recorded:softmax")
    assert "before the first step" in heading(test)
    now[0] += 5.1
    test.run()
    assert "step 5 of 15" in test.get("progress")[0].proto.text.replace("\\", "")
    assert "after epoch 1" in heading(test) and "Ada Lovelace</bdi>" in drawn(test)
    now[0] += 5.0
    test.run()
    assert "after epoch 2" in heading(test)
    assert "15 of 20 names" in words_of(test)
    assert len(test.get("vega_lite_chart")) == 3
    assert not [
        area for area in test.text_area if area.key.startswith("probes_typed")
    ]  # no weights, no other sentences
    test.button(key="recorded_again").click().run()
    assert "before the first step" in heading(test)
    assert not test.exception


def test_train_your_own_opens_the_form_with_its_settings(app, recorded):
    test = app("train", run="recorded:softmax")
    test.button(key="recorded_own").click().run()
    assert not test.exception
    assert test.selectbox(key="train_recipe").value == "gmb-bilstm-softmax"
    assert "Newsroom is chosen" in test.error[0].value.replace("\\", "")
    assert session.run_id.__name__ and "run" not in test.query_params


def test_the_form_offers_a_recording_to_who_has_no_run(app, recorded):
    assert any(each.label.startswith("No run yet") for each in app("train").expander)
    assert not any(each.label.startswith("No run yet") for each in (make_run(), app("train"))[1].expander)


def test_an_unknown_recording_is_told(app):
    assert "no recorded run" in app("train", run="recorded:../../etc").error[0].value.replace("\\", "")
    assert not train_recorded.recordings()


def test_a_second_look_at_a_run_reads_no_weights(app, monkeypatch):
    _, test = open_run(app)
    from pages._ui import train_probes

    monkeypatch.setattr(train_probes, "tagger_at", lambda *_: pytest.fail("read again"))
    started = time.monotonic()
    test.run()
    assert not test.exception and "after epoch 2" in heading(test) and time.monotonic() - started < 20
