"""Rows per CPU second of every target that needs no service, beside its driver used directly.

Run: python -m bench.flow.targets [--rows 5000] [--only SQLite,Postgres]

Each row has a key of a name and a range, a text of 600 characters and an embedding of 384 numbers;
batches have 500 rows. The driver writes rows that are in its own form already, in the fastest way
that its documentation shows; what the target adds is making that form of engine values, replacing
rows by their key and the bookkeeping. CPU time is that of this process; a server's is given as
well.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil

from coco_flow.auth import add_auth_entry
from coco_flow.index import IndexOptions
from coco_flow.ports import ExportSchema, SetupChange, TargetBatch
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
from coco_flow.targets.registry import connector_of
from coco_flow.types.annotations import Range, Vector
from coco_flow.types.schema import FieldSchema, enriched_type

BATCH = 500
TEXT = "A line of text that is neither long nor short, and goes on like that. "

Rows = Sequence[tuple[Any, list[Any]]]


@dataclass
class Case:
    """A target and its driver: how to make either, and the other processes that do the work."""

    spec: Callable[[Path], Any]
    driver: Callable[[Path, Rows], Callable[[Rows], None]]
    server: psutil.Process | None = None
    clock: Callable[[], float] = time.process_time


def make_rows(count: int, *, number_key: bool = False) -> Rows:
    rng = np.random.default_rng(0)
    vectors = rng.random((count, 384), dtype=np.float32)
    text = (TEXT * 9)[:600]
    keys: list[Any] = [(f"docs/file{i // 10}.md", (i * 600, i * 600 + 600)) for i in range(count)]
    if number_key:
        keys = [(uuid.UUID(int=i),) for i in range(count)]
    return [(key, [f"{i} {text}", vectors[i]]) for i, key in enumerate(keys)]


def schema(*, number_key: bool = False) -> ExportSchema:
    key: dict[str, Any] = {"filename": str, "location": Range}
    if number_key:
        key = {"id": uuid.UUID}
    value: dict[str, Any] = {"text": str, "embedding": Vector[np.float32, Literal[384]]}
    fields = [
        tuple(FieldSchema(name, enriched_type(type_)) for name, type_ in part.items())
        for part in (key, value)
    ]
    return ExportSchema(fields[0], fields[1], IndexOptions(tuple(key)))


def of_target(case: Case, folder: Path, rows: Rows) -> dict[str, tuple[float, float]]:
    spec = case.spec(folder)
    export = schema(number_key=len(rows[0][0]) == 1)
    connector = connector_of(spec)
    key = connector.persistent_key(spec, "bench", "Bench", "")
    state = connector.setup_state(spec, export)
    connector.apply_setup([SetupChange(key, (None,), state)])
    found = {}
    for phase in ("insert", "update", "delete"):
        with measured(case) as spent:
            handle = connector.open(spec, key, export)
            for start in range(0, len(rows), BATCH):
                part = rows[start : start + BATCH]
                if phase == "delete":
                    batch = TargetBatch(handle, [], [each for each, _ in part])
                else:
                    batch = TargetBatch(handle, part, [])
                connector.write([batch])
            if hasattr(connector, "finish"):
                connector.finish(handle)
            connector.close(handle)
        found[phase] = (spent[0], spent[1])
    connector.apply_setup([SetupChange(key, (state,), None)])
    return found


def of_driver(case: Case, folder: Path, rows: Rows) -> tuple[float, float]:
    write = case.driver(folder, rows)
    with measured(case) as spent:
        for start in range(0, len(rows), BATCH):
            write(rows[start : start + BATCH])
    return spent[0], spent[1]


@contextmanager
def measured(case: Case) -> Iterator[list[float]]:
    """Yield a list that holds the CPU seconds of this process and of the server afterwards."""
    spent: list[float] = []
    server, began = _cpu(case.server), case.clock()
    yield spent
    spent += [case.clock() - began, _cpu(case.server) - server]


def _cpu(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system
    return total


def sqlite_driver(folder: Path, rows: Rows) -> Callable[[Rows], None]:
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE t (filename TEXT, location TEXT, text TEXT, embedding BLOB, "
        "PRIMARY KEY (filename, location))"
    )
    ready = {key: (key[0], f"[{key[1][0]},{key[1][1]}]", r[0], r[1].tobytes()) for key, r in rows}

    def write(part: Rows) -> None:
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT OR REPLACE INTO t VALUES (?, ?, ?, ?)", [ready[key] for key, _ in part]
        )
        connection.execute("COMMIT")

    return write


def postgres_driver(url: str) -> Callable[[Path, Rows], Callable[[Rows], None]]:
    def make(_: Path, rows: Rows) -> Callable[[Rows], None]:
        import psycopg
        from pgvector import Vector as Written
        from pgvector.psycopg import register_vector
        from psycopg.types.range import Range as Between

        connection = psycopg.connect(url)
        register_vector(connection)
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute(
            "CREATE TABLE bare (filename text, location int8range, text text, "
            "embedding vector(384), PRIMARY KEY (filename, location))"
        )
        connection.execute("CREATE TEMPORARY TABLE staged (LIKE bare) ON COMMIT DELETE ROWS")
        connection.commit()
        ready = {key: (key[0], Between(*key[1]), r[0], Written(r[1])) for key, r in rows}

        def write(part: Rows) -> None:
            with connection.cursor() as cursor:
                with cursor.copy("COPY staged FROM STDIN (FORMAT BINARY)") as copy:
                    copy.set_types(["text", "int8range", "text", "vector"])
                    for key, _ in part:
                        copy.write_row(ready[key])
                cursor.execute(
                    "INSERT INTO bare SELECT * FROM staged ON CONFLICT (filename, location) "
                    "DO UPDATE SET text = EXCLUDED.text, embedding = EXCLUDED.embedding"
                )
            connection.commit()

        return write

    return make


def arrow_of(part: Rows) -> Any:
    import pyarrow as pa

    places = [{"start": key[1][0], "end": key[1][1]} for key, _ in part]
    flat = pa.array(np.concatenate([row[1] for _, row in part]))
    return pa.table(
        {
            "filename": [key[0] for key, _ in part],
            "location": places,
            "text": [row[0] for _, row in part],
            "embedding": pa.FixedSizeListArray.from_arrays(flat, 384),
        }
    )


def tables_of(rows: Rows) -> dict[Any, Any]:
    return {
        rows[start][0]: arrow_of(rows[start : start + BATCH])
        for start in range(0, len(rows), BATCH)
    }


def lancedb_driver(folder: Path, rows: Rows) -> Callable[[Rows], None]:
    import lancedb

    ready = tables_of(rows)
    schema = next(iter(ready.values())).schema
    table = lancedb.connect(folder / "bare").create_table("t", schema=schema)

    def write(part: Rows) -> None:
        merge = table.merge_insert(["filename", "location"])
        merge = merge.when_matched_update_all().when_not_matched_insert_all()
        merge.execute(ready[part[0][0]])

    return write


def duckdb_driver(folder: Path, rows: Rows) -> Callable[[Rows], None]:
    import duckdb

    ready = tables_of(rows)
    connection = duckdb.connect(str(folder / "bare.duckdb"))
    connection.register("shape", next(iter(ready.values())))
    connection.execute("CREATE TABLE t AS SELECT * FROM shape LIMIT 0").fetchall()

    def write(part: Rows) -> None:
        connection.register("written", ready[part[0][0]])
        connection.execute("INSERT INTO t SELECT * FROM written").fetchall()

    return write


def parquet_driver(folder: Path, rows: Rows) -> Callable[[Rows], None]:
    import pyarrow.parquet as pq

    ready = tables_of(rows)

    def write(part: Rows) -> None:
        name = f"{part[0][0][1][0]}.parquet"
        pq.write_table(ready[part[0][0]], folder / name, compression="zstd")

    return write


def files_driver(folder: Path, rows: Rows) -> Callable[[Rows], None]:
    ready = {key: row[0].encode() for key, row in rows}
    (folder / "bare").mkdir()

    def write(part: Rows) -> None:
        for key, _ in part:
            (folder / "bare" / f"{key[0].replace('/', '-')}{key[1][0]}").write_bytes(ready[key])

    return write


def qdrant_driver(url: str) -> Callable[[Path, Rows], Callable[[Rows], None]]:
    def make(_: Path, rows: Rows) -> Callable[[Rows], None]:
        from qdrant_client import QdrantClient, models

        client = QdrantClient(url, api_key="a key for tests", check_compatibility=False)
        vectors = {"embedding": models.VectorParams(size=384, distance=models.Distance.COSINE)}
        client.create_collection("bare", vectors_config=vectors)
        ready = {
            key: models.PointStruct(
                id=str(key[0]), vector={"embedding": row[1].tolist()}, payload={"text": row[0]}
            )
            for key, row in rows
        }

        def write(part: Rows) -> None:
            client.upsert("bare", [ready[key] for key, _ in part], wait=True)

        return write

    return make


def cases(only: set[str]) -> Iterator[tuple[str, Case]]:
    plain = {
        "SQLite": Case(lambda folder: SQLite(str(folder / "t.db"), "t"), sqlite_driver),
        "LanceDB": Case(lambda folder: LanceDB(str(folder / "lance"), "t"), lancedb_driver),
        "DuckDB": Case(lambda folder: DuckDB(str(folder / "t.duckdb"), "t"), duckdb_driver),
        "Parquet": Case(lambda folder: Parquet(str(folder / "parquet")), parquet_driver),
        "Files": Case(
            lambda folder: Files(str(folder / "files"), content_field="text"), files_driver
        ),
    }
    for name, case in plain.items():
        if not only or name in only:
            yield name, case
    if not only or "Postgres" in only:
        from coco_server.dev.postgres import DevPostgres

        with DevPostgres() as server:
            url = server.create_database("bench")
            reference = add_auth_entry("bench", DatabaseConnectionSpec(url, min_connections=1))
            pid = int((server.directory / "data" / "postmaster.pid").read_text().split()[0])
            spec = Postgres(reference, "target")
            yield "Postgres", Case(lambda _: spec, postgres_driver(url), psutil.Process(pid))
    if not only or "Qdrant" in only:
        from tests.qdrant_server import API_KEY, qdrant_server

        with qdrant_server() as url:
            connection = add_auth_entry("bench_qdrant", QdrantConnection(url, API_KEY))
            # The server is other threads of this process.
            spec_ = Qdrant("target", connection)
            yield "Qdrant", Case(lambda _: spec_, qdrant_driver(url), clock=time.thread_time)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--only", default="", help="names separated by commas")
    options = parser.parse_args()
    print("rows per CPU second; ratio is the target's CPU time over the driver's for inserting")
    heads = "".join(f"{head:>10}" for head in ("driver", "insert", "update", "delete", "ratio"))
    print(f"{'target':10}{heads}")
    for name, case in cases({each for each in options.only.split(",") if each}):
        rows = make_rows(options.rows, number_key=name == "Qdrant")
        folder = Path(tempfile.mkdtemp(prefix="coco-targets-"))
        try:
            of_target(case, folder, rows[:BATCH])  # imports and first uses
            bare, bare_server = of_driver(case, folder, rows)
            spent = of_target(case, folder, rows)
        finally:
            shutil.rmtree(folder)
        figures = "".join(
            f"{len(rows) / spent[phase][0]:10,.0f}" for phase in ("insert", "update", "delete")
        )
        ratio = spent["insert"][0] / bare
        server = ""
        if case.server is not None:
            server = f"  CPU s of the server: {spent['insert'][1]:.2f}, driver {bare_server:.2f}"
        print(f"{name:10}{len(rows) / bare:10,.0f}{figures}{ratio:10.2f}{server}", flush=True)


if __name__ == "__main__":
    main()
