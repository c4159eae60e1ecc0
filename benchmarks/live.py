"""How live is a training in a real browser?

    python -m benchmarks.live [--seconds 20] [--repeats 5] [--out docs/live.md]

Trains on Newsroom and looks at the page as a person would: how many updates a second its words and its loss curve show, with
one watcher and with `--watchers` more; how long from the click on Pause, Continue and Stop to the state being shown, and on
Stop to the run's end. Prints a table: medians, with the slowest. Needs what `benchmarks.road` needs.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

from ner_core.training.machine import available_cores
from tests.browser.driver import Server, Visitor, open_browser, what_is_missing

LOSS = "Training and validation loss"
LONG_SECONDS = 300.0
# Counts, in the page, how often the words beside the progress and the loss curve change.
COUNT = """([chart, seconds]) => new Promise(done => {
    const read = {
        words: () => document.querySelector('[data-testid="stProgress"]')?.innerText,
        curve: () => document.querySelector(`[aria-label^="${chart}"] .role-mark.mark-line path`)?.getAttribute("d"),
    };
    const last = {}, changes = {words: 0, curve: 0}, until = performance.now() + 1000 * seconds;
    const look = () => {
        for (const name in read) {
            const now = read[name]();
            if (now && last[name] && now !== last[name]) changes[name]++;
            last[name] = now || last[name];
        }
        performance.now() < until ? setTimeout(look, 20) : done(changes);
    };
    look();
})"""


def measure(browser, folder: Path, *, seconds: float, repeats: int, watchers: int) -> dict[str, list[float]]:
    """Return name -> what was measured, in updates a second or in seconds."""
    found: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)
        print(f"{value:8.2f}  {name}", file=sys.stderr, flush=True)

    with Server(folder) as server:
        for repeat in range(repeats):
            with Visitor(browser, server) as visitor:
                start(visitor)
                if not repeat:
                    note_updates(visitor, seconds, note, "one watcher")
                    others = [Visitor(browser, server) for _ in range(watchers)]
                    for other in others:
                        other._context.add_cookies(visitor._context.cookies())
                        other.page.goto(visitor.page.url)
                        other.button("Stop").wait_for()
                    if others:
                        time.sleep(3)
                        note_updates(visitor, seconds, note, f"{watchers + 1} watchers")
                    for other in others:
                        other.__exit__()
                pause_and_stop(visitor, note)
    return found


def start(visitor: Visitor) -> None:
    """Start a long training and wait for its first points."""
    visitor.open("Train")
    box = visitor.page.get_by_role("spinbutton", name="Epochs")
    box.fill("100")
    box.press("Enter")
    visitor.press("Start training")
    visitor.wait_for_points(LOSS, seconds=LONG_SECONDS)
    visitor.button("Pause training").wait_for()


def note_updates(visitor: Visitor, seconds: float, note, who: str) -> None:
    visitor.page.set_default_timeout(1000 * LONG_SECONDS)
    changes = visitor.page.evaluate(COUNT, [LOSS, seconds])
    note(f"updates a second, words, {who}", changes["words"] / seconds)
    note(f"updates a second, loss curve, {who}", changes["curve"] / seconds)


def pause_and_stop(visitor: Visitor, note) -> None:
    started = time.perf_counter()
    visitor.press("Pause training")
    visitor.see(re.compile("^Paused"), seconds=LONG_SECONDS)
    note("s from Pause to “Paused”", time.perf_counter() - started)
    started = time.perf_counter()
    visitor.press("Continue training")
    visitor.see(re.compile("^Epoch"), seconds=LONG_SECONDS)
    note("s from Continue to going on", time.perf_counter() - started)
    started = time.perf_counter()
    visitor.press("Stop")
    visitor.see(re.compile("^Stopp(ing|ed)"), seconds=LONG_SECONDS)
    note("s from Stop to its being shown", time.perf_counter() - started)
    visitor.see(re.compile("^Stopped"), seconds=LONG_SECONDS)
    note("s from Stop to the end, the best kept", time.perf_counter() - started)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="for how long updates are counted")
    parser.add_argument("--repeats", type=int, default=5, help="trainings to pause and stop")
    parser.add_argument("--watchers", type=int, default=0, help="more browsers that look on")
    parser.add_argument("--out", type=Path, help="write the page here too: docs/live.md")
    asked = parser.parse_args(arguments)
    if missing := what_is_missing():
        print(missing, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder, open_browser() as browser:
        sizes = {"seconds": asked.seconds, "repeats": asked.repeats, "watchers": asked.watchers}
        found = measure(browser, Path(folder), **sizes)
    report = page(found, asked)
    print(report)
    if asked.out:
        asked.out.write_text(report, encoding="utf-8")
    return 0


def page(found: dict[str, list[float]], asked: argparse.Namespace) -> str:
    lines = [
        "# A live training in a real browser",
        "",
        f"`python -m benchmarks.live --seconds {asked.seconds:g} --repeats {asked.repeats} --watchers {asked.watchers}`, "
        f"{time.strftime('%Y-%m-%d')}, {platform.system()} {platform.machine()}, Streamlit {version('streamlit')}; browser, server and "
        f"training shared {available_cores()} cores.",
        "",
        "| Newsroom | median | slowest | n |",
        "|---|---:|---:|---:|",
    ]
    for name, values in found.items():
        slowest = min(values) if name.startswith("updates") else max(values)
        lines.append(f"| {name} | {median(values):.2f} | {slowest:.2f} | {len(values)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
