"""Transactions when connections die, statements take long, and callers leave."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from coco_core.errors import CallerLeft, CocoError, QueryTimeout, Unavailable
from coco_server.store.cancellation import CANCELLATION, Cancellation
from coco_server.store.session import Database, TimeLimits
from tests.postgres_server import running_postgres
from tests.waiting import until

LONG = "SELECT pg_sleep(600)"


@pytest.fixture
def administrator(database_url: str) -> Iterator[psycopg.Connection]:
    """A superuser in the same database."""
    name = database_url.rpartition("/")[2]
    url = running_postgres().superuser_url(name)
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def working(administrator: psycopg.Connection, name: str) -> int:
    """Return how many connections of a pool have a statement that runs."""
    row = administrator.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND state = 'active'",
        (name,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_connections_that_died_in_the_pool_are_given_to_nobody(
    database_url: str, administrator: psycopg.Connection
) -> None:
    most = 6
    with Database(database_url, most=most, name="dying") as database:
        held = [database.tenant("org") for _ in range(most)]
        for each in held:
            each.__enter__()
        for each in held:
            each.__exit__(None, None, None)
        assert database.statistics()["pool_available"] == most
        administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
            ("dying",),
        )
        for _ in range(2 * most):
            with database.tenant("org") as session:
                assert session.connection.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_that_dies_at_work_is_unavailable_and_names_no_file_or_host(
    database_url: str, administrator: psycopg.Connection
) -> None:
    with Database(database_url, most=1, name="cut") as database:
        with pytest.raises(Unavailable) as caught, database.tenant("org") as session:
            administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'cut'"
            )
            session.connection.execute("SELECT 1")
        assert caught.value.message == "The database does not answer."
        with database.tenant("org") as session:
            assert session.connection.execute("SELECT 1").fetchone() == (1,)


def test_a_statement_ends_at_its_limit_and_the_limit_with_the_transaction(
    database_url: str, administrator: psycopg.Connection
) -> None:
    limits = TimeLimits(query=0.1, change=3600, idle=7)
    with Database(database_url, most=1, name="limited", limits=limits) as database:
        with (
            pytest.raises(QueryTimeout, match=r"0\.1 seconds"),
            database.read_transaction("org") as s,
        ):
            s.connection.execute(LONG)
        assert working(administrator, "limited") == 0
        with database.system() as session:
            found = session.connection.execute(
                "SELECT current_setting('statement_timeout'), "
                "current_setting('idle_in_transaction_session_timeout')"
            ).fetchone()
            connection = session.connection
        assert found == ("1h", "7s")
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
        with database.unhurried().tenant("org") as session:
            assert session.connection.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_what_a_caller_asked_for_ends_when_they_leave(
    database_url: str, administrator: psycopg.Connection
) -> None:
    raised: list[CocoError] = []
    cancellation = Cancellation()

    def ask() -> None:
        CANCELLATION.set(cancellation)
        try:
            with database.read_transaction("org") as session:
                try:
                    session.connection.execute(LONG)
                except psycopg.errors.QueryCanceled:
                    session.connection.rollback()
                    # Whoever goes on is stopped again.
                    session.connection.execute(LONG)
        except CocoError as error:
            raised.append(error)

    with Database(database_url, most=1, name="left") as database:
        asking = threading.Thread(target=ask)
        asking.start()
        until(lambda: working(administrator, "left") == 1)
        cancellation.cancel()
        asking.join(30)
        assert not asking.is_alive()
        assert [type(each) for each in raised] == [CallerLeft]
        assert working(administrator, "left") == 0
        # Its connection serves others, undisturbed.
        with database.read_transaction("org") as session:
            assert session.connection.execute("SELECT 1").fetchone() == (1,)


def test_nothing_begins_for_a_caller_who_has_left(database: Database) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    token = CANCELLATION.set(cancellation)
    try:
        with pytest.raises(CallerLeft), database.read_transaction("org"):
            pytest.fail("it began")
    finally:
        CANCELLATION.reset(token)
