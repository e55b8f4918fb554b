"""The LanceDB target, which runs in this process."""

from __future__ import annotations

import asyncio
import datetime
import json
import random
import sys
import uuid
from pathlib import Path
from typing import Any, Literal

import lancedb
import numpy as np
import pytest

from coco_flow.errors import DefinitionError, ExtraMissing, FlowConflict, FlowError
from coco_flow.index import (
    FtsIndexDef,
    HnswVectorIndexMethod,
    IvfFlatVectorIndexMethod,
    VectorIndexDef,
)
from coco_flow.index import (
    VectorSimilarityMetric as Metric,
)
from coco_flow.ports import Compatibility
from coco_flow.targets.lancedb import DatabaseOptions, LanceDB, connect_async
from coco_flow.types.annotations import Json, Range, Vector
from tests.coco_flow.targets.rows import (
    ALL_TYPES,
    Embedding,
    Target,
    apply_to_oracle,
    as_arrow,
    export_schema,
    interrupted_set_ups,
    random_batches,
    write_from_threads,
)


def table(path: Path, name: str = "t") -> Any:
    return lancedb.connect(path).open_table(name)


def indexes(path: Path, name: str = "t") -> dict[str, Any]:
    return {index.name: index for index in table(path, name).list_indices()}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("key", [{"name": str}, {"filename": str, "location": Range}])
def test_random_batches_written_twice_equal_a_dict(
    tmp_path: Path, key: dict[str, Any], seed: int
) -> None:
    rng = random.Random(seed)
    schema = export_schema(
        key,
        ALL_TYPES,
        fts_indexes=[FtsIndexDef("text")],
        vector_indexes=[VectorIndexDef("embedding", Metric.L2_DISTANCE)],
    )
    target = Target(LanceDB(str(tmp_path), "t"), schema)
    target.set_up()
    keys: list[Any] = [(f"'k\\{i}\"",) for i in range(40)]
    if len(key) == 2:
        keys = [(f"f{i % 7}'", (i, i + 2)) for i in range(40)]
    oracle: dict[Any, Any] = {}
    for upserts, deletes in random_batches(rng, keys, list(ALL_TYPES), 6):
        target.write(upserts, deletes)
        target.write(upserts, deletes)
        apply_to_oracle(oracle, upserts, deletes)
    found = {}
    for row in table(tmp_path).to_arrow().to_pylist():
        place = [row.pop(name) for name in key]
        place = [(p["start"], p["end"]) if isinstance(p, dict) else p for p in place]
        for name in ("extra", "mixed"):
            row[name] = None if row[name] is None else json.loads(row[name])
        found[tuple(place)] = row
    assert found == {
        key: {name: as_arrow(name, v) for name, v in zip(ALL_TYPES, row, strict=True)}
        for key, row in oracle.items()
    }
    target.drop()
    with pytest.raises(ValueError, match="not found"):
        table(tmp_path)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, -5),
        (bool, True),
        (bytes, b"\0'\xff"),
        (ALL_TYPES["id"], uuid.UUID(int=7)),
        (ALL_TYPES["day"], datetime.date(2020, 2, 29)),
    ],
)
def test_rows_are_found_by_keys_of_every_type(tmp_path: Path, annotation: Any, value: Any) -> None:
    target = Target(LanceDB(str(tmp_path), "t"), export_schema({"k": annotation}, {"a": int}))
    target.set_up()
    target.write([((value,), [1])])
    target.write([((value,), [2])])
    assert table(tmp_path).to_arrow().column("a").to_pylist() == [2]
    target.write(deletes=[(value,)])
    assert table(tmp_path).count_rows() == 0


@pytest.mark.parametrize("last", [int, uuid.UUID])
def test_keys_of_several_parts_cannot_meet(tmp_path: Path, last: Any) -> None:
    number = (lambda i: uuid.UUID(int=i)) if last is uuid.UUID else int
    target = Target(LanceDB(str(tmp_path), "t"), export_schema({"a": str, "b": last}, {"c": int}))
    target.set_up()
    keys = [("x", number(11)), ("x1", number(1)), ("1:x", number(1)), ("1:x1", number(1))]
    target.write([(key, [i]) for i, key in enumerate(keys)])
    for i, key in enumerate(keys):
        target.write(deletes=[key, ("x'", number(1))])
        assert table(tmp_path).to_arrow().column("c").to_pylist() == list(range(i + 1, 4))


