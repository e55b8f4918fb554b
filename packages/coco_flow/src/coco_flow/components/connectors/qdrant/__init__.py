"""Collections of Qdrant and their points as target states."""

from __future__ import annotations

from coco_flow.components.connectors.qdrant.schema import (
    CollectionSchema,
    QdrantSparseVectorDef,
    QdrantVectorDef,
)
from coco_flow.components.connectors.qdrant.target import (
    CollectionTarget,
    PointStruct,
    collection_target,
    create_client,
    declare_collection_target,
    mount_collection_target,
)

__all__ = [
    "CollectionSchema",
    "CollectionTarget",
    "PointStruct",
    "QdrantSparseVectorDef",
    "QdrantVectorDef",
    "collection_target",
    "create_client",
    "declare_collection_target",
    "mount_collection_target",
]
