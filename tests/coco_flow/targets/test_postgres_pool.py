"""Pools of connections to PostgreSQL."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql

from coco_core.errors import Unavailable
from coco_flow.errors import DefinitionError
from coco_flow.postgres_database import public_url
from coco_flow.setting import DatabaseConnectionSpec
from coco_flow.targets import postgres_pool
from coco_flow.targets.postgres_pool import borrow, close_pools, pool_for, pool_of
from tests.postgres_server import running_postgres
from tests.waiting import until

PASSWORD = "p@ss/w:rd?"


@pytest.fixture(scope="module")
def url() -> str:
    return running_postgres().create_database("flow_pools")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    close_pools()


@pytest.fixture(scope="module")
def other_user() -> Iterator[str]:
    """A second user, whose password a URL could not hold without escapes."""
    with psycopg.connect(running_postgres().superuser_url(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE pool_user LOGIN PASSWORD {}").format(sql.Literal(PASSWORD))
        )
    yield "pool_user"


def who(spec: DatabaseConnectionSpec) -> str:
    with borrow(pool_for(spec)) as connection:
        row = connection.execute("SELECT current_user::text").fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.row("DB-1 credential override")
def test_user_and_password_win_over_those_of_the_url(url: str, other_user: str) -> None:
    assert who(DatabaseConnectionSpec(url, min_connections=1)) == "coco"
    assert who(DatabaseConnectionSpec(url, other_user, PASSWORD, min_connections=1)) == other_user
    bare = f"postgres://{url.rpartition('@')[2]}"
    assert who(DatabaseConnectionSpec(bare, other_user, PASSWORD, min_connections=1)) == other_user


@pytest.mark.row("DB-2 pools")
def test_one_url_and_user_share_a_pool(url: str, other_user: str) -> None:
    first = pool_for(DatabaseConnectionSpec(url, min_connections=1))
    assert pool_for(DatabaseConnectionSpec(url, max_connections=3)) is first
    assert (
        pool_for(DatabaseConnectionSpec(url, other_user, PASSWORD, min_connections=1)) is not first
    )
    close_pools()
    assert pool_for(DatabaseConnectionSpec(url, min_connections=1)) is not first


@pytest.mark.slow
@pytest.mark.row("DB-2 pools")
def test_a_host_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert postgres_pool.CONNECT_SECONDS == 30
    # The shortest time that libpq takes for a limit.
    monkeypatch.setattr(postgres_pool, "CONNECT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgres://me:secret@127.0.0.1:{silent.getsockname()[1]}/db"
        started = time.monotonic()
        with pytest.raises(
            Unavailable, match=r"me@127\.0\.0\.1:\d+/db cannot be reached"
        ) as raised:
            pool_for(DatabaseConnectionSpec(address))
    assert time.monotonic() - started < 10
    assert "secret" not in str(raised.value)


def test_a_wrong_password_is_told_at_once(url: str) -> None:
    with pytest.raises(Unavailable, match="password authentication failed"):
        pool_for(DatabaseConnectionSpec(url, password="wrong"))


@pytest.mark.row("DB-2b slow acquire log")
def test_a_long_wait_for_a_connection_is_logged(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert postgres_pool.SLOW_ACQUIRE_SECONDS == 10
    monkeypatch.setattr(postgres_pool, "SLOW_ACQUIRE_SECONDS", 0.0)
    # Looking whether the server is there must not end the wait.
    monkeypatch.setattr(postgres_pool, "_CHECK_SECONDS", 0.05)
    pool = pool_for(DatabaseConnectionSpec(url, max_connections=1, min_connections=1))
    with caplog.at_level(logging.INFO), ThreadPoolExecutor(1) as executor:
        with borrow(pool):
            waiting = executor.submit(lambda: borrow(pool).__enter__().closed)
            until(lambda: pool.get_stats().get("requests_errors", 0) > 1)
        assert waiting.result() is False
    assert f"for a connection to {public_url(url)}" in caplog.text


def test_a_pool_without_a_free_connection_says_so(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_pool, "ACQUIRE_SECONDS", 0.1)
    pool = pool_for(DatabaseConnectionSpec(url, max_connections=1, min_connections=1))
    with borrow(pool), pytest.raises(Unavailable, match="all 1 are in use"), borrow(pool):
        pass


@pytest.mark.row("QRY-8 pooled client")
def test_a_hundred_callers_share_the_most_connections(url: str) -> None:
    pool = pool_for(DatabaseConnectionSpec(url, max_connections=4, min_connections=1))
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    barrier = threading.Barrier(20)

    def call(i: int) -> int:
        if i < 20:
            barrier.wait()
        with borrow(pool) as connection:
            row = connection.execute(count).fetchone()
            assert row is not None
            return int(row[0])

    with ThreadPoolExecutor(20) as executor:
        counts = list(executor.map(call, range(100)))
    assert len(counts) == 100
    assert max(counts) <= 4


def test_a_broken_connection_is_replaced_at_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Waiting for the next check would take a minute.
    monkeypatch.setattr(postgres_pool, "_CHECK_SECONDS", 60.0)
    pool = pool_for(DatabaseConnectionSpec(url, max_connections=4, min_connections=3))
    pool.wait()
    with psycopg.connect(url, autocommit=True) as killer:
        killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    started = time.monotonic()
    with borrow(pool) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert time.monotonic() - started < 30


def test_an_exception_takes_back_what_was_written(url: str) -> None:
    pool = pool_for(DatabaseConnectionSpec(url, min_connections=1))
    with pytest.raises(ZeroDivisionError), borrow(pool) as connection:
        connection.execute("CREATE TABLE half_done (n int)")
        _ = 1 / 0
    with borrow(pool) as connection:
        assert connection.execute("SELECT to_regclass('half_done')").fetchone() == (None,)


def test_without_a_database_the_flows_own_is_meant(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coco_flow import postgres_database

    own = DatabaseConnectionSpec(url, min_connections=1)
    monkeypatch.setattr(postgres_database, "own_database", lambda: own)
    assert pool_of(None) is pool_for(own)
    for other in (None, DatabaseConnectionSpec("sqlite:///state.db")):
        monkeypatch.setattr(postgres_database, "own_database", lambda other=other: other)
        with pytest.raises(DefinitionError, match="Pass database="):
            pool_of(None)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgres://a:b@c@host/db", "postgres://a@host/db"),
        ("postgresql://a@host", "postgresql://a@host"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("host=x password=y", "host=x password=***"),
        ("postgresql://host/db?password=b", "postgresql://host/db?password=***"),
    ],
)
def test_the_password_is_left_out_of_a_url(given: str, shown: str) -> None:
    assert public_url(given) == shown
