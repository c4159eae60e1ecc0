"""Every recipe makes a tagger, and changes within its bounds."""

import pytest

from ner_core.records import Corpus, Sentence, Span
from ner_core.tagger.encode import fit_encoder
from ner_core.tagger.networks import weight_shapes
from ner_core.tagger.recipes import (
    BOUNDS,
    RECIPE_NAMES,
    RECIPES,
    figures_apply,
    new_tagger,
    recipe,
    resize,
    settings_of,
    suited,
)

ADA = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
CORPUS = Corpus("ada", (ADA,), (ADA,), (ADA,), ("geo", "per"))


def test_published_figures_apply_to_their_own_corpus_alone():
    assert recipe("custom-bilstm-crf", published=True).corpus == "Kaggle's ner.csv"
    assert not figures_apply(recipe("gmb-bilstm-softmax", published=True), CORPUS)


@pytest.mark.parametrize("name, published", RECIPES)
def test_every_recipe_makes_a_tagger_and_changes_within_bounds(name, published):
    base = recipe(name, published)
    settings = settings_of(base)
    assert all(BOUNDS[key].low <= value <= BOUNDS[key].high for key, value in settings.items())
    assert resize(base, **settings) == base
    small = resize(base, **{width: 8 for width in settings if width.endswith("_width")})
    assert {layer.width for layer in small.network.layers if layer.kind in ("conv", "bilstm")} <= {8}
    shapes = weight_shapes(new_tagger(CORPUS, small).network)
    tables = {shape for key, shape in shapes.items() if key.endswith("embed.word")}  # a committee has one a member
    assert tables == {(fit_encoder(CORPUS, base.encoding).n_word_ids, 8)}


def test_wrong_names_and_values_are_told_kindly():
    with pytest.raises(ValueError, match=r"there are bilstm-crf, .*Received: 'lstm'"):
        recipe("lstm")
    with pytest.raises(ValueError, match="no published form"):
        recipe("bilstm-crf", published=True)
    with pytest.raises(ValueError, match="from 8 to 300"):
        resize(recipe("bilstm-crf"), lstm_width=10_000_000)
    with pytest.raises(ValueError, match="whole number"):
        resize(recipe("bilstm-crf"), lstm_width=10.5)
    with pytest.raises(ValueError, match="fast has no LSTM"):
        resize(recipe("fast"), lstm_width=100)
    with pytest.raises(ValueError, match="No hyperparameter"):
        resize(recipe("bilstm-crf"), depth=3)
    assert RECIPE_NAMES[0] == "bilstm-crf"


def test_a_small_corpus_gets_smaller_steps_and_a_published_recipe_stays():
    ours, published = recipe("bilstm-crf"), recipe("gmb-bilstm-softmax", published=True)
    assert suited(ours, CORPUS).training.batch_tokens < ours.training.batch_tokens
    assert suited(published, CORPUS) == published
    large = Corpus("large", (Sentence(("x",) * 250_000),), (), (), ())
    assert suited(ours, large) == ours
