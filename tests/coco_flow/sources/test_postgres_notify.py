"""Changes of PostgreSQL tables by notification: nothing missed, not even behind a lost line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from coco_flow.auth import TransientAuthEntryReference, add_transient_auth_entry
from coco_flow.errors import DefinitionError, FlowError
from coco_flow.ports import Watch
from coco_flow.setting import DatabaseConnectionSpec
from coco_flow.sources import Postgres, PostgresNotification
from coco_flow.sources import postgres_notify as module
from tests.coco_flow.sources.listing import next_change, opened, run
from tests.postgres_server import running_postgres
from tests.waiting import until

DATABASE = "flow_notifications"


@pytest.fixture(scope="module")
def url() -> str:
    return running_postgres().create_database(DATABASE)


@pytest.fixture(scope="module")
def database(url: str) -> TransientAuthEntryReference[DatabaseConnectionSpec]:
    return add_transient_auth_entry(DatabaseConnectionSpec(url, min_connections=1))


@pytest.fixture
def connection(url: str) -> Iterator[Any]:
    with psycopg.connect(url, autocommit=True) as opened_connection:
        yield opened_connection


@pytest.fixture
def table(connection: Any) -> Iterator[str]:
    connection.execute("CREATE TABLE noted (a text, b int, v text, PRIMARY KEY (a, b))")
    yield "noted"
    connection.execute("DROP TABLE noted CASCADE")


@contextmanager
def watching(table: str, database: Any, channel: str | None = None) -> Iterator[Watch]:
    spec = Postgres(table_name=table, database=database, notification=PostgresNotification(channel))
    source = opened(spec)
    assert source.change_capture == "PostgreSQL notifications"
    watch = source.watch()
    assert watch is not None
    try:
        yield watch
    finally:
        source.close()


def change(watch: Watch) -> Any:
    return run(lambda: next_change(watch))


@pytest.mark.row("SR-3 push change capture")
@pytest.mark.row("LIVE-3 source-specific capture")
def test_committed_changes_arrive_by_key(database: Any, table: str, connection: Any) -> None:
    with watching(table, database) as watch:
        connection.execute("INSERT INTO noted VALUES ('é \"x\"', 1, 'v'), ('b', 2, 'w')")
        assert change(watch) == {('é "x"', 1), ("b", 2)}
        connection.execute("UPDATE noted SET v = 'new' WHERE b = 2")
        assert change(watch) == {("b", 2)}
        connection.execute("UPDATE noted SET a = 'moved' WHERE b = 2")
        assert change(watch) == {("b", 2), ("moved", 2)}
        connection.execute("DELETE FROM noted WHERE b = 1")
        assert change(watch) == {('é "x"', 1)}
        # What is rolled back never was.
        with connection.transaction(force_rollback=True):
            connection.execute("INSERT INTO noted VALUES ('never', 3, '')")
        connection.execute("INSERT INTO noted VALUES ('after', 4, '')")
        assert change(watch) == {("after", 4)}


def test_what_is_no_list_of_keys_calls_for_a_listing(
    database: Any, table: str, connection: Any
) -> None:
    with watching(table, database, "chosen") as watch:
        connection.execute("INSERT INTO noted VALUES ('a', 1, '')")
        assert change(watch) == {("a", 1)}
        connection.execute("TRUNCATE noted")
        assert change(watch) is None
        connection.execute("INSERT INTO noted VALUES (%s, 1, '')", ["x" * 2000])
        assert change(watch) == {("x" * 2000, 1)}
        for strange in ("", "no json", "{}", '[["one part"]]', "null"):
            connection.execute("SELECT pg_notify('chosen', %s)", [strange])
            assert change(watch) is None


def test_a_key_too_long_for_a_notification_calls_for_a_listing(
    database: Any, connection: Any
) -> None:
    # Such keys fit no index, so that the table cannot declare them.
    connection.execute("CREATE TABLE long_keys (k text)")
    spec = Postgres(
        table_name="long_keys",
        database=database,
        primary_key_columns=["k"],
        notification=PostgresNotification(),
    )
    source = opened(spec)
    watch = source.watch()
    assert watch is not None
    connection.execute("INSERT INTO long_keys VALUES (%s)", ["ü" * 5000])
    assert change(watch) is None
    source.close()
    connection.execute("DROP TABLE long_keys")


def test_a_flood_calls_for_a_listing(database: Any, table: str, connection: Any) -> None:
    with watching(table, database) as watch:
        connection.execute("INSERT INTO noted SELECT 'x', n FROM generate_series(1, 5000) n")
        until(lambda: watch._rescan)  # type: ignore[attr-defined]
        assert change(watch) is None


def test_keys_of_types_whose_text_hangs_on_the_session(database: Any, connection: Any) -> None:
    connection.execute(
        """
        CREATE TABLE odd_keys (
            d date, dt timestamptz, f float8, b bytea, i interval, r int8range,
            PRIMARY KEY (d, dt, f, b, i, r)
        )
        """
    )
    with watching("odd_keys", database) as watch:
        connection.execute(
            """
            SET datestyle = 'SQL, DMY'; SET timezone = 'Asia/Tokyo'; SET extra_float_digits = -3;
            SET bytea_output = 'escape'; SET intervalstyle = 'sql_standard';
            INSERT INTO odd_keys VALUES ('2026-02-03'::text::date, '2026-02-03 04:05:06+00',
                0.1::float8 + 0.2::float8, '\\x00ff', '1 day 02:00', '[1,5)')
            """.replace("'2026-02-03'::text::date", "make_date(2026, 2, 3)").replace(
                "'2026-02-03 04:05:06+00'", "to_timestamp(1770091506)"
            )
        )
        (reported,) = change(watch)
    source = opened(Postgres(table_name="odd_keys", database=database))
    (batch,) = source.list_rows()  # type: ignore[misc]
    assert [row.key for row in batch] == [reported]
    connection.execute("DROP TABLE odd_keys")


def test_the_trigger_is_set_up_once_and_used_by_all(
    database: Any, table: str, connection: Any
) -> None:
    count = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'noted'::regclass"
    identity = "SELECT array_agg(oid) FROM pg_trigger WHERE tgrelid = 'noted'::regclass"
    with watching(table, database) as first:
        made = connection.execute(identity).fetchone()
        with watching(table, database) as second:
            assert connection.execute(identity).fetchone() == made
            connection.execute("INSERT INTO noted VALUES ('a', 1, '')")
            assert change(first) == change(second) == {("a", 1)}
    assert connection.execute(count).fetchone() == (2,)
    # One that was disabled, or whose function someone changed, is made anew.
    connection.execute("ALTER TABLE noted DISABLE TRIGGER ALL")
    with watching(table, database) as again:
        connection.execute("INSERT INTO noted VALUES ('b', 1, '')")
        assert change(again) == {("b", 1)}


def test_a_lost_connection_is_made_again_and_everything_listed(
    database: Any, table: str, connection: Any, caplog: pytest.LogCaptureFixture
) -> None:
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'coco-flow' AND query LIKE 'LISTEN%'"
    )
    # The role of the tests may not end what it did not begin, so the superuser does.
    with (
        watching(table, database) as watch,
        psycopg.connect(running_postgres().superuser_url(DATABASE), autocommit=True) as superuser,
        caplog.at_level(logging.WARNING),
    ):
        assert superuser.execute(kill).fetchall() == [(True,)]
        connection.execute("INSERT INTO noted VALUES ('meanwhile', 1, '')")
        assert change(watch) in (None, {("meanwhile", 1)})
        connection.execute("INSERT INTO noted VALUES ('later', 1, '')")
        while ("later", 1) not in (change(watch) or {("later", 1)}):
            pass
    assert "lost the notifications" in caplog.text


def test_what_may_not_be_created_is_shown_for_the_owner(
    url: str, table: str, connection: Any
) -> None:
    connection.execute("CREATE ROLE reader LOGIN PASSWORD 'reader'")
    connection.execute("GRANT SELECT ON noted TO reader")
    reader = add_transient_auth_entry(
        DatabaseConnectionSpec(url, user="reader", password="reader", min_connections=1)
    )
    spec = Postgres(table_name=table, database=reader, notification=PostgresNotification())
    with pytest.raises(FlowError, match="may not be created") as caught:
        opened(spec).watch()
    statements = (caught.value.hint or "").partition("\n")[2]
    connection.execute(statements)
    source = opened(spec)
    watch = source.watch()
    assert watch is not None
    connection.execute("INSERT INTO noted VALUES ('a', 1, '')")
    assert change(watch) == {("a", 1)}
    source.close()
    connection.execute("REVOKE ALL ON noted FROM reader; DROP ROLE reader")


def test_views_and_long_names_are_refused_when_the_flow_is_defined(
    database: Any, table: str, connection: Any
) -> None:
    connection.execute("CREATE VIEW noted_view AS SELECT * FROM noted")
    note = PostgresNotification()
    with pytest.raises(DefinitionError, match="is a view"):
        opened(
            Postgres(
                table_name="noted_view",
                database=database,
                notification=note,
                primary_key_columns=["a"],
            )
        )
    for name in ("", "x" * 64):
        note = PostgresNotification(channel_name=name)
        with pytest.raises(DefinitionError, match="name of a channel"):
            opened(Postgres(table_name=table, database=database, notification=note))


def test_closing_ends_the_stream(database: Any, table: str) -> None:
    async def body() -> None:
        with watching(table, database) as watch:
            waiting = asyncio.ensure_future(anext(watch, "the end"))
            await asyncio.sleep(0)
            await watch.aclose()  # type: ignore[attr-defined]
            assert await asyncio.wait_for(waiting, 10) == "the end"

    run(body)


def test_what_ends_the_thread_is_raised_to_who_waits(
    database: Any, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise LookupError("unforeseen")

    monkeypatch.setattr(module.PostgresChanges, "_take", broken)
    with watching(table, database) as watch, pytest.raises(LookupError, match="unforeseen"):
        change(watch)
