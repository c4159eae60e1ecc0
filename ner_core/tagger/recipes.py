"""Which networks do the tutorials build, what did they get wrong, and what is ours?

Chapter of part II; data, not code. A `Recipe` is everything that decides a training run: how
words are encoded, the stack of layers, the loss and the split. Each of the five tutorials is
here twice: **as published**, mistakes included, and **as mended**, the same network with its
mistakes repaired. `bilstm-crf` is our own and the default; `fast` is ours for when a minute is too long, and `best`, a
committee of nine networks, for when accuracy is worth some minutes.

Source: the five tutorials named in `Recipe.source`; a size one of them does not state is
marked "ours" in `Recipe.values`. Differs from them: nothing, as published; as mended, exactly
what `Recipe.mistakes` names.

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
from ner_core.records import Corpus, EncodingConfig, InputError, Layer, NetworkConfig, SplitConfig, Tagger, TrainConfig
from ner_core.tagger.encode import fit_encoder


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


# --- ours ------------------------------------------------------------------------

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
            Layer("bilstm", "bilstm", width=100),
            Layer("dropout", "dropout_2", rate=0.3),
            Layer("dense", "dense"),
            Layer("crf", "crf"),
        ),
        forbids_illegal=True,
    ),
    training=TrainConfig(
        epochs=4,
        learning_rate=0.004,
        batch_tokens=700,
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
    training=replace(_DEFAULT.training, epochs=3),
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
_EACH_KIND = (_BOTH, _DEFAULT.network.layers, _FAST.network.layers)

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
)

# --- what mending means, for every tutorial ----------------------------------------

_MENDED_ENCODING = EncodingConfig()
_MENDED_TRAINING = {
    "batch_size": 0,
    "batch_tokens": 700,
    "monitor": "entity_f1",
    "keeps_best": True,
    "word_dropout": 0.02,
}
_OWN_BATCHES = "about 700 tokens, of like length"
_OWN_SPLIT = "the corpus' own"
_BEST = "best entity F1 on dev, loaded"


def _mend(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Return the same stack with a proper output: linear before a CRF, softmax otherwise."""
    has_crf = layers[-1].kind == "crf"
    return tuple(
        replace(layer, activation="linear" if has_crf else "softmax") if layer.kind == "dense" else layer
        for layer in layers
    )


def _pair(published: Recipe) -> tuple[Recipe, Recipe]:
    """Return a tutorial as published and as mended."""
    layers = _mend(published.network.layers)
    has_crf = layers[-1].kind == "crf"
    loss = "crf" if has_crf else "sparse_categorical_crossentropy"
    mended = replace(
        published,
        is_published=False,
        encoding=_MENDED_ENCODING,
        network=NetworkConfig(layers, is_masked=True, forbids_illegal=has_crf),
        training=replace(published.training, loss=loss, **_MENDED_TRAINING),
        split=None,
        cannot_run=None,
    )
    return published, mended


_MUC_SAMPLE = "Jim bought 300 shares of Acme Corp. in 2006. For example, the best system entering MUC-7 scored 93.39% of F-measure."

# --- the five tutorials ---------------------------------------------------------------

