"""Set-up of LanceDB tables: columns in Arrow's types, vector and full-text indexes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from coco_flow.errors import DefinitionError, FlowConflict, missing_extra
from coco_flow.index import (
    HnswVectorIndexMethod,
    IvfFlatVectorIndexMethod,
    VectorIndexMethod,
    VectorSimilarityMetric,
)
from coco_flow.ports import Compatibility, ExportSchema
from coco_flow.targets.arrow_types import ArrowColumns, ArrowOptions
from coco_flow.targets.table_state import (
    compare_columns,
    fields_of_state,
    fts_fields,
    method_state,
    possible_states,
    vector_fields,
    vector_size,
)
from coco_flow.types.schema import (
    BasicValueType,
    EnrichedValueType,
    FieldSchema,
    VectorTypeSchema,
)

__all__ = [
    "ARROW_OPTIONS",
    "import_lancedb",
    "index_definitions",
    "set_up_table",
    "stored_fields",
    "vector_index_config",
]

ARROW_OPTIONS = ArrowOptions("LanceDB", "lancedb", json_type=True, uuid_type=True)

_METRICS = {
    VectorSimilarityMetric.COSINE_SIMILARITY: "cosine",
    VectorSimilarityMetric.L2_DISTANCE: "l2",
    VectorSimilarityMetric.INNER_PRODUCT: "dot",
}

_METHODS: dict[str, type[VectorIndexMethod]] = {
    "Hnsw": HnswVectorIndexMethod,
    "IvfFlat": IvfFlatVectorIndexMethod,
}


# A package without types.
def import_lancedb() -> Any:
    """Return lancedb.

    Raises:
        ExtraMissing: It is not installed.
    """
    try:
        import lancedb
    except ImportError as error:
        raise missing_extra("LanceDB", "lancedb", "lancedb") from error
    return lancedb


def stored_fields(schema: ExportSchema) -> tuple[list[FieldSchema], list[FieldSchema]]:
    """Return the key and value fields with the types that they have in the table.

    Vectors of integers are float32 where an index is on them, for LanceDB indexes no others.
    """
    indexed = {index.field_name for index in schema.index.vector_indexes}
    return list(schema.key), [
        _with_float_elements(field) if field.name in indexed else field for field in schema.value
    ]


def index_definitions(schema: ExportSchema) -> dict[str, dict[str, Any]]:
    """Return each index by its name."""
    found: dict[str, dict[str, Any]] = {}
    for index, _ in vector_fields(schema, "a LanceDB target"):
        name = f"__{index.field_name}__{_METRICS[index.metric]}"
        method = method_state(index)
        if method is not None:
            name += f"__{method['kind'].lower()}"
        found[f"{name}__idx"] = {
            "field": index.field_name,
            "metric": _METRICS[index.metric],
            "method": method,
        }
    for fts in fts_fields(schema, "a LanceDB target"):
        found[f"__{fts.field_name}__fts__idx"] = {
            "field": fts.field_name,
            "fts": dict(fts.parameters or {}),
        }
    return found


def set_up_table(
    database: Any, name: str, previous: Sequence[Any | None], current: Mapping[str, Any]
) -> None:
    """Create or alter the table and its indexes, looking at what is there.

    Raises:
        FlowConflict: A table of this name exists that no flow has made, and it does not fit.
    """
    states = possible_states(previous)
    wanted = ArrowColumns(
        fields_of_state(current["key"]), fields_of_state(current["value"]), ARROW_OPTIONS
    ).schema
    table = _open_table(database, name)
    if table is not None and not states:
        _check_adoption(table, wanted, name)
    lost = any(compare_columns(current, s) is Compatibility.NOT_COMPATIBLE for s in states)
    if table is not None and states and (lost or _keys_differ(table, wanted, current)):
        database.drop_table(name)
        table = None
    if table is None:
        table = database.create_table(name, schema=wanted)
        _index_key(table, current)
    else:
        _drop_indexes(table, states, current)
        _alter_columns(table, wanted, states)
    existing = {index.name for index in table.list_indices()}
    for index_name, definition in current["indexes"].items():
        if index_name not in existing:
            config = _index_config(definition)
            table.create_index(definition["field"], config=config, name=index_name)


def vector_index_config(method: VectorIndexMethod | None, distance_type: str) -> Any:
    """Return LanceDB's configuration of a vector index; HNSW over product codes by default."""
    import_lancedb()
    from lancedb.index import HnswPq, IvfFlat

    options: dict[str, Any] = {"distance_type": distance_type}
    if isinstance(method, IvfFlatVectorIndexMethod):
        options["num_partitions"] = method.lists
        return IvfFlat(**_given(options))
    if method is not None:
        options |= {"m": method.m, "ef_construction": method.ef_construction}
    return HnswPq(**_given(options))


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _index_config(definition: Mapping[str, Any]) -> Any:
    if "fts" not in definition:
        stored = definition["method"]
        method = None
        if stored is not None:
            method = _METHODS[stored["kind"]](**stored)
        return vector_index_config(method, definition["metric"])
    from lancedb.index import FTS

    try:
        return FTS(**definition["fts"])
    except TypeError as error:
        known = ", ".join(field.name for field in dataclasses.fields(FTS))
        raise DefinitionError(
            f"The full-text index on {definition['field']!r} has parameters that LanceDB does not "
            f"know: {error}.",
            hint=f"It knows {known}.",
        ) from error


