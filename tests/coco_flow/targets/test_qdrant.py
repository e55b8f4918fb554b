"""The Qdrant target against local substitutes for a Qdrant server, by HTTP and by gRPC."""

from __future__ import annotations

import json
import random
import socket
import uuid
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pytest
from qdrant_client import QdrantClient, models

from coco_core.errors import Unavailable
from coco_flow.auth import add_auth_entry
from coco_flow.errors import DefinitionError, FlowConflict, FlowError
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
from coco_flow.targets import LanceDB, Qdrant, QdrantConnection, qdrant_transport
from coco_flow.targets.json_value import json_encoder
from coco_flow.types.annotations import Vector
from tests.coco_flow.targets.qdrant_grpc import qdrant_grpc_server
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
from tests.qdrant_server import API_KEY, _Handler, new_prefix, qdrant_server


@pytest.fixture(scope="module")
def http() -> Iterator[tuple[Any, QdrantClient]]:
    with qdrant_server() as url:
        yield add_auth_entry("qdrant_http", QdrantConnection(url, API_KEY)), _Handler.store.client


@pytest.fixture(scope="module")
def grpc() -> Iterator[tuple[Any, QdrantClient]]:
    with qdrant_grpc_server() as (url, store):
        yield add_auth_entry("qdrant_grpc", QdrantConnection(url)), store


@pytest.fixture(params=["http", "grpc"])
def server(request: pytest.FixtureRequest) -> tuple[Any, QdrantClient]:
    found: tuple[Any, QdrantClient] = request.getfixturevalue(request.param)
    return found


def spec(server: tuple[Any, QdrantClient]) -> Qdrant:
    return Qdrant(new_prefix(), server[0])


def points(store: QdrantClient, name: str) -> dict[Any, Any]:
    found, _ = store.scroll(name, limit=1000, with_vectors=True)
    return {point.id: (point.vector or {}, point.payload) for point in found}


@pytest.mark.row("VP-6 Qdrant")
@pytest.mark.parametrize("annotation", [uuid.UUID, int, str])
def test_random_batches_written_twice_equal_a_dict(
    server: tuple[Any, QdrantClient], annotation: Any
) -> None:
    rng = random.Random(1)
    index = VectorIndexDef("embedding", Metric.L2_DISTANCE)
    schema = export_schema({"n": annotation}, ALL_TYPES, vector_indexes=[index])
    target = Target(spec(server), schema)
    target.set_up()
    ids = [uuid.UUID(int=i) for i in range(40)]
    keys = [(i,) for i in (range(40) if annotation is int else ids)]
    if annotation is str:
        keys = [(str(i),) for i in ids]
    oracle: dict[Any, Any] = {}
    for upserts, deletes in random_batches(rng, keys, list(ALL_TYPES), 8):
        target.write(upserts, deletes)
        target.write(upserts, deletes)
        apply_to_oracle(oracle, upserts, deletes)
    expected = {}
    for (key,), row in oracle.items():
        payload = {}
        vectors: dict[str, Any] = {}
        for name, value in zip(ALL_TYPES, row, strict=True):
            if name == "embedding":
                if value is not None:
                    vectors[name] = value.tolist()
                continue
            encode = json_encoder(field(name, ALL_TYPES[name]).value_type.type)
            payload[name] = value if encode is None or value is None else encode(value)
        expected[key if annotation is int else str(key)] = (vectors, payload)
    assert points(server[1], target.spec.collection_name) == expected
    target.drop()
    assert not server[1].collection_exists(target.spec.collection_name)


def test_vectors_of_vectors_are_multi_vectors_and_others_payload(
    server: tuple[Any, QdrantClient],
) -> None:
    value = {
        "pages": Vector[Vector[np.float32, Literal[2]]],
        "whole": Vector[np.int64, Literal[2]],
        "loose": Vector[float],
        "words": Vector[str, Literal[2]],
    }
    target = Target(spec(server), export_schema({"n": int}, value))
    target.set_up()
    row = [[np.array([1, 2]), np.array([3, 4])], np.array([5, 6]), [0.5], ["a", "b"]]
    target.write([((1,), row), ((2,), [None] * 4)])
    config = server[1].get_collection(target.spec.collection_name).config.params.vectors
    assert isinstance(config, dict)
    assert {name: (each.size, each.distance) for name, each in config.items()} == {
        "pages": (2, models.Distance.COSINE),
        "whole": (2, models.Distance.COSINE),
    }
    assert config["pages"].multivector_config is not None
    found = points(server[1], target.spec.collection_name)
    assert found[1][1] == {"loose": [0.5], "words": ["a", "b"]}
    assert set(found[1][0]) == {"pages", "whole"}
    assert found[2] == ({}, {"loose": None, "words": None})


