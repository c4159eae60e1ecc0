"""A stack of layers, written as data, becomes a Keras network.

Chapter of part II. It answers: *which layers stand between word ids and tag scores, and what does each cost?*
`weight_shapes` and `layer_table` only count and need no Keras; `build_network` builds.

Source: the layers are Keras' own (https://keras.io/api/layers/), but for the CRF (see `crf`), and
an Embedding and an LSTM that are faster (see `lookup`, `lstm`). Losses are Keras' functions, averaged over the cells that count.

Differs from the tutorials: where they wrap the last layer in `TimeDistributed`, this is a `Dense` on (B,T,D). It is the
same arithmetic, and `TimeDistributed` in Keras 3.15.1 loses steps when batches differ in length.

>>> tiny = NetworkConfig((Layer("embed", "embed", 50), Layer("bilstm", "bilstm", 100), Layer("dense", "dense")),
...                      sizes=(("word", 35_179),), n_tags=17)
>>> sum(row["n_parameters"] for row in layer_table(tiny))
1883167
>>> [row["shape"] for row in layer_table(tiny, n_columns=50)]
['(B, 50, 50)', '(B, 50, 200)', '(B, 50, 17)']

A network may be a **committee** of several stacks. Each begins with weights of its own, reads the sentences in an order
of its own and learns as if it were alone; then their tag scores, and how their CRFs let tags follow each other, are
averaged. Where one errs by chance, the others outvote it. Before a CRF, such an average multiplies the members'
distributions over rows of tags: a product of experts (Hinton 2002). That members may differ by chance alone is from Lakshminarayanan et al.
2017, "deep ensembles"; stacks of different kinds differ more.

Shapes: B sentences, T columns, D width, U units, K tags, V size of a vocabulary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from math import prod

import numpy as np

from ner_core.records import Batch, Layer, NetworkConfig

LOSSES = ("crf", "sparse_categorical_crossentropy", "categorical_crossentropy")

# --- counting: no Keras ------------------------------------------------------


def weight_shapes(network: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight, `{layer}.{array}`, in the order of the layers.

    Raises ValueError where the layers do not fit together.
    """
    check_network(network)
    shapes = {}
    for stack in stacks(network):
        width = 0
        for layer in stack:
            for array, shape in _arrays(layer, width, network).items():
                shapes[f"{layer.name}.{array}"] = shape
            width = _width_after(layer, width, network)
    return shapes


def stacks(network: NetworkConfig) -> tuple[tuple[Layer, ...], ...]:
    """The layers of each member, under names of its own.

    >>> layers = Layer("embed", "embed", 8), Layer("crf", "crf")
    >>> [[layer.name for layer in stack] for stack in stacks(NetworkConfig(layers, others=(layers,)))]
    [['member1.embed', 'member1.crf'], ['member2.embed', 'member2.crf']]
    """
    if not network.others:
        return (network.layers,)
    return tuple(
        tuple(replace(layer, name=f"member{m}.{layer.name}") for layer in stack)
        for m, stack in enumerate((network.layers, *network.others), 1)
    )


def layer_table(network: NetworkConfig, n_columns: int | None = None) -> list[dict]:
    """One row a layer: name, kind, shape of what it returns, n_parameters, and a plain sentence.

    Members of a committee that have the same layers share their rows, and n_parameters is that of all of them.
    """
    check_network(network)
    rows, alike = [], Counter((network.layers, *network.others))
    for layers, n_members in alike.items():
        width, among = 0, f"{n_members} of {alike.total()} members: " if network.others else ""
        for layer in layers:
            n_parameters = n_members * sum(prod(shape) for shape in _arrays(layer, width, network).values())
            sentence = among + _sentence(layer, width, network)
            width = _width_after(layer, width, network)
            row = {"name": layer.name, "kind": layer.kind, "shape": f"(B, {n_columns or 'T'}, {width})"}
            rows.append({**row, "n_parameters": n_parameters, "sentence": sentence})
    return rows


def check_network(network: NetworkConfig) -> None:
    """Raise ValueError unless each stack begins with ids, ends with K scores, and names its layers apart."""
    for layers in (network.layers, *network.others):
        _check_stack(layers, network)
    ends = {(layers[-1].kind, layers[-1].activation) for layers in (network.layers, *network.others)}
    if len(ends) > 1:
        raise ValueError(f"All members of a committee end with the same kind of layer. Received: {sorted(ends)}.")


