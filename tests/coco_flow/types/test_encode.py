import datetime
import enum
import uuid
import zoneinfo
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_flow.errors import DefinitionError, ValueMismatch
from coco_flow.types import (
    Float32,
    Json,
    LocalDateTime,
    Range,
    TypeKind,
    Vector,
    analyze_type_info,
    make_engine_key_encoder,
    make_engine_value_encoder,
)
from coco_flow.types.scalars import make_scalar_encoder
from tests.coco_flow.types.structs import Address, Person, ShopKey
from tests.coco_flow.types.values import VALUES, same


def encode(value: Any, annotation: Any, **options: Any) -> Any:
    return make_engine_value_encoder(analyze_type_info(annotation), **options)(value)


def path_of(value: Any, annotation: Any) -> Any:
    with pytest.raises(ValueMismatch) as failure:
        encode(value, annotation)
    return failure.value.details["path"]


@given(st.data())
@pytest.mark.parametrize("kind", VALUES)
def test_engine_values_are_encoded_as_themselves(kind: str, data: st.DataObject) -> None:
    value = data.draw(VALUES[kind])
    assert same(make_scalar_encoder(kind, ())(value), value)


class Color(enum.StrEnum):
    RED = "red"

    def __str__(self) -> str:
        return "a color"


class Number(enum.IntEnum):
    ONE = 1


@pytest.mark.parametrize(
    ("value", "annotation", "encoded"),
    [
        (np.int64(3), int, 3),
        (np.int32(3), int, 3),
        (Number.ONE, int, 1),
        (3, float, 3.0),
        (np.float32(0.5), float, 0.5),
        (3.14, Float32, float(np.float32(3.14))),
        (np.bool_(True), bool, True),
        (Color.RED, str, "red"),
        (bytearray(b"x"), bytes, b"x"),
        (memoryview(b"x"), bytes, b"x"),
        ([1, 2], Range, (1, 2)),
        ((1, [np.int64(2)], {"b": ()}), Json, [1, [2], {"b": []}]),
        ((1, (2,)), Any, [1, [2]]),
        (
            {Color.RED: [Number.ONE, Color.RED, np.float32(0.5), None]},
            Json,
            {"red": [1, "red", 0.5, None]},
        ),
        ([float("nan"), float("inf"), np.float64("nan")], Json, [None, None, None]),
        (datetime.datetime(2025, 1, 2, 3), datetime.date, datetime.date(2025, 1, 2)),  # noqa: DTZ001
        (datetime.time(1, tzinfo=datetime.UTC), datetime.time, datetime.time(1)),
        ([None, "a"], list[str | None], [None, "a"]),
    ],
)
def test_related_types_become_the_engine_s_own(value: Any, annotation: Any, encoded: Any) -> None:
    assert same(encode(value, annotation), encoded)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (5, str),
        (b"x", str),
        ("x", bytes),
        (1, bool),
        ("1", int),
        (1.0, int),
        (2**63, int),
        ("1.0", float),
        (1e300, Float32),
        ("5a9f8f6a-318f-4f1f-929d-566d7444a62d", uuid.UUID),
        (datetime.date(2025, 1, 1), datetime.datetime),
        (datetime.datetime.now(datetime.UTC), LocalDateTime),
        ("01:00", datetime.time),
        (5, datetime.timedelta),
        ((1, 2, 3), Range),
        ((1, None), Range),
        ({1: 2}, Json),
        ({"a": {1, 2}}, Json),
        ("abc", list[str]),
        ({"a"}, list[str]),
        ([1], list[str]),
        ([None], list[str]),
        ([None], list[int]),
        ([None], list[Address]),
        ({"a": None}, dict[str, Address]),
        ([1.5], list[int]),
        (["x"], Vector[np.float32]),
        ([[1.0]], Vector[np.float32]),
        (5, Vector[np.float32]),
        ({"street": "x"}, Address),
        ("abc", list[Address]),
        ([Address("a")], dict[str, Address]),
        ({None: Address("a")}, dict[str, Address]),
        (1.5, int | str),
    ],
)
def test_values_of_another_type_are_refused(value: Any, annotation: Any) -> None:
    with pytest.raises(ValueMismatch):
        encode(value, annotation)


@pytest.mark.parametrize(
    "annotation",
    [
        str,
        int,
        Range,
        Json,
        Address,
        list[str],
        list[Address],
        dict[str, Address],
        Vector[np.float32],
        int | str,
    ],
)
def test_none_stays_none(annotation: Any) -> None:
    assert encode(None, annotation) is None


