from __future__ import annotations

import asyncio
import datetime
import importlib.util
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from coco_flow import components as coco
from coco_flow.components.connectorkits.target import ManagedBy
from coco_flow.components.connectors import sqlite
from coco_flow.components.schema import VectorSchema

DB: coco.ContextKey[sqlite.ManagedConnection] = coco.ContextKey("test_components_sqlite")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite.ManagedConnection]:
    with sqlite.managed_connection(tmp_path / "target.db") as opened:
        yield opened


@pytest.fixture
def app(tmp_path: Path, db: sqlite.ManagedConnection) -> Iterator[Callable[..., Any]]:
    provider = coco.ContextProvider()
    provider.provide(DB, db)
    environment = coco.Environment(
        coco.Settings(db_path=tmp_path / "state"), context_provider=provider
    )
    yield lambda main: coco.App(coco.AppConfig("app", environment), main)
    environment.close()


def rows(db: sqlite.ManagedConnection, query: str = "SELECT * FROM t ORDER BY 1") -> list[Any]:
    with db.readonly() as conn:
        return [tuple(row) for row in conn.execute(query)]


@dataclass
class Row:
    id: str
    n: int


def test_rows_follow_what_is_declared(
    db: sqlite.ManagedConnection, app: Callable[..., Any]
) -> None:
    wanted = {"a": 1, "b": 2}
    has_table = True

    @coco.fn
    async def main() -> None:
        if not has_table:
            return
        schema = await sqlite.TableSchema.from_class(Row, ["id"])
        table = await sqlite.mount_table_target(DB, "t", schema)
        for key, number in wanted.items():
            table.declare_row(row=Row(key, number))

    program = app(main)
    program.update_blocking()
    assert rows(db) == [("a", 1), ("b", 2)]
    wanted = {"b": 3, "c": 4}
    program.update_blocking()
    assert rows(db) == [("b", 3), ("c", 4)]
    has_table = False
    program.update_blocking()
    assert rows(db, "SELECT name FROM sqlite_master") == []


@dataclass
class AllTypes:
    key: uuid.UUID
    flag: bool
    number: float
    money: Decimal
    data: bytes
    day: datetime.date
    moment: datetime.datetime
    span: datetime.timedelta
    tags: list[str]
    facts: dict[str, int] | None


def test_values_are_stored_in_the_forms_of_sqlite(
    db: sqlite.ManagedConnection, app: Callable[..., Any]
) -> None:
    moment = datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC)
    row = AllTypes(
        uuid.UUID(int=1), True, 1.5, Decimal("1.10"), b"\0x", moment.date(), moment,
        datetime.timedelta(minutes=1), ["a"], None,
    )  # fmt: skip

    @coco.fn
    async def main() -> None:
        schema = await sqlite.TableSchema.from_class(AllTypes, ["key"])
        table = await sqlite.mount_table_target(DB, "t", schema)
        table.declare_row(row=row)

    app(main).update_blocking()
    assert rows(db) == [
        (
            str(uuid.UUID(int=1)), 1, 1.5, "1.10", b"\0x", "2026-01-02",
            "2026-01-02T03:00:00+00:00", 60.0, '["a"]', None,
        )
    ]  # fmt: skip


def test_a_new_nullable_column_leaves_rows_alone_and_a_dropped_one_goes(
    db: sqlite.ManagedConnection, app: Callable[..., Any]
) -> None:
    columns = {"id": sqlite.ColumnDef("TEXT", False), "n": sqlite.ColumnDef("INTEGER")}
    wanted: list[dict[str, Any]] = [{"id": "a", "n": 1}]

    @coco.fn
    async def main() -> None:
        schema: sqlite.TableSchema[Any] = sqlite.TableSchema(dict(columns), ["id"])
        table = await sqlite.mount_table_target(DB, "t", schema)
        for row in wanted:
            table.declare_row(row=row)

    program = app(main)
    program.update_blocking()
    with db.transaction() as conn:
        conn.execute("UPDATE t SET n = 100")
    columns["extra"] = sqlite.ColumnDef("TEXT")
    program.update_blocking()
    # The row was not written again: it has not changed.
    assert rows(db) == [("a", 100, None)]
    wanted[0]["extra"] = "x"
    program.update_blocking()
    assert rows(db) == [("a", 1, "x")]
    del columns["n"]
    program.update_blocking()
    assert rows(db) == [("a", "x")]
    columns["extra"] = sqlite.ColumnDef("INTEGER")
    wanted[0]["extra"] = 5
    program.update_blocking()
    assert rows(db) == [("a", 5)]


def test_another_primary_key_makes_the_table_anew(
    db: sqlite.ManagedConnection, app: Callable[..., Any]
) -> None:
    key = ["id"]

    @coco.fn
    async def main() -> None:
        schema = await sqlite.TableSchema.from_class(Row, list(key))
        table = await sqlite.mount_table_target(DB, "t", schema)
        table.declare_row(row=Row("a", 1))

    program = app(main)
    program.update_blocking()
    key.append("n")
    program.update_blocking()
    assert rows(db) == [("a", 1)]
    assert rows(db, "SELECT name FROM pragma_table_info('t') WHERE pk > 0") == [("id",), ("n",)]