def _check_stack(layers: tuple[Layer, ...], network: NetworkConfig) -> None:
    kinds, names = [layer.kind for layer in layers], [layer.name for layer in layers]
    if "embed" not in kinds[:1] or "embed" in kinds[1:]:
        raise ValueError(f"A network begins with its one embed layer, which turns ids into vectors. Received: {kinds}.")
    if "crf" in kinds[:-1]:
        raise ValueError(f"A crf layer is the last of a network: move it to the end. Received: {kinds}.")
    if len(set(names)) < len(names):
        raise ValueError(f"Every layer needs a name of its own. Received: {names}.")
    if network.n_tags < 1 or "word" not in dict(network.sizes):
        raise ValueError(
            f"Sizes and n_tags come from the corpus: use new_tagger. Received: sizes={network.sizes}, n_tags={network.n_tags}."
        )
    width = 0
    for layer in layers:
        if layer.kind == "crf" and width != network.n_tags:
            raise ValueError(
                f"A crf needs {network.n_tags} scores a token: put a dense layer of width 0 before it. Received: {width}."
            )
        width = _width_after(layer, width, network)
    if width != network.n_tags:
        raise ValueError(
            f"A network ends with {network.n_tags} scores a token: end it with a dense layer of width 0. Received: {width}."
        )


def embedded(layer: Layer) -> tuple[tuple[str, int], ...]:
    """What an embed layer looks up, in the order in which it is joined: the word, then the features."""
    return (("word", layer.width), *layer.features)


def _width_after(layer: Layer, width: int, network: NetworkConfig) -> int:
    match layer.kind:
        case "embed":
            return sum(columns for _, columns in embedded(layer))
        case "dropout" | "spatial_dropout" | "crf":
            return width
        case "conv" | "lstm":
            return layer.width
        case "bilstm":
            return 2 * layer.width
        case "dense":
            return layer.width or network.n_tags
    raise ValueError(
        f"Layer {layer.name!r} is of no known kind: embed, dropout, spatial_dropout, conv, bilstm, lstm, dense, crf. Received: {layer.kind!r}."
    )


