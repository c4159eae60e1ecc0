"""What a person could use instead of ours: nothing at all (the floors), CRFsuite, spaCy.

Each learns from the same sentences, already cut into words, and is judged by the same scorer. Both get what their
own documents call usual: spaCy the configuration that `spacy init config --lang en --pipeline ner --optimize
efficiency` writes, trained until it stops improving on dev (its own patience) or the time is up; CRFsuite the
features of its tutorials without part-of-speech tags, c1 = c2 = 0.1.

Differs from `spacy train`: gold words instead of its tokenizer's, so that every entity can be found; the clock
stands still while dev and test are scored.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.engine_data import MARKS, Size, counts_of, f1_of, load_part, n_tokens, peak_mb
from ner_core.data.strict import strict_spans
from ner_core.data.tags import spans_to_tags
from ner_core.records import Corpus, Sentence, Span
from ner_core.scores.floors import floors

# --- the floors ---------------------------------------------------------------------------


def measure_floors(job: Mapping, size: Size, folder: Path) -> dict:
    """All-`O` and the most-frequent-tag table."""
    corpus = load_part(job["corpus"], size)
    all_o, table = floors(corpus.train, corpus.test)
    return {
        "parts": [len(corpus.train), len(corpus.dev), len(corpus.test)],
        "all_o": {"f1": all_o.f1, "token_accuracy": all_o.token_accuracy},
        "table": {"f1": table.f1, "token_accuracy": table.token_accuracy},
    }


# --- CRFsuite ------------------------------------------------------------------------------


def features(words: Sequence[str]) -> list[list[str]]:
    """The usual features of every word: itself, its ends and case, and its neighbours up to two words away.

    >>> features(("Ada", "lives"))[1]
    ['bias', 'w=lives', 'l=lives', 'p2=li', 'p3=liv', 's2=es', 's3=ves', '-1l=ada', '-1title', 'EOS1', 'BOS2', 'EOS2']
    """
    lower = [word.lower() for word in words]
    cases = [_case(word) for word in words]
    rows = []
    for i, word in enumerate(words):
        row = ["bias", f"w={word}", f"l={lower[i]}", f"p2={word[:2]}", f"p3={word[:3]}", f"s2={word[-2:]}"]
        row.append(f"s3={word[-3:]}")
        row += cases[i]
        for away in (-1, 1, -2, 2):
            j = i + away
            if 0 <= j < len(words):
                row.append(f"{away:+d}l={lower[j]}")
                row += [f"{away:+d}{case}" for case in cases[j]]
            else:
                row.append(f"{'BOS' if away < 0 else 'EOS'}{abs(away)}")
        rows.append(row)
    return rows


def _case(word: str) -> list[str]:
    tests = (("upper", word.isupper()), ("title", word.istitle()), ("digit", word.isdigit()))
    return [name for name, is_so in tests if is_so]


def tags_of(sentence: Sentence) -> tuple[str, ...]:
    return spans_to_tags(sentence.spans, len(sentence))


def train_crfsuite(job: Mapping, size: Size, folder: Path) -> dict:
    """Train with several numbers of iterations, each from the start: quality over time as a person would get it.

    The clock is CRFsuite's training alone; making and reading the features is start-up, as encoding is for ours.
    """
    began = time.perf_counter()
    return train_crfsuite_on(load_part(job["corpus"], size), size, folder, began)


def train_crfsuite_on(corpus: Corpus, size: Size, folder: Path, began: float) -> dict:
    """Train on the train part of `corpus`; the last number of iterations gives the result."""
    import pycrfsuite

    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    for sentence in corpus.train:
        trainer.append(pycrfsuite.ItemSequence(features(sentence.words)), tags_of(sentence))
    started = time.perf_counter()
    curve = []
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "crfsuite.model"
    for n_iterations in size.iterations:
        trainer.set_params({"c1": 0.1, "c2": 0.1, "max_iterations": n_iterations, "feature.possible_transitions": True})
        clock = time.perf_counter()
        trainer.train(str(model))
        seconds = time.perf_counter() - clock
        dev, test = (crfsuite_spans(model, part) for part in (corpus.dev, corpus.test))
        counts = counts_of(corpus.test, test)
        curve.append((seconds, f1_of(corpus.dev, dev), counts.f1))
        print(f"  {n_iterations} iterations: {seconds:.0f} s, dev F1 {curve[-1][1]:.4f}", flush=True)
    return {
        "f1": counts.f1,
        "precision": counts.precision,
        "recall": counts.recall,
        "dev_f1": curve[-1][1],
        "seconds": seconds,
        "startup": started - began,
        "curve": curve,
        "n_iterations": size.iterations[-1],
        "train_tokens_a_second": size.iterations[-1] * n_tokens(corpus.train) / seconds,
        "peak_mb": peak_mb(),
        "n_train": len(corpus.train),
        "n_test": len(corpus.test),
    }


def crfsuite_spans(model: Path, sentences: Iterable[Sentence]) -> list[tuple[Span, ...]]:
    import pycrfsuite

    tagger = pycrfsuite.Tagger()
    tagger.open(str(model))
    found = [strict_spans(tuple(tagger.tag(features(sentence.words)))) for sentence in sentences]
    tagger.close()
    return found


# --- spaCy -----------------------------------------------------------------------------------


def train_spacy(job: Mapping, size: Size, folder: Path) -> dict:
    """Train spaCy's efficiency configuration; the clock leaves out scoring."""
    began = time.perf_counter()
    corpus = load_part(job["corpus"], size)
    return train_spacy_on(corpus, size.seconds["spacy"], job["seed"], folder, began)


