"""What a person keeps: a model outlives its run, an uploaded corpus is read again, the same for the same files."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ner_core.records import Corpus, Sentence, Span
from ner_core.tagger.networks import weight_shapes
from ner_core.tagger.recipes import new_tagger, recipe
from ner_core.tagger.store import load_tagger, save_tagger
from ner_core.training import keeping, runs
from ner_core.training.runs import RunConfig, RunError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def run():
    return runs.create_run(RunConfig())


# --- models ------------------------------------------------------------------------------------------


@pytest.fixture
def trained(run):
    """The run, with a tagger of drawn weights as its best."""
    ada = Sentence(("Ada", "sleeps"), (Span(0, 1, "per"),))
    tagger = new_tagger(Corpus("tiny", (ada,), (), (), ("per",)), recipe("bilstm-crf"))
    random = np.random.default_rng(1)
    tagger.weights = {
        name: random.normal(size=shape).astype("f4") for name, shape in weight_shapes(tagger.network).items()
    }
    save_tagger(tagger, run.folder / "best")
    return run


def test_a_kept_model_outlives_its_run(trained, home):
    folder = keeping.keep_model(trained, " My <b> best\nmodel ")
    assert folder == home / "models" / "my-b-best-model"
    runs.delete_run(trained.id)
    kept = load_tagger(folder)
    assert kept.is_trained and kept.card["name"] == "My <b> best model"


def test_a_name_is_kept_once_however_many_ask(trained):
    def keep(_):
        try:
            return keeping.keep_model(trained, "mine")
        except RunError as problem:
            return str(problem)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(keep, range(8)))
    refused = [answer for answer in answers if isinstance(answer, str)]
    assert len(refused) == 7 and all("kept already" in answer for answer in refused)
    assert load_tagger(runs.model_roots()[1] / "mine").card["name"] == "mine"


def test_what_cannot_be_kept_is_told_and_leaves_no_folder(run, trained, home, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keeping, "save_tagger", full)
    with pytest.raises(RunError, match="No space left"):
        keeping.keep_model(trained, "mine")
    (run.folder / "best" / "MANIFEST.json").unlink()
    with pytest.raises(RunError, match="no stored tagger"):
        keeping.keep_model(run, "mine")
    assert list((home / "models").iterdir()) == []


# --- corpora ----------------------------------------------------------------------------------------

CONLL = b"Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n\nHello\tO\n"


def test_a_stored_corpus_is_read_again(home):
    first = keeping.store_corpus("mine.conll", CONLL)
    assert keeping.store_corpus("mine.conll", CONLL) == first
    assert keeping.store_corpus("mine.conll", CONLL, test=("t.conll", CONLL)) != first
    corpus = keeping.load_stored_corpus(first)
    assert corpus.name == "mine"
    assert len(corpus.sentences) == 2
    assert len(list((home / "corpora").iterdir())) == 2


def test_thirty_may_upload_the_same_file_at_once(home):
    with ThreadPoolExecutor(30) as pool:
        [stored] = set(pool.map(lambda _: keeping.store_corpus("mine.conll", CONLL), range(60)))
    assert sorted(p.name for p in (home / "corpora" / stored).iterdir()) == ["corpus.json", "train"]
    assert len(keeping.load_stored_corpus(stored).sentences) == 2


def test_given_parts_stay(home):
    stored = keeping.store_corpus("a.conll", CONLL, dev=("../b.conll", CONLL), test=("c.conll", CONLL))
    corpus = keeping.load_stored_corpus(stored)
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (2, 2, 2)
    assert sorted(p.name for p in (home / "corpora" / stored).iterdir()) == ["corpus.json", "dev", "test", "train"]


@pytest.mark.parametrize("name", ["", "..", "0" * 64, "newsroom"])
def test_an_unknown_corpus_is_refused(name):
    with pytest.raises(RunError, match="no stored corpus"):
        keeping.load_stored_corpus(name)
