"""The comparison of runs: who they are, what was set otherwise, who is better and how surely, on which names and sentences.

Use: `compare_show.show(run_ids)`; the first run is the reference. What is compared stands in the URL (`session.compared`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from ner_core.records import Corpus, Counts
from ner_core.scores.comparison import INTERVAL, RESAMPLES, Difference, Disagreement
from ner_core.scores.errors import KINDS, describe_error
from ner_core.training.runs import ACTIVE_STATES
from pages._ui import compare_charts, compare_work, links, loading, run_again, session, train_live, widgets
from pages._ui.compare_work import Contender, Measured
from pages._ui.evaluate_work import Setting
from pages._ui.widgets import number, percent, plain

AT_ONCE = 2_000  # sentences that are measured without being asked, all runs together
PAGE = 6  # sentences shown at once
PARTS = ["test", "dev", "train"]


def show(run_ids: Sequence[str]) -> None:
    """Everything, the most important first."""
    st.button("All runs", icon=":material/arrow_back:", key="compare_back", on_click=session.compare, args=((),))
    contenders, problems = compare_work.open_runs(run_ids)
    for problem in problems:
        widgets.error_sentence(problem)
    if len(contenders) < 2:
        widgets.empty_state(
            "A comparison needs two runs that are still here. Go back to all runs and tick “Compare” at two or more.",
            "Choose runs",
            on_click=session.compare,
            args=((),),
        )
        return
    st.subheader(f"{number(len(contenders))} runs compared", anchor=False)
    st.caption("The address of this page opens this comparison again.")
    for contender in contenders:
        show_contender(contender, [other.run.id for other in contenders])
    show_settings(contenders)
    scored = show_scores(contenders)
    show_curves(contenders)
    if scored:
        show_sentences(*scored)


# --- who ------------------------------------------------------------------------------------


def show_contender(contender: Contender, run_ids: list[str]) -> None:
    """One run: its letter, its name, how it stands, and what can be done with it."""
    run, record, state = contender.run, contender.record, contender.run.state
    is_first = run_ids[0] == run.id
    facts = [train_live.in_words(run)]
    if record.best:
        dev = record.best.dev
        facts.append(f"entity F1 {percent(dev.f1)} on {number(dev.overall.n_gold)} names of dev while it learned")
    if record.seconds:
        facts.append(widgets.duration(record.seconds))
    with st.container(border=True, gap="xsmall", key=f"compare_{run.id}"):
        role = " · the reference" if is_first else ""
        st.markdown(f"**{contender.letter}** · **{plain(run.name)}** · {train_live.STATES[state]}{role}")
        st.caption(plain(" · ".join(facts)))
        if state in ACTIVE_STATES:
            st.caption("It is still training: what stands here is its state when this page was drawn.")
        with st.container(horizontal=True):
            if not is_first:
                first = [run.id, *(other for other in run_ids if other != run.id)]
                st.button("Make it the reference", key=f"first_{run.id}", on_click=session.compare, args=(first,))
            run_again.buttons(run, key="compare")
            rest = [other for other in run_ids if other != run.id]
            st.button("Leave out", key=f"leave_{run.id}", on_click=session.compare, args=(rest,))


# --- what was set otherwise ----------------------------------------------------------------------


def show_settings(contenders: Sequence[Contender]) -> None:
    """Only the settings that are not the same everywhere."""
    st.subheader("Settings that differ", anchor=False)
    rows = compare_work.differing(contenders)
    if not rows:
        st.markdown(
            "None: corpus, recipe, every setting and the seed are the same. Only the machine's own chance is left."
        )
        return
    if list(rows) == ["seed"]:
        st.markdown("Only the seed: the difference between these runs is what chance in training makes.")
    table = {"setting": list(rows)} | {
        each.letter: [values[index] for values in rows.values()] for index, each in enumerate(contenders)
    }
    said = "; ".join(f"{name} {', '.join(values)}" for name, values in rows.items())
    st.dataframe(table, hide_index=True, width="stretch", height="content", alt=f"Settings that differ: {said}.")


# --- who is better -----------------------------------------------------------------------------------


def show_scores(contenders: Sequence[Contender]) -> tuple | None:
    """Scores on the same sentences, the significance of their differences, labels; returns what was measured."""
    st.subheader("Who marks names better", anchor=False)
    ready = [contender for contender in contenders if contender.run.best]
    for contender in contenders:
        if contender.run.best is None:
            st.caption(f"{contender.letter} has no model: no epoch was finished.")
    if len(ready) < 2:
        st.info("Two runs with a finished epoch are needed to compare what they mark.")
        return None
    corpus_id, corpus = choose_corpus(ready)
    if corpus is None:
        return None
    part = choose_part(corpus)
    if not corpus.part(part):
        st.info(f"The {part} part of {plain(corpus.name)} has no sentence: choose another part.")
        return None
    measured = measure_all(ready, corpus_id, corpus, part)
    if len(measured) < 2:
        return None
    letters = [contender.letter for contender, _ in measured]
    settings = [setting for _, setting in measured]
    found = [compare_work.find(setting) for setting in settings]
    tell_fairness(letters, found)
    show_differences(letters, settings, found)
    show_labels(letters, found, corpus)
    return letters, settings, found, corpus


def choose_corpus(ready: Sequence[Contender]) -> tuple[str, Corpus | None]:
    """The corpus of the runs, the reference's first; one of several is chosen."""
    names = {contender.run.config.corpus: contender.run.config.corpus_name for contender in ready}
    chosen = next(iter(names))
    if len(names) > 1:
        chosen = st.selectbox(
            "Measured on",
            list(names),
            format_func=names.get,
            key="compare_corpus",
            help="These runs learned from different corpora. All of them mark the sentences of this one.",
        )
    try:
        return chosen, loading.corpus(chosen)
    except loading.NotThere:
        st.info(
            f"The corpus {plain(names[chosen])} is not here any more, or not yours, so nothing can be marked afresh. "
            "Upload the same file in Explore to measure these runs on it; settings and curves are still here."
        )
        return chosen, None


