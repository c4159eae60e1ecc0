"""Networks: counted without Keras, built with it, trained without a second trace, repeated from a seed."""

import subprocess
import sys
from dataclasses import replace
from math import prod

import keras
import numpy as np
import pytest
import tensorflow as tf

from ner_core.records import Batch, Layer, NetworkConfig
from ner_core.tagger.networks import batch_inputs, build_network, layer_table, weight_shapes

EVERY_KIND = NetworkConfig(
    (
        Layer("embed", "embed", 6, features=(("shape", 3), ("suffix2", 2))),
        Layer("spatial_dropout", "columns", rate=0.2),
        Layer("conv", "conv", 7, kernel_size=3, activation="relu"),
        Layer("bilstm", "bilstm", 4, rate=0.1, recurrent_rate=0.1),
        Layer("dropout", "dropout", rate=0.3),
        Layer("lstm", "lstm", 5),
        Layer("dense", "mix", 6, activation="relu"),
        Layer("dense", "dense"),
        Layer("crf", "crf"),
    ),
    sizes=(("word", 12), ("shape", 5), ("suffix2", 4)),
    n_tags=3,
)
SOFTMAX = NetworkConfig(
    (Layer("embed", "embed", 4), Layer("bilstm", "bilstm", 3), Layer("dense", "dense", activation="softmax")),
    is_masked=False,
    sizes=(("word", 12),),
    n_tags=3,
)


def batch_of(lengths, n_columns, seed=0) -> Batch:
    """Random ids and tags, padded behind."""
    random = np.random.default_rng(seed)
    shape = (len(lengths), n_columns)
    mask = np.arange(n_columns) < np.array(lengths)[:, None]
    features = {"shape": random.integers(0, 5, shape, np.int32), "suffix2": random.integers(0, 4, shape, np.int32)}
    columns = np.where(mask, np.arange(n_columns, dtype=np.int32), -1)
    return Batch(
        random.integers(0, 12, shape, np.int32), features, random.integers(0, 3, shape, np.int32), mask, columns
    )


def test_counting_needs_no_keras():
    code = (
        "import sys, ner_core.tagger.networks as n, ner_core.records as r;"
        "c = r.NetworkConfig((r.Layer('embed', 'embed', 4), r.Layer('dense', 'dense')), sizes=(('word', 9),), n_tags=3);"
        "print(len(n.layer_table(c)), n.weight_shapes(c)); assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 {'embed.word': (9, 4)")


@pytest.mark.parametrize("config", [EVERY_KIND, SOFTMAX], ids=["every kind", "softmax"])
def test_shapes_and_numbers_are_those_of_the_keras_network(config):
    network = build_network(config, seed=1)
    weights = network.weights_as_dict()
    assert list(weights) == list(weight_shapes(config))
    assert {name: array.shape for name, array in weights.items()} == weight_shapes(config)
    rows = layer_table(config)
    assert (
        sum(row["n_parameters"] for row in rows)
        == network.model.count_params()
        == sum(map(prod, weight_shapes(config).values()))
    )
    assert all(row["sentence"].endswith(".") and row["shape"].startswith("(B, T, ") for row in rows)
    assert rows[-1]["shape"] == f"(B, T, {config.n_tags})"


def test_published_tutorial_counts_its_parameters():
    """The tutorial prints 1,883,167 under `model.summary()`."""
    layers = (
        Layer("embed", "embed", 50),
        Layer("spatial_dropout", "columns", rate=0.1),
        Layer("bilstm", "bilstm", 100, recurrent_rate=0.1),
        Layer("dense", "dense", activation="softmax"),
    )
    rows = layer_table(NetworkConfig(layers, sizes=(("word", 35_179),), n_tags=17), n_columns=50)
    assert [row["n_parameters"] for row in rows] == [1_758_950, 0, 120_800, 3_417]
    assert [row["shape"] for row in rows] == ["(B, 50, 50)", "(B, 50, 50)", "(B, 50, 200)", "(B, 50, 17)"]


def test_what_does_not_fit_is_said():
    for layers, words in (
        ((Layer("dense", "dense"),), "begins with its one embed layer"),
        ((Layer("embed", "embed", 4), Layer("crf", "crf")), "A crf needs 3 scores a token"),
        ((Layer("embed", "embed", 4),), "end it with a dense layer"),
        ((Layer("embed", "embed", 4), Layer("gru", "gru")), "'gru' is of no known kind"),
        ((Layer("embed", "x", 4), Layer("dense", "x")), "a name of its own"),
        ((Layer("embed", "embed", 3), Layer("crf", "crf"), Layer("dense", "dense")), "move it to the end"),
    ):
        with pytest.raises(ValueError, match=words):
            weight_shapes(NetworkConfig(layers, sizes=(("word", 9),), n_tags=3))
    with pytest.raises(ValueError, match="use new_tagger"):
        weight_shapes(NetworkConfig((Layer("embed", "embed", 4), Layer("dense", "dense"))))
    with pytest.raises(ValueError, match="allowed"):
        build_network(replace(EVERY_KIND, forbids_illegal=True), seed=1)


