"""Node labels and relationship types of a graph as target states."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import msgspec

from coco_flow import components as coco
from coco_flow.components.connectorkits import statediff
from coco_flow.components.connectorkits.fingerprint import fingerprint_object
from coco_flow.components.connectorkits.graph import cypher
from coco_flow.components.connectorkits.graph.records import (
    Element,
    Graph,
    RecordHandler,
    Relationship,
)
from coco_flow.components.connectorkits.graph.schema import GraphSchema
from coco_flow.components.connectorkits.table_state import (
    COLUMN_PREFIX,
    ColumnRecord,
    KeyColumn,
    TableMain,
    TableRecord,
    plan_table,
)
from coco_flow.components.connectorkits.target import ManagedBy
from coco_flow.components.datatype import TypeChecker
from coco_flow.targets.graph_write import GraphStore

__all__ = ["Connection", "Dialect", "ElementSpec", "Elements", "VectorIndex"]

_ELEMENT_KEY = TypeChecker(tuple[str, str, str])

# A transaction holds what it changes in memory until it ends.
_AT_ONCE = 10_000


class VectorIndex(msgspec.Struct, frozen=True, array_like=True):
    """A vector index on a property of a label; `name` is given or follows from the property."""

    name: str
    field: str
    metric: str
    dimension: int


class Dialect(Protocol):
    """Indexes and constraints as one database has them. Its methods block."""

    database: ClassVar[str]
    schema: ClassVar[type[GraphSchema[Any]]]

    def set_up(self, store: GraphStore, name: str, key: str, *, is_relation: bool) -> None:
        """Make what finds a node or relationship by its key, if it is not there."""
        ...

    def tear_down(self, store: GraphStore, name: str, key: str, *, is_relation: bool) -> None:
        """Remove what `set_up` makes, if it is there."""
        ...

    def create_vector_index(self, store: GraphStore, label: str, index: VectorIndex) -> None:
        """Make a vector index, if it is not there."""
        ...

    def drop_vector_index(self, store: GraphStore, label: str, index: VectorIndex) -> None:
        """Remove a vector index, if it is there."""
        ...

    def check_key(self, value: Any) -> None:
        """Raise ValueError for a key by which nothing would be found again."""
        ...


class Connection(Protocol):
    """What a program provides under a context key: where a graph is."""

    @property
    def records(self) -> Graph:
        """The graph."""
        ...


class VectorIndexAction(NamedTuple):
    """Vector indexes that may be there, and the one to make."""

    obsolete: tuple[VectorIndex, ...]
    wanted: VectorIndex | None


class _VectorIndexes(coco.TargetHandler[VectorIndex, VectorIndex, None]):
    """Reconciles the vector indexes of one label."""

    def __init__(self, dialect: Dialect, graph: Graph, label: str) -> None:
        self._dialect = dialect
        self._graph = graph
        self._label = label
        self._sink = coco.TargetActionSink.from_async_fn(self._apply)

    async def _apply(
        self, _context_provider: coco.ContextProvider, actions: Sequence[VectorIndexAction], /
    ) -> None:
        await asyncio.to_thread(self._apply_all, actions)

    def _apply_all(self, actions: Sequence[VectorIndexAction]) -> None:
        store = self._graph.store()
        # A property has one vector index, which may change its name.
        for action in actions:
            for index in action.obsolete:
                self._dialect.drop_vector_index(store, self._label, index)
        for action in actions:
            if action.wanted is not None:
                self._dialect.create_vector_index(store, self._label, action.wanted)

    def reconcile(
        self,
        _key: coco.StableKey,
        desired: VectorIndex | coco.NonExistenceType,
        previous: Collection[VectorIndex],
        may_be_missing: bool,
        /,
    ) -> coco.TargetReconcileOutput[VectorIndexAction, VectorIndex, None] | None:
        """Return what to do for one index."""
        if coco.is_non_existence(desired):
            if not previous:
                return None
            action = VectorIndexAction(tuple(previous), None)
            return coco.TargetReconcileOutput(action, self._sink, coco.NON_EXISTENCE)
        if not may_be_missing and all(each == desired for each in previous):
            return None
        obsolete = tuple(each for each in previous if each != desired)
        action = VectorIndexAction(obsolete, desired)
        return coco.TargetReconcileOutput(action, self._sink, desired)


@dataclass
class ElementSpec:
    """What a label or relationship type is to be."""

    element: Element
    schema: GraphSchema[Any] | None
    managed_by: ManagedBy

    def record(self) -> TableRecord:
        """Return what is tracked of it."""
        key, columns = self.element.key, self.schema.columns if self.schema else {}
        ends = None
        if isinstance(self.element, Relationship):
            source, target = self.element.source, self.element.target
            ends = fingerprint_object((source.label, source.key, target.label, target.key))
        main = TableMain((KeyColumn(key, columns[key].type if columns else ""),), ends)
        sub: dict[str, ColumnRecord | None] = {
            COLUMN_PREFIX + name: ColumnRecord(column.type, column.nullable)
            for name, column in columns.items()
            if name != key
        }
        composite = statediff.CompositeTrackingRecord(main, sub)
        return statediff.MutualTrackingRecord(composite, self.managed_by)


class ElementAction(NamedTuple):
    """A label or relationship type to make, change or remove."""

    db_key: str
    name: str
    is_relation: bool
    spec: ElementSpec | coco.NonExistenceType
    main_action: statediff.DiffAction | None
    dropped_properties: tuple[str, ...]
    obsolete_keys: tuple[str, ...]


class Elements(coco.TargetHandler[ElementSpec, TableRecord, RecordHandler]):
    """Reconciles the labels and relationship types of the graphs of one database.

    A node or relationship of the system's is one of its label or type, of any origin, as a row
    is one of its table.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._sink = coco.TargetActionSink.from_async_fn(
            self._apply, child_handler=self._child_handler
        )

    def reconcile(
        self,
        key: coco.StableKey,
        desired: ElementSpec | coco.NonExistenceType,
        previous: Collection[TableRecord],
        may_be_missing: bool,
        /,
    ) -> coco.TargetReconcileOutput[ElementAction, TableRecord, RecordHandler]:
        """Return what to do for one label or type."""
        db_key, kind, name = _ELEMENT_KEY.check(key)
        record: TableRecord | coco.NonExistenceType = coco.NON_EXISTENCE
        if not coco.is_non_existence(desired):
            record = desired.record()
        change = plan_table(record, previous, may_be_missing)
        dropped = tuple(
            part.removeprefix(COLUMN_PREFIX)
            for part, action in change.part_actions.items()
            if action == "delete"
        )
        keys = (
            each.tracking_record.main.primary_key[0].name
            for each in previous
            if each.managed_by == ManagedBy.SYSTEM
        )
        action = ElementAction(
            db_key,
            name,
            kind == "relation",
            desired,
            change.main_action,
            dropped,
            tuple(dict.fromkeys(keys)),
        )
        return coco.TargetReconcileOutput(action, self._sink, record, change.child_invalidation)

    async def _apply(
        self, context_provider: coco.ContextProvider, actions: Sequence[ElementAction], /
    ) -> None:
        for db_key in dict.fromkeys(action.db_key for action in actions):
            connection: Connection = context_provider.get(db_key)
            here = [action for action in actions if action.db_key == db_key]
            await asyncio.to_thread(self._apply_all, connection.records, here)

    def _apply_all(self, graph: Graph, actions: Sequence[ElementAction]) -> None:
        store = graph.store()
        # Relationships go before their ends, and come after them.
        for action in sorted(actions, key=lambda each: not each.is_relation):
            if action.main_action in ("replace", "delete"):
                _delete_all(store, action.name, is_relation=action.is_relation)
                for key in action.obsolete_keys:
                    self._dialect.tear_down(store, action.name, key, is_relation=action.is_relation)
        for action in sorted(actions, key=lambda each: each.is_relation):
            spec = action.spec
            if coco.is_non_existence(spec):
                continue
            if action.main_action in ("insert", "upsert", "replace"):
                key = spec.element.key
                self._dialect.set_up(store, action.name, key, is_relation=action.is_relation)
            for name in action.dropped_properties:
                _clear(store, action.name, name, is_relation=action.is_relation)

    def _child_handler(
        self, context_provider: coco.ContextProvider, action: ElementAction
    ) -> RecordHandler | None:
        if coco.is_non_existence(action.spec):
            return None
        connection: Connection = context_provider.get(action.db_key)
        graph = connection.records
        indexes = _VectorIndexes(self._dialect, graph, action.name)
        return RecordHandler(graph, action.spec.element, indexes)


def _delete_all(store: GraphStore, name: str, *, is_relation: bool) -> None:
    pattern = cypher.pattern("e", name, is_relation=is_relation)
    delete = "DELETE" if is_relation else "DETACH DELETE"
    _repeat(store, f"MATCH {pattern} WITH e LIMIT {_AT_ONCE} {delete} e RETURN count(*)")


def _clear(store: GraphStore, name: str, field: str, *, is_relation: bool) -> None:
    pattern = cypher.pattern("e", name, is_relation=is_relation)
    value = f"e.{cypher.quoted(field)}"
    _repeat(
        store,
        f"MATCH {pattern} WHERE {value} IS NOT NULL WITH e LIMIT {_AT_ONCE} "
        f"SET {value} = NULL RETURN count(*)",
    )


def _repeat(store: GraphStore, text: str) -> None:
    while (found := store.run(text)) and found[0][0]:
        pass
