"""The app without a browser: empty stores, and a tiny tagger whose every answer is known.

`app` opens the app through `app.py`, as a person does. `tiny_models` is a folder with one model, `news`: a
dictionary in network form (one vector a word, one dense layer), so that no training and no TensorFlow is needed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ner_core.records import GMB_LABELS, Corpus, EncodingConfig, Layer, NetworkConfig, Sentence, Span

ROOT = Path(__file__).parents[2]

KNOWN = (
    Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), spans=(Span(0, 2, "per"), Span(4, 5, "geo"))),
    Sentence(("On", "Monday", "the", "BBC", "met", "her", "."), spans=(Span(1, 2, "tim"), Span(3, 4, "org"))),
)


def save_tiny_model(folder: Path, *, name: str = "News", labels: tuple[str, ...] = GMB_LABELS, **card) -> None:
    """Store a tagger that gives every word of `KNOWN` the tag it has there, and unknown words O."""
    from ner_core.data.tags import spans_to_tags
    from ner_core.tagger.networks import weight_shapes
    from ner_core.tagger.recipes import new_tagger, recipe
    from ner_core.tagger.store import save_tagger

    corpus = Corpus("tiny", KNOWN, KNOWN, KNOWN, labels)
    layers = (Layer("embed", "embed", width=40), Layer("dense", "dense", activation="softmax"))
    base = replace(recipe("bilstm-crf"), encoding=EncodingConfig(), network=NetworkConfig(layers))
    tagger = new_tagger(corpus, base)
    weights = {key: np.zeros(shape, np.float32) for key, shape in weight_shapes(tagger.network).items()}
    vectors = next(array for key, array in weights.items() if key.startswith("embed."))
    kernel = next(array for key, array in weights.items() if array.ndim == 2 and key.startswith("dense."))
    vectors[:, :] = np.eye(*vectors.shape)
    tags = list(tagger.encoder.tags)
    kernel[:, tags.index("O")] = 4
    for sentence in KNOWN:
        for word, tag in zip(sentence.words, spans_to_tags(sentence.spans, len(sentence)), strict=True):
            kernel[tagger.encoder.word_to_id[word], tags.index(tag)] = 12
    save_tagger(replace(tagger, weights=weights, card={**tagger.card, "name": name, **card}), folder)


@pytest.fixture
def stores(tmp_path, monkeypatch) -> Path:
    """An empty home for runs and uploads, and an empty folder of models."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NER_LAB_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("NER_LAB_STANDBY", "0")  # no process with TensorFlow loaded, please
    (tmp_path / "models").mkdir()
    return tmp_path


@pytest.fixture
def tiny_models(stores) -> Path:
    """The folder of models with the tiny tagger in it."""
    save_tiny_model(stores / "models" / "news")
    return stores / "models"


@pytest.fixture
def app(stores):
    """Open the app; `app("try_it", text="...")` opens a page by a deep link."""
    from streamlit.testing.v1 import AppTest

    def open_page(page: str = "home", **query: str) -> AppTest:
        test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
        for name, value in query.items():
            test.query_params[name] = value
        if page != "home":
            test.switch_page(f"pages/{page}.py")
        test.run()
        assert not test.exception, test.exception
        return test

    return open_page
