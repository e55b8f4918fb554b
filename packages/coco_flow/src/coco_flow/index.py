"""Definitions of vector and full-text indexes, the same for every target that has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

__all__ = [
    "FtsIndexDef",
    "HnswVectorIndexMethod",
    "IndexOptions",
    "IvfFlatVectorIndexMethod",
    "VectorIndexDef",
    "VectorIndexMethod",
    "VectorSimilarityMetric",
]


class VectorSimilarityMetric(Enum):
    """How two vectors are compared."""

    COSINE_SIMILARITY = "CosineSimilarity"
    L2_DISTANCE = "L2Distance"
    INNER_PRODUCT = "InnerProduct"


@dataclass
class HnswVectorIndexMethod:
    """HNSW; parameters that are None take the target's own default."""

    kind: str = "Hnsw"
    m: int | None = None
    ef_construction: int | None = None


@dataclass
class IvfFlatVectorIndexMethod:
    """IVFFlat; `lists` None takes the target's own default."""

    kind: str = "IvfFlat"
    lists: int | None = None


VectorIndexMethod: TypeAlias = HnswVectorIndexMethod | IvfFlatVectorIndexMethod


@dataclass
class VectorIndexDef:
    """A vector index on one field; `method` None is the target's default."""

    field_name: str
    metric: VectorSimilarityMetric
    method: VectorIndexMethod | None = None


@dataclass
class FtsIndexDef:
    """A full-text index on one field; `parameters` go to the target as they are."""

    field_name: str
    parameters: dict[str, Any] | None = None


@dataclass
class IndexOptions:
    """The key and the indexes of an export."""

    primary_key_fields: Sequence[str]
    vector_indexes: Sequence[VectorIndexDef] = ()
    fts_indexes: Sequence[FtsIndexDef] = ()
