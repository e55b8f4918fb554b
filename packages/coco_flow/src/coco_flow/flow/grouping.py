"""Group-by and join over collected tables, as a flow's definition uses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from coco_flow.engine.grouping import GroupConnector, GroupMember, GroupSource, GroupTarget
from coco_flow.errors import DefinitionError
from coco_flow.flow.slices import DataCollector, DataSlice, PendingTransform
from coco_flow.graph.model import Export, FieldRef, Scope, Source
from coco_flow.index import IndexOptions
from coco_flow.op.bound import BoundArgument, BoundFunction
from coco_flow.op.options import OpArgs
from coco_flow.targets.registry import connector_of
from coco_flow.types.codec import digest, pack_any
from coco_flow.types.schema import (
    BasicValueType,
    EnrichedValueType,
    FieldSchema,
    StructSchema,
    TableType,
)

if TYPE_CHECKING:
    from coco_flow.flow.builder import Definition
    from coco_flow.graph.model import Collector
    from coco_flow.reducers import Reducer

__all__ = ["GroupedRows", "JoinKind", "group_rows", "join_rows"]

JoinKind = Literal["inner", "left", "full"]

_ROWS = "rows"
_LEFT, _RIGHT = "left", "right"


class GroupedRows(DataSlice[Any]):
    """The groups of a collector: a table keyed by the group's fields, with the field `rows`."""

    def reduce(self, **reducers: Reducer | Callable[..., Any]) -> DataCollector:
        """Return a collector with one row a group: its key and these values.

        Args:
            reducers: For each field a reducer (`coco_flow.reducers.count()`, `sum_of("size")`, …)
                or a function of flows that takes the list of rows.
        """
        definition = self._definition
        source = definition.source_of(self._attached())
        assert source is not None
        out = DataCollector(definition, definition.new_collector(definition.graph.root))
        with self.row() as group:
            rows = group[_ROWS]
            values = {name: _reduced(definition, rows, one) for name, one in reducers.items()}
            keys = {field.name: group[field.name] for field in source.connector.schema.key}
            out.collect(**keys, **values)
        return out


def group_rows(
    definition: Definition, collector: Collector, fields: Sequence[str], name: str | None
) -> GroupedRows:
    """Implement `DataCollector.group_by`."""
    if not fields:
        raise DefinitionError("group_by needs at least one field.")
    member = GroupMember(_ROWS, collector, tuple(fields))
    return _add_grouping(definition, [member], name)


def join_rows(
    definition: Definition,
    left: Collector,
    right: Collector,
    *,
    on: Sequence[str],
    how: JoinKind,
    name: str | None,
) -> DataCollector:
    """Implement `DataCollector.join`."""
    if how not in ("inner", "left", "full"):
        raise DefinitionError(f"how={how!r} is not a join.", hint="Use inner, left or full.")
    members = [GroupMember(_LEFT, left, tuple(on)), GroupMember(_RIGHT, right, tuple(on))]
    shared = {f.name for f in members[0].value_fields} & {f.name for f in members[1].value_fields}
    if shared:
        raise DefinitionError(
            f"Both sides of the join have the field(s) {', '.join(sorted(shared))}.",
            hint="Join on them, or collect them under different names.",
        )
    groups = _add_grouping(definition, members, name)
    source = definition.source_of(groups._attached())
    assert source is not None
    out = DataCollector(definition, definition.new_collector(definition.graph.root))
    function = _join_function(members, how, len(on))
    with groups.row() as group:
        keys = [group[field.name] for field in source.connector.schema.key]
        arguments = tuple(part._attached() for part in (group[_LEFT], group[_RIGHT], *keys))
        pairs: DataSlice[Any] = DataSlice(
            definition,
            PendingTransform(definition, definition.unique_name("join"), function, arguments),
        )
        with pairs.row() as pair:
            fields = [field.name for member in members for field in member.value_fields]
            out.collect(
                **{key: group[key] for key in on}, **{field: pair[field] for field in fields}
            )
    return out


