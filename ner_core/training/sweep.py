"""Which settings are best?

Chapter of part IV. A grid: every combination of some values is a training of its own, with each seed; afterwards a table
says how well each did on dev. The trainings are ordinary runs: the page Runs lists them, one machine lets them wait for
their turn, a cluster (see `cluster`) does many at once. The same command again finds what is done already, goes on with what
was broken off, and starts the rest; so a sweep may be ended at any time.

    python -m ner_core sweep --grid learning_rate=0.001,0.004 --grid dropout=0.3,0.5 --seeds 1,2

Several seeds tell how much of a difference is chance: two settings whose ranges overlap are not told apart.

Source: grid search as in scikit-learn's `GridSearchCV`. Differs from it: dev takes the place of cross-validation, and test
is never looked at.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ner_core.records import EpochDone, InputError, percent

if TYPE_CHECKING:
    from ner_core.training.runs import Run, RunConfig

POLL_SECONDS = 0.5
MAX_SEED = 2**31 - 1  # as the page Train has it
MOST_RUNS = 1_000  # a slip of the pen in a grid shall not fill a disk


class SweepError(InputError):
    """The grid cannot be used; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one training.

    settings  the grid's names and values · seed · run  its id · state  as `runs.state` says, or "deleted"
    f1        entity F1 on dev of the kept epoch, None where there is none · epoch · seconds of training
    """

    settings: Mapping[str, float]
    seed: int
    run: str
    state: str
    f1: float | None
    epoch: int
    seconds: float


# --- the grid -----------------------------------------------------------------------------


def read_grid(words: Sequence[str]) -> list[dict[str, float]]:
    """Every combination of the values given as "name=value,value".

    >>> read_grid(["dropout=0.3,0.5", "epochs=2"])
    [{'dropout': 0.3, 'epochs': 2}, {'dropout': 0.5, 'epochs': 2}]
    """
    values: dict[str, list[float]] = {}
    for word in words:
        name, mark, listed = word.partition("=")
        if not (name and mark) or name in values:
            raise SweepError(f"A grid is given as name=value,value, each name once. Received: --grid {word}")
        try:
            values[name] = list(dict.fromkeys(map(_number, listed.split(","))))
        except ValueError:
            raise SweepError(
                f"The values of a grid are numbers with commas between them. Received: --grid {word}"
            ) from None
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def _number(text: str) -> float:
    return float(text) if any(letter in text.lower() for letter in ".ein") else int(text)


def configs(
    recipe: str,
    corpus: tuple[str, str],
    grid: Sequence[dict],
    seeds: Sequence[int],
    *,
    epochs: int | None = None,
    seconds: float | None = None,
) -> list[tuple[dict, RunConfig]]:
    """The trainings of a sweep as (settings, RunConfig): each combination with each seed.

    `corpus` is its id and its name. What the grid leaves open is as the page Train proposes it for this corpus, but for
    `epochs` and `seconds` where they are given. Raises InputError for a setting that this recipe does not have or that
    is out of bounds, and for a corpus that is not here.
    """
    from ner_core.tagger.recipes import recipe as find
    from ner_core.tagger.recipes import resize, settings_of, suited
    from ner_core.training.runs import RunConfig
    from ner_core.training.worker import read_corpus

    if len(grid) * len(seeds) > MOST_RUNS:
        raise SweepError(f"A sweep has at most {MOST_RUNS:,} trainings. Received: {len(grid) * len(seeds):,}.")
    base = find(recipe)
    present, proposed = settings_of(base), settings_of(suited(base, read_corpus(corpus[0])))
    shared = {name: value for name, value in proposed.items() if value != present[name]}
    shared |= {"epochs": epochs} if epochs else {}
    asked = []
    for settings in grid:
        hyperparameters = shared | settings
        training = replace(resize(base, **hyperparameters).training, seconds=seconds)
        for seed in seeds:
            config = RunConfig(*corpus, recipe, hyperparameters=hyperparameters, training=replace(training, seed=seed))
            asked.append((settings, config))
    return asked


# --- the trainings ------------------------------------------------------------------------------


def run_all(asked: Sequence[tuple[dict, RunConfig]], say: Callable[[str], None]) -> Iterator[Outcome]:
    """See that every training is done; yields what became of each as it ends.

    On one machine only as many are started as find a place, so that no hundred processes wait; a cluster gets all at
    once. Raises JobError where one cannot be started.
    """
    from ner_core.training import cluster
    from ner_core.training.places import n_places
    from ner_core.training.runs import RunError, list_runs, read_run

    known = [run for run in list_runs() if not run.config.owner]
    left, going = list(asked), []
    while left or going:
        most = len(asked) if cluster.scheduler() else n_places()
        while left and len(going) < most:
            settings, config = left.pop(0)
            going.append((settings, config, _see_to(config, known, say)))
        for entry in list(going):
            settings, config, run_id = entry
            try:
                run = read_run(run_id)
                found = None if run.is_active else outcome(settings, run)
            except RunError:  # somebody has deleted it
                found = Outcome(settings, config.training.seed, run_id, "deleted", None, 0, 0.0)
            if found:
                going.remove(entry)
                yield found
        time.sleep(POLL_SECONDS if going else 0)


def _see_to(config: RunConfig, known: Sequence[Run], say: Callable[[str], None]) -> str:
    """Find the training, go on with it or start it; returns its id."""
    from ner_core.training.jobs import resume_run, start_run

    same = next((run for run in known if run.config == config and run.folder.exists()), None)  # the newest first
    if same is None:
        return start_run(config)
    if same.state == "interrupted" or same.state == "stopped":
        say(f"{same.id} goes on where it was broken off.")
        resume_run(same.id)
    elif same.state == "failed":
        return start_run(config)
    return same.id


def outcome(settings: Mapping[str, float], run: Run) -> Outcome:
    """What the run's log tells of its kept epoch."""
    from ner_core.training.event_log import read_events, valid_events

    events = valid_events(read_events(run.folder)[0])
    kept = next((event for event in reversed(events) if isinstance(event, EpochDone) and event.is_best), None)
    seconds = next((event.seconds for event in reversed(events) if getattr(event, "seconds", 0)), 0.0)
    f1, epoch = (kept.dev.f1, kept.epoch) if kept else (None, 0)
    return Outcome(settings, run.config.training.seed, run.id, run.state, f1, epoch, round(seconds, 2))


