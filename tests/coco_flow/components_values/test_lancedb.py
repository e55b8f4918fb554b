from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from coco_flow import components as coco
from coco_flow.components.connectors import lancedb
from coco_flow.components.schema import VectorSchema
from coco_flow.errors import FlowConflict

DB: coco.ContextKey[lancedb.LanceAsyncConnection] = coco.ContextKey("test_components_lancedb")


@dataclass
class Page:
    path: str
    text: str
    vector: Annotated[NDArray[np.float32], VectorSchema(np.dtype(np.float32), 2)]


def page(path: str, text: str, *vector: float) -> Page:
    return Page(path, text, np.array(vector, dtype=np.float32))


def run(folder: Path, main: Any, script: Callable[[Any, Any], Any]) -> None:
    async def program() -> None:
        database = await lancedb.connect_async(str(folder / "db"))
        provider = coco.ContextProvider()
        provider.provide(DB, database)
        environment = coco.Environment(
            coco.Settings(db_path=folder / "state"), context_provider=provider
        )
        try:
            await script(database, coco.App(coco.AppConfig("app", environment), main))
        finally:
            environment.close()

    asyncio.run(program())


def test_rows_and_indexes_follow_what_is_declared(tmp_path: Path) -> None:
    pages = [page("o'ne", "the first page", 1, 0), page("two", "the second page", 0, 1)]
    exists = True

    @coco.fn
    async def main() -> None:
        if not exists:
            return
        schema = await lancedb.TableSchema.from_class(Page, ["path"])
        table = await lancedb.mount_table_target(DB, "pages", schema)
        for each in pages:
            table.declare_row(row=each)
        table.declare_fts_index(column="text")

    async def script(database: Any, app: Any) -> None:
        nonlocal exists
        await app.update()
        table = await database.open_table("pages")
        nearest = await (await table.search([0.9, 0.1])).limit(2).to_list()
        assert [row["path"] for row in nearest] == ["o'ne", "two"]
        found = await (await table.search("second", query_type="fts")).to_list()
        assert [row["path"] for row in found] == ["two"]
        pages[:] = [page("two", "changed", 0, 1), page("three", "new", 1, 1)]
        await app.update()
        rows = await (await database.open_table("pages")).query().to_list()
        assert sorted((row["path"], row["text"]) for row in rows) == [
            ("three", "new"),
            ("two", "changed"),
        ]
        exists = False
        await app.update()
        assert (await database.list_tables()).tables == []

    run(tmp_path, main, script)


def test_a_new_column_keeps_the_rows_and_another_type_makes_the_table_anew(tmp_path: Path) -> None:
    columns = {"id": lancedb.ColumnDef(pa.int64(), False), "a": lancedb.ColumnDef(pa.string())}
    row: dict[str, Any] = {"id": 1, "a": "x"}

    @coco.fn
    async def main() -> None:
        schema: lancedb.TableSchema[Any] = lancedb.TableSchema(dict(columns), ["id"])
        table = await lancedb.mount_table_target(DB, "t", schema)
        table.declare_row(row=dict(row))

    async def script(database: Any, app: Any) -> None:
        await app.update()
        versions = len(await (await database.open_table("t")).list_versions())
        columns["b"] = lancedb.ColumnDef(pa.int64())
        await app.update()
        table = await database.open_table("t")
        assert await table.query().to_list() == [{"id": 1, "a": "x", "b": None}]
        # One version for the column, none for the row.
        assert len(await table.list_versions()) == versions + 1
        columns["a"] = lancedb.ColumnDef(pa.int64())
        row["a"] = 5
        await app.update()
        table = await database.open_table("t")
        assert await table.query().to_list() == [{"id": 1, "a": 5, "b": None}]

    run(tmp_path, main, script)


def test_a_table_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    @coco.fn
    async def main() -> None:
        schema = await lancedb.TableSchema.from_class(Page, ["path"])
        await lancedb.mount_table_target(DB, "theirs", schema)

    async def script(database: Any, app: Any) -> None:
        await database.create_table("theirs", pa.table({"x": [1]}))
        with pytest.raises(FlowConflict, match="'theirs' that this app has not made"):
            await app.update()
        assert await (await database.open_table("theirs")).query().to_list() == [{"x": 1}]

    run(tmp_path, main, script)