@pytest.mark.row("VP-1 metrics")
@pytest.mark.row("VP-7 portable index definition")
@pytest.mark.parametrize(
    ("metric", "order"),
    [
        (Metric.COSINE_SIMILARITY, ["right", "long", "up"]),
        (Metric.L2_DISTANCE, ["right", "up", "long"]),
        (Metric.INNER_PRODUCT, ["long", "right", "up"]),
    ],
)
def test_one_index_definition_serves_two_targets(
    server: tuple[Any, QdrantClient], tmp_path: Any, metric: Metric, order: list[str]
) -> None:
    import lancedb

    index = VectorIndexDef("embedding", metric)
    schema = export_schema(
        {"id": uuid.UUID}, {"name": str, "embedding": Embedding}, vector_indexes=[index]
    )
    vectors = {"right": (1.0, 0.0, 0.0), "long": (3.0, 3.0, 0.0), "up": (0.0, 1.0, 0.0)}
    rows = [((uuid.uuid4(),), [name, np.array(v, np.float32)]) for name, v in vectors.items()]
    here = Target(spec(server), schema)
    there = Target(LanceDB(str(tmp_path), "t"), schema)
    for target in (here, there):
        target.set_up()
        target.write(rows)
    hits = server[1].query_points(
        here.spec.collection_name, [1.0, 0.1, 0.0], using="embedding", limit=3
    )
    assert [hit.payload["name"] for hit in hits.points if hit.payload] == order
    name = {"COSINE_SIMILARITY": "cosine", "L2_DISTANCE": "l2", "INNER_PRODUCT": "dot"}[metric.name]
    table = lancedb.connect(tmp_path).open_table("t")
    found = table.search([1.0, 0.1, 0.0]).distance_type(name).limit(3).to_list()
    assert [row["name"] for row in found] == order


@pytest.mark.row("VP-2 HNSW options")
def test_the_options_of_hnsw_reach_the_collection(server: tuple[Any, QdrantClient]) -> None:
    found = []
    both = HnswVectorIndexMethod(m=8, ef_construction=80)
    for method in (None, HnswVectorIndexMethod(m=8), both):
        index = VectorIndexDef("embedding", Metric.L2_DISTANCE, method)
        schema = export_schema({"n": int}, {"embedding": Embedding}, vector_indexes=[index])
        target = Target(spec(server), schema)
        target.set_up()
        config = server[1].get_collection(target.spec.collection_name).config.params.vectors
        assert isinstance(config, dict)
        graph = config["embedding"].hnsw_config
        found.append(graph and (graph.m, graph.ef_construct))
    assert found == [None, (8, None), (8, 80)]


@pytest.mark.row("VP-3 IVFFlat")
def test_what_qdrant_has_not_is_refused_when_the_flow_is_defined() -> None:
    def refused(message: str, key: Any, value: Any, **indexes: Any) -> None:
        with pytest.raises(DefinitionError, match=message):
            Target(Qdrant("c"), export_schema(key, value, **indexes)).set_up()

    vector = {"embedding": Embedding, "text": str}
    plain = VectorIndexDef("embedding", Metric.L2_DISTANCE)
    lists = VectorIndexDef("embedding", Metric.L2_DISTANCE, IvfFlatVectorIndexMethod(lists=3))
    refused("Qdrant has HNSW only", {"n": int}, vector, vector_indexes=[lists])
    refused("two indexes on", {"n": int}, vector, vector_indexes=[plain, plain])
    refused(
        "no vector of numbers",
        {"n": int},
        vector,
        vector_indexes=[VectorIndexDef("text", Metric.L2_DISTANCE)],
    )
    refused(
        "not exported",
        {"n": int},
        vector,
        vector_indexes=[VectorIndexDef("gone", Metric.L2_DISTANCE)],
    )
    refused("cannot have a full-text index", {"n": int}, vector, fts_indexes=[FtsIndexDef("text")])
    refused("needs one key field", {"n": int, "m": int}, vector)
    refused("needs one key field", {"n": float}, vector)


def test_a_key_that_is_no_id_of_a_point_is_an_error(server: tuple[Any, QdrantClient]) -> None:
    target = Target(spec(server), export_schema({"n": str}, {"text": str}))
    target.set_up()
    with pytest.raises(FlowError, match=r"'docs/a\.md' cannot be the key"):
        target.write([(("docs/a.md",), ["x"])])
    target.write([(("17",), ["x"])])
    assert set(points(server[1], target.spec.collection_name)) == {17}
    numbers = Target(spec(server), export_schema({"n": int}, {"text": str}))
    numbers.set_up()
    with pytest.raises(FlowError, match="-1 cannot be the key"):
        numbers.write([((-1,), ["x"])])


def test_the_server_is_told_apart_from_another_flows_collection(
    server: tuple[Any, QdrantClient],
) -> None:
    first = Target(spec(server), export_schema({"n": int}, {"embedding": Embedding}))
    first.set_up()
    first.write([((1,), [np.ones(3)])])
    Target(first.spec, first.schema).set_up()
    assert len(points(server[1], first.spec.collection_name)) == 1
    other = export_schema({"n": int}, {"embedding": Vector[np.float32, Literal[4]]})
    with pytest.raises(FlowConflict, match="has not made"):
        Target(first.spec, other).set_up()
    assert first.set_up(schema=other) is Compatibility.NOT_COMPATIBLE
    assert points(server[1], first.spec.collection_name) == {}


