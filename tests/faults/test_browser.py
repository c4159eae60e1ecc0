"""F6 and F2 in a real browser: reloading, closing and going offline harm no training; a new server finds it again.

Skipped where there is no Chromium or no Playwright.
"""

import os
import signal
import time

import pytest

from ner_core.records import TrainConfig
from ner_core.training import event_log, jobs, keeping, runs
from tests.browser.driver import Server, Visitor, end_workers, open_browser, what_is_missing
from tests.faults.conftest import CONLL, HERE, TINY, is_all, times

STUB = HERE.parent / "core" / "training" / "stub_worker.py"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def training(tmp_path, monkeypatch):
    """A pretended training of half an hour that no page has to start."""
    if missing := what_is_missing():
        pytest.skip(missing)
    folder = tmp_path / "served"
    monkeypatch.setenv("NER_LAB_HOME", str(folder / "home"))
    monkeypatch.setenv("NER_LAB_STUB_STEPS", "100000")
    monkeypatch.setenv("NER_LAB_STUB_SECONDS", "0.02")
    monkeypatch.setattr(jobs, "WORKER", (str(STUB),))
    corpus = keeping.store_corpus("mine.conll", CONLL)
    run_id = jobs.start_run(runs.RunConfig(corpus, "mine", hyperparameters=TINY, training=TrainConfig(epochs=20_000)))
    yield folder, runs.read_run(run_id)
    end_workers(folder / "home")


@pytest.mark.timeout(1800)
def test_reload_close_and_offline(training, chance):
    """F6: ten moments, twenty reloads each; the run is on the page again within two seconds, and never disturbed."""
    folder, run = training
    with Server(folder) as server, open_browser() as browser, Visitor(browser, server) as visitor:
        visitor.open("Train", run=run.id)
        visitor.button("Stop").wait_for()
        waits = []
        for _ in range(times(10, 1)):
            time.sleep(chance.uniform(0, 1))
            for _ in range(times(20, 2)):
                visitor.page.reload(wait_until="commit")
                started = time.monotonic()
                visitor.button("Stop").wait_for()
                waits.append(time.monotonic() - started)
        before = len(event_log.read_events(run.folder)[0])
        visitor.new_page()  # the first tab is closed with its websocket
        visitor.open("Train", run=run.id)
        visitor.button("Stop").wait_for()
        visitor.page.context.set_offline(True)
        time.sleep(180 if is_all() else 1)
        visitor.page.context.set_offline(False)
        visitor.open("Train", run=run.id)
        visitor.button("Stop").wait_for()
        assert run.state == "running"
        assert len(event_log.read_events(run.folder)[0]) > before
        assert not visitor.wrong
        waits.sort()
        print(f"{len(waits)} reloads: half within {waits[len(waits) // 2]:.2f} s, the slowest {waits[-1]:.2f} s")
        if is_all():  # on a machine that does nothing else
            assert waits[int(0.95 * len(waits))] <= 2


@pytest.mark.timeout(300)
def test_a_killed_server_is_replaced(training):
    """F2: the server is killed with its page open; another one shows the same run, going on, whole."""
    folder, run = training
    with open_browser() as browser:
        with Server(folder) as server:
            with Visitor(browser, server) as visitor:
                visitor.open("Train", run=run.id)
                visitor.button("Stop").wait_for()
                os.kill(server.pid, signal.SIGKILL)
                server._process.wait()
            server.stop = lambda: None  # leaving must not end the training
        n_before = len(event_log.read_events(run.folder)[0])
        with Server(folder) as server, Visitor(browser, server) as visitor:
            visitor.open("Train", run=run.id)
            visitor.button("Stop").wait_for()
            assert run.state == "running"
            assert len(event_log.read_events(run.folder)[0]) > n_before
            visitor.press("Stop")
            visitor.button("Resume").wait_for()
            assert run.state == "stopped"
