"""Hypothesis strategies of engine values for each kind, shared by the tests of this folder."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
from hypothesis import strategies as st

from coco_flow.types import BasicValueType, UnionTypeSchema, VectorTypeSchema

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(max_size=20)
FLOAT64 = st.floats(allow_nan=False)
FLOAT32 = st.floats(allow_nan=False, width=32)
OFFSETS = st.integers(-1439, 1439).map(
    lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes))
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "Bytes": st.binary(max_size=20),
    "Str": TEXT,
    "Bool": st.booleans(),
    "Int64": INT64,
    "Float32": FLOAT32,
    "Float64": FLOAT64,
    "Range": st.tuples(INT64, INT64),
    "Uuid": st.uuids(),
    "Date": st.dates(),
    "Time": st.times(),
    "LocalDateTime": st.datetimes(),
    "OffsetDateTime": st.datetimes(timezones=OFFSETS),
    "TimeDelta": st.timedeltas(),
    "Json": JSON,
}
"""Engine values of every scalar kind."""

NUMBER_DTYPES = {"Int64": np.int64, "Float32": np.float32, "Float64": np.float64}


def vectors(kind: str) -> st.SearchStrategy[Any]:
    """Engine values of vectors of a kind."""
    lists = st.lists(VALUES[kind], max_size=5)
    dtype = NUMBER_DTYPES.get(kind)
    if dtype is None:
        return lists
    return lists.map(lambda values: np.array(values, dtype))


def vector_type(kind: str, dimension: int | None = None) -> BasicValueType:
    """The type of vectors of a kind."""
    return BasicValueType("Vector", vector=VectorTypeSchema(BasicValueType(kind), dimension))


def union_type(*kinds: str) -> BasicValueType:
    """The union of several kinds."""
    return BasicValueType("Union", union=UnionTypeSchema([BasicValueType(kind) for kind in kinds]))


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of the same types, arrays included."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)
