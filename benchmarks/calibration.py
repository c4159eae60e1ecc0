"""When a trained tagger says 90 %, how often is it right? With its temperature, and without it.

    python -m benchmarks.calibration FOLDER ... [--sentences N]

Each FOLDER holds a saved tagger with the temperature that was fitted on dev when it was trained. Here the expected
calibration error (15 bins of equally many spans) is counted on *test*, at temperature 1 ("before") and at the stored one
("after"); nothing is fitted. Which sentences are test, the tagger's card decides: of GMB in the app's split, GMB in the one of our
tables and the Newsroom corpus, those count whose parts have the fingerprints of what it was trained on. GMB is read from
`NER_LAB_CORPORA` (default: ../shared/corpora beside the checkout); `--sentences` takes only the first N of each test part.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.tutorials import COMMON, CORPORA
from ner_core.data.corpus import fingerprints, load_corpus, resplit
from ner_core.records import Corpus, Sentence, Tagger, percent
from ner_core.scores.calibration import N_BINS, Bin, calibration_error_of, outcomes, reliability
from ner_core.tagger.predict import predict
from ner_core.tagger.store import load_tagger

HEADER = (
    "| tagger | temperature | on | | spans | mean confidence | exactly right | calibration error |\n"
    "|---|---:|---|---|---:|---:|---:|---:|"
)


def bins_before_and_after(tagger: Tagger, sentences: Sequence[Sentence]) -> dict[str, list[Bin]]:
    """What was said and what was so, in 15 bins: at temperature 1, and at the one the tagger holds.

    Both of the same spans: all that are found, none left out because the tagger is too unsure of it.
    """
    at = {"before": 1.0, "after": tagger.temperature}
    taggers = {when: replace(tagger, temperature=temperature, threshold=0.0) for when, temperature in at.items()}
    return {when: reliability(*outcomes(predict(each, sentences))) for when, each in taggers.items()}


def errors(tagger: Tagger, sentences: Sequence[Sentence]) -> dict[str, float | int]:
    """The expected calibration error before and after, 0-1, and of how many marked spans, as a card holds them."""
    bins = bins_before_and_after(tagger, sentences)
    found = {f"error_{when}": round(calibration_error_of(rows), 5) for when, rows in bins.items()}
    return found | {"n_spans": sum(row.n for row in bins["after"]), "n_sentences": len(sentences)}


def corpora() -> dict[str, Corpus]:
    """What a tagger of ours may have been trained on, by name."""
    gmb = load_corpus(CORPORA / "gmb" / "ner_dataset.csv.xz")
    return {"GMB": gmb, "GMB (split of the tables)": resplit(gmb, COMMON), "Newsroom": load_corpus("newsroom")}


def known_to(card: Mapping, at_hand: Mapping[str, Corpus]) -> dict[str, Corpus]:
    """Those corpora at hand whose parts are the very ones the card says the tagger was trained on."""
    parts = list((card.get("trained_on") or {"": card.get("fingerprints")}).values())
    return {name: corpus for name, corpus in at_hand.items() if fingerprints(corpus) in parts}


def row(name: str, temperature: float, on: str, when: str, bins: Sequence[Bin]) -> str:
    n = max(sum(each.n for each in bins), 1)
    said, right = sum(each.confidence * each.n for each in bins) / n, sum(each.n_right for each in bins) / n
    error = percent(calibration_error_of(bins), 2)
    return f"| {name} | {temperature:.3f} | {on} | {when} | {n:,} | {percent(said)} | {percent(right)} | {error} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--sentences", type=int, help="only the first N of each test part")
    asked = parser.parse_args()
    at_hand, rows, bins = corpora(), [], {}
    for folder in asked.folders:
        tagger = load_tagger(folder)
        known = known_to(tagger.card, at_hand)
        if not known:
            sys.exit(
                f"{folder} was trained on neither GMB nor Newsroom as they are here, so no part of them is known to be new to it."
            )
        for on, corpus in known.items():
            for when, found in bins_before_and_after(tagger, corpus.test[: asked.sentences]).items():
                bins[f"{folder}, {on}, {when}"] = found
                temperature = tagger.temperature if when == "after" else 1.0
                rows.append(row(str(folder), temperature, f"{on} test", when, found))
    print("\n".join([HEADER, *rows]))
    for name, found in bins.items():
        said = ", ".join(f"{percent(each.confidence)} → {percent(each.share_right)}" for each in found)
        print(f"\n{name}; said → right in {N_BINS} bins: {said}")


if __name__ == "__main__":
    main()
