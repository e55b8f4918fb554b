from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.daemon_process import Daemon, running_daemon
from tests.postgres_server import fresh_database
from tests.started import markers_of, require, started_by


class Client:
    """Knows a database, as the fixtures of some tests do."""

    @property
    def url(self) -> str:
        return fresh_database()


@contextmanager
def program() -> Iterator[None]:
    subprocess.run([sys.executable, "-c", ""], check=True)
    yield


def nested() -> None:
    def inner() -> None:
        with program():
            pass

    inner()


@pytest.mark.parametrize(
    ("called", "markers"),
    [
        (fresh_database, {"postgres"}),
        (Client, {"postgres"}),
        (lambda: Client().url, {"postgres"}),
        (running_daemon, {"daemon", "slow"}),
        (lambda: Daemon, {"daemon", "slow"}),
        (nested, {"slow"}),
        (given(st.none())(lambda _: nested()), {"slow"}),
        (lambda: subprocess.run(["git", "init"], check=True), set()),
    ],
)
def test_what_a_function_starts_is_read_from_its_code(called: object, markers: set[str]) -> None:
    assert started_by(called) == markers


def test_fixtures_count_and_those_that_a_parameter_names(request: pytest.FixtureRequest) -> None:
    item = request.node
    assert markers_of(item) == set()
    item.fixturenames.append("program_that_is_started")
    assert markers_of(item) == {"slow"}


@pytest.fixture
def program_that_is_started() -> Iterator[None]:
    with program():
        yield


def test_what_is_not_marked_is_not_started(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request.config.option, "markexpr", "not postgres")
    with pytest.raises(pytest.fail.Exception, match=r"pytest\.mark\.postgres"):
        require("postgres")


def test_the_whole_suite_starts_what_it_needs(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request.config.option, "markexpr", "")
    require("postgres")


@pytest.mark.postgres
def test_what_is_marked_is_started() -> None:
    require("postgres")
