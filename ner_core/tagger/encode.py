"""How do words become numbers a network can read?

Chapter of part II. An `Encoder` is a vocabulary with rules: which word has which id, what an
unknown word is read as, what fills the row behind a short sentence. `encode` turns sentences
into flat arrays once, and `Encoded.batch` cuts padded rectangles (B sentences, T columns) from
them as often as training needs.

Source: Keras' `Tokenizer` and `pad_sequences`, which the tutorials use, and whose habits
(`"keras text"`, truncation in front, padding with a real word's id) are reproduced on request.
Differs from them: ours keeps every token, has ids of its own for padding and for unknown words,
builds its vocabulary from the training part alone, and tells padding by a mask.

>>> from ner_core.records import Corpus, EncodingConfig, Sentence, Span
>>> ada = Sentence(("Ada", "Lovelace", "lives", "in", "London", "."), (Span(0, 2, "per"), Span(4, 5, "geo")))
>>> encoder = fit_encoder(Corpus("ada", (ada,), (), (), ("geo", "per")), EncodingConfig())
>>> encoder.words[:4]
('<pad>', '<unk>', '.', 'Ada')
>>> batch = encode(encoder, [ada, Sentence(("Ada", "sleeps"))], with_tags=True).batch([0, 1])
>>> batch.word_ids.tolist()
[[3, 5, 7, 6, 4, 2], [3, 1, 0, 0, 0, 0]]
>>> batch.mask[1].tolist()
[True, True, False, False, False, False]
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property

import numpy as np

from ner_core.data.tags import spans_to_tags
from ner_core.records import Batch, Corpus, EncodingConfig, Sentence

PAD, UNK = "<pad>", "<unk>"

# The characters Keras' Tokenizer takes out of a text before it splits at blanks.
_KERAS_FILTERS = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))


# --- features: what a word looks like -------------------------------------------


def word_shape(word: str) -> str:
    """Return the pattern of capitals, small letters, digits and signs, runs cut at two.

    >>> word_shape("London"), word_shape("U.S."), word_shape("1,250"), word_shape("Korean-born")
    ('Xxx', 'X.X.', 'd,dd', 'Xxx-xx')
    """
    pattern = "".join(
        "X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else c if c.isascii() else "*" for c in word
    )
    return re.sub(r"(.)\1{2,}", r"\1\1", pattern)


FEATURES = {
    "lower": str.lower,
    "shape": word_shape,
    "prefix2": lambda word: word[:2].lower(),
    "prefix3": lambda word: word[:3].lower(),
    "suffix2": lambda word: word[-2:].lower(),
    "suffix3": lambda word: word[-3:].lower(),
}


def keras_words(text: str) -> list[str]:
    """Split a text as Keras' Tokenizer does: lower case, punctuation gone, cut at blanks.

    >>> keras_words("The Korean-born U.S. envoy 's B-geo .")
    ['the', 'korean', 'born', 'u', 's', 'envoy', "'s", 'b', 'geo']
    """
    return text.lower().translate(_KERAS_FILTERS).split()


def pieces_of(word: str, tokenizer: str) -> list[str]:
    """Return what one corpus word becomes: itself, its lower-cased form, or none to many pieces."""
    if tokenizer == "words":
        return [word]
    return [word.lower()] if tokenizer == "keras lists" else keras_words(word)


# --- the encoder ------------------------------------------------------------------


@dataclass(frozen=True)
class Encoder:
    """Vocabularies and padding rules; `words[i]` has the id `first_id + i`.

    `n_word_ids` is the number of rows the embedding needs. `max_length` None = no fixed width.
    """

    config: EncodingConfig
    words: tuple[str, ...]
    tags: tuple[str, ...]
    feature_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    max_length: int | None = None

    @cached_property
    def word_to_id(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words, self.config.first_id)}

    @cached_property
    def tag_to_id(self) -> dict[str, int]:
        return {tag: i for i, tag in enumerate(self.tags)}

    @property
    def n_word_ids(self) -> int:
        return self.config.first_id + len(self.words)

    @property
    def unknown_id(self) -> int | None:
        """The id of `<unk>`, or None where the tutorial has none."""
        return self.word_to_id.get(UNK)

    @property
    def pad_id(self) -> int:
        """The id that fills a row: its own, or (the collision) that of a real word."""
        if self.config.pad_word == "last word":
            return self.config.first_id + len(self.words) - 1
        return self.config.first_id if self.config.pad_word == "first word" else 0

    @property
    def pad_tag_id(self) -> int:
        return self.tag_to_id["O"] if self.config.pad_tag == "O" else 0

    def reads_as(self, word_id: int) -> str:
        """The vocabulary entry an id stands for; padding's id 0 may stand for no word."""
        index = word_id - self.config.first_id
        return self.words[index] if 0 <= index < len(self.words) else PAD

    @cached_property
    def memory(self) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
        """Words already looked up: word -> (ids of its pieces, one id a feature)."""
        return {}

    @cached_property
    def feature_to_id(self) -> dict[str, dict[str, int]]:
        return {name: {value: i for i, value in enumerate(values)} for name, values in self.feature_values.items()}


