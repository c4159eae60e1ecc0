"""How fast does a trained system answer? For `benchmarks.engine`; none of these processes loads TensorFlow.

Four measurements a system: import and load (processes that do nothing else); single sentences from text to
spans; the test part from words; raw text in bulk, each pass in a process of its own, so that no cache knows the text.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from unittest.mock import patch

import numpy as np

from benchmarks.engine_data import Size, f1_of, load_part, n_tokens, peak_mb, raw_text, raw_texts
from benchmarks.tutorials import ROOT
from ner_core.records import Sentence, Span
from ner_core.training.machine import available_cores

FIRST = "Ada Lovelace lives in London."
N_WORDS = 20  # of a single sentence

# --- the machine -----------------------------------------------------------------------------


def measure_peak(job: Mapping, size: Size, folder: Path) -> dict:
    """SGEMM: the most float32 GFLOP/s that NumPy's matrix product reaches here, best of several."""
    return {"gflops": max(sgemm(n, repeats) for n, repeats in size.products)}


def sgemm(n: int, repeats: int) -> float:
    """GFLOP/s of the fastest of `repeats` products of two n x n matrices, after one to warm up."""
    a = np.random.default_rng(1).random((n, n), np.float32)
    b, product = a.T.copy(), np.empty((n, n), np.float32)
    seconds = []
    for _ in range(repeats + 1):
        clock = time.perf_counter()
        np.matmul(a, b, out=product)
        seconds.append(time.perf_counter() - clock)
    return 2 * n**3 / min(seconds[1:]) / 1e9


# --- import and load ---------------------------------------------------------------------------

_OURS = """
from ner_core.tagger.predict import predict
from ner_core.tagger.store import load_tagger
tagger = load_tagger(folder + "/model")
loaded = time.perf_counter() - clock
predict(tagger, [first])
"""
_SPACY = """
import spacy
nlp = spacy.load(folder + "/spacy")
loaded = time.perf_counter() - clock
nlp(first)
"""
_CRFSUITE = """
import pycrfsuite
tagger = pycrfsuite.Tagger()
tagger.open(folder + "/crfsuite.model")
loaded = time.perf_counter() - clock
from ner_core.data.text import tokenize
from benchmarks.others import features
tagger.tag(features([token.text for token in tokenize(first)]))
"""
_LOAD = """
import json, sys, time
folder, first = sys.argv[1:]
clock = time.perf_counter()
{lines}
answered = time.perf_counter() - clock
assert "tensorflow" not in sys.modules
status = open("/proc/self/status").read() if sys.platform == "linux" else ""
memory = int(status.partition("VmHWM:")[2].split()[0]) / 1e3 if status else 0.0
print(json.dumps([loaded, answered, memory]))
"""


def measure_load(job: Mapping, size: Size, folder: Path) -> dict:
    """Import, load, and the first sentence: seconds and MB, the median of several processes."""
    lines = {"spacy": _SPACY, "crfsuite": _CRFSUITE}.get(job["system"], _OURS)
    found = []
    for _ in range(size.loads):
        command = [sys.executable, "-c", _LOAD.format(lines=lines), str(folder), FIRST]
        found.append(json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout))
    loaded, answered, memory = (list(column) for column in zip(*found, strict=True))
    return {"load_seconds": median(loaded), "first_answer_seconds": median(answered), "load_mb": median(memory)}


# --- one sentence, and the test part from words ----------------------------------------------------


class Ours:
    """Our taggers as the app and the command line call them."""

    def __init__(self, folder: Path):
        from ner_core.tagger.predict import predict
        from ner_core.tagger.store import load_tagger

        self.tagger, self.predict = load_tagger(folder / "model"), predict

    def answer(self, text: str) -> list:
        return self.predict(self.tagger, [text])[0].entities

    def tag(self, sentences: Sequence[Sentence]) -> list:
        return [p.spans for p in self.predict(self.tagger, sentences, with_confidences=False)]

    def bulk(self, texts: Sequence[str], n_processes: int) -> int:
        return sum(len(prediction.spans) for prediction in self.predict(self.tagger, texts, threads=available_cores()))


class SpaCy:
    """spaCy's pipeline, called as its documents do."""

    def __init__(self, folder: Path):
        import spacy

        self.nlp = spacy.load(folder / "spacy")

    def answer(self, text: str) -> list:
        return [(entity.start_char, entity.end_char, entity.label_) for entity in self.nlp(text).ents]

    def tag(self, sentences: Sequence[Sentence]) -> list:
        from benchmarks.others import spacy_spans

        return spacy_spans(self.nlp, sentences)

    def bulk(self, texts: Sequence[str], n_processes: int) -> int:
        return sum(len(doc.ents) for doc in self.nlp.pipe(texts, n_process=n_processes))


