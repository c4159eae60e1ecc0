"""How good and how fast are our taggers, beside what a person would use instead?

    python -m benchmarks.engine [--quick] [--only NAME,NAME] [--seeds 1,2,3] [--fresh] [--report-only]

Trains and measures every system on GMB in the common split (and ours on WNUT-17), one after another, each in a
process of its own that has all cores; then writes `docs/benchmarks.md` and its plots. Reads the corpora from
`NER_LAB_CORPORA` (default: ../shared/corpora beside the checkout). What is measured lies under `.ner_lab/bench`, one
JSON file a job, so that an interrupted run goes on where it was; a job is done anew when its recipe or its
size has changed, or with `--fresh` (which a change of code asks for). Our recipes train with every seed; spaCy, CRFsuite and the tutorial's network
with the first. `--quick` takes small parts and short times, writes no document, and its figures mean nothing but
that everything runs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from benchmarks.engine_data import SIZES, Size
from benchmarks.engine_ours import OURS, PUBLISHED, digest, is_there, train_ours
from benchmarks.engine_speed import (
    measure_bulk,
    measure_load,
    measure_parts,
    measure_peak,
    measure_single,
    settings_for,
)
from benchmarks.others import measure_floors, train_crfsuite, train_spacy
from benchmarks.tutorials import CORPORA, ROOT
from ner_core.tagger.store import write_file
from ner_core.training.runs import home

KINDS: dict[str, Callable] = {
    "sgemm": measure_peak,
    "floors": measure_floors,
    "ours": train_ours,
    "spacy": train_spacy,
    "crfsuite": train_crfsuite,
    "load": measure_load,
    "single": measure_single,
    "bulk": measure_bulk,
    "parts": measure_parts,
}
TRAINING = ("ours", "spacy", "crfsuite")


@dataclass(frozen=True, slots=True)
class Job:
    """One process. `model` names the training job whose folder it reads or writes; `number` tells equal jobs apart."""

    kind: str
    system: str = ""
    corpus: str = "gmb"
    seed: int = 1
    processes: int = 1
    number: int = 1

    @property
    def name(self) -> str:
        parts = [
            self.kind,
            self.system if self.system != self.kind else "",
            self.corpus if self.corpus != "gmb" else "",
        ]
        parts += [f"seed{self.seed}" if self.kind in ("ours", "spacy") else ""]
        parts += [f"x{self.processes}" if self.processes > 1 else "", f"{self.number}" if self.number > 1 else ""]
        return "-".join(filter(None, parts))

    @property
    def model(self) -> str:
        """The training job whose folder holds the model this one is about."""
        kind = (
            self.kind if self.kind in TRAINING else {"spacy": "spacy", "crfsuite": "crfsuite"}.get(self.system, "ours")
        )
        return Job(kind, self.system, self.corpus, self.seed).name


def plan(size: Size, seeds: Sequence[int], *, has_wnut: bool = True) -> list[Job]:
    """Every job, in order: the machine, training, prediction, the machine again."""
    first, ours = seeds[0], [name for name in OURS if is_there(name)]
    jobs = [Job("sgemm"), Job("floors")]
    jobs += [Job("ours", name, seed=seed) for seed in seeds for name in ours]
    jobs += [Job("ours", PUBLISHED, seed=first), Job("crfsuite", "crfsuite"), Job("spacy", "spacy", seed=first)]
    if has_wnut:
        on_wnut = [name for name in ours if name != "fast"]
        jobs += [Job("ours", name, corpus="wnut17", seed=seed) for seed in seeds for name in on_wnut]
        jobs += [Job("crfsuite", "crfsuite", corpus="wnut17")]
    systems = [*ours, "spacy", "crfsuite"]
    jobs += [Job(kind, name, seed=first) for kind in ("load", "single") for name in [*systems, PUBLISHED]]
    for number in range(1, size.passes + 1):  # side by side, pass by pass
        jobs += [Job("bulk", name, seed=first, number=number) for name in systems]
        jobs += [Job("bulk", "spacy", seed=first, processes=2, number=number)]
    jobs += [Job("parts", name, seed=first) for name in ours]
    return [*jobs, Job("sgemm", number=2)]


# --- one job, in a process of its own ------------------------------------------------------


def run_one(job: Job, size: Size, folder: Path) -> dict:
    """Measure and return what was found."""
    return KINDS[job.kind](asdict(job), size, folder / job.model)


def asked_of(job: Job, size: Size, folder: Path) -> dict:
    """All that decides a job's result: a stored one counts only if it was asked the same."""
    asked = {"job": asdict(job), "size": json.loads(json.dumps(asdict(size)))}
    if job.kind == "ours":
        asked["recipe"] = digest(job.system)
    elif job.kind in ("load", "single", "bulk", "parts"):
        trained = read_result(folder, job.model)
        asked["trained"] = trained["when"] if trained else ""
    return asked


def read_result(folder: Path, name: str) -> dict | None:
    """A stored result, or None."""
    try:
        return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