def fit_encoder(corpus: Corpus, config: EncodingConfig) -> Encoder:
    """Build the vocabularies from the parts `config.vocabulary_from` names."""
    parts = {"train": corpus.train, "train+dev": corpus.train + corpus.dev, "all": corpus.sentences}
    sentences = parts[config.vocabulary_from]
    word_counts = Counter(word for sentence in sentences for word in sentence.words)
    piece_counts: Counter[str] = Counter()
    for word, count in word_counts.items():
        for piece in pieces_of(word, config.tokenizer):
            piece_counts[piece] += count
    kept = [piece for piece, count in piece_counts.items() if count >= config.min_count]
    words = _ordered(kept, piece_counts, config.order)
    if config.unknown == "unk":
        words = [PAD, UNK, *(word for word in words if word not in (PAD, UNK))]
    features = {}
    for name in config.features:
        value_counts: Counter[str] = Counter()
        for word, count in word_counts.items():
            value_counts[FEATURES[name](word)] += count
        frequent = [value for value, count in value_counts.items() if count > 1 and value not in (PAD, UNK)]
        features[name] = (PAD, UNK, *_ordered(frequent, value_counts, "frequency"))
    max_length = config.max_length
    if max_length == 0:
        max_length = max((len(sentence) for sentence in corpus.sentences), default=1)
    return Encoder(config, tuple(words), _tag_vocabulary(corpus, config), features, max_length)


def _ordered(entries: Iterable[str], counts: Mapping[str, int], order: str) -> list[str]:
    if order == "arbitrary":  # set() order differs with every start of Python; a checksum repeats
        return sorted(entries, key=lambda entry: (zlib.crc32(entry.encode("utf-8", "surrogatepass")), entry))
    return sorted(entries, key=lambda entry: (-counts[entry], entry))


def _tag_vocabulary(corpus: Corpus, config: EncodingConfig) -> tuple[str, ...]:
    tags = ["O", *(f"{prefix}-{label}" for label in corpus.labels for prefix in "BI")]
    if config.tag_order == "pieces":
        counts = Counter(
            piece
            for sentence in corpus.sentences
            for tag in spans_to_tags(sentence.spans, len(sentence))
            for piece in keras_words(tag)
        )
        return (PAD, *_ordered(counts, counts, "frequency"))
    if config.tag_order == "sorted":
        return tuple(sorted(tags))
    if config.tag_order == "arbitrary":
        return tuple(_ordered(tags, {}, "arbitrary"))
    return tuple(tags)


def is_known(encoder: Encoder, word: str) -> bool:
    """Tell whether the tagger's vocabulary holds this word (every piece of it)."""
    if encoder.config.tokenizer == "words":
        return word in encoder.word_to_id
    pieces = pieces_of(word, encoder.config.tokenizer)
    return bool(pieces) and all(piece in encoder.word_to_id for piece in pieces)


