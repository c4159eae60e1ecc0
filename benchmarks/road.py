"""Walk the whole road in a real browser and measure how long a person waits.

    python -m benchmarks.road [--gmb | --no-gmb] [--repeats 3] [--visitors 5] [--shots FOLDER] [--out docs/road.md]

Needs Debian's Chromium and requirements-test.txt. GMB is uploaded through the page where
`NER_LAB_CORPORA` (default: ../shared/corpora beside the checkout) has it. Every time runs from a click, or from
the address being entered, to what was asked for being on the screen. Prints a table and writes it, with the
machine and the versions, to `docs/road.md`. `--shots` saves a picture of each page for the README.
"""

from __future__ import annotations

import argparse
import lzma
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median
from urllib.parse import parse_qs, urlsplit

from ner_core.training.machine import available_cores
from tests.browser.driver import PAGES, Server, Visitor, open_browser, what_is_missing, workers

ROOT = Path(__file__).resolve().parents[1]
CORPORA = Path(os.environ.get("NER_LAB_CORPORA") or ROOT.parent / "shared" / "corpora")
GMB = CORPORA / "gmb" / "ner_dataset.csv.xz"
LONG_SECONDS = 900.0  # no training step, upload or epoch may take longer
LOSS, F1 = "Training and validation loss", "Entity F1 by epoch"
SENTENCE = "On Monday the French president met Angela Merkel in Berlin."
SECTIONS = {"Labels": "Entities by label", "Lengths": "Sentence lengths", "Mentions": "Most frequent mentions"}

# what is measured -> target in seconds, or None
TARGETS = {
    "Server: started, to answering": None,
    "First heading, first visitor of a new server": 2.5,
    "First heading, a new visitor": 2.5,
    "Find names on Home": None,
    "Explore Newsroom: counts on the screen": None,
    "Evaluate on Newsroom's test part": None,
    "Train on Newsroom, cold: click to first point": 8.0,
    "Train on Newsroom, worker standing by: click to first point": 2.0,
    "Stop on Newsroom: click to stopped": None,
    "GMB as .csv (15 MB): chosen to read": None,
    "GMB as .csv.xz (1.8 MB): chosen to read": None,
    "Explore GMB: counts on the screen": None,
    **{f"Explore GMB: {section.lower()}": None for section in SECTIONS},
    "Explore GMB: search": None,
    "Train on GMB, cold: click to first point": 8.0,
    "Train on GMB, worker standing by: click to first point": 2.0,
    "Stop on GMB: click to stopped": None,
    "GMB: click to first epoch measured": None,
    "Evaluate on GMB's test part": None,
    "Try with the model trained on GMB": None,
}


class Book:
    """What has been measured so far: name -> seconds; what is there or not; what could not be measured."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {name: [] for name in TARGETS}
        self.facts: list[str] = []
        self.problems: list[str] = []

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Measure what happens inside."""
        started = time.perf_counter()
        yield
        self.seconds[name].append(time.perf_counter() - started)
        print(f"{self.seconds[name][-1]:8.2f} s  {name}", flush=True)

    def attempt(self, part: Callable, *arguments) -> None:
        """Run one part; where it fails, note that and let the others go on."""
        try:
            part(*arguments)
        except Exception as problem:  # a part that fails must not cost the hour before it
            first_line = str(problem).partition("\n")[0]
            self.problems.append(f"{part.__name__}: {type(problem).__name__}: {first_line}")
            print(f"          not measured: {self.problems[-1]}", file=sys.stderr, flush=True)


# --- Newsroom --------------------------------------------------------------------------------


def first_headings(book: Book, browser, folder: Path, *, n_visitors: int) -> None:
    """A cold server's first visitor, then others, each with an empty browser cache."""
    server = Server(folder)
    with book.timed("Server: started, to answering"):
        server.__enter__()
    try:
        names = ["First heading, first visitor of a new server"] + n_visitors * ["First heading, a new visitor"]
        for name in names:
            with Visitor(browser, server) as visitor, book.timed(name):
                visitor.page.goto(server.url, wait_until="commit")
                visitor.page.get_by_role("heading", name=PAGES["Home"][1], level=1).wait_for()
    finally:
        server.stop()


