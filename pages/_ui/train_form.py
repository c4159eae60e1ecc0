"""What is to be trained: recipe, form, hyperparameters, probe sentences; and what the recipe says of itself.

Use, in this order: `chosen = choose_recipe()`, `settings = choose_settings(chosen, corpus)`, `tell_recipe(chosen, corpus)`,
`show_layers(corpus, corpus_id, settings.recipe)`, `run_config(settings, corpus, corpus_id)`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape

import streamlit as st

from ner_core.records import Corpus, NetworkConfig
from ner_core.tagger.ours import Recipe
from ner_core.tagger.recipes import (
    BOUNDS,
    RECIPE_NAMES,
    RECIPES,
    figures_apply,
    recipe,
    resize,
    settings_of,
    suited,
)
from ner_core.training.runs import RunConfig
from pages._ui import links, person, session, widgets

CLASS_SECONDS = 8.0  # of training: what a class can wait for
MAX_PROBES = 5
MAX_SEED = 2**31 - 1
FORMS = {False: "As mended", True: "As published"}
PROBES = ("Ada Lovelace lives in London.", "On Monday the French president met Angela Merkel at the United Nations.")


# --- the recipe -----------------------------------------------------------------------


def choose_recipe() -> Recipe:
    """The recipe and, for a tutorial's, its form."""
    first = RECIPE_NAMES[0]
    with links.group("recipe"):
        name = st.selectbox(
            "Recipe",
            RECIPE_NAMES,
            format_func=_title,
            **links.bound("train_recipe", "the recipe", first, options=RECIPE_NAMES, words=_title),
        )
    if (name, True) not in RECIPES:
        return recipe(name)
    with links.group("form"):
        is_published = st.segmented_control(
            "Form",
            list(FORMS),
            format_func=FORMS.get,
            default=False,
            required=True,
            help="As published: what the tutorial wrote, mistakes included. As mended: the same network, mistakes repaired.",
            **links.bound("train_form", "the form", False, options=list(FORMS), words=FORMS.get),
        )
    return recipe(name, published=bool(is_published))


def _title(name: str) -> str:
    chosen = recipe(name)
    return chosen.title if (name, True) not in RECIPES else f"Tutorial: {chosen.title}"


def tell_recipe(chosen: Recipe, corpus: Corpus) -> None:
    """What it is, its mistakes one line each, why it may not run, its values (folded)."""
    st.markdown(chosen.summary)
    st.caption(chosen.source)
    if chosen.mistakes:
        title = "Mistakes of the tutorial, kept as published" if chosen.is_published else "Mistakes repaired here"
        with st.container(border=True, gap="xsmall"):
            st.markdown(f"**{title}**\n\n" + "\n".join(f"- {mistake}" for mistake in chosen.mistakes))
    if chosen.cannot_run:
        _tell_cannot_run(chosen)
    if chosen.claims and not figures_apply(chosen, corpus):
        st.info(
            f"The tutorial claims: {'; '.join(chosen.claims)}. Whatever it reports was read on its own data: "
            f"published figures do not apply to {widgets.plain(corpus.name)}."
        )
    if chosen.values:
        _show_values(chosen)


def _tell_cannot_run(chosen: Recipe) -> None:
    """The shape trace, the error, and the nearest form that runs."""
    broken = chosen.cannot_run
    with st.container(border=True, gap="xsmall"):
        st.markdown("**The tutorial's own code stops here**")
        st.code("\n".join([*broken.trace, "", broken.error]), language=None, wrap_lines=True)
        st.markdown(f"What runs here is the nearest form: {broken.nearest_form}.")


def _show_values(chosen: Recipe) -> None:
    with st.expander("Every value: what the tutorial says, what is used here, and why"):
        st.dataframe(
            {
                "value": [value.name for value in chosen.values],
                "the tutorial says": [str(value.tutorial) for value in chosen.values],
                f"used here, {FORMS[chosen.is_published].lower()}": [
                    str(value.published if chosen.is_published else value.mended) for value in chosen.values
                ],
                "why": [value.why for value in chosen.values],
            },
            hide_index=True,
            width="stretch",
        )


# --- the settings ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person chose: the recipe with its hyperparameters, those that differ, the seed and the rest."""

    recipe: Recipe
    changed: dict[str, float]
    seed: int
    seconds: float | None
    probes: tuple[str, ...]
    has_board: bool = False


