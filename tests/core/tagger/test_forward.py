"""The NumPy page against Keras on every layer kind and stack; its decoding against enumeration."""

import subprocess
import sys
from itertools import pairwise, product

import numpy as np
import pytest

from ner_core.data.strict import strict_spans
from ner_core.records import Batch, Layer, NetworkConfig, Span
from ner_core.tagger import forward
from ner_core.tagger.networks import batch_inputs, build_network, weight_shapes

EMBED = Layer("embed", "embed", 8)
FEATURES = Layer("embed", "embed", 8, features=(("shape", 4), ("suffix2", 3)))
DENSE = Layer("dense", "dense")
CRF = Layer("crf", "crf")
STACKS = {
    "dense": (EMBED, DENSE),
    "dense softmax": (EMBED, Layer("dense", "dense", activation="softmax")),
    "features": (FEATURES, Layer("spatial_dropout", "columns", rate=0.5), DENSE),
    "conv": (EMBED, Layer("conv", "conv", 9, activation="relu"), DENSE),
    "conv, even and wide": (
        EMBED,
        Layer("conv", "even", 6, kernel_size=4, activation="relu"),
        Layer("conv", "wide", 5, kernel_size=7),
        DENSE,
    ),
    "lstm": (EMBED, Layer("lstm", "lstm", 7), DENSE),
    "bilstm softmax": (EMBED, Layer("bilstm", "bilstm", 6), Layer("dense", "dense", activation="softmax")),
    "bilstm, lstm, relu, crf": (
        EMBED,
        Layer("dropout", "dropout", rate=0.5),
        Layer("bilstm", "bilstm", 6, rate=0.2, recurrent_rate=0.2),
        Layer("lstm", "lstm", 7, rate=0.5, recurrent_rate=0.5),
        Layer("dense", "dense", activation="relu"),
        CRF,
    ),
    "features, conv, bilstm, dense, crf": (
        FEATURES,
        Layer("conv", "conv", 9, activation="relu"),
        Layer("bilstm", "bilstm", 6),
        Layer("dense", "mix", 7, activation="relu"),
        DENSE,
        CRF,
    ),
}
SIZES = (("word", 20), ("shape", 5), ("suffix2", 6))
TAGS = ("O", "B-geo", "I-geo", "B-per", "I-per")
ADA = ("Ada", "Lovelace", "lives", "in", "London", ".")


def network_of(layers, *, is_masked=True) -> NetworkConfig:
    return NetworkConfig(tuple(layers), is_masked, sizes=SIZES, n_tags=len(TAGS))


def random_weights(network: NetworkConfig, seed=0) -> dict[str, np.ndarray]:
    """Weights about as large as trained ones; no bias is 0."""
    random = np.random.default_rng(seed)
    return {name: random.normal(0, 0.6, shape).astype(np.float32) for name, shape in weight_shapes(network).items()}


def batch_of(lengths, *, side="post", n_columns=None, seed=0) -> Batch:
    """Random ids, padded on one side with ids that mean something."""
    random = np.random.default_rng(seed)
    n_columns = n_columns or max(lengths)
    shape, places = (len(lengths), n_columns), np.arange(n_columns)
    mask = np.array([places < n if side == "post" else places >= n_columns - n for n in lengths])
    features = {name: random.integers(0, size, shape, np.int32) for name, size in SIZES[1:]}
    return Batch(random.integers(0, 20, shape, np.int32), features, None, mask, np.zeros(shape, np.int32))


@pytest.mark.parametrize("is_masked", [True, False], ids=["masked", "unmasked"])
@pytest.mark.parametrize("stack", STACKS)
def test_scores_are_those_of_keras(stack, is_masked):
    config = network_of(STACKS[stack], is_masked=is_masked)
    weights, network = random_weights(config), build_network(config, seed=1)
    network.load_weights_dict(weights)
    for side, lengths in product(("post", "pre"), ([1], range(1, 13), [12, 12])):
        batch = batch_of(list(lengths), side=side)
        by_keras = np.asarray(network(batch_inputs(batch)))
        by_numpy = forward.tag_scores(config, weights, batch)
        assert by_numpy.dtype == np.float32
        assert np.all(np.abs(by_numpy - by_keras) <= 1e-5 * np.maximum(1, np.abs(by_keras)))


@pytest.mark.parametrize("stack", STACKS)
def test_padding_never_changes_a_masked_score(stack):
    config = network_of(STACKS[stack])
    weights = random_weights(config)
    wide = batch_of([5], n_columns=11)
    narrow = Batch(
        wide.word_ids[:, :5],
        {n: f[:, :5] for n, f in wide.features.items()},
        None,
        wide.mask[:, :5],
        wide.columns[:, :5],
    )
    scores = [forward.tag_scores(config, weights, batch)[:, :5] for batch in (wide, narrow)]
    np.testing.assert_allclose(*scores, rtol=1e-5, atol=1e-5)