def walk_newsroom(book: Book, browser, folder: Path) -> None:
    """The lesson on the corpus that ships, nobody standing by; afterwards TensorFlow must be absent from the server."""
    with Server(folder) as server, Visitor(browser, server) as visitor:
        visitor.open("Home")
        visitor.mark("London").wait_for()
        visitor.type("Change this sentence", SENTENCE)
        with book.timed("Find names on Home"):
            visitor.press("Find names")
            visitor.see(re.compile("names? found"))
            visitor.mark("Berlin").wait_for()
        with book.timed("Explore Newsroom: counts on the screen"):
            visitor.go("Explore")
            visitor.see("What was understood:")
        with book.timed("Evaluate on Newsroom's test part"):
            visitor.go("Evaluate")
            visitor.chart("Entity F1 by label").wait_for()
        train(book, visitor, "Train on Newsroom, cold: click to first point")
        stop(book, visitor, "Stop on Newsroom: click to stopped")
        for title in PAGES:
            visitor.go(title)
            visitor.see("The code this page just ran")
        note_tensorflow(book, server, "Newsroom walked, all pages seen")


def stand_by(book: Book, browser, folder: Path, *, n_repeats: int) -> None:
    """Training with a worker that has TensorFlow loaded."""
    with Server(folder, has_standby=True) as server:
        for _ in range(n_repeats):
            with Visitor(browser, server) as visitor:
                visitor.open("Train")
                wait_for_standby(server)
                train(book, visitor, "Train on Newsroom, worker standing by: click to first point")
                stop(book, visitor, "Stop on Newsroom: click to stopped")


def train(book: Book, visitor: Visitor, name: str) -> None:
    """Start the default recipe as proposed; the time ends when a point can be seen on the loss curve."""
    if urlsplit(visitor.page.url).path != "/train":
        visitor.go("Train")
    visitor.button("Start training").wait_for()
    visitor.see("The code this page just ran")
    visitor.wait_until_done()
    with book.timed(name):
        visitor.press("Start training")
        visitor.wait_for_points(LOSS, seconds=LONG_SECONDS)


def stop(book: Book, visitor: Visitor, name: str) -> None:
    with book.timed(name):
        visitor.press("Stop")
        visitor.see(re.compile("^Stopped"), seconds=LONG_SECONDS)


def wait_for_standby(server: Server) -> None:
    """Until a worker stands by and has read the corpus ahead: it is ready and uses no processor."""
    until = time.monotonic() + LONG_SECONDS
    while time.monotonic() < until:
        for ready in server.home.glob("standby/*/ready"):
            pids = [worker["pid"] for worker in workers(server.home)]
            if pids and not (ready.parent / "job.json").exists() and is_idle(pids):
                return
        time.sleep(0.2)
    raise RuntimeError(f"Nobody stood by within {LONG_SECONDS:.0f} s; is there free memory?")


def is_idle(pids: list[int]) -> bool:
    """Tell whether these processes use less than a tenth of a second of processor time within one second."""

    def used() -> int:
        times = 0
        for pid in pids:
            try:
                status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            times += int(status[11]) + int(status[12])
        return times

    before = used()
    time.sleep(1.0)
    return used() - before < 0.1 * os.sysconf("SC_CLK_TCK")


def note_tensorflow(book: Book, server: Server, when: str) -> None:
    said = "**is loaded**" if server.has_loaded("tensorflow") else "absent"
    book.facts.append(f"TensorFlow in the server's `/proc/PID/maps` ({when}): {said}.")


# --- GMB, uploaded through the page ---------------------------------------------------------------


def upload_gmb(book: Book, visitor: Visitor, path: Path, name: str) -> str:
    """Choose the file on Explore, use it, and wait for its counts; returns the corpus' id."""
    visitor.open("Explore")
    visitor.page.get_by_role("button", name=re.compile("^Corpus:")).click()
    dialog = visitor.page.get_by_role("dialog")
    chooser = dialog.locator("input[type=file]").first
    chooser.wait_for(state="attached")
    with book.timed(name):
        chooser.set_input_files(path)
        visitor.see(re.compile("^Read as "), seconds=LONG_SECONDS)
    with book.timed("Explore GMB: counts on the screen"):
        dialog.get_by_role("button", name="Use this corpus", exact=True).click()
        visitor.page.get_by_role("button", name=re.compile("47,959 sentences")).wait_for(timeout=1000 * LONG_SECONDS)
        visitor.see("What was understood:", seconds=LONG_SECONDS)
    return parse_qs(urlsplit(visitor.page.url).query)["corpus"][0]


def explore_gmb(book: Book, visitor: Visitor) -> None:
    """Each section for the first time, then a search through every sentence."""
    for section, chart in SECTIONS.items():
        with book.timed(f"Explore GMB: {section.lower()}"):
            visitor.choose("Look at", section)
            visitor.chart(chart).wait_for(timeout=1000 * LONG_SECONDS)
    visitor.choose("Look at", "Sentences")
    visitor.see(re.compile("sentences found"))
    with book.timed("Explore GMB: search"):
        visitor.type("Search", "hurricane katrina")
        visitor.page.keyboard.press("Enter")
        visitor.mark("Katrina").wait_for()


