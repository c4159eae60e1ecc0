"""The queue: in the order of arrival, past the dead, and it may be left."""

import json
import threading
import time

import pytest

from ner_core.training import jobs, keeping, places, runs
from ner_core.training.runs import RunConfig
from ner_core.training.worker import run_folder
from tests.core.training.stub_worker import stub_train

CONLL = b"Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n\n" * 3


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def run():
    return runs.create_run(RunConfig(corpus=keeping.store_corpus("mine.conll", CONLL), corpus_name="mine"))


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_one_after_the_other_in_order(run, monkeypatch):
    monkeypatch.setenv("NER_LAB_PLACES", "1")
    order, others = [], [runs.create_run(run.config) for _ in range(3)]

    def work(each):
        with places.wait_for_place(each.id, lambda: None) as has_place:
            assert has_place
            order.append(each.id)
            time.sleep(0.02)
            order.append(each.id)

    with places.wait_for_place(run.id, lambda: None) as has_place:
        assert has_place
        assert not places.has_free_place()
        threads = []
        for n, each in enumerate(others, 1):
            threads.append(threading.Thread(target=work, args=(each,)))
            threads[-1].start()
            wait_for(lambda n=n: len(places.waiting_tickets()) == n)
        assert order == []
    for thread in threads:
        thread.join(20)
    assert order == [each.id for each in others for _ in range(2)]
    assert places.has_free_place()


def test_a_ticket_of_a_dead_worker_does_not_block(run, home, monkeypatch):
    monkeypatch.setenv("NER_LAB_PLACES", "1")
    queue = places.queue_folder()
    queue.mkdir(parents=True)
    (queue / f"{0:020d}.ghost.ticket").write_text(json.dumps({"pid": 2**22 + 5, "start": "1", "boot": ""}))
    (queue / f"{1:020d}.torn.ticket").write_text("{")
    assert run_folder(run.folder, train=stub_train) == "finished"
    assert not list(queue.glob("*.ticket"))


def test_stop_while_waiting(run, monkeypatch):
    monkeypatch.setenv("NER_LAB_PLACES", "1")
    with places.wait_for_place("another", lambda: None):
        thread = threading.Thread(target=run_folder, args=(run.folder,), kwargs={"train": stub_train})
        thread.start()
        wait_for(lambda: run.state == "waiting")
        jobs.stop_run(run.id)
        thread.join(10)
    assert run.state == "stopped"
