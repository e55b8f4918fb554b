"""The DuckDB target, which runs in this process."""

from __future__ import annotations

import datetime
import json
import random
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from coco_flow.errors import DefinitionError, ExtraMissing, FlowConflict, FlowError
from coco_flow.index import FtsIndexDef
from coco_flow.ports import Compatibility, SetupChange, TargetBatch
from coco_flow.targets import DuckDB
from coco_flow.types.annotations import Json, Range
from tests.coco_flow.targets.rows import (
    ALL_TYPES,
    Embedding,
    Part,
    Target,
    apply_to_oracle,
    as_arrow,
    export_schema,
    interrupted_set_ups,
    random_batches,
    write_from_threads,
)

pytestmark = pytest.mark.slow


def query(path: Path, sql: str) -> list[Any]:
    with duckdb.connect(str(path)) as connection:
        rows: list[Any] = connection.execute(sql).fetchall()
        return rows


def types(path: Path, table: str = "t") -> dict[str, str]:
    return {row[0]: row[1] for row in query(path, f"DESCRIBE {table}")}


def as_read(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in ("extra", "mixed"):
        return json.loads(value)
    if name in ("embedding", "loose"):
        return [float(each) for each in value]
    if name == "moment":
        return value.astimezone(datetime.UTC)
    return value


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("key", [{"id": ALL_TYPES["id"]}, {"filename": str, "location": Range}])
def test_random_batches_written_twice_equal_a_dict(
    tmp_path: Path, key: dict[str, Any], seed: int
) -> None:
    rng = random.Random(seed)
    path = tmp_path / "rows.duckdb"
    value = {name: type_ for name, type_ in ALL_TYPES.items() if name not in key}
    target = Target(DuckDB(str(path), "t"), export_schema(key, value))
    target.set_up()
    keys: list[Any] = [(f"f{i % 7}'", (i, i + 2)) for i in range(40)]
    if len(key) == 1:
        keys = [(uuid.UUID(int=i),) for i in range(40)]
    oracle: dict[Any, Any] = {}
    for upserts, deletes in random_batches(rng, keys, list(value), 4):
        target.write(upserts, deletes)
        target.write(upserts, deletes)
        apply_to_oracle(oracle, upserts, deletes)
    found = {
        tuple((p["start"], p["end"]) if isinstance(p, dict) else p for p in row[: len(key)]): [
            as_read(name, v) for name, v in zip(value, row[len(key) :], strict=True)
        ]
        for row in query(path, "SELECT * FROM t")
    }
    assert found == {
        key: [as_arrow(name, v) for name, v in zip(value, row, strict=True)]
        for key, row in oracle.items()
    }
    target.drop()
    assert query(path, "SELECT * FROM duckdb_tables()") == []


def test_each_type_has_its_column(tmp_path: Path) -> None:
    path = tmp_path / "a" / "t.duckdb"
    schema = export_schema(
        {"n": int}, {"e": Embedding, "part": Part, "parts": list[Part], "j": Json}
    )
    target = Target(DuckDB(str(path)), schema)
    target.set_up()
    assert types(path, "Flow__docs") == {
        "n": "BIGINT",
        "e": "FLOAT[3]",
        "part": 'STRUCT("name" VARCHAR, size BIGINT)',
        "parts": 'STRUCT("name" VARCHAR, size BIGINT)[]',
        "j": "JSON",
    }
    target.write([((i,), [np.array([i, 1.0, 0.0]), None, None, None]) for i in range(3)])
    nearest = query(
        path, "SELECT n FROM Flow__docs ORDER BY array_distance(e, [2, 1, 0]::FLOAT[3])"
    )
    assert nearest[0] == (2,)


def test_columns_are_added_removed_and_retyped(tmp_path: Path) -> None:
    path = tmp_path / "t.duckdb"
    target = Target(DuckDB(str(path), "t"), export_schema({"n": int}, {"a": str, "b": int}))
    target.set_up()
    target.write([((1,), ["x", 2])])
    wider = export_schema({"n": int}, {"c": Json, "a": str, "b": int})
    assert target.set_up(schema=wider) is Compatibility.COMPATIBLE
    target.write([((2,), [{"z": 1}, "y", 3])])
    assert query(path, "SELECT n, a, b, c FROM t ORDER BY n") == [
        (1, "x", 2, None),
        (2, "y", 3, '{"z":1}'),
    ]
    changed = export_schema({"n": int}, {"a": int, "c": Json})
    assert target.set_up(schema=changed) is Compatibility.PARTIALLY_COMPATIBLE
    assert query(path, "SELECT n, a, c FROM t ORDER BY n") == [
        (1, None, None),
        (2, None, '{"z":1}'),
    ]
    assert set(types(path)) == {"n", "a", "c"}
    rekeyed = export_schema({"n": str}, {"a": int})
    assert target.set_up(schema=rekeyed) is Compatibility.NOT_COMPATIBLE
    assert query(path, "SELECT * FROM t") == []


@pytest.mark.row("CT-5 idempotent setup")
def test_set_up_can_be_repeated_from_any_point(tmp_path: Path) -> None:
    path = tmp_path / "t.duckdb"
    spec = DuckDB(str(path), "t")
    first = Target(spec, export_schema({"n": int}, {"a": str}))
    second = Target(spec, export_schema({"n": int}, {"a": int, "part": Part}))
    connector, key = first.connector, first.key
    old = connector.setup_state(spec, first.schema)
    new = connector.setup_state(spec, second.schema)
    possible: list[tuple[Any, ...]] = [(None, new), (old, new), (old, new, None)]
    for _ in interrupted_set_ups(connector, key, old, new, possible):
        assert set(types(path).values()) == {
            "BIGINT",
            'STRUCT("name" VARCHAR, size BIGINT)',
        }
    path.unlink()
    connector.apply_setup([SetupChange(key, (new,), None)])
    assert not path.exists()


def test_a_strangers_table_is_adopted_only_if_it_fits(tmp_path: Path) -> None:
    path = tmp_path / "t.duckdb"
    query(path, "CREATE TABLE t AS SELECT 5::BIGINT AS n, 'x' AS a, 'y' AS other")
    Target(DuckDB(str(path), "t"), export_schema({"n": int}, {"a": str, "b": str})).set_up()
    assert query(path, "SELECT n, a, b, other FROM t") == [(5, "x", None, "y")]
    for changed in (export_schema({"n": int}, {"a": int}), export_schema({"m": str}, {"a": str})):
        with pytest.raises(FlowConflict, match="has not made"):
            Target(DuckDB(str(path), "t"), changed).set_up()
    assert query(path, "SELECT count(*) FROM t") == [(1,)]


def test_a_failed_batch_writes_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    path = tmp_path / "t.duckdb"
    target = Target(DuckDB(str(path), "t"), export_schema({"n": int}, {"a": str}))
    target.set_up()
    with target.opened() as handle:
        handle.write([((1,), ["x"])], [])
        handle.insert = handle.insert.replace("written_rows", "nothing_like_it")
        with pytest.raises(FlowError, match=r"DuckDB table t in .* failed: .*nothing_like_it"):
            target.connector.write([TargetBatch(handle, [((1,), ["y"])], [])])
    assert query(path, "SELECT * FROM t") == [(1, "x")]
    target.write([((1,), ["z"])])
    assert query(path, "SELECT * FROM t") == [(1, "z")]


def test_a_file_that_another_process_has_open_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t.duckdb"
    target = Target(DuckDB(str(path), "t"), export_schema({"n": int}, {"a": str}))
    target.set_up()
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(FlowError, match="one process at a time"):
            target.write([((1,), ["x"])])
        holder.communicate("\n")
    target.write([((1,), ["x"])])


def test_indexes_are_refused(tmp_path: Path) -> None:
    schema = export_schema({"n": int}, {"t": str}, fts_indexes=[FtsIndexDef("t")])
    with pytest.raises(DefinitionError, match="has no indexes"):
        Target(DuckDB(str(tmp_path / "t.duckdb"), "t"), schema).set_up()


@pytest.mark.row("CT-6 describe")
def test_describe_names_table_and_file() -> None:
    target = Target(DuckDB("data/t.duckdb", "t"), export_schema({"n": int}, {}))
    assert target.connector.describe(target.key) == "DuckDB table t in data/t.duckdb"


def test_without_the_package_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ExtraMissing, match=r"coco-flow\[duckdb\]"):
        Target(DuckDB(str(tmp_path / "t"), "t"), export_schema({"n": int}, {})).set_up()


def test_threads_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "t.duckdb"
    target = Target(DuckDB(str(path), "t"), export_schema({"n": int}, {"a": str}))
    target.set_up()
    assert write_from_threads(target) == dict(query(path, "SELECT n, a FROM t"))
