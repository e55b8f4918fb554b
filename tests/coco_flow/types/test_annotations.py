from typing import Annotated, Any, Literal, get_args, get_origin

import numpy as np
import pytest
from numpy.typing import NDArray

from coco_flow.errors import DefinitionError
from coco_flow.types import (
    Float32,
    TypeAttr,
    Vector,
    VectorInfo,
    analyze_type_info,
    enriched_type,
)


@pytest.mark.row("TY-3 vector dimension")
def test_a_vector_carries_its_dimension() -> None:
    vector = enriched_type(Vector[np.float32, Literal[384]]).type
    assert vector.encode() == {
        "kind": "Vector",
        "element_type": {"kind": "Float32"},
        "dimension": 384,
    }


def test_numpy_elements_make_an_array_and_others_a_list() -> None:
    array, info = get_args(Vector[np.float32, Literal[3]])
    assert get_origin(array) is np.ndarray
    assert info == VectorInfo(3)
    assert get_args(Vector[Float32]) == (list[Float32], VectorInfo(None))
    assert get_args(Vector[str])[0] == list[str]


@pytest.mark.parametrize("dimension", [3, Literal["3"], Literal[3, 4], int])
def test_a_dimension_is_one_literal_integer(dimension: Any) -> None:
    with pytest.raises(DefinitionError, match="dimension"):
        Vector[np.float32, dimension]


def test_more_than_two_parameters_are_refused() -> None:
    with pytest.raises(DefinitionError, match="at most one dimension"):
        Vector[np.float32, Literal[3], Literal[4]]


@pytest.mark.row("TY-3 bad dtype")
@pytest.mark.parametrize("dtype", [np.int32, np.uint64, np.float16, Any])
def test_only_three_numpy_types_have_a_kind(dtype: Any) -> None:
    with pytest.raises(ValueError, match="dtype"):
        analyze_type_info(NDArray[dtype])


def test_an_array_without_element_type_is_refused() -> None:
    with pytest.raises(ValueError, match="names no element type"):
        analyze_type_info(np.ndarray)


@pytest.mark.row("TY-10 type attributes")
def test_attributes_stand_in_the_schema() -> None:
    annotation = Annotated[str, TypeAttr("origin", ["title"])]
    assert enriched_type(annotation).encode() == {
        "type": {"kind": "Str"},
        "attrs": {"origin": ["title"]},
    }


def test_attributes_survive_a_union_with_none() -> None:
    inner = Annotated[str, TypeAttr("inner", 1)]
    info = analyze_type_info(Annotated[inner | None, TypeAttr("outer", 2)])
    assert info.nullable
    assert info.attrs == {"inner": 1, "outer": 2}
