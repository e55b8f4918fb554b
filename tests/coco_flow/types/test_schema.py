from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel

from coco_flow import types
from coco_flow.errors import DefinitionError
from coco_flow.types import (
    EnrichedValueType,
    FieldSchema,
    Json,
    Vector,
    VectorInfo,
    decode_field_schemas,
    decode_value_type,
    encode_enriched_type,
    encode_value_type,
    enriched_type,
    key_field_schemas,
    resolve_forward_ref,
)
from tests.coco_flow.types.structs import (
    Address,
    Everything,
    Person,
    PointClass,
    PointModel,
    PointTuple,
    ShopKey,
)
from tests.coco_flow.types.values import VALUES, union_type, vector_type


@pytest.mark.row("TY-2 struct kinds")
def test_struct_kinds_have_the_same_schema() -> None:
    point = {
        "kind": "Struct",
        "description": "A point.",
        "fields": [
            {"name": "x", "type": {"kind": "Float64"}},
            {"name": "y", "type": {"kind": "Float64"}},
        ],
    }
    for cls in (PointClass, PointTuple, PointModel):
        assert encode_enriched_type(cls) == {"type": point}


def test_a_model_without_docstring_has_no_description() -> None:
    class Model(BaseModel):
        a: int

    assert "description" not in encode_enriched_type(Model)["type"]


@pytest.mark.row("TY-4 KTable")
def test_a_dict_of_structs_is_a_table_with_a_key() -> None:
    table = encode_enriched_type(dict[str, Address])["type"]
    assert table["kind"] == "KTable"
    assert table["num_key_parts"] == 1
    assert [f["name"] for f in table["row"]["fields"]] == ["_key", "street", "number"]


@pytest.mark.row("EN-2 key names")
def test_key_fields_come_first_under_their_own_names() -> None:
    table = enriched_type(dict[ShopKey, Address]).type
    assert isinstance(table, types.TableType)
    assert [f.name for f in table.row.fields] == ["shop", "version", "street", "number"]
    assert table.key_parts == 2
    assert [f.name for f in key_field_schemas(int)] == ["_key"]


@pytest.mark.parametrize("key", [Json, list[str], Person | None, dict[str, Address], Any])
def test_types_whose_values_cannot_be_keys(key: Any) -> None:
    if key == Person | None:
        assert [f.name for f in key_field_schemas(key)] == ["name", "address"]
        return
    with pytest.raises(DefinitionError, match="Unsupported key type"):
        key_field_schemas(key)


@pytest.mark.row("TY-4 non-struct value")
def test_a_dict_of_scalars_has_no_type() -> None:
    with pytest.raises(ValueError, match="KTable value must have a Struct type"):
        enriched_type(dict[str, int])


def test_a_field_cannot_be_in_key_and_value() -> None:
    with pytest.raises(DefinitionError, match="'shop' is in the key and in the value"):
        enriched_type(dict[ShopKey, ShopKey])


def test_a_table_has_no_dimension() -> None:
    from typing import Annotated

    with pytest.raises(ValueError, match="LTable type must not have a vector info"):
        enriched_type(Annotated[list[Address], VectorInfo(3)])


@pytest.mark.row("TY-6 nullable")
def test_nullable_is_in_the_schema() -> None:
    assert encode_enriched_type(str | None) == {"type": {"kind": "Str"}, "nullable": True}
    assert enriched_type(int | str | None).nullable


@pytest.mark.row("TY-8 Any return")
def test_any_is_not_specific() -> None:
    with pytest.raises(ValueError, match="Specific type annotation is expected"):
        enriched_type(Any)


@pytest.mark.row("TY-9 set")
def test_unsupported_annotations_are_named() -> None:
    with pytest.raises(ValueError, match=r"Unsupported type annotation: set\[int\]"):
        enriched_type(set[int])


@pytest.mark.parametrize("annotation", [list[dict[str, Address]], int | Address])
def test_vectors_and_unions_hold_basic_types_only(annotation: Any) -> None:
    with pytest.raises(ValueError, match="inside a vector or union"):
        enriched_type(annotation)


@dataclass
class WithSet:
    values: set[int]


@dataclass
class Around:
    inner: WithSet


@pytest.mark.row("TY-14 nested error note")
def test_errors_in_nested_structs_name_struct_and_field() -> None:
    with pytest.raises(ValueError, match="Unsupported type annotation") as failure:
        enriched_type(Around)
    notes = "\n".join(failure.value.__notes__)
    assert "WithSet.values" in notes
    assert "Around.inner" in notes


@pytest.mark.row("TY-12 schema JSON")
@pytest.mark.parametrize(
    "value_type",
    [
        *[types.BasicValueType(kind) for kind in VALUES],
        vector_type("Float32", 3),
        vector_type("Str"),
        union_type("Int64", "Str"),
        enriched_type(Everything).type,
        enriched_type(list[Person]).type,
        enriched_type(dict[ShopKey, Person]).type,
        enriched_type(Vector[Vector[np.float32, Literal[3]]]).type,
    ],
    ids=str,
)
def test_types_survive_their_json_form(value_type: types.ValueType) -> None:
    assert decode_value_type(encode_value_type(value_type)) == value_type
    enriched = EnrichedValueType(value_type, nullable=True, attrs={"a": [1]})
    assert EnrichedValueType.decode(enriched.encode()) == enriched
    fields = [FieldSchema("f", enriched, "What it is."), FieldSchema("g", enriched)]
    assert decode_field_schemas([f.encode() for f in fields]) == fields


def test_types_read_like_annotations() -> None:
    assert str(enriched_type(dict[str, Address] | None)) == (
        "KTable(1)(Struct(_key: Str, street: Str, number: Int64))?"
    )
    assert repr(vector_type("Float32", 3)) == "Vector[Float32, 3]"
    assert str(union_type("Int64", "Str")) == "Union[Int64 | Str]"


def test_fields_of_a_struct() -> None:
    fields = enriched_type(Address).type.fields
    assert [str(f) for f in fields] == ["street: Str", "number: Int64"]


def test_forward_references_are_resolved() -> None:
    assert resolve_forward_ref("list[int] | None") == list[int] | None
    assert resolve_forward_ref("Address", globals()) is Address
    assert resolve_forward_ref(int) is int


def test_every_exported_name_is_there() -> None:
    assert all(hasattr(types, name) for name in types.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        types.nothing  # noqa: B018 - reading it is what fails
