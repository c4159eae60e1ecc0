"""The nouns of the book: what flows from a file to a highlighted sentence.

The chapter before part I. It answers: *which things are there, and what is each made of?*
Every record is a frozen dataclass of plain values, so that any of them can be
printed, compared and (events, reports) written as one line of JSON.

Two kinds of position are used and never mixed: a `Span` counts **tokens**, a
`Token` counts **characters**; both are half-open, like Python's slices.

>>> ada = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."),
...                spans=(Span(0, 2, "per"), Span(4, 5, "geo")))
>>> ada.text
'Ada Lovelace lives in London .'
>>> ada.tokens[4]
Token(text='London', start=22, end=28)
>>> ada.surface(ada.spans[0])
'Ada Lovelace'
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the nouns are light: NumPy is only named here, never loaded
    import numpy as np

# The eight labels of the GMB corpus, in the order every page lists them.
GMB_LABELS = ("geo", "gpe", "per", "org", "tim", "art", "eve", "nat")

# How `Corpus.split` begins where files decided which sentences are dev or test.
GIVEN = "given by "


# --- text ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Token:
    """One word as it stands in a text; `start` and `end` count characters."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A labelled stretch of tokens `start <= i < end`; the book's only "span"."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words, and where known their gold spans and their place in a text.

    `raw` is the text the words were cut from and `starts` the character offset
    of each word in it; without them the words are joined by one space.
    `meta` holds what the file said of the sentence, e.g. `(("genre", "news"),)`.
    """

    words: tuple[str, ...]
    spans: tuple[Span, ...] = ()
    raw: str | None = None
    starts: tuple[int, ...] | None = None
    meta: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.words)

    @property
    def text(self) -> str:
        return " ".join(self.words) if self.raw is None else self.raw

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The words with their character offsets in `text`."""
        if self.starts is not None:
            return tuple(Token(w, s, s + len(w)) for w, s in zip(self.words, self.starts, strict=True))
        tokens, start = [], 0
        for word in self.words:
            tokens.append(Token(word, start, start + len(word)))
            start += len(word) + 1
        return tuple(tokens)

    def surface(self, span: Span) -> str:
        """The words of `span`, joined by one space."""
        return " ".join(self.words[span.start : span.end])


