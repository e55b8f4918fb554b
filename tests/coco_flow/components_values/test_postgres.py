from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import numpy as np
import pytest
from numpy.typing import NDArray

from coco_flow import components as coco
from coco_flow.components.connectors import postgres
from coco_flow.components.schema import VectorSchema
from tests.postgres_server import running_postgres

DB: coco.ContextKey[asyncpg.Pool] = coco.ContextKey("test_components_postgres")


@pytest.fixture(scope="module")
def url() -> str:
    return running_postgres().create_database(f"components_{uuid.uuid4().hex[:8]}")


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[tuple[Any, coco.Environment]]:
    async with asyncpg.create_pool(url, min_size=1, max_size=4) as pool:
        provider = coco.ContextProvider()
        provider.provide(DB, pool)
        environment = coco.Environment(
            coco.Settings(db_path=folder / "state"), context_provider=provider
        )
        try:
            yield pool, environment
        finally:
            environment.close()


def run(url: str, folder: Path, script: Callable[[Any, Any], Awaitable[None]]) -> None:
    async def main() -> None:
        async with opened(url, folder) as (pool, environment):
            await script(pool, environment)

    asyncio.run(main())


async def rows(pool: Any, query: str) -> list[tuple[Any, ...]]:
    async with pool.acquire() as conn:
        return [tuple(record) for record in await conn.fetch(query)]


@dataclass
class Page:
    id: uuid.UUID
    text: str
    facts: dict[str, Any]
    when: datetime
    vector: Annotated[NDArray[np.float32], VectorSchema(np.dtype(np.float32), 2)]


def page(number: int, text: str, *vector: float) -> Page:
    return Page(
        uuid.UUID(int=number), text, {"a\0b": ["\0"]}, datetime(2026, 1, 1, tzinfo=UTC),
        np.array(vector, dtype=np.float32),
    )  # fmt: skip


def test_rows_and_their_vector_index_follow_what_is_declared(url: str, tmp_path: Path) -> None:
    pages = {1: page(1, "o\0ne", 1, 0), 2: page(2, "two", 0, 1)}
    index: dict[str, Any] = {"method": "hnsw", "m": 4}

    @coco.fn
    async def main() -> None:
        schema = await postgres.TableSchema.from_class(Page, ["id"])
        table = await postgres.mount_table_target(DB, "pages", schema, pg_schema_name="docs")
        for each in pages.values():
            table.declare_row(row=each)
        if index:
            table.declare_vector_index(column="vector", metric="l2", **index)

    async def script(pool: Any, environment: Any) -> None:
        app: Any = coco.App(coco.AppConfig("app", environment), main)
        nearest = "SELECT text FROM docs.pages ORDER BY vector <-> '[0.9,0.2]'"
        indexes = (
            "SELECT indexdef FROM pg_indexes WHERE tablename = 'pages' "
            "AND indexname = 'pages__vector__vector'"
        )
        await app.update()
        assert await rows(pool, nearest) == [("one",), ("two",)]
        assert "hnsw (vector vector_l2_ops) WITH (m='4')" in (await rows(pool, indexes))[0][0]
        del pages[2]
        pages[3] = page(3, "three", 0.9, 0.2)
        index.clear()
        index.update(method="ivfflat", lists=1)
        await app.update()
        assert await rows(pool, nearest) == [("three",), ("one",)]
        assert "ivfflat" in (await rows(pool, indexes))[0][0]
        assert (await rows(pool, "SELECT facts::text FROM docs.pages LIMIT 1"))[0] == (
            '{"ab": [""]}',
        )
        index.clear()
        await app.update()
        assert await rows(pool, indexes) == []
        await app.drop()
        assert await rows(pool, "SELECT 1 FROM pg_tables WHERE tablename = 'pages'") == []

    run(url, tmp_path, script)


