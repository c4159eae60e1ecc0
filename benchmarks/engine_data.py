"""What every system of `benchmarks.engine` is given, and the one scorer that judges them all.

The parts of the corpora, raw text made of them, strict entity counts, and the memory a process has held.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.tutorials import COMMON, CORPORA
from ner_core.data.corpus import load_corpus
from ner_core.records import Corpus, Counts, Sentence, Span
from ner_core.scores.strict import count_entities, micro

MARKS = (10, 20, 30, 60, 120, 300, 600, 1200, 1800)  # seconds of training at which spaCy is scored on test too


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything is measured; None = all of a part.

    `seconds` bounds each system's training; `iterations` are CRFsuite's, trained from the start each; `passes` over the
    raw text, each in a process of its own; `latencies` single sentences; `loads` processes that import and load; `products` = (rows, repeats) of the matrices that SGEMM is
    measured with.
    """

    name: str
    n_train: int | None
    n_dev: int | None
    n_test: int | None
    seconds: dict[str, float]
    iterations: tuple[int, ...]
    passes: int
    latencies: int
    loads: int
    products: tuple[tuple[int, int], ...]


FULL = Size(
    "full",
    n_train=None,
    n_dev=None,
    n_test=None,
    seconds={"fast": 30, "bilstm-crf": 150, "best": 1800, "gmb-bilstm-softmax": 3600, "spacy": 1800},
    iterations=(10, 20, 40, 100),
    passes=3,
    latencies=400,
    loads=5,
    products=((2048, 12), (4096, 4)),
)
QUICK = Size(
    "quick",
    n_train=4_000,
    n_dev=600,
    n_test=1_000,
    seconds={"fast": 5, "bilstm-crf": 8, "best": 8, "gmb-bilstm-softmax": 8, "spacy": 8},
    iterations=(20,),
    passes=1,
    latencies=60,
    loads=1,
    products=((1024, 12),),
)
SIZES = {size.name: size for size in (FULL, QUICK)}


def load_part(name: str, size: Size) -> Corpus:
    """Read `gmb` (the common split, see `tutorials.COMMON`) or `wnut17` (its own parts), cut to `size`."""
    if name == "gmb":
        corpus = load_corpus(CORPORA / "gmb" / "ner_dataset.csv.xz", split=COMMON)
    else:
        folder = CORPORA / "wnut17"
        corpus = load_corpus(
            folder / "wnut17train.conll",
            dev=folder / "emerging.dev.conll",
            test=folder / "emerging.test.annotated",
            name="WNUT-17",
        )
    return cut(corpus, size)


def cut(corpus: Corpus, size: Size) -> Corpus:
    """Return the first sentences of each part, as many as `size` says."""
    return replace(
        corpus,
        train=corpus.train[: size.n_train],
        dev=corpus.dev[: size.n_dev],
        test=corpus.test[: size.n_test],
    )


def f1_of(gold: Sequence[Sentence], found: Iterable[Sequence[Span]]) -> float:
    """Strict entity micro F1 (0-1): the same function for every system.

    >>> ada = Sentence(("Ada", "lives"), (Span(0, 1, "per"),))
    >>> f1_of([ada], [[Span(0, 1, "per")]]), f1_of([ada], [[Span(0, 2, "per")]])
    (1.0, 0.0)
    """
    return counts_of(gold, found).f1


def counts_of(gold: Sequence[Sentence], found: Iterable[Sequence[Span]]) -> Counts:
    return micro(count_entities([sentence.spans for sentence in gold], found))


# --- raw text ---------------------------------------------------------------------------

_SPACE_BEFORE = re.compile(r" (?=(?:[,;:?!%)\]]|\.+|'s|n't|'re|'ve|'ll|'d|'m)(?: |$))")
_SPACE_BEHIND = re.compile(r"(?:(?<= [(\[$])|(?<=^[(\[$])) ")


def raw_text(words: Sequence[str]) -> str:
    """Write words as a person types them: punctuation without a space before it.

    >>> raw_text(("He", "is", "n't", "in", "London", "(", "U.K.", ")", ",", "she", "said", "."))
    "He isn't in London (U.K.), she said."
    """
    return _SPACE_BEHIND.sub("", _SPACE_BEFORE.sub("", " ".join(words)))


def raw_texts(sentences: Sequence[Sentence], a_text: int = 10) -> list[str]:
    """Texts of `a_text` sentences each, in their order."""
    return [
        " ".join(raw_text(sentence.words) for sentence in sentences[i : i + a_text])
        for i in range(0, len(sentences), a_text)
    ]


def n_tokens(sentences: Iterable[Sentence]) -> int:
    """Count the corpus' own tokens: the measure of every tok/s, whatever a system makes of the text."""
    return sum(map(len, sentences))


# --- memory -------------------------------------------------------------------------------


def peak_mb() -> float:
    """Return the largest memory this process has held, in MB (0 = unknown).

    Linux' `VmHWM` begins anew with each program; `ru_maxrss` would begin with what the starting process held.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1e3
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
