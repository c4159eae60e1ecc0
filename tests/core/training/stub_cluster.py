"""A Dask worker's preload: it trains with the pretended trainer. `NER_LAB_STUB_HOST` makes it one of another machine."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from ner_core.training import cluster, machine, places, worker
from tests.core.training.stub_worker import stub_train


def pretend() -> None:
    if name := os.environ.get("NER_LAB_STUB_HOST"):
        machine.machine_name = places.machine_name = lambda: name


def dask_setup(_worker) -> None:
    cluster.RUNNER = ("-W", "ignore", __file__)


if __name__ == "__main__":
    pretend()
    worker._import_train = lambda: stub_train
    sys.exit(cluster.main())
