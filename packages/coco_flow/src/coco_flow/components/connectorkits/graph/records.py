"""Nodes and relationships as target states, written in an order in which no endpoint is missing."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from coco_flow import components as coco
from coco_flow.components.connectorkits.fingerprint import fingerprint_object
from coco_flow.components.connectorkits.graph import cypher
from coco_flow.components.datatype import TypeChecker
from coco_flow.targets.graph_cypher import Statement
from coco_flow.targets.graph_write import GraphStore

__all__ = ["Element", "Graph", "Node", "RecordAction", "RecordHandler", "Related", "Relationship"]

_ROW_KEY = TypeChecker(tuple[Any, ...])

# Enough to make a statement's own cost small, few enough for a server's limit on a message.
_MAX_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Node:
    """A kind of node: its label, and the property that identifies one."""

    label: str
    key: str
    vectors: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The label."""
        return self.label


@dataclass(frozen=True, slots=True)
class Relationship:
    """A type of relationship, the property that identifies one, and the nodes at its ends."""

    rel_type: str
    key: str
    source: Node
    target: Node
    vectors: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The type."""
        return self.rel_type


Element: TypeAlias = Node | Relationship


class Related(NamedTuple):
    """What is wanted of a relationship: the keys of its ends, and its properties."""

    source: Any
    target: Any
    properties: dict[str, Any]


Record: TypeAlias = dict[str, Any] | Related
"""What is wanted of a node (its properties) or of a relationship; without the key."""


class RecordAction(NamedTuple):
    """A node or relationship to write, or to delete if there is no record."""

    element: Element
    key: Any
    record: Record | None


class Graph:
    """A graph in a database, which is connected to when it is first needed.

    All its records go through one sink, so that those of several labels are written together.
    """

    def __init__(self, connect: Callable[[], GraphStore], vector: str) -> None:
        """Take what connects.

        Args:
            connect: Returns the connection.
            vector: How a vector is stored: an expression with `{value}`.
        """
        self._connect = connect
        self._vector = vector
        self._lock = threading.Lock()
        self._store: GraphStore | None = None
        self.sink = coco.TargetActionSink.from_async_fn(self._apply)

    def store(self) -> GraphStore:
        """Return the connection; it blocks, so call it where that does no harm."""
        with self._lock:
            if self._store is None:
                self._store = self._connect()
                weakref.finalize(self, self._store.close)
            return self._store

    async def _apply(
        self, _context_provider: coco.ContextProvider, actions: Sequence[RecordAction], /
    ) -> None:
        statements = _statements(actions, self._vector)
        await asyncio.to_thread(lambda: self.store().write(lambda _read: statements))


def _statements(actions: Iterable[RecordAction], vector: str) -> list[Statement]:
    """Return what writes the records: nodes before their relationships, and the reverse."""
    written: dict[Element, list[RecordAction]] = {}
    deleted: dict[Element, list[RecordAction]] = {}
    for action in actions:
        found = deleted if action.record is None else written
        found.setdefault(action.element, []).append(action)
    statements: list[Statement] = []
    for node in (each for each in written if isinstance(each, Node)):
        for rows in _alike(written[node]):
            text = cypher.build_node_upsert(node.label, [node.key], bool(rows[0]["props"]))
            statements += _over(text + _vectors("n", node, rows[0]["props"], vector), rows)
    for relationship in (each for each in written if isinstance(each, Relationship)):
        statements += _relationships(relationship, written[relationship], vector)
    for relationship in (each for each in deleted if isinstance(each, Relationship)):
        text = cypher.build_relationship_delete(relationship.rel_type, [relationship.key])
        statements += _over(text, [{"key_0": each.key} for each in deleted[relationship]])
    for node in (each for each in deleted if isinstance(each, Node)):
        text = cypher.build_node_delete(node.label, [node.key])
        statements += _over(text, [{"key_0": each.key} for each in deleted[node]])
    return statements


def _relationships(
    of: Relationship, actions: Sequence[RecordAction], vector: str
) -> list[Statement]:
    source, target = of.source, of.target
    statements: list[Statement] = []
    for rows in _alike(actions):
        text = cypher.build_misplaced_relationship_delete(
            of.rel_type, source.key, target.key, of.key
        )
        ends = [{name: each for name, each in row.items() if name != "props"} for row in rows]
        statements += _over(text, ends)
        text = cypher.build_relationship_upsert(
            of.rel_type,
            source.label,
            [source.key],
            target.label,
            [target.key],
            [of.key],
            bool(rows[0]["props"]),
        )
        statements += _over(text + _vectors("r", of, rows[0]["props"], vector), rows)
    return statements


def _alike(actions: Iterable[RecordAction]) -> list[list[dict[str, Any]]]:
    """Return the statement's rows for records to write, those with the same properties together."""
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for action in actions:
        record = action.record
        assert record is not None
        if isinstance(record, Related):
            row = {
                "from_key_0": record.source,
                "to_key_0": record.target,
                "rel_key_0": action.key,
                "props": record.properties,
            }
        else:
            row = {"key_0": action.key, "props": record}
        found.setdefault(tuple(row["props"]), []).append(row)
    return list(found.values())


def _vectors(variable: str, element: Element, names: Iterable[str], form: str) -> str:
    """Return the assignments of what only an expression can store."""
    expressions = {name: form.format(value=f"$props.{cypher.quoted(name)}") for name in names}
    return "".join(
        f", {variable}.{cypher.quoted(name)} = {expressions[name]}"
        for name in expressions
        if name in element.vectors
    )


def _over(text: str, rows: Sequence[dict[str, Any]]) -> list[Statement]:
    text = cypher.over_rows(text)
    return [
        Statement(text, rows[start : start + _MAX_ROWS]) for start in range(0, len(rows), _MAX_ROWS)
    ]


class RecordHandler(coco.TargetHandler[Record, bytes, None]):
    """Reconciles the nodes of one label, or the relationships of one type."""

    def __init__(
        self, graph: Graph, element: Element, indexes: coco.TargetHandler[Any, Any, Any]
    ) -> None:
        """Accept attachments of the label besides its nodes."""
        self._graph = graph
        self._element = element
        self._indexes = indexes

    def attachments(self) -> dict[str, Any]:
        """Return the handlers of the label's attachments."""
        return {"vector_index": self._indexes}

    def reconcile(
        self,
        key: coco.StableKey,
        desired: Record | coco.NonExistenceType,
        previous: Collection[bytes],
        may_be_missing: bool,
        /,
    ) -> coco.TargetReconcileOutput[RecordAction, bytes, None] | None:
        """Return what to do for one node or relationship."""
        (value,) = _ROW_KEY.check(key)
        sink = self._graph.sink
        if coco.is_non_existence(desired):
            if not previous and not may_be_missing:
                return None
            action = RecordAction(self._element, value, None)
            return coco.TargetReconcileOutput(action, sink, coco.NON_EXISTENCE)
        digest = _fingerprint(desired)
        if not may_be_missing and all(each == digest for each in previous):
            return None
        action = RecordAction(self._element, value, desired)
        return coco.TargetReconcileOutput(action, sink, digest)


def _fingerprint(record: Record) -> bytes:
    # Without nulls, so that a new property that is null does not change the record.
    properties = record.properties if isinstance(record, Related) else record
    values = {name: value for name, value in properties.items() if value is not None}
    ends = (record.source, record.target) if isinstance(record, Related) else ()
    return fingerprint_object((values, ends))
