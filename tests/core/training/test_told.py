"""What a person tells a run that goes on: pause, go on, another learning rate, stop; and a loss that grows."""

import json
import math
import os
import random
import threading
import time
from dataclasses import replace

import pytest

from ner_core.records import EpochDone, RunEnded, RunResumed, RunTold, StepDone
from ner_core.training import classroom, event_log, jobs, machine, runs
from ner_core.training.event_log import read_events
from ner_core.training.runs import RunConfig, RunError
from ner_core.training.trend import Trend
from ner_core.training.wishes import Wishes
from ner_core.training.worker import run_folder

STEP = {"epoch": 1, "loss": 0.5, "seconds": 0.1, "n_tokens": 7}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NER_LAB_CLASS", raising=False)


@pytest.fixture
def run():
    return runs.create_run(RunConfig())


def go_on():
    return None


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


# --- the files of a run's folder ------------------------------------------------------------


def test_stop_goes_before_pause_and_pause_before_a_rate(run):
    jobs.set_learning_rate(run.id, 0.25)
    jobs.pause_run(run.id)
    wishes = Wishes(run.folder, go_on, 0)
    assert wishes() == "pause"
    jobs.continue_run(run.id)
    assert wishes() == 0.25
    wishes.take(RunTold(1, 0.1, "rate", 0.25))
    assert wishes() is None and runs.wanted_rate(run.folder) is None
    jobs.pause_run(run.id)
    assert Wishes(run.folder, lambda: "stop", 0)() == "stop"


def test_a_rate_that_is_changed_again_meanwhile_is_not_lost(run):
    wishes = Wishes(run.folder, go_on, 0)
    jobs.set_learning_rate(run.id, 0.25)
    assert wishes() == 0.25
    jobs.set_learning_rate(run.id, 0.5)
    wishes.take(RunTold(1, 0.1, "rate", 0.25))
    assert wishes() == 0.5


def test_a_rate_that_comes_just_as_the_old_one_is_taken_away_is_not_lost(run, monkeypatch):
    wishes = Wishes(run.folder, go_on, 0)
    jobs.set_learning_rate(run.id, 0.25)
    look = runs.wanted_rate

    def changed_after(*place):
        monkeypatch.setattr("ner_core.training.wishes.wanted_rate", look)
        found = look(*place)
        jobs.set_learning_rate(run.id, 0.5)
        return found

    monkeypatch.setattr("ner_core.training.wishes.wanted_rate", changed_after)
    wishes.take(RunTold(1, 0.1, "rate", 0.25))
    assert wishes() == 0.5 and not (run.folder / "rate.taken").exists()


