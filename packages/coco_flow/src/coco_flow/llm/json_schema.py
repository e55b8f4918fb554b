"""JSON schemas of Python types, in the dialects that providers of models accept."""

from __future__ import annotations

import inspect
import typing
from dataclasses import dataclass
from typing import Any

from coco_flow.errors import DefinitionError
from coco_flow.types.analysis import (
    MISSING,
    AnyType,
    BasicType,
    DataTypeInfo,
    MappingType,
    SequenceType,
    StructType,
    UnionType,
    analyze_type_info,
)
from coco_flow.types.choices import choices_of

__all__ = ["WRAPPER", "JsonSchema", "SchemaDialect", "build_schema"]

WRAPPER = "value"
"""The only field of the object around an answer that is no object itself."""

_NAME = "ExtractedData"

_TYPES = {
    "Str": "string",
    "Bytes": "string",
    "Bool": "boolean",
    "Int64": "integer",
    "Float32": "number",
    "Float64": "number",
    "Uuid": "string",
    "Date": "string",
    "Time": "string",
    "LocalDateTime": "string",
    "OffsetDateTime": "string",
    "TimeDelta": "string",
}
_FORMATS = {
    "Uuid": "uuid",
    "Date": "date",
    "Time": "time",
    "LocalDateTime": "date-time",
    "OffsetDateTime": "date-time",
    "TimeDelta": "duration",
}
_HINTS = {
    "Bytes": "Bytes in base64.",
    "Range": "Two integers: the start, and the end, which is not part of the range.",
    "Uuid": "A UUID such as 0b8e7f5e-2c4b-4f0e-9d51-3f6a1c2b7d90.",
    "Date": "A date such as 2031-05-17.",
    "Time": "A time of day such as 14:30:00.",
    "LocalDateTime": "Date and time without a time zone, such as 2031-05-17T14:30:00.",
    "OffsetDateTime": "Date and time with a time zone, such as 2031-05-17T14:30:00Z.",
    "TimeDelta": "A duration in ISO 8601, such as PT1H30M.",
}


# Any JSON, for providers whose schemas cannot express it.
_AS_TEXT = {"type": "string", "description": "A JSON value, written as text."}


@dataclass(frozen=True, slots=True)
class SchemaDialect:
    """What a provider demands of a schema.

    Attributes:
        all_required: Every field must be required; one that may be absent is null instead.
        closed: Objects say that they have no other fields.
        formats: The keyword ``format`` is understood.
        object_root: The outermost value must be an object.
        nullable_keyword: Null is allowed by ``nullable`` and not by a list of types.
        ordered: Objects list the order of their fields.
        in_prompt: The model sees the schema only if the prompt has it.
        free_form: Values may be any JSON; otherwise such a value is JSON as text.
        integer_choices: Integers may be limited to a list of values.
    """

    all_required: bool = False
    closed: bool = True
    formats: bool = False
    object_root: bool = True
    nullable_keyword: bool = False
    ordered: bool = False
    in_prompt: bool = False
    free_form: bool = True
    integer_choices: bool = True


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """A schema ready to be sent.

    Attributes:
        name: Its name in the request.
        document: The schema.
        strict: False if something in it may be any JSON, which strict modes refuse.
        wrapped: Whether the value is in the field `WRAPPER` of an object.
        json_as_text: Whether values that may be any JSON are asked for as text.
    """

    name: str
    document: dict[str, Any]
    strict: bool
    wrapped: bool
    json_as_text: bool = False


def build_schema(annotation: Any, dialect: SchemaDialect) -> JsonSchema:
    """Return the schema of a type.

    Raises:
        DefinitionError: The type, or one inside it, has none; the message names the field.
    """
    builder = _Builder(dialect)
    info = analyze_type_info(annotation)
    document = builder.value(info, ())
    wrapped = dialect.object_root and not isinstance(info.variant, StructType)
    if wrapped:
        document = builder.object({WRAPPER: document}, [WRAPPER], "")
    return JsonSchema(_NAME, document, builder.strict, wrapped, not dialect.free_form)


