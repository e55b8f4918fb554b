import warnings
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import pytest
from pydantic import BaseModel, Field

from coco_flow.errors import DefinitionError, ValueMismatch
from coco_flow.types import (
    IDENTITY,
    Float64,
    Json,
    LocalDateTime,
    OffsetDateTime,
    Vector,
    analyze_type_info,
    enriched_type,
    key_field_schemas,
    make_engine_key_decoder,
    make_engine_value_decoder,
    make_engine_value_encoder,
)
from tests.coco_flow.types.structs import (
    Address,
    Person,
    PointClass,
    PointModel,
    PointTuple,
    ShopKey,
)
from tests.coco_flow.types.values import same


def decoder(source: Any, declared: Any, *path: str) -> Any:
    return make_engine_value_decoder(path, enriched_type(source).type, analyze_type_info(declared))


@pytest.mark.parametrize("annotation", [str, bytes, bool, Json, LocalDateTime, int | str])
def test_conversions_that_change_nothing_are_known(annotation: Any) -> None:
    assert decoder(annotation, annotation) is IDENTITY
    assert decoder(annotation, Any) is IDENTITY


@pytest.mark.parametrize("annotation", [int | None, float | None])
def test_nullable_numbers_need_no_conversion(annotation: Any) -> None:
    assert decoder(annotation, annotation) is IDENTITY


@pytest.mark.row("EN-1 classes restored")
def test_user_code_gets_instances_of_its_classes() -> None:
    person = Person("Ann", Address("Elm", 3))
    assert decoder(Person, Person)(["Ann", ["Elm", 3]]) == person
    assert decoder(list[Person], list[Person])([["Ann", ["Elm", 3]]]) == [person]
    for cls in (PointClass, PointTuple, PointModel):
        point = decoder(PointClass, cls)([1.0, 2.0])
        assert isinstance(point, cls)
        assert (point.x, point.y) == (1.0, 2.0)


@pytest.mark.row("TY-5 LTable")
def test_rows_of_a_list_keep_their_order() -> None:
    rows = [Address(street) for street in "cab"]
    info = analyze_type_info(list[Address])
    encoded = make_engine_value_encoder(info)(rows)
    assert decoder(list[Address], list[Address])(encoded) == rows


def test_tables_with_a_key_become_dicts() -> None:
    rows = [["a", 1, "Elm", 2]]
    table = dict[ShopKey, Address]
    assert decoder(table, table)(rows) == {ShopKey("a", 1): Address("Elm", 2)}
    assert decoder(table, Any)(rows) == {("a", 1): {"street": "Elm", "number": 2}}
    assert decoder(dict[str, Address], dict[str, Any])([["a", "Elm", 2]]) == {
        "a": {"street": "Elm", "number": 2}
    }


@pytest.mark.row("EN-6 dict value")
def test_structs_become_dicts_where_dicts_are_declared() -> None:
    expected = {"name": "Ann", "address": {"street": "Elm", "number": 3}}
    for declared in (dict, dict[str, Any], Any):
        assert decoder(Person, declared)(["Ann", ["Elm", 3]]) == expected


def test_keys_of_one_basic_part_are_that_part() -> None:
    fields = key_field_schemas(str)
    assert make_engine_key_decoder([], fields, analyze_type_info(str))(("k",)) == "k"
    assert make_engine_key_decoder([], fields, analyze_type_info(Any))(("k",)) == "k"
    assert make_engine_key_decoder([], key_field_schemas(int), analyze_type_info(int))((3,)) == 3
    nested = key_field_schemas(Person)
    key = make_engine_key_decoder([], nested, analyze_type_info(Any))(("Ann", ("Elm", 3)))
    assert key == ("Ann", ("Elm", 3))


def test_fields_are_matched_by_name() -> None:
    @dataclass
    class Source:
        a: int
        b: str
        c: int

    @dataclass
    class Wanted:
        c: int
        x: list[int] = field(default_factory=lambda: [7])
        b: str = ""

    assert decoder(Source, Wanted)([1, "b", 3]) == Wanted(c=3, x=[7], b="b")


def test_absent_fields_without_default_are_empty_with_a_warning() -> None:
    @dataclass
    class Wanted:
        street: str
        maybe: str | None
        tags: list[str]
        homes: dict[str, Address]

    with pytest.warns(UserWarning, match="without default value is missing") as warned:
        decode = decoder(Address, Wanted)
    assert len(warned) == 3
    first, second = decode(["Elm", 1]), decode(["Elm", 1])
    assert first == Wanted("Elm", None, [], {})
    assert first.tags is not second.tags


def test_an_absent_field_with_no_safe_value_is_an_error() -> None:
    @dataclass
    class Wanted:
        street: str
        floor: int

    with pytest.raises(DefinitionError, match=r"'floor' \(type <class 'int'>\).*`home`"):
        decoder(Address, Wanted, "home")


