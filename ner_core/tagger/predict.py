"""How does a trained tagger answer for a text?

Chapter of part II. One road for the app, the command line and Python: text -> sentences ->
batches -> tag scores (`forward`, NumPy alone) -> tags -> spans with confidences, those below the
tagger's threshold left out, and back to character offsets in the text as it was given. Nothing is truncated: a sentence wider than a
tutorial's fixed row is tagged in several rows, and a note says what the tutorial would have done.

Source: spans are read from tags strictly, as seqeval's strict mode does (`data.strict`).
Differs from the tutorials: they tag encoded test rows only; this takes any text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ner_core.data.strict import strict_spans
from ner_core.data.text import split_sentences
from ner_core.records import Batch, Prediction, Sentence, Span, Tagger, Token
from ner_core.tagger import forward
from ner_core.tagger.encode import Encoded, decode_tags, encode, is_known

_CELLS_A_BATCH = 4_000  # bounds memory whatever the length of a text; larger was slower


@dataclass(frozen=True)
class Row:
    """One tagged row: its words' tags, spans in those words, confidences, and (padding cells, of which right)."""

    tags: tuple[str, ...]
    spans: tuple[Span, ...]
    confidences: tuple[float, ...]
    padding: tuple[int, int]


def predict(
    tagger: Tagger, texts: Sequence[str | Sentence], *, with_confidences: bool = True, threads: int = 1
) -> list[Prediction]:
    """Tag texts or Sentences; return one Prediction each, in their order.

    A text is cut into sentences and words; a Sentence keeps its words, and its spans become `gold`. `threads` share
    the batches of many texts (NumPy lets go of Python's lock while it computes); the answer is the same.
    Raises ValueError if the tagger is not trained, TypeError for anything but str or Sentence.
    """
    if not tagger.is_trained:
        raise ValueError(
            "This tagger has no weights yet: train it, or load one with load_tagger. Received: an untrained tagger."
        )
    if isinstance(texts, str):
        raise TypeError("predict takes a list of texts. Received: one str; write predict(tagger, [text]).")
    parts = [_sentences_of(text) for text in texts]
    windows = [list(_windows(sentences, tagger.encoder.max_length)) for sentences in parts]
    pieces = [piece for cut in windows for piece in cut]
    encoded = encode(tagger.encoder, pieces)
    rows = iter(tag_rows(tagger, encoded, pieces, with_confidences=with_confidences, threads=threads))
    return [
        _join(tagger, text, sentences, [next(rows) for _ in cut])
        for text, sentences, cut in zip(texts, parts, windows, strict=True)
    ]


def _sentences_of(text: str | Sentence) -> tuple[Sentence, ...]:
    if isinstance(text, Sentence):
        return (text,)
    if isinstance(text, str):
        return split_sentences(text)
    raise TypeError(f"predict takes str or Sentence. Received: {type(text).__name__}.")


def _windows(sentences: Sequence[Sentence], max_length: int | None) -> Iterator[Sentence]:
    """Yield the sentences, each longer than `max_length` words in several pieces."""
    for sentence in sentences:
        step = max_length or max(len(sentence), 1)
        if len(sentence) <= step:
            yield sentence
        else:
            for start in range(0, len(sentence), step):
                yield Sentence(sentence.words[start : start + step])