_KERAS_BILSTM_CRF = Recipe(
    name="keras-bilstm-crf",
    title="Named entity recognition (NER) using Keras",
    source='The tutorial "[python] Named entity recognition (NER) using Keras", 2023-10-23.',
    is_published=True,
    summary="Embedding, BiLSTM, dense and CRF over what Keras' Tokenizer leaves of the words.",
    encoding=EncodingConfig(
        vocabulary_from="all",
        tokenizer="keras text",
        tag_order="pieces",
        first_id=1,
        unknown="none",
        max_length=50,
        pad_side="pre",
        pad_word="<pad>",
        pad_tag="first tag",
        is_masked=False,
    ),
    network=NetworkConfig(
        layers=(
            Layer("embed", "embed", width=64),
            Layer("bilstm", "bilstm", width=64),
            Layer("dense", "dense"),
            Layer("crf", "crf"),
        ),
        is_masked=False,
    ),
    training=TrainConfig(epochs=3, learning_rate=0.001, batch_size=32, loss="crf", monitor="none", keeps_best=False),
    split=SplitConfig(kind="random", test=0.2, dev=0.1, seed=1, dev_from="end"),
    mistakes=(
        "Keras' Tokenizer lower-cases, strips punctuation and drops unknown words: on GMB 8.5 % of the tokens vanish and "
        "87.5 % of the sentences no longer match their tags.",
        "The labels go through the Tokenizer too, so that `B-geo` becomes `b` and `geo`: no predicted piece names an entity.",
        "`tensorflow.keras_contrib` does not exist; the CRF came from the package keras_contrib, which has ended.",
        "Precision, recall and F1 are promised and never computed.",
        "`sequences_to_texts` is given tag scores where it expects ids.",
    ),
    values=(
        Value("reading", "texts and labels, unstated", "words joined by blanks", "words as written", "ours"),
        Value(
            "vocabulary",
            "Tokenizer on texts, ids from 1",
            "all sentences, ids from 1",
            "train, with <pad> and <unk>",
            "test words must be unknown",
        ),
        Value("tags", "Tokenizer on labels, K+1", "pieces of tags, K+1", "17 tags", "the Tokenizer splits `B-geo`"),
        Value("length", "max_len, not stated", 50, "none", "ours: 98 of GMB's 47,959 sentences are longer"),
        Value("padding", "in front, 0, counted", "in front, 0, counted", "behind, masked", "pad_sequences' default"),
        Value("embedding", "embedding_dim, not stated", 64, 64, "ours"),
        Value("BiLSTM", "hidden_units, not stated", 64, 64, "ours"),
        Value("dense", "linear", "linear", "linear", ""),
        Value("optimizer", "adam", "adam, 0.001", "adam, 0.001", "Keras' default rate"),
        Value("loss", "crf.loss_function", "crf", "crf", ""),
        Value("metric", "crf.accuracy", "accuracy of all cells", "entity F1", "promised there, never computed"),
        Value("batch", "batch_size, not stated", 32, _OWN_BATCHES, "ours: Keras' default"),
        Value("epochs", "num_epochs, not stated", 3, 3, "ours"),
        Value("test share", "not stated", 0.2, _OWN_SPLIT, "ours"),
        Value("validation share", "not stated", 0.1, _OWN_SPLIT, "ours"),
        Value("kept epoch", "the last", "the last", _BEST, ""),
    ),
    claims=("Precision, recall and F1 measure the model",),
    cannot_run=CannotRun(
        trace=("from tensorflow.keras_contrib.layers import CRF",),
        error="ModuleNotFoundError: No module named 'tensorflow.keras_contrib'",
        nearest_form="the same network with this book's own CRF layer",
    ),
)