# --- sentences as arrays --------------------------------------------------------------


@dataclass(frozen=True)
class Encoded:
    """Sentences laid end to end; `*_ends` (S+1,) say where each begins and ends.

    word_ids (N,) · features name -> (N,) · tag_ids (M,), M = N but for tags in pieces ·
    places (W,): for every word of the corpus its place in its sentence's row of ids, or -1.
    """

    encoder: Encoder
    word_ids: np.ndarray
    features: Mapping[str, np.ndarray]
    id_ends: np.ndarray
    places: np.ndarray
    word_ends: np.ndarray
    tag_ids: np.ndarray | None = None
    tag_ends: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.id_ends) - 1

    @cached_property
    def lengths(self) -> np.ndarray:
        """Number of ids of every sentence, (S,)."""
        return self.id_ends[1:] - self.id_ends[:-1]

    def batch(self, rows: Sequence[int], n_columns: int | None = None) -> Batch:
        """Cut the sentences `rows` into one rectangle of T columns.

        T is `n_columns`, or the encoder's fixed width, or the longest of these rows (at least 1).
        """
        rows = np.asarray(rows, dtype=np.int64)
        side, encoder = self.encoder.config.pad_side, self.encoder
        width = n_columns or encoder.max_length or max(int(self.lengths[rows].max(initial=0)), 1)
        if len(rows) == 1 and self.lengths[rows[0]] == width and self.tag_ids is None:
            return self._alone(rows[0])
        index, mask = _window(self.id_ends, rows, width, side)
        word_ids = _fill(self.word_ids, index, mask, encoder.pad_id)  # (B,T)
        features = {name: _fill(flat, index, mask, 0) for name, flat in self.features.items()}  # (B,T) each
        tag_ids = None
        if self.tag_ids is not None:
            tag_index, tag_mask = _window(self.tag_ends, rows, width, side)
            tag_ids = _fill(self.tag_ids, tag_index, tag_mask, encoder.pad_tag_id)  # (B,T)
        return Batch(word_ids, features, tag_ids, mask, self._columns(rows, width))

    def _alone(self, row: int) -> Batch:
        """One sentence that fills its row: what follows for many, without what padding takes."""
        ids, words = slice(*self.id_ends[row : row + 2]), slice(*self.word_ends[row : row + 2])
        word_ids = self.word_ids[None, ids]  # (1,T)
        features = {name: flat[None, ids] for name, flat in self.features.items()}
        return Batch(word_ids, features, None, np.ones(word_ids.shape, bool), self.places[None, words])

    def _columns(self, rows: np.ndarray, width: int) -> np.ndarray:
        """Column of each word, (B,W); -1 where it has none."""
        n_words = self.word_ends[rows + 1] - self.word_ends[rows]
        index, is_word = _window(self.word_ends, rows, max(int(n_words.max(initial=0)), 1), "post")
        places = _fill(self.places, index, is_word, -1)  # (B,W)
        shift = width - self.lengths[rows]  # behind the padding; negative where ids were cut off in front
        if self.encoder.config.pad_side == "post":
            shift = np.minimum(shift, 0)
        columns = places + shift[:, None]
        return np.where((places >= 0) & (columns >= 0), columns, -1).astype(np.int32)


