"""The app as a person meets it: a real server, a real browser, and everything ended afterwards.

    with Server(folder) as server, open_browser() as browser:
        visitor = Visitor(browser, server)
        visitor.open("Train")
        visitor.press("Start training")

A `Server` is `streamlit run app.py` in a process of its own with an empty store; leaving it ends the
trainings it has started as well. A `Visitor` is one browser session; it notes what no page may do:
raise an error in the browser, open a dialog, print a traceback, ask another host. Waits are for words and roles,
never for a time. Used by these tests and by `benchmarks/road.py`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from ner_core.training.runs import is_alive

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
# title in the navigation -> path and heading
PAGES = {
    "Home": ("", "Finding names in text"),
    "Explore": ("explore", "Explore a corpus"),
    "Train": ("train", "Train"),
    "Runs": ("runs", "Runs"),
    "Evaluate": ("evaluate", "Evaluate"),
    "Try": ("try_it", "Try a text"),
}
LAPTOP = {"viewport": {"width": 1280, "height": 800}}
TELEPHONE = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "user_agent": "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36",
}
# Points a person sees on a Vega-Lite chart: the corners of its longest line (one alone draws nothing), or its dots.
COUNT_POINTS = """chart => {
    const marks = kind => [...document.querySelectorAll(`[aria-label^="${chart}"] .role-mark.mark-${kind} path`)];
    const corners = marks("line").map(path => (path.getAttribute("d") || "").split(/[MLC]/).length - 1);
    const dots = marks("symbol").filter(path => path.getAttribute("opacity") !== "0");
    return Math.max(dots.length, ...corners.filter(n => n > 1), 0);
}"""
WAIT_SECONDS = 45.0  # for anything on a page but a training; a busy machine is slow


def what_is_missing() -> str:
    """Why no browser can be opened here; "" where one can."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed: pip install --use-pep517 -r requirements-test.txt"
    if not Path(CHROMIUM).exists():
        return f"{CHROMIUM} is not there: apt-get install chromium"
    return ""


# --- the server -------------------------------------------------------------------------


class Server:
    """`streamlit run app.py` on a free port, its store in `folder`; nobody stands by unless asked for."""

    def __init__(self, folder: Path, *, has_standby: bool = False, models: Path | None = None):
        self.home = folder / "home"
        self.log = folder / "server.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = os.environ | {"NER_LAB_HOME": str(self.home), "PYTHONUNBUFFERED": "1"}
        self._environment["NER_LAB_STANDBY"] = "1" if has_standby else "0"
        if models is not None:
            self._environment["NER_LAB_MODELS"] = str(models)

    def __enter__(self) -> Server:
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "streamlit", "run", "app.py"),
                    *("--server.port", str(self.port), "--server.address", "127.0.0.1", "--server.headless", "true"),
                ],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def said(self) -> str:
        """What the server has printed so far."""
        return self.log.read_text(errors="replace")

    def has_loaded(self, library: str) -> bool:
        """Tell whether the server itself (not a training it started) has mapped a file with this in its path."""
        return library in Path(f"/proc/{self.pid}/maps").read_text()

    def stop(self) -> None:
        """End the server, then the trainings and the standby it has started."""
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        end_workers(self.home)

    def _wait_until_healthy(self) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"The server ended with {self._process.returncode} and said:\n{self.said()}")
            with (
                contextlib.suppress(urllib.error.URLError, OSError),
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as answer,
            ):
                if answer.status == 200:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"The server did not answer for {WAIT_SECONDS:.0f} s and said:\n{self.said()}")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def workers(home: Path) -> list[dict]:
    """The living processes that this store's runs and standby belong to."""
    found = []
    for path in [*home.glob("runs/*/worker.json"), *home.glob("standby/*/*/worker.json")]:
        with contextlib.suppress(OSError, ValueError):
            identity = json.loads(path.read_text())
            if is_alive(identity):
                found.append(identity)
    return found


def end_workers(home: Path) -> None:
    """Kill every process that works in this store; they are sessions of their own and outlive the server."""
    until = time.monotonic() + 10
    while (living := workers(home)) and time.monotonic() < until:
        for identity in living:
            with contextlib.suppress(ProcessLookupError):
                os.kill(identity["pid"], signal.SIGKILL)
        time.sleep(0.05)


# --- the browser ---------------------------------------------------------------------------


