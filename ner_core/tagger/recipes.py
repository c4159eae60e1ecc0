"""Which recipes are there, what may be changed of one, and how does it become a tagger?

Chapter of part II. Every recipe is found here by its name: ours (see `ours`), and each of the five tutorials twice (see
`tutorials`), **as published** and **as mended**. What a person may change of one has bounds, and what follows from one is an
untrained tagger for a corpus dealt as the recipe wants it.

Source: none; bookkeeping over the chapters before. Differs from a registry: one table, written out when the book is opened.

>>> recipe("bilstm-crf").title
'Our default: word and shape features, BiLSTM, CRF'
>>> recipe("gmb-bilstm-softmax", published=True).encoding.pad_word
'last word'
>>> resize(recipe("bilstm-crf"), lstm_width=32).network.layers[2].width
32
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ner_core.data.corpus import resplit
from ner_core.records import Corpus, InputError, Layer, Tagger
from ner_core.tagger.encode import fit_encoder
from ner_core.tagger.gmb_tutorials import GMB_TUTORIALS
from ner_core.tagger.ours import OURS, Recipe
from ner_core.tagger.tutorials import TUTORIALS, both_forms

# (name, is_published) -> Recipe; the default first.
RECIPES: dict[tuple[str, bool], Recipe] = {(base.name, False): base for base in OURS}
for _tutorial in (*TUTORIALS, *GMB_TUTORIALS):
    for _form in both_forms(_tutorial):
        RECIPES[_form.name, _form.is_published] = _form

RECIPE_NAMES = tuple(dict.fromkeys(name for name, _ in RECIPES))


def recipe(name: str, published: bool = False) -> Recipe:
    """Return the recipe of that name, as mended or (`published`) as its tutorial has it.

    Raises ValueError for a name that is none, or for the published form of our own.
    """
    if name not in RECIPE_NAMES:
        raise InputError(f"No recipe is called so; there are {', '.join(RECIPE_NAMES)}. Received: {name!r}.")
    if (name, published) not in RECIPES:
        raise InputError(f"{name} is ours and has no published form: leave `published` out. Received: published=True.")
    return RECIPES[name, published]


# --- hyperparameters a person may change ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bound:
    """A hyperparameter's plain name, its bounds, and a sentence of help."""

    words: str
    low: float
    high: float
    help: str
    is_whole: bool = True


BOUNDS = {
    "word_width": Bound("word vector", 8, 300, "Numbers the network keeps for each word."),
    "lstm_width": Bound("LSTM units", 8, 300, "Memory cells in each direction."),
    "conv_width": Bound("filters", 8, 300, "Numbers a convolution draws from each word and its neighbours."),
    "dropout": Bound("dropout", 0.0, 0.8, "Share of values hidden at random while training.", is_whole=False),
    "learning_rate": Bound("learning rate", 0.00001, 1.0, "How far each step goes.", is_whole=False),
    "batch_size": Bound("sentences a step", 1, 2000, "More give steadier steps, and fewer of them."),
    "batch_tokens": Bound(
        "words a step", 50, 20_000, "Sentences of like length are put together until they hold so many words."
    ),
    "epochs": Bound("epochs", 1, 100, "How often every training sentence is read."),
    "max_length": Bound("length", 5, 500, "Words a sentence is padded to or cut at."),
    "word_dropout": Bound(
        "word dropout", 0.0, 0.5, "Share of words hidden so that unknown ones are practised.", is_whole=False
    ),
    "patience": Bound("patience", 0, 50, "Epochs without a better one before training stops; 0 = never."),
    "rare_times": Bound(
        "rare labels, times",
        1,
        20,
        "Sentences that hold a rare label are read up to so often in every epoch, more often the rarer the label is. "
        "More of the rare entities are found then, for a longer epoch; 1 = every sentence once.",
    ),
}


def settings_of(base: Recipe) -> dict[str, float]:
    """Return the hyperparameters of `base` that a person may change, with their present values."""
    layers, training = base.network.layers, base.training
    found: dict[str, float] = {"word_width": layers[0].width}
    recurrent = [layer.width for layer in layers if layer.kind in ("bilstm", "lstm")]
    convolved = [layer.width for layer in layers if layer.kind == "conv"]
    dropouts = [layer.rate for layer in layers if layer.kind in ("dropout", "spatial_dropout")]
    found |= {"lstm_width": recurrent[0]} if recurrent else {}
    found |= {"conv_width": convolved[0]} if convolved else {}
    found |= {"dropout": dropouts[0]} if dropouts else {}
    found |= {"learning_rate": training.learning_rate, "epochs": training.epochs, "patience": training.patience}
    found["batch_size" if training.batch_size else "batch_tokens"] = training.batch_size or training.batch_tokens
    if base.encoding.max_length:
        found["max_length"] = base.encoding.max_length
    if base.encoding.unknown == "unk":
        found["word_dropout"] = training.word_dropout
    if not base.is_published:
        found["rare_times"] = training.rare_times
    return found


