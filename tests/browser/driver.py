"""The app as a person meets it: a real server, a real browser, and everything ended afterwards.

    with Server(folder) as server, open_browser() as browser:
        visitor = Visitor(browser, server)
        visitor.open("train")
        visitor.page.get_by_role("button", name="Start training").click()

A `Server` is `streamlit run app.py` in a process of its own with an empty store; leaving it ends the
trainings it has started as well. A `Visitor` is one browser session; it notes what no page may do:
raise an error in the browser, open a dialog, print a traceback, ask another host. Waits are for words and roles,
never for a time. Used by these tests and by `benchmarks/road.py`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
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
LAPTOP = {"width": 1280, "height": 800}
TELEPHONE = {"width": 390, "height": 844}
WAIT_SECONDS = 45.0  # for anything on a page but a training; a busy machine is slow


def what_is_missing() -> str:
    """Why no browser can be opened here; "" where one can."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed: pip install -r requirements-test.txt"
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
    for path in [*home.glob("runs/*/worker.json"), *home.glob("standby/*/worker.json")]:
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

    def __init__(self, browser, server: Server, *, size: dict = LAPTOP):
        self.server = server
        self.wrong: list[str] = []
        self._context = browser.new_context(viewport=size, color_scheme="light", locale="en-GB")
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

    def open(self, name: str = "", **query: str) -> None:
        """Open a page by its address and wait until it stands."""
        self.page.goto(f"{self.server.url}/{name}?{urlencode(query)}" if query else f"{self.server.url}/{name}")
        self.wait_until_done()

    def go(self, title: str) -> None:
        """Follow the navigation on top to the page called so."""
        self.page.get_by_role("banner").get_by_role("link", name=title, exact=True).click()
        self.wait_until_done()

    def wait_until_done(self) -> None:
        """Wait until the page's script has run to its end."""
        self.page.get_by_role("heading", level=1).first.wait_for()
        self.page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()

    def width(self) -> tuple[int, int]:
        """How wide the page is, and how wide the window."""
        return tuple(self.page.evaluate("[document.scrollingElement.scrollWidth, window.innerWidth]"))


def remove(folder: Path) -> None:
    """Remove a store whose workers have ended."""
    shutil.rmtree(folder, ignore_errors=True)