_TENSORFLOW_BILSTM = Recipe(
    name="tensorflow-bilstm",
    title="Named Entity Recognition (NER) using TensorFlow",
    source='The tutorial "[python] Named Entity Recognition (NER) using TensorFlow", 2023-10-06.',
    is_published=True,
    summary="Embedding, BiLSTM and a softmax over the tags of every word.",
    encoding=EncodingConfig(
        vocabulary_from="train+dev",
        tokenizer="keras lists",
        tag_order="sorted",
        first_id=1,
        unknown="none",
        max_length=0,
        pad_side="pre",
        pad_word="<pad>",
        pad_tag="first tag",
        is_masked=False,
    ),
    network=NetworkConfig(
        layers=(
            Layer("embed", "embed", width=64),
            Layer("bilstm", "bilstm", width=64),
            Layer("dense", "dense", activation="softmax"),
        ),
        is_masked=False,
    ),
    training=TrainConfig(
        epochs=3,
        learning_rate=0.001,
        batch_size=32,
        loss="sparse_categorical_crossentropy",
        monitor="none",
        keeps_best=False,
    ),
    split=SplitConfig(kind="random", test=0.2, dev=0.2, seed=1, dev_from="end"),
    mistakes=(
        "`return_sequences=True` is missing: the BiLSTM returns one vector a sentence, (B,K) scores, which cannot be trained against (B,T) tags.",
        "`tf.keras.preprocessing.LabelEncoder` does not exist (scikit-learn has one); its ids start at 0, which padding uses too.",
        "The test sentences are never encoded before they are evaluated.",
        "Padding is counted in loss and accuracy, as the first tag of the alphabet (`B-art`).",
        "The Tokenizer has no entry for unknown words: they vanish, and the tags behind them slip.",
    ),
    values=(
        Value(
            "reading",
            "sentences, unstated",
            "lists of words",
            "words as written",
            "ours: the form that keeps words and tags in step",
        ),
        Value(
            "vocabulary",
            "Tokenizer, ids from 1",
            "train and validation, lower-cased, ids from 1",
            "train, with <pad> and <unk>",
            "the validation part is cut off after fitting",
        ),
        Value("tags", "label encoder", "sorted, ids from 0", "17 tags", "as scikit-learn's LabelEncoder does it"),
        Value("length", "the longest", "the longest of the corpus", "none", "pad_sequences' default"),
        Value("padding", "in front, 0, counted", "in front, 0, counted", "behind, masked", "pad_sequences' default"),
        Value("embedding", "embedding_dim, not stated", 64, 64, "ours"),
        Value("BiLSTM", "hidden_units, not stated", 64, 64, "ours"),
        Value(
            "return_sequences", "missing", "added: the nearest form", "yes", "without it there is one vector a sentence"
        ),
        Value("dense", "softmax", "softmax", "softmax", ""),
        Value("optimizer", "adam", "adam, 0.001", "adam, 0.001", "Keras' default rate"),
        Value(
            "loss",
            "sparse_categorical_crossentropy",
            "sparse_categorical_crossentropy",
            "sparse_categorical_crossentropy",
            "",
        ),
        Value("metric", "accuracy", "accuracy of all cells", "entity F1", ""),
        Value("batch", "not stated", 32, _OWN_BATCHES, "Keras' default"),
        Value("epochs", "num_epochs, not stated", 3, 3, "ours"),
        Value("test share", "not stated", 0.2, _OWN_SPLIT, "ours"),
        Value("validation share", 0.2, 0.2, _OWN_SPLIT, ""),
        Value("kept epoch", "the last", "the last", _BEST, ""),
    ),
    claims=("Test loss and accuracy measure the model",),
    cannot_run=CannotRun(
        trace=(
            "word ids          (B, T)",
            "Embedding         (B, T, 64)",
            "Bidirectional     (B, 128)     one vector a sentence: return_sequences is missing",
            "Dense softmax     (B, K)",
            "tags to be learned (B, T)",
        ),
        error="ValueError: Argument `output` must have rank (ndim) `target.ndim - 1`",
        nearest_form="the same network with return_sequences=True and labels encoded in sorted order",
    ),
)

