from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from coco_flow.errors import DefinitionError, ValueMismatch
from coco_flow.types.analysis import analyze_type_info
from coco_flow.types.decode import make_engine_value_decoder
from coco_flow.types.encode import make_engine_value_encoder
from coco_flow.types.schema import BasicValueType, enriched_type


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Size(enum.StrEnum):
    SMALL = "s"


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


@dataclass
class Car:
    color: Color
    mood: Literal["good", "bad"] | None


@pytest.mark.parametrize(
    ("annotation", "kind", "value", "plain"),
    [
        (Color, "Str", Color.RED, "red"),
        (Level, "Int64", Level.HIGH, 2),
        (Size, "Str", Size.SMALL, "s"),
        (Literal["a", "b"], "Str", "b", "b"),
        (Literal[1, 2], "Int64", 2, 2),
    ],
)
def test_a_choice_travels_as_its_plain_value(
    annotation: Any, kind: str, value: Any, plain: Any
) -> None:
    assert enriched_type(annotation).type == BasicValueType(kind)
    info = analyze_type_info(annotation)
    encoded = make_engine_value_encoder(info)(value)
    assert encoded == plain
    assert type(encoded) is type(plain)
    decoded = make_engine_value_decoder([], BasicValueType(kind), info)(encoded)
    assert decoded == value
    assert type(decoded) is type(value)
    assert make_engine_value_encoder(info)(None) is None


def test_fields_may_be_choices() -> None:
    schema = enriched_type(Car).type
    info = analyze_type_info(Car)
    row = make_engine_value_encoder(info)(Car(Color.BLUE, None))
    assert row == ["blue", None]
    assert make_engine_value_decoder([], schema, info)(row) == Car(Color.BLUE, None)


def test_a_value_that_is_no_choice_is_told_with_its_place() -> None:
    info = analyze_type_info(Color)
    with pytest.raises(ValueMismatch, match=r"Expected a value of Color at `car\.color`"):
        make_engine_value_decoder(["car", "color"], BasicValueType("Str"), info)("green")
    with pytest.raises(ValueMismatch, match="Expected a string"):
        make_engine_value_encoder(info)(3)


@pytest.mark.parametrize("annotation", [Mixed, Literal[1, "a"], Literal[True]])
def test_choices_of_several_kinds_have_no_type(annotation: Any) -> None:
    with pytest.raises(DefinitionError):
        enriched_type(annotation)
