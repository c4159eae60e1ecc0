"""The CRF against the enumeration of all rows of tags, and its written-down gradient against TensorFlow's."""

from itertools import pairwise, product

import keras
import numpy as np
import pytest
import tensorflow as tf

from ner_core.tagger import crf, forward

N_TAGS = 3
MASKS = {
    "all counted": [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]],
    "padding behind": [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]],
    "padding in front": [[0, 0, 0, 1], [0, 1, 1, 1], [1, 1, 1, 1]],
    "padding on both sides": [[0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 1, 0]],
}
MOVES = np.array([[1, 1, 0], [1, 1, 1], [1, 1, 1]], bool)
FIRST = np.array([1, 1, 0], bool)


@pytest.fixture(params=MASKS)
def mask(request):
    return np.array(MASKS[request.param], bool)


@pytest.fixture(params=["free", "forbidding"])
def allowed(request):
    return None if request.param == "free" else (MOVES, FIRST)


@pytest.fixture
def chain(random):
    """Scores (B,T,K), transitions, start, end: none of them symmetric, none of them 0."""
    shapes = ((3, 4, N_TAGS), (N_TAGS, N_TAGS), (N_TAGS,), (N_TAGS,))
    return [random.normal(0, 2, shape).astype(np.float32) for shape in shapes]


@pytest.fixture
def random():
    return np.random.default_rng(5)


def enumerate_paths(scores, transitions, start, end, allowed):
    """Every row of tags (P,T) of one unpadded sentence, with its score (P,) in float64: the definition, word for word."""
    paths = list(product(range(len(start)), repeat=len(scores)))
    if allowed is not None:
        moves, first = allowed
        paths = [p for p in paths if first[p[0]] and all(moves[a, b] for a, b in pairwise(p))]
    weights = [np.asarray(array, np.float64) for array in (scores, transitions, start, end)]
    scores, transitions, start, end = weights
    totals = [
        start[p[0]]
        + sum(scores[t, k] for t, k in enumerate(p))
        + sum(transitions[a, b] for a, b in pairwise(p))
        + end[p[-1]]
        for p in paths
    ]
    return np.array(paths), np.array(totals)


def legal_tags(random, mask):
    """Gold tags (B,T) that `MOVES` and `FIRST` allow, with nonsense on padding."""
    tag_ids = np.full(mask.shape, 77, np.int32)
    for row in range(len(mask)):
        previous = None
        for t in np.flatnonzero(mask[row]):
            choices = np.flatnonzero(FIRST if previous is None else MOVES[previous])
            tag_ids[row, t] = previous = random.choice(choices)
    return tag_ids


def test_likelihood_and_partition_equal_enumeration(chain, mask, allowed, random):
    tag_ids = legal_tags(random, mask)
    likelihood = crf.log_likelihood(tf.constant(chain[0]), tag_ids, mask, *chain[1:], allowed).numpy()
    log_z = crf.log_partition(chain[0], mask, *chain[1:], allowed).numpy()
    for row, counted in enumerate(mask):
        paths, totals = enumerate_paths(chain[0][row][counted], *chain[1:], allowed)
        expected = np.log(np.exp(totals).sum())
        gold = totals[(paths == tag_ids[row][counted]).all(axis=1)].item()
        assert log_z[row] == pytest.approx(expected, abs=1e-9)
        assert likelihood[row] == pytest.approx(gold - expected, abs=1e-5)


def test_marginals_equal_enumeration_in_both_libraries(chain, mask, allowed):
    by_tensorflow = crf.marginals(*chain[:1], mask, *chain[1:], allowed).numpy()
    by_numpy = forward.marginals(*chain[:1], mask, *chain[1:], allowed)
    assert forward.log_partition(chain[0], mask, *chain[1:], allowed) == pytest.approx(
        crf.log_partition(chain[0], mask, *chain[1:], allowed).numpy(), abs=1e-9
    )
    for row, counted in enumerate(mask):
        paths, totals = enumerate_paths(chain[0][row][counted], *chain[1:], allowed)
        share = np.exp(totals) / np.exp(totals).sum()
        expected = np.zeros((mask.shape[1], N_TAGS))
        for tag in range(N_TAGS):
            expected[counted, tag] = share @ (paths == tag)
        np.testing.assert_allclose(by_tensorflow[row], expected, atol=1e-9)
        np.testing.assert_allclose(by_numpy[row], expected, atol=1e-9)


