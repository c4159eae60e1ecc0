"""Recipes against a table of the tutorials' values, written by hand from their texts."""

import pytest

from ner_core.records import Corpus, Sentence, Span
from ner_core.tagger.encode import fit_encoder
from ner_core.tagger.networks import layer_table, weight_shapes
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

# Read from the tutorials; None = the tutorial does not say.
TUTORIAL_VALUES = {
    "keras-bilstm-crf": {"layers": "embed bilstm dense crf", "side": "pre", "loss": "crf", "test": None, "validation": None, "epochs": None, "batch": None},
    "tensorflow-bilstm": {"layers": "embed bilstm dense", "side": "pre", "loss": "sparse_categorical_crossentropy", "test": None, "validation": 0.2, "epochs": None, "batch": None},
    "custom-bilstm-crf": {"layers": "embed bilstm lstm dense crf", "side": "pre", "loss": "crf", "test": 0.2, "validation": 0.1, "epochs": 20, "batch": 256, "rate": 0.0005, "widths": (150, 150, 300), "activation": "relu"},
    "gmb-bilstm-softmax": {"layers": "embed spatial_dropout bilstm dense", "side": "post", "loss": "sparse_categorical_crossentropy", "test": 0.2, "seed": 1, "validation": None, "epochs": 3, "batch": None, "widths": (50, 100), "activation": "softmax", "length": 50, "patience": 2, "monitor": "val_accuracy"},
    "gmb-bilstm-lstm": {"layers": "embed bilstm lstm dense", "side": "post", "loss": "categorical_crossentropy", "test": 0.1, "seed": 2020, "validation": 0.2, "epochs": 25, "batch": 1000, "activation": "relu", "dropouts": ((0.2, 0.2), (0.5, 0.5))},
}  # fmt: skip


@pytest.mark.parametrize("name", TUTORIAL_VALUES)
def test_published_recipes_hold_the_tutorials_values(name):
    told, built = TUTORIAL_VALUES[name], recipe(name, published=True)
    layers = built.network.layers
    dense = next(layer for layer in layers if layer.kind == "dense")
    assert " ".join(layer.kind for layer in layers) == told["layers"]
    found = {
        "side": built.encoding.pad_side,
        "loss": built.training.loss,
        "test": built.split.test,
        "seed": built.split.seed,
        "validation": built.split.dev,
        "epochs": built.training.epochs,
        "batch": built.training.batch_size,
        "rate": built.training.learning_rate,
        "activation": dense.activation,
        "length": built.encoding.max_length,
        "patience": built.training.patience,
        "monitor": built.training.monitor,
        "widths": tuple(layer.width for layer in layers if layer.width),
        "dropouts": tuple((layer.rate, layer.recurrent_rate) for layer in layers if "lstm" in layer.kind),
    }
    for key, value in told.items():
        if key != "layers" and value is not None:
            assert found[key] == value, key
    assert not built.training.keeps_best and not built.network.is_masked


def configured(built) -> dict:
    """What the configuration of a recipe says, in the words of its value table."""
    layers, training, split = built.network.layers, built.training, built.split
    first = {layer.kind: layer for layer in reversed(layers)}
    lstm = first.get("lstm")
    return {
        "embedding": first["embed"].width,
        "BiLSTM": first["bilstm"].width,
        "LSTM": lstm and lstm.width,
        "BiLSTM dropout": f"{first['bilstm'].rate:g}, recurrent {first['bilstm'].recurrent_rate:g}",
        "LSTM dropout": lstm and f"{lstm.rate:g}, recurrent {lstm.recurrent_rate:g}",
        "recurrent dropout": first["bilstm"].recurrent_rate,
        "SpatialDropout1D": "spatial_dropout" in first and first["spatial_dropout"].rate,
        "dense": first["dense"].activation,
        "optimizer": f"adam, {training.learning_rate:g}",
        "loss": training.loss,
        "batch": training.batch_size or "about 700 tokens, of like length",
        "epochs": training.epochs,
        "length": {None: "none", 0: "the longest of the corpus"}.get(
            built.encoding.max_length, built.encoding.max_length
        ),
        "monitor": training.monitor
        + (f", patience {training.patience}" if built.is_published and training.patience else ""),
        "validation share": split.dev if split else "the corpus' own",
        "kept epoch": "best entity F1 on dev, loaded" if training.keeps_best else "the last",
    }


