from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coco_flow import components as coco
from coco_flow.components import store
from coco_flow.components.ids import generate_id
from coco_flow.components.store import Store
from coco_flow.errors import StateBroken
from tests.component_parts import MemoryTarget

Make = Callable[..., coco.App[Any, Any]]


def test_a_run_without_changes_reads_little_and_writes_nothing(
    environment: coco.Environment, target: MemoryTarget
) -> None:
    @coco.fn(memo=True)
    async def one(key: str) -> None:
        target.declare(key, 1)

    @coco.fn
    async def main() -> None:
        await coco.mount_each(one, [(str(n), str(n)) for n in range(200)])

    program = coco.App(coco.AppConfig("app", environment), main)
    program.update_blocking()
    statements: list[str] = []
    environment.store._connection.set_trace_callback(statements.append)
    program.update_blocking()
    environment.store._connection.set_trace_callback(None)
    rows = [each for each in statements if not each.startswith(("BEGIN", "COMMIT"))]
    # One look at each component's record, and a few for the root.
    assert 200 <= len(rows) <= 210
    # The root's own record is all that is written.
    assert sum(not each.startswith("SELECT") for each in rows) <= 3


def test_statements_of_one_turn_share_a_transaction(tmp_path: Path) -> None:
    async def script() -> None:
        opened = Store(tmp_path, asyncio.get_running_loop())
        statements: list[str] = []
        opened._connection.set_trace_callback(statements.append)
        for number in range(3):
            opened.write("INSERT INTO app (name) VALUES (?1)", (str(number),))
        assert opened.read_one("SELECT count(*) FROM app", ()) == (3,)
        await opened.committed()
        assert [each for each in statements if each.startswith(("BEGIN I", "COMMIT"))] == [
            "COMMIT", "BEGIN IMMEDIATE", "COMMIT",
        ]  # fmt: skip
        # Nothing to wait for.
        assert opened.committed().done()
        opened.close()
        opened.close()

    asyncio.run(script())


def test_a_commit_that_fails_fails_who_waits_for_it(tmp_path: Path) -> None:
    async def script() -> None:
        opened = Store(tmp_path, asyncio.get_running_loop())
        opened._connection.execute("PRAGMA foreign_keys = ON")
        opened._connection.execute(
            "CREATE TABLE checked (id INTEGER REFERENCES app (id) DEFERRABLE INITIALLY DEFERRED)"
        )
        opened.write("INSERT INTO checked VALUES (?1)", (7,))
        with pytest.raises(StateBroken, match=r"components\.sqlite.*FOREIGN KEY"):
            await opened.committed()
        # The next turn has a transaction of its own.
        opened.write("INSERT INTO app (name) VALUES ('x')", ())
        await opened.committed()
        assert opened.read("SELECT name FROM app", ()) == [("x",)]
        opened.close()

    asyncio.run(script())


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    coco.Environment(coco.Settings(db_path=tmp_path)).close()
    path = tmp_path / "components.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = 99")
    connection.close()
    with pytest.raises(StateBroken, match="schema version 99"):
        coco.Environment(coco.Settings(db_path=tmp_path))


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / store.FILE_NAME).write_bytes(b"x" * 4096)
    with pytest.raises(StateBroken, match=r"components\.sqlite"):
        coco.Environment(coco.Settings(db_path=tmp_path))


def test_a_closed_environment_says_so(tmp_path: Path) -> None:
    environment = coco.Environment(coco.Settings(db_path=tmp_path))
    program: coco.App[Any, Any] = coco.App(coco.AppConfig("app", environment), lambda: None)
    program.update_blocking()
    environment.close()
    with pytest.raises(StateBroken, match="closed, because its environment is"):
        program.update_blocking()
    with pytest.raises(ValueError, match="db_path must be provided"):
        coco.Environment(coco.Settings())


def test_numbers_are_kept_and_do_not_come_twice(restarted: Make) -> None:
    @coco.fn
    async def main(names: list[str]) -> list[int]:
        return [await generate_id(name) for name in names]

    first = restarted(main, ["a", "b", "c"]).update_blocking()
    second = restarted(main, ["c", "d", "b", "e"]).update_blocking()
    assert len(set(first)) == 3
    assert (second[0], second[2]) == (first[2], first[1])
    assert len({*first, *second}) == 5


def test_another_process_may_read_during_an_update(
    restarted: Make, tmp_path: Path, target: MemoryTarget
) -> None:
    counts: list[int] = []

    @coco.fn
    async def one(key: str) -> None:
        target.declare(key, 1)

    @coco.fn
    async def main() -> None:
        handle = await coco.mount_each(one, [(str(n), str(n)) for n in range(20)])
        await handle.ready()
        with store.read_only(tmp_path / "state" / store.FILE_NAME) as connection:
            counts.append(connection.execute("SELECT count(*) FROM component").fetchone()[0])

    restarted(main).update_blocking()
    assert counts == [20]
