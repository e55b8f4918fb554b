"""The SQLite target."""

from __future__ import annotations

import importlib
import json
import random
import sqlite3
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coco_flow.errors import DefinitionError, ExtraMissing, FlowConflict, FlowError
from coco_flow.index import (
    FtsIndexDef,
    HnswVectorIndexMethod,
    VectorIndexDef,
)
from coco_flow.index import (
    VectorSimilarityMetric as Metric,
)
from coco_flow.ports import Compatibility, TargetBatch
from coco_flow.targets import SQLite
from coco_flow.targets import sqlite as sqlite_module
from coco_flow.targets.json_value import json_encoder
from coco_flow.types.annotations import Range
from tests.coco_flow.targets.rows import (
    ALL_TYPES,
    Embedding,
    Target,
    apply_to_oracle,
    export_schema,
    field,
    interrupted_set_ups,
    random_batches,
    write_from_threads,
)

SEARCHED = [FtsIndexDef("text")]


def query(path: Path, sql: str, *parameters: Any) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql, parameters).fetchall()
    finally:
        connection.close()


def vector_query(path: Path, sql: str, *parameters: Any) -> list[Any]:
    """With sqlite-vec, by a driver that can load it."""
    driver = sqlite3 if hasattr(sqlite3.Connection, "enable_load_extension") else None
    connection = (driver or importlib.import_module("pysqlite3")).connect(path)
    try:
        connection.enable_load_extension(True)
        importlib.import_module("sqlite_vec").load(connection)
        return connection.execute(sql, parameters).fetchall()
    finally:
        connection.close()