def test_unmasked_network_does_read_its_padding():
    config = network_of(STACKS["bilstm softmax"], is_masked=False)
    weights = random_weights(config)
    scores = [forward.tag_scores(config, weights, batch_of([5], n_columns=n))[0, 0] for n in (5, 11)]
    assert np.abs(scores[0] - scores[1]).max() > 1e-3


def test_forward_loads_no_tensorflow():
    code = "import sys, ner_core.tagger.forward; print({'keras', 'tensorflow', 'streamlit'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_unknown_layers_and_activations_are_refused():
    network = network_of([EMBED, Layer("dense", "dense", activation="gelu")])
    with pytest.raises(ValueError, match="'gelu'"):
        forward.tag_scores(network, random_weights(network), batch_of([2]))
    with pytest.raises(ValueError, match="'gru'"):
        forward.tag_scores(network_of([Layer("gru", "gru")]), {}, batch_of([2]))


# --- decoding ---------------------------------------------------------------------


def test_crf_decodes_the_whole_row_and_softmax_each_token():
    scores = np.array([[[2.0, 0, 0, 0, 0], [0, 0, 1.5, 0, 0], [0, 1, 0, 0, 0]]], np.float32)
    softmax = network_of(STACKS["dense softmax"])
    assert forward.decode_tags(softmax, {}, scores, np.ones((1, 3), bool)).tolist() == [[0, 2, 1]]
    crf = network_of([EMBED, DENSE, CRF])
    weights = {"crf.transitions": np.zeros((5, 5)), "crf.start": np.zeros(5), "crf.end": np.zeros(5)}
    allowed = forward.allowed_transitions(TAGS)
    assert forward.decode_tags(crf, weights, scores, np.ones((1, 3), bool)).tolist() == [[0, 2, 1]]
    [legal] = forward.decode_tags(crf, weights, scores, np.ones((1, 3), bool), allowed)
    assert [TAGS[i] for i in legal] == ["O", "O", "B-geo"]


def test_unmasked_crf_decodes_its_padding_too():
    """The tag of a word in front of padding depends on what the chain says of padding."""
    transitions = np.zeros((5, 5))
    transitions[1, 0] = -9.0
    weights = {"crf.transitions": transitions, "crf.start": np.zeros(5), "crf.end": np.zeros(5)}
    scores = np.array([[[0, 1.0, 0, 0, 0], [9.0, 0, 0, 0, 0]]])
    mask = np.array([[True, False]])
    masked, unmasked = (network_of([EMBED, DENSE, CRF], is_masked=flag) for flag in (True, False))
    assert forward.decode_tags(masked, weights, scores, mask)[0, 0] == 1
    assert forward.decode_tags(unmasked, weights, scores, mask)[0].tolist() == [0, 0]


def test_nothing_illegal_comes_out_of_a_forbidding_crf():
    random = np.random.default_rng(0)
    config = network_of([EMBED, DENSE, CRF])
    allowed = forward.allowed_transitions(TAGS)
    tag_ids = forward.decode_tags(
        config, random_weights(config), random.normal(0, 4, (50, 9, 5)), np.ones((50, 9), bool), allowed
    )
    for row in tag_ids:
        assert allowed[1][row[0]] and allowed[0][row[:-1], row[1:]].all()


def test_allowed_transitions_are_iob2():
    moves, first = forward.allowed_transitions(TAGS)
    assert {(TAGS[a], TAGS[b]) for a, b in np.argwhere(~moves)} == {
        (before, f"I-{label}") for label in ("geo", "per") for before in TAGS if before[2:] != label
    }
    assert [tag for tag, may in zip(TAGS, first, strict=True) if not may] == ["I-geo", "I-per"]


# --- probabilities ----------------------------------------------------------------------


def probabilities_by_enumeration(network, weights, scores, temperature, allowed):
    """Strict spans to the summed probability of all rows of tags that hold them: the definition."""
    scores = np.asarray(scores, float) / temperature
    if network.has_crf:
        moves, start, end = (weights[f"crf.{name}"] / temperature for name in ("transitions", "start", "end"))
    else:
        moves, start, end = np.zeros((5, 5)), np.zeros(5), np.zeros(5)
    found, total = {}, 0.0
    for path in product(range(5), repeat=len(scores)):
        steps = list(pairwise(path))
        if allowed and not (allowed[1][path[0]] and all(allowed[0][step] for step in steps)):
            continue
        score = sum(scores[t, k] for t, k in enumerate(path)) + start[path[0]] + end[path[-1]]
        weight = np.exp(score + sum(moves[step] for step in steps))
        total += weight
        for span in strict_spans([TAGS[k] for k in path]):
            found[span] = found.get(span, 0) + weight
    return {span: weight / total for span, weight in found.items()}


