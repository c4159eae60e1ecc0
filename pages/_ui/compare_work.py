"""Runs beside each other: what each was asked for, what each marks in the same sentences, and how sure the difference is.

Use: `contenders, problems = open_runs(ids)`; `setting = setting_of(contender, corpus_id, corpus, part)`, `find(setting)`, and
where that is None `for share in measure(setting): ...`; then `difference` and `disagreements` of two settings. All
of it is kept for every session, by model and sentences; the predictions themselves are `evaluate_work`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import streamlit as st

from ner_core.records import Corpus, Counts, InputError, Sentence, Span
from ner_core.scores import comparison
from ner_core.scores.comparison import Difference, Disagreement
from ner_core.scores.honesty import Judgement
from ner_core.scores.strict import count_entities
from ner_core.tagger.archive import MANIFEST
from ner_core.tagger.ours import Recipe
from ner_core.tagger.recipes import BOUNDS, recipe, resize, settings_of
from ner_core.training.runs import Run, RunConfig, RunError, read_run
from pages._ui import evaluate_work, loading, train_live
from pages._ui.evaluate_work import Setting
from pages._ui.train_record import RunRecord
from pages._ui.widgets import duration

KEPT = 48  # models measured, for all sessions: spans and counts alone, a few MB each


# --- who is compared ---------------------------------------------------------------------


@dataclass(frozen=True)
class Contender:
    """A run with the letter it has on this page, and what its log says."""

    letter: str
    run: Run
    record: RunRecord


def open_runs(run_ids: Sequence[str]) -> tuple[list[Contender], list[str]]:
    """Open the runs, each once, the reference first; and one sentence for each that cannot be opened."""
    found, problems = [], []
    for run_id in dict.fromkeys(run_ids):
        try:
            run = read_run(run_id)
        except RunError as problem:
            problems.append(str(problem))
            continue
        found.append(Contender(letter(len(found)), run, train_live.record_of(run, keeps_steps=False)))
    return found, problems


def letter(index: int) -> str:
    """A, B, ... Z, AA, AB, ...

    >>> letter(0), letter(25), letter(26), letter(53)
    ('A', 'Z', 'AA', 'BB')
    """
    before, place = divmod(index, 26)
    return (letter(before - 1) if before else "") + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[place]


# --- the settings that differ ---------------------------------------------------------------


def settings_in_words(config: RunConfig) -> dict[str, str]:
    """Everything that was asked for, by its plain name.

    >>> said = settings_in_words(RunConfig(hyperparameters={"epochs": 2, "lstm_width": 16}))
    >>> said["epochs"], said["LSTM units"], said["word vector"], said["seed"], said["time limit"]
    ('2', '16', '64', '1', 'none')
    """
    said = {
        "corpus": config.corpus_name if config.corpus == "newsroom" else f"{config.corpus_name} ({config.corpus[:8]})",
        "recipe": config.recipe,
        "form": "as published" if config.is_published else "as mended",
    }
    try:
        asked = resize(recipe(config.recipe, published=config.is_published), **config.hyperparameters)
    except (InputError, TypeError):  # a recipe or a bound of another version of NER Lab
        return said | {str(name): _plain(value) for name, value in config.hyperparameters.items()}
    training = config.training or asked.training
    said |= {BOUNDS[name].words: _plain(value) for name, value in settings_of(asked).items()}
    said["seed"] = str(training.seed)
    said["time limit"] = duration(training.seconds) if training.seconds else "none"
    return said | _further(asked, asdict(training))


def _further(asked: Recipe, training: Mapping) -> dict[str, str]:
    """What no form changes, but recipes differ in: layers, reading, loss."""
    shown = {"epochs", "seconds", "seed", "learning_rate", "batch_size", "batch_tokens", "patience", "word_dropout"}
    shown.add("rare_times")
    layers = ", ".join(layer.kind for layer in asked.network.layers if "dropout" not in layer.kind)
    split = asked.split and f"{asked.split.kind}, {asked.split.test:.0%} test, seed {asked.split.seed}"
    found = {"layers": layers, "split": split or "the corpus' own"}
    found |= {f"reading: {name.replace('_', ' ')}": _plain(value) for name, value in asdict(asked.encoding).items()}
    return found | {f"training: {k.replace('_', ' ')}": _plain(v) for k, v in training.items() if k not in shown}


def _plain(value: object) -> str:
    """
    >>> _plain(0.003), _plain(True), _plain(("lower", "shape")), _plain(None), _plain("")
    ('0.003', 'yes', 'lower, shape', 'none', 'none')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:g}" if abs(value) < 1e5 else f"{value:,}"
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple | list) else str(value or "none")