def walk_gmb(book: Book, browser, folder: Path, path: Path, form: str) -> None:
    """Upload, explore, train cold, stop."""
    with Server(folder) as server, Visitor(browser, server) as visitor:
        upload_gmb(book, visitor, path, form)
        explore_gmb(book, visitor)
        train(book, visitor, "Train on GMB, cold: click to first point")
        stop(book, visitor, "Stop on GMB: click to stopped")


def stand_by_gmb(book: Book, browser, folder: Path, path: Path, form: str, *, n_repeats: int) -> None:
    """Train with a worker standing by; the last time until an epoch is measured, then evaluate and try that model."""
    with Server(folder, has_standby=True) as server:
        with Visitor(browser, server) as visitor:
            corpus = upload_gmb(book, visitor, path, form)
        for repeat in range(n_repeats):
            with Visitor(browser, server) as visitor:
                visitor.open("Train", corpus=corpus)
                wait_for_standby(server)
                started = time.perf_counter()
                train(book, visitor, "Train on GMB, worker standing by: click to first point")
                if repeat < n_repeats - 1:
                    stop(book, visitor, "Stop on GMB: click to stopped")
                    continue
                visitor.wait_for_points(F1, seconds=LONG_SECONDS)
                book.seconds["GMB: click to first epoch measured"].append(time.perf_counter() - started)
                stop(book, visitor, "Stop on GMB: click to stopped")
                evaluate_and_try(book, visitor)
        note_tensorflow(book, server, "GMB uploaded, explored, trained on, evaluated and tried")


def evaluate_and_try(book: Book, visitor: Visitor) -> None:
    """The test part of GMB, then a sentence, with the model just trained."""
    visitor.press("Evaluate this model")
    visitor.wait_for("Evaluate")
    ask = visitor.page.get_by_role("main").get_by_role("button", name=re.compile(r"^Evaluate [\d,]+ sentences"))
    ask.wait_for()
    with book.timed("Evaluate on GMB's test part"):
        ask.click()
        visitor.chart("Entity F1 by label").wait_for(timeout=1000 * LONG_SECONDS)
    said = visitor.chart("Entity F1 by label").get_attribute("aria-label")
    book.facts.append(f"After that one epoch on GMB, its test part: {said}")
    visitor.go("Try")
    visitor.type("Your text", SENTENCE)
    with book.timed("Try with the model trained on GMB"):
        visitor.press("Find names")
        visitor.see(re.compile(r"in \d+ tokens"))
        visitor.mark("Berlin").wait_for()


# --- pictures ---------------------------------------------------------------------------------------


def take_shots(book: Book, browser, folder: Path, shots: Path) -> None:
    """One picture of each page at 1280 x 800, light: home, explore, train (live), evaluate, try."""
    shots.mkdir(parents=True, exist_ok=True)
    with Server(folder) as server, Visitor(browser, server) as visitor:
        visitor.open("Home")
        visitor.type("Change this sentence", SENTENCE)
        visitor.press("Find names")
        visitor.mark("Berlin").wait_for()
        shoot(visitor, shots / "home.png")
        visitor.go("Explore")
        visitor.choose("Look at", "Lengths")
        visitor.chart("Sentence lengths").wait_for()
        shoot(visitor, shots / "explore.png")
        visitor.go("Train")
        visitor.press("Start training")
        visitor.wait_for_points(F1, more_than=5, seconds=LONG_SECONDS)
        shoot(visitor, shots / "train.png", is_live=True)
        stop(book, visitor, "Stop on Newsroom: click to stopped")
        visitor.press("Evaluate this model")
        visitor.wait_for("Evaluate")
        visitor.chart("Entity F1 by label").wait_for()
        shoot(visitor, shots / "evaluate.png")
        visitor.go("Try")
        visitor.page.get_by_role("radio", name="Two paragraphs").click()
        visitor.mark("Lisbon").wait_for()
        shoot(visitor, shots / "try.png")


def shoot(visitor: Visitor, path: Path, *, is_live: bool = False) -> None:
    """Save what is on the screen once nothing is being loaded and the mouse is away."""
    visitor.page.mouse.move(0, 0)
    visitor.page.wait_for_function("""() => !document.querySelector('[data-testid="stSkeleton"]')""")
    if not is_live:
        visitor.wait_until_done()
    visitor.page.screenshot(path=path, animations="disabled")


# --- the report ---------------------------------------------------------------------------------------


def rows(book: Book) -> list[tuple[str, str, str, str, str]]:
    """What, target, median, verdict, all values; in the order of TARGETS."""
    found = []
    for name, target in TARGETS.items():
        values = book.seconds[name]
        middle = median(values) if values else None
        verdict = "" if target is None or middle is None else "met" if middle < target else "missed"
        found.append(
            (
                name,
                "" if target is None else f"{target:g} s",
                "not measured" if middle is None else f"{middle:.2f} s",
                verdict,
                ", ".join(f"{value:.2f}" for value in values),
            )
        )
    return found