class CRFsuite:
    """CRFsuite behind our tokenizer: it brings none."""

    def __init__(self, folder: Path):
        import pycrfsuite

        from benchmarks.others import features
        from ner_core.data.strict import strict_spans
        from ner_core.data.text import split_sentences

        self.tagger, self.features = pycrfsuite.Tagger(), features
        self.tagger.open(str(folder / "crfsuite.model"))
        self.split, self.spans = split_sentences, strict_spans

    def answer(self, text: str) -> list:
        return [span for sentence in self.split(text) for span in self._spans(sentence.words)]

    def tag(self, sentences: Sequence[Sentence]) -> list:
        return [self._spans(sentence.words) for sentence in sentences]

    def bulk(self, texts: Sequence[str], n_processes: int) -> int:
        return sum(len(self.answer(text)) for text in texts)

    def _spans(self, words: Sequence[str]) -> tuple[Span, ...]:
        return self.spans(tuple(self.tagger.tag(self.features(words))))


def open_system(name: str, folder: Path) -> Ours | SpaCy | CRFsuite:
    return {"spacy": SpaCy, "crfsuite": CRFsuite}.get(name, Ours)(folder)


def measure_single(job: Mapping, size: Size, folder: Path) -> dict:
    """Latency of single sentences of 20 words, each another one; then the whole test part from words."""
    test = load_part("gmb", size).test
    system = open_system(job["system"], folder)
    system.answer(FIRST)
    chosen = [raw_text(s.words) for s in test if len(s) == N_WORDS][: size.latencies]
    for text in chosen[:10]:
        system.answer(text)
    milliseconds = []
    for text in chosen:
        clock = time.perf_counter()
        system.answer(text)
        milliseconds.append(1e3 * (time.perf_counter() - clock))
    clock = time.perf_counter()
    found = system.tag(test)
    seconds = time.perf_counter() - clock
    assert "tensorflow" not in sys.modules, "prediction has loaded TensorFlow"
    return {
        "n_latencies": len(milliseconds),
        "p50_ms": float(np.percentile(milliseconds, 50)),
        "p95_ms": float(np.percentile(milliseconds, 95)),
        "words_tokens_a_second": n_tokens(test) / seconds,
        "f1": f1_of(test, found),
        "predict_mb": peak_mb(),
    }


# --- raw text in bulk --------------------------------------------------------------------------------


def measure_bulk(job: Mapping, size: Size, folder: Path) -> dict:
    """Tag the raw text of the test part once; tok/s count the corpus' own tokens."""
    test = load_part("gmb", size).test
    texts = raw_texts(test)
    system = open_system(job["system"], folder)
    system.answer(FIRST)
    clock = time.perf_counter()
    n_spans = system.bulk(texts, job["processes"])
    seconds = time.perf_counter() - clock
    return {"bulk_tokens_a_second": n_tokens(test) / seconds, "n_spans": n_spans, "bulk_mb": peak_mb()}


# What each part is, and the functions that do it, by the module that calls them.
PARTS = {
    "tokenizing": ("predict.split_sentences",),
    "encoding": ("predict.encode",),
    "scoring": ("forward.tag_scores",),
    "decoding": ("forward.decode_tags", "predict.decode_tags", "predict.strict_spans"),
    "confidences": ("predict._confidences",),
}


def measure_parts(job: Mapping, size: Size, folder: Path) -> dict:
    """Where the seconds of a bulk pass go; those of several threads add up."""
    texts = raw_texts(load_part("gmb", size).test)
    system = open_system(job["system"], folder)
    system.answer(FIRST)
    with timed_parts() as seconds:
        clock = time.perf_counter()
        system.bulk(texts, 1)
        total = time.perf_counter() - clock
    return {"parts": seconds | {"joining and the rest": max(total - sum(seconds.values()), 0.0)}, "total": total}


@contextmanager
def timed_parts() -> Iterator[dict[str, float]]:
    """Measure every function of PARTS that exists while inside; part -> seconds, filled as they pass."""
    from ner_core.tagger import forward, predict

    seconds = dict.fromkeys(PARTS, 0.0)
    modules = {"forward": forward, "predict": predict}
    with ExitStack() as stack:
        for part, names in PARTS.items():
            for name in names:
                module, _, function = name.partition(".")
                if hasattr(modules[module], function):
                    wrapped = _timed(getattr(modules[module], function), seconds, part)
                    stack.enter_context(patch.object(modules[module], function, wrapped))
        yield seconds


def _timed(function: Callable, seconds: dict[str, float], part: str) -> Callable:
    def run(*arguments, **options):
        clock = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            seconds[part] += time.perf_counter() - clock

    return run


def settings_for(kind: str, system: str) -> dict[str, str]:
    """Environment of a measuring process: prediction as the app does it, with one BLAS thread a Python thread."""
    is_ours = kind in ("load", "single", "bulk", "parts") and system not in ("spacy", "crfsuite")
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **({"OPENBLAS_NUM_THREADS": "1"} if is_ours else {})}
