"""A database with more tables than its PostgreSQL is set up for says what to set."""

from __future__ import annotations

import re

import psycopg

from coco_server.dev.postgres import DevPostgres
from coco_server.store.migrate import migrate, open_checked
from tests.started import require

SMALL = {"max_connections": "20", "max_locks_per_transaction": "10"}


def of_locks(warnings: list[str]) -> list[str]:
    return [each for each in warnings if "max_locks_per_transaction" in each]


def test_room_for_locks_follows_the_number_of_tables() -> None:
    require("postgres")
    with DevPostgres(settings=SMALL) as postgres:
        url = postgres.url()
        migrate(url)
        assert of_locks(open_checked(url)) == []
        with psycopg.connect(url, autocommit=True) as connection:
            for number in range(200):
                connection.execute(f"CREATE TABLE more_{number} ()")  # type: ignore[call-overload]
        (warning,) = of_locks(open_checked(url))
        found = re.search(r"set max_locks_per_transaction to (\d+)", warning)
        assert found is not None
        assert "200 locks" in warning
        postgres.stop(kill=True)
        postgres._settings["max_locks_per_transaction"] = found[1]
        postgres.start()
        assert of_locks(open_checked(postgres.url())) == []


def test_a_quick_start_after_a_crash_needs_another_setting(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert not [each for each in open_checked(database_url) if "recovery" in each]
        connection.execute(
            "DO $$ BEGIN FOR n IN 1..5001 LOOP "
            "EXECUTE format('CREATE TABLE crowd_%s ()', n); END LOOP; END $$"
        )
    (warning,) = (each for each in open_checked(database_url) if "recovery" in each)
    assert "recovery_init_sync_method to syncfs" in warning