def tag_rows(
    tagger: Tagger,
    encoded: Encoded,
    sentences: Sequence[Sentence],
    *,
    with_confidences: bool = False,
    threads: int = 1,
    score: Callable[[Batch], np.ndarray] | None = None,
    watch: Callable[[Batch, np.ndarray], None] | None = None,
) -> list[Row]:
    """Tag encoded sentences in batches of like length; return one Row each, in their order.

    Spans less sure than the tagger's threshold are left out: where it has one, confidences are computed in any case.
    `score` computes tag scores (B,T,K) of a batch, `forward` by default; training passes Keras.
    `watch` is shown every batch with its decoded tag ids (B,T).
    """
    score = score or (lambda batch: forward.tag_scores(tagger.network, tagger.weights, batch))
    allowed = _allowed(tagger.encoder.tags) if tagger.network.forbids_illegal else None

    def tag(chosen: np.ndarray) -> list[Row]:
        batch = encoded.batch(chosen)
        scores = score(batch)  # (B,T,K)
        counted = batch.mask if tagger.network.is_masked else np.ones_like(batch.mask)  # (B,T)
        tag_ids = forward.decode_tags(tagger.network, tagger.weights, scores, counted, allowed)  # (B,T)
        if watch:
            watch(batch, tag_ids)
        all_tags = [
            tags[: len(sentences[i])]
            for i, tags in zip(chosen, decode_tags(tagger.encoder, tag_ids, batch.columns), strict=True)
        ]
        all_spans = [strict_spans(tags) for tags in all_tags]
        confidences: list[tuple[float, ...]] = [()] * len(chosen)
        if with_confidences or tagger.threshold:
            confidences = _confidences(tagger, scores, counted, batch.columns, all_spans, allowed)
        rows = [
            Row(all_tags[b], all_spans[b], confidences[b], _padding(tagger, batch, tag_ids, b))
            for b in range(len(chosen))
        ]
        if tagger.threshold:
            rows = [_leave_unsure_out(row, tagger.threshold) for row in rows]
            if not with_confidences:
                rows = [replace(row, confidences=()) for row in rows]
        return rows

    groups = list(batches_by_length(encoded))
    if threads > 1 and len(groups) > 1:
        with ThreadPoolExecutor(threads) as pool:
            tagged = list(pool.map(tag, groups))
    else:
        tagged = list(map(tag, groups))
    rows: list[Row | None] = [None] * len(sentences)
    for chosen, found in zip(groups, tagged, strict=True):
        for i, row in zip(chosen, found, strict=True):
            rows[i] = row
    return rows


def _leave_unsure_out(row: Row, threshold: float) -> Row:
    """The row without the spans whose confidence is below `threshold`; their words are tagged O.

    >>> _leave_unsure_out(Row(("B-per", "O", "B-geo"), (Span(0, 1, "per"), Span(2, 3, "geo")), (0.9, 0.2), (0, 0)), 0.4)
    Row(tags=('B-per', 'O', 'O'), spans=(Span(start=0, end=1, label='per'),), confidences=(0.9,), padding=(0, 0))
    """
    if all(confidence >= threshold for confidence in row.confidences):
        return row
    tags, kept = list(row.tags), []
    for span, confidence in zip(row.spans, row.confidences, strict=True):
        if confidence >= threshold:
            kept.append((span, confidence))
        else:
            tags[span.start : span.end] = ["O"] * (span.end - span.start)
    return Row(tuple(tags), tuple(span for span, _ in kept), tuple(sure for _, sure in kept), row.padding)