def differing(contenders: Sequence[Contender]) -> dict[str, list[str]]:
    """The settings that are not the same in all runs: name -> one value a run, "not used" where it has none."""
    said = [settings_in_words(contender.run.config) for contender in contenders]
    for row, contender in zip(said, contenders, strict=True):
        row["corpus"] += _fingerprint(contender)
    names = dict.fromkeys(name for row in said for name in row)
    rows = {name: [row.get(name, "not used") for row in said] for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}


def _fingerprint(contender: Contender) -> str:
    """The first digits of the train part's fingerprint, as the best model's card has it; "" where there is none."""
    if contender.run.best is None:
        return ""
    try:
        prints = loading.tagger(model_of(contender.run)).card.get("fingerprints")
    except (loading.NotThere, OSError):
        return ""
    return f", train part {str(prints['train'])[:8]}" if isinstance(prints, Mapping) and prints.get("train") else ""


# --- what each marks ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """What one model marked in the sentences of a part, and how many of it is right."""

    spans: tuple[tuple[Span, ...], ...]
    counts: np.ndarray  # (sentences, 3): right, invented, missed
    by_label: Mapping[str, Counts]
    judgement: Judgement

    @property
    def overall(self) -> Counts:
        return sum(self.by_label.values(), Counts())


def model_of(run: Run) -> loading.Model:
    """The run's best tagger as the model that Evaluate knows; raises OSError where it has just been deleted."""
    folder = run.folder / "best"
    return loading.Model(f"run:{run.id}", run.name, "", folder, False, (folder / MANIFEST).stat().st_mtime)


def setting_of(run: Run, corpus_id: str, corpus: Corpus, part: str) -> Setting:
    """What is to be measured; the tagger is opened only when it is. Raises OSError as `model_of` does."""
    return Setting(model_of(run), None, corpus_id, corpus, part)


@st.cache_resource
def _kept() -> dict[tuple, Measured]:
    return {}


def find(setting: Setting) -> Measured | None:
    """What was measured, where it has been."""
    return _kept().get(setting.key)


def measure(setting: Setting) -> Iterator[float]:
    """Measure, yielding the share that is done; then `find` has it. Raises NotThere where the model does not open."""
    setting = replace(setting, tagger=loading.tagger(setting.model))
    evaluation = evaluate_work.find(setting)
    if evaluation is None:
        yield from evaluate_work.predict_in_chunks(setting)
        evaluation = evaluate_work.find(setting)
    spans, gold = tuple(p.spans for p in evaluation.predictions), gold_of(setting.sentences)
    kept = _kept()
    for old in list(kept)[: max(0, len(kept) - KEPT + 1)]:
        kept.pop(old, None)
    kept[setting.key] = Measured(
        spans, comparison.count_sentences(gold, spans), count_entities(gold, spans), evaluate_work.judge(setting)
    )


def gold_of(sentences: Sequence[Sentence]) -> list[tuple[Span, ...]]:
    return [sentence.spans for sentence in sentences]


# --- two of them ---------------------------------------------------------------------------------


def difference(first: Setting, second: Setting) -> Difference:
    """By how much the second is better than the first, and how sure that is; both have been measured."""
    return _difference(first.key, second.key, find(first), find(second))


@st.cache_resource(max_entries=256, show_spinner="Drawing the sentences 10,000 times")
def _difference(first: tuple, second: tuple, _first: Measured, _second: Measured) -> Difference:
    return comparison.paired_bootstrap(_first.counts, _second.counts)


def disagreements(first: Setting, second: Setting) -> list[Disagreement]:
    """The sentences that only one got wholly right; both have been measured."""
    return _disagreements(first.key, second.key, gold_of(first.sentences), find(first), find(second))


@st.cache_resource(max_entries=64, show_spinner=False)
def _disagreements(first: tuple, second: tuple, _gold: list, _first: Measured, _second: Measured) -> list[Disagreement]:
    return comparison.disagreements(_gold, _first.spans, _second.spans)
