"""Chapter of part III: may this score be believed, or has the model learned from these very sentences?

A model's card holds the fingerprints of the parts it was trained on: of each corpus by its name in
`trained_on`, or of its one corpus in `fingerprints`. A part that has the fingerprint of a train part was
learned from, that of a dev part chose the best epoch, that of a test part was kept back. Where no fingerprint
agrees, the sentences themselves are compared, if those it learned from are at hand; else nobody can know.

Source: Kapoor & Narayanan 2023, "Leakage and the reproducibility crisis in machine-learning-based science".
Differs from it: only sentences that are the same word for word are found, not those that are nearly so.

>>> one, two = Sentence(("Ada",)), Sentence(("Lima",))
>>> corpus = Corpus("Notes", (one,), (), (two,), ())
>>> card = {"trained_on": {"Notes": fingerprints(corpus)}}
>>> honesty(card, corpus, "test")
'The model has never seen these sentences, nor was it chosen by them (test part of Notes).'
>>> honesty(card, corpus, "train")
'The model has learned from these very sentences (train part of Notes): the scores say what it remembers.'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ner_core.data.corpus import fingerprint, fingerprints, load_corpus
from ner_core.records import Corpus, Sentence

MOST_REPEATED = 0.02  # share of sentences that also stand in train, above which the scores flatter

Parts = Mapping[str, str]  # part -> fingerprint


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the model has learned of the sentences, in words; `is_fair` where the scores need no warning."""

    is_fair: bool
    sentence: str


def honesty(card: Mapping, corpus: Corpus, part: str) -> str:
    """Say how far scores on `part` ("train", "dev", "test", "all") of `corpus` can be believed."""
    return judge(card, corpus, part).sentence


def judge(card: Mapping, corpus: Corpus, part: str) -> Judgement:
    """Compare what the model learned from with the sentences it is measured on."""
    trained_on = _trained_on(card)
    if not trained_on:
        return Judgement(
            False,
            "This model does not say which sentences it learned from: if some of these are among them, the scores "
            "are too good.",
        )
    here = fingerprints(corpus)
    if part == "all":
        return _of_all(trained_on, here, corpus)
    found = _find(trained_on, here[part]) if corpus.part(part) else None
    learned = _learned(trained_on, here, corpus)
    if found is None:
        return _of_strange(trained_on, learned, corpus, part)
    name, role = found
    if role == "train":
        told = (
            f"The model has learned from these very sentences (train part of {name}): the scores say what it remembers."
        )
        return Judgement(False, told)
    if role == "dev":
        told = f"Not learned from, but the best epoch was chosen on these sentences (dev part of {name}): a little flattering."
    else:
        told = f"The model has never seen these sentences, nor was it chosen by them (test part of {name})."
    return _with_repeats(told, corpus.part(part), learned)


def _trained_on(card: Mapping) -> dict[str, Parts]:
    """Corpus -> fingerprints of its parts, as far as the card tells."""
    several, one = card.get("trained_on"), card.get("fingerprints")
    if not isinstance(several, Mapping):
        several = {str(card.get("corpus") or "its corpus"): one}
    return {str(name): parts for name, parts in several.items() if isinstance(parts, Mapping) and parts.get("train")}


def _find(trained_on: Mapping[str, Parts], wanted: str) -> tuple[str, str] | None:
    """The corpus and the part that have this fingerprint; train first, lest a part be praised that was learned from."""
    for role in ("train", "dev", "test"):
        for name, parts in trained_on.items():
            if parts.get(role) == wanted:
                return name, role
    return None


def _learned(trained_on: Mapping[str, Parts], here: Parts, corpus: Corpus) -> set[tuple[str, ...]] | None:
    """The sentences it learned from, where all of them are at hand: in this corpus or in the one that ships."""
    at_hand, known = {here["train"]: corpus.train}, set()
    if any(parts["train"] not in at_hand for parts in trained_on.values()):
        shipped = load_corpus().train
        at_hand[fingerprint(shipped)] = shipped
    for parts in trained_on.values():
        if parts["train"] not in at_hand:
            return None
        known |= {sentence.words for sentence in at_hand[parts["train"]]}
    return known


def _of_all(trained_on: Mapping[str, Parts], here: Parts, corpus: Corpus) -> Judgement:
    """All parts together are never kept back, unless the corpus is another one."""
    if any(_find(trained_on, here[part]) for part in ("train", "dev") if corpus.part(part)):
        return Judgement(False, "These include the sentences the model has learned from: the scores are too good.")
    return _of_strange(trained_on, _learned(trained_on, here, corpus), corpus, "all")


def _of_strange(trained_on: Mapping[str, Parts], learned: set | None, corpus: Corpus, part: str) -> Judgement:
    """Sentences that are no part of what it was trained on."""
    if learned is not None:
        told = (
            f"The model was trained on {' and '.join(trained_on)}, not on this part: this shows how well it does away "
            "from home, and what it calls a name may differ from what is marked here."
        )
        return _with_repeats(told, corpus.part(part), learned)
    if corpus.name.casefold() in {name.casefold() for name in trained_on}:
        return Judgement(
            False,
            "The model was trained on another split of this corpus, or another version of it: it may have learned "
            "from some of these sentences, and then the scores are too good.",
        )
    return Judgement(
        False,
        f"The model was trained on {' and '.join(trained_on)}, and those sentences are not at hand: it may have learned "
        "from some of these sentences, and then the scores are too good. What it calls a name may also differ from "
        "what is marked here.",
    )


def _with_repeats(told: str, sentences: tuple[Sentence, ...], learned: set | None) -> Judgement:
    """Add how many of the sentences stand word for word among those learned from, where that can be counted."""
    n = sum(sentence.words in learned for sentence in sentences) if learned else 0
    if n:
        stand = "stands" if n == 1 else "stand"
        told += f" But {n:,} of these {len(sentences):,} {stand} word for word among those it learned from."
    return Judgement(n <= MOST_REPEATED * len(sentences), told)