def _arrays(layer: Layer, width: int, network: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """The weights of one layer that receives `width` numbers a token."""
    units, n_tags = layer.width, network.n_tags
    lstm = {"kernel": (width, 4 * units), "recurrent_kernel": (units, 4 * units), "bias": (4 * units,)}
    match layer.kind:
        case "embed":
            return {name: (dict(network.sizes)[name], columns) for name, columns in embedded(layer)}
        case "conv":
            return {"kernel": (layer.kernel_size, width, units), "bias": (units,)}
        case "lstm":
            return lstm
        case "bilstm":
            return {f"{way}.{array}": shape for way in ("forward", "backward") for array, shape in lstm.items()}
        case "dense":
            return {"kernel": (width, units or n_tags), "bias": (units or n_tags,)}
        case "crf":
            return {"transitions": (n_tags, n_tags), "start": (n_tags,), "end": (n_tags,)}
    return {}


def _sentence(layer: Layer, width: int, network: NetworkConfig) -> str:
    """What the layer does, in one sentence for someone who sees it for the first time."""
    after, n_tags = _width_after(layer, width, network), network.n_tags
    dropped = f" In training {layer.rate:.0%} of its inputs are hidden." if layer.rate else ""
    match layer.kind:
        case "embed":
            beside = " and ".join(name for name, _ in layer.features)
            return f"Looks up {after} learned numbers for every word{f' and for its {beside}' if beside else ''}."
        case "dropout":
            return f"In training hides {layer.rate:.0%} of the numbers at random, so that the network relies on none alone."
        case "spatial_dropout":
            return f"In training hides {layer.rate:.0%} of the {width} columns for a whole sentence at a time."
        case "conv":
            return f"Looks at {layer.kernel_size} neighbouring words at once and draws {after} numbers from them."
        case "bilstm":
            return f"Reads the sentence from both ends, remembering {layer.width} numbers each way, so that every word knows its neighbours.{dropped}"
        case "lstm":
            return f"Reads the sentence from its first word to its last, remembering {layer.width} numbers.{dropped}"
        case "dense" if layer.width:
            return f"Mixes the {width} numbers of each word into {after}."
    return {
        "crf": f"Learns which of the {n_tags} tags follows which, and picks the best row of tags for the whole sentence.",
        "softmax": f"Gives each word a probability for each of the {n_tags} tags.",
        "relu": f"Gives each word a score of 0 or more for each of the {n_tags} tags.",
    }.get("crf" if layer.kind == "crf" else layer.activation, f"Gives each word a score for each of the {n_tags} tags.")


# --- building: Keras, loaded only when first used -------------------------------


def batch_inputs(batch: Batch) -> dict[str, np.ndarray]:
    """A batch as a network takes it: "word" and each feature (B,T) int32, and "mask" (B,T) bool."""
    return {"word": batch.word_ids, **batch.features, "mask": batch.mask}


def build_network(network: NetworkConfig, seed: int, allowed=None) -> Network:
    """Build the Keras network, its first weights and its dropout drawn from `seed`.

    `allowed` = (moves (K,K), first tags (K,)) is needed where `network.forbids_illegal`.
    """
    check_network(network)
    if network.forbids_illegal and allowed is None:
        raise ValueError(
            "A network that forbids illegal tags needs `allowed` = allowed_transitions(tags). Received: None."
        )
    kind = Committee if network.others else Network
    return kind(network, seed, allowed if network.forbids_illegal else None)


class Network:
    """A functional `keras.Model` (`model`), with its loss, and its weights by name.

    `network(inputs, training=False)` gives scores (B,T,K); `inputs` is what `batch_inputs` makes of a batch.
    """

    def __init__(self, config: NetworkConfig, seed: int, allowed=None):
        import keras

        keras.utils.set_random_seed(seed)
        self.config = config
        self.crf = None
        self.model = self._stack(allowed)

    def _stack(self, allowed):
        """Lay the Keras layers upon each other; the result is a functional `keras.Model`."""
        import keras

        names = [name for name, _ in embedded(self.config.layers[0])]
        inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}  # (B,T)
        mask = None
        if self.config.is_masked:
            mask = inputs["mask"] = keras.Input((None,), dtype="bool", name="mask")  # (B,T)
        values = None
        for layer in self.config.layers:
            values = self._put(layer, inputs if layer.kind == "embed" else values, mask, allowed)  # (B,T,D)
        return keras.Model(inputs, values)

    def _put(self, layer: Layer, values, mask, allowed):
        """Put one layer on top of `values` and return what comes out of it."""
        from keras import layers, ops

        from ner_core.tagger import crf, lookup, lstm

        name = layer.name
        match layer.kind:
            case "embed":
                sizes = dict(self.config.sizes)
                found = [
                    lookup.Embedding(sizes[n], width, name=f"{name}.{n}")(values[n]) for n, width in embedded(layer)
                ]
                return layers.Concatenate(name=name)(found) if len(found) > 1 else found[0]
            case "dropout":
                return layers.Dropout(layer.rate, name=name)(values)
            case "spatial_dropout":
                return layers.SpatialDropout1D(layer.rate, name=name)(values)
            case "conv":  # the one layer that reads neighbours: padding must read as 0
                if mask is not None:
                    values = values * ops.cast(mask, "float32")[:, :, None]
                return layers.Conv1D(
                    layer.width, layer.kernel_size, padding="same", activation=layer.activation, name=name
                )(values)
            case "lstm":
                options = {"dropout": layer.rate, "recurrent_dropout": layer.recurrent_rate, "name": name}
                kind = layers.LSTM if mask is None else lstm.LSTM  # without a mask: the tutorials' own layer
                return kind(layer.width, return_sequences=True, **options)(values, mask=mask)
            case "bilstm":
                options = {"dropout": layer.rate, "recurrent_dropout": layer.recurrent_rate, "name": name}
                if mask is None:
                    name = options.pop("name")
                    inner = layers.LSTM(layer.width, return_sequences=True, **options)
                    return layers.Bidirectional(inner, name=name)(values)
                return lstm.BiLSTM(layer.width, **options)(values, mask=mask)
            case "dense":
                return layers.Dense(layer.width or self.config.n_tags, activation=layer.activation, name=name)(values)
            case "crf":
                self.crf = crf.CRF(self.config.n_tags, allowed, name=name)
                return self.crf(values)

    def __call__(self, inputs: Mapping, training: bool = False):
        """Tag scores (B,T,K); after a softmax layer these are probabilities."""
        return self.model({name: inputs[name] for name in self.model.input}, training=training)

    def loss(self, scores, tag_ids, mask, kind: str):
        """Mean loss over the cells where `mask` (B,T) is True: a scalar, in nats a cell.

        "crf" is the negative log-likelihood of the whole row of tags, divided by its cells, so that it can be
        compared with the cross-entropies. The others are Keras' own functions: "sparse_categorical_crossentropy" clips
        probabilities, "categorical_crossentropy" first divides them by their sum (which is what lets a relu be trained).
        A last layer without activation gives scores, not probabilities, and is told to Keras as such.
        """
        import keras
        import tensorflow as tf

        counts = tf.cast(mask, tf.float32)  # (B,T)
        from_logits = self.config.layers[-1].activation == "linear"
        if kind == "crf":
            losses = -self._log_likelihood(scores, tag_ids, mask)  # (B,)
        elif kind == "sparse_categorical_crossentropy":
            losses = counts * keras.losses.sparse_categorical_crossentropy(
                tag_ids, scores, from_logits=from_logits
            )  # (B,T)
        elif kind == "categorical_crossentropy":
            one_hot = tf.one_hot(tag_ids, self.config.n_tags)  # (B,T,K)
            losses = counts * keras.losses.categorical_crossentropy(one_hot, scores, from_logits=from_logits)
        else:
            raise ValueError(f"A loss is one of {', '.join(LOSSES)}. Received: {kind!r}.")
        return tf.reduce_sum(losses) / tf.maximum(tf.reduce_sum(counts), 1.0)

    def _log_likelihood(self, scores, tag_ids, mask):
        return self.crf.log_likelihood(scores, tag_ids, mask)

    def input_signature(self) -> dict:
        """TensorSpecs [None, None] of the inputs (always with "mask"), so that no length is traced anew."""
        import tensorflow as tf

        names = [name for name in self.model.input if name != "mask"]
        return {
            **{name: tf.TensorSpec([None, None], tf.int32) for name in names},
            "mask": tf.TensorSpec([None, None], tf.bool),
        }

    @property
    def members(self) -> list[Network]:
        """The networks that learn each for itself: this one alone."""
        return [self]

    @property
    def variables(self) -> list:
        """All that a training step may change: weights, seeds and counters of dropout."""
        return self.model.variables

    @property
    def trainable_variables(self) -> list:
        return self.model.trainable_variables

    def variables_by_name(self) -> dict:
        """`{layer}.{array}` to Keras variable, in the order of `weight_shapes`."""
        found = {}
        for layer in self.config.layers:
            match layer.kind:
                case "embed":
                    for name, _ in embedded(layer):
                        found[f"{layer.name}.{name}"] = self.model.get_layer(f"{layer.name}.{name}").embeddings
                case "bilstm":
                    both = self.model.get_layer(layer.name)
                    for way, part in (("forward", both.forward_layer), ("backward", both.backward_layer)):
                        found |= {
                            f"{layer.name}.{way}.{variable.name}": variable for variable in part.trainable_variables
                        }
                case _:
                    variables = self.model.get_layer(layer.name).trainable_variables
                    found |= {f"{layer.name}.{variable.name}": variable for variable in variables}
        return found

    def crf_weights(self) -> dict[str, np.ndarray]:
        """The CRF's weights alone, by name."""
        variables = self.crf.trainable_variables
        return {f"{self.config.layers[-1].name}.{variable.name}": variable.numpy() for variable in variables}

    def weights_as_dict(self) -> dict[str, np.ndarray]:
        """A copy of every weight, by name."""
        return {name: variable.numpy().copy() for name, variable in self.variables_by_name().items()}

    def load_weights_dict(self, weights: Mapping[str, np.ndarray]) -> None:
        """Take weights by name. Raises ValueError where one is missing, unknown or of another shape."""
        shapes = weight_shapes(self.config)
        if shapes != {name: np.shape(array) for name, array in weights.items()}:
            wrong = sorted(name for name in {*shapes, *weights} if shapes.get(name) != np.shape(weights.get(name, 0)))
            raise ValueError(
                f"These weights are not this network's: {', '.join(wrong)}. Received: {len(weights)} arrays for {len(shapes)}."
            )
        for name, variable in self.variables_by_name().items():
            variable.assign(weights[name])