@pytest.mark.row("ST-2 embedded default")
@pytest.mark.row("ST-3 index at setup")
@pytest.mark.row("VP-1 metrics")
@pytest.mark.parametrize(
    ("metric", "name", "order"),
    [
        (Metric.COSINE_SIMILARITY, "cosine", ["right", "long", "up"]),
        (Metric.L2_DISTANCE, "l2", ["right", "up", "long"]),
        (Metric.INNER_PRODUCT, "dot", ["long", "right", "up"]),
    ],
)
def test_hits_come_in_the_order_of_the_metric(
    tmp_path: Path, metric: Metric, name: str, order: list[str]
) -> None:
    index = VectorIndexDef("embedding", metric)
    schema = export_schema({"name": str}, {"embedding": Embedding}, vector_indexes=[index])
    target = Target(LanceDB(str(tmp_path), "t"), schema)
    target.set_up()
    assert f"__embedding__{name}__idx" in indexes(tmp_path)
    vectors = {"right": (1.0, 0.0, 0.0), "long": (3.0, 3.0, 0.0), "up": (0.0, 1.0, 0.0)}
    target.write([((key,), [np.array(vector)]) for key, vector in vectors.items()])
    hits = table(tmp_path).search([1.0, 0.1, 0.0]).distance_type(name).limit(3).to_list()
    assert [hit["name"] for hit in hits] == order


@pytest.mark.row("VP-2 HNSW options")
@pytest.mark.row("VP-3 IVFFlat")
def test_options_reach_the_index_which_is_trained_by_an_update(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, method in {
        "default": None,
        "hnsw": HnswVectorIndexMethod(m=8, ef_construction=80),
        "ivf": IvfFlatVectorIndexMethod(lists=4),
    }.items():
        index = VectorIndexDef("embedding", Metric.L2_DISTANCE, method)
        schema = export_schema(
            {"n": int}, {"embedding": Vector[np.float32, Literal[8]]}, vector_indexes=[index]
        )
        target = Target(LanceDB(str(tmp_path), name), schema)
        target.set_up()
        target.write([((i,), [rng.random(8)]) for i in range(1200)])
        [found] = [i for i in indexes(tmp_path, name).values() if "embedding" in i.name]
        assert found.num_indexed_rows == 1200
        if name == "ivf":
            assert found.index_type == "IvfFlat"
            assert table(tmp_path, name).index_stats(found.name).num_indices == 1
        else:
            graph = found.index_details["hnsw"]
            expected = (8, 80) if name == "hnsw" else (20, 300)
            assert (graph["max_connections"], graph["construction_ef"]) == expected


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="by which rows cannot be found"):
        Target(LanceDB(str(tmp_path), "t"), export_schema({"k": float}, {})).set_up()
    schema = export_schema({"k": int}, {"t": str}, fts_indexes=[FtsIndexDef("t", {"nope": 1})])
    with pytest.raises(DefinitionError, match=r"does not know: .*nope"):
        Target(LanceDB(str(tmp_path), "t"), schema).set_up()


def test_integers_are_indexed_as_floats(tmp_path: Path) -> None:
    index = VectorIndexDef("e", Metric.L2_DISTANCE)
    plain = export_schema({"k": int}, {"e": Vector[np.int64, Literal[2]]})
    indexed = export_schema({"k": int}, {"e": Vector[np.int64, Literal[2]]}, vector_indexes=[index])
    target = Target(LanceDB(str(tmp_path), "t"), plain)
    target.set_up()
    assert target.set_up(schema=indexed) is Compatibility.PARTIALLY_COMPATIBLE
    target.write([((1,), [np.array([3, 4])])])
    assert table(tmp_path).search([0.0, 0.0]).to_list()[0]["_distance"] == 25


def test_full_text_is_searched(tmp_path: Path) -> None:
    index = FtsIndexDef("text", {"with_position": True})
    target = Target(
        LanceDB(str(tmp_path), "t"), export_schema({"n": int}, {"text": str}, fts_indexes=[index])
    )
    target.set_up()
    target.write([((1,), ["cats running"]), ((2,), ["a dog"]), ((3,), [None])])
    hits = table(tmp_path).search("running", query_type="fts").to_list()
    assert [hit["n"] for hit in hits] == [1]


def test_columns_are_added_removed_and_retyped(tmp_path: Path) -> None:
    target = Target(LanceDB(str(tmp_path), "t"), export_schema({"n": int}, {"a": str, "b": int}))
    target.set_up()
    target.write([((1,), ["x", 2])])
    wider = export_schema({"n": int}, {"c": Json, "a": str, "b": int, "e": Embedding})
    assert target.set_up(schema=wider) is Compatibility.COMPATIBLE
    target.write([((2,), [{"z": 1}, "y", 3, np.zeros(3)])])
    rows = table(tmp_path).to_arrow().sort_by("n").to_pylist()
    assert rows == [
        {"n": 1, "a": "x", "b": 2, "c": None, "e": None},
        {"n": 2, "a": "y", "b": 3, "c": '{"z":1}', "e": [0.0, 0.0, 0.0]},
    ]
    changed = export_schema({"n": int}, {"a": int, "c": Json})
    assert target.set_up(schema=changed) is Compatibility.PARTIALLY_COMPATIBLE
    rows = table(tmp_path).to_arrow().sort_by("n").to_pylist()
    assert rows == [{"n": 1, "a": None, "c": None}, {"n": 2, "a": None, "c": '{"z":1}'}]
    rekeyed = export_schema({"n": str}, {"a": int})
    assert target.set_up(schema=rekeyed) is Compatibility.NOT_COMPATIBLE
    assert table(tmp_path).count_rows() == 0


