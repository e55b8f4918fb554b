"""What a test starts, read from its code and from that of its fixtures: it decides the markers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from types import CodeType, FunctionType
from typing import Any

import pytest

__all__ = ["current", "markers_of", "require", "started_by"]

# Names by which code starts something, with the marker of tests that do.
STARTERS: Mapping[str, str] = {
    "DevPostgres": "postgres",
    "DevStack": "postgres",
    "Daemon": "daemon",
    "LocalDaemon": "daemon",
    "detach": "daemon",
    # The dashboard is drawn for some tenths of a second in each test.
    "CocoApp": "slow",
    # A program takes a second before it does anything; git, which takes none, is not Python.
    "executable": "slow",
    "multiprocessing": "slow",
    "Popen": "slow",
}

_RUNNING: list[pytest.Item] = []


def markers_of(item: pytest.Item) -> frozenset[str]:
    """Return the markers that follow from what a test and its fixtures call."""
    if not isinstance(item, pytest.Function):
        return frozenset()
    found = set(started_by(item.function))
    for fixture in _fixtures(item):
        found |= started_by(fixture)
    return frozenset(found)


def _fixtures(item: pytest.Function) -> Iterator[Any]:
    """Yield the functions of all fixtures, also of those that a parameter names."""
    given = item.callspec.params.values() if hasattr(item, "callspec") else ()
    names = [*item.fixturenames, *(value for value in given if isinstance(value, str))]
    # The list grows by what each fixture itself asks for.
    for name in names:
        definitions = item.session._fixturemanager.getfixturedefs(name, item)
        if definitions:
            yield definitions[-1].func
            names += [each for each in definitions[-1].argnames if each not in names]


def current(item: pytest.Item | None) -> None:
    """Note which test runs, for `require`."""
    _RUNNING[:] = [] if item is None else [item]


def require(marker: str) -> None:
    """Fail a test that starts something and lacks the marker, where a part of the tests is run.

    The whole suite runs all tests, marked or not, and benchmarks start what they like.
    """
    for item in _RUNNING:
        if item.config.option.markexpr and item.get_closest_marker(marker) is None:
            pytest.fail(f"Mark this test with @pytest.mark.{marker}.")


def started_by(called: Any) -> frozenset[str]:
    """Return the markers of what a function or class starts, itself or through what it calls."""
    seen: set[int] = set()
    return frozenset(_walk(called, seen))


def _walk(called: Any, seen: set[int]) -> Iterator[str]:
    """Follow functions and classes of the tests; what others do inside is known by their names."""
    # Hypothesis keeps the test that it calls with examples.
    called = getattr(getattr(called, "hypothesis", None), "inner_test", called)
    called = inspect.unwrap(called)
    if isinstance(called, type):
        parts = [part for part in vars(called).values() if callable(part) or _wrapped(part)]
        for part in parts:
            yield from _walk(getattr(part, "fget", None) or getattr(part, "__func__", part), seen)
    if not isinstance(called, FunctionType) or id(called) in seen:
        return
    seen.add(id(called))
    for name in _names(called.__code__):
        if name in STARTERS:
            yield STARTERS[name]
        other = called.__globals__.get(name)
        if str(getattr(other, "__module__", "")).startswith("tests."):
            yield from _walk(other, seen)


def _wrapped(part: Any) -> bool:
    return isinstance(part, property | classmethod | staticmethod)


@cache
def _names(code: CodeType) -> frozenset[str]:
    """Return the names that a function and those inside it use."""
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return frozenset(code.co_names).union(*map(_names, inner))