def tables(path: Path) -> set[str]:
    """All tables but the one that SQLite keeps for itself once sqlite-vec was used."""
    names = {row[0] for row in query(path, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    return names - {"sqlite_sequence"}


def as_stored(name: str, value: Any) -> Any:
    """What reading a column of `ALL_TYPES` must give for an engine value."""
    if value is None:
        return None
    if name == "embedding":
        return value.astype("<f4").tobytes()
    if name == "span":
        return value.total_seconds()
    if name == "moment":
        return value.timestamp()
    if name == "local":
        return value.isoformat(timespec="microseconds")
    if name == "clock":
        return value.isoformat(timespec="microseconds")
    if name in ("text", "number", "single", "double", "flag", "raw"):
        return value
    encoder = json_encoder(field(name, ALL_TYPES[name]).value_type.type)
    encoded = encoder(value) if encoder else value
    return encoded if name in ("id", "day") else json.dumps(encoded)


def as_read(name: str, value: Any) -> Any:
    import datetime

    if value is None:
        return None
    if name == "moment":
        return datetime.datetime.fromisoformat(value).timestamp()
    if name in ("place", "extra", "loose", "part", "parts", "keyed", "mixed"):
        return json.dumps(json.loads(value))
    return value


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("key", [{"n": int}, {"filename": str, "location": Range}])
def test_random_batches_written_twice_equal_a_dict(
    tmp_path: Path, key: dict[str, Any], indexed: bool, seed: int
) -> None:
    rng = random.Random(seed)
    path = tmp_path / "rows.db"
    schema = export_schema(
        key,
        ALL_TYPES,
        fts_indexes=SEARCHED if indexed else (),
        vector_indexes=[VectorIndexDef("embedding", Metric.L2_DISTANCE)] if indexed else (),
    )
    target = Target(SQLite(str(path)), schema)
    target.set_up()
    keys: list[Any] = [(i,) for i in range(40)]
    if len(key) == 2:
        keys = [(f"f{i % 7}", (i, i + 2)) for i in range(40)]
    oracle: dict[Any, Any] = {}
    for upserts, deletes in random_batches(rng, keys, list(ALL_TYPES), 12):
        target.write(upserts, deletes)
        target.write(upserts, deletes)
        apply_to_oracle(oracle, upserts, deletes)
    names = ", ".join(f'"{name}"' for name in (*key, *ALL_TYPES))
    found = {
        tuple(
            p if isinstance(p, int) or p[0] != "[" else tuple(json.loads(p))
            for p in row[: len(key)]
        ): [as_read(name, value) for name, value in zip(ALL_TYPES, row[len(key) :], strict=True)]
        for row in query(path, f"SELECT {names} FROM Flow__docs")
    }
    assert found == {
        key: [as_stored(name, value) for name, value in zip(ALL_TYPES, row, strict=True)]
        for key, row in oracle.items()
    }
    if indexed:
        # Raises where the index and the table differ.
        writable = sqlite3.connect(path)
        writable.execute(
            "INSERT INTO Flow__docs__text__fts (Flow__docs__text__fts) VALUES ('integrity-check')"
        )
        writable.close()
        stored = {as_stored("embedding", row[13 + 1]) for row in oracle.values()} - {None}
        rows = vector_query(path, "SELECT embedding FROM Flow__docs__embedding__vec")
        assert {row[0] for row in rows} == stored
    target.drop()
    assert tables(path) == set()


def test_each_type_has_its_column(tmp_path: Path) -> None:
    target = Target(SQLite(str(tmp_path / "a" / "t.db"), "t"), export_schema({"n": int}, ALL_TYPES))
    target.set_up()
    types = {row[1]: row[2] for row in query(tmp_path / "a" / "t.db", "PRAGMA table_info(t)")}
    assert {name for name, type_ in types.items() if type_ == "BLOB"} == {"raw", "embedding"}
    assert {name for name, type_ in types.items() if type_ == "REAL"} == {
        "single",
        "double",
        "span",
    }
    assert {name for name, type_ in types.items() if type_ == "INTEGER"} == {"n", "number", "flag"}


def test_the_file_is_in_wal_mode_and_readable_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    target = Target(SQLite(str(path), "t"), export_schema({"n": int}, {"a": str}))
    target.set_up()
    assert query(path, "PRAGMA journal_mode") == [("wal",)]
    with target.opened() as handle, handle.database.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (1, 'x')")
        assert query(path, "SELECT * FROM t") == []


@pytest.mark.row("ST-2 embedded default")
@pytest.mark.row("VP-1 metrics")
@pytest.mark.parametrize(
    ("metric", "order"),
    [
        (Metric.COSINE_SIMILARITY, ["right", "long", "up"]),
        (Metric.L2_DISTANCE, ["right", "up", "long"]),
    ],
)
def test_hits_come_in_the_order_of_the_metric(
    tmp_path: Path, metric: Metric, order: list[str]
) -> None:
    path = tmp_path / "v.db"
    index = VectorIndexDef("embedding", metric)
    schema = export_schema({"name": str}, {"embedding": Embedding}, vector_indexes=[index])
    target = Target(SQLite(str(path), "v"), schema)
    target.set_up()
    vectors = {"right": (1.0, 0.0, 0.0), "long": (3.0, 3.0, 0.0), "up": (0.0, 1.0, 0.0)}
    target.write([((name,), [np.array(vector)]) for name, vector in vectors.items()])
    rows = vector_query(
        path,
        "SELECT v.name FROM v__embedding__vec i JOIN v ON v.rowid = i.rowid "
        "WHERE i.embedding MATCH '[1, 0.1, 0]' AND k = 3 ORDER BY i.distance",
    )
    assert [row[0] for row in rows] == order


def test_full_text_follows_every_change_and_survives_a_vacuum(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    schema = export_schema(
        {"name": str}, {"text": str}, fts_indexes=[FtsIndexDef("text", {"tokenize": "porter"})]
    )
    target = Target(SQLite(str(path), "t"), schema)
    target.set_up()

    def hits(word: str) -> list[str]:
        return [
            row[0]
            for row in query(
                path,
                "SELECT t.name FROM t__text__fts i JOIN t ON t.rowid = i.rowid "
                "WHERE i.text MATCH ? ORDER BY t.name",
                word,
            )
        ]

    target.write([((f"n{i}",), [f"word{i} running"]) for i in range(10)])
    target.write([(("n3",), ["a cat"]), (("n4",), [None])], [("n0",), ("n1",)])
    query(path, "VACUUM")
    assert hits("cat") == ["n3"]
    assert hits("run") == ["n2", "n5", "n6", "n7", "n8", "n9"]
    target.write([((f"n{i}",), ["gone"]) for i in range(10)])
    assert hits("run") == []
    assert len(hits("gone")) == 10


def test_what_cannot_be_indexed_is_refused_when_the_flow_is_defined(tmp_path: Path) -> None:
    def refused(message: str, **indexes: Any) -> None:
        schema = export_schema({"n": int}, {"text": str, "embedding": Embedding}, **indexes)
        with pytest.raises(DefinitionError, match=message):
            Target(SQLite(str(tmp_path / "t.db")), schema).set_up()

    inner = VectorIndexDef("embedding", Metric.INNER_PRODUCT)
    hnsw = VectorIndexDef("embedding", Metric.L2_DISTANCE, HnswVectorIndexMethod())
    refused("InnerProduct", vector_indexes=[inner])
    refused("asks for Hnsw", vector_indexes=[hnsw])
    refused("does not know: language", fts_indexes=[FtsIndexDef("text", {"language": "x"})])
    with pytest.raises(DefinitionError, match="cannot be named rowid"):
        schema = export_schema({"rowid": str}, {"text": str}, fts_indexes=SEARCHED)
        Target(SQLite(str(tmp_path / "t.db")), schema).set_up()


def test_a_vector_index_without_the_extension_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = VectorIndexDef("embedding", Metric.L2_DISTANCE)
    schema = export_schema({"n": int}, {"embedding": Embedding}, vector_indexes=[index])
    target = Target(SQLite(str(tmp_path / "t.db")), schema)
    monkeypatch.setitem(sys.modules, "pysqlite3", None)
    monkeypatch.setattr(sqlite_module, "_can_load_extensions", lambda: False)
    with pytest.raises(ExtraMissing, match="pysqlite3-binary"):
        target.set_up()
    monkeypatch.setitem(sys.modules, "sqlite_vec", None)
    with pytest.raises(ExtraMissing, match=r"coco-flow\[sqlite\]"):
        target.set_up()


def test_a_column_is_added_removed_and_retyped(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    target = Target(SQLite(str(path), "t"), export_schema({"n": int}, {"a": str, "b": int}))
    target.set_up()
    target.write([((1,), ["x", 2])])
    wider = export_schema({"n": int}, {"a": str, "b": int, "c": float})
    assert target.set_up(schema=wider) is Compatibility.COMPATIBLE
    assert query(path, "SELECT n, a, b, c FROM t") == [(1, "x", 2, None)]
    changed = export_schema({"n": int}, {"b": str, "c": float})
    assert target.set_up(schema=changed) is Compatibility.PARTIALLY_COMPATIBLE
    assert query(path, "SELECT n, b, c FROM t") == [(1, None, None)]
    rekeyed = export_schema({"n": str}, {"b": str})
    assert target.set_up(schema=rekeyed) is Compatibility.NOT_COMPATIBLE
    assert query(path, "SELECT * FROM t") == []


@pytest.mark.parametrize("key", [{"n": int}, {"n": str}])
def test_an_index_is_added_to_a_full_table_and_removed(tmp_path: Path, key: dict[str, Any]) -> None:
    path = tmp_path / "t.db"
    plain = export_schema(key, {"text": str, "embedding": Embedding})
    target = Target(SQLite(str(path), "t"), plain)
    target.set_up()
    rows = [((key["n"](i),), [f"word{i}", np.full(3, i)]) for i in range(5)]
    target.write(rows)
    indexed = export_schema(
        key,
        {"text": str, "embedding": Embedding},
        fts_indexes=SEARCHED,
        vector_indexes=[VectorIndexDef("embedding", Metric.L2_DISTANCE)],
    )
    assert target.set_up(schema=indexed) is Compatibility.COMPATIBLE
    target.write(rows[:1], [rows[1][0]])
    assert query(path, "SELECT count(*) FROM t") == [(4,)]
    found = query(
        path,
        "SELECT n FROM t JOIN t__text__fts i ON t.rowid = i.rowid WHERE i.text MATCH 'word3'",
    )
    assert found == [rows[3][0]]
    assert vector_query(path, "SELECT count(*) FROM t__embedding__vec") == [(4,)]
    assert target.set_up(schema=plain) is Compatibility.COMPATIBLE
    assert tables(path) == {"t"}
    target.write(rows)
    assert query(path, "SELECT count(*) FROM t") == [(5,)]


@pytest.mark.row("CT-5 idempotent setup")
def test_set_up_can_be_repeated_from_any_point(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    spec = SQLite(str(path), "t")
    first = Target(spec, export_schema({"n": str}, {"text": str}))
    second = Target(spec, export_schema({"n": str}, {"text": str, "b": int}, fts_indexes=SEARCHED))
    connector, key = first.connector, first.key
    old = connector.setup_state(spec, first.schema)
    new = connector.setup_state(spec, second.schema)
    for _ in interrupted_set_ups(connector, key, old, new):
        names = {row[1] for row in query(path, "PRAGMA table_info(t)")}
        assert names == {"n", "text", "b", "_row"}
        assert "t__text__fts" in tables(path)
    assert tables(path) == set()


def test_a_strangers_table_is_adopted_only_if_it_fits(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    query(path, "CREATE TABLE t (n INTEGER NOT NULL PRIMARY KEY, a TEXT, other TEXT)")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("INSERT INTO t VALUES (5, 'x', 'y')")
    connection.close()
    Target(SQLite(str(path), "t"), export_schema({"n": int}, {"a": str, "b": str})).set_up()
    assert query(path, "SELECT n, a, b, other FROM t") == [(5, "x", None, "y")]
    for changed in (export_schema({"n": int}, {"a": int}), export_schema({"n": str}, {"a": str})):
        with pytest.raises(FlowConflict, match="has not made"):
            Target(SQLite(str(path), "t"), changed).set_up()
    assert query(path, "SELECT count(*) FROM t") == [(1,)]


def test_batches_of_one_file_are_one_transaction(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    schema = export_schema({"n": str}, {"a": int})
    one, two = (Target(SQLite(str(path), name), schema) for name in ("one", "two"))
    for target in (one, two):
        target.set_up()
    with one.opened() as first, two.opened() as second:
        connector = one.connector
        assert connector.group(first) == connector.group(second)
        good, bad = [(("k",), [1])], [((None,), [1])]
        batches = [TargetBatch(first, good, []), TargetBatch(second, bad, [])]
        with pytest.raises(FlowError, match=r"NOT NULL constraint failed: two\.n"):
            connector.write(batches)
        assert query(path, "SELECT * FROM one") == []
        connector.write([batches[0]])
    assert query(path, "SELECT * FROM one") == [("k", 1)]


@pytest.mark.row("CT-6 describe")
def test_describe_names_table_and_file(tmp_path: Path) -> None:
    target = Target(SQLite("data/t.db", "t"), export_schema({"n": int}, {}))
    assert target.connector.describe(target.key) == "SQLite table t in data/t.db"


def test_dropping_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    target = Target(SQLite(str(path), "t"), export_schema({"n": int}, {}))
    target.drop()
    assert not path.exists()


def test_a_value_that_does_not_fit_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    target = Target(SQLite(str(path), "t"), export_schema({"n": int}, {"a": int}))
    target.set_up()
    for value in (2**70, object()):
        with pytest.raises(FlowError, match="Writing to SQLite table t"):
            target.write([((1,), [1]), ((2,), [value])])
    assert query(path, "SELECT * FROM t") == []


def test_threads_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    target = Target(SQLite(str(path), "t"), export_schema({"n": int}, {"a": str}))
    target.set_up()
    assert write_from_threads(target) == dict(query(path, "SELECT n, a FROM t"))