def _window(ends: np.ndarray, rows: np.ndarray, width: int, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat indices that stand in the rectangle, and where in it: (n,), (B,width) bool."""
    lengths = ends[rows + 1] - ends[rows]
    kept = np.minimum(lengths, width)
    columns = np.arange(width)
    mask = columns < kept[:, None] if side == "post" else columns >= (width - kept)[:, None]  # (B,T)
    first = ends[rows + 1] - kept  # too long: the beginning goes, as in pad_sequences
    offsets = np.arange(kept.sum()) - np.repeat(np.cumsum(kept) - kept, kept)
    return np.repeat(first, kept) + offsets, mask


def _fill(flat: np.ndarray, index: np.ndarray, mask: np.ndarray, empty: int) -> np.ndarray:
    rectangle = np.full(mask.shape, empty, dtype=np.int32)
    rectangle[mask] = flat[index]
    return rectangle


def encode(encoder: Encoder, sentences: Sequence[Sentence], *, with_tags: bool = False) -> Encoded:
    """Turn sentences into flat arrays of ids; `with_tags` adds the gold tags' ids."""
    words = [word for sentence in sentences for word in sentence.words]  # W
    row_of = {word: row for row, word in enumerate(dict.fromkeys(words))}  # each distinct word is looked up once
    found = [_look_up(encoder, word) for word in row_of]
    rows = np.fromiter(map(row_of.__getitem__, words), np.int64, len(words))  # (W,)
    n_pieces = np.array([len(ids) for ids, _ in found], np.int64)  # of each distinct word
    pieces = np.array([word_id for ids, _ in found for word_id in ids], np.int32)
    repeats = n_pieces[rows]  # (W,): 1, but for Keras' Tokenizer
    piece_ends = _ends(repeats)  # (W+1,)
    index = np.repeat((_ends(n_pieces)[:-1])[rows] - piece_ends[:-1], repeats) + np.arange(piece_ends[-1])  # (N,)
    word_ends = _ends([len(sentence) for sentence in sentences])  # (S+1,)
    id_ends = piece_ends[word_ends]  # (S+1,)
    places = piece_ends[:-1] - id_ends[:-1].repeat(word_ends[1:] - word_ends[:-1])  # (W,)
    table = np.array([ids for _, ids in found], np.int32).reshape(len(found), len(encoder.feature_values))
    table = table[np.repeat(rows, repeats)]  # (N,F)
    features = {name: table[:, i] for i, name in enumerate(encoder.feature_values)}
    tag_ids, tag_ends = _encode_tags(encoder, sentences) if with_tags else (None, None)
    return Encoded(
        encoder,
        pieces[index],  # (N,)
        features,
        id_ends,
        np.where(repeats > 0, places, -1).astype(np.int32),
        word_ends,
        tag_ids,
        tag_ends,
    )


def _ends(lengths: Sequence[int]) -> np.ndarray:
    """Where stretches of these lengths end, laid end to end; a 0 first.

    >>> _ends([2, 0, 3]).tolist()
    [0, 2, 2, 5]
    """
    ends = np.zeros(len(lengths) + 1, np.int64)
    np.add.accumulate(lengths, out=ends[1:])
    return ends


def _look_up(encoder: Encoder, word: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the ids of a word's pieces and of its features, from memory where it is known."""
    remembered = encoder.memory.get(word)
    if remembered is not None:
        return remembered
    if len(encoder.memory) > 500_000:  # endless new words must not fill it
        encoder.memory.clear()
    fallback = encoder.unknown_id
    if fallback is None and encoder.config.tokenizer == "words":
        fallback = encoder.pad_id  # the tutorial raises KeyError here; `predict` says so
    found = (encoder.word_to_id.get(piece, fallback) for piece in pieces_of(word, encoder.config.tokenizer))
    ids = tuple(word_id for word_id in found if word_id is not None)
    unknown = 1  # `<unk>` in every feature's vocabulary
    features = tuple(to_id.get(FEATURES[name](word), unknown) for name, to_id in encoder.feature_to_id.items())
    encoder.memory[word] = ids, features
    return ids, features


def _encode_tags(encoder: Encoder, sentences: Sequence[Sentence]) -> tuple[np.ndarray, np.ndarray]:
    """Return the gold tags' ids laid end to end (M,), and where each sentence's end (S+1,)."""
    to_id = encoder.tag_to_id
    if encoder.config.tag_order == "pieces":
        rows = [
            [to_id[piece] for tag in spans_to_tags(s.spans, len(s)) for piece in keras_words(tag) if piece in to_id]
            for s in sentences
        ]
        return np.array([tag_id for row in rows for tag_id in row], np.int32), _ends([len(row) for row in rows])
    ends = _ends([len(sentence) for sentence in sentences])
    spans = [
        (offset, span) for offset, sentence in zip(ends.tolist(), sentences, strict=False) for span in sentence.spans
    ]
    starts = np.array([offset + span.start for offset, span in spans], np.int64)
    lengths = np.array([span.end - span.start for _, span in spans], np.int64)
    begins = np.array([to_id[f"B-{span.label}"] for _, span in spans], np.int32)
    insides = np.array([to_id[f"I-{span.label}"] for _, span in spans], np.int32)
    tag_ids = np.full(ends[-1], to_id["O"], np.int32)
    within = np.arange(lengths.sum()) - np.repeat(_ends(lengths)[:-1], lengths)
    tag_ids[np.repeat(starts, lengths) + within] = np.repeat(insides, lengths)
    tag_ids[starts] = begins
    return tag_ids, ends


def decode_tags(encoder: Encoder, tag_ids: np.ndarray, columns: np.ndarray) -> list[tuple[str, ...]]:
    """Return one tag a word (W a row) from tag ids (B,T) and `Batch.columns` (B,W).

    A word without a column is `O`, and so is a mere piece of a tag ("b"), which names no entity.
    """
    names = np.array([tag if tag == "O" or tag[:2] in ("B-", "I-") else "O" for tag in encoder.tags], dtype=object)
    rows = []
    for ids, places in zip(tag_ids, columns, strict=True):
        tags = names[ids[places]]
        tags[places < 0] = "O"
        rows.append(tuple(tags))
    return rows


# --- looking into it, and storing it ------------------------------------------------------


def read_sentence(encoder: Encoder, sentence: Sentence, n_columns: int | None = None) -> list[dict]:
    """Return one dict a column: what the network reads of this sentence.

    Keys: column, word (the corpus word that stands here, "" on padding), reads_as (the vocabulary
    entry of the id: `<unk>`, or the word padding collides with), word_id, one key a feature,
    tag, tag_id, is_padding.
    """
    batch = encode(encoder, [sentence], with_tags=True).batch([0], n_columns)
    word_at = {int(column): word for word, column in zip(sentence.words, batch.columns[0], strict=False) if column >= 0}
    rows = []
    for column, word_id in enumerate(batch.word_ids[0].tolist()):
        tag_id = int(batch.tag_ids[0, column])
        row = {
            "column": column,
            "word": word_at.get(column, ""),
            "reads_as": encoder.reads_as(word_id),
            "word_id": word_id,
        }
        for name, ids in batch.features.items():
            row[name] = encoder.feature_values[name][ids[0, column]]
        is_padding = not bool(batch.mask[0, column])
        ignored = is_padding and encoder.config.pad_tag == "ignored"
        row |= {"tag": "" if ignored else encoder.tags[tag_id], "tag_id": tag_id, "is_padding": is_padding}
        rows.append(row)
    return rows


def encoder_to_dict(encoder: Encoder) -> dict:
    """Return the encoder as plain values for JSON."""
    return {
        "config": asdict(encoder.config),
        "words": list(encoder.words),
        "tags": list(encoder.tags),
        "feature_values": {name: list(values) for name, values in encoder.feature_values.items()},
        "max_length": encoder.max_length,
    }


def encoder_from_dict(stored: Mapping) -> Encoder:
    """Rebuild the encoder that `encoder_to_dict` described."""
    config = {**stored["config"], "features": tuple(stored["config"]["features"])}
    return Encoder(
        EncodingConfig(**config),
        tuple(stored["words"]),
        tuple(stored["tags"]),
        {name: tuple(values) for name, values in stored["feature_values"].items()},
        stored["max_length"],
    )