def choose_part(corpus: Corpus) -> str:
    with links.group("part"):
        return st.segmented_control(
            f"Part: {widgets.parts_in_words(corpus)}",
            PARTS,
            default="test",
            required=True,
            help="Test is kept for measuring. On dev each run has chosen its best epoch, train is what it learned from.",
            **links.bound("compare_part", "the part", "test", options=PARTS),
        )


def measure_all(
    ready: Sequence[Contender], corpus_id: str, corpus: Corpus, part: str
) -> list[tuple[Contender, Setting]]:
    """Every run that can be measured, with its setting; large parts only when asked."""
    asked = []
    for contender in ready:
        try:
            asked.append((contender, compare_work.setting_of(contender.run, corpus_id, corpus, part)))
        except OSError:  # deleted in this moment
            st.caption(f"{contender.letter} has no model any more.")
    waiting = [pair for pair in asked if compare_work.find(pair[1]) is None]
    n = len(waiting) * len(corpus.part(part))
    if n > AT_ONCE and not st.button(
        f"Let {number(len(waiting))} models mark {number(len(corpus.part(part)))} sentences",
        type="primary",
        key="compare_now",
        help="The curves and settings need no measuring.",
    ):
        return []
    for contender, setting in waiting:
        words = f"{contender.letter} marks {number(len(setting.sentences))} sentences"
        bar = st.progress(0.0, text=words)
        try:
            for share in compare_work.measure(setting):
                bar.progress(share, text=words)
        except loading.NotThere as problem:
            widgets.error_sentence(f"{contender.letter} cannot be measured: {problem}")
        bar.empty()
    return [pair for pair in asked if compare_work.find(pair[1])]


def tell_fairness(letters: Sequence[str], found: Sequence[Measured]) -> None:
    """What each has seen of these sentences: said once where it is the same for all."""
    said: dict[tuple, list[str]] = {}
    for letter, measured in zip(letters, found, strict=True):
        said.setdefault((measured.judgement.is_fair, measured.judgement.sentence), []).append(letter)
    for (is_fair, sentence), who in said.items():
        words = f"{', '.join(who)}: {sentence}"
        (st.caption if is_fair else st.warning)(plain(words))


def show_differences(letters: Sequence[str], settings: Sequence[Setting], found: Sequence[Measured]) -> None:
    """The scores, and for each run how surely it differs from the reference."""
    differences = [compare_work.difference(settings[0], other) for other in settings[1:]]
    overall = [measured.overall for measured in found]
    if not overall[0].n_gold:
        st.info("There are no names in this part: there is nothing to find.")
        return
    for letter, one in zip(letters[1:], differences, strict=True):
        st.markdown(in_words(letters[0], letter, one, overall[0].n_gold))
    compare_charts.intervals(letters, differences)
    st.dataframe(scores_table(letters, overall, differences), hide_index=True, width="stretch", height="content",
                 alt="Entity F1, precision and recall of each run, and its difference from the reference.")  # fmt: skip
    many = (
        f" With {number(len(differences))} comparisons at once one may come out by luck: look for p below "
        f"{0.05 / len(differences):.3f} rather than 0.05."
        if len(differences) > 1
        else ""
    )
    st.caption(
        f"Paired bootstrap: the {number(differences[0].n_sentences)} sentences are drawn {number(RESAMPLES)} times with "
        f"replacement, the same draw for both; {percent(INTERVAL, 0)} of the differences lie in the interval, and p is the "
        f"share of draws in which the difference is gone or turned round.{many} It speaks of chance in these sentences "
        "alone: how much is chance in training, other seeds show."
    )


