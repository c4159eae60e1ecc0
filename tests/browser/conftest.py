"""One browser and one server for the tests of a file; both end with it.

Skipped where there is no Chromium or no Playwright, unless `NER_LAB_BROWSER_TESTS=required`: then that is a failure.
"""

import os

import pytest

from tests.browser.driver import LAPTOP, Server, Visitor, open_browser, what_is_missing


@pytest.fixture(scope="module")
def browser():
    """Chromium. It ends with the file: Playwright's event loop would be in the way of other tests."""
    if missing := what_is_missing():
        if os.environ.get("NER_LAB_BROWSER_TESTS") == "required":
            pytest.fail(f"NER_LAB_BROWSER_TESTS=required, but {missing}")
        pytest.skip(missing)
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def server(browser, tmp_path_factory):
    """The app with an empty store; after the last test its trainings are ended too."""
    with Server(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def visit(browser, server):
    """Open a session for one more person; at the end nothing may have gone wrong on anybody's page."""
    visitors = []

    def enter(size: dict = LAPTOP, *, at: Server = server) -> Visitor:
        visitors.append(Visitor(browser, at, size=size))
        return visitors[-1]

    yield enter
    wrong = [problem for visitor in visitors for problem in visitor.wrong]
    for visitor in visitors:
        visitor.__exit__()
    assert not wrong, wrong
    assert "Traceback" not in server.said(), server.said()
