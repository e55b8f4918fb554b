"""Which fields of an export become which parts of a document in CoCo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coco_flow.errors import DefinitionError
from coco_flow.targets.json_value import json_encoder
from coco_flow.types.schema import BasicValueType

if TYPE_CHECKING:
    from coco_flow.ports import ExportSchema
    from coco_flow.types.schema import FieldSchema

__all__ = ["DocumentFields", "document_fields", "is_vector"]

# Other names of fields that are recognized without being named.
_OTHER_NAMES = {"content": ("text",), "vector": ("embedding",)}

_NUMBERS = ("Float32", "Float64", "Int64")


@dataclass(frozen=True, slots=True)
class DocumentFields:
    """Positions and encoders of the value fields that a document is made of.

    Attributes:
        places: Position by part: `content`, `title` and so on; absent parts have none.
        rest: Name, position and JSON encoder of every other field that is no vector.
    """

    places: Mapping[str, int]
    rest: tuple[tuple[str, int, Callable[[Any], Any] | None], ...]

    def value(self, part: str, row: Sequence[Any]) -> Any:
        """Return the value of a part; None if there is none."""
        place = self.places.get(part)
        return None if place is None else row[place]

    def metadata(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return the other fields that have a value, as JSON."""
        found = {}
        for name, place, encode in self.rest:
            value = row[place]
            if value is not None:
                found[name] = value if encode is None else encode(value)
        return found


def document_fields(
    schema: ExportSchema,
    fields: Mapping[str, str] | None,
    parts: Mapping[str, str],
    target: str,
) -> DocumentFields:
    """Find the parts of a document among the value fields, by their names or as the spec says.

    Args:
        schema: What is exported.
        fields: Part to field, where the field has another name.
        parts: What a document can have, with the kind of field that holds it.
        target: The target's name for messages.

    Raises:
        DefinitionError: A field is missing, or of another type than its part.
    """
    given = dict(fields or {})
    for part in given:
        if part not in parts:
            raise DefinitionError(
                f"{target} has no part {part!r} of a document.",
                hint=f"The parts are {', '.join(parts)}.",
            )
    by_name = {field.name: place for place, field in enumerate(schema.value)}
    places: dict[str, int] = {}
    for part, kind in parts.items():
        names = (given[part],) if part in given else (part, *_OTHER_NAMES.get(part, ()))
        found = next((name for name in names if name in by_name), None)
        if found is None and part in given:
            raise DefinitionError(
                f"{target} takes {part!r} from the field {given[part]!r}, which is not exported.",
                hint=f"The value fields are {', '.join(by_name)}.",
            )
        if found is None:
            continue
        field = schema.value[by_name[found]]
        if not _fits(field, kind):
            if part not in given and part != "content":
                # A field of that name with another meaning is metadata like any other.
                continue
            raise DefinitionError(
                f"{target} takes {part!r} from the field {found!r}, which is "
                f"{field.value_type.type} and not {kind}.",
                hint=f"Name another field: {target}(fields={{{part!r}: …}}).",
            )
        places[part] = by_name[found]
    if "content" not in places:
        raise DefinitionError(
            f"{target} needs a field with the content.",
            hint=f"Call it 'content' or 'text', or name it: {target}(fields={{'content': …}}).",
        )
    return DocumentFields(places, _rest(schema, set(places.values())))


def is_vector(field: FieldSchema) -> bool:
    """Say whether a field holds a vector of numbers, which is no metadata."""
    return _fits(field, "Vector")


def _rest(
    schema: ExportSchema, taken: set[int]
) -> tuple[tuple[str, int, Callable[[Any], Any] | None], ...]:
    return tuple(
        (field.name, place, json_encoder(field.value_type.type))
        for place, field in enumerate(schema.value)
        if place not in taken and not is_vector(field)
    )


def _fits(field: FieldSchema, kind: str) -> bool:
    found = field.value_type.type
    if not isinstance(found, BasicValueType):
        return False
    if kind == "Number":
        return found.kind in _NUMBERS
    vector = found.vector
    if kind == "Vector":
        return vector is not None and vector.element_type.kind in _NUMBERS
    if kind == "Texts":
        return vector is not None and vector.element_type.kind == "Str"
    return found.kind == kind
