"""Vectors of a Qdrant collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from coco_flow import components as coco
from coco_flow.components.connectors.qdrant.driver import models
from coco_flow.components.schema import (
    MultiVectorSchema,
    MultiVectorSchemaProvider,
    VectorSchema,
    VectorSchemaProvider,
    get_multi_vector_schema,
    get_vector_schema,
)

__all__ = [
    "CollectionSchema",
    "NamedVectors",
    "QdrantSparseVectorDef",
    "QdrantVectorDef",
    "SparseVector",
    "Vector",
    "distance_of",
    "multivector_comparator",
    "sparse_vector_params",
    "vector_params",
]

Distance: TypeAlias = Literal["cosine", "dot", "euclid"]

_DISTANCES = {
    "cosine": models.Distance.COSINE,
    "dot": models.Distance.DOT,
    "dotproduct": models.Distance.DOT,
    "euclid": models.Distance.EUCLID,
    "euclidean": models.Distance.EUCLID,
    "l2": models.Distance.EUCLID,
}


class QdrantVectorDef(NamedTuple):
    """A dense vector.

    Attributes:
        schema: What knows its size: a schema, an embedder, or a context key for one.
        distance: What is near.
        multivector_comparator: How points with several vectors are compared.
    """

    schema: VectorSchemaProvider | MultiVectorSchemaProvider | coco.ContextKey[Any]
    distance: Distance = "cosine"
    multivector_comparator: Literal["max_sim"] = "max_sim"


class QdrantSparseVectorDef(NamedTuple):
    """A sparse vector, which always has a name; `modifier` "idf" lets Qdrant weigh rare terms."""

    modifier: Literal["idf"] | None = None


class Vector(msgspec.Struct, frozen=True, tag=True):
    """A dense vector whose size is known."""

    schema: VectorSchema | MultiVectorSchema
    distance: Distance
    multivector_comparator: Literal["max_sim"]


class SparseVector(msgspec.Struct, frozen=True, tag=True):
    """A sparse vector."""

    modifier: Literal["idf"] | None = None


class NamedVectors(msgspec.Struct, frozen=True, tag=True):
    """Vectors by name; dense and sparse ones share their names' space."""

    vectors: dict[str, Vector | SparseVector]


@dataclass(slots=True, init=False)
class CollectionSchema:
    """The vectors that the points of a collection have."""

    _vectors: Vector | NamedVectors

    def __init__(self, vectors: Vector | NamedVectors) -> None:
        """Take vectors whose sizes are known; `create` finds them out."""
        self._vectors = vectors

    @property
    def vectors(self) -> Vector | NamedVectors:
        """The vectors."""
        return self._vectors

    @classmethod
    async def create(
        cls,
        vectors: QdrantVectorDef | dict[str, QdrantVectorDef | QdrantSparseVectorDef] | None = None,
    ) -> CollectionSchema:
        """Make the schema of one vector without a name, or of vectors by name."""
        if vectors is None or vectors == {}:
            raise ValueError("A Qdrant collection must have at least one vector.")
        if isinstance(vectors, QdrantSparseVectorDef):
            raise ValueError(
                "Sparse vectors of Qdrant are always named; pass them in a dict: "
                'vectors={"sparse": QdrantSparseVectorDef()}'
            )
        if not isinstance(vectors, dict):
            return cls(await _dense(vectors))
        if "" in vectors:
            raise ValueError("The name of a vector in Qdrant must not be empty.")
        named: dict[str, Vector | SparseVector] = {}
        for name, each in vectors.items():
            if isinstance(each, QdrantSparseVectorDef):
                named[name] = SparseVector(each.modifier)
            else:
                named[name] = await _dense(each)
        return cls(NamedVectors(named))


async def _dense(vector: QdrantVectorDef) -> Vector:
    if not isinstance(vector, QdrantVectorDef):
        raise ValueError(
            f"Invalid vector definition: {vector!r}. Use QdrantVectorDef or QdrantSparseVectorDef."
        )
    schema = await get_vector_schema(vector.schema) or await get_multi_vector_schema(vector.schema)
    if schema is None:
        raise ValueError(
            f"Invalid vector definition: {vector.schema!r} knows no vector schema; pass a "
            "VectorSchema, a MultiVectorSchema or an embedder."
        )
    return Vector(schema, vector.distance, vector.multivector_comparator)


def distance_of(name: str) -> models.Distance:
    """Return Qdrant's distance of this name."""
    try:
        return _DISTANCES[name.lower()]
    except KeyError:
        raise ValueError(
            f"Unsupported Qdrant distance metric: {name}. Use cosine, dot or euclid."
        ) from None


def multivector_comparator(name: str) -> models.MultiVectorComparator:
    """Return Qdrant's comparator of this name."""
    if name.lower() != "max_sim":
        raise ValueError(f"Unsupported multivector comparator: {name}. Use max_sim.")
    return models.MultiVectorComparator.MAX_SIM


def vector_params(vector: Vector) -> models.VectorParams:
    """Return Qdrant's parameters for a dense vector."""
    config = None
    schema = vector.schema
    if isinstance(schema, MultiVectorSchema):
        comparator = multivector_comparator(vector.multivector_comparator)
        config = models.MultiVectorConfig(comparator=comparator)
        schema = schema.vector_schema
    return models.VectorParams(
        size=schema.size, distance=distance_of(vector.distance), multivector_config=config
    )


def sparse_vector_params(vector: SparseVector) -> models.SparseVectorParams:
    """Return Qdrant's parameters for a sparse vector."""
    if vector.modifier not in {None, "idf"}:
        raise ValueError(f"Unsupported Qdrant sparse vector modifier: {vector.modifier}. Use idf.")
    modifier = models.Modifier.IDF if vector.modifier == "idf" else None
    return models.SparseVectorParams(modifier=modifier)
