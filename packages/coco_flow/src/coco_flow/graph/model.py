"""The graph of a flow as plain data: scopes, fields, operations, collectors and exports.

A scope describes one level of rows (the flow's root, the rows of a source, the rows of a nested
table). At run time each row is a *frame*, a list whose item 0 is the frame of the enclosing row and
whose other items are the scope's fields by slot.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from coco_flow.types.schema import EnrichedValueType, FieldSchema

if TYPE_CHECKING:
    from coco_flow.engine.grouping import GroupMember
    from coco_flow.index import IndexOptions
    from coco_flow.op.bound import BoundFunction
    from coco_flow.ports import SourceConnector, TargetConnector

__all__ = [
    "Collect",
    "Collector",
    "Constant",
    "DeclaredResource",
    "Export",
    "Field",
    "FieldRef",
    "FlowGraph",
    "ForEach",
    "Operation",
    "Scope",
    "Source",
    "Transform",
    "ValueRef",
]


@dataclass(slots=True)
class Field:
    """A named value of each row of a scope."""

    name: str
    type: EnrichedValueType
    slot: int


@dataclass(slots=True, eq=False)
class Scope:
    """One level of rows: its fields, and what happens to each row."""

    name: str
    parent: Scope | None = None
    fields: dict[str, Field] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    is_open: bool = True
    # Item 0 of a frame is the enclosing row's frame.
    slots: int = 1
    key_parts: int = 0

    @property
    def depth(self) -> int:
        """Number of scopes around this one."""
        return 0 if self.parent is None else self.parent.depth + 1

    def add_field(self, name: str, value_type: EnrichedValueType) -> Field:
        """Add a field in the next slot."""
        added = self.fields[name] = Field(name, value_type, self.slots)
        self.slots += 1
        return added

    def is_within(self, other: Scope) -> bool:
        """Say whether this scope is `other` or is nested in it."""
        scope: Scope | None = self
        while scope is not None and scope is not other:
            scope = scope.parent
        return scope is not None

    def add_operation(self, operation: Operation) -> None:
        """Append `operation`, before a loop that is still being defined: its body may use it."""
        for number, existing in enumerate(self.operations):
            if isinstance(existing, ForEach) and existing.scope.is_open:
                self.operations.insert(number, operation)
                return
        self.operations.append(operation)


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field of a scope, or a part of it: `path` holds indexes into nested structs."""

    scope: Scope
    slot: int
    type: EnrichedValueType
    names: tuple[str, ...]
    path: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Constant:
    """A value known when the flow is defined, as an engine value."""

    value: Any
    type: EnrichedValueType


ValueRef: TypeAlias = FieldRef | Constant


@dataclass(slots=True)
class Transform:
    """Calls a function for each row and keeps the result in a slot."""

    name: str
    function: BoundFunction
    arguments: tuple[ValueRef, ...]
    output: int


@dataclass(slots=True)
class ForEach:
    """Opens a scope for each row of a table-valued field.

    `write_back` puts the rows, with the fields added to them, back into the table.
    """

    table: FieldRef
    scope: Scope
    max_inflight_rows: int | None = None
    max_inflight_bytes: int | None = None
    write_back: bool = False


@dataclass(slots=True)
class Collect:
    """Adds a row to a collector for each row of the scope."""

    collector: Collector
    fields: tuple[tuple[str, ValueRef], ...]
    uuid_field: str | None = None


Operation: TypeAlias = Transform | ForEach | Collect


@dataclass(slots=True, eq=False)
class Collector:
    """Gathers rows from nested scopes; its fields are the union of what is collected."""

    name: str
    scope: Scope
    fields: list[FieldSchema] = field(default_factory=list)
    uuid_field: str | None = None
    collects: list[Collect] = field(default_factory=list)
    # Set by a grouping, which keeps the fields that there are.
    is_closed: bool = False


@dataclass(slots=True)
class Source:
    """A keyed table from outside."""

    name: str
    spec: Any
    connector: SourceConnector
    scope: Scope
    refresh_interval: datetime.timedelta | None = None
    max_inflight_rows: int | None = None
    max_inflight_bytes: int | None = None


@dataclass(slots=True)
class Export:
    """Binds a collector to a target.

    Attributes:
        bound: What replaces the spec where the connector has planned its exports together.
    """

    name: str
    spec: Any
    connector: TargetConnector
    collector: Collector
    index: IndexOptions
    attachments: Sequence[Any] = ()
    setup_by_user: bool = False
    grouping: GroupMember | None = None
    bound: Any = None

    @property
    def target_spec(self) -> Any:
        """The spec, or what replaces it for the connector."""
        return self.spec if self.bound is None else self.bound


@dataclass(frozen=True, slots=True)
class DeclaredResource:
    """A resource in a target that is set up although no export of the flow writes to it."""

    kind: str
    connector: TargetConnector
    spec: Any


@dataclass(slots=True)
class FlowGraph:
    """A whole flow."""

    name: str
    root: Scope = field(default_factory=lambda: Scope("_root"))
    sources: list[Source] = field(default_factory=list)
    collectors: list[Collector] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    declarations: list[Any] = field(default_factory=list)
    declared: list[DeclaredResource] = field(default_factory=list)
