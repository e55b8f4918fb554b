from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qdrant_client import QdrantClient, models

from coco_flow import components as coco
from coco_flow.components.connectors import qdrant
from coco_flow.components.schema import MultiVectorSchema, VectorSchema

DB: coco.ContextKey[QdrantClient] = coco.ContextKey("test_components_qdrant")
PAIR = VectorSchema(np.dtype(np.float32), 2)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[QdrantClient]:
    # The client's own local mode: the same calls, without a server.
    opened = QdrantClient(path=str(tmp_path / "qdrant"), force_disable_check_same_thread=True)
    yield opened
    opened.close()


@pytest.fixture
def app(tmp_path: Path, client: QdrantClient) -> Iterator[Callable[..., Any]]:
    provider = coco.ContextProvider()
    provider.provide(DB, client)
    environment = coco.Environment(
        coco.Settings(db_path=tmp_path / "state"), context_provider=provider
    )
    yield lambda main: coco.App(coco.AppConfig("app", environment), main)
    environment.close()


def test_points_follow_what_is_declared_and_another_schema_makes_the_collection_anew(
    client: QdrantClient, app: Callable[..., Any]
) -> None:
    vectors: dict[str, Any] = {
        "dense": qdrant.QdrantVectorDef(PAIR),
        "sparse": qdrant.QdrantSparseVectorDef(),
    }
    points: dict[int, list[float]] = {1: [1.0, 0.0], 2: [0.0, 1.0]}
    exists = True

    @coco.fn
    async def main() -> None:
        if not exists:
            return
        schema = await qdrant.CollectionSchema.create(dict(vectors))
        collection = await qdrant.mount_collection_target(DB, "c", schema)
        for key, vector in points.items():
            given: dict[str, Any] = {"dense": vector}
            if "sparse" in vectors:
                given["sparse"] = models.SparseVector(indices=[key], values=[1.0])
            collection.declare_point(qdrant.PointStruct(id=key, vector=given, payload={"k": key}))

    def nearest(vector: list[float]) -> list[Any]:
        return [p.id for p in client.query_points("c", query=vector, using="dense").points]

    program = app(main)
    program.update_blocking()
    assert nearest([0.9, 0.1]) == [1, 2]
    sparse = client.query_points(
        "c", query=models.SparseVector(indices=[2], values=[1.0]), using="sparse"
    )
    assert [p.id for p in sparse.points] == [2]
    del points[1]
    points[3] = [0.8, 0.2]
    program.update_blocking()
    assert nearest([0.9, 0.1]) == [3, 2]
    del vectors["sparse"]
    vectors["dense"] = qdrant.QdrantVectorDef(PAIR, distance="dot")
    program.update_blocking()
    assert nearest([0.0, 1.0]) == [2, 3]
    info: Any = client.get_collection("c").config.params.vectors
    assert info["dense"].distance == models.Distance.DOT
    exists = False
    program.update_blocking()
    assert not client.collection_exists("c")


@pytest.mark.parametrize("point_id", [0, 2**64 - 1, str(uuid.UUID(int=3)), uuid.UUID(int=3).hex])
def test_ids_that_the_server_takes_pass(point_id: Any) -> None:
    from coco_flow.components.connectors.qdrant.target import check_point_id

    assert check_point_id(point_id) == point_id


@pytest.mark.parametrize("point_id", [-1, 2**64, "a", 1.5, True, None])
def test_ids_that_the_server_refuses_are_refused_at_once(point_id: Any) -> None:
    from coco_flow.components.connectors.qdrant.target import check_point_id

    with pytest.raises(ValueError, match="Invalid Qdrant point ID"):
        check_point_id(point_id)


def test_vectors_are_described_as_qdrant_has_them() -> None:
    from coco_flow.components.connectors.qdrant.schema import Vector, vector_params

    params = vector_params(Vector(MultiVectorSchema(PAIR), "euclid", "max_sim"))
    assert params.size == 2
    assert params.distance == models.Distance.EUCLID
    assert params.multivector_config is not None
