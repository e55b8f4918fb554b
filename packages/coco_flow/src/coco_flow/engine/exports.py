"""What an export writes: from collected rows to keys, values and digests for one target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from coco_flow.errors import RowFailed
from coco_flow.graph.check import export_schema
from coco_flow.graph.model import Export, FieldRef, FlowGraph
from coco_flow.types.codec import digest, make_packer, pack_key

if TYPE_CHECKING:
    from coco_flow.engine.frames import RowState
    from coco_flow.ports import ExportSchema, Key, Row

__all__ = ["ExportPlan", "TargetRow", "compile_export", "has_unique_keys"]

# Digests only distinguish versions of one row; 8 bytes keep the state small.
_DIGEST_BYTES = 8


class TargetRow(NamedTuple):
    """A row as a target must hold it."""

    digest: bytes
    key: Key
    value: Row


@dataclass(slots=True)
class ExportPlan:
    """One export, compiled.

    Attributes:
        resource_id: The target's id in the state store.
        unique_keys: True if rows of different source rows can never share a key, by construction.
        target: What the connector's `open` returned; None until the first write.
    """

    export: Export
    schema: ExportSchema
    resource_id: int
    epoch: int
    collector: int
    unique_keys: bool
    rows_of: Callable[[RowState], dict[bytes, TargetRow]]
    target: Any = None
    opened: bool = False

    @property
    def name(self) -> str:
        """The export's name."""
        return self.export.name


def compile_export(graph: FlowGraph, export: Export, resource_id: int, epoch: int) -> ExportPlan:
    """Compile an export whose target is set up."""
    schema = export_schema(export)
    if export.grouping is not None:
        return _compile_group_export(graph, export, schema, resource_id, epoch)
    names = [field.name for field in export.collector.fields]
    key_places = [names.index(field.name) for field in schema.key]
    value_places = [names.index(field.name) for field in schema.value]
    pack = make_packer(schema.value)
    number = graph.collectors.index(export.collector)
    # The epoch is part of every digest: when a target loses rows, all of them differ.
    prefix = epoch.to_bytes(4, "big")
    read_key = _tuple_reader(key_places)
    read_value = _tuple_reader(value_places)

    def rows_of(row: RowState) -> dict[bytes, TargetRow]:
        rows: dict[bytes, TargetRow] = {}
        for collected in row.collected[number]:
            key = read_key(collected)
            if None in key:
                raise RowFailed(_absent_key(export, schema, key))
            value = read_value(collected)
            packed = digest(prefix, pack(value))[:_DIGEST_BYTES]
            encoded = pack_key(key)
            known = rows.get(encoded)
            if known is not None and known.digest != packed:
                raise RowFailed(_ambiguous_key(export, schema, key))
            rows[encoded] = TargetRow(packed, key, value)
        return rows

    return ExportPlan(
        export, schema, resource_id, epoch, number, has_unique_keys(graph, export), rows_of
    )


def _compile_group_export(
    graph: FlowGraph, export: Export, schema: ExportSchema, resource_id: int, epoch: int
) -> ExportPlan:
    """Compile the export to a grouping, whose rows are identified by their origin."""
    names = [field.name for field in export.collector.fields]
    read_key = _tuple_reader([names.index(name) for name in export.index.primary_key_fields])
    read_value = _tuple_reader([names.index(field.name) for field in schema.value])
    pack = make_packer(schema.value)
    number = graph.collectors.index(export.collector)
    prefix = epoch.to_bytes(4, "big")

    def rows_of(row: RowState) -> dict[bytes, TargetRow]:
        rows: dict[bytes, TargetRow] = {}
        for place, collected in enumerate(row.collected[number]):
            key = (*read_key(collected), row.origin, place)
            value = read_value(collected)
            packed = digest(prefix, pack(value))[:_DIGEST_BYTES]
            rows[pack_key(key)] = TargetRow(packed, key, value)
        return rows

    return ExportPlan(export, schema, resource_id, epoch, number, True, rows_of)


def has_unique_keys(graph: FlowGraph, export: Export) -> bool:
    """Say whether the key alone identifies the source row of a target row.

    That is so if one source feeds the collector and every row carries the source's whole key in its
    primary key. Then no key can have two owners, and none need be recorded.
    """
    key_names = set(export.index.primary_key_fields)
    sources = set()
    for row in export.collector.collects:
        given = dict(row.fields)
        refs = [given[name] for name in key_names if name in given]
        scope = next((ref.scope for ref in given.values() if isinstance(ref, FieldRef)), None)
        while scope is not None and scope.parent is not None:
            scope = scope.parent
        source = next((s for s in graph.sources if s.scope is scope), None)
        if source is None:
            return False
        sources.add(source.name)
        slots = {
            ref.slot
            for ref in refs
            if isinstance(ref, FieldRef) and ref.scope is source.scope and not ref.path
        }
        if not set(range(1, source.scope.key_parts + 1)) <= slots:
            return False
    return len(sources) == 1


def _tuple_reader(places: list[int]) -> Callable[[list[Any]], tuple[Any, ...]]:
    if not places:
        return lambda _row: ()
    if len(places) == 1:
        place = places[0]
        return lambda row: (row[place],)
    return itemgetter(*places)


def _absent_key(export: Export, schema: ExportSchema, key: Key) -> str:
    absent = [field.name for field, part in zip(schema.key, key, strict=True) if part is None]
    return (
        f"Export {export.name!r}: the primary key field(s) {', '.join(absent)} are absent in a row."
    )


def _ambiguous_key(export: Export, schema: ExportSchema, key: Key) -> str:
    names = ", ".join(field.name for field in schema.key)
    return (
        f"Export {export.name!r}: two different rows have the primary key ({names}) = {key!r}; "
        "add a field that distinguishes them to primary_key_fields."
    )