def resize(base: Recipe, **settings: float) -> Recipe:
    """Return `base` with other hyperparameters, each within `BOUNDS`.

    `lstm_width` sets the BiLSTM; a second LSTM keeps its proportion to it. `conv_width` sets every convolution.
    In a committee a changed value holds for all members, one that equals the first member's leaves the others alone.
    Raises ValueError for an unknown name or a value out of bounds.
    """
    for name, value in settings.items():
        _check_bound(name, value)
    present = settings_of(base)  # of a committee the first member's: what is not changed leaves the others as they are
    settings = {name: value for name, value in settings.items() if value != present.get(name)}
    network = base.network
    first = next((layer.width for layer in network.layers if layer.kind in ("bilstm", "lstm")), None)
    if "lstm_width" in settings and first is None:
        raise InputError(f"{base.name} has no LSTM to resize. Received: lstm_width={settings['lstm_width']!r}.")
    layers, *others = (
        tuple(_resized(layer, settings, first) for layer in stack) for stack in (network.layers, *network.others)
    )
    of_training = ("learning_rate", "batch_size", "batch_tokens", "epochs", "word_dropout", "patience", "rare_times")
    training = replace(base.training, **{name: settings[name] for name in of_training if name in settings})
    encoding = base.encoding
    if "max_length" in settings:
        encoding = replace(encoding, max_length=int(settings["max_length"]))
    network = replace(network, layers=layers, others=tuple(others))
    return replace(base, network=network, training=training, encoding=encoding)


def _resized(layer: Layer, settings: dict[str, float], first: int | None) -> Layer:
    """The layer with what `settings` say of its kind; `first` is the width of the first LSTM."""
    if layer.kind == "embed" and "word_width" in settings:
        return replace(layer, width=int(settings["word_width"]))
    if layer.kind in ("bilstm", "lstm") and "lstm_width" in settings:
        return replace(layer, width=max(round(layer.width * settings["lstm_width"] / first), 1))
    if layer.kind == "conv" and "conv_width" in settings:
        return replace(layer, width=int(settings["conv_width"]))
    if layer.kind in ("dropout", "spatial_dropout") and "dropout" in settings:
        return replace(layer, rate=float(settings["dropout"]))
    return layer


def _check_bound(name: str, value: float) -> None:
    if name not in BOUNDS:
        raise InputError(f"No hyperparameter is called so; there are {', '.join(BOUNDS)}. Received: {name!r}.")
    bound = BOUNDS[name]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not bound.low <= value <= bound.high or (bound.is_whole and value != int(value)):
        kind = "a whole number" if bound.is_whole else "a number"
        raise InputError(
            f"{bound.words} ({name}) must be {kind} from {bound.low:g} to {bound.high:g}. Received: {value!r}."
        )


_SMALL = 200_000  # training tokens; below it, 700 tokens a step would be too few steps


def suited(base: Recipe, corpus: Corpus) -> Recipe:
    """Return `base` with more, smaller steps where the corpus is small; a published recipe stays as it is.

    On Newsroom (some 36,000 training tokens) 4 epochs of 700 tokens a step are 200 steps: too few to learn from.
    """
    if base.is_published or sum(map(len, corpus.train)) >= _SMALL:
        return base
    return resize(base, epochs=12, batch_tokens=250)


# --- from recipe to tagger --------------------------------------------------------------------


def new_tagger(corpus: Corpus, base: Recipe) -> Tagger:
    """Build an untrained tagger: vocabularies from the corpus, a network of fitting size, no weights.

    A published recipe wants its own split first: `deal(corpus, base)`.
    """
    encoder = fit_encoder(corpus, base.encoding)
    sizes = (("word", encoder.n_word_ids), *((name, len(values)) for name, values in encoder.feature_values.items()))
    network = replace(base.network, sizes=sizes, n_tags=len(encoder.tags))
    card = {
        "recipe": base.name,
        "is_published": base.is_published,
        "corpus": corpus.name,
        "labels": list(corpus.labels),
        "n_train": len(corpus.train),
        "split": corpus.split,
    }
    return Tagger(encoder, network, card=card)


def is_gmb(corpus: Corpus) -> bool:
    """Tell whether the corpus is the GMB extract that two tutorials' figures were read on."""
    return len(corpus.sentences) == 47_959 and sum(map(len, corpus.sentences)) == 1_048_575


def figures_apply(base: Recipe, corpus: Corpus) -> bool:
    """Tell whether a tutorial's published figures were read on this corpus; those on ner.csv never are."""
    return base.corpus == "GMB" and is_gmb(corpus)


def deal(corpus: Corpus, base: Recipe) -> Corpus:
    """Return the corpus in the parts that `base` is trained and scored on.

    A published recipe's tutorial has a split of its own; a mended one keeps the corpus' parts. Parts that came
    as files are never dealt afresh.
    """
    if base.split is None or not base.is_published or corpus.has_given_parts:
        return corpus
    return resplit(corpus, base.split)