def train_spacy_on(corpus: Corpus, seconds: float, seed: int, folder: Path, began: float) -> dict:
    """Train until dev no longer improves or `seconds` of training are over; keep the best on dev."""
    import spacy
    from spacy.cli.init_config import init_config
    from spacy.schemas import ConfigSchemaTraining
    from spacy.training.loop import create_train_batches, train_while_improving
    from spacy.util import fix_random_seed, load_model_from_config, registry

    fix_random_seed(seed)
    random.seed(seed)
    config = init_config(lang="en", pipeline=["ner"], optimize="efficiency", gpu=False)
    nlp = load_model_from_config(config, auto_fill=True)
    settings = registry.resolve(nlp.config.interpolate()["training"], schema=ConfigSchemaTraining)
    examples = spacy_examples(nlp, corpus.train)
    optimizer = settings["optimizer"]
    nlp.initialize(lambda: examples, sgd=optimizer)
    pauses, curve, marks = [0.0], [], list(MARKS)
    best = b""
    started = time.perf_counter()

    def clock() -> float:
        return time.perf_counter() - started - sum(pauses)

    def score_dev() -> tuple[float, dict]:
        now, began_scoring = clock(), time.perf_counter()
        dev = f1_of(corpus.dev, spacy_spans(nlp, corpus.dev))
        test = None
        if marks and now >= marks[0]:  # the first look at dev behind a mark is where test is looked at too
            test = f1_of(corpus.test, spacy_spans(nlp, corpus.test))
            while marks and now >= marks[0]:
                marks.pop(0)
        curve.append((now, dev, test))
        pauses.append(time.perf_counter() - began_scoring)
        print(f"  {now:.0f} s: dev F1 {dev:.4f}", flush=True)
        return dev, {}

    ended, n_words = "finished", 0
    steps = train_while_improving(
        nlp,
        optimizer,
        create_train_batches(nlp, lambda _: examples, settings["batcher"], settings["max_epochs"]),
        score_dev,
        dropout=settings["dropout"],
        eval_frequency=settings["eval_frequency"],
        accumulate_gradient=settings["accumulate_gradient"],
        patience=settings["patience"],
        max_steps=settings["max_steps"],
        exclude=settings["frozen_components"],
        annotating_components=settings["annotating_components"],
        before_update=None,
    )
    for batch, _, is_best in steps:
        n_words += sum(len(example) for example in batch)
        if is_best:
            keeping = time.perf_counter()
            best = nlp.to_bytes()
            pauses.append(time.perf_counter() - keeping)
        if clock() >= seconds:
            ended = "time"
            score_dev()
            if curve[-1][1] > max((dev for _, dev, _ in curve[:-1]), default=-1):
                best = nlp.to_bytes()
            break
    total, peak = curve[-1][0], peak_mb()
    nlp.from_bytes(best)
    nlp.to_disk(folder / "spacy")
    counts = counts_of(corpus.test, spacy_spans(nlp, corpus.test))
    return {
        "f1": counts.f1,
        "precision": counts.precision,
        "recall": counts.recall,
        "dev_f1": max(dev for _, dev, _ in curve),
        "seconds": total,
        "budget": seconds,
        "ended": "patience" if ended == "finished" else ended,
        "startup": started - began,
        "curve": curve,
        "train_tokens_a_second": n_words / total if total else 0.0,
        "peak_mb": peak,
        "n_train": len(corpus.train),
        "n_test": len(corpus.test),
        "spacy": spacy.__version__,
    }


def spacy_examples(nlp, sentences: Sequence[Sentence]) -> list:
    """One Example a sentence: its words without, and with, its entities."""
    from spacy.tokens import Doc
    from spacy.training import Example

    found = []
    for sentence in sentences:
        gold = Doc(nlp.vocab, words=list(sentence.words), ents=list(tags_of(sentence)))
        found.append(Example(Doc(nlp.vocab, words=list(sentence.words)), gold))
    return found


def spacy_spans(nlp, sentences: Sequence[Sentence]) -> list[list[Span]]:
    """The entities spaCy finds in sentences whose words are given."""
    from spacy.tokens import Doc

    docs = nlp.pipe(Doc(nlp.vocab, words=list(sentence.words)) for sentence in sentences)
    return [[Span(entity.start, entity.end, entity.label_) for entity in doc.ents] for doc in docs]
