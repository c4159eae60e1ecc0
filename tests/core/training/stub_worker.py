"""The real worker with a trainer that only pretends, so that tests of processes need no TensorFlow.

`NER_LAB_STUB_STEPS` steps of `NER_LAB_STUB_SECONDS` each; an epoch every five steps.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[3]))

from ner_core.records import Counts, EpochDone, Report, RunEnded, RunStarted, StepDone
from ner_core.tagger.networks import weight_shapes
from ner_core.training import worker


def stub_train(tagger, corpus, config, *, probes=(), control=None):
    """Yield the events of a training; weights are drawn from the seed and the epoch."""
    n_steps, seconds = (
        int(os.environ.get("NER_LAB_STUB_STEPS", "10")),
        float(os.environ.get("NER_LAB_STUB_SECONDS", "0")),
    )
    yield RunStarted(len(corpus.train), len(corpus.dev), 1, 5, config)
    epoch = 0
    for step in range(1, n_steps + 1):
        time.sleep(seconds)
        yield StepDone(step, epoch + 1, 1 / step, step * seconds, 7)
        is_told = control() == "stop"
        if step % 5 == 0 or is_told:
            epoch += 1
            random = np.random.default_rng([config.seed, epoch])
            shapes = weight_shapes(tagger.network)
            tagger.weights = {name: random.normal(size=shape).astype("f4") for name, shape in shapes.items()}
            dev = Report(Counts(epoch, 1, 1), {"per": Counts(epoch, 1, 1)}, 1, 6, 5)
            yield EpochDone(epoch, step, 0.1, 0.5, 0.6, 0.9, 0.9, dev, is_best=True)
        if is_told:
            yield RunEnded("stopped", epoch, epoch, 0.1, "Stopped on request.")
            return
    yield RunEnded("finished", epoch, epoch, 0.1, "All epochs are done.")


if __name__ == "__main__":
    worker._import_train = lambda: stub_train
    sys.exit(worker.main())