def test_weights_go_in_and_out_by_name():
    first, second = build_network(EVERY_KIND, seed=1), build_network(EVERY_KIND, seed=2)
    inputs = batch_inputs(batch_of([4, 2], 4))
    assert not np.allclose(first(inputs), second(inputs))
    second.load_weights_dict(first.weights_as_dict())
    np.testing.assert_array_equal(first(inputs), second(inputs))
    weights = first.weights_as_dict()
    weights["crf.start"] = np.zeros(4)
    with pytest.raises(ValueError, match=r"crf\.start"):
        second.load_weights_dict(weights)


def train(config, kind, n_steps=9, seed=1):
    """Losses of a few steps on batches of changing length, and the number of traces."""
    network = build_network(config, seed=seed)
    optimizer = keras.optimizers.Adam(0.03)
    optimizer.build(network.trainable_variables)
    signature = [network.input_signature(), tf.TensorSpec([None, None], tf.int32)]

    @tf.function(input_signature=signature)
    def step(inputs, tag_ids):
        with tf.GradientTape() as tape:
            loss = network.loss(network(inputs, training=True), tag_ids, inputs["mask"], kind)
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        return loss

    losses = []
    for turn in range(n_steps):
        batch = batch_of([(5, 3), (4, 1), (7, 7)][turn % 3], (5, 4, 9)[turn % 3], seed=turn % 3)
        losses.append(float(step({name: batch_inputs(batch)[name] for name in signature[0]}, batch.tag_ids)))
    return losses, step.experimental_get_tracing_count(), network.weights_as_dict()


@pytest.mark.parametrize(
    ("config", "kind"),
    [(EVERY_KIND, "crf"), (SOFTMAX, "sparse_categorical_crossentropy"), (SOFTMAX, "categorical_crossentropy")],
)
def test_one_trace_trains_on_every_length_and_a_seed_repeats_it(config, kind):
    losses, n_traces, weights = train(config, kind)
    assert n_traces == 1
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    again, _, same = train(config, kind)
    assert losses == again
    for name, array in weights.items():
        np.testing.assert_array_equal(array, same[name])


def test_losses_are_those_of_keras_over_the_counted_cells():
    random = np.random.default_rng(0)
    network = build_network(SOFTMAX, seed=1)
    raw = random.random((2, 4, 3)).astype(np.float32)  # as a relu gives them: they do not sum to 1
    tag_ids, mask = random.integers(0, 3, (2, 4)), np.array([[1, 1, 1, 0], [1, 0, 0, 0]], bool)
    everything = np.ones((2, 4), bool)
    sparse = keras.losses.SparseCategoricalCrossentropy()(tag_ids, raw)
    dense = keras.losses.CategoricalCrossentropy()(np.eye(3)[tag_ids], raw)
    assert float(network.loss(raw, tag_ids, everything, "sparse_categorical_crossentropy")) == pytest.approx(
        float(sparse)
    )
    assert float(network.loss(raw, tag_ids, everything, "categorical_crossentropy")) == pytest.approx(float(dense))
    by_hand = -np.log((raw / raw.sum(-1, keepdims=True))[np.arange(2)[:, None], np.arange(4), tag_ids])[mask].mean()
    assert float(network.loss(raw, tag_ids, mask, "categorical_crossentropy")) == pytest.approx(by_hand, rel=1e-5)
    with pytest.raises(ValueError, match="A loss is one of"):
        network.loss(raw, tag_ids, mask, "mse")


def test_crf_loss_is_a_mean_over_tokens_and_reads_no_padding():
    network = build_network(EVERY_KIND, seed=3)
    short, long = batch_of([4, 2], 4), batch_of([4, 2], 4)
    wide = Batch(
        np.pad(long.word_ids, ((0, 0), (0, 3)), constant_values=7),
        {name: np.pad(ids, ((0, 0), (0, 3)), constant_values=3) for name, ids in long.features.items()},
        np.pad(long.tag_ids, ((0, 0), (0, 3)), constant_values=2),
        np.pad(long.mask, ((0, 0), (0, 3))),
        long.columns,
    )
    losses = [float(network.loss(network(batch_inputs(b)), b.tag_ids, b.mask, "crf")) for b in (short, wide)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    likelihood = network.crf.log_likelihood(network(batch_inputs(short)), short.tag_ids, short.mask)
    assert losses[0] == pytest.approx(-float(tf.reduce_sum(likelihood)) / 6, rel=1e-5)
