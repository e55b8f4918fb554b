"""Flows that export to each built-in target: built, edited, redefined and dropped."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import coco_flow
from coco_flow.auth import add_auth_entry
from coco_flow.errors import SetupNeeded
from coco_flow.index import VectorIndexDef
from coco_flow.index import VectorSimilarityMetric as Metric
from coco_flow.setting import DatabaseConnectionSpec
from coco_flow.targets import (
    DuckDB,
    Files,
    LanceDB,
    Parquet,
    Postgres,
    Qdrant,
    QdrantConnection,
    SQLite,
)
from tests.coco_flow.targets.qdrant_grpc import qdrant_grpc_server
from tests.flow_parts import MemorySource, flow_state, rows_of
from tests.postgres_server import running_postgres

Found = set[tuple[str, int, str]]


@dataclass
class Line:
    number: int
    text: str


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


def lines_flow(
    name: str,
    spec: Any,
    *,
    key: tuple[str, ...] = ("filename", "number"),
    with_id: bool = False,
    indexes: tuple[VectorIndexDef, ...] = (),
) -> coco_flow.Flow:
    """Open a flow that exports the lines of texts."""

    @coco_flow.op.function()
    def split(text: str) -> list[Line]:
        return [Line(number, line) for number, line in enumerate(text.split("\n"))]

    @coco_flow.op.function()
    def embed(text: str) -> coco_flow.Vector[np.float32, Literal[3]]:
        return np.array([len(text), text.count("e"), 1], np.float32)

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        collector = scope.add_collector()
        scope["docs"] = builder.add_source(MemorySource(name=name))
        with scope["docs"].row() as doc:
            doc["lines"] = doc["content"].transform(split)
            with doc["lines"].row() as line:
                line["embedding"] = line["text"].transform(embed)
                generated = {"id": coco_flow.GeneratedField.UUID} if with_id else {}
                collector.collect(
                    **generated,
                    filename=doc["filename"],
                    number=line["number"],
                    text=line["text"],
                    embedding=line["embedding"],
                )
        collector.export("lines", spec, primary_key_fields=list(key), vector_indexes=list(indexes))

    return coco_flow.open_flow(name, define)


def expected(name: str) -> Found:
    return {
        (filename, number, line)
        for filename, text in rows_of(name).texts.items()
        for number, line in enumerate(text.split("\n"))
    }


def sqlite_rows(path: Path, table: str = "t") -> Found:
    with closing(sqlite3.connect(path)) as connection:
        return set(connection.execute(f"SELECT filename, number, text FROM {table}").fetchall())


def sqlite_tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}


def arrow_rows(table: Any) -> Found:
    return {(row["filename"], row["number"], row["text"]) for row in table.to_pylist()}


def lancedb_rows(folder: Path) -> Found:
    import lancedb

    return arrow_rows(lancedb.connect(folder).open_table("t").to_arrow())


def parquet_rows(folder: Path) -> Found:
    import pyarrow.parquet as pq

    return {row for path in folder.glob("*.parquet") for row in arrow_rows(pq.read_table(path))}


def duckdb_rows(path: Path) -> Found:
    import duckdb

    with duckdb.connect(str(path)) as connection:
        return set(connection.execute("SELECT filename, number, text FROM t").fetchall())


def file_rows(folder: Path) -> Found:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."]
    return {(path.parent.name, int(path.stem), path.read_text()) for path in paths}


EMBEDDED: dict[str, tuple[Callable[[Path], Any], Callable[[Path], Found]]] = {
    "SQLite": (lambda path: SQLite(str(path), "t"), sqlite_rows),
    "LanceDB": (lambda path: LanceDB(str(path), "t"), lancedb_rows),
    "DuckDB": (lambda path: DuckDB(str(path), "t"), duckdb_rows),
    "Parquet": (lambda path: Parquet(str(path)), parquet_rows),
    "Files": (lambda path: Files(str(path), content_field="text", suffix=".txt"), file_rows),
}


def edits(name: str, flow: coco_flow.Flow, found: Callable[[], Found]) -> None:
    """Build, change, remove and add rows, and compare each time."""
    rows = rows_of(name)
    rows["a"], rows["b"], rows["c"] = "one\ntwo", "three", "four\nfive\nsix"
    flow.setup()
    flow.update()
    assert found() == expected(name)
    rows["a"] = "one"
    rows["c"] = "five\nsix"
    del rows["b"]
    rows["d"] = "seven"
    flow.update()
    assert found() == expected(name)
    flow.update(full_reprocess=True, reexport_targets=True)
    assert found() == expected(name)


@pytest.mark.slow
@pytest.mark.row("ST-2 embedded default")
@pytest.mark.parametrize("kind", EMBEDDED)
def test_a_flow_needs_no_server(tmp_path: Path, kind: str) -> None:
    make, read = EMBEDDED[kind]
    path = tmp_path / "out" / kind
    name = f"To{kind}"
    flow = lines_flow(name, make(path))
    edits(name, flow, lambda: read(path))
    flow.drop()
    if kind in ("Files", "Parquet"):
        assert not path.exists()
    elif kind == "SQLite":
        assert "t" not in sqlite_tables(path)
    else:
        with pytest.raises(Exception, match=r"not found|does not exist"):
            read(path)


@pytest.mark.row("ST-5 connection by reference")
def test_two_exports_share_a_connection_that_is_named_once() -> None:
    import psycopg

    url = running_postgres().create_database("flow_target_flows")
    database = add_auth_entry("flow_target_flows", DatabaseConnectionSpec(url, min_connections=1))
    flows = [lines_flow(f"ToPostgres{i}", Postgres(database)) for i in range(2)]
    with psycopg.connect(url, autocommit=True) as connection:
        for i, flow in enumerate(flows):
            query = f"SELECT filename, number, text FROM ToPostgres{i}__lines"
            edits(f"ToPostgres{i}", flow, lambda q=query: set(connection.execute(q).fetchall()))
        for flow in flows:
            flow.drop()
        query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.execute(query).fetchone() == (0,)


@pytest.mark.row("TXT-5 swap target, generated ids")
@pytest.mark.row("VP-6 Qdrant")
def test_generated_ids_stay_as_long_as_their_rows_do() -> None:
    with qdrant_grpc_server() as (url, store):
        connection = add_auth_entry("qdrant_flow", QdrantConnection(url))
        index = VectorIndexDef("embedding", Metric.COSINE_SIMILARITY)
        spec = Qdrant("lines", connection)
        flow = lines_flow("ToQdrant", spec, key=("id",), with_id=True, indexes=(index,))

        def points() -> dict[Any, str]:
            found, _ = store.scroll("lines", limit=100)
            return {
                (p.payload["filename"], p.payload["number"], p.payload["text"]): str(p.id)
                for p in found
                if p.payload
            }

        edits("ToQdrant", flow, lambda: set(points()))
        before = points()
        assert len({uuid.UUID(each) for each in before.values()}) == len(before)
        rows_of("ToQdrant")["a"] = "one\nanother"
        rows_of("ToQdrant")["e"] = "new"
        flow.update()
        after = points()
        assert {key: after[key] for key in before} == before
        hits = store.query_points("lines", [3.0, 1.0, 1.0], using="embedding", limit=1)
        assert hits.points[0].payload is not None
        assert hits.points[0].payload["text"] in ("one", "new")
        flow.drop()
        assert not store.collection_exists("lines")


@pytest.mark.row("ST-1 setup before data")
def test_no_row_is_written_before_the_table_is_there(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    rows_of("Early")["a"] = "one"
    flow = lines_flow("Early", SQLite(str(path), "t"))
    with pytest.raises(SetupNeeded):
        flow.update()
    assert not path.exists()
    flow.setup()
    assert sqlite_rows(path) == set()
    flow.update()
    assert sqlite_rows(path) == {("a", 0, "one")}


@pytest.mark.row("CT-2 persistent key gone")
def test_another_table_name_drops_the_old_table(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    rows_of("Moved")["a"] = "one"
    for table in ("first", "second"):
        flow = lines_flow("Moved", SQLite(str(path), table))
        flow.setup()
        flow.update()
        assert sqlite_rows(path, table) == {("a", 0, "one")}
        flow.close()
    assert "first" not in sqlite_tables(path)


@pytest.mark.row("CT-3 irrelevant spec change")
def test_what_concerns_no_structure_needs_no_set_up(tmp_path: Path) -> None:
    rows_of("Tuned")["a"] = "one"
    for transactions in (50, 7):
        spec = LanceDB(str(tmp_path / "l"), "t", num_transactions_before_optimize=transactions)
        flow = lines_flow("Tuned", spec)
        if transactions == 50:
            flow.setup()
        flow.update()
        flow.close()
    assert lancedb_rows(tmp_path / "l") == {("a", 0, "one")}


@pytest.mark.row("CT-4 not compatible")
def test_another_key_makes_the_table_anew_with_every_row(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    rows_of("Rekeyed")["a"] = "one\ntwo"
    flow = lines_flow("Rekeyed", SQLite(str(path), "t"))
    flow.setup()
    flow.update()
    flow.close()
    flow = lines_flow("Rekeyed", SQLite(str(path), "t"), key=("text",))
    with pytest.raises(SetupNeeded):
        flow.update()
    flow.setup()
    assert sqlite_rows(path) == set()
    flow.update()
    assert sqlite_rows(path) == expected("Rekeyed")


@pytest.mark.row("CT-6 describe")
def test_the_plan_names_the_table(tmp_path: Path) -> None:
    lines_flow("Planned", SQLite(str(tmp_path / "t.db"), "t"))
    flow = coco_flow.flow_by_name("Planned")
    text, up_to_date = coco_flow.make_setup_bundle([flow]).describe()
    assert f"SQLite table t in {tmp_path / 't.db'}" in text
    assert not up_to_date


@pytest.mark.row("INC-14 error isolation")
def test_a_row_that_the_target_refuses_holds_up_no_other(tmp_path: Path) -> None:
    path = tmp_path / "out"
    rows = rows_of("Refused")
    for i in range(100):
        rows[f"f{i}"] = f"text {i}"
    rows["../up"] = "out of the directory"
    spec = Files(str(path), filename_field="filename", content_field="text")
    flow = lines_flow("Refused", spec)
    flow.setup()
    assert flow.update().stats == {"docs": {"num_insertions": 100, "num_errors": 1}}
    assert len([each for each in path.iterdir() if each.name[0] == "f"]) == 100
    del rows["../up"]
    rows["f1"] = "another"
    flow.update()
    assert (path / "f1").read_text() == "another"
    assert not (tmp_path / "up").exists()
