"""The Chroma target, in this process and against Chroma's own server."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import chromadb
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
from coco_flow.targets.chromadb import ChromaDB, ClientType, HnswConfig
from coco_flow.targets.json_value import json_encoder
from coco_flow.types.annotations import Range, Vector
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
from tests.waiting import until

pytestmark = pytest.mark.slow

SIMPLE = export_schema({"id": str}, {"text": str, "embedding": Embedding})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Chroma's own server, which its package has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    command = [str(Path(sys.executable).parent / "chroma"), "run", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--path", str(tmp_path_factory.mktemp("chroma"))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    try:
        until(answers)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def spec(folder: Path, **options: Any) -> ChromaDB:
    return ChromaDB("rows", path=str(folder), **options)


def rounded(vector: Any) -> list[float]:
    """Where vectors are compared by angle, Chroma keeps them with another length and back."""
    return [round(float(each), 4) for each in vector]


def _metadata(found: dict[str, Any] | None) -> dict[str, Any]:
    """Chroma loses the last digit of some numbers."""
    return {
        name: float(f"{value:.12g}") if isinstance(value, float) else value
        for name, value in (found or {}).items()
    }


def stored(client: Any, name: str = "rows") -> dict[str, Any]:
    collection = client.get_collection(name, embedding_function=None)
    found = collection.get(include=["embeddings", "metadatas", "documents"])
    documents = found["documents"] or [None] * len(found["ids"])
    return {
        each: (rounded(found["embeddings"][i]), _metadata(found["metadatas"][i]), documents[i])
        for i, each in enumerate(found["ids"])
    }


def as_metadata(name: str, value: Any) -> Any:
    encode = json_encoder(field(name, ALL_TYPES[name]).value_type.type)
    encoded = value if encode is None else encode(value)
    return (
        encoded
        if isinstance(encoded, str | int | float)
        else json.dumps(encoded, ensure_ascii=False, separators=(",", ":"))
    )


@pytest.mark.parametrize("key", [{"id": uuid.UUID}, {"filename": str, "location": Range}])
def test_random_batches_written_twice_equal_a_dict(tmp_path: Path, key: dict[str, Any]) -> None:
    rng = random.Random(1)
    value = {name: type_ for name, type_ in ALL_TYPES.items() if name not in key}
    target = Target(spec(tmp_path, document_field="text"), export_schema(key, value))
    target.set_up()
    keys: list[Any] = [(uuid.UUID(int=i),) for i in range(30)]
    if len(key) == 2:
        keys = [(f"f{i % 7}", (i, i + 2)) for i in range(30)]
    oracle: dict[Any, Any] = {}
    place = list(value).index("embedding")
    for upserts, deletes in random_batches(rng, keys, list(value), 6):
        for _, row in upserts:
            row[place] = row[place] if row[place] is not None else np.ones(3, np.float32)
        target.write(upserts, deletes)
        target.write(upserts, deletes)
        apply_to_oracle(oracle, upserts, deletes)
    expected = {}
    for parts, row in oracle.items():
        named = dict(zip(value, row, strict=True))
        vector, document = named.pop("embedding"), named.pop("text")
        metadata = {name: as_metadata(name, v) for name, v in named.items() if v is not None}
        name = str(parts[0]) if len(key) == 1 else f'["{parts[0]}",[{parts[1][0]},{parts[1][1]}]]'
        expected[name] = (rounded(vector), _metadata(metadata), document or "")
    client = chromadb.PersistentClient(path=str(tmp_path))
    assert stored(client) == expected
    target.drop()
    assert client.list_collections() == []


@pytest.mark.row("VP-1 metrics")
@pytest.mark.parametrize(
    ("metric", "order"),
    [
        (Metric.COSINE_SIMILARITY, ["right", "long", "up"]),
        (Metric.L2_DISTANCE, ["right", "up", "long"]),
        (Metric.INNER_PRODUCT, ["long", "right", "up"]),
    ],
)
def test_hits_come_in_the_order_of_the_metric(
    tmp_path: Path, metric: Metric, order: list[str]
) -> None:
    index = VectorIndexDef("embedding", metric)
    schema = export_schema({"id": str}, {"embedding": Embedding}, vector_indexes=[index])
    target = Target(spec(tmp_path), schema)
    target.set_up()
    vectors = {"right": (1.0, 0.0, 0.0), "long": (3.0, 3.0, 0.0), "up": (0.0, 1.0, 0.0)}
    target.write([((name,), [np.array(vector)]) for name, vector in vectors.items()])
    client = chromadb.PersistentClient(path=str(tmp_path))
    collection = client.get_collection("rows", embedding_function=None)
    assert collection.query(query_embeddings=[[1.0, 0.1, 0.0]], n_results=3)["ids"] == [order]


@pytest.mark.row("VP-2 HNSW options")
def test_the_options_of_hnsw_reach_the_collection(tmp_path: Path) -> None:
    client = chromadb.PersistentClient(path=str(tmp_path))

    def graph(**options: Any) -> Any:
        method = options.pop("method", None)
        index = VectorIndexDef("embedding", Metric.L2_DISTANCE, method)
        schema = export_schema({"id": str}, {"embedding": Embedding}, vector_indexes=[index])
        target = Target(spec(tmp_path, **options), schema)
        target.set_up()
        found = client.get_collection("rows", embedding_function=None).configuration_json["hnsw"]
        target.drop()
        return [found[name] for name in ("max_neighbors", "ef_construction", "ef_search")]

    default = graph()
    assert graph(hnsw_config=HnswConfig(m=8)) == [8, *default[1:]]
    assert graph(hnsw_config=HnswConfig(8, 80, 50)) == [8, 80, 50]
    assert graph(method=HnswVectorIndexMethod(m=9)) == [9, *default[1:]]


def test_what_chroma_has_not_is_refused_when_the_flow_is_defined(tmp_path: Path) -> None:
    def refused(message: str, value: Any, document: str | None = None, **indexes: Any) -> None:
        schema = export_schema({"id": str}, value, **indexes)
        with pytest.raises(DefinitionError, match=message):
            Target(spec(tmp_path, document_field=document), schema).set_up()

    vector = {"e": Embedding, "text": str}
    lists = VectorIndexDef("e", Metric.L2_DISTANCE, IvfFlatVectorIndexMethod())
    plain = VectorIndexDef("e", Metric.L2_DISTANCE)
    refused("it has none", {"text": str})
    refused("it has e, f", {"e": Embedding, "f": Embedding})
    refused("Chroma has HNSW only", vector, vector_indexes=[lists])
    refused("has 2 vector indexes", vector, vector_indexes=[plain, plain])
    refused("cannot have a full-text index", vector, fts_indexes=[FtsIndexDef("text")])
    refused("document_field 'x'", vector, "x")


def test_a_row_without_embedding_or_with_another_size_is_told(tmp_path: Path) -> None:
    target = Target(spec(tmp_path), SIMPLE)
    target.set_up()
    with pytest.raises(FlowError, match=r"'embedding'\. Chroma needs an embedding"):
        target.write([(("a",), ["x", None])])
    target.write([(("a",), ["x", np.ones(3)])])
    with pytest.raises(FlowError, match="dimension of 3, got 4"):
        target.write([(("b",), ["x", np.ones(4)])])


def test_what_a_row_lost_is_gone(tmp_path: Path) -> None:
    value = {"text": str, "note": str, "embedding": Embedding}
    target = Target(spec(tmp_path, document_field="text"), export_schema({"id": int}, value))
    target.set_up()
    target.write([((1,), ["x", "y", np.ones(3)])])
    target.write([((1,), [None, None, np.ones(3)])])
    client = chromadb.PersistentClient(path=str(tmp_path))
    assert stored(client) == {"1": ([1.0, 1.0, 1.0], {}, "")}


@pytest.mark.row("CT-5 idempotent setup")
def test_set_up_can_be_repeated_from_any_point(tmp_path: Path) -> None:
    first = Target(spec(tmp_path), SIMPLE)
    wider = export_schema({"id": str}, {"embedding": Vector[np.float32, Literal[4]]})
    connector, key = first.connector, first.key
    old = connector.setup_state(first.spec, SIMPLE)
    new = connector.setup_state(first.spec, wider)
    assert connector.compatibility(new, old) is Compatibility.NOT_COMPATIBLE
    client = chromadb.PersistentClient(path=str(tmp_path))
    for _ in interrupted_set_ups(connector, key, old, new):
        assert [each.name for each in client.list_collections()] == ["rows"]
    assert client.list_collections() == []


def test_a_strangers_collection_is_adopted_only_if_it_fits(tmp_path: Path) -> None:
    client = chromadb.PersistentClient(path=str(tmp_path))
    client.create_collection("rows", configuration={"hnsw": {"space": "l2"}})
    with pytest.raises(FlowConflict, match="has not made"):
        Target(spec(tmp_path), SIMPLE).set_up()
    index = VectorIndexDef("embedding", Metric.L2_DISTANCE)
    schema = export_schema({"id": str}, {"embedding": Embedding}, vector_indexes=[index])
    Target(spec(tmp_path), schema).set_up()


def test_threads_write_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target(spec(tmp_path), export_schema({"n": int}, {"a": str, "embedding": Embedding}))
    target.set_up()
    write = target.connector.write

    def with_vectors(batches: Any) -> None:
        write(
            [
                each._replace(upserts=[(k, [*row, np.ones(3)]) for k, row in each.upserts])
                for each in batches
            ]
        )

    monkeypatch.setattr(target.connector, "write", with_vectors)
    expected = write_from_threads(target)
    found = stored(chromadb.PersistentClient(path=str(tmp_path)))
    assert {int(name): each[1]["a"] for name, each in found.items()} == expected


def test_a_server_is_written_to(server: int) -> None:
    where = ChromaDB("rows", ClientType.HTTP, host="127.0.0.1", port=server)
    target = Target(where, SIMPLE)
    target.set_up()
    target.write([((name,), ["x", np.ones(3)]) for name in "abc"], [("c",)])
    client = chromadb.HttpClient(host="127.0.0.1", port=server)
    assert set(stored(client)) == {"a", "b"}
    assert target.connector.describe(target.key) == f"Chroma collection rows in 127.0.0.1:{server}"
    target.drop()
    assert client.list_collections() == []


@pytest.mark.row("CT-6 describe")
def test_describe_names_the_collection_and_no_secret(tmp_path: Path) -> None:
    target = Target(spec(tmp_path, api_key="secret"), SIMPLE)
    assert target.connector.describe(target.key) == f"Chroma collection rows in {tmp_path}"
    state = target.connector.setup_state(target.spec, SIMPLE)
    assert "secret" not in json.dumps([target.key, state])


def test_without_the_package_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "chromadb", None)
    with pytest.raises(ExtraMissing, match=r"coco-flow\[chromadb\]"):
        Target(spec(tmp_path), SIMPLE).set_up()
