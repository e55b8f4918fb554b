"""Writes of the Postgres target: batches, values of each type, transactions."""

from __future__ import annotations

import datetime
import random
from typing import Any

import numpy as np
import psycopg
import pytest

from coco_flow.errors import FlowError
from coco_flow.ports import TargetBatch
from coco_flow.targets import Postgres
from coco_flow.targets import postgres as postgres_module
from coco_flow.targets.json_value import json_encoder
from coco_flow.types.annotations import Json, Range
from tests.coco_flow.targets.rows import (
    ALL_TYPES,
    Embedding,
    Part,
    Target,
    apply_to_oracle,
    export_schema,
    field,
    random_batches,
    write_from_threads,
)


def as_stored(name: str, value: Any) -> Any:
    """What reading a column of `ALL_TYPES` must give for an engine value."""
    if value is None:
        return None
    if name == "single":
        return np.float32(value)
    if name == "embedding":
        return [np.float32(each) for each in value]
    if name == "place":
        return psycopg.types.range.Range(*value)
    if name in ("loose", "part", "parts", "keyed", "mixed"):
        encoder = json_encoder(field(name, ALL_TYPES[name]).value_type.type)
        assert encoder is not None
        return encoder(value)
    return value


def as_read(name: str, value: Any) -> Any:
    if value is not None and name == "embedding":
        return [np.float32(each) for each in value.strip("[]").split(",")]
    return np.float32(value) if value is not None and name == "single" else value


def as_key(part: Any) -> Any:
    return part if isinstance(part, int | str) else (part.lower, part.upper)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("key", [{"n": int}, {"filename": str, "location": Range}])
def test_random_batches_written_twice_equal_a_dict(
    database: Any, connection: Any, key: dict[str, Any], seed: int
) -> None:
    rng = random.Random(seed)
    target = Target(Postgres(database, f"oracle_{len(key)}_{seed}"), export_schema(key, ALL_TYPES))
    target.set_up()
    keys: list[Any] = [(i,) for i in range(40)]
    if len(key) == 2:
        keys = [(f"f{i % 7}", (i, i + 2)) for i in range(40)]
    oracle: dict[Any, Any] = {}
    for upserts, deletes in random_batches(rng, keys, list(ALL_TYPES), 12):
        target.write(upserts, deletes)
        target.write(upserts, deletes)
        apply_to_oracle(oracle, upserts, deletes)
    rows = connection.execute(f"SELECT * FROM oracle_{len(key)}_{seed}").fetchall()
    found = {
        tuple(as_key(part) for part in row[: len(key)]): [
            as_read(name, value) for name, value in zip(ALL_TYPES, row[len(key) :], strict=True)
        ]
        for row in rows
    }
    assert found == {
        key: [as_stored(name, value) for name, value in zip(ALL_TYPES, row, strict=True)]
        for key, row in oracle.items()
    }
    target.drop()


@pytest.mark.row("VP-4 NUL removal")
def test_nul_is_removed_from_text_and_json(database: Any, connection: Any) -> None:
    schema = export_schema({"name": str}, {"text": str, "extra": Json, "part": Part})
    target = Target(Postgres(database, "nul"), schema)
    target.set_up()
    value = {"a\0": "b\0c", "d": "\\u0000", "e": float("nan")}
    target.write([(("k\0",), ["a\0b", value, ["x\0", 1]])])
    target.write(deletes=[("absent\0",)])
    assert connection.execute("SELECT * FROM nul").fetchall() == [
        ("k", "ab", {"a": "bc", "d": "\\u0000", "e": None}, {"name": "x", "size": 1})
    ]
    target.write(deletes=[("k\0",)])
    assert connection.execute("SELECT * FROM nul").fetchall() == []


def test_a_table_without_value_columns_takes_rows_twice(database: Any, connection: Any) -> None:
    target = Target(Postgres(database, "bare"), export_schema({"day": datetime.date}, {}))
    target.set_up()
    row = ((datetime.date(1999, 2, 3),), [])
    target.write([row, row])
    target.write([row])
    assert connection.execute("SELECT * FROM bare").fetchall() == [row[0]]


def test_batches_of_one_database_are_one_transaction(database: Any, connection: Any) -> None:
    schema = export_schema({"n": int}, {"embedding": Embedding})
    one, two = (Target(Postgres(database, name), schema) for name in ("one", "two"))
    for target in (one, two):
        target.set_up()
    good, bad = [((1,), [np.zeros(3)])], [((1,), [np.zeros(4)])]
    with one.opened() as first, two.opened() as second:
        connector = one.connector
        assert connector.group(first) == connector.group(second)
        with pytest.raises(FlowError, match="expected 3 dimensions"):
            connector.write([TargetBatch(first, good, []), TargetBatch(second, bad, [])])
        assert connection.execute("SELECT * FROM one").fetchall() == []
        connector.write([TargetBatch(first, good, []), TargetBatch(second, good, [])])
    assert connection.execute("SELECT n FROM one JOIN two USING (n)").fetchall() == [(1,)]


def test_a_batch_is_split_by_its_bytes(
    database: Any, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_module, "_STATEMENT_BYTES", 1000)
    target = Target(Postgres(database, "bulky"), export_schema({"n": int}, {"text": str}))
    target.set_up()
    rows = [((i,), ["x" * (400 if i % 5 else 1500)]) for i in range(50)]
    target.write(rows)
    assert connection.execute("SELECT count(*), sum(length(text)) FROM bulky").fetchone() == (
        50,
        sum(len(row[0]) for _, row in rows),
    )
    target.write(deletes=[key for key, _ in rows])
    assert connection.execute("SELECT count(*) FROM bulky").fetchone() == (0,)


def test_writing_goes_on_after_the_server_ended_the_connections(
    database: Any, connection: Any
) -> None:
    target = Target(Postgres(database, "resumed"), export_schema({"n": int}, {"a": str}))
    target.set_up()
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND usename = current_user AND datname = current_database()"
    )
    with target.opened() as handle:
        for i in range(3):
            target.connector.write([TargetBatch(handle, [((i,), ["x"])], [])])
            connection.execute(kill)
    assert connection.execute("SELECT count(*) FROM resumed").fetchone() == (3,)


def test_a_value_of_another_type_names_its_field(database: Any, connection: Any) -> None:
    target = Target(Postgres(database, "strict"), export_schema({"n": int}, {"a": str}))
    target.set_up()
    for key, value in ((2**70, "x"), (1, 5)):
        with pytest.raises(FlowError, match=r"field '[na]' does not fit its column of type"):
            target.write([((key,), [value])])
    assert connection.execute("SELECT * FROM strict").fetchall() == []


def test_threads_write_in_parallel(database: Any, connection: Any) -> None:
    target = Target(Postgres(database, "threads"), export_schema({"n": int}, {"a": str}))
    target.set_up()
    expected = write_from_threads(target)
    assert dict(connection.execute("SELECT n, a FROM threads").fetchall()) == expected