@pytest.mark.slow
@pytest.mark.row("CT-5 idempotent setup")
def test_set_up_can_be_repeated_from_any_point(tmp_path: Path) -> None:
    spec = LanceDB(str(tmp_path), "t")
    index = VectorIndexDef("embedding", Metric.L2_DISTANCE)
    first = Target(spec, export_schema({"n": int}, {"a": str}))
    second = Target(
        spec, export_schema({"n": int}, {"embedding": Embedding}, vector_indexes=[index])
    )
    connector, key = first.connector, first.key
    old = connector.setup_state(spec, first.schema)
    new = connector.setup_state(spec, second.schema)
    assert json.loads(json.dumps(new)) == new
    for _ in interrupted_set_ups(connector, key, old, new):
        assert table(tmp_path).schema.names == ["n", "embedding"]
        assert set(indexes(tmp_path)) == {"__n__key__idx", "__embedding__l2__idx"}


@pytest.mark.row("CT-3 irrelevant spec change")
def test_when_to_compact_is_no_matter_of_set_up(tmp_path: Path) -> None:
    target = Target(LanceDB(str(tmp_path), "t"), export_schema({"n": int}, {}))
    states = [
        target.connector.setup_state(spec, target.schema)
        for spec in (
            LanceDB(str(tmp_path), "t"),
            LanceDB(str(tmp_path), "t", DatabaseOptions({"token": "secret"}), 7),
        )
    ]
    assert states[0] == states[1]


def test_a_strangers_table_is_adopted_only_if_it_fits(tmp_path: Path) -> None:
    import pyarrow as pa

    database = lancedb.connect(tmp_path)
    database.create_table("t", pa.table({"n": [5], "a": ["x"], "other": ["y"]}))
    Target(LanceDB(str(tmp_path), "t"), export_schema({"n": int}, {"a": str, "b": str})).set_up()
    assert table(tmp_path).to_arrow().to_pylist() == [{"n": 5, "a": "x", "other": "y", "b": None}]
    for changed in (export_schema({"n": int}, {"a": int}), export_schema({"m": str}, {"a": str})):
        with pytest.raises(FlowConflict, match="has not made"):
            Target(LanceDB(str(tmp_path), "t"), changed).set_up()
    assert table(tmp_path).count_rows() == 1


def test_many_transactions_are_compacted(tmp_path: Path) -> None:
    spec = LanceDB(str(tmp_path), "t", num_transactions_before_optimize=5)
    target = Target(spec, export_schema({"n": int}, {"a": str}))
    target.set_up()
    for i in range(20):
        target.write([((i,), ["x"])])
    fragments = table(tmp_path).stats()["fragment_stats"]["num_fragments"]
    assert fragments <= 6
    assert table(tmp_path).count_rows() == 20


def test_a_failed_write_says_which_table(tmp_path: Path) -> None:
    target = Target(LanceDB(str(tmp_path), "t"), export_schema({"n": int}, {"e": Embedding}))
    target.set_up()
    for size in (1, 4):
        with pytest.raises(FlowError, match=f"field 'e' .* has {size} dimensions instead of 3"):
            target.write([((1,), [np.zeros(size)])])
    with pytest.raises(
        FlowError, match="LanceDB table t failed: a vector of the field 'e' has a NaN"
    ):
        target.write([((1,), [np.zeros(3)]), ((2,), [np.array([0, np.nan, 1])])])
    assert table(tmp_path).count_rows() == 0


def test_a_shared_connection_sees_what_the_flow_writes(tmp_path: Path) -> None:
    target = Target(LanceDB(str(tmp_path), "t"), export_schema({"n": int}, {"a": str}))
    target.set_up()

    async def read() -> list[int]:
        connection = await connect_async(str(tmp_path))
        assert await connect_async(str(tmp_path)) is connection
        opened = await connection.open_table("t")
        before = await opened.count_rows()
        await asyncio.to_thread(target.write, [((1,), ["x"])])
        return [before, await opened.count_rows()]

    assert asyncio.run(read()) == [0, 1]


@pytest.mark.row("CT-6 describe")
def test_describe_names_table_and_database() -> None:
    target = Target(LanceDB("data/lance", "t"), export_schema({"n": int}, {}))
    assert target.connector.describe(target.key) == "LanceDB table t in data/lance"


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(ExtraMissing, match=r"coco-flow\[lancedb\]"):
        Target(LanceDB("nowhere", "t"), export_schema({"n": int}, {})).set_up()


def test_threads_write_at_once(tmp_path: Path) -> None:
    target = Target(LanceDB(str(tmp_path), "t"), export_schema({"n": int}, {"a": str}))
    target.set_up()
    expected = write_from_threads(target)
    assert {row["n"]: row["a"] for row in table(tmp_path).to_arrow().to_pylist()} == expected