# --- the table -------------------------------------------------------------------------------------


def table(outcomes: Sequence[Outcome]) -> str:
    """The settings, best first: mean F1 on dev over the seeds, and its range.

    >>> one, two = Outcome({"dropout": 0.3}, 1, "a", "finished", 0.5, 3, 9.0), Outcome({"dropout": 0.3}, 2, "b", "failed", None, 0, 1.0)
    >>> print(table([one, two]))
    dropout   dev F1            range  seeds  time
    0.3       50.0 %    50.0 – 50.0 %    1/2  10 s
    """
    groups: dict[tuple, list[Outcome]] = {}
    for each in outcomes:
        groups.setdefault(tuple(each.settings.items()), []).append(each)
    names = list(outcomes[0].settings) if outcomes else []
    widths = [max(len(name), 8) for name in names]
    lines = ["".join(f"{name:<{width + 1}}" for name, width in zip(names, widths, strict=True))]
    lines[0] += " dev F1            range  seeds  time"
    rows = []
    for settings, members in groups.items():
        scores = [each.f1 for each in members if each.f1 is not None]
        mean = statistics.fmean(scores) if scores else -1.0
        spread = f"{100 * min(scores):.1f} – {percent(max(scores))}" if scores else "–"
        line = "".join(f"{value:<{width + 1}g}" for (_, value), width in zip(settings, widths, strict=True))
        line += f"{percent(mean) if scores else '–':>7}{spread:>17}{f'{len(scores)}/{len(members)}':>7}"
        rows.append((mean, f"{line}{sum(each.seconds for each in members):>4.0f} s"))
    return "\n".join([*lines, *(line for _, line in sorted(rows, key=lambda row: -row[0]))])


# --- the command -------------------------------------------------------------------------------------


def add_command(add: Callable[..., argparse.ArgumentParser], positive: Callable) -> None:
    """Declare `python -m ner_core sweep`; `add(name, work, words)` makes a command, `positive(kind)` reads a number above 0."""
    command = add("sweep", sweep, "train a grid of settings and compare them on dev")
    command.add_argument(
        "--grid", action="append", required=True, metavar="NAME=V,V", help="a setting and its values; may be repeated"
    )
    command.add_argument("--recipe", default="bilstm-crf", help="its name, see: recipes (default: %(default)s)")
    command.add_argument(
        "--corpus", default="newsroom", help="a corpus file, newsroom, or a fetched one of the catalogue"
    )
    command.add_argument("--seeds", default="1", metavar="N,N", help="the seeds each setting is trained with")
    command.add_argument("--epochs", type=positive(int), metavar="N", help="where the grid does not say it")
    command.add_argument(
        "--seconds", type=positive(float), metavar="S", help="training time of one run, then the best is kept"
    )


def sweep(chosen: argparse.Namespace) -> int:
    """Train every combination of a grid and print a table; ended early, the same command goes on with it."""
    asked = configs(
        chosen.recipe,
        _corpus(chosen.corpus),
        read_grid(chosen.grid),
        _seeds(chosen.seeds),
        epochs=chosen.epochs,
        seconds=chosen.seconds,
    )
    outcomes = []
    for found in run_all(asked, _say):
        outcomes.append(found)
        words = ", ".join(f"{name} {value:g}" for name, value in found.settings.items())
        f1 = "no F1" if found.f1 is None else f"F1 {percent(found.f1)}"
        _say(f"{len(outcomes)} of {len(asked)}: {words}, seed {found.seed}: {found.state}, {f1} ({found.run})")
    if chosen.json:
        slots = Outcome.__slots__
        print(json.dumps({"runs": [{name: getattr(found, name) for name in slots} for found in outcomes]}), flush=True)
    else:
        print(table(outcomes))
    return 0 if any(found.f1 is not None for found in outcomes) else 1


def _seeds(text: str) -> list[int]:
    try:
        seeds = list(dict.fromkeys(int(word) for word in text.split(",")))
    except ValueError:
        seeds = []
    if not seeds or not all(0 <= seed <= MAX_SEED for seed in seeds):
        raise SweepError(f"Seeds are whole numbers from 0 to {MAX_SEED:,}, as in --seeds 1,2. Received: {text!r}.")
    return seeds


def _corpus(source: str) -> tuple[str, str]:
    """The id and name under which workers find the corpus; a file is stored for them."""
    from ner_core.data.catalogue import find, is_entry
    from ner_core.training.keeping import load_stored_corpus, store_corpus

    if source == "newsroom":
        return "newsroom", "Newsroom"
    path = Path(source)
    if path.is_file():
        corpus_id = store_corpus(path.name, path.read_bytes())
        load_stored_corpus(corpus_id)  # what cannot be read is told now, not by each training
        return corpus_id, path.name
    if is_entry(source):
        return source, find(source).title
    raise SweepError(f"There is no corpus {source}. Give a file, newsroom, or a name of: python -m ner_core catalogue")


def _say(message: str) -> None:
    print(" ".join(message.split()), file=sys.stderr, flush=True)