_CUSTOM_BILSTM_CRF = Recipe(
    name="custom-bilstm-crf",
    title="Build deep neural network for custom NER with Keras",
    corpus="Kaggle's ner.csv",
    source='The tutorial "Build deep neural network for custom NER with Keras", on Kaggle\'s ner.csv.',
    is_published=True,
    summary="Embedding, BiLSTM, a wide LSTM, a dense relu and a CRF, padded in front to the longest sentence.",
    encoding=EncodingConfig(
        vocabulary_from="all",
        order="arbitrary",
        tag_order="arbitrary",
        unknown="none",
        max_length=0,
        pad_side="pre",
        pad_word="first word",
        pad_tag="first tag",
        is_masked=False,
    ),
    network=NetworkConfig(
        layers=(
            Layer("embed", "embed", width=150),
            Layer("bilstm", "bilstm", width=150),
            Layer("lstm", "lstm", width=300),
            Layer("dense", "dense", activation="relu"),
            Layer("crf", "crf"),
        ),
        is_masked=False,
    ),
    training=TrainConfig(
        epochs=20, learning_rate=0.0005, batch_size=256, loss="crf", monitor="val_accuracy", keeps_best=False
    ),
    split=SplitConfig(kind="random", test=0.2, dev=0.1, seed=1, dev_from="end"),
    mistakes=(
        "The vocabulary stands in `set()` order, which changes with every start of Python: a saved model reads other words.",
        "Padding's id 0 is a real word, and padding's tag 0 an arbitrary tag.",
        "A relu stands before the CRF: no tag can ever score below zero.",
        "The best weights are saved and never loaded.",
        "Padding and `O` are counted: a mere dictionary reads 99.2 % at length 140.",
    ),
    values=(
        Value(
            "reading",
            "ner.csv, ISO-8859-1, bad lines skipped, first column the index, NaN tag dropped",
            "as our readers read it, every repair noted",
            "the same",
            "no line is lost without a word",
        ),
        Value(
            "vocabulary",
            "all words in set() order, ids from 0",
            "all sentences, arbitrary order, ids from 0",
            "train, with <pad> and <unk>",
            "test words must be unknown",
        ),
        Value("tags", "set() order, one-hot", "arbitrary order", "17 tags", "ids give the same loss as one-hot rows"),
        Value("length", "the longest: 140", "the longest of the corpus", "none", "GMB's longest is 104"),
        Value("padding", "in front, 0, counted", "in front, 0, counted", "behind, masked", "pad_sequences' default"),
        Value("embedding", 150, 150, 150, ""),
        Value("BiLSTM", 150, 150, 150, ""),
        Value("LSTM", 300, 300, 300, ""),
        Value("dense", "relu", "relu", "linear", "scores before a CRF need both signs"),
        Value("optimizer", "Adam 0.0005", "adam, 0.0005", "adam, 0.0005", ""),
        Value("loss", "crf.loss_function", "crf", "crf", ""),
        Value("metric", "crf.accuracy and accuracy", "accuracy of all cells", "entity F1", ""),
        Value("batch", 256, 256, _OWN_BATCHES, ""),
        Value("epochs", 20, 20, 20, ""),
        Value("test share", 0.2, 0.2, _OWN_SPLIT, "no seed there; 1 here, so that it repeats"),
        Value("validation share", 0.1, 0.1, _OWN_SPLIT, ""),
        Value("monitor", "val_accuracy", "val_accuracy", "entity_f1", ""),
        Value("kept epoch", "best saved, the last used", "the last", _BEST, ""),
    ),
    claims=("99 % accuracy on train and on test",),
)