@contextlib.contextmanager
def open_browser() -> Iterator:
    """Debian's Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """One person: a browser session of its own, a page, and `wrong`: what went wrong on it so far."""

    def __init__(self, browser, server: Server, *, device: dict = LAPTOP):
        self.server = server
        self.wrong: list[str] = []
        self._context = browser.new_context(**device, color_scheme="light", locale="en-GB")
        self._context.set_default_timeout(1000 * WAIT_SECONDS)
        self.page = self._context.new_page()
        self._watch(self.page)

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *error: object) -> None:
        self._context.close()

    def new_page(self) -> None:
        """Open another tab and go on there."""
        self.page = self._context.new_page()
        self._watch(self.page)

    def _watch(self, page) -> None:
        page.on("pageerror", lambda error: self.wrong.append(f"error in the page: {error}"))
        page.on("dialog", self._note_dialog)
        page.on("request", self._note_request)

    def _note_dialog(self, dialog) -> None:
        self.wrong.append(f"a dialog opened: {dialog.message}")
        dialog.dismiss()

    def _note_request(self, request) -> None:
        host = urlsplit(request.url).hostname
        if host and host != "127.0.0.1":
            self.wrong.append(f"another host was asked: {request.url}")

    # --- getting about

    def open(self, title: str = "Home", **query: str) -> None:
        """Open a page by its address and wait until it stands."""
        path, _ = PAGES[title]
        self.page.goto(f"{self.server.url}/{path}" + (f"?{urlencode(query)}" if query else ""))
        self.wait_for(title)

    def go(self, title: str) -> None:
        """Follow the navigation to a page and wait until it stands; on a telephone it is unfolded first."""
        link = self.page.get_by_role("navigation", name="App pages").get_by_role("link", name=title, exact=True)
        unfold = self.page.get_by_role("button", name="Expand sidebar")
        link.or_(unfold).filter(visible=True).first.wait_for()
        if unfold.is_visible():
            unfold.click()
        link.click()
        self.wait_for(title)

    def wait_for(self, title: str) -> None:
        """Wait until the page called `title` stands and its script has run to the end."""
        self.page.get_by_role("heading", name=PAGES[title][1], level=1, exact=True).wait_for()
        self.wait_until_done()

    def wait_until_done(self) -> None:
        """Wait until no script runs; to be used after something that only a started script shows."""
        self.page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()

    # --- doing and seeing

    def button(self, name: str):
        """The button called so, on the page (Streamlit's header has buttons of its own)."""
        return self.page.get_by_role("main").get_by_role("button", name=name, exact=True)

    def press(self, name: str) -> None:
        """Press the button called so."""
        self.button(name).click()

    def choose(self, name: str, value: str) -> None:
        """Choose one of a row of buttons, here shown as radio buttons."""
        self.page.get_by_role("radiogroup", name=name).get_by_role("radio", name=value, exact=True).click()

    def type(self, name: str, text: str) -> None:
        """Write into the text box called so, in place of what stands there."""
        self.page.get_by_role("textbox", name=name).fill(text)

    def see(self, text: str | re.Pattern, *, seconds: float = WAIT_SECONDS) -> None:
        """Wait until this text can be read."""
        self.page.get_by_text(text).first.wait_for(timeout=1000 * seconds)

    def mark(self, text: str):
        """The highlighted entity that holds `text`."""
        return self.page.get_by_role("mark").filter(has_text=text).first

    def chart(self, said: str):
        """The chart whose words for those who cannot see it begin so."""
        return self.page.get_by_role("figure", name=re.compile(f"^{said}"))

    def upload(self, name: str, content: bytes) -> None:
        """Give a file to the open dialog."""
        file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_role("tab", name="Upload a file").click()
        dialog.locator("input[type=file]").first.set_input_files(file)

    def n_points(self, chart: str) -> int:
        """How many points a person sees on the curves of the chart whose words begin so."""
        return self.page.evaluate(COUNT_POINTS, chart)

    def wait_for_points(self, chart: str, *, more_than: int = 0, seconds: float = WAIT_SECONDS) -> int:
        """Wait until the chart shows more points than that; returns how many there are."""
        self.page.wait_for_function(
            f"([chart, n]) => ({COUNT_POINTS})(chart) > n", arg=[chart, more_than], timeout=1000 * seconds
        )
        return self.n_points(chart)

    def overhang(self) -> int:
        """By how many pixels something stands out beyond the right edge, on the page or in the part that scrolls."""
        return self.page.evaluate(
            """() => Math.max(...[document.scrollingElement, document.querySelector('[data-testid="stMain"]')]
                .map(part => part.scrollWidth - Math.min(part.clientWidth, window.innerWidth)))"""
        )