def _index_key(table: Any, current: Mapping[str, Any]) -> None:
    """Index the key where LanceDB can, so that merging rows need not read every key."""
    from lancedb.index import BTree

    name, type_ = current["key"][0]
    if type_["kind"] in ("Str", "Int64", "Date"):
        table.create_index(name, config=BTree(), name=f"__{name}__key__idx")


def _open_table(database: Any, name: str) -> Any | None:
    try:
        return database.open_table(name)
    except ValueError as error:
        if "not found" in str(error):
            return None
        raise


def _types(schema: Any) -> dict[str, str]:
    # LanceDB stores JSON in its own type, and shows it as bytes with metadata.
    return {
        field.name: "json"
        if (field.metadata or {}).get(b"ARROW:extension:name") == b"lance.json"
        or str(field.type) == "extension<arrow.json>"
        else str(field.type)
        for field in schema
    }


def _keys_differ(table: Any, wanted: Any, current: Mapping[str, Any]) -> bool:
    found, expected = _types(table.schema), _types(wanted)
    return any(found.get(name) != expected[name] for name, _ in current["key"])


def _check_adoption(table: Any, wanted: Any, name: str) -> None:
    found, expected = _types(table.schema), _types(wanted)
    different = [each for each, type_ in expected.items() if found.get(each, type_) != type_]
    missing = [field.name for field in wanted if not field.nullable and field.name not in found]
    if different or missing:
        raise FlowConflict(
            f"There is a table {name!r} already that this flow has not made; it differs in the "
            f"columns {', '.join([*different, *missing])}.",
            hint="Give the target another table_name, or drop the table.",
        )


def _drop_indexes(table: Any, states: Sequence[Any], current: Mapping[str, Any]) -> None:
    existing = {index.name for index in table.list_indices()}
    for state in states:
        for name, definition in state["indexes"].items():
            if name in existing and current["indexes"].get(name) != definition:
                table.drop_index(name)
                existing.remove(name)


def _alter_columns(table: Any, wanted: Any, states: Sequence[Any]) -> None:
    found, expected = _types(table.schema), _types(wanted)
    known = {name for state in states for name, _ in state["value"]}
    gone = [
        name
        for name, type_ in found.items()
        if expected.get(name, type_) != type_ or (name in known and name not in expected)
    ]
    if gone:
        indexed = {index.name for index in table.list_indices() if set(index.columns) & set(gone)}
        for name in indexed:
            table.drop_index(name)
        table.drop_columns(gone)
    added = [field for field in wanted if found.get(field.name) != expected[field.name]]
    if added:
        table.add_columns(added)


def _with_float_elements(field: FieldSchema) -> FieldSchema:
    value_type = field.value_type.type
    size = vector_size(value_type)
    if size is None or not isinstance(value_type, BasicValueType) or value_type.vector is None:
        return field
    if value_type.vector.element_type.kind != "Int64":
        return field
    floats = BasicValueType("Vector", VectorTypeSchema(BasicValueType("Float32"), size))
    return dataclasses.replace(field, value_type=EnrichedValueType(floats))