def test_a_table_of_the_user_is_only_filled(
    db: sqlite.ManagedConnection, app: Callable[..., Any]
) -> None:
    with db.transaction() as conn:
        conn.execute("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER, theirs TEXT)")
        conn.execute("INSERT INTO t VALUES ('u', 0, 'user')")
    declared = True

    @coco.fn
    async def main() -> None:
        if not declared:
            return
        schema = await sqlite.TableSchema.from_class(Row, ["id"])
        table = await sqlite.mount_table_target(DB, "t", schema, managed_by=ManagedBy.USER)
        table.declare_row(row=Row("a", 1))

    program = app(main)
    program.update_blocking()
    assert rows(db) == [("a", 1, None), ("u", 0, "user")]
    declared = False
    program.update_blocking()
    assert ("u", 0, "user") in rows(db)


def test_names_that_are_no_identifiers_are_refused(app: Callable[..., Any]) -> None:
    schema: sqlite.TableSchema[Any] = sqlite.TableSchema({"id": sqlite.ColumnDef("TEXT")}, ["id"])
    with pytest.raises(ValueError, match="Invalid table name"):
        sqlite.table_target(DB, 't"; DROP TABLE x; --', schema)
    with pytest.raises(ValueError, match="Primary key column 'no' not found"):
        sqlite.TableSchema({"id": sqlite.ColumnDef("TEXT")}, ["no"])


def test_a_vector_needs_its_schema() -> None:
    @dataclass
    class Bare:
        id: int
        vector: NDArray[np.float32]

    with pytest.raises(ValueError, match="Field 'vector': A VectorSchemaProvider is required"):
        asyncio.run(sqlite.TableSchema.from_class(Bare, ["id"]))


def test_a_transaction_that_fails_leaves_nothing(db: sqlite.ManagedConnection) -> None:
    with db.transaction() as conn:
        conn.execute("CREATE TABLE t (id TEXT)")

    def fail() -> None:
        with db.transaction() as conn:
            conn.execute("INSERT INTO t VALUES ('a')")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert rows(db) == []


vec0 = pytest.mark.skipif(
    importlib.util.find_spec("sqlite_vec") is None
    or not (
        hasattr(sqlite3.Connection, "enable_load_extension")
        or importlib.util.find_spec("pysqlite3")
    ),
    reason="needs sqlite-vec, and an sqlite3 that can load it",
)


@dataclass
class Point:
    id: int
    name: str
    vector: Annotated[NDArray[np.float32], VectorSchema(np.dtype(np.float32), 2)]


@vec0
@pytest.mark.parametrize("virtual", [None, sqlite.Vec0TableDef(auxiliary_columns=["name"])])
def test_vectors_can_be_searched(
    virtual: sqlite.Vec0TableDef | None, db: sqlite.ManagedConnection, app: Callable[..., Any]
) -> None:
    points = {1: ("right", [1.0, 0.0]), 2: ("up", [0.0, 1.0])}

    @coco.fn
    async def main() -> None:
        schema = await sqlite.TableSchema.from_class(Point, ["id"])
        table = await sqlite.mount_table_target(DB, "t", schema, virtual_table_def=virtual)
        for key, (name, vector) in points.items():
            table.declare_row(row=Point(key, name, np.array(vector, dtype=np.float32)))

    def nearest() -> list[Any]:
        asked = np.array([0.9, 0.1], dtype=np.float32).tobytes()
        by = "vec_distance_cosine(vector, ?)" if virtual is None else "distance"
        where = "" if virtual is None else "WHERE vector MATCH ? AND k = 5"
        query = f"SELECT name FROM t {where} ORDER BY {by}"
        with db.readonly() as conn:
            return [row[0] for row in conn.execute(query, (asked,))]

    program = app(main)
    program.update_blocking()
    assert nearest() == ["right", "up"]
    points[2] = ("nearer", [0.9, 0.1])
    program.update_blocking()
    assert nearest() == ["nearer", "right"]
    del points[2]
    program.update_blocking()
    assert nearest() == ["right"]


def test_a_vector_table_without_the_extension_says_what_to_do(
    tmp_path: Path, app: Callable[..., Any]
) -> None:
    bare: coco.ContextKey[sqlite.ManagedConnection] = coco.ContextKey("test_sqlite_bare")

    @coco.fn
    async def main() -> None:
        schema = await sqlite.TableSchema.from_class(Point, ["id"])
        await sqlite.mount_table_target(bare, "t", schema)

    with sqlite.managed_connection(tmp_path / "bare.db", load_vec=False) as opened:
        provider = coco.ContextProvider()
        provider.provide(bare, opened)
        environment = coco.Environment(
            coco.Settings(db_path=tmp_path / "bare"), context_provider=provider
        )
        with pytest.raises(RuntimeError, match=r"load_vec=True"):
            coco.App(coco.AppConfig("app", environment), main).update_blocking()
        environment.close()
