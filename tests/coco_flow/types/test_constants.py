import datetime
import uuid
from typing import Any

import numpy as np
import pytest

from coco_flow.errors import DefinitionError
from coco_flow.types.constants import constant_type
from tests.coco_flow.types.structs import Address


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x", "Str"),
        (True, "Bool"),
        (5, "Int64"),
        (0.5, "Float64"),
        (uuid.UUID(int=1), "Uuid"),
        (datetime.datetime(2025, 1, 1), "LocalDateTime"),  # noqa: DTZ001
        (datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC), "OffsetDateTime"),
        (np.ones(3, np.float32), "Vector[Float32]"),
        (["a", "b"], "Vector[Str]"),
        ((1, 2), "Vector[Int64]"),
        ([1, "a"], "Json"),
        (["a", None], "Json"),
        ({"a": [1]}, "Json"),
        (Address("Elm"), "Struct(street: Str, number: Int64)"),
        ([Address("Elm")], "LTable(Struct(street: Str, number: Int64))"),
    ],
)
def test_a_constant_has_the_type_of_its_value(value: Any, shown: str) -> None:
    assert str(constant_type(value)[1]) == shown


@pytest.mark.parametrize("value", [None, [], ()])
def test_a_value_that_says_nothing_of_its_type_is_refused(value: Any) -> None:
    with pytest.raises(DefinitionError, match="Specific type annotation is expected"):
        constant_type(value)


def test_a_value_of_no_engine_type_is_refused() -> None:
    with pytest.raises(DefinitionError, match="Unsupported type annotation"):
        constant_type(object())
