"""F1, F2, F8, F9 and F16 with the real trainer: Keras, its optimizer, its dropout."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ner_core.records import Corpus, EpochDone, RunEnded, Sentence, Span, StepDone, TrainConfig
from ner_core.tagger.store import load_tagger
from ner_core.training import event_log, keeping, runs, worker
from tests.faults.conftest import new_run, times, wait_for

SMALL = {"word_width": 8, "lstm_width": 8}
TRAINING = TrainConfig(epochs=4, seed=3, batch_tokens=12, word_dropout=0.2, clip_norm=5.0, final_rate=0.1)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kill -9 and resource limits are POSIX")


def lines(n=40):
    """A small corpus with sentences of several lengths."""
    names = ("Ada", "Bob", "Cyd", "Dee", "Eva")
    rows = []
    for i in range(n):
        rows += [
            f"{names[i % 5]}\tB-per",
            *(["quickly\tO"] * (i % 3)),
            "left\tO",
            f"{('Rome', 'Paris')[i % 2]}\tB-geo",
            "",
        ]
    return "\n".join([*rows, ""]).encode()


def keras_run():
    stored = keeping.store_corpus("mine.conll", lines())
    return runs.create_run(runs.RunConfig(stored, "mine", hyperparameters=SMALL, training=TRAINING))


def start(run):
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    with (run.folder / "worker.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "ner_core.training.worker", str(run.folder)],
            cwd=runs.PROJECT,
            env=environment,
            stdout=log,
            stderr=log,
        )


def weights_of(run):
    tagger = load_tagger(run.best)
    return tagger.card["epoch"], {name: array.tobytes() for name, array in tagger.weights.items()}


def last_step(run):
    return max((event.step for event in event_log.read_events(run.folder)[0] if isinstance(event, StepDone)), default=0)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "how", [pytest.param(signal.SIGKILL, id="kill"), pytest.param(signal.SIGTERM, id="SIGTERM", marks=pytest.mark.slow)]
)
def test_a_resumed_training_ends_with_the_same_weights(chance, how):
    """Ten on demand: the process is ended at a random step, another one goes on; every weight agrees to the bit."""
    whole = keras_run()
    assert start(whole).wait(300) == 0
    epochs = [event for event in event_log.read_events(whole.folder)[0] if isinstance(event, EpochDone)]
    for _ in range(times(10, 1)):
        run = keras_run()
        child = start(run)
        goal = chance.randrange(1, 40)  # of 44 steps
        wait_for(lambda run=run, goal=goal, child=child: last_step(run) >= goal or child.poll() is not None, 240)
        child.send_signal(how)
        child.wait(60)
        assert run.state in ("interrupted", "stopped", "finished")
        assert start(run).wait(300) == 0
        assert run.state == "finished"
        assert weights_of(run) == weights_of(whole)
        told = event_log.valid_events(event_log.read_events(run.folder)[0])
        again = [event for event in told if isinstance(event, EpochDone)]
        assert [(e.epoch, e.step, e.train_loss, e.dev_loss, e.dev) for e in again] == [
            (e.epoch, e.step, e.train_loss, e.dev_loss, e.dev) for e in epochs
        ]


ADA = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
TINY_CORPUS = Corpus("tiny", 4 * (ADA,), (ADA,), (), ("geo", "per"))


def test_a_loss_that_is_no_number_is_called_diverged(monkeypatch):
    """F9: after a good epoch the learning rate explodes; the best epoch stays, and the knob is named."""
    from ner_core.training import train as training

    run = new_run(training=TrainConfig(epochs=3, seed=1))
    real = training._Run._take_step

    def explode(self, batch, done, n_steps):
        if self.n_epochs:
            for variable in self.network.trainable_variables:
                variable.assign(variable * float("inf"))
        return real(self, batch, done, n_steps)

    monkeypatch.setattr(training._Run, "_take_step", explode)
    assert worker.run_folder(run.folder) == "diverged"
    ended = event_log.read_events(run.folder)[0][-1]
    assert isinstance(ended, RunEnded) and "lower the learning rate" in ended.message
    assert run.state == "diverged"
    assert load_tagger(run.best).card["epoch"] == 1
    assert worker.run_folder(run.folder) == "diverged"  # and is not tried again by itself


@pytest.mark.parametrize("rate", [1e3, 1e30])
def test_a_learning_rate_of_a_thousand(rate):
    """F9: it may survive; it may not claim what is not finite."""
    run = new_run(training=TrainConfig(epochs=2, seed=1, learning_rate=rate))
    assert worker.run_folder(run.folder) in ("diverged", "finished")
    if run.best:
        assert load_tagger(run.best).is_trained  # loading refuses what is not finite


def test_memory_that_is_used_up_is_told_with_the_knob(zygote, monkeypatch):
    """F8: the trainer fails alone; other runs go on; the sentence names what to lower."""
    other = new_run(seed=5)
    pid = zygote.start(other, steps=100_000, seconds=0.01)
    wait_for(lambda: other.state == "running")

    def greedy(*_, **__):
        raise MemoryError
        yield

    run = new_run()
    assert worker.run_folder(run.folder, train=greedy) == "failed"
    message = event_log.read_events(run.folder)[0][-1].message
    assert "memory is used up" in message and "fewer words a step" in message
    assert other.state == "running"
    os.kill(pid, signal.SIGKILL)
    zygote.end()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    os.environ.get("NER_LAB_FAULTS") != "all", reason="one real process short of memory: only on demand"
)
def test_a_process_short_of_memory_ends_alone():
    """F8 in earnest: a million sentences a step under RLIMIT_AS."""
    stored = keeping.store_corpus("mine.conll", lines(60_000))
    training = TrainConfig(epochs=1, seed=1, batch_size=10**6, batch_tokens=0)
    run = runs.create_run(runs.RunConfig(stored, "mine", hyperparameters={"lstm_width": 300}, training=training))

    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))

    log = (run.folder / "worker.log").open("ab")
    child = subprocess.Popen(
        [sys.executable, "-m", "ner_core.training.worker", str(run.folder)],
        cwd=runs.PROJECT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=log,
        stderr=log,
        preexec_fn=limited,
    )
    child.wait(500)
    log.close()
    assert run.state in ("failed", "interrupted")
    if run.state == "failed":
        assert "memory" in event_log.read_events(run.folder)[0][-1].message


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="only Linux chooses whom to end for memory")
def test_the_trainer_is_ended_before_the_server(zygote):
    """F8: a worker that is a process of its own offers itself first."""
    run = new_run()
    stub = Path(__file__).parents[1] / "core" / "training" / "stub_worker.py"
    environment = os.environ | {"NER_LAB_STUB_STEPS": "100000", "NER_LAB_STUB_SECONDS": "0.01"}
    child = subprocess.Popen([sys.executable, str(stub), str(run.folder)], env=environment)
    wait_for(lambda: run.state == "running")
    assert Path(f"/proc/{child.pid}/oom_score_adj").read_text().strip() == "1000"
    assert json.loads((run.folder / "worker.json").read_text())["pid"] == child.pid
    child.kill()
    child.wait()
