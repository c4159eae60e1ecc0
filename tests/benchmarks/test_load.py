"""The load test: its arithmetic, and a small class of real sessions that sees everything (or is said to have failed)."""

import argparse
import asyncio
import doctest
import gc
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import load
from ner_core.data.corpus import load_corpus
from ner_core.tagger.recipes import recipe, resize, settings_of, suited
from ner_core.training.runs import RunConfig, create_run
from tests.browser.driver import Server
from tests.core.training import stub_worker

ROOT = Path(__file__).parents[2]


def test_doctests():
    assert doctest.testmod(load).failed == 0


def test_the_report_says_what_failed_and_which_target_was_missed():
    asked = argparse.Namespace(browsers=4, trainings=2, seconds=60.0, idle_minutes=2, cores=2, note="")
    book = load.Book(opening=[0.5, 2.5], rerun=[0.1] * 99 + [0.9], failed=["browser 3: no answer"])
    lesson = load.Lesson(book, base_mb=200.0, full_mb=220.0, idle_mb=[220.0, 240.0, 250.0])
    told = load.report(lesson, asked)
    assert "Failed sessions: 1 of 4" in told and "browser 3: no answer" in told
    assert "| 2 | 0.50 s | 2.50 s | 2.50 s | p95 under 2 s: no |" in told
    assert "| 100 | 0.10 s | 0.10 s | 0.10 s | p95 under 0.3 s: yes |" in told
    assert "| a session (the difference, divided) | 5.0 |" in told
    assert "(+13.6%; growth under 10%: no)" in told


@pytest.fixture
def hold(tmp_path, monkeypatch):
    if sys.platform == "win32":
        pytest.skip("the server is ended by a signal that Windows does not have")
    monkeypatch.setenv("NER_LAB_PLACES", "2")
    monkeypatch.setenv("NER_LAB_CLASS", "1")

    def run(n_browsers):
        with Server(tmp_path) as server:
            training = pretend_to_train(server.home, monkeypatch)
            try:
                return asyncio.run(asyncio.wait_for(_lesson(server, n_browsers), 120))
            finally:
                training.kill()
                training.wait()

    return run


def pretend_to_train(home, monkeypatch):
    """Somebody has started the training that the form proposes: a trainer that only pretends, slowly, without TensorFlow.

    Who asks for the same one watches it, so that a class of browsers can press Start and see a curve in a moment.
    """
    monkeypatch.setenv("NER_LAB_HOME", str(home))
    own = recipe("bilstm-crf")
    proposed, present = settings_of(suited(own, load_corpus())), settings_of(own)
    changed = {name: value for name, value in proposed.items() if value != present[name]}
    training = replace(resize(own, **changed).training, seed=1, seconds=None)
    asked = RunConfig(recipe="bilstm-crf", hyperparameters=changed, training=training, owner=16 * "e")
    monkeypatch.setenv("NER_LAB_STUB_STEPS", "1000")
    monkeypatch.setenv("NER_LAB_STUB_SECONDS", "0.4")
    return subprocess.Popen([sys.executable, stub_worker.__file__, str(create_run(asked).folder)])


async def _lesson(server, n_browsers):
    book = load.Book()
    browsers = [load.Browser(server.port, book) for _ in range(n_browsers)]
    try:
        return book, await asyncio.gather(*(see(browser) for browser in browsers), return_exceptions=True)
    finally:
        for browser in browsers:
            await browser.close()


async def see(browser):
    """A lesson in seconds; returns the run that is watched."""
    await browser.open()
    await browser.go("explore", section="Lengths")
    await browser.until(browser.has_histogram, "the histogram")
    await browser.move_slider()
    await browser.go("train")
    assert not browser.n_points()
    await browser.press("train_start")
    await browser.until(lambda: "run=" in browser.query, "the training")
    await browser.until(lambda: browser.n_points() >= 2, "two points of the curve")
    run = browser.query
    await load.try_sentences(browser, random.Random(1), thinking=(0, 0))
    assert not browser.has_histogram() and not browser.n_points()  # what another page showed is gone
    return run


def test_simulated_browsers_see_histogram_curve_and_names(hold, tmp_path):
    book, watched = hold(3)
    [run] = [folder.name for folder in (tmp_path / "home" / "runs").iterdir()]  # one training for all
    assert watched == [f"run={run}"] * 3, watched
    assert len(book.opening) == 3 and len(book.rerun) == 3 * 7 and book.n_bytes > 10_000


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("NER_LAB_FAULTS") != "all", reason="a lesson by the clock: NER_LAB_FAULTS=all")
def test_a_small_class_sees_all(tmp_path, monkeypatch):
    """With its trainings: opening, histogram, curve points, marked names."""
    monkeypatch.setenv("NER_LAB_CLASS", "1")  # main sets both: they are put back afterwards
    monkeypatch.setenv("NER_LAB_PLACES", "2")
    assert load.main(["--browsers", "3", "--trainings", "1", "--seconds", "60", "--out", str(tmp_path / "l.md")]) == 0
    told = (tmp_path / "l.md").read_text()
    assert "Failed sessions: 0 of 3" in told and "1 trainings were made of 3 requests" in told


def test_pages_opened_at_once_read_their_code_in_turn():
    """Python 3.11 cannot build two syntax trees at once: thirty first visitors must not see its SystemError."""
    from pages._ui import widgets

    path = ROOT / "ner_core" / "records.py"

    def read(number):
        return widgets.source_of(path, "Counts", float(number))  # a new number each time: nothing is remembered

    def switch(*_):
        time.sleep(0)  # a collection within the parser lets another thread begin its own

    before = gc.get_threshold()
    gc.callbacks.append(switch)
    gc.set_threshold(100)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(read, range(40)))) == 1
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(switch)
        widgets.source_of.cache_clear()