def in_words(first: str, second: str, found: Difference, n_gold: int) -> str:
    """Say who is better and how sure that is.

    >>> in_words("A", "B", Difference(0.80, 0.83, 0.01, 0.05, 0.0021, 100, 10_000), 230)
    '**B is better than A** by 3.0 points of F1 (83.0 % against 80.0 %, on 230 names): likely +1.0 to +5.0 (95 % interval). In 21 of 10,000 draws of the sentences it is gone or turned round.'
    >>> in_words("A", "B", Difference(0.80, 0.79, -0.03, 0.02, 0.31, 100, 10_000), 230).partition(": ")[0]
    '**A and B cannot be told apart** on these sentences (B 79.0 %, A 80.0 %, on 230 names)'
    """
    scores = f"{percent(found.second_f1)} against {percent(found.first_f1)}, on {number(n_gold)} names"
    span = f"{100 * found.low:+.1f} to {100 * found.high:+.1f}"
    if found.low == found.high == 0:
        return (
            f"**{first} and {second} are equal** on these sentences (F1 {percent(found.first_f1)} on {number(n_gold)} "
            "names): no draw of the sentences shows a difference."
        )
    turned = round(found.p * found.n_resamples)
    draws = f"{number(turned) if turned else 'none'} of {number(found.n_resamples)} draws of the sentences"
    if not found.is_clear:
        return (
            f"**{first} and {second} cannot be told apart** on these sentences ({second} {percent(found.second_f1)}, "
            f"{first} {percent(found.first_f1)}, on {number(n_gold)} names): the difference may be anything from "
            f"{span} points (95 % interval)."
        )
    better = "better" if found.difference > 0 else "worse"
    return (
        f"**{second} is {better} than {first}** by {abs(100 * found.difference):.1f} points of F1 ({scores}): likely "
        f"{span} (95 % interval). In {draws} it is gone or turned round."
    )


def scores_table(letters: Sequence[str], overall: Sequence[Counts], differences: Sequence[Difference]) -> dict:
    """F1, precision and recall of each, the difference to the first, its interval and p."""
    points = [f"{100 * one.difference:+.1f}" for one in differences]
    likely = [f"{100 * one.low:+.1f} to {100 * one.high:+.1f}" for one in differences]
    return {
        "run": list(letters),
        "F1": [percent(counts.f1) for counts in overall],
        "precision": [percent(counts.precision) if counts.n_predicted else "none" for counts in overall],
        "recall": [percent(counts.recall) for counts in overall],
        "found": [f"{number(counts.tp)} of {number(counts.n_gold)}" for counts in overall],
        "invented": [counts.fp for counts in overall],
        "points": ["reference", *points],
        "95 % interval": ["", *likely],
        "p": ["", *(p_in_words(one) for one in differences)],
    }


def p_in_words(found: Difference) -> str:
    """
    >>> p_in_words(Difference(0.8, 0.9, 0.05, 0.15, 0.0, 100, 10_000)), p_in_words(Difference(0, 0, 0, 0, 0.5, 1, 100))
    ('below 0.0001', '0.5000')
    """
    return f"{found.p:.4f}" if found.p else f"below {1 / found.n_resamples:g}"


# --- by label ------------------------------------------------------------------------------------------


def show_labels(letters: Sequence[str], found: Sequence[Measured], corpus: Corpus) -> None:
    """Entity F1 by label, one bar a run."""
    seen = {label for measured in found for label in measured.by_label}
    labels = [label for label in corpus.labels if label in seen]
    labels += sorted(seen - set(labels))
    if not labels:
        return
    st.subheader("By label", anchor=False)
    st.markdown("Entity F1 at each label; n is the number of names there are to find. Few names say little.")
    compare_charts.by_label(letters, [measured.by_label for measured in found], labels)


# --- sentences -------------------------------------------------------------------------------------------


