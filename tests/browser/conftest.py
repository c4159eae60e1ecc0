"""One browser and one server for the tests of a file; both end with it.

Skipped where there is no Chromium or no Playwright, unless `NER_LAB_BROWSER_TESTS=required`: then that is a failure.
"""

import os

import pytest

from tests.browser.driver import LAPTOP, Server, Visitor, open_browser, what_is_missing

HAS_FAILED = pytest.StashKey[bool]()


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Remember that a test failed, so that `visit` can tell what stood on its pages."""
    report = yield
    if report.failed:
        item.stash[HAS_FAILED] = True
    return report


@pytest.fixture
def visit(browser, server, request):
    """Open a session for one more person; at the end nothing may have gone wrong on anybody's page."""
    visitors: list[Visitor] = []

    def enter(device: dict = LAPTOP, *, at: Server = server) -> Visitor:
        visitors.append(Visitor(browser, at, device=device))
        return visitors[-1]

    yield enter
    if request.node.stash.get(HAS_FAILED, False):
        for visitor in visitors:
            print(f"{visitor.page.url} shows:\n{visitor.page.locator('body').inner_text()[:4000]}")
    for visitor in visitors:
        visitor.__exit__()
        assert not visitor.wrong, visitor.wrong
        said = visitor.server.said()
        assert "Traceback" not in said, said