def test_what_json_has_not_becomes_null_or_a_question_mark(http: tuple[Any, QdrantClient]) -> None:
    target = Target(spec(http), export_schema({"n": int}, {"a": str, "b": float}))
    target.set_up()
    target.write([((1,), ["x\ud800y", 1.0]), ((2,), ["z", float("nan")])])
    assert points(http[1], target.spec.collection_name) == {
        1: ({}, {"a": "x?y", "b": 1.0}),
        2: ({}, {"a": "z", "b": None}),
    }


def test_payload_fields_come_and_go_without_set_up(server: tuple[Any, QdrantClient]) -> None:
    target = Target(spec(server), export_schema({"n": int}, {"a": str}))
    target.set_up()
    target.write([((1,), ["x"])])
    assert target.set_up(schema=export_schema({"n": int}, {"b": int})) is Compatibility.COMPATIBLE
    target.write([((2,), [5])])
    assert points(server[1], target.spec.collection_name) == {
        1: ({}, {"a": "x"}),
        2: ({}, {"b": 5}),
    }


@pytest.mark.row("CT-5 idempotent setup")
def test_set_up_can_be_repeated_from_any_point(server: tuple[Any, QdrantClient]) -> None:
    where = spec(server)
    first = Target(where, export_schema({"n": int}, {"a": str}))
    second = Target(where, export_schema({"n": int}, {"embedding": Embedding}))
    connector, key = first.connector, first.key
    old = connector.setup_state(where, first.schema)
    new = connector.setup_state(where, second.schema)
    assert json.loads(json.dumps(new)) == new
    for _ in interrupted_set_ups(connector, key, old, new):
        config = server[1].get_collection(where.collection_name).config.params.vectors
        assert isinstance(config, dict)
        assert set(config) == {"embedding"}


def test_points_are_sent_in_requests_of_bounded_size(
    server: tuple[Any, QdrantClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qdrant_transport, "_HTTP_BYTES", 2000)
    monkeypatch.setattr(qdrant_transport, "_GRPC_BYTES", 2000)
    monkeypatch.setattr(qdrant_transport, "_IDS_IN_REQUEST", 7)
    target = Target(spec(server), export_schema({"n": int}, {"text": str}))
    target.set_up()
    target.write([((i,), ["x" * (100 if i % 5 else 3000)]) for i in range(50)])
    assert len(points(server[1], target.spec.collection_name)) == 50
    target.write(deletes=[(i,) for i in range(45)])
    assert set(points(server[1], target.spec.collection_name)) == {45, 46, 47, 48, 49}


def test_what_the_server_refuses_is_told(server: tuple[Any, QdrantClient]) -> None:
    target = Target(spec(server), export_schema({"n": int}, {"embedding": Embedding}))
    target.set_up()
    with pytest.raises(FlowError, match="Qdrant refused"):
        target.write([((1,), [np.ones(4)])])


@pytest.mark.row("ST-5 connection by reference")
def test_two_targets_share_a_connection_by_its_name(http: tuple[Any, QdrantClient]) -> None:
    one, two = (Target(spec(http), export_schema({"n": int}, {"a": str})) for _ in range(2))
    for target in (one, two):
        target.set_up()
        target.write([((1,), ["x"])])
        assert target.key["connection"] == "qdrant_http"
        assert API_KEY not in str((target.key, target.state))
        assert len(points(http[1], target.spec.collection_name)) == 1


def test_an_address_may_be_host_and_port() -> None:
    with qdrant_grpc_server() as (url, store):
        place = url.removeprefix("http://").rstrip("/")
        connection = add_auth_entry(f"place_{place}", QdrantConnection(place))
        target = Target(Qdrant("c", connection), export_schema({"n": int}, {"a": str}))
        target.set_up()
        target.write([((1,), ["x"])])
        assert points(store, "c") == {1: ({}, {"a": "x"})}


def test_a_server_that_is_not_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    connection = add_auth_entry(f"gone_{port}", QdrantConnection(f"http://127.0.0.1:{port}"))
    with pytest.raises(Unavailable, match="cannot be reached"):
        Target(Qdrant("c", connection), export_schema({"n": int}, {})).set_up()


@pytest.mark.row("CT-6 describe")
def test_describe_names_collection_and_connection(http: tuple[Any, QdrantClient]) -> None:
    target = Target(Qdrant("docs", http[0]), export_schema({"n": int}, {}))
    assert (
        target.connector.describe(target.key) == "Qdrant collection docs (connection qdrant_http)"
    )


def test_threads_write_at_once(server: tuple[Any, QdrantClient]) -> None:
    target = Target(spec(server), export_schema({"n": int}, {"a": str}))
    target.set_up()
    expected = write_from_threads(target)
    stored = points(server[1], target.spec.collection_name)
    assert {n: payload["a"] for n, (_, payload) in stored.items()} == expected
