"""Pytest plugin of `run_upstream`: runs tests that are coroutines, and writes every outcome."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
from pathlib import Path

import pytest

REPORT_VARIABLE = "SUITE_OUTCOMES"

_outcomes: dict[str, str] = {}


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark that suites put on coroutines."""
    config.addinivalue_line("markers", "asyncio: a test that is a coroutine")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test on a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    # Without debugging, as pytest-asyncio does it: suites set events from the threads of loops.
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}), debug=False)
    return True


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note a test's outcome; a failure before or after it counts as its own."""
    if report.failed:
        _outcomes[report.nodeid] = "failed"
    elif report.skipped:
        _outcomes.setdefault(report.nodeid, "skipped")
    elif report.when == "call":
        _outcomes.setdefault(report.nodeid, "passed")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a file that could not be imported."""
    if report.failed:
        _outcomes[report.nodeid] = "failed"
    elif report.skipped:
        _outcomes[report.nodeid] = "skipped"


def pytest_sessionfinish() -> None:
    """Write the outcomes."""
    Path(os.environ[REPORT_VARIABLE]).write_text(json.dumps(_outcomes), "utf-8")