def test_a_disk_that_lets_no_wish_go_ends_nothing_and_repeats_nothing(run, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("NER_LAB_CLASS", "1")
    monkeypatch.setattr(classroom, "PAUSE_SECONDS", 0.0)
    wishes = Wishes(run.folder, go_on, 0)
    jobs.set_learning_rate(run.id, 0.25)
    with monkeypatch.context() as context:
        context.setattr(type(run.folder), "replace", refuse)
        context.setattr(type(run.folder), "unlink", refuse)
        assert wishes() == 0.25
        wishes.take(RunTold(1, 0.1, "rate", 0.25))
        assert wishes() is None
        (run.folder / "pause").touch()
        assert wishes() is None
        monkeypatch.setattr(classroom, "PAUSE_SECONDS", 1e-9)
        assert wishes() is None  # the same pause, which is over
    jobs.set_learning_rate(run.id, 0.5)
    assert wishes() == 0.5


@pytest.mark.parametrize("rate", [0.0, -1.0, 1.5, 1e-6, math.nan, math.inf])
def test_a_rate_at_which_nothing_learns_is_refused(run, rate):
    with pytest.raises(jobs.JobError, match="lies between"):
        jobs.set_learning_rate(run.id, rate)
    assert runs.wanted_rate(run.folder) is None


@pytest.mark.parametrize("content", [b"", b"0.1", b'{"learning_rate": "0.1"}', b'{"learning_rate": 1e99}', b"{"])
def test_a_damaged_wish_is_none(run, content):
    (run.folder / "rate").write_bytes(content)
    assert Wishes(run.folder, go_on, 0)() is None


def test_nobody_tells_a_run_that_is_not_there():
    for tell in (jobs.pause_run, jobs.continue_run, lambda run_id: jobs.set_learning_rate(run_id, 0.1)):
        with pytest.raises(RunError, match="no run"):
            tell("20260101-000000-0123456789abcdef")


def test_in_a_class_a_pause_ends_by_itself(run, monkeypatch):
    monkeypatch.setenv("NER_LAB_CLASS", "1")
    monkeypatch.setattr(classroom, "PAUSE_SECONDS", 0.05)
    jobs.pause_run(run.id)
    wishes = Wishes(run.folder, go_on, 0)
    assert wishes() == "pause"
    wait_for(lambda: wishes() is None)
    assert not runs.is_told_to_pause(run.folder)


def test_after_a_kill_the_rates_are_set_again_after_the_same_steps(run):
    log = event_log.EventLog(run.folder)
    for event in (RunTold(3, 0.1, "rate", 0.1), RunTold(7, 0.2, "rate", 0.2), RunTold(9, 0.2, "rate", 0.4)):
        log.write(event)
    log.close()
    wishes, told = Wishes(run.folder, go_on, 5), {}
    for step in range(6, 12):
        wishes.take(StepDone(step, **STEP))
        if (rate := wishes()) is not None:
            told[step] = rate
    assert told == {7: 0.2, 9: 0.4}


def test_a_wish_that_was_fulfilled_just_before_the_kill_is_not_fulfilled_twice(run):
    log = event_log.EventLog(run.folder)
    log.write(RunTold(3, 0.1, "rate", 0.1))
    log.close()
    jobs.set_learning_rate(run.id, 0.1)
    assert Wishes(run.folder, go_on, 5)() is None


def test_a_run_that_was_changed_is_not_joined_by_who_asks_for_the_same():
    config = RunConfig(owner="ada")
    run = runs.create_run(config)
    (run.folder / "worker.json").write_text(json.dumps(machine.identify(os.getpid())))
    runs.write_file(run.folder / "heartbeat", b'{"phase": "running"}')
    assert classroom.find_same(replace(config, owner="bob")).id == run.id
    log = event_log.EventLog(run.folder)
    log.write(RunTold(3, 0.1, "paused"))
    assert classroom.find_same(config) is not None
    log.write(RunTold(3, 0.1, "rate", 0.1))
    log.close()
    assert classroom.find_same(config) is None


def test_the_command_line_pauses_and_lets_go_on(run):
    from ner_core.__main__ import main

    assert main(["runs", "--pause", run.id]) == 0 and runs.is_told_to_pause(run.folder)
    assert main(["runs", "--continue", run.id]) == 0 and not runs.is_told_to_pause(run.folder)
    assert main(["runs", "--pause", "../x"]) == 2


# --- the worker -----------------------------------------------------------------------------


def obedient(tagger, corpus, config, *, control, **_):
    """Steps without end that do what they are told, as `train` does."""
    for step in range(1, 100_000):
        time.sleep(0.002)
        yield StepDone(step, **STEP)
        told = control()
        if told == "pause":
            yield RunTold(step, 0.1, "paused")
            while (told := control()) == "pause":
                time.sleep(0.005)
            yield RunTold(step, 0.1, "continued", 0.1)
        if told == "stop":
            break
        if told is not None:
            yield RunTold(step, 0.1, "rate", told)
    yield RunEnded("stopped", 0, 0, 0.1)


def test_a_run_is_paused_goes_on_and_is_stopped_while_it_waits(run):
    thread = threading.Thread(target=run_folder, args=(run.folder,), kwargs={"train": obedient})
    thread.start()
    try:
        wait_for(lambda: run.state == "running")
        assert runs.memory_mb(run.folder) > 10
        jobs.pause_run(run.id)
        wait_for(lambda: run.state == "paused")
        assert run.is_active
        n_steps = [event.step for event in read_events(run.folder)[0] if isinstance(event, StepDone)][-1]
        jobs.set_learning_rate(run.id, 0.5)
        jobs.continue_run(run.id)
        wait_for(lambda: run.state == "running" and runs.wanted_rate(run.folder) is None)
        jobs.pause_run(run.id)
        wait_for(lambda: run.state == "paused")
        jobs.stop_run(run.id)
        asked = time.monotonic()
        wait_for(lambda: run.state == "stopped")
        assert time.monotonic() - asked < 1
    finally:
        jobs.stop_run(run.id)
        thread.join()
    told = [event for event in read_events(run.folder)[0] if isinstance(event, RunTold)]
    assert [event.what for event in told] == ["paused", "continued", "rate", "paused", "continued"]
    assert told[2].value == 0.5 and told[2].step >= n_steps


def test_resume_does_not_begin_with_an_old_pause(run, monkeypatch):
    jobs.pause_run(run.id)
    log = event_log.EventLog(run.folder)
    log.write(RunEnded("stopped", 0, 0, 0.1))
    log.close()
    (run.folder / "worker.json").write_text('{"pid": 0, "start": "", "boot": ""}')
    monkeypatch.setattr(jobs, "_hand_over", lambda run: None)
    jobs.resume_run(run.id)
    assert not runs.is_told_to_pause(run.folder)


def test_what_was_told_of_void_steps_is_void():
    told = [RunTold(3, 0.1, "rate", 0.1), RunTold(7, 0.2, "rate", 0.2), RunResumed(1, 5, 0.1)]
    assert event_log.valid_events(told) == [told[0], told[2]]


# --- the training ---------------------------------------------------------------------------


def told_by(answers):
    """A control that answers by step; one answer an asking, as a list may hold several."""
    asked = {"n": 0}

    def control():
        asked["n"] += 1
        return answers.get(asked["n"])

    return control


def without_time(event):
    """The event, its clock aside."""
    changes = {"seconds": 0.0} if hasattr(event, "seconds") else {}
    if isinstance(event, RunTold) and event.what == "continued":
        changes["value"] = 0.0
    return repr(replace(event, **changes, **({"peak_mb": 0.0} if isinstance(event, RunEnded) else {})))


@pytest.fixture
def trained():
    """How the tiny corpus is trained: four epochs of a few steps, the rate falling to a tenth."""
    pytest.importorskip("tensorflow")
    from ner_core.tagger.recipes import new_tagger
    from ner_core.training.train import train
    from tests.core.training.test_train import TINY, small

    def start(**options):
        chosen = small(epochs=4)
        tagger = new_tagger(TINY, chosen)
        config = replace(chosen.training, final_rate=0.1, batch_tokens=12)
        return tagger, list(train(tagger, TINY, config, **options))

    return start


def test_a_pause_is_no_training_time_and_changes_nothing_else(trained):
    asked = []

    def control():
        asked.append(time.monotonic())
        return "pause" if 3 <= len(asked) < 14 else None

    _, plain = trained()
    _, paused = trained(control=control)
    waited = [event for event in paused if isinstance(event, RunTold)]
    assert [event.what for event in waited] == ["paused", "continued"]
    assert waited[1].value > 0.3 and waited[1].seconds == waited[0].seconds
    after = next(event for event in paused if isinstance(event, StepDone) and event.step > waited[0].step)
    assert after.seconds - waited[0].seconds < waited[1].value
    others = [event for event in paused if not isinstance(event, RunTold)]
    assert [without_time(event) for event in others if not isinstance(event, RunEnded)] == [
        without_time(event) for event in plain if not isinstance(event, RunEnded)
    ]


def test_a_new_rate_counts_from_the_next_step_and_falls_on(trained):
    _, events = trained(control=told_by({3: 0.5}))
    rates = [event.learning_rate for event in events if isinstance(event, StepDone)]
    before = [event.learning_rate for event in trained()[1] if isinstance(event, StepDone)]
    assert rates[:3] == before[:3] and rates[3] == pytest.approx(0.5)
    assert [after / rates[3] for after in rates[3:]] == pytest.approx([after / before[3] for after in before[3:]])
    assert all(event.gradient_norm > 0 for event in events if isinstance(event, StepDone))


def test_resumed_after_a_change_it_ends_as_if_never_broken_off(trained, tmp_path):
    from ner_core.training.checkpoints import last_checkpoint, save_checkpoint

    whole, events = trained(control=told_by({2: 0.05, 5: 0.01}))
    folder = tmp_path / "20260101-000000-0123456789abcdef"
    folder.mkdir()
    _, first = trained(control=told_by({2: 0.05, 3: "stop"}), keep=lambda snapshot: save_checkpoint(folder, snapshot))
    start, _ = last_checkpoint(folder)
    assert start.step == 3 and start.learning_rate > 0.05
    again, rest = trained(control=told_by({2: 0.01}), start=start)
    for name, array in whole.weights.items():
        assert (array == again.weights[name]).all(), name
    steps = [without_time(event) for event in (*first, *rest) if isinstance(event, StepDone)]
    assert steps == [without_time(event) for event in events if isinstance(event, StepDone)]


def test_a_loss_that_grows_ends_the_run_and_names_the_knob(trained):
    from ner_core.tagger.recipes import new_tagger
    from ner_core.training.train import train
    from tests.core.training.test_train import TINY, small

    chosen = small(epochs=60)
    config = replace(chosen.training, learning_rate=5.0, clip_norm=0.0, batch_tokens=12)
    events = list(train(new_tagger(TINY, chosen), TINY, config))
    assert events[-1].reason == "diverged"
    assert "The loss grows" in events[-1].message and "lower the learning rate (it was 5" in events[-1].message


def test_the_score_wall_is_measured_after_every_epoch(trained):
    from ner_core.scores.report import score_wall
    from ner_core.tagger.predict import predict
    from tests.core.training.test_train import TINY

    tagger, events = trained()
    done = [event for event in events if isinstance(event, EpochDone)]
    kept = next(event for event in done if event.epoch == events[-1].best_epoch)
    wall = score_wall(predict(tagger, TINY.dev))
    assert kept.accuracy_without_o == pytest.approx(wall["accuracy_without_o"].value)
    assert kept.weighted_f1 == pytest.approx(wall["weighted_token_f1"].value)


# --- how the loss goes ------------------------------------------------------------------------


def grows_at(losses):
    trend = Trend()
    return next((step for step, loss in enumerate(losses, 1) if trend.grows(loss)), None)


@pytest.mark.parametrize("seed", range(5))
def test_a_training_that_goes_well_is_never_called_diverged(seed):
    """Falling losses that waver by half, down to nearly nothing, and one that hangs high: none of them grows."""
    chance = random.Random(seed)
    noise = [chance.uniform(0.5, 1.5) for _ in range(5000)]
    assert grows_at(2.8 * noise[i] / (1 + i / 20) for i in range(5000)) is None
    assert grows_at(1e-4 + 2.8 * noise[i] * math.exp(-i / 50) for i in range(5000)) is None
    assert grows_at(0.7 * each for each in noise) is None


def test_a_lost_network_that_says_o_everywhere_is_left_to_its_scores():
    assert grows_at([2.2, 1.1, 0.6, *[0.1] * 200, *[0.8] * 500]) is None


def test_a_climb_is_called_within_a_hundred_steps_and_one_bad_batch_is_not():
    assert 300 < grows_at([2.2 / (1 + i) for i in range(300)] + [0.5 * 1.1**i for i in range(200)]) < 400
    assert grows_at([2.8, *[50.0] * 100]) == 31
    assert grows_at([2.8] * 20 + [500.0] + [0.5] * 500) is None
