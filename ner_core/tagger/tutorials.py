"""Which networks do the tutorials build, and what did they get wrong?

Chapter of part II; data, not code. Each tutorial stands here **as published**, mistakes included; `both_forms` gives it beside
itself **as mended**, the same network with its mistakes repaired. The two that were read on Kaggle's GMB extract have a chapter
of their own (`gmb_tutorials`).

Source: the tutorials named in `Recipe.source`; a size one of them does not state is marked "ours" in `Recipe.values`.
Differs from them: nothing, as published; as mended, exactly what `Recipe.mistakes` names.
"""

from __future__ import annotations

from dataclasses import replace

from ner_core.records import EncodingConfig, Layer, NetworkConfig, SplitConfig, TrainConfig
from ner_core.tagger.ours import CannotRun, Recipe, Value

# --- what mending means, for every tutorial ----------------------------------------

_MENDED_ENCODING = EncodingConfig()
_MENDED_TRAINING = {
    "batch_size": 0,
    "batch_tokens": 700,
    "monitor": "entity_f1",
    "keeps_best": True,
    "word_dropout": 0.02,
}
OWN_BATCHES = "about 700 tokens, of like length"
OWN_SPLIT = "the corpus' own"
BEST_EPOCH = "best entity F1 on dev, loaded"


def _mend(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Return the same stack with a proper output: linear before a CRF, softmax otherwise."""
    has_crf = layers[-1].kind == "crf"
    return tuple(
        replace(layer, activation="linear" if has_crf else "softmax") if layer.kind == "dense" else layer
        for layer in layers
    )


def both_forms(published: Recipe) -> tuple[Recipe, Recipe]:
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


# --- three of the five ----------------------------------------------------------------

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
        Value("batch", "batch_size, not stated", 32, OWN_BATCHES, "ours: Keras' default"),
        Value("epochs", "num_epochs, not stated", 3, 3, "ours"),
        Value("test share", "not stated", 0.2, OWN_SPLIT, "ours"),
        Value("validation share", "not stated", 0.1, OWN_SPLIT, "ours"),
        Value("kept epoch", "the last", "the last", BEST_EPOCH, ""),
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
        Value("batch", "not stated", 32, OWN_BATCHES, "Keras' default"),
        Value("epochs", "num_epochs, not stated", 3, 3, "ours"),
        Value("test share", "not stated", 0.2, OWN_SPLIT, "ours"),
        Value("validation share", 0.2, 0.2, OWN_SPLIT, ""),
        Value("kept epoch", "the last", "the last", BEST_EPOCH, ""),
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
        Value("batch", 256, 256, OWN_BATCHES, ""),
        Value("epochs", 20, 20, 20, ""),
        Value("test share", 0.2, 0.2, OWN_SPLIT, "no seed there; 1 here, so that it repeats"),
        Value("validation share", 0.1, 0.1, OWN_SPLIT, ""),
        Value("monitor", "val_accuracy", "val_accuracy", "entity_f1", ""),
        Value("kept epoch", "best saved, the last used", "the last", BEST_EPOCH, ""),
    ),
    claims=("99 % accuracy on train and on test",),
)

TUTORIALS = (_KERAS_BILSTM_CRF, _TENSORFLOW_BILSTM, _CUSTOM_BILSTM_CRF)  # as published
