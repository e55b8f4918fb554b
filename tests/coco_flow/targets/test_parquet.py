"""The target that writes Parquet files."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from coco_flow.errors import DefinitionError, FlowConflict, FlowError
from coco_flow.index import FtsIndexDef
from coco_flow.ports import Compatibility, SetupChange, TargetBatch
from coco_flow.targets import Parquet, parquet_parts
from coco_flow.targets.parquet_parts import part_files
from coco_flow.types.annotations import Json, Range
from tests.coco_flow.targets.rows import (
    ALL_TYPES,
    Target,
    apply_to_oracle,
    as_arrow,
    export_schema,
    random_batches,
    write_from_threads,
)

SIMPLE = export_schema({"n": int}, {"a": str})


def rows(directory: Path) -> list[dict[str, Any]]:
    """All rows, as whatever reads a directory of Parquet files sees them."""
    return [row for path in part_files(directory) for row in pq.read_table(path).to_pylist()]


def by_number(directory: Path) -> dict[int, Any]:
    return {row["n"]: row["a"] for row in rows(directory)}


def expected_value(name: str, value: Any) -> Any:
    return str(value) if name == "id" and value is not None else as_arrow(name, value)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("key", [{"n": int}, {"filename": str, "location": Range}])
def test_random_batches_written_twice_equal_a_dict(
    tmp_path: Path, key: dict[str, Any], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    if seed == 2:
        monkeypatch.setattr(parquet_parts, "_PAUSE_SECONDS", float("inf"))
    target = Target(Parquet(str(tmp_path), partitions=4), export_schema(key, ALL_TYPES))
    target.set_up()
    keys: list[Any] = [(i,) for i in range(40)]
    if len(key) == 2:
        keys = [(f"f{i % 7}", (i, i + 2)) for i in range(40)]
    oracle: dict[Any, Any] = {}
    batches = list(random_batches(rng, keys, list(ALL_TYPES), 8))
    for start in (0, 4):
        with target.opened() as handle:
            for upserts, deletes in batches[start : start + 4]:
                for _ in range(2):
                    target.connector.write([TargetBatch(handle, upserts, deletes)])
                apply_to_oracle(oracle, upserts, deletes)
    found = {}
    for row in rows(tmp_path):
        place = [row.pop(name) for name in key]
        place = [(p["start"], p["end"]) if isinstance(p, dict) else p for p in place]
        for name in ("extra", "mixed"):
            row[name] = None if row[name] is None else json.loads(row[name])
        found[tuple(place)] = row
    assert found == {
        key: {name: expected_value(name, v) for name, v in zip(ALL_TYPES, row, strict=True)}
        for key, row in oracle.items()
    }
    target.drop()
    assert not tmp_path.exists()


def test_an_update_replaces_only_the_parts_that_it_touches(tmp_path: Path) -> None:
    target = Target(Parquet(str(tmp_path), partitions=8), SIMPLE)
    target.set_up()
    target.write([((i,), ["x"]) for i in range(200)])
    assert len(part_files(tmp_path)) == 8
    before = {path: path.stat().st_ino for path in part_files(tmp_path)}
    target.write([((7,), ["y"])])
    after = {path: path.stat().st_ino for path in part_files(tmp_path)}
    assert len([path for path in after if after[path] != before[path]]) == 1
    assert by_number(tmp_path)[7] == "y"


def test_a_batch_is_seen_at_once_unless_much_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target(Parquet(str(tmp_path)), SIMPLE)
    target.set_up()
    with target.opened() as handle:
        target.connector.write([TargetBatch(handle, [((1,), ["x"])], [])])
        assert by_number(tmp_path) == {1: "x"}
        monkeypatch.setattr(parquet_parts, "_PAUSE_SECONDS", float("inf"))
        target.connector.write([TargetBatch(handle, [((2,), ["y"])], [(1,)])])
        assert by_number(tmp_path) == {1: "x"}
        monkeypatch.setattr(parquet_parts, "_JOURNAL_BYTES", 0)
        target.connector.write([TargetBatch(handle, [((3,), ["z"])], [])])
        assert by_number(tmp_path) == {2: "y", 3: "z"}


def test_what_was_written_before_a_crash_is_merged_by_the_next_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_parts, "_PAUSE_SECONDS", float("inf"))
    target = Target(Parquet(str(tmp_path)), SIMPLE)
    target.set_up()
    crashed = target.connector.open(target.spec, target.key, target.schema)
    for batch in (
        [((i,), ["x"]) for i in range(5)],
        [((2,), ["y"])],
    ):
        target.connector.write([TargetBatch(crashed, batch, [(4,)])])
    with target.opened():
        assert by_number(tmp_path) == {0: "x", 1: "x", 2: "y", 3: "x"}
    names = {path.name for path in tmp_path.iterdir()} - {
        path.name for path in part_files(tmp_path)
    }
    assert names <= {".coco_flow.lock"}


def test_two_processes_share_an_update(tmp_path: Path) -> None:
    target = Target(Parquet(str(tmp_path), partitions=2), SIMPLE)
    target.set_up()
    with target.opened() as one, target.opened() as two:
        for i in range(20):
            target.connector.write([TargetBatch(one, [((i,), ["one"])], [])])
            target.connector.write([TargetBatch(two, [((100 + i,), ["two"])], [(i - 1,)])])
    assert by_number(tmp_path) == {19: "one", **{100 + i: "two" for i in range(20)}}


def test_columns_are_added_removed_and_retyped(tmp_path: Path) -> None:
    target = Target(Parquet(str(tmp_path)), export_schema({"n": int}, {"a": str, "b": int}))
    target.set_up()
    target.write([((1,), ["x", 2])])
    wider = export_schema({"n": int}, {"c": Json, "a": str, "b": int})
    assert target.set_up(schema=wider) is Compatibility.COMPATIBLE
    target.write([((2,), [{"z": 1}, "y", 3])])
    assert sorted(rows(tmp_path), key=lambda row: row["n"]) == [
        {"n": 1, "a": "x", "b": 2, "c": None},
        {"n": 2, "a": "y", "b": 3, "c": '{"z":1}'},
    ]
    changed = export_schema({"n": int}, {"a": Json, "c": Json})
    assert target.set_up(schema=changed) is Compatibility.PARTIALLY_COMPATIBLE
    assert sorted(rows(tmp_path), key=lambda row: row["n"]) == [
        {"n": 1, "a": None, "c": None},
        {"n": 2, "a": None, "c": '{"z":1}'},
    ]
    more = Parquet(str(tmp_path), partitions=3)
    assert target.set_up(more) is Compatibility.NOT_COMPATIBLE
    assert rows(tmp_path) == []


@pytest.mark.row("CT-5 idempotent setup")
def test_set_up_and_drop_can_be_repeated(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    target = Target(Parquet(str(directory)), SIMPLE)
    for _ in range(2):
        target.set_up()
    target.write([((1,), ["x"])])
    target.connector.apply_setup([SetupChange(target.key, (None, target.state), target.state)])
    assert by_number(directory) == {1: "x"}
    change = SetupChange(target.key, (None, target.state), None)
    for _ in range(2):
        target.connector.apply_setup([change])
    assert not directory.exists()


def test_a_strangers_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "part-00001-of-00002.parquet").write_bytes(b"stranger")
    with pytest.raises(FlowConflict, match="has not written"):
        Target(Parquet(str(tmp_path)), SIMPLE).set_up()
    (tmp_path / "part-00001-of-00002.parquet").rename(tmp_path / "other.parquet")
    target = Target(Parquet(str(tmp_path)), SIMPLE)
    target.set_up()
    target.write([((1,), ["x"])])
    target.drop()
    assert [path.name for path in tmp_path.iterdir()] == ["other.parquet"]


def test_definitions_are_checked(tmp_path: Path) -> None:
    schema = export_schema({"n": int}, {"t": str}, fts_indexes=[FtsIndexDef("t")])
    with pytest.raises(DefinitionError, match="has no indexes"):
        Target(Parquet(str(tmp_path)), schema).set_up()
    with pytest.raises(DefinitionError, match="has 0 partitions"):
        Target(Parquet(str(tmp_path), 0), SIMPLE).set_up()


def test_a_value_of_another_type_is_told(tmp_path: Path) -> None:
    target = Target(Parquet(str(tmp_path)), SIMPLE)
    target.set_up()
    with pytest.raises(FlowError, match="field 'n' does not fit its column of type int64"):
        target.write([((1,), ["x"]), ((2**70,), ["y"])])
    assert rows(tmp_path) == []


@pytest.mark.row("CT-6 describe")
def test_describe_names_the_directory() -> None:
    target = Target(Parquet("out"), SIMPLE)
    assert target.connector.describe(target.key) == "Parquet files in out"


def test_threads_write_at_once(tmp_path: Path) -> None:
    target = Target(Parquet(str(tmp_path)), SIMPLE)
    target.set_up()
    assert write_from_threads(target) == by_number(tmp_path)