_GMB_BILSTM_SOFTMAX = Recipe(
    name="gmb-bilstm-softmax",
    title="Named Entity Recognition using LSTM in Keras",
    corpus="GMB",
    source='The tutorial "Named Entity Recognition using LSTM in Keras", on Kaggle\'s GMB extract.',
    is_published=True,
    summary="Embedding, spatial dropout, BiLSTM and a softmax, every sentence padded behind to 50 words.",
    encoding=EncodingConfig(
        vocabulary_from="all",
        order="arbitrary",
        tag_order="arbitrary",
        first_id=1,
        unknown="none",
        max_length=50,
        pad_side="post",
        pad_word="last word",
        pad_tag="O",
        is_masked=False,
    ),
    network=NetworkConfig(
        layers=(
            Layer("embed", "embed", width=50),
            Layer("spatial_dropout", "spatial_dropout", rate=0.1),
            Layer("bilstm", "bilstm", width=100, recurrent_rate=0.1),
            Layer("dense", "dense", activation="softmax"),
        ),
        is_masked=False,
    ),
    training=TrainConfig(
        epochs=3,
        learning_rate=0.001,
        batch_size=32,
        loss="sparse_categorical_crossentropy",
        monitor="val_accuracy",
        patience=2,
        keeps_best=False,
    ),
    split=SplitConfig(kind="random", test=0.2, dev=0.2, seed=1, order="string ids", dev_from="end"),
    mistakes=(
        "The whole frame is filled forward, not the sentence column alone: the word `None` becomes the word before it.",
        "ENDPAD is appended to the vocabulary, but the padding id is that of the last real word.",
        "The checkpoint is never loaded.",
        "Early stopping with a patience of 2 cannot shorten 3 epochs.",
        "56.3 % of the cells are padding, and they are counted.",
    ),
    values=(
        Value(
            "reading",
            "ner_dataset.csv, latin1, the whole frame filled forward",
            "as our readers read it: `None` stays a word",
            "the same",
            "pandas would turn 10 words `None` into the word before",
        ),
        Value(
            "vocabulary",
            "all words in set() order, ids from 1, ENDPAD",
            "all sentences, arbitrary order, ids from 1",
            "train, with <pad> and <unk>",
            "test words must be unknown",
        ),
        Value("tags", "set() order", "arbitrary order", "17 tags", ""),
        Value("length", 50, 50, "none", ""),
        Value(
            "padding",
            "behind, last word's id, tag O, counted",
            "behind, last word's id, tag O, counted",
            "behind, masked",
            "",
        ),
        Value("embedding", 50, 50, 50, ""),
        Value("SpatialDropout1D", 0.1, 0.1, 0.1, ""),
        Value("BiLSTM", 100, 100, 100, ""),
        Value("recurrent dropout", 0.1, 0.1, 0.1, ""),
        Value("dense", "softmax", "softmax", "softmax", ""),
        Value("parameters", "1.88 million", 1883167, "depends on the vocabulary", "on GMB"),
        Value("optimizer", "adam", "adam, 0.001", "adam, 0.001", "Keras' default rate"),
        Value(
            "loss",
            "sparse_categorical_crossentropy",
            "sparse_categorical_crossentropy",
            "sparse_categorical_crossentropy",
            "",
        ),
        Value("metric", "accuracy", "accuracy of all cells", "entity F1", ""),
        Value("batch", "not stated", 32, _OWN_BATCHES, "ours: Keras' default"),
        Value("epochs", 3, 3, 3, ""),
        Value("test share", "0.2, seed 1", "0.2, seed 1", _OWN_SPLIT, ""),
        Value("validation share", "cut from train, not stated", 0.2, _OWN_SPLIT, "ours"),
        Value("monitor", "val_accuracy, patience 2", "val_accuracy, patience 2", "entity_f1", ""),
        Value(
            "checkpoint",
            "validation loss, weights only, never loaded",
            "none: it changes nothing",
            "entity F1, loaded",
            "",
        ),
        Value("kept epoch", "the last", "the last", _BEST, ""),
    ),
    claims=(
        "Over 98 % accuracy",
        "1,354,149 words",
        "Most sentences need no padding at 50",
        "Mean length 20 to 22 words",
        "3 epochs take 10 to 15 minutes",
        "250 units and length 100 do better",
    ),
    samples=("The United Nations sent observers to Ituri on Friday.",),
)

