"""Does the app carry a class of thirty on two cores?

    python -m benchmarks.load [--browsers 30] [--trainings 6] [--seconds 150] [--idle-minutes 0] [--out docs/load.md]

Starts the app as a class is served, on two cores, and lets so many simulated browsers in over real websockets, speaking
Streamlit's own protocol (the messages of the installed `streamlit.proto`): each opens the app within ten seconds of the
others, explores a corpus, starts a training (as many different ones as `--trainings`; who asks for the same one watches it),
watches its curve, tries sentences. What a fragment's timer asks for is asked for as a browser would. A session fails where it
is not shown its histogram, its curve's points or its entities, where an error is on its page, or where an answer does not come. With `--idle-minutes` all
then watch trainings that outlast that time and do nothing else: the server's memory must not grow.

Source: Streamlit's own load tests (one browser a user; p50, p95, p99; memory) and hubtraf, which lets a class of bots into a
JupyterHub. Differs from them: no browser draws anything, so that two cores carry the class and its server; what a browser
itself takes for drawing stands in docs/road.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from urllib.parse import parse_qs, urlencode

from ner_core.records import RunEnded, RunStarted, TrainConfig
from ner_core.tagger.store import write_file
from ner_core.training.event_log import read_events
from ner_core.training.machine import available_cores
from ner_core.training.runs import RunConfig

ROOT = Path(__file__).resolve().parents[1]
WITHIN = 10.0  # seconds in which all open the app, and in which all start their training
PLACES = 2  # trainings at once
SLOWEST_CURVE = 2.0  # seconds between two drawings; a slower timer only looks whether a screen was pinned
ANSWER_SECONDS = 60.0  # an answer that takes longer has not come
OPENING_LIMIT, RERUN_LIMIT, GROWTH_LIMIT = 2.0, 0.3, 0.10
TEXTS = (
    "Angela Merkel met the French president in Berlin on Monday.",
    "Ada Lovelace lives in London.",
    "The World Health Organization sent help to Haiti in January 2010.",
)


class SessionError(Exception):
    """A simulated browser was not shown what it asked for."""


# --- one browser --------------------------------------------------------------------------


@dataclass
class Book:
    """What all browsers measured, in seconds: opening, a click's whole rerun, a timer's redrawn fragment."""

    opening: list[float] = field(default_factory=list)
    rerun: list[float] = field(default_factory=list)
    redrawn: list[float] = field(default_factory=list)
    first_point: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    actions: dict[str, list[float]] = field(default_factory=dict)  # the same by what was done
    n_bytes: int = 0
    is_quiet: bool = False  # nothing is noted, e.g. of the first visitor, for whom the server imports its pages

    def note(self, kind: str, seconds: float, words: str) -> None:
        if not self.is_quiet:
            getattr(self, kind).append(seconds)
            self.actions.setdefault(words, []).append(seconds)


class Browser:
    """One session: what a browser sends, and the elements that stand on its page."""

    def __init__(self, port: int, book: Book):
        self.url, self.book = f"ws://127.0.0.1:{port}/_stcore/stream", book
        self.elements: dict[tuple[int, ...], tuple[str, str, object]] = {}  # place -> run, fragment, element
        self.pages: dict[str, str] = {}  # path -> hash
        self.page, self.query, self.widgets = "", "", {}
        self._timers: dict[str, asyncio.Task] = {}
        self._asked: dict[str, float] = {}  # fragment -> when its timer asked for it
        self._fragments: set[str] = set()  # that the present run draws
        self._redrawn: set[str] = set()
        self._n_runs = self._n_done = 0
        self._changed = asyncio.Event()
        self._reader: asyncio.Task | None = None

    async def open(self) -> None:
        """Connect and draw the first page."""
        from websockets.asyncio.client import connect

        began = time.perf_counter()
        origin = self.url.replace("ws://", "http://").removesuffix("/_stcore/stream")
        self._socket = await connect(
            self.url, subprotocols=["streamlit"], origin=origin, max_size=None, open_timeout=ANSWER_SECONDS
        )
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(lambda _: self._changed.set())
        await self._run("opening", "Home", began=began)

    async def close(self) -> None:
        for task in [*self._timers.values(), *filter(None, [self._reader])]:
            task.cancel()
        with contextlib.suppress(Exception):
            await self._socket.close()

    # -- what a person does

    async def go(self, page: str, **query: object) -> None:
        """Follow a link to a page."""
        self.page, self.query, self.widgets = self.pages[page], urlencode(query), {}
        await self._run("rerun", f"to {page or 'home'}")

    async def press(self, key: str) -> None:
        """Press the button of this key."""
        await self._use(self._id(key), {"trigger_value": True}, f"press {key}")

    async def type(self, key: str, text: str) -> None:
        """Fill the text box of this key and leave it."""
        await self._use(self._id(key), {"string_value": text}, f"type into {key}")

    async def move_slider(self) -> None:
        """Move the first slider on the page by one step."""
        for _, fragment, element in self.elements.values():
            if element.WhichOneof("type") == "slider":
                slider = element.slider
                value = min(slider.max, next(iter(slider.default)) + (slider.step or 1))
                await self._use((slider.id, fragment), {"double_array_value": [value]}, "move a slider")
                return
        raise SessionError("there is no slider")

    async def until(self, is_there: Callable[[], object], words: str, seconds: float = ANSWER_SECONDS) -> None:
        """Wait until something stands on the page, whoever caused it."""
        end = time.monotonic() + seconds
        while not is_there():
            self._check()
            if (left := end - time.monotonic()) <= 0:
                raise SessionError(f"{words} did not come within {seconds:.0f} s")
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), min(left, 1.0))

    async def _use(self, widget: tuple[str, str], value: dict, words: str) -> None:
        self.widgets[widget[0]] = value
        await self._run("rerun", words, fragment=widget[1])

    # -- what stands on the page

    def all(self, kind: str) -> list:
        return [element for _, _, element in self.elements.values() if element.WhichOneof("type") == kind]

    def has_histogram(self) -> bool:
        """A Plotly figure with bars that have heights."""
        figures = [json.loads(element.plotly_chart.spec) for element in self.all("plotly_chart")]
        return any(trace.get("type") == "bar" and trace.get("y") for figure in figures for trace in figure["data"])

    def n_points(self) -> int:
        """Points on the lines of the page's Vega-Lite charts."""
        return max((sum(map(_count_points, tables_of(element))) for element in self.all("vega_lite_chart")), default=0)

    def entities(self) -> list[str]:
        """The HTML of every highlighted text."""
        return [element.html.body for element in self.all("html") if "<mark" in element.html.body]

    def _id(self, key: str) -> tuple[str, str]:
        """The widget of this key, and the fragment it belongs to."""
        for _, fragment, element in self.elements.values():
            found = getattr(getattr(element, element.WhichOneof("type")), "id", "")
            if isinstance(found, str) and found.endswith(f"-{key}"):
                return found, fragment
        raise SessionError(f"there is no {key}")

    # -- the protocol

    async def _run(self, kind: str, words: str, *, began: float | None = None, fragment: str = "") -> None:
        began, n = began or time.perf_counter(), self._n_runs
        self._redrawn.discard(fragment)
        await self._send(fragment)
        end = time.monotonic() + ANSWER_SECONDS
        while (fragment not in self._redrawn) if fragment else self._n_done <= n:
            self._changed.clear()
            self._check()
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.01, end - time.monotonic()))
            except TimeoutError:
                raise SessionError(f"{words}: no answer within {ANSWER_SECONDS:.0f} s") from None
        self.book.note(kind, time.perf_counter() - began, words)
        self._check()

    def _check(self) -> None:
        if self._reader.done():
            raise SessionError(f"the connection ended: {self._reader.exception()!r}")
        for element in self.all("exception"):
            raise SessionError(f"an error on the page: {element.exception.message[:200]}")

    async def _send(self, fragment: str = "", *, is_timer: bool = False) -> None:
        from streamlit.proto.BackMsg_pb2 import BackMsg

        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_script_hash = self.query, self.page
        state.fragment_id, state.is_auto_rerun = fragment, is_timer
        state.context_info.url = self.url.replace("ws://", "http://").replace("/_stcore/stream", "/")
        for widget, value in self.widgets.items():
            entry = state.widget_states.widgets.add(id=widget)
            [(name, content)] = value.items()
            if name == "double_array_value":
                entry.double_array_value.data.extend(content)
            else:
                setattr(entry, name, content)
        self.widgets = {key: value for key, value in self.widgets.items() if "trigger_value" not in value}
        await self._socket.send(message.SerializeToString())

    async def _read(self) -> None:
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        async for data in self._socket:
            message = ForwardMsg()
            message.ParseFromString(data)
            self.book.n_bytes += len(data)
            self._take(message)
            self._changed.set()

    def _take(self, message) -> None:
        match message.WhichOneof("type"):
            case "new_session":
                self._fragments = set(message.metadata.run.fragment_ids)
                self._script_run = message.metadata.run.script_run_id
                if not self._fragments:
                    self._stop_timers()
                    self._n_runs += 1
            case "navigation":
                self.pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
                self.page = message.navigation.page_script_hash or self.page
            case "delta" if message.delta.WhichOneof("type") == "new_element":
                self.elements[tuple(message.metadata.delta_path)] = (
                    self._script_run,
                    message.delta.fragment_id,
                    message.delta.new_element,
                )
            case "auto_rerun":
                name = message.auto_rerun.fragment_id
                self._stop_timers(name)
                self._timers[name] = asyncio.create_task(self._tick(name, message.auto_rerun.interval))
            case "stop_auto_rerun":
                for name in message.stop_auto_rerun.fragment_ids:
                    self._stop_timers(name)
            case "page_info_changed":
                self.query = message.page_info_changed.query_string
            case "script_finished":
                self._finish(message.script_finished)

    def _finish(self, status: int) -> None:
        if status == 3:  # a fragment
            self._redrawn |= self._fragments
            for name in self._fragments:
                if asked := self._asked.pop(name, None):
                    self.book.note("redrawn", time.perf_counter() - asked, "a timer's fragment")
        elif status == 0:  # a whole run: what it did not draw is no longer on the page
            self.elements = {place: kept for place, kept in self.elements.items() if kept[0] == self._script_run}
            self._n_done = self._n_runs

    def _stop_timers(self, name: str | None = None) -> None:
        for each in [name] if name is not None else list(self._timers):
            if task := self._timers.pop(each, None):
                task.cancel()
            self._asked.pop(each, None)

    async def _tick(self, name: str, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            if seconds <= SLOWEST_CURVE:
                self._asked.setdefault(name, time.perf_counter())
            await self._send(name, is_timer=True)


def tables_of(element) -> list[bytes]:
    """The Arrow tables a Vega-Lite chart was sent with."""
    chart = element.vega_lite_chart
    tables = [chart.data.data] if chart.HasField("data") else []
    return [data for data in [*tables, *(named.data.data for named in chart.datasets)] if data]


def _count_points(data: bytes) -> int:
    import pyarrow

    table = pyarrow.ipc.open_stream(data).read_all()
    if "kind" not in table.column_names:
        return table.num_rows
    return sum(kind == "line" for kind in table["kind"].to_pylist())


# --- one student ----------------------------------------------------------------------------


async def study(number: int, browser: Browser, asked: argparse.Namespace, chance: random.Random, ends: float) -> None:
    """What one student does in this lesson; raises SessionError where something is not shown."""
    began = time.monotonic()
    await asyncio.sleep(chance.uniform(0, WITHIN * asked.browsers / 30))
    await browser.open()
    await asyncio.sleep(chance.uniform(0.5, 2))
    await browser.go("explore", section="Lengths")
    await browser.until(browser.has_histogram, "the histogram")
    await asyncio.sleep(chance.uniform(0.5, 2))
    await browser.move_slider()
    await asyncio.sleep(max(0.0, began + 1.5 * WITHIN * asked.browsers / 30 - time.monotonic()))
    await asyncio.sleep(chance.uniform(0, WITHIN * asked.browsers / 30))
    await browser.go("train", train_seed=1 + number % asked.trainings, train_minutes=minutes_each(asked))
    await browser.press("train_start")
    clicked = time.perf_counter()
    await browser.until(lambda: "run=" in browser.query, "the started training")
    run = browser.query
    await asyncio.sleep(chance.uniform(2, 5))
    await try_sentences(browser, chance)
    await browser.go("train", **dict(pair.split("=") for pair in run.split("&") if pair.startswith("run=")))
    await browser.until(
        lambda: browser.n_points() >= 2, "two points of the curve", max(ANSWER_SECONDS, ends - time.monotonic())
    )
    browser.book.first_point.append(time.perf_counter() - clicked)
    while time.monotonic() < ends - 10:
        await asyncio.sleep(chance.uniform(5, 15))
        await try_sentences(browser, chance)
        await browser.go("train", **dict(pair.split("=") for pair in run.split("&") if pair.startswith("run=")))
        await browser.until(lambda: browser.n_points() >= 2, "the curve again")


async def watch_long(number: int, browser: Browser, asked: argparse.Namespace) -> None:
    """Start a training that outlasts the idle time, or join who has started it already; its curve stays in view."""
    await browser.go("train")
    await browser.press("train_again")
    await browser.go("train", **long_training(number % PLACES, asked))
    await browser.press("train_start")
    await browser.until(lambda: "run=" in browser.query, "the long training")
    await browser.until(lambda: browser.n_points() >= 2, "two points of its curve", 5 * ANSWER_SECONDS)


def long_training(number: int, asked: argparse.Namespace) -> dict[str, str]:
    """The form's address of a training that goes on well beyond the idle time: nine networks in small, careful steps."""
    from ner_core.data.corpus import load_corpus
    from pages._ui.train_form import address_of

    settings = {"epochs": 100, "batch_tokens": 50, "learning_rate": 0.00001}
    training = TrainConfig(seed=1_000 + number, seconds=60.0 * (asked.idle_minutes + 30))
    config = RunConfig("newsroom", "Newsroom", "best", hyperparameters=settings, training=training)
    return address_of(config, load_corpus())


async def look_again(browser: Browser, home: Path) -> None:
    """After the idle time: nothing has broken meanwhile, the training goes on, and one more rerun shows its curve."""
    browser._check()
    run = parse_qs(browser.query)["run"][0]
    if any(isinstance(event, RunEnded) for event in read_events(home / "runs" / run)[0]):
        raise SessionError("its training ended before the idle time did")
    await browser.go("train", run=run)
    await browser.until(lambda: browser.n_points() >= 2, "the curve after the idle time")


async def idle(browsers: Sequence[Browser], asked: argparse.Namespace, server, lesson: Lesson) -> None:
    """Let the browsers watch long trainings, and note the server's memory once a minute; the lesson's times stay as they are."""
    lesson.book.is_quiet = True
    write_file(server.home / "class.json", b'{"seconds": null, "is_one_each": false}')  # as a teacher would: no limits
    await note_failures(lesson.book, "idle ", (watch_long(n, each, asked) for n, each in enumerate(browsers)))
    for minute in range(asked.idle_minutes + 1):
        lesson.idle_mb.append(memory_mb(server.pid))
        if minute < asked.idle_minutes:
            await asyncio.sleep(60)
    await note_failures(lesson.book, "after the idle time, ", (look_again(each, server.home) for each in browsers))


async def note_failures(book: Book, when: str, tasks: Iterable[Coroutine]) -> None:
    """Do what all browsers do at the same time, and note who failed."""
    for number, done in enumerate(await asyncio.gather(*tasks, return_exceptions=True), 1):
        if done is not None:
            book.failed.append(f"{when}browser {number}: {done if isinstance(done, SessionError) else repr(done)}")


def minutes_each(asked: argparse.Namespace) -> float:
    """So long a training may last that two at once are through before the lesson ends, their starts included."""
    return max(0.1, round((asked.seconds - 50) * PLACES / asked.trainings * 0.6 / 60, 1))


async def try_sentences(browser: Browser, chance: random.Random, thinking: tuple[float, float] = (3, 10)) -> None:
    """Type a sentence or two; each time the names must be marked."""
    await browser.go("try_it")
    for text in chance.sample(TEXTS, 2):
        await browser.type("try_text", text)
        last = text.split()[-1].strip(".")
        await browser.until(lambda last=last: any(last in html for html in browser.entities()), "the marked names")
        await asyncio.sleep(chance.uniform(*thinking))


# --- the class ---------------------------------------------------------------------------------


@dataclass
class Lesson:
    """What one lesson showed. Memory in MB: of the server alone, and of all its trainings and the standby."""

    book: Book
    base_mb: float = math.nan
    full_mb: float = math.nan
    peak_mb: float = math.nan
    trainings_mb: float = 0.0
    n_trainings: int = 0
    waits: list[float] = field(default_factory=list)
    idle_mb: list[float] = field(default_factory=list)
    load: float = math.nan


def memory_mb(pid: int, name: str = "VmRSS") -> float:
    """Resident memory of a process (VmHWM: its peak); not a number where the system does not tell."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024
    return math.nan


async def watch(home: Path, lesson: Lesson) -> None:
    """Note, once a second, the memory that trainings and standby take together, and which training has begun."""
    begun = set()
    while True:
        pids = set()
        for path in [*home.glob("runs/*/worker.json"), *home.glob("standby/*/*/worker.json")]:
            with contextlib.suppress(OSError, ValueError):
                pids.add(json.loads(path.read_text())["pid"])
        sizes = [size for pid in pids if not math.isnan(size := memory_mb(pid))]
        lesson.trainings_mb = max(lesson.trainings_mb, sum(sizes))
        for folder in set((home / "runs").glob("[0-9]*")) - begun:
            if any(isinstance(event, RunStarted) for event in read_events(folder)[0]):
                begun.add(folder)
                lesson.waits.append(time.time() - (folder / "config.json").stat().st_mtime)
        await asyncio.sleep(1.0)


async def hold(asked: argparse.Namespace, server) -> Lesson:
    """Let the class in and note what happens."""
    lesson = Lesson(Book())
    book, chance = lesson.book, random.Random(asked.seed)
    teacher = Browser(server.port, book)
    book.is_quiet = True
    await teacher.open()
    for page in ("explore", "train", "try_it"):
        await teacher.go(page)
    book.is_quiet = False
    lesson.base_mb = memory_mb(server.pid)
    watcher = asyncio.create_task(watch(server.home, lesson))
    browsers = [Browser(server.port, book) for _ in range(asked.browsers)]
    ends = time.monotonic() + asked.seconds
    tasks = [
        study(number, browser, asked, random.Random(chance.random()), ends) for number, browser in enumerate(browsers)
    ]
    await note_failures(book, "", tasks)
    lesson.full_mb, lesson.peak_mb = memory_mb(server.pid), memory_mb(server.pid, "VmHWM")
    lesson.load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    lesson.n_trainings = len(list((server.home / "runs").glob("[0-9]*")))
    watcher.cancel()
    if asked.idle_minutes:
        await idle(browsers, asked, server, lesson)
    _, found, traceback = server.said().partition("Traceback")
    if found:
        book.failed.append(f"the server printed a traceback: {' '.join(traceback.split())[-300:]}")
    for each in [*browsers, teacher]:
        await each.close()
    return lesson


# --- the report -------------------------------------------------------------------------------------


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all does not exceed (nearest rank).

    >>> percentile([4.0, 1.0, 3.0, 2.0], 0.5), percentile([4.0, 1.0, 3.0, 2.0], 0.95)
    (2.0, 4.0)
    """
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


def _row(name: str, values: Sequence[float], limit: float | None = None) -> str:
    told = [f"{percentile(values, share):.2f} s" if values else "–" for share in (0.5, 0.95, 0.99)]
    verdict = "" if limit is None else f"p95 under {limit:g} s: {'yes' if percentile(values, 0.95) < limit else 'no'}"
    return f"| {name} | {len(values):,} | {' | '.join(told)} | {verdict} |"


def report(lesson: Lesson, asked: argparse.Namespace) -> str:
    """The lesson as Markdown."""
    book, n = lesson.book, asked.browsers
    lines = [
        "# The load of a class",
        "",
        f"`python -m benchmarks.load --browsers {n} --trainings {asked.trainings} --seconds {asked.seconds:g}`"
        + (f" `--idle-minutes {asked.idle_minutes}`" if asked.idle_minutes else "")
        + f", {time.strftime('%Y-%m-%d')}, {platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"Streamlit {version('streamlit')}.",
        "",
        f"{n} simulated browsers over websockets; the server, its trainings (two at once) and the browsers shared "
        f"{asked.cores} cores. The system's load was {lesson.load:.1f} at the end"
        + (f"; {asked.note}." if asked.note else "."),
        "",
        f"**Failed sessions: {len(book.failed)} of {n}** (target 0).",
        *(f"- {words}" for words in book.failed[:20]),
        "",
        "| what | times | p50 | p95 | p99 | target |",
        "|---|---|---|---|---|---|",
        _row("opening: websocket connect to script finished", book.opening, OPENING_LIMIT),
        _row("a rerun: click, link or text to script finished", book.rerun, RERUN_LIMIT),
        _row("a curve redrawn by its timer", book.redrawn, RERUN_LIMIT),
        _row("queue wait: asked to training begun, TensorFlow's start included", lesson.waits),
        _row("Start pressed to the curve looked at with two points", book.first_point),
        "",
        f"{lesson.n_trainings} trainings were made of {n} requests; who asked for the same one watched it.",
        "",
        "| memory | MB |",
        "|---|---|",
        f"| the server after its first visitor | {lesson.base_mb:,.0f} |",
        f"| the server with {n} sessions at the end | {lesson.full_mb:,.0f} |",
        f"| a session (the difference, divided) | {(lesson.full_mb - lesson.base_mb) / max(1, n):,.1f} |",
        f"| the server's peak | {lesson.peak_mb:,.0f} |",
        f"| trainings and the standby together, at most | {lesson.trainings_mb:,.0f} |",
        "",
        f"{book.n_bytes / 2**20:,.0f} MB were sent to the browsers.",
        "",
        "| what was done | times | p50 | p95 | p99 | |",
        "|---|---|---|---|---|---|",
        *(_row(words, seconds) for words, seconds in sorted(book.actions.items())),
    ]
    if lesson.idle_mb:
        first, last = lesson.idle_mb[0], lesson.idle_mb[-1]
        growth = last / first - 1
        verdict = "yes" if growth < GROWTH_LIMIT else "no"
        lines += [
            "",
            f"**{asked.idle_minutes} minutes of {n} idle watchers**: from {first:,.0f} to {last:,.0f} MB "
            f"({growth:+.1%}; growth under {GROWTH_LIMIT:.0%}: {verdict}).",
        ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Hold the lesson and write what it showed; 0 where no session failed."""
    from tests.browser.driver import Server

    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__.splitlines()[0])
    parser.add_argument("--browsers", type=int, default=30)
    parser.add_argument(
        "--trainings", type=int, default=6, help="different trainings; those with the same seed are one"
    )
    parser.add_argument("--seconds", type=float, default=150.0, help="how long the lesson lasts")
    parser.add_argument("--idle-minutes", type=int, default=0, help="so long they watch long trainings afterwards")
    parser.add_argument("--seed", type=int, default=1, help="of the students' chances")
    parser.add_argument("--note", default="", help="what else the machine did, for the report")
    parser.add_argument("--out", type=Path, help="the report (default: it is printed)")
    asked = parser.parse_args(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    asked.cores = available_cores()
    os.environ |= {"NER_LAB_CLASS": "1", "NER_LAB_PLACES": str(PLACES)}
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), has_standby=True) as server:
        lesson = asyncio.run(hold(asked, server))
    told = report(lesson, asked)
    print(told)
    if asked.out:
        asked.out.write_text(told, encoding="utf-8")
    return 1 if lesson.book.failed else 0


if __name__ == "__main__":
    sys.exit(main())
