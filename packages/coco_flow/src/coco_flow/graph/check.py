"""Checks of a whole flow, before any data is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coco_flow.errors import DefinitionError
from coco_flow.graph.binding import NO_ROWS, bind_exports
from coco_flow.graph.model import Export, FlowGraph
from coco_flow.ports import ExportSchema
from coco_flow.types.schema import BasicValueType, EnrichedValueType, FieldSchema

if TYPE_CHECKING:
    from coco_flow.engine.grouping import GroupMember

__all__ = ["check_graph", "export_schema"]

# Kinds whose values can be compared for equality and stored as part of a key.
_KEY_KINDS = {
    "Bytes", "Str", "Bool", "Int64", "Range", "Uuid", "Date", "Time", "LocalDateTime",
    "OffsetDateTime", "TimeDelta",
}  # fmt: skip


def check_graph(graph: FlowGraph) -> None:
    """Check names, keys and indexes of all exports; let each target check its own.

    Raises:
        DefinitionError: Something does not fit; it names export, field and the remedy.
    """
    names = [source.name for source in graph.sources]
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError(f"There are two sources called {name!r} in {graph.name!r}.")
    bind_exports(graph, export_schema)
    for export in graph.exports:
        export.connector.setup_state(export.target_spec, export_schema(export))
    for declared in graph.declared:
        declared.connector.setup_state(declared.spec, NO_ROWS)


def export_schema(export: Export) -> ExportSchema:
    """Return the key and value fields that an export writes, its indexes and attachments.

    Raises:
        DefinitionError: A key or index names a field that is not collected or of the wrong type.
    """
    if export.grouping is not None:
        return _group_schema(export, export.grouping)
    fields = {field.name: field for field in export.collector.fields}
    if not export.collector.collects:
        raise DefinitionError(
            f"Export {export.name!r} takes its rows from {export.collector.name!r}, into which "
            "nothing is collected.",
            hint="Call collect on it inside a row scope.",
        )
    if not export.index.primary_key_fields:
        raise DefinitionError(f"Export {export.name!r} has no primary key fields.")
    key = tuple(_key_field(export, fields, name) for name in export.index.primary_key_fields)
    indexed = [index.field_name for index in export.index.vector_indexes]
    indexed += [index.field_name for index in export.index.fts_indexes]
    for name in indexed:
        if name not in fields:
            raise DefinitionError(
                f"Export {export.name!r}: field not found: {name!r} of an index; "
                f"collected are: {', '.join(fields)}."
            )
    for index in export.index.vector_indexes:
        _check_vector(export, fields[index.field_name])
    names = {field.name for field in key}
    value = tuple(field for field in export.collector.fields if field.name not in names)
    return ExportSchema(key, value, export.index, tuple(export.attachments))


def _group_schema(export: Export, member: GroupMember) -> ExportSchema:
    from coco_flow.flow.grouping import origin_fields

    fields = {field.name: field for field in export.collector.fields}
    key = [fields[name] for name in member.on]
    return ExportSchema((*key, *origin_fields()), tuple(member.value_fields), export.index)


def _key_field(export: Export, fields: dict[str, FieldSchema], name: str) -> FieldSchema:
    found = fields.get(name)
    if found is None:
        raise DefinitionError(
            f"Export {export.name!r}: field not found: {name!r} of the primary key; collected "
            f"are: {', '.join(fields)}."
        )
    kind = found.value_type.type
    if not isinstance(kind, BasicValueType) or kind.kind not in _KEY_KINDS:
        raise DefinitionError(
            f"Export {export.name!r}: the primary key field {name!r} is of kind {kind.kind!r}, "
            "which cannot be a key.",
            hint=f"Kinds of keys: {', '.join(sorted(_KEY_KINDS))}.",
        )
    # A key is never absent in a target.
    return FieldSchema(found.name, EnrichedValueType(kind, False, found.value_type.attrs))


def _check_vector(export: Export, field: FieldSchema) -> None:
    kind = field.value_type.type
    if isinstance(kind, BasicValueType) and kind.kind == "Vector" and kind.vector is not None:
        element, dimension = kind.vector.element_type, kind.vector.dimension
        nested = element.kind == "Vector"
        if nested or (dimension is not None and element.kind in ("Float32", "Float64", "Int64")):
            return
    raise DefinitionError(
        f"Export {export.name!r}: the vector index on {field.name!r} needs a vector of numbers "
        "with a fixed dimension.",
        hint="Annotate it, for example Vector[np.float32, Literal[384]].",
    )
