"""Which networks do the tutorials on Kaggle's GMB extract build, and what did they get wrong?

Chapter of part II; data, not code. Both publish figures that anybody who has the extract can hold beside their own (see
`recipes.figures_apply`). As in `tutorials` they stand here as published, mistakes included; `tutorials.both_forms` mends them.

Source: the two tutorials named in `Recipe.source`; a size one of them does not state is marked "ours" in `Recipe.values`.
Differs from them: nothing, as published; as mended, exactly what `Recipe.mistakes` names.
"""

from __future__ import annotations

from ner_core.records import EncodingConfig, Layer, NetworkConfig, SplitConfig, TrainConfig
from ner_core.tagger.ours import Recipe, Value
from ner_core.tagger.tutorials import BEST_EPOCH, OWN_BATCHES, OWN_SPLIT

_MUC_SAMPLE = "Jim bought 300 shares of Acme Corp. in 2006. For example, the best system entering MUC-7 scored 93.39% of F-measure."

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
        Value("batch", "not stated", 32, OWN_BATCHES, "ours: Keras' default"),
        Value("epochs", 3, 3, 3, ""),
        Value("test share", "0.2, seed 1", "0.2, seed 1", OWN_SPLIT, ""),
        Value("validation share", "cut from train, not stated", 0.2, OWN_SPLIT, "ours"),
        Value("monitor", "val_accuracy, patience 2", "val_accuracy, patience 2", "entity_f1", ""),
        Value(
            "checkpoint",
            "validation loss, weights only, never loaded",
            "none: it changes nothing",
            "entity F1, loaded",
            "",
        ),
        Value("kept epoch", "the last", "the last", BEST_EPOCH, ""),
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
        Value("batch", 1000, 1000, OWN_BATCHES, ""),
        Value("epochs", "25 times 1", 25, 25, "its plot keeps the training loss alone"),
        Value("test share", "0.1, seed 2020", "0.1, seed 2020", OWN_SPLIT, ""),
        Value("validation share", 0.2, 0.2, OWN_SPLIT, ""),
        Value("kept epoch", "the last", "the last", BEST_EPOCH, ""),
    ),
    claims=("The network identifies the entities of a custom text",),
    samples=(_MUC_SAMPLE,),
)

GMB_TUTORIALS = (_GMB_BILSTM_SOFTMAX, _GMB_BILSTM_LSTM)  # as published
