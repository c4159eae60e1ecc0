"""The GMB corpus, read once for all tests of this folder (skipped where it is not beside the checkout)."""

import os
import time
from pathlib import Path

import pytest

from ner_core.data.corpus import load_corpus
from ner_core.records import SplitConfig

CORPORA = Path(os.environ.get("NER_LAB_CORPORA", Path(__file__).parents[4] / "shared" / "corpora"))


@pytest.fixture(scope="session")
def corpora():
    """The folder of the real corpora."""
    if not (CORPORA / "gmb").exists():
        pytest.skip("the real corpora are not beside the checkout")
    return CORPORA


@pytest.fixture(scope="session")
def gmb(corpora):
    """(GMB with the common split, processor seconds it took to read it)."""
    start = time.process_time()
    corpus = load_corpus(
        corpora / "gmb" / "ner_dataset.csv.xz", split=SplitConfig("random", test=0.2, dev=0.08, seed=1)
    )
    return corpus, time.process_time() - start
