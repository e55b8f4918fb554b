"""Qdrant collections under the public engine's names."""

from __future__ import annotations

from typing import Any

import msgspec

from coco_flow.components.connectors.qdrant import *  # noqa: F403
from coco_flow.components.connectors.qdrant.schema import (
    NamedVectors,
    SparseVector,
    Vector,
    distance_of,
    multivector_comparator,
    sparse_vector_params,
    vector_params,
)
from coco_flow.components.connectors.qdrant.target import (
    Points,
    check_point_id,
    create_collection,
)

_PointHandler = Points
_ResolvedQdrantNamedVectorsDef = NamedVectors
_ResolvedQdrantSparseVectorDef = SparseVector
_ResolvedQdrantVectorDef = Vector
_distance_from_spec = distance_of
_multivector_comparator = multivector_comparator
_sparse_vector_params_from_def = sparse_vector_params
_validate_point_id = check_point_id
_vector_params_from_def = vector_params


class _CollectionHandler:
    """Creates collections, as the public engine's handler does."""

    async def _create_collection(
        self, client: Any, name: str, schema: Any, *, if_not_exists: bool
    ) -> None:
        await create_collection(client, name, schema, if_not_exists=if_not_exists)


class _CollectionTrackingRecordCore(msgspec.Struct, frozen=True, array_like=True):
    vectors: Vector | NamedVectors
