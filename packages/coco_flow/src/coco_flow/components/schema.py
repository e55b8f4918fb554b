"""Schemas of vector columns: what a type annotation does not specify."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np

__all__ = [
    "MultiVectorSchema",
    "MultiVectorSchemaProvider",
    "VectorSchema",
    "VectorSchemaProvider",
    "get_multi_vector_schema",
    "get_vector_schema",
]


@runtime_checkable
class VectorSchemaProvider(Protocol):
    """Knows the schema of vectors, as an embedder does of those that it makes."""

    def __coco_vector_schema__(self) -> Awaitable[VectorSchema]:
        """Return the schema."""
        ...


class VectorSchema(msgspec.Struct, frozen=True, tag=True):
    """Type of the numbers and their count."""

    dtype: np.dtype
    size: int

    async def __coco_vector_schema__(self) -> VectorSchema:
        """Return the schema."""
        return self


@runtime_checkable
class MultiVectorSchemaProvider(Protocol):
    """Knows the schema of values that are several vectors each."""

    def __coco_multi_vector_schema__(self) -> Awaitable[MultiVectorSchema]:
        """Return the schema."""
        ...


class MultiVectorSchema(msgspec.Struct, frozen=True, tag=True):
    """Any number of vectors of one schema."""

    vector_schema: VectorSchema

    async def __coco_multi_vector_schema__(self) -> MultiVectorSchema:
        """Return the schema."""
        return self


async def get_vector_schema(obj: object) -> VectorSchema | None:
    """Return the schema that an object, or the value of a context key, provides."""
    provider = _provided(obj)
    if isinstance(provider, VectorSchemaProvider):
        return await provider.__coco_vector_schema__()
    return None


async def get_multi_vector_schema(obj: object) -> MultiVectorSchema | None:
    """Return the schema of several vectors that an object or context key provides."""
    provider = _provided(obj)
    if isinstance(provider, MultiVectorSchemaProvider):
        return await provider.__coco_multi_vector_schema__()
    return None


def _provided(obj: object) -> object:
    from coco_flow import components as coco

    return coco.use_context(obj) if isinstance(obj, coco.ContextKey) else obj