# --- all jobs --------------------------------------------------------------------------------


def run_all(jobs: Sequence[Job], size: Size, folder: Path) -> list[str]:
    """Run what is not there yet; return what could not be measured, in words."""
    run, problems = uuid4().hex[:8], []
    for number, job in enumerate(jobs, 1):
        asked = asked_of(job, size, folder)
        stored = read_result(folder, job.name)
        if stored and stored["asked"] == asked:
            print(f"{number}/{len(jobs)} {job.name}: already there", flush=True)
            continue
        print(f"{number}/{len(jobs)} {job.name}", flush=True)
        began = time.monotonic()
        if problem := start(job, size, folder, {"asked": asked, "run": run}):
            problems.append(f"{job.name}: {problem}")
            print(f"  not measured: {problem}", file=sys.stderr, flush=True)
        print(f"  {time.monotonic() - began:.0f} s in all", flush=True)
    return problems


def start(job: Job, size: Size, folder: Path, known: dict) -> str:
    """Run one job as a process; return "" or the last line of what went wrong."""
    (folder / f"{job.name}.json").unlink(missing_ok=True)
    if job.kind in TRAINING:
        shutil.rmtree(folder / job.name, ignore_errors=True)
        (folder / job.name).mkdir(parents=True)
    given = json.dumps([asdict(job), size.name, str(folder), known])
    command = [sys.executable, "-m", "benchmarks.engine", "--one", given]
    ended = subprocess.run(
        command, cwd=ROOT, env=settings_for(job.kind, job.system), stderr=subprocess.PIPE, text=True, check=False
    )
    lines = ended.stderr.strip().splitlines() or ["no message"]
    return f"exit {ended.returncode}: {lines[-1]}" if ended.returncode else ""


def main_of_one(given: str) -> None:
    """The child: measure one job and store it."""
    job, size, folder, known = json.loads(given)
    job, folder = Job(**job), Path(folder)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    found = run_one(job, SIZES[size], folder)
    result = {**known, "when": time.strftime("%Y-%m-%d %H:%M:%S"), "load": load, **found}
    write_file(folder / f"{job.name}.json", json.dumps(result, indent=1).encode())


def results(jobs: Sequence[Job], folder: Path) -> Iterator[tuple[Job, dict]]:
    """The stored result of every job that has one."""
    for job in jobs:
        if found := read_result(folder, job.name):
            yield job, found


# --- the command -----------------------------------------------------------------------------


def main() -> int:
    """Measure, write, and tell what could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small parts, short times, one seed; writes no document")
    parser.add_argument("--only", default="", help="systems, split by commas: measure these alone")
    parser.add_argument("--seeds", default="1,2,3", help="of our recipes; the other systems take the first")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    parser.add_argument("--report-only", action="store_true", help="write the document from what is there")
    parser.add_argument("--note", default="", help="a line for the document: what else ran, which rows had one core")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        main_of_one(chosen.one)
        return 0
    if not (CORPORA / "gmb").exists():
        parser.error(
            f"{CORPORA}/gmb is not there. Set NER_LAB_CORPORA to the folder that holds gmb/ner_dataset.csv.xz."
        )
    size = SIZES["quick" if chosen.quick else "full"]
    seeds = [int(seed) for seed in chosen.seeds.split(",")][: 1 if chosen.quick else None]
    every = plan(size, seeds, has_wnut=(CORPORA / "wnut17").exists())
    only = {name.strip() for name in chosen.only.split(",") if name.strip()}
    if unknown := only - {job.system or job.kind for job in every}:
        parser.error(f"No system is called so: {', '.join(sorted(unknown))}. There are {', '.join(known(every))}.")
    jobs = [job for job in every if not only or (job.system or job.kind) in only]
    folder = home() / "bench" / size.name
    if chosen.fresh:
        for job in jobs:
            (folder / f"{job.name}.json").unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    for name in OURS:
        if not is_there(name):
            print(f"The book has no recipe {name!r} (yet): it is left out.")
    problems = [] if chosen.report_only else run_all(jobs, size, folder)
    write(every, size, folder, problems, chosen.note)
    return 1 if problems else 0


def known(jobs: Sequence[Job]) -> list[str]:
    return sorted({job.system or job.kind for job in jobs})


def write(jobs: Sequence[Job], size: Size, folder: Path, problems: Sequence[str], note: str = "") -> None:
    """Print the report; of a full run, write it and draw its plots."""
    from benchmarks.engine_report import draw_plots, write_report

    found = list(results(jobs, folder))
    missing = [job.name for job in jobs if not read_result(folder, job.name)]
    text = write_report(found, size, problems=problems, missing=missing, note=note)
    print(text)
    if size.name == "full":
        pictures = draw_plots(found, ROOT / "docs" / "pictures")
        (ROOT / "docs" / "benchmarks.md").write_text(text, encoding="utf-8")
        print(f"wrote docs/benchmarks.md and {len(pictures)} plots")


if __name__ == "__main__":
    sys.exit(main())