def machine(browser) -> list[str]:
    """Where this was measured."""
    model = next((line for line in read("/proc/cpuinfo").splitlines() if line.startswith("model name")), ": unknown")
    memory = next(
        (line for line in read("/proc/meminfo").splitlines() if line.startswith("MemTotal")), "MemTotal: 0 kB"
    )
    versions = ", ".join(f"{name} {version(name)}" for name in ("streamlit", "tensorflow", "keras", "numpy"))
    return [
        f"{available_cores()} cores ({model.partition(':')[2].strip()}), {int(memory.split()[1]) // 2**20} GB of memory, "
        f"{platform.system()}, load {os.getloadavg()[0]:.1f} when this was written.",
        f"Python {platform.python_version()}, {versions}, Chromium {browser.version}.",
    ]


def read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def write_report(book: Book, where: list[str], path: Path) -> None:
    """The table as Markdown, with the machine, the facts and what could not be measured."""
    lines = [
        "# The road, measured in a browser",
        "",
        "Written by `python -m benchmarks.road`; do not edit. A time runs from a click (or from the address being entered) to",
        "what was asked for being on the screen, in Chromium without a window on the server's own machine. A new visitor",
        "has an empty browser cache. The first point of a training is the first that can be seen on its loss curve.",
        "",
        *(f"- {line}" for line in where),
        *(f"- {fact}" for fact in book.facts),
        *(f"- Not measured: {problem}" for problem in book.problems),
        "",
        "| what | target | median | | all values in seconds |",
        "|---|---:|---:|---|---|",
        *("| " + " | ".join(row) + " |" for row in rows(book)),
        "",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")


def print_table(book: Book) -> None:
    for name, target, middle, verdict, values in rows(book):
        print(f"{name:62} {target:>6} {middle:>13} {verdict:7} {values}")
    for line in [*book.facts, *book.problems]:
        print(line)


# --- the command -------------------------------------------------------------------------------------


def measure(book: Book, browser, asked: argparse.Namespace, folder: Path) -> None:
    """Every part, each with a store of its own."""
    for repeat in range(asked.repeats):
        book.attempt(part(first_headings, n_visitors=asked.visitors), book, browser, folder / f"first-{repeat}")
        book.attempt(walk_newsroom, book, browser, folder / f"newsroom-{repeat}")
    book.attempt(part(stand_by, n_repeats=asked.repeats), book, browser, folder / "standby")
    if asked.gmb:
        csv = folder / "ner_dataset.csv"
        csv.write_bytes(lzma.decompress(GMB.read_bytes()))
        forms = [
            (csv, "GMB as .csv (15 MB): chosen to read"),
            (GMB, "GMB as .csv.xz (1.8 MB): chosen to read"),
        ]
        for repeat in range(asked.repeats):
            for number, form in enumerate(forms):
                book.attempt(walk_gmb, book, browser, folder / f"gmb-{repeat}-{number}", *form)
        standby = part(stand_by_gmb, n_repeats=asked.repeats)
        book.attempt(standby, book, browser, folder / "gmb-standby", *forms[0])
    if asked.shots:
        book.attempt(take_shots, book, browser, folder / "shots", asked.shots)


def part(function: Callable, **options) -> Callable:
    """`function` with its options set, under its own name."""

    def run(*arguments):
        return function(*arguments, **options)

    run.__name__ = function.__name__
    return run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.road", description=__doc__.splitlines()[0])
    gmb_help = "upload and measure GMB (default: where it is there)"
    parser.add_argument("--gmb", action=argparse.BooleanOptionalAction, default=GMB.exists(), help=gmb_help)
    parser.add_argument("--repeats", type=int, default=3, help="how often each part is done")
    parser.add_argument("--visitors", type=int, default=5, help="new visitors of each started server")
    parser.add_argument("--shots", type=Path, help="a folder for pictures of the pages")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "road.md", help="where the table is written")
    asked = parser.parse_args()
    if problem := what_is_missing():
        parser.error(problem)
    if asked.gmb and not GMB.exists():
        parser.error(f"{GMB} is not there. Set NER_LAB_CORPORA to the folder that holds gmb/ner_dataset.csv.xz.")
    book = Book()
    with (
        tempfile.TemporaryDirectory(prefix="ner-lab-road-", ignore_cleanup_errors=True) as folder,
        open_browser() as browser,
    ):
        measure(book, browser, asked, Path(folder))
        write_report(book, machine(browser), asked.out)
    print_table(book)
    return 1 if book.problems else 0


if __name__ == "__main__":
    sys.exit(main())