def test_columns_are_added_converted_made_anew_and_dropped(url: str, tmp_path: Path) -> None:
    columns = {
        "id": postgres.ColumnDef("text", False),
        "n": postgres.ColumnDef("integer"),
    }
    row: dict[str, Any] = {"id": "a", "n": 7}

    @coco.fn
    async def main() -> None:
        schema: postgres.TableSchema[Any] = postgres.TableSchema(dict(columns), ["id"])
        table = await postgres.mount_table_target(DB, "evolving", schema)
        table.declare_row(row=dict(row))

    async def script(pool: Any, environment: Any) -> None:
        app: Any = coco.App(coco.AppConfig("app", environment), main)
        everything = "SELECT * FROM evolving"
        await app.update()
        columns["extra"] = postgres.ColumnDef("text")
        await app.update()
        assert await rows(pool, everything) == [("a", 7, None)]
        # An integer becomes a larger one in place, a text no integer.
        columns["n"] = postgres.ColumnDef("bigint")
        row["extra"] = "x"
        await app.update()
        assert await rows(pool, everything) == [("a", 7, "x")]
        columns["extra"] = postgres.ColumnDef("integer")
        row["extra"] = 5
        await app.update()
        assert await rows(pool, "SELECT extra FROM evolving") == [(5,)]
        del columns["n"]
        await app.update()
        assert await rows(pool, everything) == [("a", 5)]

    run(url, tmp_path, script)


def test_statements_of_the_user_are_run_and_undone(url: str, tmp_path: Path) -> None:
    wanted: list[str] = ["first"]

    @coco.fn
    async def main() -> None:
        schema: postgres.TableSchema[Any] = postgres.TableSchema(
            {"id": postgres.ColumnDef("text", False)}, ["id"]
        )
        table = await postgres.mount_table_target(DB, "commented", schema)
        for name in wanted:
            table.declare_sql_command_attachment(
                name="index",
                setup_sql=f"CREATE INDEX {name} ON commented (lower(id))",
                teardown_sql=f"DROP INDEX {name}",
            )

    async def script(pool: Any, environment: Any) -> None:
        app: Any = coco.App(coco.AppConfig("app", environment), main)
        names = (
            "SELECT indexname FROM pg_indexes WHERE tablename = 'commented' "
            "AND indexname NOT LIKE '%pkey'"
        )
        await app.update()
        assert await rows(pool, names) == [("first",)]
        wanted[:] = ["second"]
        await app.update()
        assert await rows(pool, names) == [("second",)]
        await app.update()
        wanted.clear()
        await app.update()
        assert await rows(pool, names) == []

    run(url, tmp_path, script)


@dataclass
class Person:
    id: int
    name: str


def test_a_table_is_read_as_it_was_at_one_moment(url: str, tmp_path: Path) -> None:
    async def script(pool: Any, environment: Any) -> None:
        async with pool.acquire() as conn:
            await conn.execute("CREATE TABLE people (id int PRIMARY KEY, name text, other text)")
            await conn.execute("INSERT INTO people VALUES (1, 'ann', 'x'), (2, 'bob', 'y')")
        source = postgres.PgTableSource(pool, table_name="people", row_type=Person)
        seen: list[Person] = []
        async for person in source.fetch_rows():
            seen.append(person)
            async with pool.acquire() as conn:
                await conn.execute("INSERT INTO people VALUES ($1, 'new', '')", 10 + len(seen))
        assert seen == [Person(1, "ann"), Person(2, "bob")]
        some = postgres.PgTableSource(pool, table_name="people", columns=["name"])
        keyed = [item async for item in some.fetch_rows().items(lambda row: row["name"])]
        assert ("ann", {"name": "ann"}) in keyed
        with pytest.raises(ValueError, match="Invalid table name"):
            bad = postgres.PgTableSource(pool, table_name="people; DROP TABLE people")
            _ = [row async for row in bad.fetch_rows()]

    run(url, tmp_path, script)


def test_an_index_on_what_is_no_vector_is_refused(url: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"column": "id"}

    @coco.fn
    async def main() -> None:
        schema: postgres.TableSchema[Any] = postgres.TableSchema(
            {"id": postgres.ColumnDef("text", False)}, ["id"]
        )
        table = await postgres.mount_table_target(DB, "plain", schema)
        table.declare_vector_index(**options)

    async def script(pool: Any, environment: Any) -> None:
        app: Any = coco.App(coco.AppConfig("app", environment), main)
        with pytest.raises(ValueError, match="is not a pgvector type"):
            await app.update()
        options["column"] = "missing"
        with pytest.raises(ValueError, match="Column 'missing' not found"):
            await app.update()

    run(url, tmp_path, script)
