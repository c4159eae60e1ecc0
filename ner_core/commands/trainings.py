"""What do the commands `recipes`, `train` and `runs` do?

Chapter of part VI. `train` is the whole of part IV in a terminal: it deals the corpus, builds the tagger, follows the events
and stores the best, here in this process. `runs` lists what pages and sweeps have started, and goes on with it.

Source: none; they call `tagger.recipes`, `training.train` and `training.runs`. Differs from the page Train: no run is kept of it, no place
in the queue is needed, and Ctrl-C ends it with the best so far.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ner_core.commands.terminal import BadInput, nothing, open_corpus, percent_or_dash, print_json, say
from ner_core.records import EpochDone, Event, RunEnded

# --- recipes, train -----------------------------------------------------------------


def show_recipes(chosen: argparse.Namespace) -> int:
    """Print every recipe: name, source, published or mended, layers."""
    from ner_core.tagger.recipes import RECIPES

    rows = [
        {
            "name": each.name,
            "title": each.title,
            "source": each.source,
            "is_published": each.is_published,
            "form": "published" if each.is_published else "mended",
            "layers": [f"{layer.kind} {layer.width}" if layer.width else layer.kind for layer in each.network.layers],
        }
        for each in RECIPES.values()
    ]
    if chosen.json:
        print_json({"recipes": rows})
        return 0
    for row in rows:
        print(f"{row['name']:<22}{row['form']:<11}{' · '.join(row['layers'])}")
        print(f"{'':<22}{row['source']}")
    return 0


def train(chosen: argparse.Namespace) -> int:
    """Train a recipe on a corpus and store the best tagger in `--out`; Ctrl-C keeps the best so far."""
    from ner_core.tagger.recipes import deal, new_tagger, recipe, resize, suited
    from ner_core.training.best_epoch import keep_best
    from ner_core.training.tensorboard import repeat
    from ner_core.training.wishes import stop_on_signal

    base = recipe(chosen.recipe, published=chosen.published)
    out = _checked_out(chosen.out)
    corpus = open_corpus(chosen.corpus, None, dev=chosen.dev, test=chosen.test)
    corpus = deal(corpus, base)
    base = suited(base, corpus)
    if chosen.rare_times:
        base = resize(base, rare_times=chosen.rare_times)
    asked = {"epochs": chosen.epochs, "seconds": chosen.seconds, "seed": chosen.seed}
    config = replace(base.training, **{name: value for name, value in asked.items() if value is not None})
    say(f"{base.name} ({'published' if chosen.published else 'mended'}) on {corpus.name}: loading TensorFlow …")
    with _without_chatter():
        from ner_core.training.train import train as train_tagger

    tagger = new_tagger(corpus, base)
    with stop_on_signal() as is_told:
        events = train_tagger(tagger, corpus, config, control=lambda: "stop" if is_told() else None)
        events = repeat(events, out) if chosen.tensorboard else events
        ended = _follow(keep_best(events, tagger, out, corpus=corpus, training=config), as_json=chosen.json)
    if ended.reason in ("failed", "diverged"):
        say(ended.message)
        return 1
    say(f"{ended.message} Stored in {out}." if tagger.is_trained else ended.message)
    return 0


@contextlib.contextmanager
def _without_chatter() -> Iterator[None]:
    """Keep what TensorFlow says of itself while it is imported away from stderr."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _follow(events: Iterator[Event], *, as_json: bool) -> RunEnded:
    """Print the events, one a line; return the last."""
    from ner_core.training.event_log import event_to_dict

    event: Event = RunEnded("failed", 0, 0, 0.0, "The training ended without saying why.")
    for event in events:
        if as_json:
            print_json(event_to_dict(event))
        elif isinstance(event, EpochDone):
            dev, mark = event.dev, " *" if event.is_best else ""
            print(
                f"epoch {event.epoch:>3}  {event.seconds:7.1f} s  loss {event.train_loss:.4f}  dev loss {event.dev_loss:.4f}"
                f"  entity precision {dev.precision:.1%} recall {dev.recall:.1%} F1 {dev.f1:.1%}{mark}",
                flush=True,
            )
    return event


def _checked_out(folder: str) -> Path:
    """Refuse before training what could not be written after it."""
    out = Path(folder)
    if out.exists() and not out.is_dir():
        raise BadInput(f"--out must name a folder; {folder} is a file.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise BadInput(f"--out {folder} cannot be made: {problem.strerror}.") from None
    if (out / "MANIFEST.json").exists():
        say(f"{folder} holds a tagger already: the best epoch of this training takes its place.")
    return out


# --- runs ------------------------------------------------------------------------------------


def show_runs(chosen: argparse.Namespace) -> int:
    """Print the stored runs and their states, newest first; or resume one, pause it, or let it go on."""
    if chosen.resume:
        return resume(chosen.resume)
    if chosen.pause or chosen.go_on:
        from ner_core.training import jobs

        jobs.pause_run(chosen.pause) if chosen.pause else jobs.continue_run(chosen.go_on)
        return 0
    from ner_core.tagger.store import list_models
    from ner_core.training.runs import list_runs, model_roots

    scores = {info.folder.parent.name: info.f1 for info in list_models(model_roots()[-1])}
    rows = [
        {
            "id": run.id,
            "name": run.name,
            "state": run.state,
            "recipe": run.config.recipe,
            "is_published": run.config.is_published,
            "corpus": run.config.corpus_name,
            "f1": scores.get(run.id),
            "model": run.best and str(run.best),
        }
        for run in list_runs()
    ]
    if chosen.json:
        print_json({"runs": rows})
        return 0
    for row in rows:
        print(f"{row['id']}  {row['state']:<12}{percent_or_dash(row['f1']):>7}  {row['name']}")
    return 0 if rows else nothing("No run is stored. Start one on the page Train.")


def resume(run_id: str) -> int:
    """Go on with a run that was broken off, here and now; Ctrl-C stops it again, and nothing is lost."""
    from ner_core.training.event_log import read_events
    from ner_core.training.runs import RESUMABLE_STATES, read_run
    from ner_core.training.worker import run_folder

    run = read_run(run_id)
    if (state := run.state) not in RESUMABLE_STATES:
        raise BadInput(f"The run {run.id} is {state}. Only one that is {', '.join(RESUMABLE_STATES)} can be resumed.")
    for told in ("stop", "pause"):
        (run.folder / told).unlink(missing_ok=True)
    (run.folder / "resume").touch()
    say(f"{run.name}: loading TensorFlow …")
    with _without_chatter():
        reason = run_folder(run.folder)
    if reason == "busy":
        raise BadInput(f"Another process has just taken up the run {run.id}.")
    say(read_events(run.folder)[0][-1].message)
    return 1 if reason in ("failed", "diverged") else 0