class Committee(Network):
    """Several networks, asked as if they were one: scores and CRFs are averaged.

    `members` are trained one by one. `committee.loss` is that of the average, which is what predicts.
    """

    def __init__(self, config: NetworkConfig, seed: int, allowed=None):
        alone = [replace(config, layers=layers, others=()) for layers in (config.layers, *config.others)]
        seeds = np.random.SeedSequence(seed).generate_state(len(alone))
        self.config, self.allowed = config, allowed
        self._members = [Network(own, int(drawn), allowed) for own, drawn in zip(alone, seeds, strict=True)]

    @property
    def members(self) -> list[Network]:
        return self._members

    def __call__(self, inputs: Mapping, training: bool = False):
        import tensorflow as tf

        return tf.add_n([member(inputs, training) for member in self.members]) / len(self.members)

    def _log_likelihood(self, scores, tag_ids, mask):
        import tensorflow as tf

        from ner_core.tagger import crf

        arrays = zip(*([m.crf.transitions, m.crf.start, m.crf.end] for m in self.members), strict=True)
        means = [tf.add_n([tf.convert_to_tensor(array) for array in each]) / len(each) for each in arrays]
        return crf.log_likelihood(scores, tag_ids, mask, *means, self.allowed)

    def input_signature(self) -> dict:
        return self.members[0].input_signature()

    @property
    def variables(self) -> list:
        return [variable for member in self.members for variable in member.variables]

    @property
    def trainable_variables(self) -> list:
        return [variable for member in self.members for variable in member.trainable_variables]

    def variables_by_name(self) -> dict:
        return {
            f"member{m}.{name}": variable
            for m, member in enumerate(self.members, 1)
            for name, variable in member.variables_by_name().items()
        }
