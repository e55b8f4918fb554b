"""Indexes on the properties of a graph: checked against their types, free of any database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coco_flow.errors import DefinitionError
from coco_flow.index import (
    FtsIndexDef,
    IvfFlatVectorIndexMethod,
    VectorIndexDef,
)
from coco_flow.index import (
    VectorSimilarityMetric as Metric,
)
from coco_flow.types.schema import BasicValueType

if TYPE_CHECKING:
    from coco_flow.types.schema import EnrichedValueType

__all__ = ["VectorIndexPlan", "check_texts", "plan_vectors"]

_NUMBERS = ("Float32", "Float64", "Int64")


@dataclass(frozen=True, slots=True)
class VectorIndexPlan:
    """A vector index on a property of fixed dimension."""

    field: str
    dimension: int
    metric: Metric
    m: int | None
    ef_construction: int | None


def plan_vectors(
    indexes: Iterable[VectorIndexDef], types: Mapping[str, EnrichedValueType], what: str
) -> tuple[VectorIndexPlan, ...]:
    """Return the vector indexes on properties of these types.

    Raises:
        DefinitionError: A property cannot have the requested index.
    """
    return tuple(_plan_vector(index, types, what) for index in indexes)


def _plan_vector(
    index: VectorIndexDef, types: Mapping[str, EnrichedValueType], what: str
) -> VectorIndexPlan:
    name = index.field_name
    type = types[name].type if name in types else None
    vector = type.vector if isinstance(type, BasicValueType) else None
    if vector is None or vector.dimension is None or vector.element_type.kind not in _NUMBERS:
        found = "there is no such property" if type is None else f"it is {type}"
        raise DefinitionError(
            f"The property {name!r} of {what} cannot have a vector index: {found}.",
            hint="Index a vector of numbers of fixed size: Vector[np.float32, Literal[384]].",
        )
    method = index.method
    if isinstance(method, IvfFlatVectorIndexMethod):
        raise DefinitionError(
            f"The vector index on {name!r} of {what} asks for IVFFlat, which graphs do not have.",
            hint="Leave the method out, or take HnswVectorIndexMethod.",
        )
    if index.metric is Metric.INNER_PRODUCT:
        raise DefinitionError(
            f"The vector index on {name!r} of {what} asks for the inner product, which graphs do "
            "not have.",
            hint="Take COSINE_SIMILARITY or L2_DISTANCE.",
        )
    m, ef = (method.m, method.ef_construction) if method is not None else (None, None)
    return VectorIndexPlan(name, vector.dimension, index.metric, m, ef)


def check_texts(
    indexes: Iterable[FtsIndexDef], types: Mapping[str, EnrichedValueType], what: str
) -> tuple[FtsIndexDef, ...]:
    """Return the full-text indexes, all of which are on properties that hold text.

    Raises:
        DefinitionError: A property does not exist or holds something else.
    """
    checked = tuple(indexes)
    for index in checked:
        type = types[index.field_name].type if index.field_name in types else None
        if not isinstance(type, BasicValueType) or type.kind != "Str":
            found = "there is no such property" if type is None else f"it is {type}"
            raise DefinitionError(
                f"The property {index.field_name!r} of {what} cannot have a full-text index: "
                f"{found}.",
                hint="Index a property that holds text.",
            )
    return checked
