"""Which sentences are read together, and how often, in one epoch?

Chapter of part IV. Before every epoch the training sentences are dealt to steps, in an order that the run's generator of chance
decides: a fixed number of sentences each, as the tutorials do, or sentences of like length up to a number of tokens, so
that little is padded. Those with rare labels may be read more often, and a share of the words may hide behind `<unk>`.
All chance comes from the generator that is handed in, so that a training can go on exactly where it was broken off.

Source: batches of like length by number of tokens follow Vaswani et al. 2017 (section 5.1); reading rare labels more often
is the repeat-factor sampling of Gupta et al. 2019 (arXiv 1908.03195). Differs from them: a median takes the place of Gupta's
threshold and there is a bound; sentences of like length are found by sorting them, not by fixed buckets.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ner_core.records import (
    Batch,
    Sentence,
    Span,  # noqa: F401 (doctest)
    TrainConfig,
)
from ner_core.tagger.encode import Encoded


def readings(sentences: Sequence[Sentence], rare_times: int) -> np.ndarray | None:
    """How often each sentence is read in an epoch, on average: (S,), from 1 to `rare_times`; None = each once.

    A CRF scores whole rows of tags, so a rare label cannot simply weigh more; the sentences that hold it can be read
    more often. A label in f sentences asks for sqrt(m / f) readings of each, m the sentences that hold the middle
    label (the median), and a sentence is read as often as its rarest label asks: repeat-factor sampling of Gupta et
    al. 2019 (arXiv 1908.03195, section 4.1), but with the median in place of a threshold, and a bound.

    >>> each = [Sentence((label,), (Span(0, 1, label),)) for label in ["per"] * 9 + ["geo"] * 4 + ["art"]]
    >>> readings(each, 5)[[0, 9, 13]].tolist(), readings(each, 1)
    ([1.0, 1.0, 2.0], None)
    """
    held = [{span.label for span in sentence.spans} for sentence in sentences]
    counts = Counter(label for labels in held for label in labels)
    if rare_times <= 1 or len(counts) < 2:
        return None
    middle = float(np.median(list(counts.values())))
    asked = {label: min(max(1.0, math.sqrt(middle / count)), rare_times) for label, count in counts.items()}
    return np.array([max((asked[label] for label in labels), default=1.0) for labels in held])


def deal_batches(
    encoded: Encoded, config: TrainConfig, random: np.random.Generator, often: np.ndarray | None = None
) -> list[np.ndarray]:
    """Deal the training sentences to steps: a fixed number each, or about `batch_tokens` tokens of like length.

    `often` (S,) = how often each is read on average: 2.3 is twice, and in three of ten epochs once more.
    """
    rows = np.arange(len(encoded))
    if often is not None:
        rows = np.repeat(rows, np.floor(often + random.random(len(often))).astype(np.int64))
    n = len(rows)
    order = rows[random.permutation(n)] if config.shuffles else rows
    if config.batch_size:
        return [order[i : i + config.batch_size] for i in range(0, n, config.batch_size)]
    order = order[np.argsort(encoded.lengths[order], kind="stable")]
    groups, start, lengths = [], 0, encoded.lengths[order]
    while start < n:
        stop = start + 1
        while stop < n and (stop + 1 - start) * lengths[stop] <= config.batch_tokens:
            stop += 1
        groups.append(order[start:stop])
        start = stop
    return [groups[i] for i in random.permutation(len(groups))] if config.shuffles else groups


def hide_words(batch: Batch, unknown: int | None, share: float, random: np.random.Generator) -> Batch:
    """Hide a share (0-1) of the words behind `<unk>` (the id `unknown`), so that `<unk>` is learned too.

    Where the vocabulary has no `<unk>`, or the share is 0, the batch stays as it is and nothing is drawn.

    >>> batch = Batch(np.array([[5, 6, 0]]), {}, None, np.array([[True, True, False]]), None)
    >>> hide_words(batch, 1, 1.0, np.random.default_rng(0)).word_ids.tolist()  # padding is no word
    [[1, 1, 0]]
    """
    if not share or unknown is None:
        return batch
    hidden = (random.random(batch.mask.shape) < share) & batch.mask  # (B,T)
    word_ids = np.where(hidden, np.int32(unknown), batch.word_ids)  # (B,T)
    return Batch(word_ids, batch.features, batch.tag_ids, batch.mask, batch.columns)
