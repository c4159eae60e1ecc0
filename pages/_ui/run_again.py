"""A run once more: exactly as it was, or with its settings on the form to be changed.

Use: `run_again.buttons(run, key="list")` draws both.
"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from ner_core.records import Corpus, InputError
from ner_core.training import jobs
from ner_core.training.runs import Run, RunConfig
from pages._ui import loading, navigation, person, session, train_form, widgets


def buttons(run: Run, *, key: str) -> None:
    """ "Run again" and "Copy settings"."""
    help_again = (
        "The same corpus (it is compared), recipe, settings and seed: on this machine it ends with the same model."
    )
    if st.button("Run again", key=f"again_{key}_{run.id}", help=help_again) and start_again(run):
        navigation.go("train")
    copy_button(run, key=key)


def copy_button(run: Run, *, key: str) -> None:
    """ "Copy settings": how somebody who only watches changes something."""
    help_copy = "Opens Train with these settings, to change them. They stand in its address."
    if st.button("Copy settings", key=f"copy_{key}_{run.id}", help=help_copy):
        query = copy_settings(run)
        if query is not None:
            navigation.go("train", query)


def _asked(run: Run) -> RunConfig:
    """What was asked for, without the sentences that somebody else typed."""
    return run.config if person.may_manage(run) else replace(run.config, probes=())


def changed_parts(run: Run, corpus: Corpus) -> list[str]:
    """The parts of the corpus in which other sentences stand now than the run learned from; none where nothing tells.

    What it learned from stands on the card of its best tagger, which a run has once an epoch is finished.
    """
    from ner_core.data.corpus import fingerprints
    from ner_core.tagger.recipes import deal, recipe

    if run.best is None:
        return []
    try:
        card = loading.tagger(loading.Model(f"run:{run.id}", run.name, "", run.best, False)).card
    except loading.NotThere:  # damaged: the run can be repeated all the same
        return []
    now = fingerprints(deal(corpus, recipe(run.config.recipe, published=run.config.is_published)))
    return [part for part, then in (card.get("fingerprints") or {}).items() if now.get(part) != then]


def start_again(run: Run) -> bool:
    """Start the training that this run was; tell in a sentence why it cannot be, where it cannot."""
    try:
        with st.spinner("Comparing the corpus with that of the run"):
            changed = changed_parts(run, loading.corpus(run.config.corpus))
        if changed:
            widgets.error_sentence(
                f"The corpus {run.config.corpus_name} has changed since this run: its {' and its '.join(changed)} part "
                f"hold{'s' if len(changed) == 1 else ''} other sentences or tags now, so it cannot be repeated exactly. "
                "Copy its settings to train on the corpus as it is now."
            )
            return False
        session.choose_run(jobs.start_run(person.signed(_asked(run))))
    except loading.NotThere:
        widgets.error_sentence(
            f"The corpus {run.config.corpus_name} of this run is not here any more, or not yours, so it cannot be "
            "repeated. Upload the same file, then run it again; or copy its settings and train on another corpus."
        )
        return False
    except (jobs.JobError, InputError) as problem:
        widgets.error_sentence(problem)
        return False
    except OSError as problem:
        widgets.error_sentence(widgets.cannot_write("The training cannot be started", problem))
        return False
    return True


def copy_settings(run: Run) -> dict[str, str] | None:
    """The address of Train's form with this run's settings; on the corpus that ships where its own is gone.

    None, and a sentence on the page, where they cannot be copied.
    """
    corpus_id, problem = run.config.corpus, None
    try:
        corpus = loading.corpus(corpus_id)
    except loading.NotThere:
        corpus_id = session.DEFAULT_CORPUS
        corpus = loading.corpus(corpus_id)
        problem = (
            f"The corpus {run.config.corpus_name} of that run is not here any more, or not yours: Newsroom is chosen "
            "instead. All other settings are copied."
        )
    try:
        query = train_form.address_of(_asked(run), corpus)
    except InputError as error:
        widgets.error_sentence(f"The settings of this run cannot be copied: {error}")
        return None
    session.choose_corpus(corpus_id)
    session.choose_run(None)
    session.remember("runs_problem", problem)
    return query
