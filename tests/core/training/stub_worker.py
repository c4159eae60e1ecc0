"""The real worker with a trainer that only pretends, so that tests of processes need no TensorFlow.

`NER_LAB_STUB_STEPS` steps of `NER_LAB_STUB_SECONDS` each; an epoch every five steps. Its numbers depend on the seed and on
every step before, as a real training's do, and it goes on from a Snapshot.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[3]))

from ner_core.records import Counts, EpochDone, Report, RunEnded, RunStarted, Snapshot, StepDone
from ner_core.tagger.networks import weight_shapes
from ner_core.training import worker

EPOCH_STEPS = 5


def stub_train(tagger, corpus, config, *, probes=(), control=None, keep=None, show=None, start=None):
    """Yield the events of a training; every third epoch is not the best."""
    n_steps, seconds = (
        int(os.environ.get("NER_LAB_STUB_STEPS", "10")),
        float(os.environ.get("NER_LAB_STUB_SECONDS", "0")),
    )
    random, total, history, best = np.random.default_rng(config.seed), np.zeros(64), (), (0, {})
    step, is_told = 0, False
    if start:
        step, history, best, total = start.step, start.history, (start.best_epoch, start.best_weights), start.arrays[0]
        random.bit_generator.state = start.random[1]
    else:
        yield RunStarted(len(corpus.train), len(corpus.dev), 1, EPOCH_STEPS, config)

    def snapshot():
        now = random.bit_generator.state
        within = step % EPOCH_STEPS
        place = (len(history), step, within, step * seconds, "", (now, now), (0.0, 0, 0, 0))
        return Snapshot(*place, best[0], (float(best[0]), 0.0), history, (total,), best[1])

    while step < n_steps and not is_told:
        time.sleep(seconds)
        step += 1
        total = 0.9 * total + random.normal(size=64)
        epoch = len(history) + 1
        yield StepDone(step, epoch, float(abs(total.sum())), step * seconds, 7)
        is_told = control is not None and control() == "stop"
        if step % EPOCH_STEPS == 0 or is_told:
            is_cut_short = step % EPOCH_STEPS != 0
            if is_cut_short and keep:
                keep(snapshot())
            shapes = weight_shapes(tagger.network)
            tagger.weights = {name: np.resize(total, shape).astype("f4") for name, shape in shapes.items()}
            dev = Report(Counts(epoch, 1, 1), {"per": Counts(epoch, 1, 1)}, 1, 6, 5)
            is_best = epoch == 1 or epoch % 3 != 0
            done = EpochDone(epoch, step, 0.1, float(abs(total[0])), 0.6, 0.9, 0.9, dev, is_best=is_best)
            history += (done,)
            best = (epoch, tagger.weights) if is_best else best
            if keep and not is_cut_short:
                keep(snapshot())
            yield done
    tagger.weights = dict(best[1])
    reason, message = ("stopped", "Stopped on request.") if is_told else ("finished", "All epochs are done.")
    yield RunEnded(reason, best[0], len(history), 0.1, message)


if __name__ == "__main__":
    worker._import_train = lambda: stub_train
    sys.exit(worker.main())
