"""Set-up and removal of a graph's labels and relationship types; databases add their own parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from coco_flow.ports import Compatibility, SetupChange
from coco_flow.targets.graph_cypher import EXPORTED
from coco_flow.targets.graph_dialect import quoted
from coco_flow.targets.graph_state import compare

if TYPE_CHECKING:
    from coco_flow.targets.graph_write import GraphStore

__all__ = ["ConstrainedGraphSetup", "Entity", "GraphSetup"]

Entity: TypeAlias = Literal["node", "relationship"]

# A transaction holds what it changes in memory until it ends.
_AT_ONCE = 10_000


class GraphSetup:
    """Applies changes to one graph; the base class changes data, subclasses the schema.

    Attributes:
        vector_indexes: Whether the database has vector indexes.
        fts_indexes: Whether the database has full-text indexes.
    """

    vector_indexes: ClassVar[bool] = False
    fts_indexes: ClassVar[bool] = False

    def apply(self, store: GraphStore, changes: Sequence[SetupChange]) -> None:
        """Apply changes: relationships go before their ends, and come after them."""
        labels = [change for change in changes if "label" in change.key]
        relationships = [change for change in changes if "rel_type" in change.key]
        for change in relationships:
            for state in _obsolete(change):
                self.drop_relationships(store, state)
        for change in labels:
            for state in _obsolete(change):
                self.drop_nodes(store, state)
        for change in labels:
            if change.current is not None:
                self.create_nodes(store, change.current, _kept(change))
        for change in relationships:
            if change.current is not None:
                self.create_relationships(store, change.current, _kept(change))

    def drop_relationships(self, store: GraphStore, state: dict[str, Any]) -> None:
        """Remove all relationships of the type, and the nodes that only they kept."""
        pattern = _path(state)
        _repeat(store, f"MATCH {pattern} WITH r LIMIT {_AT_ONCE} DELETE r RETURN count(*)")
        for label in {state["source"]["label"], state["target"]["label"]}:
            self._prune(store, label)

    def drop_nodes(self, store: GraphStore, state: dict[str, Any]) -> None:
        """Remove the nodes; those that other relationships need stay, by their key alone."""
        label = quoted(state["label"])
        cleared = ", ".join(f"n.{quoted(name)} = NULL" for name in (EXPORTED, *state["properties"]))
        _repeat(
            store,
            f"MATCH (n:{label}) WHERE n.{EXPORTED} IS NOT NULL WITH n LIMIT {_AT_ONCE} "
            f"SET {cleared} RETURN count(*)",
        )
        self._prune(store, state["label"])

    def create_nodes(
        self, store: GraphStore, state: dict[str, Any], previous: Sequence[dict[str, Any]]
    ) -> None:
        """Make the label as wanted; `previous` are the states that it may have, all compatible."""
        for name in _removed(state, previous):
            self._clear(store, f"(n:{quoted(state['label'])})", f"n.{quoted(name)}", "n")

    def create_relationships(
        self, store: GraphStore, state: dict[str, Any], previous: Sequence[dict[str, Any]]
    ) -> None:
        """Make the relationship type as wanted."""
        for name in _removed(state, previous):
            self._clear(store, _path(state), f"r.{quoted(name)}", "r")

    def _prune(self, store: GraphStore, label: str) -> None:
        _repeat(
            store,
            f"MATCH (n:{quoted(label)}) WHERE n.{EXPORTED} IS NULL AND NOT (n)--() "
            f"WITH n LIMIT {_AT_ONCE} DELETE n RETURN count(*)",
        )

    def _clear(self, store: GraphStore, pattern: str, property: str, variable: str) -> None:
        _repeat(
            store,
            f"MATCH {pattern} WHERE {property} IS NOT NULL WITH {variable} LIMIT {_AT_ONCE} "
            f"SET {property} = NULL RETURN count(*)",
        )


class ConstrainedGraphSetup(GraphSetup, ABC):
    """Set-up of databases in which a label or type has constraints and indexes, but no table."""

    def create_nodes(
        self, store: GraphStore, state: dict[str, Any], previous: Sequence[dict[str, Any]]
    ) -> None:
        """Make the constraint on the key and the indexes."""
        super().create_nodes(store, state, previous)
        self.create_schema(store, "node", state["label"], state, previous)

    def create_relationships(
        self, store: GraphStore, state: dict[str, Any], previous: Sequence[dict[str, Any]]
    ) -> None:
        """Make the constraint on the key and the indexes."""
        super().create_relationships(store, state, previous)
        self.create_schema(store, "relationship", state["rel_type"], state, previous)

    def drop_nodes(self, store: GraphStore, state: dict[str, Any]) -> None:
        """Remove the nodes, their constraint and their indexes."""
        super().drop_nodes(store, state)
        self.drop_schema(store, "node", state["label"], state)

    def drop_relationships(self, store: GraphStore, state: dict[str, Any]) -> None:
        """Remove the relationships, their constraint and their indexes."""
        super().drop_relationships(store, state)
        self.drop_schema(store, "relationship", state["rel_type"], state)

    @abstractmethod
    def create_schema(
        self,
        store: GraphStore,
        entity: Entity,
        name: str,
        state: dict[str, Any],
        previous: Sequence[dict[str, Any]],
    ) -> None:
        """Make the constraint and the indexes of a label or relationship type."""

    @abstractmethod
    def drop_schema(
        self, store: GraphStore, entity: Entity, name: str, state: dict[str, Any]
    ) -> None:
        """Remove the constraint and the indexes of a label or relationship type."""


def _repeat(store: GraphStore, text: str) -> None:
    while (found := store.run(text)) and found[0][0]:
        pass


def _path(state: dict[str, Any]) -> str:
    source, target = quoted(state["source"]["label"]), quoted(state["target"]["label"])
    return f"(:{source})-[r:{quoted(state['rel_type'])}]->(:{target})"


def _states(change: SetupChange) -> Iterable[dict[str, Any]]:
    return (state for state in change.previous if state is not None)


def _is_kept(change: SetupChange, state: dict[str, Any]) -> bool:
    current = change.current
    return current is not None and compare(current, state) is not Compatibility.NOT_COMPATIBLE


def _kept(change: SetupChange) -> list[dict[str, Any]]:
    return [state for state in _states(change) if _is_kept(change, state)]


def _obsolete(change: SetupChange) -> list[dict[str, Any]]:
    return [state for state in _states(change) if not _is_kept(change, state)]


def _removed(state: dict[str, Any], previous: Sequence[dict[str, Any]]) -> list[str]:
    names = {name for each in previous for name in each["properties"]}
    return sorted(names - {*state["properties"], *state["key"]})
