"""A grid of settings: what is trained, found again and told; with a pretended trainer."""

import json
from pathlib import Path

import pytest

from ner_core import __main__ as command_line
from ner_core.records import InputError
from ner_core.training import jobs, runs, sweep

STUB = Path(__file__).with_name("stub_worker.py")
CONLL = b"Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n\n" * 3


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NER_LAB_STANDBY", "0")
    monkeypatch.setenv("NER_LAB_PLACES", "2")
    monkeypatch.delenv("NER_LAB_SCHEDULER", raising=False)
    monkeypatch.setattr(jobs, "WORKER", ("-W", "ignore", str(STUB)))
    (tmp_path / "mine.conll").write_bytes(CONLL)
    return str(tmp_path / "mine.conll")


def run_sweep(corpus, *more):
    return command_line.main(["sweep", "--corpus", corpus, *more])


def test_a_grid_is_trained_with_each_seed_and_compared(corpus, capsys):
    assert run_sweep(corpus, "--grid", "learning_rate=0.001,0.004", "--grid", "dropout=0.3", "--seeds", "1,2") == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].split()[:4] == ["learning_rate", "dropout", "dev", "F1"] and len(lines) == 3
    assert all("2/2" in line for line in lines[1:])
    assert "4 of 4" in shown.err
    found = runs.list_runs()
    assert {(run.config.hyperparameters["learning_rate"], run.config.training.seed) for run in found} == {
        (rate, seed) for rate in (0.001, 0.004) for seed in (1, 2)
    }
    assert all(run.config.training.learning_rate == run.config.hyperparameters["learning_rate"] for run in found)


def test_the_same_command_finds_what_is_done_and_goes_on_with_what_was_broken_off(corpus, capsys, monkeypatch):
    assert run_sweep(corpus, "--grid", "dropout=0.3,0.5") == 0
    done, other = runs.list_runs()
    (other.folder / "events.jsonl").write_bytes(
        b"".join((other.folder / "events.jsonl").read_bytes().splitlines(keepends=True)[:-1])
    )
    assert other.state == "interrupted"
    before = (done.folder / "events.jsonl").read_bytes()
    capsys.readouterr()
    assert run_sweep(corpus, "--grid", "dropout=0.3,0.5,0.4", "--json") == 0
    shown = capsys.readouterr()
    told = json.loads(shown.out)["runs"]
    assert {row["settings"]["dropout"]: row["state"] for row in told} == dict.fromkeys((0.3, 0.5, 0.4), "finished")
    assert {done.id, other.id} < {row["run"] for row in told} and len(runs.list_runs()) == 3
    assert f"{other.id} goes on" in shown.err and (done.folder / "events.jsonl").read_bytes() == before


def test_one_machine_starts_no_more_than_find_a_place(corpus, monkeypatch):
    most = []

    def look(run_id, read=runs.read_run):
        most.append(sum(run.is_active for run in runs.list_runs()))
        return read(run_id)

    monkeypatch.setattr(runs, "read_run", look)
    assert run_sweep(corpus, "--grid", "dropout=0.1,0.2,0.3,0.4,0.5") == 0
    assert max(most) <= 2


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--grid", "dropout"], "--grid dropout"),
        (["--grid", "dropout=much"], "numbers with commas"),
        (["--grid", "dropout=0.1", "--grid", "dropout=0.2"], "each name once"),
        (["--grid", "depth=3"], "No hyperparameter is called so"),
        (["--grid", "dropout=7"], "dropout"),
        (["--grid", "dropout=0.1", "--seeds", "-1"], "Seeds are whole numbers"),
        (["--grid", "dropout=0.1", "--seeds", str(2**31)], "Seeds are whole numbers"),
        (["--grid", "dropout=0.1", "--epochs", "101"], "epochs"),
        (["--grid", "dropout=0.1", "--seeds", "x"], "Seeds are whole numbers"),
        (["--grid", "dropout=0.1", "--recipe", "none-such"], "none-such"),
        (["--grid", "dropout=0.1", "--corpus", "none-such"], "There is no corpus none-such"),
        (["--grid", "dropout=0.1", "--seeds", ",".join(map(str, range(1001)))], "at most 1,000"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_trained(corpus, capsys, more, words):
    assert run_sweep(corpus, *more) == 2
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1
    assert runs.list_runs() == []


@pytest.mark.parametrize("more", [("--epochs", "0"), ("--epochs", "x"), ("--seconds", "-1"), ("--seconds", "nan")])
def test_how_long_is_a_positive_number(corpus, capsys, more):
    with pytest.raises(SystemExit):
        run_sweep(corpus, "--grid", "dropout=0.1", *more)
    assert "positive number" in capsys.readouterr().err


def test_what_the_grid_leaves_open_is_as_the_page_proposes_it(corpus):
    """And `--epochs` counts, but where the grid says it; blanks do not matter."""
    grid = sweep.read_grid(["dropout=0.5"])
    [(settings, config)] = sweep.configs("bilstm-crf", ("newsroom", "Newsroom"), grid, [1], seconds=9.0)
    assert settings == {"dropout": 0.5}
    assert config.hyperparameters == {"epochs": 12, "batch_tokens": 250, "dropout": 0.5}
    assert (config.training.epochs, config.training.batch_tokens, config.training.seconds) == (12, 250, 9.0)
    [(_, fewer)] = sweep.configs("bilstm-crf", ("newsroom", "Newsroom"), grid, [1], epochs=3)
    assert fewer.training.epochs == fewer.hyperparameters["epochs"] == 3
    grid = sweep.read_grid(["epochs=2"])
    [(_, said)] = sweep.configs("bilstm-crf", ("newsroom", "Newsroom"), grid, [1], epochs=3)
    assert said.training.epochs == said.hyperparameters["epochs"] == 2


def test_a_run_that_is_deleted_ends_nothing_but_itself(corpus, capsys, monkeypatch):
    start, started = jobs.start_run, []

    def then_delete(config):
        started.append(start(config))
        if len(started) == 1:
            runs.delete_run(started[0])
        return started[-1]

    monkeypatch.setattr(jobs, "start_run", then_delete)
    assert run_sweep(corpus, "--grid", "dropout=0.1,0.2", "--json") == 0
    told = json.loads(capsys.readouterr().out)["runs"]
    assert {row["run"]: row["state"] for row in told} == dict(zip(started, ("deleted", "finished"), strict=True))


def test_a_grid_is_every_combination():
    assert sweep.read_grid(["dropout=0.1,0.2", "lstm_width=16,32"]) == [
        {"dropout": dropout, "lstm_width": width} for dropout in (0.1, 0.2) for width in (16, 32)
    ]
    with pytest.raises(InputError):
        sweep.read_grid(["=1"])
