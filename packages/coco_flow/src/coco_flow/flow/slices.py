"""Slices of data, scopes of rows and collectors: the objects that a flow's definition uses."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from coco_flow.errors import DefinitionError
from coco_flow.graph.model import (
    Collect,
    Collector,
    Constant,
    FieldRef,
    ForEach,
    Scope,
    Transform,
    ValueRef,
)
from coco_flow.types.schema import BasicValueType, EnrichedValueType, StructType, TableType
from coco_flow.validation import validate_field_name

if TYPE_CHECKING:
    from coco_flow.flow.builder import Definition
    from coco_flow.flow.grouping import GroupedRows, JoinKind
    from coco_flow.index import FtsIndexDef, VectorIndexDef, VectorSimilarityMetric
    from coco_flow.op.bound import BoundFunction
    from coco_flow.op.spec import TargetAttachmentSpec, TargetSpec

__all__ = ["DataCollector", "DataScope", "DataSlice", "GeneratedField"]

T = TypeVar("T")
S = TypeVar("S")


class GeneratedField(Enum):
    """Values that the engine makes for a collected row."""

    UUID = "Uuid"
    """An id that stays the same as long as the other collected fields do."""


class DataSlice(Generic[T]):
    """The value of an expression for each row of its scope; operations on it make new slices."""

    def __init__(self, definition: Definition, value: ValueRef | PendingTransform) -> None:
        self._definition = definition
        self._value = value

    def __getitem__(self, field_name: str) -> DataSlice[Any]:
        """Return the part of a struct that is called `field_name`.

        Raises:
            KeyError: The struct has no such field, or the value is not a struct.
        """
        ref = self._attached()
        struct = ref.type.type
        if not isinstance(struct, StructType):
            raise KeyError(f"Expected a struct in the path to {field_name!r}, got {_shown(ref)}.")
        for number, member in enumerate(struct.fields):
            if member.name == field_name:
                found = EnrichedValueType(
                    member.value_type.type,
                    member.value_type.nullable or ref.type.nullable,
                    member.value_type.attrs,
                )
                if not isinstance(ref, FieldRef):
                    part = None if ref.value is None else ref.value[number]
                    return DataSlice(self._definition, Constant(part, found))
                names, path = (*ref.names, field_name), (*ref.path, number)
                return DataSlice(
                    self._definition, FieldRef(ref.scope, ref.slot, found, names, path)
                )
        known = ", ".join(member.name for member in struct.fields)
        raise KeyError(f"Field {field_name!r} not found in {_shown(ref)}; it has: {known}.")

    def row(
        self,
        /,
        *,
        max_inflight_rows: int | None = None,
        max_inflight_bytes: int | None = None,
    ) -> DataScope:
        """Open a scope for each row of this table; use it in a `with` statement."""
        ref = self._attached()
        source = self._definition.source_of(ref)
        if source is not None:
            source.max_inflight_rows = max_inflight_rows or source.max_inflight_rows
            source.max_inflight_bytes = max_inflight_bytes or source.max_inflight_bytes
            return DataScope(self._definition, source.scope)
        table = ref.type.type
        if not isinstance(table, TableType) or not isinstance(ref, FieldRef):
            raise DefinitionError(
                f"Only tables have rows; field {_shown(ref)} is not one.",
                hint="Return a list or dict of dataclasses from the function that makes it.",
            )
        scope = Scope(ref.names[-1], ref.scope, key_parts=table.num_key_parts or 0)
        for member in table.row.fields:
            scope.add_field(member.name, member.value_type)
        ref.scope.add_operation(ForEach(ref, scope, max_inflight_rows, max_inflight_bytes))
        return DataScope(self._definition, scope)

    def for_each(
        self,
        f: Callable[[DataScope], None],
        /,
        *,
        max_inflight_rows: int | None = None,
        max_inflight_bytes: int | None = None,
    ) -> None:
        """Call `f` with the scope of this table's rows, as `row` would open it."""
        with self.row(
            max_inflight_rows=max_inflight_rows, max_inflight_bytes=max_inflight_bytes
        ) as scope:
            f(scope)

    def transform(self, fn_spec: Any, *args: Any, **kwargs: Any) -> DataSlice[Any]:
        """Apply a function of flows (or the spec of one) with this slice as first argument."""
        return self._definition.transform(fn_spec, (self, *args), kwargs)

    def call(self, func: Callable[..., S], *args: Any, **kwargs: Any) -> S:
        """Return `func(self, *args, **kwargs)`, called now, while the flow is defined."""
        return func(self, *args, **kwargs)

    def _attached(self) -> ValueRef:
        """Return the value's place in the graph, adding it if it has none yet."""
        if isinstance(self._value, PendingTransform):
            self._value = self._value.attach()
        return self._value


