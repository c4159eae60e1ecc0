"""The tutorials' recipes against a table of their values, written by hand from their texts."""

import pytest

from ner_core.records import Corpus, Sentence
from ner_core.tagger.networks import layer_table
from ner_core.tagger.recipes import new_tagger, recipe

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
