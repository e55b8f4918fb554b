"""Where a Neo4j database is, and how its indexes are made."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from coco_flow.components.connectorkits.graph.records import Graph
from coco_flow.components.connectorkits.graph.schema import GraphSchema
from coco_flow.components.connectorkits.graph.tables import VectorIndex
from coco_flow.components.connectors.neo4j import cypher
from coco_flow.components.connectors.neo4j.schema import TableSchema
from coco_flow.targets.graph_write import GraphStore
from coco_flow.targets.neo4j import Neo4jConnection, Neo4jStore

__all__ = ["ConnectionFactory", "Neo4jDialect"]

_DATABASE = re.compile(r"[A-Za-z0-9._-]+")


class ConnectionFactory:
    """Where a database is; provide it under a context key. Programs connect when they write."""

    def __init__(
        self,
        uri: str,
        *,
        auth: tuple[str, str] | None = None,
        database: str = "neo4j",
    ) -> None:
        """Take the address.

        Args:
            uri: Bolt URI, such as bolt://localhost:7687.
            auth: User and password; None for a server without authentication.
            database: Name of the database on the server.
        """
        if not _DATABASE.fullmatch(database):
            raise ValueError(
                f"Invalid Neo4j database name: {database!r}. Use letters, digits, '.', '_', '-'."
            )
        self._database = database
        # Such a server takes any.
        user, password = auth or ("", "")
        connection = Neo4jConnection(uri, user, password, database)
        self._records = Graph(lambda: Neo4jStore(connection), vector="{value}")

    @property
    def database(self) -> str:
        """Name of the database."""
        return self._database

    @property
    def records(self) -> Graph:
        """The graph that targets write to."""
        return self._records


class Neo4jDialect:
    """Keys of nodes have a uniqueness constraint, those of relationships an index."""

    database: ClassVar[str] = "Neo4j"
    schema: ClassVar[type[GraphSchema[Any]]] = TableSchema

    def set_up(self, store: GraphStore, name: str, key: str, *, is_relation: bool) -> None:
        """Make the constraint or index."""
        if is_relation:
            index = cypher.index_name("rel", name, [key])
            store.run(cypher.build_relationship_index_create(index, name, [key]))
        else:
            constraint = cypher.constraint_name(name, [key])
            store.run(cypher.build_constraint_create(constraint, name, [key]))

    def tear_down(self, store: GraphStore, name: str, key: str, *, is_relation: bool) -> None:
        """Remove the constraint or index."""
        if is_relation:
            store.run(cypher.build_index_drop(cypher.index_name("rel", name, [key])))
        else:
            store.run(cypher.build_constraint_drop(cypher.constraint_name(name, [key])))

    def create_vector_index(self, store: GraphStore, label: str, index: VectorIndex) -> None:
        """Make a vector index."""
        store.run(
            cypher.build_vector_index_create(
                index.name, label, index.field, index.dimension, index.metric
            )
        )

    def drop_vector_index(
        self,
        store: GraphStore,
        label: str,  # noqa: ARG002 - its name is its own in the database
        index: VectorIndex,
    ) -> None:
        """Remove a vector index."""
        store.run(cypher.build_index_drop(index.name))

    def check_key(self, value: Any) -> None:
        """Take any key."""