class PendingTransform:
    """A transform that has no place in the graph until it is assigned to a field or used."""

    def __init__(
        self,
        definition: Definition,
        name: str,
        function: BoundFunction,
        arguments: tuple[ValueRef, ...],
    ) -> None:
        self.definition = definition
        self.name = name
        self.function = function
        self.arguments = arguments
        self.attached: FieldRef | None = None

    def scope(self) -> Scope:
        """Return the innermost scope that an argument comes from."""
        scopes = [ref.scope for ref in self.arguments if isinstance(ref, FieldRef)]
        innermost = max(scopes, key=lambda scope: scope.depth, default=self.definition.graph.root)
        for scope in scopes:
            if not innermost.is_within(scope):
                raise DefinitionError(
                    f"The arguments of {self.name!r} come from rows of different tables "
                    f"({scope.name!r} and {innermost.name!r}).",
                    hint="A function sees one row and the rows around it; collect, then join.",
                )
        return innermost

    def attach(self, field_name: str | None = None, scope: Scope | None = None) -> FieldRef:
        """Put the operation into `scope` (by default the arguments' own) and return its output."""
        if self.attached is not None:
            return self.attached
        innermost = self.scope()
        place = scope or innermost
        if not place.is_within(innermost):
            raise DefinitionError(
                f"{self.name!r} uses a value of the rows of {innermost.name!r} and cannot be "
                f"assigned in {place.name!r}, which has no such rows."
            )
        if not place.is_open:
            raise DefinitionError(
                f"{self.name!r} uses a value of the rows of {place.name!r}, whose `with` block "
                "has ended.",
                hint="Move the line into the block.",
            )
        made = place.add_field(field_name or f"_{self.name}", self.function.result_type)
        place.add_operation(Transform(self.name, self.function, self.arguments, made.slot))
        self.attached = FieldRef(place, made.slot, made.type, (made.name,))
        return self.attached


class DataScope:
    """The rows of a table, or the flow's root: fields by name, collectors, new fields."""

    def __init__(self, definition: Definition, scope: Scope) -> None:
        self._definition = definition
        self._scope = scope

    def __enter__(self) -> DataScope:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._scope.is_open = False

    def __getitem__(self, field_name: str) -> DataSlice[Any]:
        """Return a field of this scope.

        Raises:
            KeyError: There is no such field.
        """
        self._check_open()
        found = self._scope.fields.get(field_name)
        if found is None:
            known = ", ".join(self._scope.fields) or "no fields yet"
            raise KeyError(
                f"Field {field_name!r} not found in {self._scope.name!r}, which has: {known}."
            )
        ref = FieldRef(self._scope, found.slot, found.type, (found.name,))
        return DataSlice(self._definition, ref)

    def __setitem__(self, field_name: str, value: DataSlice[Any]) -> None:
        """Define a field; it can be set once."""
        self._check_open()
        validate_field_name(field_name)
        if field_name in self._scope.fields:
            raise DefinitionError(
                f"Field name already exists: {field_name!r} in {self._scope.name!r}.",
                hint="A field is set once; choose another name.",
            )
        self._definition.assign(self._scope, field_name, value)

    def add_collector(self, name: str | None = None) -> DataCollector:
        """Make a collector that this scope and the scopes in it can feed."""
        self._check_open()
        made = self._definition.new_collector(self._scope, name)
        return DataCollector(self._definition, made)

    def _check_open(self) -> None:
        if not self._scope.is_open:
            raise DefinitionError(
                f"The scope {self._scope.name!r} was used after its `with` block had ended.",
                hint="Move the line into the block.",
            )


