"""Every version that `make test` installs is pinned: what the files name, and what lies beneath it."""

import re
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FILES = ("requirements.txt", "requirements-test.txt", "requirements-cluster.txt")


def lines_of(name):
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


@pytest.fixture(scope="module")
def lock():
    """Package -> the versions it may have (another one for another Python)."""
    found = {}
    for line in lines_of("requirements.lock"):
        assert re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; [\w '!<>=.]+)?", line), line  # neither an address nor an option
        name, _, pin = line.partition(" ;")[0].partition("==")
        found.setdefault(name, set()).add(pin)
    return found


@pytest.mark.parametrize("file", FILES)
def test_what_a_file_needs_is_pinned_to_the_bottom(lock, file):
    assert "-c requirements.lock" in lines_of(file)
    waiting = [Requirement(line) for line in lines_of(file) if not line.startswith("-")]
    assert all(str(needed.specifier).startswith("==") for needed in waiting)
    seen = set()
    while waiting:
        needed = waiting.pop()
        name = canonicalize_name(needed.name)
        if name in seen or (needed.marker and not needed.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        assert name in lock, f"{file} needs {name}; write requirements.lock anew (CONTRIBUTING.md)"
        assert any(needed.specifier.contains(pin) for pin in lock[name]), f"{needed}, but the lock has {lock[name]}"
        try:
            assert version(name) in lock[name]
        except PackageNotFoundError:  # not installed here: what it needs is not known
            continue
        waiting += map(Requirement, requires(name) or [])