@lru_cache(maxsize=32)
def _allowed(tags: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The moves between these tags, worked out once: they cost as much as decoding a short sentence."""
    return forward.allowed_transitions(tags)


def batches_by_length(encoded: Encoded) -> Iterator[np.ndarray]:
    """Yield sentence numbers in groups of like length that fill about `_CELLS_A_BATCH` cells."""
    order = np.argsort(encoded.lengths, kind="stable")
    fixed = encoded.encoder.max_length
    start = 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and (stop + 1 - start) * (fixed or encoded.lengths[order[stop]]) <= _CELLS_A_BATCH:
            stop += 1
        yield order[start:stop]
        start = stop


def _padding(tagger: Tagger, batch: Batch, tag_ids: np.ndarray, b: int) -> tuple[int, int]:
    """Count padding cells and those tagged as padding is in training; a masked tagger has none."""
    if tagger.network.is_masked:
        return 0, 0
    is_padding = ~batch.mask[b]
    return int(is_padding.sum()), int((tag_ids[b][is_padding] == tagger.encoder.pad_tag_id).sum())


def _confidences(
    tagger: Tagger, scores: np.ndarray, mask: np.ndarray, columns: np.ndarray, spans: Sequence[Sequence[Span]], allowed
) -> list[tuple[float, ...]]:
    """Return the probability of exactly each span; `columns` (B,W) say where its words stand."""
    places = spans_in_columns(spans, columns)
    found = forward.span_probabilities_of_batch(
        tagger.network, tagger.weights, scores, mask, places, tagger.encoder.tags, tagger.temperature, allowed
    )
    return [tuple(row) for row in found]


def spans_in_columns(spans: Sequence[Sequence[Span]], columns: np.ndarray) -> list[list[Span]]:
    """Where the spans of each sentence, which count words, stand in its row; `columns` (B,W) as in Batch."""
    return [
        [Span(int(places[s.start]), int(places[s.end - 1]) + 1, s.label) for s in found]
        for places, found in zip(columns, spans, strict=True)
    ]


def _join(tagger: Tagger, text: str | Sentence, sentences: Sequence[Sentence], rows: Sequence[Row]) -> Prediction:
    """Lay the rows of one text end to end over the tokens of the whole text."""
    tokens: list[Token] = [token for sentence in sentences for token in sentence.tokens]
    tags: list[str] = []
    spans: list[Span] = []
    for row in rows:
        spans.extend(Span(s.start + len(tags), s.end + len(tags), s.label) for s in row.spans)
        tags.extend(row.tags)
    strange = {word for sentence in sentences for word in set(sentence.words) if not is_known(tagger.encoder, word)}
    unknown = tuple(i for i, token in enumerate(tokens) if token.text in strange) if strange else ()
    is_gold = isinstance(text, Sentence)
    return Prediction(
        text=text.text if is_gold else text,
        tokens=tuple(tokens),
        tags=tuple(tags),
        spans=tuple(spans),
        confidences=tuple(c for row in rows for c in row.confidences),
        gold=text.spans if is_gold else None,
        unknown=unknown,
        padding=(sum(row.padding[0] for row in rows), sum(row.padding[1] for row in rows)),
        notes=_notes(tagger, tokens, unknown, sentences),
    )


def _notes(
    tagger: Tagger, tokens: Sequence[Token], unknown: Sequence[int], sentences: Sequence[Sentence]
) -> tuple[str, ...]:
    """Say what the tutorial's own code would have done where ours answers all the same."""
    config, notes = tagger.encoder.config, []
    if unknown and config.unknown == "none":
        words = _first_words([tokens[i].text for i in unknown])
        if config.tokenizer == "words":
            notes.append(
                f"The tutorial's code stops here with KeyError at words it has not seen ({words}). "
                f"This answer reads them as “{tagger.encoder.reads_as(tagger.encoder.pad_id)}”, the word that padding uses."
            )
        else:
            notes.append(
                f"The tutorial's Tokenizer drops these words without a word of warning: {words}. They are tagged O."
            )
    most = tagger.encoder.max_length
    long = [len(sentence) for sentence in sentences if most and len(sentence) > most]
    if long:
        which = f"this one has {long[0]}" if len(sentences) == 1 else f"{len(long)} here are longer, up to {max(long)}"
        notes.append(
            f"The tutorial keeps only the last {most} words of a sentence; {which}. "
            "This answer reads them in several rows, so that no word is lost."
        )
    return tuple(notes)


def _first_words(words: Sequence[str], n: int = 5) -> str:
    """Name the first `n` different words, and say how many more there are.

    >>> _first_words(["Ada", "fog", "Ada"]), _first_words("a b c d e f g".split())
    ('Ada, fog', 'a, b, c, d, e and 2 more')
    """
    different = list(dict.fromkeys(words))
    more = f" and {len(different) - n} more" if len(different) > n else ""
    return ", ".join(different[:n]) + more
