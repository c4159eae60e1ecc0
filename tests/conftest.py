"""Which tests run: those marked `slow` only with `NER_LAB_TESTS=all`, as in CI (or `make faults`), so that `make test` stays under ten minutes."""

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "all" not in (os.environ.get("NER_LAB_TESTS"), os.environ.get("NER_LAB_FAULTS")):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: NER_LAB_TESTS=all runs it, as CI does"))