class _Builder:
    def __init__(self, dialect: SchemaDialect) -> None:
        self.dialect = dialect
        self.strict = True
        self._open: list[type] = []

    def value(self, info: DataTypeInfo, path: tuple[str, ...], about: str = "") -> dict[str, Any]:
        """Return the schema of a value at a path; `about` is what its field says about it."""
        variant = info.variant
        choices = choices_of(info.core_type)
        if choices is not None:
            schema = self._choices(choices, info.core_type, path, about)
        elif isinstance(variant, StructType):
            schema = self._struct(variant, path, about)
        elif isinstance(variant, BasicType):
            schema = _described(self._basic(variant.kind), about, _HINTS.get(variant.kind, ""))
        elif isinstance(variant, SequenceType):
            schema = _described(self._sequence(variant, path), about)
        elif isinstance(variant, UnionType):
            options = [self.value(analyze_type_info(t), path) for t in variant.variant_types]
            schema = _described({"anyOf": options}, about)
        elif isinstance(variant, MappingType):
            schema = _described(self._mapping(variant, path), about)
        elif isinstance(variant, AnyType):
            schema = _described(self._anything(), about)
        else:
            raise _no_schema(info.core_type, path)
        return schema

    def object(self, properties: dict[str, Any], required: list[str], about: str) -> dict[str, Any]:
        """Return the schema of an object."""
        schema: dict[str, Any] = _described({"type": "object"}, about)
        schema["properties"] = properties
        schema["required"] = required
        if self.dialect.closed:
            schema["additionalProperties"] = False
        if self.dialect.ordered:
            schema["propertyOrdering"] = list(properties)
        return schema

    def _struct(self, struct: StructType, path: tuple[str, ...], about: str) -> dict[str, Any]:
        kind = typing.get_origin(struct.struct_type) or struct.struct_type
        if kind in self._open:
            raise DefinitionError(
                f"{'.'.join(path) or 'The output type'} contains its own type {kind.__name__!r}.",
                hint="A flow's values have a fixed depth: use another type there.",
            )
        self._open.append(kind)
        properties: dict[str, Any] = {}
        required: list[str] = []
        for field in struct.fields:
            info = analyze_type_info(field.type_hint)
            schema = self.value(info, (*path, field.name), field.description or "")
            if info.nullable:
                schema = self._nullable(schema)
            if self.dialect.all_required or not (
                info.nullable or field.default_value is not MISSING
            ):
                required.append(field.name)
            properties[field.name] = schema
        self._open.pop()
        parts = [part for part in (about, _documentation(kind)) if part]
        return self.object(properties, required, "\n\n".join(parts))

    def _basic(self, kind: str) -> dict[str, Any]:
        if kind == "Json":
            return self._anything()
        if kind == "Range":
            return {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
        schema = {"type": _TYPES[kind]}
        if self.dialect.formats and kind in _FORMATS:
            schema["format"] = _FORMATS[kind]
        return schema

    def _sequence(self, sequence: SequenceType, path: tuple[str, ...]) -> dict[str, Any]:
        items = self.value(analyze_type_info(sequence.elem_type), (*path, "[]"))
        schema: dict[str, Any] = {"type": "array", "items": items}
        dimension = sequence.vector_info.dim if sequence.vector_info is not None else None
        if dimension is not None:
            schema["minItems"] = schema["maxItems"] = dimension
        return schema

    def _mapping(self, mapping: MappingType, path: tuple[str, ...]) -> dict[str, Any]:
        value = analyze_type_info(mapping.value_type)
        if not isinstance(value.variant, StructType):
            anything = self._anything()
            return {"type": "object"} if self.dialect.free_form else anything
        # An array of pairs: no strict mode takes objects with fields of any name.
        properties = {
            "key": self.value(analyze_type_info(mapping.key_type), (*path, "key")),
            "value": self.value(value, (*path, "value")),
        }
        return {"type": "array", "items": self.object(properties, list(properties), "")}

    def _choices(
        self, choices: list[Any], annotation: Any, path: tuple[str, ...], about: str
    ) -> dict[str, Any]:
        kinds = {type(choice) for choice in choices}
        if kinds == {str}:
            return _described({"type": "string", "enum": choices}, about)
        if kinds != {int}:
            raise DefinitionError(
                f"{'.'.join(path) or 'The output type'}: the choices of {annotation!r} are "
                "neither all strings nor all integers.",
                hint="Use values of one of these types.",
            )
        if self.dialect.integer_choices:
            return _described({"type": "integer", "enum": choices}, about)
        listed = ", ".join(map(str, choices))
        return _described({"type": "integer"}, about, f"One of: {listed}.")

    def _anything(self) -> dict[str, Any]:
        self.strict = False
        return {} if self.dialect.free_form else dict(_AS_TEXT)

    def _nullable(self, schema: dict[str, Any]) -> dict[str, Any]:
        if self.dialect.nullable_keyword:
            return {**schema, "nullable": True}
        if "anyOf" in schema:
            return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
        kind = schema.get("type")
        if kind is None:
            return schema
        nullable = {**schema, "type": [kind, "null"]}
        if "enum" in schema:
            nullable["enum"] = [*schema["enum"], None]
        return nullable


def _described(schema: dict[str, Any], *texts: str) -> dict[str, Any]:
    text = "\n\n".join(text for text in texts if text)
    return {"description": text, **schema} if text else schema


def _documentation(kind: type) -> str:
    """Return the docstring of a class, unless it was generated or inherited."""
    own = kind.__dict__.get("__doc__")
    if not own or own.startswith(f"{kind.__name__}("):
        return ""
    return inspect.cleandoc(own)


def _no_schema(annotation: Any, path: tuple[str, ...]) -> DefinitionError:
    return DefinitionError(
        f"{'.'.join(path) or 'The output type'} is a {annotation!r}, which a language model "
        "cannot fill.",
        hint="Use str, int, float, bool, dates, UUID, Json, Literal, Enum, lists, dataclasses, "
        "NamedTuples and Pydantic models.",
    )
