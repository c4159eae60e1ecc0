"""How long does a person wait for each figure of Explore on a large corpus?

    python -m benchmarks.explore [FILE] [--repeats 5] [--out docs/explore.md]

Reads FILE (default: GMB from `NER_LAB_CORPORA`, which is ../shared/corpora beside the checkout where it is not set),
turns it into columns, asks every function behind Explore, prints a table and writes it.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

from ner_core.data import mentions, side_by_side, statistics
from ner_core.data.columns import Columns, as_columns
from ner_core.data.corpus import load_corpus
from ner_core.records import Corpus
from ner_core.training.machine import available_cores

ROOT = Path(__file__).resolve().parents[1]
CORPORA = Path(os.environ.get("NER_LAB_CORPORA") or ROOT.parent / "shared" / "corpora")
GMB = CORPORA / "gmb" / "ner_dataset.csv.xz"
LIMIT, FIRST_LIMIT = 1.0, 2.0  # seconds: an answer, and the columns it needs


@dataclass(frozen=True, slots=True)
class Timing:
    """One question, asked several times: seconds on the clock, and seconds the processor worked for it."""

    name: str
    found: str
    seconds: tuple[float, ...]
    busy_seconds: tuple[float, ...]
    limit: float = LIMIT


def measure(name: str, ask: Callable, repeats: int, say: Callable[[object], str], limit: float = LIMIT) -> Timing:
    """Ask one question `repeats` times."""
    seconds, busy = [], []
    for _ in range(repeats):
        clock, processor = time.perf_counter(), time.process_time()
        answer = ask()
        seconds.append(time.perf_counter() - clock)
        busy.append(time.process_time() - processor)
    return Timing(name, say(answer), tuple(seconds), tuple(busy), limit)


def measure_all(corpus: Corpus, repeats: int) -> list[Timing]:
    """Every function behind Explore, on one corpus; clicks ask for the most frequent label and surface."""
    columns, newsroom = as_columns(corpus), as_columns(load_corpus())
    telling = mentions.inconsistent_surfaces(columns)
    surface = telling[0].surface if telling else (columns.surfaces or ("",))[0]
    label = max(statistics.label_counts(corpus.sentences).items(), key=lambda item: item[1], default=("", 0))[0]
    lengths = statistics.measure_lengths(corpus.sentences)
    timings = [measure("as_columns", lambda: as_columns(corpus), repeats, _size, FIRST_LIMIT)]
    questions: dict[str, tuple[Callable, Callable]] = {
        "corpus_counts": (lambda: statistics.corpus_counts(corpus), lambda found: f"{len(found['tags'])} tags"),
        "measure_lengths": (lambda: statistics.measure_lengths(corpus.sentences), _nothing),
        "length_histogram": (lambda: statistics.length_histogram(lengths), _number("lengths")),
        "length_cut": (lambda: statistics.length_cut(lengths, 50), lambda cut: f"{cut.n_cut_tokens:,} tokens cut"),
        "search_sentences": (
            lambda: statistics.search_sentences(corpus.sentences, "prime minister"),
            _number("sentences"),
        ),
        "mentions_by_label": (
            lambda: mentions.mentions_by_label(columns),
            lambda found: f"{sum(map(len, found.values())):,} surfaces",
        ),
        "ambiguous_surfaces": (lambda: mentions.ambiguous_surfaces(columns), _number("surfaces")),
        "inconsistent_surfaces": (lambda: mentions.inconsistent_surfaces(columns), _number("surfaces")),
        "repeated_sentences": (lambda: mentions.repeated_sentences(columns), _number("groups")),
        "leakage": (lambda: mentions.leakage(columns), lambda found: f"{found['test'].n_leaked:,} of test"),
        "unseen_share": (lambda: mentions.unseen_share(columns), lambda found: f"{found['all'].share:.1%} of test"),
        "vocabulary_coverage": (lambda: mentions.vocabulary_coverage(columns), _number("thresholds")),
        "neighbours": (lambda: mentions.neighbours(columns, label), _number("words")),
        "rows_beside": (lambda: mentions.rows_beside(columns, label, mentions.EDGE), _number("sentences")),
        "genre_breakdown": (lambda: mentions.genre_breakdown(columns), _number("genres")),
        "rows_with(label)": (lambda: mentions.rows_with(columns, label=label), _number("sentences")),
        'rows_with(tag="O", length=(10, 20))': (
            lambda: mentions.rows_with(columns, tag="O", length=(10, 20)),
            _number("sentences"),
        ),
        "rows_with(surface)": (lambda: mentions.rows_with(columns, surface=surface), _number("sentences")),
        "rows_with(surface, unlabelled)": (
            lambda: mentions.rows_with(columns, surface=surface, unlabelled=True),
            _number("sentences"),
        ),
        "compare with Newsroom": (
            lambda: side_by_side.compare(columns, newsroom),
            lambda found: f"{found.unknown_share:.1%} of its tokens unknown",
        ),
        "shared_surfaces with Newsroom": (lambda: side_by_side.shared_surfaces(columns, newsroom), _number("surfaces")),
    }
    return timings + [measure(name, ask, repeats, say) for name, (ask, say) in questions.items()]


def _number(what: str) -> Callable[[Sequence], str]:
    return lambda found: f"{len(found):,} {what}"


def _size(columns: Columns) -> str:
    return f"{len(columns.words):,} words, {len(columns.surfaces):,} surfaces"


def _nothing(found: object) -> str:
    return ""


def write_report(corpus: Corpus, timings: Sequence[Timing]) -> str:
    """Put the timings into words."""
    n_tokens = sum(map(len, corpus.sentences))
    n_mentions = sum(len(sentence.spans) for sentence in corpus.sentences)
    n_late = sum(max(timing.busy_seconds) > timing.limit for timing in timings)
    load = f", load {os.getloadavg()[0]:.1f} when this was written" if hasattr(os, "getloadavg") else ""
    lines = [
        "# Explore: how long each figure takes",
        "",
        "Written by `python -m benchmarks.explore`; do not edit. Every row is one function of `ner_core.data` that a",
        "page of Explore calls, asked anew each time (the pages keep the answer); `as_columns` is asked once a corpus, before",
        "all others. Worked = seconds of the processor, which is what a person waits where nothing else runs; the target is",
        f"held against it. Waited = seconds on the clock under the load below. Median and slowest of {len(timings[0].seconds)}.",
        "",
        f"- {corpus.name}: {len(corpus.sentences):,} sentences, {n_tokens:,} tokens, {n_mentions:,} mentions; {corpus.split}.",
        f"- {available_cores()} cores, {platform.system()}{load}. Python {platform.python_version()}, numpy {version('numpy')}.",
        f"- {n_late} of {len(timings)} took longer than their target."
        if n_late
        else f"- All {len(timings)} met their target, the slowest of every row included.",
        "",
        "| function | target | worked | slowest | waited | found |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for timing in timings:
        lines.append(
            f"| `{timing.name}` | {timing.limit:g} s | {median(timing.busy_seconds):.3f} s "
            f"| {max(timing.busy_seconds):.3f} s | {median(timing.seconds):.3f} s | {timing.found} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", default=str(GMB), help="a corpus; `newsroom` is the one that ships")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "explore.md")
    wanted = parser.parse_args()
    corpus = load_corpus(wanted.file)
    report = write_report(corpus, measure_all(corpus, wanted.repeats))
    print(report)
    wanted.out.write_text(report, encoding="utf-8")


if __name__ == "__main__":
    main()
