"""The worker: one run from its folder, in this process with a pretended trainer, or killed in its own."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ner_core.data.corpus import load_corpus
from ner_core.records import Counts, EpochDone, Report, RunEnded, RunResumed, RunStarted, StepDone, TrainConfig
from ner_core.tagger.store import load_tagger
from ner_core.training import best_epoch, event_log, jobs, keeping, runs, worker
from ner_core.training.event_log import read_events
from ner_core.training.runs import RunConfig
from ner_core.training.worker import run_folder

STUB = Path(__file__).with_name("stub_worker.py")
CONLL = b"Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n\n" * 3


def load_stub():
    import importlib.util

    spec = importlib.util.spec_from_file_location("stub_worker", STUB)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.stub_train


stub_train = load_stub()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def run():
    return runs.create_run(RunConfig(corpus=keeping.store_corpus("mine.conll", CONLL), corpus_name="mine"))


def kinds(folder):
    return [type(event).__name__ for event in read_events(folder)[0]]


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


# --- one run ------------------------------------------------------------------------


def test_a_run_writes_events_and_its_best_tagger(run):
    assert run_folder(run.folder, train=stub_train) == "finished"
    assert run.state == "finished"
    events = kinds(run.folder)
    assert (events[0], events[1], events[-1]) == ("RunStarted", "StepDone", "RunEnded")
    assert events.count("EpochDone") == 2
    tagger = load_tagger(run.best)
    assert tagger.is_trained
    assert (tagger.card["epoch"], tagger.card["f1"]) == (2, pytest.approx(4 / 6))
    assert set(tagger.card["fingerprints"]) == {"train", "dev", "test"}
    assert tagger.card["scored_on"] == "dev, 1 sentences"
    assert tagger.card["by_label"] == {"per": {"tp": 2, "fp": 1, "fn": 1}}
    assert not list(run.folder.rglob("*.tmp"))


def test_a_run_ends_with_a_temperature_fitted_on_dev(tmp_path):
    tagger = load_tagger(Path(__file__).parents[3] / "models" / "news")
    tagger.temperature, corpus = 1.0, load_corpus()
    report = Report(Counts(1, 1, 1), {}, len(corpus.dev), 6, 5)
    epoch = EpochDone(1, 1, 0.1, 0.5, 0.5, 0.9, 0.9, report, is_best=True)
    events = iter([epoch, RunEnded("finished", 1, 1, 0.1)])
    best = tmp_path / "best"
    stored = [
        load_tagger(best) for _ in best_epoch.keep_best(events, tagger, best, corpus=corpus, training=TrainConfig())
    ]
    assert [t.temperature == 1 for t in stored] == [True, False]  # fitted at the end
    assert stored[1].card["calibration"]["temperature"] == pytest.approx(stored[1].temperature, abs=1e-4)
    assert all(np.array_equal(stored[0].weights[name], stored[1].weights[name]) for name in stored[0].weights)


def test_a_fault_in_the_calibration_costs_the_calibration_alone(run, monkeypatch):
    def broken(*_):
        raise IndexError("odd")

    monkeypatch.setattr(best_epoch, "calibrate", broken)
    assert run_folder(run.folder, train=stub_train) == "finished"
    assert load_tagger(run.best).card["epoch"] == 2


def test_settings_reach_the_trainer():
    seen = {}

    def spy(tagger, corpus, config, *, probes, control, **_):
        seen.update(config=config, probes=probes, network=tagger.network, card=tagger.card)
        yield RunEnded("finished", 0, 0, 0.0)

    config = RunConfig("newsroom", "Newsroom", "gmb-bilstm-softmax", True, {"lstm_width": 24}, probes=("Ada",))
    run_folder(runs.create_run(config).folder, train=spy)
    assert [layer.width for layer in seen["network"].layers if layer.kind == "bilstm"] == [24]
    assert seen["card"]["is_published"] is True
    assert "random" in seen["card"]["split"]
    assert seen["probes"] == ("Ada",)
    assert seen["config"].monitor != TrainConfig().monitor  # the recipe's own training


def test_the_training_given_is_the_one_used():
    seen = []

    def spy(tagger, corpus, config, **_):
        seen.append(config)
        yield RunEnded("finished", 0, 0, 0.0)

    wanted = TrainConfig(epochs=2, seed=77, seconds=4.0)
    run_folder(runs.create_run(RunConfig(training=wanted)).folder, train=spy)
    assert seen == [wanted]


def test_given_parts_are_not_dealt_afresh():
    stored = keeping.store_corpus("a.conll", CONLL, dev=("b.conll", CONLL), test=("c.conll", CONLL))
    config = RunConfig(stored, "mine", "gmb-bilstm-softmax", is_published=True)
    _, corpus, _ = worker.build(config)
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (3, 3, 3)


def test_steps_are_thinned_to_ten_a_second(run):
    def quick(tagger, corpus, config, **_):
        for step in range(1, 2001):
            yield StepDone(step, 1, 0.5, 0.1, 7)
        yield RunEnded("finished", 0, 0, 0.0)

    started = time.monotonic()
    run_folder(run.folder, train=quick)
    steps = [event.step for event in read_events(run.folder)[0] if isinstance(event, StepDone)]
    assert steps[0] == 1
    assert 1 <= len(steps) <= 10 * (time.monotonic() - started) + 1


def test_a_file_named_stop_ends_it_and_keeps_the_best(run):
    def until_stopped(tagger, corpus, config, *, probes, control, **_):
        for event in stub_train(tagger, corpus, config, control=control):
            if isinstance(event, StepDone) and event.step == 2:
                jobs.stop_run(run.id)
            yield event

    assert run_folder(run.folder, train=until_stopped) == "stopped"
    assert run.state == "stopped"
    assert load_tagger(run.best).card["epoch"] == 1


def test_stop_before_the_start(run):
    jobs.stop_run(run.id)
    assert run_folder(run.folder, train=stub_train) == "stopped"
    assert kinds(run.folder) == ["RunEnded"]


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (OSError(28, "No space left on device"), "disk is full"),
        (MemoryError(), "memory"),
        (ValueError("The tag B-x is odd. Received: 3."), "tag B-x is odd"),
        (KeyError("word\nline"), "KeyError"),
        (SystemExit(3), "SystemExit"),
    ],
)
def test_a_failure_is_told_in_one_sentence_and_its_traceback_kept(run, problem, words):
    def failing(*_, **__):
        yield RunStarted(1, 1, 1, 1, TrainConfig())
        raise problem

    assert run_folder(run.folder, train=failing) == "failed"
    ended = read_events(run.folder)[0][-1]
    assert words in ended.message
    assert "\n" not in ended.message
    assert "Traceback" not in ended.message
    assert "Traceback" in (run.folder / "worker.log").read_text()
    assert run.state == "failed"


@pytest.mark.parametrize(
    "config", [RunConfig(recipe="nothing"), RunConfig(corpus="0" * 64), RunConfig(hyperparameters={"x": 1})]
)
def test_what_cannot_be_built_fails_kindly(config):
    run = runs.create_run(config)
    assert run_folder(run.folder, train=stub_train) == "failed"
    assert len(read_events(run.folder)[0][-1].message) > 20


def test_a_diverged_run_keeps_its_last_good_epoch(run):
    def diverging(tagger, corpus, config, *, probes, control, **_):
        for event in stub_train(tagger, corpus, config, control=lambda: None):
            if isinstance(event, RunEnded):
                for array in tagger.weights.values():
                    array[:] = float("nan")
                event = RunEnded("diverged", 2, 2, 0.1, "lower the learning rate")
            yield event

    assert run_folder(run.folder, train=diverging) == "diverged"
    assert load_tagger(run.best).is_trained


def test_the_last_epoch_is_kept_where_the_recipe_says_so(run):
    def worse(tagger, corpus, config, *, probes, control, **_):
        for event in stub_train(tagger, corpus, config, control=control):
            if isinstance(event, EpochDone) and event.epoch == 2:
                event = EpochDone(2, 10, 0.1, 0.5, 0.6, 0.9, 0.9, event.dev, is_best=False)
            yield event

    last = runs.create_run(RunConfig(run.config.corpus, training=TrainConfig(keeps_best=False)))
    for chosen, epoch in ((run, 1), (last, 2)):
        run_folder(chosen.folder, train=worse)
        assert load_tagger(chosen.best).card["epoch"] == epoch


def test_without_dev_sentences_the_card_claims_no_score(run):
    def unmeasured(tagger, corpus, config, *, probes, control, **_):
        for event in stub_train(tagger, corpus, config, control=control):
            yield replace(event, dev=Report(Counts(), {})) if isinstance(event, EpochDone) else event

    run_folder(run.folder, train=unmeasured)
    card = load_tagger(run.best).card
    assert card["epoch"] == 2 and not {"f1", "scored_on", "by_label"} & set(card)


@pytest.mark.parametrize(
    ("problem", "is_foreseen"), [(KeyError("x"), False), (ValueError("odd"), True), (OSError(13, "Denied"), True)]
)
def test_only_what_nobody_foresaw_points_to_the_log(run, problem, is_foreseen):
    def failing(*_, **__):
        raise problem
        yield

    run_folder(run.folder, train=failing)
    assert ("worker.log" in read_events(run.folder)[0][-1].message) is not is_foreseen
    assert "worker.log" not in worker.explain(problem)


# --- a process of its own ------------------------------------------------------------------------


def start(folder, steps, seconds=0.02):
    environment = os.environ | {"NER_LAB_STUB_STEPS": str(steps), "NER_LAB_STUB_SECONDS": str(seconds)}
    return subprocess.Popen([sys.executable, str(STUB), str(folder)], env=environment)


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM is POSIX")
def test_sigterm_keeps_the_best_and_says_stopped(run):
    child = start(run.folder, 10_000)
    wait_for(lambda: "StepDone" in kinds(run.folder))
    child.send_signal(signal.SIGTERM)
    assert child.wait(5) == 0
    assert run.state == "stopped"
    assert load_tagger(run.best).is_trained


def test_kill_is_seen_at_once_and_harms_nothing(run):
    child = start(run.folder, 10_000, 0.001)
    wait_for(lambda: kinds(run.folder).count("EpochDone") >= 3)
    child.kill()
    child.wait()
    assert run.state == "interrupted"
    n_epochs = kinds(run.folder).count("EpochDone")
    assert load_tagger(run.best).card["epoch"] >= n_epochs - 1


@pytest.mark.skipif(os.name == "nt", reason="SIGSTOP is POSIX")
def test_a_halted_worker_is_stalled_and_recovers(run, monkeypatch):
    monkeypatch.setattr(runs, "STALL_SECONDS", 1.5)
    child = start(run.folder, 10_000)
    wait_for(lambda: run.state == "running")
    child.send_signal(signal.SIGSTOP)
    wait_for(lambda: run.state == "stalled")
    child.send_signal(signal.SIGCONT)
    wait_for(lambda: run.state == "running")
    child.kill()
    child.wait()


def test_the_heartbeat_says_what_is_done(run):
    phases = []

    def watched(tagger, corpus, config, *, probes, control, **_):
        phases.append(run.state)
        yield RunStarted(1, 1, 1, 1, config)
        yield StepDone(1, 1, 0.5, 0.1, 7)
        phases.append(run.state)
        yield RunEnded("finished", 0, 0, 0.0)

    run_folder(run.folder, train=watched)
    assert phases == ["starting", "running"]


# --- going on ------------------------------------------------------------------------------------


def test_a_stopped_run_goes_on_where_it_stopped(run, monkeypatch):
    asked = iter(range(1, 100))
    monkeypatch.setattr(event_log, "STEPS_A_SECOND", 1e9)

    def stopped_at_seven(*parts, control, **more):
        return stub_train(*parts, control=lambda: "stop" if next(asked) == 7 else control(), **more)

    assert run_folder(run.folder, train=stopped_at_seven) == "stopped"
    assert run_folder(run.folder, train=stub_train) == "finished"
    events = read_events(run.folder)[0]
    resumed = next(event for event in events if isinstance(event, RunResumed))
    assert (resumed.epoch, resumed.step) == (1, 7)
    valid = event_log.valid_events(events)
    assert [event.step for event in valid if isinstance(event, StepDone)] == list(range(1, 11))
    assert [event.epoch for event in valid if isinstance(event, EpochDone)] == [1, 2]
    whole = runs.create_run(run.config)
    assert run_folder(whole.folder, train=stub_train) == "finished"
    one, other = load_tagger(run.best), load_tagger(whole.best)
    assert all((one.weights[name] == array).all() for name, array in other.weights.items())


def test_a_run_is_resumed_from_the_command_line(run, monkeypatch, capsys):
    from ner_core.__main__ import main

    monkeypatch.setattr(worker, "_import_train", lambda: stub_train)
    jobs.stop_run(run.id)
    run_folder(run.folder, train=stub_train)
    assert main(["runs", "--resume", run.id]) == 0
    assert run.state == "finished"
    assert main(["runs", "--resume", run.id]) == 2
    assert "Only one that is interrupted, stopped, failed can be resumed" in capsys.readouterr().err
