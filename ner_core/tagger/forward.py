"""What a trained network computes, in NumPy alone.

Chapter of part II. It answers: *what happens between the ids of a sentence and its tags, number by number?*
Predicting needs none of what training needs: no gradients, no Keras, no seconds of import. Every layer is a
few lines of arithmetic, and the scores equal Keras' within 1e-5 * max(1, |score|).

Source: the layers as in `crf`, `lstm` and `networks`; Viterbi (1967); marginals by the forward-backward algorithm
(Rabiner 1989, "A tutorial on hidden Markov models"), here with scores in place of probabilities.

Differs from Keras: both directions of an LSTM walk in one loop, and as `sigmoid(x) = tanh(x/2)/2 + 1/2`, one tanh
serves all gates. Differs from Rabiner: padding and the ends of a sentence are one more tag, the *boundary* (see `crf`),
so that start, end and padding on either side need no case of their own. Paths are summed in float64.

A tagger of three tags that has learned one thing only, that I-per follows B-per:

>>> tags = ("O", "B-per", "I-per")
>>> network = NetworkConfig((Layer("crf", "crf"),), n_tags=3)
>>> follows = np.array([[0, 0, -9], [0, -9, 2], [0, -9, 2]], float)
>>> weights = {"crf.transitions": follows, "crf.start": np.array([0, 0, -9.0]), "crf.end": np.zeros(3)}
>>> ada_lovelace_lives = np.array([[0, 3, 0], [0, 1, 1], [4, 0, 0]], float)
>>> ids = decode_tags(network, weights, ada_lovelace_lives[None], np.ones((1, 3), bool))
>>> [tags[i] for i in ids[0]]
['B-per', 'I-per', 'O']
>>> [p] = span_probabilities(network, weights, ada_lovelace_lives, np.ones(3, bool), [Span(0, 2, "per")], tags)
>>> round(p, 2)
0.84

Shapes: B sentences, T columns, D width, U units, N directions, K tags; K+1 counts the boundary.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ner_core.data.tags import is_allowed
from ner_core.records import Batch, Layer, NetworkConfig, Span
from ner_core.tagger.networks import stacks

Weights = Mapping[str, np.ndarray]

SHUT = np.float32(-1e4)  # a gate that lets nothing through: sigmoid(-1e4) is exactly 0
FORBIDDEN = -1e4  # a score that no path survives
TINY = 1e-300
ACTIVATIONS = ("linear", "relu", "softmax")

# --- from ids to scores --------------------------------------------------------


def tag_scores(network: NetworkConfig, weights: Weights, batch: Batch) -> np.ndarray:
    """Tag scores (B,T,K) in float32 of a whole batch, before any CRF; after a softmax layer, probabilities.

    A network trained without a mask read its padding as words: give it the same columns as in training.
    A committee's scores are the mean of its members'.
    """
    mask = batch.mask if network.is_masked else None
    found = [_scores_of_stack(stack, weights, batch, mask) for stack in stacks(network)]
    return found[0] if len(found) == 1 else sum(found) / np.float32(len(found))


def _scores_of_stack(layers: Sequence[Layer], weights: Weights, batch: Batch, mask: np.ndarray | None) -> np.ndarray:
    """Tag scores (B,T,K) of one stack of layers."""
    values = None
    for layer in layers:
        match layer.kind:
            case "embed":
                values = embed(layer, weights, batch)  # (B,T,D)
            case "conv":
                values = convolve(layer, weights, values, mask)
            case "lstm":
                values = read(layer, weights, values, mask, ways=("",))
            case "bilstm":
                values = read(layer, weights, values, mask, ways=("forward.", "backward."))
            case "dense":
                values = activate(
                    values @ weights[f"{layer.name}.kernel"] + weights[f"{layer.name}.bias"], layer.activation
                )
            case "dropout" | "spatial_dropout" | "crf":  # dropout acts in training only; a CRF when decoding
                pass
            case _:
                raise ValueError(f"Layer {layer.name!r} is of no known kind. Received: {layer.kind!r}.")
    return values


def activate(values: np.ndarray, activation: str) -> np.ndarray:
    """Linear, relu or softmax over the last axis.

    >>> activate(np.array([-1.0, 2.0]), "relu").tolist()
    [0.0, 2.0]
    """
    if activation == "linear":
        return values
    if activation == "relu":
        return np.maximum(values, 0)
    if activation == "softmax":
        return softmax(values)
    raise ValueError(f"An activation is linear, relu or softmax. Received: {activation!r}.")


def softmax(scores: np.ndarray) -> np.ndarray:
    """Positive numbers that sum to 1 over the last axis.

    >>> softmax(np.array([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def embed(layer: Layer, weights: Weights, batch: Batch) -> np.ndarray:
    """The rows of each word and of its features, side by side (B,T,D)."""
    found = [weights[f"{layer.name}.word"][batch.word_ids]]
    found += [weights[f"{layer.name}.{name}"][batch.features[name]] for name, _ in layer.features]
    return np.concatenate(found, axis=-1) if len(found) > 1 else found[0]


def convolve(layer: Layer, weights: Weights, values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Each column from its neighbours within the window; beyond the ends, and on padding, they read as 0."""
    n_rows, n_columns, width = values.shape
    kernel = weights[f"{layer.name}.kernel"]  # (kernel_size,D,U)
    before = (len(kernel) - 1) // 2
    padded = np.zeros((n_rows, n_columns + len(kernel) - 1, width), values.dtype)
    inside = padded[:, before : before + n_columns]
    np.multiply(values, True if mask is None else mask[:, :, None], out=inside)
    windows = [padded[:, offset : offset + n_columns] for offset in range(len(kernel))]
    windows = np.concatenate(windows, axis=-1).reshape(n_rows * n_columns, -1)  # (B*T,kernel_size*D)
    mixed = windows @ kernel.reshape(-1, kernel.shape[-1]) + weights[f"{layer.name}.bias"]
    return activate(mixed.reshape(n_rows, n_columns, -1), layer.activation)  # (B,T,U)


def read(
    layer: Layer, weights: Weights, values: np.ndarray, mask: np.ndarray | None, ways: Sequence[str]
) -> np.ndarray:
    """An LSTM's states (B,T,N*U), one direction for each of `ways`; the second reads from the end.

    On padding (mask False) the input and forget gates are shut, so that memory and state are 0 there.
    """
    n_rows, n_columns, n_inputs = values.shape
    units = layer.width
    half = np.repeat(np.array([0.5, 0.5, 1, 0.5], np.float32), units)  # (4U,): sigmoid(z) = tanh(z/2)/2 + 1/2
    columns = values.transpose(1, 0, 2).reshape(n_columns * n_rows, n_inputs)  # (T*B,D)
    inputs = np.empty((n_columns, len(ways), n_rows, 4 * units), np.float32)  # (T,N,B,4U)
    for n, way in enumerate(ways):
        kernel, bias = weights[f"{layer.name}.{way}kernel"], weights[f"{layer.name}.{way}bias"]
        projected = (columns @ _halved(kernel, half) + bias * half).reshape(n_columns, n_rows, 4 * units)
        if mask is not None and not mask.all():
            projected[~mask.T, : 2 * units] = SHUT
        inputs[:, n] = projected[::-1] if n else projected
    recurrent = np.stack([_halved(weights[f"{layer.name}.{way}recurrent_kernel"], half) for way in ways])  # (N,U,4U)
    states = _walk(inputs, recurrent, half)  # (T,N,B,U)
    states = [states[::-1, n] if n else states[:, n] for n in range(len(ways))]
    return np.ascontiguousarray(np.concatenate(states, axis=-1).transpose(1, 0, 2))  # (B,T,N*U)


_KEPT: dict[int, np.ndarray] = {}  # by the id of an array that lives


def _halved(kernel: np.ndarray, half: np.ndarray) -> np.ndarray:
    """`kernel` (D,4U) times `half` (4U,): kept where `kernel` is read-only, as in a tagger that was loaded.

    (Who makes an array writable again copies it first.) For one sentence this product would cost a tenth of its scores.
    """
    kept = _KEPT.get(id(kernel))
    if kept is None:
        kept = kernel * half
        if not kernel.flags.writeable:
            _KEPT[id(kernel)] = kept
            weakref.finalize(kernel, _KEPT.pop, id(kernel), None)
    return kept


def _walk(inputs: np.ndarray, recurrent: np.ndarray, half: np.ndarray) -> np.ndarray:
    """States (T,N,B,U): the loop through time. `inputs` (T,N,B,4U) and `recurrent` are halved where a sigmoid follows."""
    n_columns, n_ways, n_rows, width = inputs.shape
    units = width // 4
    states = np.empty((n_columns, n_ways, n_rows, units), np.float32)
    rest = 1 - half
    memory = np.zeros((n_ways, n_rows, units), np.float32)
    state, gates = memory, np.empty((n_ways, n_rows, width), np.float32)
    let_in, keep, candidate, let_out = (gates[..., k * units : (k + 1) * units] for k in range(4))  # (N,B,U) each
    for given, new_state in zip(inputs, states, strict=True):
        np.matmul(state, recurrent, out=gates)
        gates += given
        np.tanh(gates, out=gates)
        gates *= half
        gates += rest
        memory *= keep
        memory += let_in * candidate
        state = np.multiply(let_out, np.tanh(memory), out=new_state)
    return states


# --- from scores to tags -----------------------------------------------------------


def allowed_transitions(tags: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Which tag may follow which (K,K), and which may come first (K,), in IOB2.

    >>> moves, first = allowed_transitions(("O", "B-per", "I-per"))
    >>> moves[0].tolist(), first.tolist()
    ([True, True, False], [True, True, False])
    """
    moves = np.array([[is_allowed(before, after) for after in tags] for before in tags], bool)
    return moves, np.array([is_allowed(None, tag) for tag in tags], bool)


def decode_tags(
    network: NetworkConfig, weights: Weights, scores: np.ndarray, mask: np.ndarray, allowed=None
) -> np.ndarray:
    """The tag ids (B,T) a network stands for: the best row of tags (CRF), or the best tag of each token.

    `allowed` as `allowed_transitions` makes it. What stands in columns that are not counted means nothing.
    """
    if not network.has_crf:
        return scores.argmax(axis=-1).astype(np.int32)
    return viterbi(scores, _counted(network, mask), *_crf_weights(network, weights), allowed)


def viterbi(scores, mask, transitions, start, end, allowed=None) -> np.ndarray:
    """The row of tags (B,T) with the highest score; 0 on padding. Ties go to the lower id.

    On the way forward only the best score of each tag is kept; where it came from is asked on the way back, of the one
    tag that was chosen, instead of remembered for all.
    """
    cells, moves = add_boundaries(scores, mask, transitions, start, end, allowed)  # (T+2,B,K+1), (K+1,K+1)
    best = np.empty(cells.swapaxes(1, 2).shape)  # (T+2,K+1,B): of all paths that end in this tag
    best[0] = cells[0].T
    for before, here, cell in zip(best, best[1:], cells[1:], strict=False):
        np.maximum.reduce(before[:, None] + moves[:, :, None], axis=0, out=here)  # over (from,to,B)
        here += cell.T
    best, arriving = np.ascontiguousarray(best.swapaxes(1, 2)), np.ascontiguousarray(moves.T)  # [to, from]
    path = np.empty(cells.shape[:2], np.intp)  # (T+2,B)
    path[-1] = len(moves) - 1
    for column in range(len(cells) - 1, 0, -1):
        (best[column - 1] + arriving[path[column]]).argmax(axis=-1, out=path[column - 1])
    return np.where(mask, path[1:-1].T, 0).astype(np.int32)


def add_boundaries(scores, mask, transitions, start, end, allowed=None) -> tuple[np.ndarray, np.ndarray]:
    """Cells (T+2,B,K+1) by time and moves (K+1,K+1) in float64: the boundary tag is the last.

    It stands before and behind each sentence and on padding, and nowhere else.
    """
    n_rows, n_columns, n_tags = scores.shape
    moves = np.zeros((n_tags + 1, n_tags + 1))
    moves[:-1, :-1], moves[-1, :-1], moves[:-1, -1] = transitions, start, end
    if allowed is not None:
        moves[:-1, :-1] += FORBIDDEN * ~allowed[0]
        moves[-1, :-1] += FORBIDDEN * ~allowed[1]
    cells = np.full((n_columns + 2, n_rows, n_tags + 1), FORBIDDEN)
    cells[0, :, -1] = cells[-1, :, -1] = 0
    cells[1:-1, :, :-1] = scores.swapaxes(0, 1)
    is_token = np.asarray(mask, bool).T  # (T,B)
    if not is_token.all():
        cells[1:-1][~is_token] = [*[FORBIDDEN] * n_tags, 0]
    return cells, moves


def _counted(network: NetworkConfig, mask: np.ndarray) -> np.ndarray:
    """The columns that belong to the chain: a network trained without a mask counts its padding."""
    return mask if network.is_masked else np.ones_like(mask)


def _crf_weights(network: NetworkConfig, weights: Weights) -> tuple[np.ndarray, ...]:
    """How tags follow each other: transitions (K,K), start and end (K,); the mean of a committee's."""
    names, arrays = [stack[-1].name for stack in stacks(network)], ("transitions", "start", "end")
    if len(names) == 1:
        return tuple(weights[f"{names[0]}.{array}"] for array in arrays)
    return tuple(np.mean([weights[f"{name}.{array}"] for name in names], axis=0) for array in arrays)


# --- from scores to probabilities ------------------------------------------------------


def tag_probabilities(
    network: NetworkConfig, weights: Weights, scores, mask, temperature: float = 1.0, allowed=None
) -> np.ndarray:
    """Probability (B,T,K) of each tag at each token in float64; with a CRF over all rows of tags."""
    if network.has_crf:
        crf = [array / temperature for array in _crf_weights(network, weights)]
        return marginals(scores / temperature, _counted(network, mask), *crf, allowed)
    return softmax(_log_scores(network, scores) / temperature)


def _log_scores(network: NetworkConfig, scores: np.ndarray) -> np.ndarray:
    """Scores whose softmax are the network's probabilities, in float64.

    A relu's scores become probabilities as its loss reads them: divided by their sum, no less than 1e-7.
    """
    scores = np.asarray(scores, np.float64)
    if network.layers[-1].activation == "linear":
        return scores
    total = np.maximum(scores.sum(axis=-1, keepdims=True), TINY)
    return np.log(np.clip(scores / total, 1e-7, 1.0))


def marginals(scores, mask, transitions, start, end, allowed=None) -> np.ndarray:
    """Probability (B,T,K) of each tag at each token, over all rows of tags; 0 on padding."""
    chain = _posterior(*add_boundaries(scores, mask, transitions, start, end, allowed))
    met = chain.forward * chain.behind  # (T+2,B,K+1)
    met /= np.maximum(met.sum(axis=-1, keepdims=True), TINY)
    return np.ascontiguousarray(met[1:-1, :, :-1].swapaxes(0, 1))


def log_partition(scores, mask, transitions, start, end, allowed=None) -> np.ndarray:
    """Log Z (B,): the log of the summed weight of all rows of tags."""
    cells, moves = add_boundaries(scores, mask, transitions, start, end, allowed)
    totals = _messages(cells, np.exp(moves))[2][:, 0]  # (T+2,B,1)
    return (np.log(totals) + cells.max(axis=-1, keepdims=True)).sum(axis=(0, 2))


def span_probabilities(
    network: NetworkConfig,
    weights: Weights,
    scores: np.ndarray,
    mask: np.ndarray,
    spans: Sequence[Span],
    tags: Sequence[str],
    temperature: float = 1.0,
    allowed=None,
) -> list[float]:
    """Probability of exactly each labelled span in one sentence of `scores` (T,K) and `mask` (T,).

    `spans` count columns. A span of label x is there if its first tag is B-x, I-x follows to its end, and no I-x
    comes after. With a CRF this is the summed probability of all rows of tags that hold the span;
    otherwise tokens are independent and what they say is multiplied.
    """
    [found] = span_probabilities_of_batch(
        network, weights, scores[None], mask[None], [spans], tags, temperature, allowed
    )
    return found


def span_probabilities_of_batch(
    network: NetworkConfig,
    weights: Weights,
    scores: np.ndarray,
    mask: np.ndarray,
    spans: Sequence[Sequence[Span]],
    tags: Sequence[str],
    temperature: float = 1.0,
    allowed=None,
) -> list[list[float]]:
    """`span_probabilities` of many sentences at once: `scores` (B,T,K), `mask` (B,T), the spans of each."""
    if not any(spans):
        return [[] for _ in spans]
    mask = _counted(network, mask)
    if network.has_crf:
        crf = [array / temperature for array in _crf_weights(network, weights)]
        chain = _posterior(*add_boundaries(scores / temperature, mask, *crf, allowed))
    else:  # a chain whose moves all cost nothing is a row of independent tokens
        free = np.zeros(scores.shape[-1])
        logs = _log_scores(network, scores) / temperature
        chain = _posterior(*add_boundaries(logs, mask, free + free[:, None], free, free))
    return [[_span_probability(chain, row, span, tags) for span in found] for row, found in enumerate(spans)]


def _span_probability(chain: _Chain, row: int, span: Span, tags: Sequence[str]) -> float:
    """The weight of all paths through the span, letting only its own tags pass, of the weight of all paths."""
    begins, continues = _own_tags(tuple(tags), span.label)
    first, behind = span.start + 1, span.end + 1  # column 0 is the boundary
    passing = chain.forward[first, row] * begins  # (K+1,)
    for column in range(first + 1, behind):
        passing = chain.step(passing, column, row) * continues
    passing = chain.step(passing, behind, row) * ~continues
    total = chain.forward[behind, row] @ chain.behind[behind, row]  # 0 where scores 700 apart let every path die out
    return float(passing @ chain.behind[behind, row] / max(total, TINY))


@lru_cache(maxsize=1000)
def _own_tags(tags: tuple[str, ...], label: str) -> tuple[np.ndarray, np.ndarray]:
    """Which tags are B-label, and which I-label: (K+1,) each; the boundary is neither."""
    begins, continues = (np.array([tag == f"{way}-{label}" for tag in (*tags, None)]) for way in "BI")
    return begins, continues


class _Chain(NamedTuple):
    """A sentence's tags given all its scores: a Markov chain, from the boundary before it to the one behind."""

    weights: np.ndarray  # (K+1,K+1): of moving from one tag to another
    cells: np.ndarray  # (T+2,B,K+1): of being there, scaled so that `forward` sums to 1 at each column
    forward: np.ndarray  # (T+2,B,K+1): of all paths that end here
    behind: np.ndarray  # (T+2,B,K+1): of all that may follow

    def step(self, passing: np.ndarray, column: int, row: int) -> np.ndarray:
        """What passed the column before (K+1,), moved on to `column`."""
        return (passing @ self.weights) * self.cells[column, row]


def _posterior(cells: np.ndarray, moves: np.ndarray) -> _Chain:
    """The chain of tags that the scores leave."""
    weights = np.exp(moves)
    powers, messages, totals = _messages(cells, weights)
    behind = np.ones_like(powers)  # nothing follows the last column
    behind[:-1] = messages[::-1, 1][1:] @ weights.T
    return _Chain(weights, powers / totals[:, 0], messages[:, 0], behind)


def _messages(cells: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Powers (T+2,B,K+1) of the cells, both directions' messages (T+2,2,B,K+1), and their totals (T+2,2,B,1).

    message[t,0,:,k] is the weight of all paths from the first column to tag k at t, scaled to sum to 1; message[t,1]
    the same of the sentence read from its end, so that one loop carries both.
    """
    powers = np.exp(cells - cells.max(axis=-1, keepdims=True))
    messages = np.stack([powers, powers[::-1]], axis=1)
    both = np.stack([weights, weights.T])  # (2,K+1,K+1)
    totals = np.ones((*messages.shape[:3], 1))
    for before, message, total in zip(messages, messages[1:], totals[1:], strict=False):
        message *= before @ both
        np.add.reduce(message, axis=-1, keepdims=True, out=total)
        np.maximum(total, TINY, out=total)
        message /= total
    return powers, messages, totals
