import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

import pytest
from pydantic import BaseModel, Field

from coco_flow.errors import DefinitionError
from coco_flow.types.analysis import (
    ANY_TYPE_INFO,
    MISSING,
    AnyType,
    BasicType,
    MappingType,
    OtherType,
    SequenceType,
    StructType,
    UnionType,
    analyze_type_info,
    is_struct_type,
)
from tests.coco_flow.types.structs import Address, Person, PointModel, PointTuple


def test_kinds_of_annotations() -> None:
    assert analyze_type_info(Any).variant == AnyType()
    assert ANY_TYPE_INFO.variant == AnyType()
    assert analyze_type_info(uuid.UUID).variant == BasicType("Uuid")
    assert analyze_type_info(Sequence[int]).variant == SequenceType(int, None)
    assert analyze_type_info(Mapping[str, Address]).variant == MappingType(str, Address)
    assert analyze_type_info(dict).variant == MappingType(Any, Any)
    assert analyze_type_info(Person).variant == StructType(Person)
    assert analyze_type_info(type(None)).variant == OtherType()


@pytest.mark.row("TY-6 nullable")
@pytest.mark.parametrize("annotation", [str | None, Optional[str]])  # noqa: UP045
def test_none_in_a_union_makes_it_nullable(annotation: Any) -> None:
    info = analyze_type_info(annotation)
    assert (info.core_type, info.variant, info.nullable) == (str, BasicType("Str"), True)


def test_a_nullable_union_of_several_types_stays_a_union() -> None:
    info = analyze_type_info(int | str | None)
    assert info.variant == UnionType([int, str])
    assert info.nullable


def test_fields_have_their_defaults() -> None:
    @dataclass
    class Local:
        a: int
        b: int = 2
        c: list[int] = field(default_factory=list)
        d: int = field(default=3, kw_only=True)
        e: int = field(default=4, init=False)

    fields = StructType(Local).fields
    assert [f.name for f in fields] == ["a", "b", "c", "d"]
    assert [f.default_value for f in fields] == [MISSING, 2, list, 3]
    assert [f.positional for f in fields] == [True, True, True, False]


def test_pydantic_fields_have_descriptions_and_constructor_names() -> None:
    class Model(BaseModel):
        plain: int
        described: str = Field("x", description="What it is.")
        renamed: int = Field(alias="other")

    fields = StructType(Model).fields
    assert [f.description for f in fields] == [None, "What it is.", None]
    assert [f.keyword for f in fields] == ["plain", "described", "other"]
    assert [f.default_value for f in fields] == [MISSING, "x", MISSING]


def test_struct_classes() -> None:
    assert all(map(is_struct_type, [Address, PointTuple, PointModel]))
    assert not any(map(is_struct_type, [int, tuple, list[int], Address("x")]))


@dataclass
class Unresolvable:
    field: "Nowhere"  # noqa: F821 - that it is not defined is the point


def test_an_annotation_that_cannot_be_resolved_is_named() -> None:
    with pytest.raises(DefinitionError, match=r"Unresolvable names 'Nowhere'"):
        StructType(Unresolvable).fields  # noqa: B018 - reading it is what fails


def test_types_are_analyzed_without_numpy_and_pydantic() -> None:
    program = (
        "import sys, coco_flow.types as t\n"
        "for name in t.__all__: getattr(t, name)\n"
        "t.make_packer(t.enriched_type(list[str]))\n"
        "print(sorted({'numpy', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