class DataCollector:
    """Gathers rows out of nested scopes and is exported to targets."""

    def __init__(self, definition: Definition, collector: Collector) -> None:
        self._definition = definition
        self._collector = collector

    def collect(self, **kwargs: Any) -> None:
        """Add a row with these fields for each row of the innermost scope among them.

        Values are slices of this or an enclosing scope, constants, or `GeneratedField.UUID`.
        """
        fields: list[tuple[str, ValueRef]] = []
        uuid_field: str | None = None
        for name, value in kwargs.items():
            validate_field_name(name)
            if value is GeneratedField.UUID:
                if uuid_field is not None:
                    raise DefinitionError(
                        "Only one generated UUID field is allowed in a row, "
                        f"got {uuid_field!r} and {name!r}."
                    )
                uuid_field = name
            else:
                fields.append((name, self._definition.value_of(value)))
        row = Collect(self._collector, tuple(fields), uuid_field)
        self._definition.collect(self._collector, row, list(kwargs))

    def group_by(self, *fields: str, name: str | None = None) -> GroupedRows:
        """Group the collected rows by fields; assign the result to a field of the root scope.

        An update recomputes only the groups whose rows changed.
        """
        from coco_flow.flow.grouping import group_rows

        return group_rows(self._definition, self._collector, fields, name)

    def join(
        self,
        other: DataCollector,
        *,
        on: str | Sequence[str],
        how: JoinKind = "inner",
        name: str | None = None,
    ) -> DataCollector:
        """Return a collector of pairs of rows whose fields `on` are equal.

        Args:
            other: The collector of the right side.
            on: The fields that both sides have in common.
            how: "left" keeps rows of this side without a match, "full" those of both sides; the
                fields of the side that is missing are absent then.
            name: The grouping's name in statistics.
        """
        from coco_flow.flow.grouping import join_rows

        return join_rows(
            self._definition, self._collector, other._collector,
            on=[on] if isinstance(on, str) else list(on), how=how, name=name,
        )  # fmt: skip

    def export(
        self,
        target_name: str,
        target_spec: TargetSpec,
        /,
        *,
        primary_key_fields: Sequence[str],
        attachments: Sequence[TargetAttachmentSpec] = (),
        vector_indexes: Sequence[VectorIndexDef] = (),
        fts_indexes: Sequence[FtsIndexDef] = (),
        vector_index: Sequence[tuple[str, VectorSimilarityMetric]] = (),
        setup_by_user: bool = False,
    ) -> None:
        """Keep a target up to date with the collected rows.

        Args:
            target_name: Identifies the target across versions of the code; renaming it removes
                the old one and fills a new one.
            target_spec: What and where the target is.
            primary_key_fields: The fields that identify a row in the target.
            attachments: Extra set-up steps of the target.
            vector_indexes: Vector indexes to make.
            fts_indexes: Full-text indexes to make.
            vector_index: The old form of `vector_indexes`.
            setup_by_user: Write rows only; never create, alter or drop.
        """
        from coco_flow.index import IndexOptions, VectorIndexDef

        if vector_index:
            warnings.warn(
                f"Export {target_name!r}: vector_index=[(field, metric)] is the old form; pass "
                "vector_indexes=[VectorIndexDef(field, metric)].",
                DeprecationWarning,
                stacklevel=2,
            )
        vectors = [*vector_indexes, *(VectorIndexDef(f, metric) for f, metric in vector_index)]
        self._definition.export(
            self._collector,
            target_name,
            target_spec,
            index=IndexOptions(list(primary_key_fields), vectors, list(fts_indexes)),
            attachments=attachments,
            setup_by_user=setup_by_user,
        )


def _shown(ref: ValueRef) -> str:
    kind = ref.type.type
    name = kind.kind if isinstance(kind, BasicValueType | TableType | StructType) else str(kind)
    where = ".".join(ref.names) if isinstance(ref, FieldRef) else "a constant"
    return f"{where!r} ({name})"


_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def snake_case(name: str) -> str:
    """Return `SplitRecursively` as `split_recursively`."""
    return _WORD.sub("_", name).lower()