def choose_settings(chosen: Recipe, corpus: Corpus) -> Settings:
    """Epochs, seed and time limit in sight; the other hyperparameters folded; the sentences to watch."""
    present, proposed = settings_of(chosen), settings_of(suited(chosen, corpus))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with links.group("epochs"):
            values = {"epochs": _ask(chosen, "epochs", present["epochs"], proposed["epochs"])}
        with links.group("seed"):
            seed = st.number_input(
                "Seed",
                0,
                MAX_SEED,
                1,
                width=150,
                help="The same seed on the same machine repeats the run. Try others to see how much is chance.",
                **links.bound("train_seed", "the seed", 1, low=0, high=MAX_SEED),
            )
        with links.group("limit"):
            minutes = st.number_input(
                "Time limit in minutes",
                0.1,
                600.0,
                None,
                step=1.0,
                format="%.2f",
                placeholder="none",
                width=190,
                help="Training ends then, and the best epoch so far is kept. Empty: epochs alone decide.",
                **links.bound("train_minutes", "the time limit in minutes", None, low=0.1, high=600.0),
            )
            st.button(
                f"{CLASS_SECONDS:g} seconds",
                key="train_class_preset",
                on_click=_limit_for_a_class,
                help="The limit for a class: enough, on a small corpus, to leave a table of words far behind.",
            )
    with links.group("advanced"), st.expander("More settings (few need them)"):
        with st.container(horizontal=True):
            for name, value in present.items():
                if name != "epochs":
                    values[name] = _ask(chosen, name, value, proposed[name])
        has_board = st.toggle(
            "Write the curves for TensorBoard too",
            help="Beside the run, in its folder, for those who use TensorBoard. The training is the same.",
            **links.bound("train_tensorboard", "the curves for TensorBoard", False),
        )
    changed = {name: value for name, value in values.items() if value != present[name]}
    with links.group("probes"):
        probes = _ask_probes(chosen)
    return Settings(resize(chosen, **changed), changed, int(seed), minutes and minutes * 60, probes, bool(has_board))


def _limit_for_a_class() -> None:
    session.put("train_minutes", CLASS_SECONDS / 60)


def address_of(config: RunConfig, corpus: Corpus) -> dict[str, str]:
    """The form's part of the URL in which it asks for what `config` asked for; the probe sentences go into their box.

    Raises InputError where there is no such recipe (any more).
    """
    chosen = recipe(config.recipe, published=config.is_published)
    present, proposed = settings_of(chosen), settings_of(suited(chosen, corpus))
    training = config.training or chosen.training
    minutes = repr(max(0.1, training.seconds / 60)) if training.seconds else ""  # "" empties the box
    asked = {"train_recipe": _title(chosen.name), "train_seed": str(training.seed), "train_minutes": minutes}
    if config.tensorboard:
        asked["train_tensorboard"] = "true"
    if (chosen.name, True) in RECIPES:
        asked["train_form"] = FORMS[chosen.is_published]
    for name, own in present.items():
        low, high = _bounds(name, own)
        value = min(max(config.hyperparameters.get(name, own), low), high)
        asked[_key(chosen, name, proposed[name])] = repr(int(value) if BOUNDS[name].is_whole else float(value))
    if config.probes:
        session.put(f"train_probes_{chosen.name}", "\n".join(config.probes))
    return asked


def _key(chosen: Recipe, name: str, proposed: float) -> str:
    """The key of a hyperparameter's box, and its name in the URL."""
    return f"train_{chosen.name}_{chosen.is_published}_{name}_{proposed:g}"


def _bounds(name: str, present: float) -> tuple[float, float]:
    return min(BOUNDS[name].low, present), max(BOUNDS[name].high, present)


def _ask(chosen: Recipe, name: str, present: float, proposed: float) -> float:
    """One hyperparameter within its bounds, under a key of its own for each recipe."""
    more = f" On a corpus of this size {proposed:g} are proposed." if proposed != present else ""
    bound = BOUNDS[name]
    kind = int if bound.is_whole else float
    low, high = _bounds(name, present)
    digits = {"format": "%.5f", "step": 0.001} if name == "learning_rate" else {"format": "%.2f", "step": 0.05}
    return st.number_input(
        bound.words[0].upper() + bound.words[1:],
        kind(low),
        kind(high),
        kind(proposed),
        width=190,
        help=f"{bound.help} From {low:g} to {high:g}; this recipe has {present:g}.{more}",
        **({} if bound.is_whole else digits),
        **links.bound(_key(chosen, name, proposed), bound.words, kind(proposed), low=kind(low), high=kind(high)),
    )


