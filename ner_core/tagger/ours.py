"""What decides a training run, and which networks are ours?

Chapter of part II; data, not code. A `Recipe` is everything that decides a training run: how words are encoded, the stack of
layers, the loss and the split. Three are ours: `bilstm-crf` is the default, `fast` is for when a minute is too long, and
`best`, a committee of nine networks, for when accuracy is worth some minutes. The tutorials' stand in the chapters after this.

Source: the papers named in each `Recipe.source`. Differs from them: affixes and word shape where they use characters or
hand-made rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ner_core.records import EncodingConfig, Layer, NetworkConfig, SplitConfig, TrainConfig


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a recipe: what the tutorial says, what we use published and mended, and why."""

    name: str
    tutorial: str
    published: object
    mended: object
    why: str = ""


@dataclass(frozen=True, slots=True)
class CannotRun:
    """Why a tutorial's code stops: shapes layer by layer, the error, and the nearest form that runs."""

    trace: tuple[str, ...]
    error: str
    nearest_form: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides a run. `split` None = the corpus' own parts are kept.

    `corpus` names what the tutorial's figures were read on, "" where it states none.
    """

    name: str
    title: str
    source: str
    is_published: bool
    summary: str
    encoding: EncodingConfig
    network: NetworkConfig
    training: TrainConfig
    split: SplitConfig | None = None
    corpus: str = ""
    mistakes: tuple[str, ...] = ()
    values: tuple[Value, ...] = ()
    claims: tuple[str, ...] = ()
    cannot_run: CannotRun | None = None
    samples: tuple[str, ...] = ()


# --- the three ------------------------------------------------------------------------

_AFFIXES = (("lower", 32), ("shape", 16), ("prefix3", 16), ("suffix3", 16))

_DEFAULT = Recipe(
    name="bilstm-crf",
    title="Our default: word and shape features, BiLSTM, CRF",
    source="Follows Lample et al. 2016 (arXiv 1603.01360) and Huang et al. 2015 (arXiv 1508.01991), "
    "but with affixes and word shape where they use characters or hand-made rules.",
    is_published=False,
    summary="Reads each word with its shape, beginning and ending, in both directions, and chooses the best row of tags.",
    encoding=EncodingConfig(features=tuple(name for name, _ in _AFFIXES)),
    network=NetworkConfig(
        layers=(
            Layer("embed", "embed", width=64, features=_AFFIXES),
            Layer("dropout", "dropout", rate=0.3),
            Layer("bilstm", "bilstm", width=80),
            Layer("dropout", "dropout_2", rate=0.3),
            Layer("dense", "dense"),
            Layer("crf", "crf"),
        ),
        forbids_illegal=True,
    ),
    training=TrainConfig(
        epochs=4,
        learning_rate=0.004,
        batch_tokens=1_000,
        word_dropout=0.1,
        clip_norm=5.0,
        final_rate=0.1,
        optimizer="lazy_adam",
    ),
    samples=(
        "Ada Lovelace lives in London.",
        "On Monday the Kenyan runner Faith Odhiambo won the Berlin Marathon for the World Athletics team.",
    ),
)

_FAST = replace(
    _DEFAULT,
    name="fast",
    title="The quickest of ours: word and shape features, two convolutions, CRF",
    source="Follows Collobert et al. 2011 (arXiv 1103.0398), with two layers of convolutions, affixes and word shape.",
    summary="Reads each word with its shape, beginning and ending beside two neighbours each way, and chooses the best row of tags.",
    network=NetworkConfig(
        layers=(
            Layer("embed", "embed", width=64, features=_AFFIXES),
            Layer("dropout", "dropout", rate=0.4),
            Layer("conv", "conv", width=128, activation="relu"),
            Layer("conv", "conv_2", width=128, activation="relu"),
            Layer("dropout", "dropout_2", rate=0.4),
            Layer("dense", "dense"),
            Layer("crf", "crf"),
        ),
        forbids_illegal=True,
    ),
    training=replace(_DEFAULT.training, epochs=3, batch_tokens=700),
)

_BOTH = (  # a convolution, then a BiLSTM
    Layer("embed", "embed", width=64, features=_AFFIXES),
    Layer("dropout", "dropout", rate=0.4),
    Layer("conv", "conv", width=128, activation="relu"),
    Layer("bilstm", "bilstm", width=100),
    Layer("dropout", "dropout_2", rate=0.4),
    Layer("dense", "dense"),
    Layer("crf", "crf"),
)
_WIDER = tuple(replace(layer, width=100) if layer.kind == "bilstm" else layer for layer in _DEFAULT.network.layers)
_EACH_KIND = (_BOTH, _WIDER, _FAST.network.layers)

_MOST_ACCURATE = replace(
    _DEFAULT,
    name="best",
    title="The most accurate of ours: a committee of nine networks",
    source="A committee as in Lakshminarayanan et al. 2017 (arXiv 1612.01474), of three members each: our default, `fast`, and one with a "
    "convolution below its BiLSTM.",
    summary="Nine networks of three kinds learn the same task, each for itself; their scores are averaged before the row of tags is chosen. "
    "It takes some minutes, about nine times as long as one network.",
    encoding=replace(_DEFAULT.encoding, min_count=2),
    network=NetworkConfig(layers=_BOTH, others=(_EACH_KIND * 3)[1:], forbids_illegal=True),
    training=replace(_DEFAULT.training, batch_tokens=700),
)

OURS = (_DEFAULT, _FAST, _MOST_ACCURATE)  # the default first
