import datetime
import enum
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import BaseModel

from coco_flow.auth import AuthEntryReference, ref_auth_entry
from coco_flow.index import (
    HnswVectorIndexMethod,
    IvfFlatVectorIndexMethod,
    VectorIndexDef,
    VectorSimilarityMetric,
)
from coco_flow.types import (
    EnrichedValueType,
    FieldSchema,
    Vector,
    dump_engine_object,
    enriched_type,
    load_engine_object,
)
from coco_flow.types.analysis import analyze_type_info
from coco_flow.types.dump import get_auto_default_for_type
from tests.coco_flow.types.structs import Address, PointModel, PointTuple


class Mode(enum.Enum):
    FAST = "fast"


@dataclass
class Inner:
    kind = "Inner"
    value: int


@dataclass
class Other:
    kind = "Other"
    value: int
    name: str = ""


@dataclass
class Spec:
    path: str
    mode: Mode
    every: datetime.timedelta
    connection: AuthEntryReference[Any]
    part: Inner | Other
    points: list[PointTuple]
    model: PointModel
    weights: NDArray[np.float32]
    options: dict[str, Address]
    data: bytes = b""
    note: str | None = None
    tags: list[str] = field(default_factory=list)


SPEC = Spec(
    path="docs",
    mode=Mode.FAST,
    every=datetime.timedelta(days=-1, microseconds=5),
    connection=ref_auth_entry("db"),
    part=Other(3, "x"),
    points=[PointTuple(1.0, 2.0)],
    model=PointModel(x=1.0, y=2.0),
    weights=np.array([1, 2], np.float32),
    options={"a": Address("Elm")},
    data=b"\x00\xff",
)


def test_a_spec_becomes_json_and_comes_back() -> None:
    dumped = dump_engine_object(SPEC, bytes_to_base64=True)
    assert dumped == {
        "path": "docs",
        "mode": "fast",
        "every": {"secs": -86400, "nanos": 5000},
        "connection": {"key": "db"},
        "part": {"kind": "Other", "value": 3, "name": "x"},
        "points": [{"x": 1.0, "y": 2.0}],
        "model": {"x": 1.0, "y": 2.0},
        "weights": [1.0, 2.0],
        "options": {"a": {"street": "Elm", "number": 1}},
        "data": {"@type": "bytes", "value": "AP8="},
        "tags": [],
    }
    loaded = load_engine_object(Spec, dumped)
    assert np.array_equal(loaded.weights, SPEC.weights)
    loaded.weights = SPEC.weights
    assert loaded == SPEC


def test_the_kind_chooses_the_class_of_a_union() -> None:
    for method in (HnswVectorIndexMethod(m=4), IvfFlatVectorIndexMethod(lists=5)):
        index = VectorIndexDef("v", VectorSimilarityMetric.L2_DISTANCE, method)
        assert load_engine_object(VectorIndexDef, dump_engine_object(index)) == index
    assert load_engine_object(Inner | Other, {"value": 1, "kind": "Inner"}) == Inner(1)


def test_a_union_without_kind_takes_the_first_that_can_be_made() -> None:
    assert load_engine_object(Inner | Other, {"value": 1, "name": "x"}) == Inner(1)
    assert load_engine_object(int | str, "x") == "x"


def test_types_are_dumped_as_types() -> None:
    assert dump_engine_object(Vector[np.float32, Literal[3]])["type"]["dimension"] == 3
    fields = enriched_type(Address).type.fields
    assert dump_engine_object(fields) == [f.encode() for f in fields]
    assert load_engine_object(list[FieldSchema], dump_engine_object(fields)) == fields
    schema = enriched_type(int)
    assert load_engine_object(EnrichedValueType, dump_engine_object(schema)) == schema


def test_none_is_kept_in_a_namedtuple_only() -> None:
    class Pair(NamedTuple):
        a: int | None
        b: int | None

    assert dump_engine_object(Pair(None, 1)) == {"a": None, "b": 1}
    assert dump_engine_object(Spec(*[None] * 12)) == {}  # type: ignore[arg-type]
    assert dump_engine_object(None) is None
    assert load_engine_object(Spec, None) is None


def test_a_missing_field_without_default_is_an_error() -> None:
    with pytest.raises(TypeError, match="value"):
        load_engine_object(Inner, {})


def test_fields_that_may_be_empty_may_be_missing() -> None:
    class Model(BaseModel):
        maybe: int | None
        many: list[int]

    assert load_engine_object(Model, {}) == Model(maybe=None, many=[])
    assert get_auto_default_for_type(analyze_type_info(dict[str, Address])) == ({}, True)
    assert get_auto_default_for_type(analyze_type_info(int)) == (None, False)


def test_ranges_come_back_as_tuples() -> None:
    from coco_flow.types import Range

    assert load_engine_object(Range, dump_engine_object((1, 2))) == (1, 2)