def test_gradient_equals_plain_autodiff_of_all_paths(chain, mask, allowed, random):
    tag_ids = legal_tags(random, mask)
    share = tf.constant(random.normal(size=len(mask)))  # every sentence weighs differently

    def by_enumeration(scores, transitions, start, end):
        likelihoods = []
        for row, counted in enumerate(mask):
            columns = np.flatnonzero(counted)
            paths, _ = enumerate_paths(chain[0][row][counted], *chain[1:], allowed)
            totals = tf.gather(start, paths[:, 0]) + tf.gather(end, paths[:, -1])
            for t, column in enumerate(columns):
                totals += tf.gather(scores[row, column], paths[:, t])
            for t in range(1, len(columns)):
                totals += tf.gather_nd(transitions, paths[:, t - 1 : t + 1])
            gold = np.flatnonzero((paths == tag_ids[row][counted]).all(axis=1)).item()
            likelihoods.append(totals[gold] - tf.reduce_logsumexp(totals))
        return tf.stack(likelihoods)

    def by_messages(scores, *moves):
        return crf.log_likelihood(scores, tag_ids, mask, *moves, allowed)

    gradients = []
    for function in (by_enumeration, by_messages):
        weights = [tf.constant(array, tf.float64) for array in chain]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            value = tf.reduce_sum(share * function(*weights))
        gradients.append([tf.convert_to_tensor(found) for found in tape.gradient(value, weights)])
    for expected, found in zip(*gradients, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_viterbi_equals_enumeration(chain, mask, allowed):
    found = forward.viterbi(chain[0], mask, *chain[1:], allowed)
    for row, counted in enumerate(mask):
        paths, totals = enumerate_paths(chain[0][row][counted], *chain[1:], allowed)
        np.testing.assert_array_equal(found[row][counted], paths[totals.argmax()])
        assert not found[row][~counted].any()


def log_space_partition(scores, transitions, start, end):
    """Log Z (B,) of unpadded sentences by the textbook recursion in log space."""
    message = start + scores[:, 0]
    for t in range(1, scores.shape[1]):
        message = tf.reduce_logsumexp(message[:, :, None] + transitions, axis=1) + scores[:, t]
    return tf.reduce_logsumexp(message + end, axis=-1)


@pytest.mark.parametrize("spread", [1.0, 30.0, 200.0])
def test_long_sentences_and_far_apart_scores(random, spread):
    """40 tokens, 17 tags: too many rows of tags to enumerate, scores too far apart for a careless exp."""
    shapes = ((2, 40, 17), (17, 17), (17,), (17,))
    chain = [tf.constant(random.normal(0, spread if i == 0 else 1, shape)) for i, shape in enumerate(shapes)]
    mask = np.ones((2, 40), bool)
    values, gradients = [], []
    for function in (log_space_partition, lambda scores, *moves: crf.log_partition(scores, mask, *moves)):
        with tf.GradientTape() as tape:
            tape.watch(chain)
            value = function(*chain)
        values.append(value)
        gradients.append(tape.gradient(value, chain))
    np.testing.assert_allclose(*values, rtol=1e-12)
    for expected, found in zip(*gradients, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-8)


def test_hopeless_scores_stay_finite():
    """All that is allowed is 2,000 worse than what is forbidden: no NaN may reach the weights."""
    scores = tf.constant([[[0.0, 0.0, 2000.0]] * 3])
    weights = [tf.Variable(tf.zeros(shape)) for shape in ((3, 3), (3,), (3,))]
    with tf.GradientTape() as tape:
        tape.watch(scores)
        likelihood = crf.log_likelihood(scores, [[0, 1, 2]], [[True] * 3], *weights, (MOVES, FIRST))
    for array in (likelihood, *tape.gradient(likelihood, [scores, *weights])):
        assert np.isfinite(array).all()


def test_padding_changes_nothing(chain, random):
    """A sentence alone, padded behind and padded in front has one likelihood."""
    tag_ids = random.integers(0, N_TAGS, (3, 4))
    alone = crf.log_likelihood(tf.constant(chain[0]), tag_ids, np.ones((3, 4), bool), *chain[1:])
    for before, after in ((0, 5), (5, 0), (2, 3)):
        around = ((0, 0), (before, after))
        scores = tf.constant(np.pad(chain[0], (*around, (0, 0)), constant_values=50))
        mask = np.pad(np.ones((3, 4), bool), around)
        padded = crf.log_likelihood(scores, np.pad(tag_ids, around), mask, *chain[1:])
        np.testing.assert_allclose(padded, alone, atol=1e-5)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras 3.15 with NumPy 2.4
def test_layer_keeps_its_weights_when_saved(tmp_path, random):
    inputs = keras.Input((None, 4))
    model = keras.Model(inputs, crf.CRF(N_TAGS, (MOVES, FIRST), name="crf")(keras.layers.Dense(N_TAGS)(inputs)))
    values = [random.normal(size=variable.shape) for variable in model.weights]
    model.set_weights(values)
    model.save(tmp_path / "crf.keras")
    again = keras.models.load_model(tmp_path / "crf.keras", custom_objects={"CRF": crf.CRF})
    for variable, value in zip(again.weights, values, strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-6)
    np.testing.assert_array_equal(again.get_layer("crf").allowed[0], MOVES)


def test_one_trace_serves_every_length(chain):
    signature = [tf.TensorSpec([None, None, N_TAGS]), tf.TensorSpec([None, None], tf.bool)]
    compiled = tf.function(lambda scores, mask: crf.log_partition(scores, mask, *chain[1:]), input_signature=signature)
    for n_columns in (1, 3, 9):
        assert np.isfinite(compiled(np.zeros((2, n_columns, N_TAGS), np.float32), np.ones((2, n_columns), bool))).all()
    assert compiled.experimental_get_tracing_count() == 1


def test_a_chain_that_died_out_says_zero_and_not_nonsense():
    """Scores 800 apart and a forbidden move: every scaled path is 0."""
    from ner_core.records import Layer, NetworkConfig, Span

    tags = ("O", "B-per", "I-per")
    network = NetworkConfig((Layer("crf", "crf"),), n_tags=3)
    weights = {"crf.transitions": np.full((3, 3), -1e4), "crf.start": np.zeros(3), "crf.end": np.zeros(3)}
    scores = np.array([[0, 800, 0], [800, 0, 0], [0, 800, 0]], float)
    [p] = forward.span_probabilities(network, weights, scores, np.ones(3, bool), [Span(0, 1, "per")], tags)
    assert p == 0.0