@pytest.mark.parametrize("temperature", [1.0, 1.7])
@pytest.mark.parametrize("forbids", [False, True], ids=["free", "forbidding"])
@pytest.mark.parametrize("padding", [(0, 0), (2, 0), (0, 2)])
@pytest.mark.parametrize("end", ["crf", "softmax", "linear"])
def test_span_probabilities_equal_enumeration(end, padding, forbids, temperature):
    layers = [EMBED, Layer("dense", "dense", activation="softmax" if end == "softmax" else "linear")]
    network = network_of([*layers, CRF] if end == "crf" else layers)
    weights, random = random_weights(network, seed=2), np.random.default_rng(6)
    logits = random.normal(0, 1.5, (4, 5))
    scores = forward.softmax(logits) if end == "softmax" else logits
    allowed = forward.allowed_transitions(TAGS) if forbids and end == "crf" else None
    expected = probabilities_by_enumeration(network, weights, logits, temperature, allowed)
    assert len(expected) == 20  # every stretch of four tokens, with either label
    spans = [Span(span.start + padding[0], span.end + padding[0], span.label) for span in expected]
    padded = np.pad(scores, (padding, (0, 0)), constant_values=0.2)
    mask = np.pad(np.ones(4, bool), padding)
    found = forward.span_probabilities(network, weights, padded, mask, spans, TAGS, temperature, allowed)
    np.testing.assert_allclose(found, list(expected.values()), atol=1e-9)


def test_a_batch_gives_each_sentence_its_own_probabilities():
    network = network_of([EMBED, DENSE, CRF])
    weights, random = random_weights(network), np.random.default_rng(1)
    scores, mask = random.normal(0, 2, (3, 6, 5)), np.arange(6) < np.array([6, 3, 1])[:, None]
    spans = [[Span(0, 2, "per"), Span(5, 6, "geo")], [], [Span(0, 1, "geo")]]
    together = forward.span_probabilities_of_batch(network, weights, scores, mask, spans, TAGS)
    alone = [
        forward.span_probabilities(network, weights, s, m, p, TAGS) for s, m, p in zip(scores, mask, spans, strict=True)
    ]
    for a, b in zip(together, alone, strict=True):
        assert a == pytest.approx(b, abs=1e-12)
    assert forward.span_probabilities_of_batch(network, weights, scores, mask, [[], [], []], TAGS) == [[], [], []]


def test_a_label_the_network_does_not_know_has_probability_zero():
    network = network_of([EMBED, DENSE, CRF])
    found = forward.span_probabilities(
        network, random_weights(network), np.zeros((3, 5)), np.ones(3, bool), [Span(0, 1, "art")], TAGS
    )
    assert found == [0.0]


def test_tag_probabilities_sum_to_one_and_heat_makes_them_milder():
    random = np.random.default_rng(2)
    for end in ("linear", "relu", "softmax"):
        network = network_of([EMBED, Layer("dense", "dense", activation=end)])
        scores = forward.activate(random.normal(0, 3, (2, 4, 5)), end)
        cold = forward.tag_probabilities(network, {}, scores, np.ones((2, 4), bool))
        warm = forward.tag_probabilities(network, {}, scores, np.ones((2, 4), bool), temperature=3.0)
        np.testing.assert_allclose(cold.sum(-1), 1)
        assert warm.max() < cold.max()
        if end == "softmax":
            np.testing.assert_allclose(cold, scores, atol=1e-6)
    silent = network_of([EMBED, Layer("dense", "dense", activation="relu")])
    evenly = forward.tag_probabilities(silent, {}, np.zeros((1, 1, 5)), np.ones((1, 1), bool))
    np.testing.assert_allclose(evenly, 0.2)


def test_long_sentences_keep_their_probabilities():
    """300 tokens: probabilities neither vanish nor overflow."""
    network = network_of([EMBED, DENSE, CRF])
    weights, random = random_weights(network), np.random.default_rng(1)
    scores = random.normal(0, 30, (300, 5))
    probabilities = forward.tag_probabilities(network, weights, scores[None], np.ones((1, 300), bool))
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-9)


def test_an_empty_row_is_harmless():
    """A sentence all of whose words vanished has no tags, no spans, and disturbs no other."""
    config = network_of(STACKS["features, conv, bilstm, dense, crf"])
    weights, batch = random_weights(config), batch_of([0, 4])
    scores = forward.tag_scores(config, weights, batch)
    assert np.isfinite(scores).all()
    tag_ids = forward.decode_tags(config, weights, scores, batch.mask)
    assert not tag_ids[0].any()
    probabilities = forward.tag_probabilities(config, weights, scores, batch.mask)
    np.testing.assert_allclose(probabilities.sum(-1), batch.mask, atol=1e-9)