@pytest.mark.parametrize("name", TUTORIAL_VALUES)
@pytest.mark.parametrize("published", [True, False])
def test_the_value_table_says_what_is_configured(name, published):
    built = recipe(name, published)
    says = {value.name: value.published if published else value.mended for value in built.values}
    for key, value in configured(built).items():
        if key in says:
            assert says[key] == value, key
    share = says["test share"]
    if not published:
        assert share == "the corpus' own"
    else:
        assert share in (built.split.test, f"{built.split.test:g}, seed {built.split.seed}")


@pytest.mark.parametrize("name", TUTORIAL_VALUES)
def test_the_value_table_quotes_the_tutorial(name):
    told, says = (
        TUTORIAL_VALUES[name],
        {value.name: str(value.tutorial) for value in recipe(name, published=True).values},
    )
    rows = {"epochs": "epochs", "batch": "batch", "test": "test share", "validation": "validation share", "length": "length",
            "loss": "loss", "activation": "dense", "rate": "optimizer", "seed": "test share", "side": "padding"}  # fmt: skip
    words = {"pre": "in front", "post": "behind", "crf": "crf.loss_function"}
    for key, row in rows.items():
        if key not in told:
            continue
        if told[key] is None:
            assert "not stated" in says[row], row
        else:
            assert str(words.get(told[key], told[key])) in says[row], row
    if told.get("widths"):
        assert [says[row] for row in ("embedding", "BiLSTM", "LSTM") if row in says] == [str(w) for w in told["widths"]]


def test_published_figures_apply_to_their_own_corpus_alone():
    assert recipe("custom-bilstm-crf", published=True).corpus == "Kaggle's ner.csv"
    assert not figures_apply(recipe("gmb-bilstm-softmax", published=True), CORPUS)


@pytest.mark.parametrize("name", TUTORIAL_VALUES)
def test_values_that_a_tutorial_does_not_state_are_marked(name):
    values = recipe(name, published=True).values
    assert all("ours" in value.why or "default" in value.why for value in values if "not stated" in str(value.tutorial))
    assert len(recipe(name, published=True).mistakes) >= 4


@pytest.mark.parametrize("name", TUTORIAL_VALUES)
def test_mending_keeps_the_network_and_repairs_the_rest(name):
    published, mended = recipe(name, published=True), recipe(name)
    assert [(a.kind, a.width, a.rate, a.recurrent_rate) for a in mended.network.layers] == [
        (a.kind, a.width, a.rate, a.recurrent_rate) for a in published.network.layers
    ]
    assert mended.network.is_masked and mended.encoding.unknown == "unk" and mended.encoding.vocabulary_from == "train"
    assert mended.training.keeps_best and mended.training.monitor == "entity_f1" and mended.split is None
    last = next(layer for layer in mended.network.layers if layer.kind == "dense")
    assert last.activation == ("linear" if mended.network.has_crf else "softmax")


def test_the_softmax_tutorial_has_its_1883167_parameters():
    words = tuple(f"w{i}" for i in range(35_178))
    labels = ("geo", "gpe", "per", "org", "tim", "art", "eve", "nat")
    sentence = Sentence(words)
    tagger = new_tagger(Corpus("gmb-sized", (sentence,), (), (), labels), recipe("gmb-bilstm-softmax", published=True))
    assert sum(row["n_parameters"] for row in layer_table(tagger.network)) == 1_883_167


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