@st.fragment
def show_sentences(
    letters: Sequence[str], settings: Sequence[Setting], found: Sequence[Measured], corpus: Corpus
) -> None:
    """The sentences that only one of two got wholly right."""
    st.subheader("Sentences that only one gets right", anchor=False)
    second = 1
    if len(letters) > 2:
        second = st.segmented_control(
            f"{letters[0]} beside",
            list(range(1, len(letters))),
            format_func=lambda index: letters[index],
            default=1,
            required=True,
            key="compare_second",
        )
        second = second if second and second < len(letters) else 1
    names = letters[0], letters[second]
    entries = compare_work.disagreements(settings[0], settings[second])
    right = [(measured.counts[:, 1:].sum(axis=1) == 0) for measured in (found[0], found[second])]
    both, neither = int((right[0] & right[1]).sum()), int((~right[0] & ~right[1]).sum())
    n_first = sum(entry.is_first_right for entry in entries)
    st.markdown(
        f"Of {number(len(settings[0].sentences))} sentences both get {number(both)} wholly right and neither "
        f"{number(neither)}; only **{names[0]}** {number(n_first)}, only **{names[1]}** {number(len(entries) - n_first)}."
    )
    if not entries:
        st.caption("There is no sentence that only one of them gets right.")
        return
    shown = choose_entries(entries, names)
    pair = found[0].spans, found[second].spans
    key = f"compare_shown_{names[1]}"
    limit = session.recall(key, PAGE)
    for entry in shown[:limit]:
        show_sentence(entry, settings[0], pair, names, corpus)
    if not shown:
        st.caption("No such sentence.")
    if len(shown) > limit:
        st.button(
            f"Show more ({number(len(shown) - limit)} sentences)",
            key="compare_more",
            on_click=session.remember,
            args=(key, limit + PAGE),
        )


def choose_entries(entries: Sequence[Disagreement], names: tuple[str, str]) -> list[Disagreement]:
    """Narrow the sentences down to who is right and what the other does wrong."""
    sides = {
        "either": list(entries),
        "first": [entry for entry in entries if entry.is_first_right],
        "second": [entry for entry in entries if not entry.is_first_right],
    }
    words = {"either": "either", "first": f"only {names[0]}", "second": f"only {names[1]}"}
    with st.container(horizontal=True):
        side = st.segmented_control(
            "Right",
            list(sides),
            format_func=lambda name: f"{words[name]} ({number(len(sides[name]))})",
            default="either",
            required=True,
            key="compare_side",
        )
        chosen = sides[side or "either"]
        kinds = [kind for kind in KINDS if any(kind in entry.kinds for entry in entries)]
        kind = st.pills(
            "What the other does wrong",
            kinds,
            format_func=lambda name: f"{name} ({number(sum(name in entry.kinds for entry in chosen))})",
            key="compare_kind",
            help="; ".join(f"{kind}: {KINDS[kind][0].lower()}{KINDS[kind][1:-1]}" for kind in kinds) + ".",
        )
    return [entry for entry in chosen if kind is None or kind in entry.kinds]


def show_sentence(
    entry: Disagreement, setting: Setting, pair: tuple[Sequence, Sequence], names: tuple[str, str], corpus: Corpus
) -> None:
    """One sentence as both mark it, side by side, and what the wrong one did."""
    sentence = setting.sentences[entry.index]
    said = " ".join(describe_error(error, sentence.words) for error in entry.errors)
    with st.container(border=True, gap="xsmall"):
        for place, column in enumerate(st.columns(2, gap="medium")):
            with column:
                is_right = entry.is_first_right == (place == 0)
                verdict = "right" if is_right else f"wrong. {said}"
                st.markdown(f"**{names[place]}**, {plain(verdict)}")
                marked = replace(sentence, spans=tuple(pair[place][entry.index]))
                widgets.entity_html(marked, labels=corpus.labels)
        st.caption(f"Sentence {number(entry.index + 1)} of this part")


# --- curves ------------------------------------------------------------------------------------------------


@st.fragment
def show_curves(contenders: Sequence[Contender]) -> None:
    """F1 and a loss, one line a run, over epochs, steps or seconds."""
    st.subheader("Curves over each other", anchor=False)
    ways = list(compare_charts.OVER)
    measures = [name for name in compare_charts.MEASURES if name != "Entity F1"]
    with links.group("curves"), st.container(horizontal=True):
        over = st.segmented_control(
            "Over",
            ways,
            default="epochs",
            required=True,
            **links.bound("compare_over", "the curves over", "epochs", options=ways),
            help="Seconds are those of the machine at that time: two runs at once slow each other down.",
        )
        other = st.segmented_control(
            "Beside entity F1",
            measures,
            default="Validation loss",
            required=True,
            **links.bound("compare_measure", "the curve", "Validation loss", options=measures),
        )
    letters = ", ".join(f"{each.letter} is {plain(each.run.name)}" for each in contenders)
    for column, measure in zip(st.columns(2, gap="medium"), ("Entity F1", other or "Validation loss"), strict=True):
        with column:
            st.markdown(f"**{measure}**{' on dev' if measure == 'Entity F1' else ''}")
            compare_charts.curves(contenders, measure, over or "epochs")
    st.caption(f"{letters}. Losses compare only where the same loss is counted on the same sentences.")
