"""Builds a flow's graph while its definition function runs."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from coco_flow.errors import DefinitionError
from coco_flow.flow.slices import (
    DataScope,
    DataSlice,
    PendingTransform,
    snake_case,
)
from coco_flow.graph.collected import merge_collected_fields
from coco_flow.graph.extended import extended
from coco_flow.graph.model import (
    Collect,
    Collector,
    Constant,
    Export,
    FieldRef,
    FlowGraph,
    Scope,
    Source,
    ValueRef,
)
from coco_flow.op.spec import DeclarationSpec, SourceSpec, TargetSpec
from coco_flow.types.schema import EnrichedValueType, StructSchema, TableType
from coco_flow.validation import validate_target_name

if TYPE_CHECKING:
    from coco_flow.index import IndexOptions

__all__ = ["Definition", "FlowBuilder", "build_graph"]


class FlowBuilder:
    """Adds sources, functions and declarations to the flow that is being defined."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition

    def add_source(
        self,
        spec: SourceSpec,
        /,
        *,
        name: str | None = None,
        refresh_interval: datetime.timedelta | None = None,
        max_inflight_rows: int | None = None,
        max_inflight_bytes: int | None = None,
    ) -> DataSlice[Any]:
        """Add a source; assign the result to a field of the root scope.

        Args:
            spec: What and where the source is.
            name: The source's name in statistics; by default the field that it is assigned to.
            refresh_interval: In live mode, list the source again this often.
            max_inflight_rows: At most so many rows in flight.
            max_inflight_bytes: At most so many bytes of rows in flight.
        """
        if not isinstance(spec, SourceSpec):
            raise DefinitionError(
                f"add_source needs the spec of a source, got {type(spec).__name__}.",
                hint="Pass for example coco_flow.sources.LocalFile(path=…).",
            )
        return self._definition.add_source(
            spec, name, refresh_interval, max_inflight_rows, max_inflight_bytes
        )

    def transform(self, fn_spec: Any, *args: Any, **kwargs: Any) -> DataSlice[Any]:
        """Apply a function of flows to slices and constants."""
        if not args and not kwargs:
            raise DefinitionError("transform needs at least one argument besides the function.")
        return self._definition.transform(fn_spec, args, kwargs)

    def declare(self, spec: DeclarationSpec) -> None:
        """Declare something that belongs to a target without any row being exported to it."""
        if not isinstance(spec, DeclarationSpec):
            raise DefinitionError(
                f"declare needs the spec of a declaration, got {type(spec).__name__}."
            )
        self._definition.graph.declarations.append(spec)