def _ask_probes(chosen: Recipe) -> tuple[str, ...]:
    """One to five sentences that are tagged afresh after every epoch."""
    key = f"train_probes_{chosen.name}"
    if session.look(key) is None:
        session.put(key, "\n".join(chosen.samples or PROBES))
    typed = st.text_area(
        "Sentences to watch while it learns, one on each line",
        key=key,
        persist_state="session",
        height=90,
        max_chars=2_000,
        help=f"Up to {MAX_PROBES}. They are tagged after every epoch, and stored with the run until you delete it.",
    )
    person.where_it_goes("probes")
    lines = [line.strip() for line in typed.splitlines() if line.strip()]
    if len(lines) > MAX_PROBES:
        st.caption(f"The first {MAX_PROBES} of {len(lines)} sentences are watched.")
    return tuple(lines[:MAX_PROBES])


def run_config(settings: Settings, corpus: Corpus, corpus_id: str) -> RunConfig:
    """Everything a worker needs to do and to repeat the run."""
    return RunConfig(
        corpus=corpus_id,
        corpus_name=corpus.name,
        recipe=settings.recipe.name,
        is_published=settings.recipe.is_published,
        hyperparameters=settings.changed,
        training=replace(settings.recipe.training, seed=settings.seed, seconds=settings.seconds),
        probes=settings.probes,
        tensorboard=settings.has_board,
    )


# --- the layers --------------------------------------------------------------------------


def show_layers(corpus: Corpus, corpus_id: str, chosen: Recipe) -> None:
    """The network's layers: shape, parameters and one plain sentence each."""
    from ner_core.tagger.networks import layer_table

    sizes, n_tags, length = _sizes(corpus_id, repr((chosen.encoding, chosen.split)), corpus, chosen)
    rows = layer_table(replace(chosen.network, sizes=sizes, n_tags=n_tags), length)
    total = sum(row["n_parameters"] for row in rows)
    others = chosen.network.others
    what = f"committee**: {1 + len(others)} networks" if others else f"network**: {len(rows)} layers"
    st.markdown(f"**The {what}, {widgets.number(total)} parameters to learn")
    st.html(_layers_html(rows))
    columns = f"{length} columns a sentence" if length else "T words of the longest sentence among them"
    st.caption(f"B sentences at a time, {columns}; the last number is how many values stand for each word.")


_LAYERS_STYLE = """<style>
.layers { border-collapse: collapse; width: 100%; }
.layers th, .layers td { border-bottom: 1px solid rgba(128, 128, 128, 0.35); padding: 0.4rem 0.6rem 0.4rem 0; text-align: left; vertical-align: top; }
.layers .number { text-align: right; white-space: nowrap; padding-right: 1rem; }
.layers .shape { white-space: nowrap; font-variant-numeric: tabular-nums; }
@media (max-width: 600px) {
  .layers thead { display: none; }
  .layers tr { display: flex; flex-wrap: wrap; gap: 0 1rem; border-bottom: 1px solid rgba(128, 128, 128, 0.35); padding: 0.4rem 0; }
  .layers td { border: 0; padding: 0; }
  .layers .number { padding: 0; }
  .layers .number::after { content: " parameters"; }
  .layers .said { flex-basis: 100%; }
}
</style>"""


def _layers_html(rows: list[dict]) -> str:
    """The layers as a table; on a telephone, each as a block of its own."""
    heads = '<tr><th>layer</th><th>returns</th><th class="number">parameters</th><th>what it does</th></tr>'
    body = "".join(
        f'<tr><td><b>{escape(row["name"])}</b></td><td class="shape">{escape(row["shape"])}</td>'
        f'<td class="number">{row["n_parameters"]:,}</td><td class="said">{escape(row["sentence"])}</td></tr>'
        for row in rows
    )
    return f'{_LAYERS_STYLE}<table class="layers"><thead>{heads}</thead><tbody>{body}</tbody></table>'


@st.cache_resource(max_entries=32, show_spinner="Counting the words")
def _sizes(corpus_id: str, encoding: str, _corpus: Corpus, _recipe: Recipe) -> tuple:
    """What the corpus decides of a network: the sizes of its vocabularies, the number of tags, the width."""
    from ner_core.tagger.recipes import deal, new_tagger

    tagger = new_tagger(deal(_corpus, _recipe), _recipe)
    network: NetworkConfig = tagger.network
    return network.sizes, network.n_tags, tagger.encoder.max_length
