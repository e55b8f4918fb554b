"""Markers of tests by what they start, so that a part of them can be left out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import started

# How long one example takes says more about the machine's load than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker in started.markers_of(item):
            item.add_marker(marker)


@pytest.fixture
def anyio_backend() -> str:
    """What the asynchronous tests marked with ``anyio`` run on."""
    return "asyncio"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    started.current(item)
    try:
        return (yield)
    finally:
        started.current(None)