@pytest.mark.row("EN-4 error path")
def test_errors_name_the_path_to_the_value() -> None:
    assert path_of(Person("a", Address(5)), Person) == ["address", "street"]
    assert path_of([Person("a", None), Person(1, None)], list[Person]) == ["[*]", "name"]
    assert path_of({1: Address("a")}, dict[str, Address]) == ["<key>"]
    assert path_of({"a": Address(b"")}, dict[str, Address]) == ["<value>", "street"]
    with pytest.raises(ValueMismatch, match=r"Expected a string at `person.street`, got int: 5\."):
        encode(Address(5), Address, path=["person"])


def test_long_values_are_cut_in_errors() -> None:
    with pytest.raises(ValueMismatch) as failure:
        encode("x" * 10_000, int)
    assert len(str(failure.value)) < 200


def test_structs_and_tables_become_lists() -> None:
    person = Person("Ann", Address("Elm", 3))
    assert encode(person, Person) == ["Ann", ["Elm", 3]]
    assert encode([person], list[Person]) == [["Ann", ["Elm", 3]]]
    assert encode({"k": Address("Elm", 3)}, dict[str, Address]) == [["k", "Elm", 3]]
    assert encode({ShopKey("a", 1): Address("Elm")}, dict[ShopKey, Address]) == [["a", 1, "Elm", 1]]


def test_keys_are_tuples() -> None:
    assert make_engine_key_encoder(analyze_type_info(str))("k") == ("k",)
    key = make_engine_key_encoder(analyze_type_info(Person))(Person("Ann", Address("Elm", 3)))
    assert key == ("Ann", ("Elm", 3))
    assert hash(key)


def test_vectors_of_numbers_become_arrays() -> None:
    assert same(encode([1, 2], list[int]), np.array([1, 2], np.int64))
    assert same(encode([1, 2], Vector[np.float32, Literal[2]]), np.array([1, 2], np.float32))
    assert same(encode([], list[float]), np.array([], np.float64))
    array = np.array([1, 2], np.float32)
    assert encode(array, Vector[np.float32]) is array


@pytest.mark.row("TY-3 multi-vector")
def test_vectors_of_vectors_become_lists_of_arrays() -> None:
    rows = encode(np.ones((2, 3)), Vector[Vector[np.float32, Literal[3]], Literal[2]])
    assert same(rows, [np.ones(3, np.float32), np.ones(3, np.float32)])


@pytest.mark.parametrize("value", [[1.0], np.ones(3, np.float32)])
def test_a_wrong_dimension_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="Vector dimension mismatch \\(expected 2 elements"):
        encode(value, Vector[np.float32, Literal[2]])
    with pytest.raises(ValueError, match="Vector dimension mismatch \\(expected 2 elements"):
        encode(["x"], Vector[str, Literal[2]])


def test_lists_and_naive_datetimes_may_stay_as_they_are() -> None:
    assert encode([1, 2], list[int], canonical=False) == [1, 2]
    naive = datetime.datetime(2025, 1, 2)  # noqa: DTZ001
    assert encode(naive, datetime.datetime, canonical=False) == naive


def test_datetimes_get_a_fixed_offset() -> None:
    naive = datetime.datetime(2025, 7, 1, 12)  # noqa: DTZ001
    assert encode(naive, datetime.datetime) == naive.replace(tzinfo=datetime.UTC)
    summer = naive.replace(tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
    encoded = encode(summer, datetime.datetime)
    assert encoded == summer
    assert encoded.tzinfo == datetime.timezone(datetime.timedelta(hours=2))


@pytest.mark.row("TY-7 union")
def test_unions_take_exactly_the_type_first() -> None:
    assert same(encode(1, str | float | int), 1)
    assert same(encode("1", int | str), "1")
    assert same(encode(np.int32(1), str | int), 1)
    assert same(encode([1, 2], Json | Vector[np.float32]), np.array([1, 2], np.float32))
    assert encode(["a"], Vector[np.float32] | Json) == ["a"]


def test_annotations_without_engine_type_are_refused() -> None:
    with pytest.raises(DefinitionError, match="unsupported"):
        make_engine_value_encoder(analyze_type_info(set[int]))
    with pytest.raises(DefinitionError, match="required to be a struct"):
        make_engine_value_encoder(analyze_type_info(dict[str, int]))
    with pytest.raises(DefinitionError, match="inside a union"):
        make_engine_value_encoder(analyze_type_info(int | Address))
    with pytest.raises(DefinitionError, match="'Nothing' is not one of a scalar"):
        from typing import Annotated

        make_engine_value_encoder(analyze_type_info(Annotated[int, TypeKind("Nothing")]))