@dataclass(frozen=True, slots=True)
class Note:
    """One kind of repair a reader made: what, how often, the first three lines."""

    what: str
    count: int = 1
    lines: tuple[int, ...] = ()

    def __str__(self) -> str:
        where = f" (line{'s' if len(self.lines) > 1 else ''} {', '.join(map(str, self.lines))}{' …' if self.count > len(self.lines) else ''})"
        return f"{self.what}: {self.count:,} time{'s' if self.count != 1 else ''}{where if self.lines else ''}"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Sentences in three parts, the labels they use, and how they were read.

    `form` says in words what the file was ("Kaggle ner_dataset.csv, cp1252, IOB2").
    `split` says how the parts came to be: it begins with `GIVEN`, or names the kind of split and its seed.
    `order` says where in the file each of `sentences` stood, so that it can be split afresh; () = in that order.
    """

    name: str
    train: tuple[Sentence, ...]
    dev: tuple[Sentence, ...]
    test: tuple[Sentence, ...]
    labels: tuple[str, ...]
    form: str = ""
    split: str = ""
    notes: tuple[Note, ...] = ()
    order: tuple[int, ...] = ()

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """Every sentence: train, then dev, then test."""
        return self.train + self.dev + self.test

    @property
    def has_given_parts(self) -> bool:
        """Whether a file of its own says which sentences are test (and maybe dev): they are never dealt afresh."""
        return self.split.startswith(GIVEN)

    def part(self, name: str) -> tuple[Sentence, ...]:
        """The part called `train`, `dev`, `test` or `all`."""
        if name not in ("train", "dev", "test", "all"):
            raise ValueError(f"A part is train, dev, test or all. Received: {name!r}.")
        return self.sentences if name == "all" else getattr(self, name)


class InputError(ValueError):
    """Something a person gave cannot be used; the message is for that person: what, where, how to mend it."""


class UploadError(InputError):
    """The one exception readers raise: what is wrong, where, what was received, how to mend it."""


# --- how a tagger is built: flat configurations ------------------------------


@dataclass(frozen=True, slots=True)
class EncodingConfig:
    """How sentences become numbers. The defaults are ours; tutorials differ.

    vocabulary_from  "train", "train+dev", or "all" (the mistake: test words are known)
    tokenizer        "words" (as the corpus has them), "keras lists" (Keras' Tokenizer over words:
                     lower-cased, unknown words vanish), "keras text" (Keras' Tokenizer over the joined
                     text: punctuation vanishes too, "Korean-born" becomes two words)
    order            "frequency", or "arbitrary" (a stand-in for Python's `set()` order that can be repeated)
    tag_order        "labels" (O, B-geo, I-geo ...), "sorted", "arbitrary", or "pieces" (Keras' Tokenizer
                     over tags: `B-geo` becomes `b` and `geo`)
    first_id         the id of the first word
    unknown          "unk" (an id of its own), or "none" (the tutorial's KeyError, or the word vanishes)
    min_count        a word seen less often in train is read as `<unk>`
    features         beside the word: "lower", "shape", "prefix2", "prefix3", "suffix2", "suffix3"
    max_length       columns; None = as many as the batch needs; 0 = the longest sentence of the corpus.
                     Longer sentences lose their beginning in training, as Keras' `pad_sequences` does it
    pad_side         "post" (behind) or "pre" (in front)
    pad_word         "<pad>" (an id of its own), "first word" or "last word" (a real word's id)
    pad_tag          "ignored" (masked), "O", or "first tag" (id 0, whatever that is)
    is_masked        padding is told to the network and left out of loss and scores
    """

    vocabulary_from: str = "train"
    tokenizer: str = "words"
    order: str = "frequency"
    tag_order: str = "labels"
    first_id: int = 0
    unknown: str = "unk"
    min_count: int = 1
    features: tuple[str, ...] = ()
    max_length: int | None = None
    pad_side: str = "post"
    pad_word: str = "<pad>"
    pad_tag: str = "ignored"
    is_masked: bool = True


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a network.

    kind   "embed" (width for the word; `features` = (name, width) pairs, all concatenated),
           "dropout", "spatial_dropout" (whole columns), "conv" (kernel_size tokens wide, "same"),
           "bilstm", "lstm" (width units a direction; every step returned), "dense", "crf"
    name   unique in its network; its weights are called `{name}.{array}`
    width  units; 0 in the last dense layer means the number of tags K
    rate   dropout on the inputs; `recurrent_rate` on the LSTM's own state
    """

    kind: str
    name: str
    width: int = 0
    rate: float = 0.0
    recurrent_rate: float = 0.0
    activation: str = "linear"
    kernel_size: int = 3
    features: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """A stack of layers from ids (B,T) to tag scores (B,T,K).

    `is_masked`: padded steps neither change the LSTM's state nor count (outputs there are 0).
    `forbids_illegal`: the CRF never lets `I-x` follow anything but `B-x` or `I-x`.
    `sizes` = ((input name, vocabulary size), ...), "word" first; `n_tags` = K: both filled in by `new_tagger`.
    `others`: the stacks of further networks, where several learn each for itself and are averaged (see `networks`).
    """

    layers: tuple[Layer, ...]
    is_masked: bool = True
    forbids_illegal: bool = False
    sizes: tuple[tuple[str, int], ...] = ()
    n_tags: int = 0
    others: tuple[tuple[Layer, ...], ...] = ()

    @property
    def has_crf(self) -> bool:
        return self.layers[-1].kind == "crf"


@dataclass(frozen=True, slots=True)
class SplitConfig:
    """How sentences are dealt to train, dev and test.

    kind   "grouped": equal sentences stay together; "random": one by one, so that some stand on both sides
    order  "file", or "string ids" (pandas' groupby on "Sentence: 10" puts it before "Sentence: 2")
    dev_from "shuffle" (drawn at random) or "end" (Keras' validation_split: the last of train)
    """

    kind: str = "grouped"
    test: float = 0.2
    dev: float = 0.08
    seed: int = 1
    order: str = "file"
    dev_from: str = "shuffle"


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How long, how fast and by which measure a tagger is trained.

    loss          "crf", "sparse_categorical_crossentropy", "categorical_crossentropy"
    batch_size    sentences a step; or, where 0, `batch_tokens` real tokens a step (bucketed by length)
    monitor       "entity_f1", "val_accuracy", "val_loss" or "none": which epoch is best; patience in epochs (0 = never stop early)
    keeps_best    the best epoch's weights are the result (else the last epoch's, as in the tutorials)
    seconds       training-time budget, tracing included; None = epochs alone decide
    word_dropout  share of training words read as `<unk>`, so that `<unk>` is learned
    final_rate    share of the learning rate left at the end; it falls in a straight line (1 = constant)
    optimizer     "adam" (Keras' own) or "lazy_adam" (embeddings: only the rows that a batch has read)
    rare_times    sentences with rare labels are read up to so often an epoch (see `batches.readings`); 1 = once, like all
    """

    epochs: int = 3
    seconds: float | None = None
    seed: int = 1
    learning_rate: float = 0.003
    batch_size: int = 0
    batch_tokens: int = 700
    loss: str = "crf"
    monitor: str = "entity_f1"
    patience: int = 0
    keeps_best: bool = True
    shuffles: bool = True
    word_dropout: float = 0.0
    clip_norm: float = 0.0
    final_rate: float = 1.0
    optimizer: str = "adam"
    rare_times: int = 1


# --- numbers for the network -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Batch:
    """B sentences as arrays of T columns; padding is told by `mask`, never by an id.

    word_ids (B,T) int32 · features name -> (B,T) int32 · tag_ids (B,T) int32 (or None)
    mask (B,T) bool, True on real tokens · columns (B,W) int32: in which column the sentence's
    w-th word stands, -1 where it has none (beyond the sentence, cut off, or vanished)
    """

    word_ids: np.ndarray
    features: Mapping[str, np.ndarray]
    tag_ids: np.ndarray | None
    mask: np.ndarray
    columns: np.ndarray


@dataclass(slots=True)
class Tagger:
    """An encoder, a network and its weights: everything prediction needs.

    `weights` maps `{layer}.{array}` to float32 arrays and is empty until trained.
    `temperature` divides the tag scores (and transitions) before confidences are computed. A span whose confidence is
    below `threshold` (0-1) is not marked. Both are fitted on dev (`scores.calibration`).
    `card` says where it comes from: recipe, is_published, corpus, fingerprints of the parts, seed, ...
    """

    encoder: object  # ner_core.tagger.encode.Encoder
    network: NetworkConfig
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    temperature: float = 1.0
    threshold: float = 0.0
    card: dict = field(default_factory=dict)

    @property
    def is_trained(self) -> bool:
        return bool(self.weights)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a tagger found in one text (or gold sentence).

    `tokens` carry character offsets over the whole `text`; `spans` count those tokens;
    `confidences[i]` is the probability of exactly `spans[i]`; `tags` one IOB2 tag a token.
    `gold` are the gold spans where a Sentence was given. `unknown` are indices of tokens the
    tagger has never seen. `padding` = (padding cells, of which tagged as padding): for the
    accuracy that tutorials print. `notes` say what the tutorial's own code would have done.
    """

    text: str
    tokens: tuple[Token, ...]
    tags: tuple[str, ...]
    spans: tuple[Span, ...]
    confidences: tuple[float, ...]
    gold: tuple[Span, ...] | None = None
    unknown: tuple[int, ...] = ()
    padding: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(token.text for token in self.tokens)

    @property
    def entities(self) -> list[dict]:
        """One dict an entity with character offsets: start, end, label, text, confidence."""
        found = []
        for span, confidence in zip(self.spans, self.confidences, strict=True):
            start, end = self.tokens[span.start].start, self.tokens[span.end - 1].end
            found.append(
                {
                    "start": start,
                    "end": end,
                    "label": span.label,
                    "text": self.text[start:end],
                    "confidence": confidence,
                }
            )
        return found


# --- scores --------------------------------------------------------------------


def percent(ratio: float, digits: int = 1) -> str:
    """Write a share as the whole book does.

    >>> percent(0.8431), percent(0.5, 0)
    ('84.3 %', '50 %')
    """
    return f"{100 * ratio:.{digits}f} %"


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives, false negatives; everything else is derived.

    >>> Counts(tp=8, fp=2, fn=8).precision, Counts(tp=8, fp=2, fn=8).recall
    (0.8, 0.5)
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> float:
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 0.0

    @property
    def recall(self) -> float:
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else 0.0

    @property
    def f1(self) -> float:
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.tp else 0.0

    @property
    def n_gold(self) -> int:
        return self.tp + self.fn

    @property
    def n_predicted(self) -> int:
        return self.tp + self.fp


@dataclass(frozen=True, slots=True)
class Report:
    """How good predictions are: counts only, every ratio derived from them.

    `errors` counts predicted or gold entities by kind: boundary, label, both, missed, invented.
    `seen` and `unseen` are `overall` sorted by whether train holds a mention of the same surface;
    None where no training sentences were given.
    `n_cells` = real tokens plus padding, of which `n_cells_right`: the tutorials' accuracy.
    """

    overall: Counts
    by_label: Mapping[str, Counts]
    n_sentences: int = 0
    n_tokens: int = 0
    n_tokens_right: int = 0
    n_cells: int = 0
    n_cells_right: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    seen: Counts | None = None
    unseen: Counts | None = None

    @property
    def precision(self) -> float:
        return self.overall.precision

    @property
    def recall(self) -> float:
        return self.overall.recall

    @property
    def f1(self) -> float:
        return self.overall.f1

    @property
    def macro_f1(self) -> float:
        """Mean F1 over the labels: every label counts the same, however rare."""
        scores = [counts.f1 for counts in self.by_label.values()]
        return sum(scores) / len(scores) if scores else 0.0

    @property
    def token_accuracy(self) -> float:
        return self.n_tokens_right / self.n_tokens if self.n_tokens else 0.0

    @property
    def padded_accuracy(self) -> float:
        return self.n_cells_right / self.n_cells if self.n_cells else 0.0


# --- events: what training says while it runs ------------------------------------


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The first event. `n_steps` is the number of steps an epoch."""

    n_train: int
    n_dev: int
    n_parameters: int
    n_steps: int
    config: TrainConfig


@dataclass(frozen=True, slots=True)
class RunResumed:
    """The run goes on after an interruption: what was told of epochs after `epoch` and steps after `step` is void."""

    epoch: int
    step: int
    seconds: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class FloorsMeasured:
    """The two grey lines: dev reports of all-`O` and of the most-frequent-tag table."""

    all_o: Report
    most_frequent_tag: Report


@dataclass(frozen=True, slots=True)
class StepDone:
    """One step: `step` counts over the whole run from 1; `loss` is its batch's mean.

    `learning_rate` is what it was taken at, `gradient_norm` the length of its gradient before any clipping
    (nan = not told, in older logs).
    """

    step: int
    epoch: int
    loss: float
    seconds: float
    n_tokens: int
    learning_rate: float = math.nan
    gradient_norm: float = math.nan


@dataclass(frozen=True, slots=True)
class EpochDone:
    """One epoch: losses, the tutorials' training accuracy, and the dev report.

    `train_accuracy` and `dev_accuracy` count the cells the loss counts (with padding where the recipe counts it).
    `accuracy_without_o` and `weighted_f1` are two more claims of the score wall, over dev's tokens: tags right where
    gold is a name, and the tags' F1 weighted by how frequent they are, `O` included (nan = not told).
    """

    epoch: int
    step: int
    seconds: float
    train_loss: float
    dev_loss: float
    train_accuracy: float
    dev_accuracy: float
    dev: Report
    is_best: bool
    accuracy_without_o: float = math.nan
    weighted_f1: float = math.nan


@dataclass(frozen=True, slots=True)
class RunTold:
    """A person has changed the run after `step`.

    what  "paused"; "continued" (after `value` seconds, which are no training time); or "rate": from the next step on
          the learning rate is `value`, and falls from there in proportion, as it would have
    """

    step: int
    seconds: float
    what: str
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class ProbesTagged:
    """The probe sentences as tagged now: one JSON-safe dict each (words, spans [[start,end,label]], confidences)."""

    epoch: int
    step: int
    probes: tuple[dict, ...]


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The last event. reason: "finished", "stopped", "early", "time", "diverged" or "failed".

    `seconds` is training time, tracing and dev scoring included; `peak_mb` the process' largest memory (0 = unknown).
    """

    reason: str
    best_epoch: int
    n_epochs: int
    seconds: float
    message: str = ""
    peak_mb: float = 0.0


Event = RunStarted | RunResumed | RunTold | FloorsMeasured | StepDone | EpochDone | ProbesTagged | RunEnded


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the rest of a training depends on, so that it can go on later as if nothing had happened.

    epoch, step     epochs finished and steps taken; `n_steps_within` of these in the epoch that is going on
    seconds, reason training time so far; why it ended, "" where it did not
    random          two states of the generator that shuffles: when that epoch was dealt, and now
    totals          the running sums of that epoch's loss and accuracy
    best_epoch      the best so far, its value, and (where the best is kept) its weights
    history         the epochs finished
    arrays          every variable of network and optimizer, in their order
    learning_rate   at which the run would have begun to be where it is, had nobody changed it (0 = as configured)
    trend           how the loss has gone so far, to tell when it grows
    """

    epoch: int
    step: int
    n_steps_within: int
    seconds: float
    reason: str
    random: tuple[dict, dict]
    totals: tuple[float, int, int, int]
    best_epoch: int
    best_value: tuple[float, float]
    history: tuple[EpochDone, ...]
    arrays: tuple[np.ndarray, ...]
    best_weights: Mapping[str, np.ndarray]
    learning_rate: float = 0.0
    trend: tuple[float, ...] = ()
