"""Where a FalkorDB graph is, and how its indexes are made."""

from __future__ import annotations

from typing import Any, ClassVar

from coco_flow.components.connectorkits.graph.records import Graph
from coco_flow.components.connectorkits.graph.schema import GraphSchema
from coco_flow.components.connectorkits.graph.tables import VectorIndex
from coco_flow.components.connectorkits.table_schema import check_identifier
from coco_flow.components.connectors.falkordb import cypher
from coco_flow.components.connectors.falkordb.schema import TableSchema
from coco_flow.targets.falkordb import FalkorDBConnection, FalkorDBStore
from coco_flow.targets.graph_write import GraphStore

__all__ = ["ConnectionFactory", "FalkorDBDialect"]

# An index of text finds no longer ones.
_LONGEST_KEY = 4096


class ConnectionFactory:
    """Where a graph is; provide it under a context key. Programs connect when they write."""

    def __init__(self, uri: str, *, graph: str = "default") -> None:
        """Take the address.

        Args:
            uri: Such as falkor://localhost:6379.
            graph: Name of the graph on the server.
        """
        check_identifier(graph, "FalkorDB graph name")
        self._graph = graph
        connection = FalkorDBConnection(uri, graph)
        # A vector index takes vectors of 32-bit floats only.
        self._records = Graph(lambda: FalkorDBStore(connection), vector="vecf32({value})")

    @property
    def graph(self) -> str:
        """Name of the graph."""
        return self._graph

    @property
    def records(self) -> Graph:
        """The graph that targets write to."""
        return self._records


class FalkorDBDialect:
    """Keys have an index. The server does one write at a time, so that merged keys stay unique."""

    database: ClassVar[str] = "FalkorDB"
    schema: ClassVar[type[GraphSchema[Any]]] = TableSchema

    def set_up(self, store: GraphStore, name: str, key: str, *, is_relation: bool) -> None:
        """Make the index."""
        if not _has_index(store, "RANGE", name, key, is_relation=is_relation):
            build = (
                cypher.build_relationship_index_create
                if is_relation
                else cypher.build_node_index_create
            )
            store.run(build(name, [key]))

    def tear_down(self, store: GraphStore, name: str, key: str, *, is_relation: bool) -> None:
        """Remove the index."""
        if _has_index(store, "RANGE", name, key, is_relation=is_relation):
            build = (
                cypher.build_relationship_index_drop
                if is_relation
                else cypher.build_node_index_drop
            )
            store.run(build(name, [key]))

    def create_vector_index(self, store: GraphStore, label: str, index: VectorIndex) -> None:
        """Make a vector index, if the property has none."""
        if not _has_index(store, "VECTOR", label, index.field, is_relation=False):
            store.run(
                cypher.build_vector_index_create(label, index.field, index.dimension, index.metric)
            )

    def drop_vector_index(self, store: GraphStore, label: str, index: VectorIndex) -> None:
        """Remove the vector index of the property."""
        if _has_index(store, "VECTOR", label, index.field, is_relation=False):
            store.run(cypher.build_vector_index_drop(label, index.field))

    def check_key(self, value: Any) -> None:
        """Refuse texts that an index of FalkorDB does not find, and that would be made twice."""
        if not isinstance(value, str):
            return
        if not value or value != value.strip():
            raise ValueError(
                f"FalkorDB finds no node by the key {value!r}: strip white space, and leave out "
                "what has no key."
            )
        if len(value.encode()) > _LONGEST_KEY:
            raise ValueError(
                f"FalkorDB finds no node by a key of more than {_LONGEST_KEY} bytes, such as "
                f"{value[:50]!r}…: use a digest of it as the key."
            )


def _has_index(store: GraphStore, kind: str, name: str, field: str, *, is_relation: bool) -> bool:
    entity = "RELATIONSHIP" if is_relation else "NODE"
    found = store.run(
        "CALL db.indexes() YIELD label, types, entitytype RETURN label, types, entitytype"
    )
    return any(
        (label, of) == (name, entity) and kind in types.get(field, ()) for label, types, of in found
    )