def test_keyword_only_fields_and_aliases_are_passed_by_their_names() -> None:
    @dataclass(kw_only=True)
    class Keywords:
        street: str
        number: int

    class Aliased(BaseModel):
        street: str = Field(alias="road")
        number: int

    assert decoder(Address, Keywords)(["Elm", 3]) == Keywords(street="Elm", number=3)
    assert decoder(Address, Aliased)(["Elm", 3]) == Aliased(road="Elm", number=3)


@pytest.mark.parametrize(
    ("source", "declared"),
    [
        (int, str),
        (float, int),
        (float, np.float32),
        (OffsetDateTime, LocalDateTime),
        (str, list[str]),
        (str, Address),
        (list[str], str),
        (list[str], Vector[np.float32]),
        (list[str], list[int]),
        (list[Address], Address),
        (list[Address], dict[str, Address]),
        (dict[str, Address], list[Address]),
        (Address, int),
        (Address, dict[int, Any]),
        (Person, dict[str, str]),
        (int | str, int),
        (Json, Address),
        (int, set[int]),
    ],
)
def test_types_that_do_not_fit_are_refused_when_the_flow_is_defined(
    source: Any, declared: Any
) -> None:
    with pytest.raises(DefinitionError, match="Type mismatch for `value"):
        decoder(source, declared, "value")


@pytest.mark.row("EN-4 error path")
def test_errors_at_definition_name_the_path() -> None:
    @dataclass
    class Home:
        street: int

    @dataclass
    class OtherPerson:
        address: Home

    with pytest.raises(DefinitionError, match=r"`person\.address\.street`"):
        decoder(Person, OtherPerson, "person")


def test_convertible_kinds() -> None:
    assert decoder(np.float32, Float64)(0.5) == 0.5
    assert isinstance(decoder(np.float32, np.float64)(0.5), np.float64)
    assert decoder(LocalDateTime, OffsetDateTime) is IDENTITY
    assert decoder(str, int | str) is IDENTITY
    assert decoder(Json, dict[str, Any]) is IDENTITY


def test_null_where_none_is_declared_is_an_error_with_its_path() -> None:
    @dataclass
    class Wanted:
        number: int

    with pytest.raises(ValueMismatch, match="Received null for non-nullable scalar") as failure:
        decoder(Address, Wanted, "home")(["Elm", None])
    assert failure.value.details["path"] == ["home", "number"]
    with pytest.raises(ValueError, match="Received null for non-nullable vector"):
        decoder(list[str], list[str])(None)


@pytest.mark.parametrize(
    "annotation",
    [Address, Any, dict[str, Any], list[Address], dict[str, Address], list[str] | None],
)
def test_none_stays_none(annotation: Any) -> None:
    source = Address if annotation in (Any, dict[str, Any]) else annotation
    assert decoder(source, annotation)(None) is None


def test_arrays_are_copied_so_that_user_code_may_write() -> None:
    stored = np.array([1.0, 2.0], np.float32)
    stored.setflags(write=False)
    decoded = decoder(Vector[np.float32], Vector[np.float32])(stored)
    decoded[0] = 5
    assert stored[0] == 1


def test_arrays_become_the_declared_lists() -> None:
    array = np.array([1.0, 2.0], np.float32)
    assert same(decoder(Vector[np.float32], list[float])(array), [1.0, 2.0])
    assert same(
        decoder(Vector[np.float32], list[np.float32])(array), [np.float32(1.0), np.float32(2.0)]
    )
    nested = Vector[Vector[np.float32, Literal[2]]]
    assert same(decoder(nested, list[list[float]])([array]), [[1.0, 2.0]])
    assert same(decoder(nested, nested)([array]), np.array([[1.0, 2.0]], np.float32))


def test_wrong_dimensions_and_types_of_vectors_are_errors() -> None:
    decode = decoder(Vector[np.float32], Vector[np.float32, Literal[3]])
    with pytest.raises(ValueError, match="Vector dimension mismatch \\(expected 3 elements, got 1"):
        decode(np.ones(1, np.float32))
    with pytest.raises(TypeError, match="Expected NDArray or list for vector"):
        decode("text")


def test_unions_are_decoded_by_the_type_of_the_value() -> None:
    decode = decoder(Vector[np.float32] | str | int, list[float] | str | np.int64)
    assert decode("x") == "x"
    assert same(decode(3), np.int64(3))
    assert same(decode(np.ones(2, np.float32)), [1.0, 1.0])
    assert decode(None) is None
    with pytest.raises(ValueMismatch, match="Expected one of"):
        decode(b"x")


def test_no_warning_when_nothing_is_missing() -> None:
    class Pair(NamedTuple):
        street: str
        number: int

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decoder(Address, Pair)(["Elm", 3]) == Pair("Elm", 3)