def _add_grouping(
    definition: Definition, members: Sequence[GroupMember], name: str | None
) -> GroupedRows:
    key = _key_fields(members)
    made = name or definition.unique_name("group")
    connector = GroupConnector(made, members, key)
    scope = Scope(made, None, key_parts=len(key))
    for field in (*connector.schema.key, *connector.schema.value):
        scope.add_field(field.name, field.value_type)
    source = Source(made, GroupSource(name=made), connector, scope)
    for number, member in enumerate(members):
        # Later rows would need fields that the grouping does not keep.
        member.collector.is_closed = True
        spec = GroupTarget(group=made, member=number)
        definition.graph.exports.append(
            Export(
                f"_{made}_{member.name}", spec, connector_of(spec), member.collector,
                IndexOptions(list(member.on)), grouping=member,
            )
        )  # fmt: skip
    ref = definition.place_source(source, named=name is not None)
    return GroupedRows(definition, ref)


def _key_fields(members: Sequence[GroupMember]) -> list[FieldSchema]:
    key: list[FieldSchema] = []
    for name in members[0].on:
        found = []
        for member in members:
            fields = {field.name: field for field in member.collector.fields}
            if name not in fields:
                raise DefinitionError(
                    f"Field {name!r} is not collected into {member.collector.name!r}, which has: "
                    f"{', '.join(fields) or 'no fields'}."
                )
            found.append(fields[name])
        kinds = {str(field.value_type.type) for field in found}
        if len(kinds) > 1:
            raise DefinitionError(f"Field {name!r} has different types: {', '.join(kinds)}.")
        nullable = any(field.value_type.nullable for field in found)
        key.append(FieldSchema(name, EnrichedValueType(found[0].value_type.type, nullable)))
    return key


def _reduced(definition: Definition, rows: DataSlice[Any], reducer: Any) -> DataSlice[Any]:
    from coco_flow.reducers import Reducer

    if not isinstance(reducer, Reducer):
        return rows.transform(reducer)
    ref = rows._attached()
    assert isinstance(ref, FieldRef)
    table = ref.type.type
    assert isinstance(table, TableType)
    function = reducer.bind(table.row.fields)
    name = definition.unique_name(reducer.name)
    return DataSlice(definition, PendingTransform(definition, name, function, (ref,)))


def _join_function(members: Sequence[GroupMember], how: JoinKind, keys: int) -> BoundFunction:
    left_fields, right_fields = (member.value_fields for member in members)
    absent_left, absent_right = [None] * len(left_fields), [None] * len(right_fields)

    def join(left: list[Any], right: list[Any], *key: Any) -> list[list[Any]]:
        # As in SQL, an absent key matches nothing.
        if None not in key and left and right:
            return [[*one, *other] for one in left for other in right]
        rows = [] if how == "inner" else [[*one, *absent_right] for one in left]
        if how == "full":
            rows += [[*absent_left, *other] for other in right]
        return rows

    def field(one: FieldSchema, optional: bool) -> FieldSchema:
        value = one.value_type
        return FieldSchema(
            one.name, EnrichedValueType(value.type, value.nullable or optional, value.attrs)
        )

    fields = [field(one, how == "full") for one in left_fields]
    fields += [field(one, how != "inner") for one in right_fields]
    result = EnrichedValueType(TableType(kind="LTable", row=StructSchema(fields)))
    return engine_function(f"join_{how}", join, 2 + keys, result)


def engine_function(
    kind: str, call: Callable[..., Any], arguments: int, result: EnrichedValueType
) -> BoundFunction:
    """Return a function of the engine's own, on engine values."""
    return BoundFunction(
        kind=kind,
        options=OpArgs(),
        spec=None,
        arguments=(BoundArgument(None, None, False),) * arguments,
        result_type=result,
        encode=None,
        identity=digest(pack_any([kind, arguments, result.encode()])),
        executor=None,
        call=call,
        is_async=False,
    )


def origin_fields() -> tuple[FieldSchema, FieldSchema]:
    """Return what identifies a row within its group: its source row, and its number there."""
    return (
        FieldSchema("_origin", EnrichedValueType(BasicValueType(kind="Bytes"))),
        FieldSchema("_number", EnrichedValueType(BasicValueType(kind="Int64"))),
    )