class Definition:
    """A flow's graph while it is being defined."""

    def __init__(self, name: str) -> None:
        self.graph = FlowGraph(name)
        self._counters: dict[str, int] = {}
        self._sources: dict[int, Source] = {}
        self._named: set[int] = set()

    def add_source(
        self,
        spec: SourceSpec,
        name: str | None,
        refresh_interval: datetime.timedelta | None,
        max_inflight_rows: int | None,
        max_inflight_bytes: int | None,
    ) -> DataSlice[Any]:
        """Open the source, which makes its schema known, and give it a field of the root."""
        from coco_flow.sources.registry import open_source

        connector = open_source(spec)
        auto_name = name or self.unique_name(snake_case(type(spec).__name__))
        scope = Scope(auto_name, None, key_parts=len(connector.schema.key))
        for member in (*connector.schema.key, *connector.schema.value):
            scope.add_field(member.name, member.value_type)
        source = Source(
            auto_name, spec, connector, scope, refresh_interval, max_inflight_rows,
            max_inflight_bytes,
        )  # fmt: skip
        return DataSlice(self, self.place_source(source, named=name is not None))

    def place_source(self, source: Source, *, named: bool) -> FieldRef:
        """Add a source and give it a field of the root, which an assignment renames."""
        schema = source.connector.schema
        self.graph.sources.append(source)
        row = StructSchema(fields=[*schema.key, *schema.value])
        table = TableType(kind="KTable", row=row, num_key_parts=len(schema.key))
        made = self.graph.root.add_field(f"_{source.name}", EnrichedValueType(table))
        self._sources[made.slot] = source
        if named:
            self._named.add(made.slot)
        return FieldRef(self.graph.root, made.slot, made.type, (made.name,))

    def source_of(self, ref: ValueRef) -> Source | None:
        """Return the source whose rows a field of the root holds."""
        if isinstance(ref, FieldRef) and ref.scope is self.graph.root and not ref.path:
            return self._sources.get(ref.slot)
        return None

    def transform(
        self, fn_spec: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> DataSlice[Any]:
        """Bind a function to its arguments; it gets its place when the result is used."""
        from coco_flow.op.definition import Argument, definition_of

        definition, spec = definition_of(fn_spec)
        positional = [self.value_of(value) for value in args]
        named = {name: self.value_of(value) for name, value in kwargs.items()}
        bound = definition.bind(
            spec,
            [Argument(ref.type, origin_of(ref)) for ref in positional],
            {name: Argument(ref.type, origin_of(ref)) for name, ref in named.items()},
        )
        name = self.unique_name(snake_case(definition.kind))
        return DataSlice(self, PendingTransform(self, name, bound, (*positional, *named.values())))

    def value_of(self, value: Any) -> ValueRef:
        """Return the graph's form of an argument: a slice's place, or a constant with its type."""
        if isinstance(value, DataSlice):
            if value._definition is not self:
                raise DefinitionError(
                    "A slice of another flow was used.",
                    hint="Share logic with a transform flow, or pass a function the slice.",
                )
            ref = value._attached()
            source = self.source_of(ref)
            if source is not None:
                raise DefinitionError(
                    f"The table of source {source.name!r} was used as a value.",
                    hint="Open its rows: with data_scope[…].row() as row:",
                )
            return extended(ref) if isinstance(ref, FieldRef) else ref
        return constant(value)

    def assign(self, scope: Scope, field_name: str, value: DataSlice[Any]) -> None:
        """Make `value` the field `field_name` of `scope`."""
        if not isinstance(value, DataSlice):
            raise DefinitionError(
                f"Field {field_name!r} needs a slice, got {type(value).__name__}.",
                hint="Pass constants as arguments of functions or to collect.",
            )
        pending = value._value
        if isinstance(pending, PendingTransform):
            if pending.attached is None:
                value._value = pending.attach(field_name, scope)
                return
            pending = pending.attached
        if isinstance(pending, Constant):
            raise DefinitionError(f"Field {field_name!r} was given a constant.")
        owner, place = pending.scope, pending
        source = self._sources.get(place.slot) if owner is self.graph.root else None
        if source is not None and scope is not self.graph.root:
            raise DefinitionError(
                f"Source {source.name!r} can only be added to the root scope.",
                hint=f"Assign it to data_scope[{field_name!r}].",
            )
        current = next((f for f in owner.fields.values() if f.slot == place.slot), None)
        if current is None or place.path or owner is not scope or not current.name.startswith("_"):
            raise DefinitionError(
                f"The value given to field {field_name!r} is already attached to a field "
                f"({'.'.join(place.names)!r})."
            )
        del owner.fields[current.name]
        current.name = field_name
        owner.fields[field_name] = current
        value._value = FieldRef(owner, place.slot, place.type, (field_name,))
        if source is not None and place.slot not in self._named:
            self._rename_source(source, field_name)

    def _rename_source(self, source: Source, name: str) -> None:
        from coco_flow.engine.grouping import GroupConnector, GroupTarget

        if isinstance(source.connector, GroupConnector):
            for export in self.graph.exports:
                if isinstance(export.spec, GroupTarget) and export.spec.group == source.name:
                    export.spec.group = name
                    export.name = f"_{name}_{export.grouping.name if export.grouping else ''}"
            source.connector.name = source.spec.name = name
        source.name = source.scope.name = name

    def new_collector(self, scope: Scope, name: str | None = None) -> Collector:
        """Make a collector in `scope`."""
        made = Collector(name or self.unique_name("_collector"), scope)
        self.graph.collectors.append(made)
        return made

    def collect(self, collector: Collector, row: Collect, order: Sequence[str]) -> None:
        """Add a collected row to the scope of its innermost field."""
        scopes = [ref.scope for _, ref in row.fields if isinstance(ref, FieldRef)]
        innermost = max(scopes, key=lambda scope: scope.depth, default=collector.scope)
        for scope in (*scopes, *((collector.scope,) if collector.scope.parent else ())):
            if not innermost.is_within(scope):
                raise DefinitionError(
                    f"A row of {collector.name!r} takes fields of {scope.name!r} and of "
                    f"{innermost.name!r}, neither of which is nested in the other."
                )
        if not innermost.is_open:
            raise DefinitionError(
                f"A row of {collector.name!r} takes a field of {innermost.name!r}, whose `with` "
                "block has ended.",
                hint="Move the call of collect into the block.",
            )
        if collector.is_closed:
            raise DefinitionError(
                f"{collector.name!r} was grouped or joined already and takes no more rows.",
                hint="Call collect before group_by and join.",
            )
        merge_collected_fields(collector, row, order)
        collector.collects.append(row)
        innermost.add_operation(row)

    def export(
        self,
        collector: Collector,
        name: str,
        spec: TargetSpec,
        *,
        index: IndexOptions,
        attachments: Sequence[Any],
        setup_by_user: bool,
    ) -> None:
        """Bind a collector of the root to a target."""
        from coco_flow.targets.registry import connector_of

        validate_target_name(name)
        if not isinstance(spec, TargetSpec):
            raise DefinitionError(
                f"Export {name!r} needs the spec of a target, got {type(spec).__name__}.",
                hint="Pass for example coco_flow.targets.Postgres().",
            )
        if collector.scope is not self.graph.root:
            raise DefinitionError(
                "Export can only work on collectors belonging to the root scope; "
                f"{collector.name!r} belongs to {collector.scope.name!r}.",
                hint="Make the collector with data_scope.add_collector().",
            )
        if any(export.name == name for export in self.graph.exports):
            raise DefinitionError(f"There are two exports called {name!r}.")
        self.graph.exports.append(
            Export(
                name, spec, connector_of(spec), collector, index, tuple(attachments), setup_by_user
            )
        )

    def unique_name(self, prefix: str) -> str:
        """Return `prefix` with the next number."""
        number = self._counters.get(prefix, 0)
        self._counters[prefix] = number + 1
        return f"{prefix}_{number}"


def build_graph(name: str, define: Callable[[FlowBuilder, DataScope], None]) -> FlowGraph:
    """Run a definition function once and return the checked graph."""
    from coco_flow.graph.check import check_graph

    definition = Definition(name)
    define(FlowBuilder(definition), DataScope(definition, definition.graph.root))
    definition.graph.root.is_open = False
    check_graph(definition.graph)
    return definition.graph


def constant(value: Any) -> Constant:
    """Return a constant's engine value and type, taken from its Python type.

    Raises:
        DefinitionError: The value's type is not specific, such as None or an empty list.
    """
    from coco_flow.types.constants import constant_type
    from coco_flow.types.encode import make_engine_value_encoder

    info, enriched = constant_type(value)
    return Constant(make_engine_value_encoder(info)(value), enriched)


def origin_of(ref: ValueRef) -> Any:
    """Return where a value comes from, as JSON, for relations between values."""
    if isinstance(ref, FieldRef):
        return {"kind": "Field", "scope": ref.scope.name, "field_path": list(ref.names)}
    return {"kind": "Constant", "value": ref.value if isinstance(ref.value, str) else None}