_GMB_BILSTM_LSTM = Recipe(
    name="gmb-bilstm-lstm",
    title="Train your first Neural Network for Named Entity Recognition",
    corpus="GMB",
    source='The tutorial "Train your first Neural Network for Named Entity Recognition", 2021-08-15, on Kaggle\'s GMB extract.',
    is_published=True,
    summary="Embedding, BiLSTM, LSTM and a dense relu trained as if it were a distribution.",
    encoding=EncodingConfig(
        vocabulary_from="all",
        order="arbitrary",
        tag_order="arbitrary",
        unknown="none",
        max_length=0,
        pad_side="post",
        pad_word="last word",
        pad_tag="O",
        is_masked=False,
    ),
    network=NetworkConfig(
        layers=(
            Layer("embed", "embed", width=64),
            Layer("bilstm", "bilstm", width=64, rate=0.2, recurrent_rate=0.2),
            Layer("lstm", "lstm", width=64, rate=0.5, recurrent_rate=0.5),
            Layer("dense", "dense", activation="relu"),
        ),
        is_masked=False,
    ),
    training=TrainConfig(
        epochs=25,
        learning_rate=0.001,
        batch_size=1000,
        loss="categorical_crossentropy",
        monitor="none",
        keeps_best=False,
    ),
    split=SplitConfig(kind="random", test=0.1, dev=0.2, seed=2020, order="string ids", dev_from="end"),
    mistakes=(
        "A relu is no distribution: scores can all be zero, and then nothing is learned from the word.",
        "Only the training loss is kept.",
        "The test part is never used.",
        "The displaCy picture shows spaCy's pretrained pipeline, not this network.",
        "Padding behind carries a real word's id and is counted as `O`.",
    ),
    values=(
        Value(
            "reading",
            "ner_dataset.csv, unicode_escape",
            "as our readers read it",
            "the same",
            "its escapes are no escapes",
        ),
        Value(
            "vocabulary",
            "all words in set() order, ids from 0",
            "all sentences, arbitrary order, ids from 0",
            "train, with <pad> and <unk>",
            "test words must be unknown",
        ),
        Value("tags", "set() order, one-hot", "arbitrary order", "17 tags", "ids give the same loss as one-hot rows"),
        Value("length", "the longest: 104", "the longest of the corpus", "none", ""),
        Value(
            "padding",
            "behind, last word's id, tag O, counted",
            "behind, last word's id, tag O, counted",
            "behind, masked",
            "",
        ),
        Value("embedding", "output_dim, not stated", 64, 64, "ours, as public copies have it"),
        Value("BiLSTM", "output_dim, not stated; concat", 64, 64, "ours, as public copies have it"),
        Value("BiLSTM dropout", "0.2, recurrent 0.2", "0.2, recurrent 0.2", "0.2, recurrent 0.2", ""),
        Value("LSTM", "output_dim, not stated", 64, 64, "ours, as public copies have it"),
        Value("LSTM dropout", "0.5, recurrent 0.5", "0.5, recurrent 0.5", "0.5, recurrent 0.5", ""),
        Value("dense", "relu", "relu", "softmax", "cross-entropy needs a distribution"),
        Value("optimizer", "adam", "adam, 0.001", "adam, 0.001", "Keras' default rate"),
        Value(
            "loss",
            "categorical_crossentropy",
            "categorical_crossentropy",
            "sparse_categorical_crossentropy",
            "the same arithmetic on ids",
        ),
        Value("metric", "accuracy", "accuracy of all cells", "entity F1", ""),
        Value("batch", 1000, 1000, _OWN_BATCHES, ""),
        Value("epochs", "25 times 1", 25, 25, "its plot keeps the training loss alone"),
        Value("test share", "0.1, seed 2020", "0.1, seed 2020", _OWN_SPLIT, ""),
        Value("validation share", 0.2, 0.2, _OWN_SPLIT, ""),
        Value("kept epoch", "the last", "the last", _BEST, ""),
    ),
    claims=("The network identifies the entities of a custom text",),
    samples=(_MUC_SAMPLE,),
)

_TUTORIALS = (_KERAS_BILSTM_CRF, _TENSORFLOW_BILSTM, _CUSTOM_BILSTM_CRF, _GMB_BILSTM_SOFTMAX, _GMB_BILSTM_LSTM)

# (name, is_published) -> Recipe; the default first.
RECIPES: dict[tuple[str, bool], Recipe] = {(base.name, False): base for base in (_DEFAULT, _FAST, _MOST_ACCURATE)}
for _tutorial in _TUTORIALS:
    for _form in _pair(_tutorial):
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
