"""Property graphs in Neo4j 5.7 or later, by Bolt and Cypher."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from coco_core.errors import Unauthorized, Unavailable
from coco_flow.auth import AuthEntryReference
from coco_flow.errors import DefinitionError, missing_extra
from coco_flow.index import VectorIndexDef
from coco_flow.op.spec import DeclarationSpec, TargetSpec
from coco_flow.targets.graph import GraphMapping
from coco_flow.targets.graph_connector import GraphConnector
from coco_flow.targets.graph_cypher import Statement
from coco_flow.targets.graph_dialect import Dialect, quoted
from coco_flow.targets.graph_setup import ConstrainedGraphSetup, Entity
from coco_flow.targets.graph_state import identity_of
from coco_flow.targets.graph_values import Encoder
from coco_flow.targets.graph_write import GraphStore, Job, Read
from coco_flow.targets.registry import register_target

if TYPE_CHECKING:
    import neo4j

__all__ = ["Neo4j", "Neo4jConnection", "Neo4jDeclaration"]

T = TypeVar("T")

# So long a lost connection or a lock held by others is taken for passing.
_RETRY_SECONDS = 30.0

_TRIES = 10
# Seconds before the second try; later ones wait longer.
_WAIT = (0.005, 0.05)

_FUNCTIONS = {"CosineSimilarity": "cosine", "L2Distance": "euclidean"}


@dataclass
class Neo4jConnection:
    """Where a Neo4j database is, by Bolt URI; `db` None is the user's home database."""

    uri: str
    user: str
    password: str
    db: str | None = None


class Neo4j(TargetSpec):
    """Writes rows as nodes or relationships of a Neo4j database."""

    connection: AuthEntryReference[Neo4jConnection]
    mapping: GraphMapping


class Neo4jDeclaration(DeclarationSpec):
    """A kind of node that only relationships make."""

    kind: ClassVar[str] = "Neo4j"

    connection: AuthEntryReference[Neo4jConnection]
    nodes_label: str
    primary_key_fields: Sequence[str]
    vector_indexes: Sequence[VectorIndexDef] = ()


class Neo4jDialect(Dialect):
    """Properties hold scalars, times among them, and lists of these."""

    scalars: ClassVar[Mapping[str, Encoder]] = {"Uuid": str, "Range": list}
    # Bytes are not compared by every server, and times with a zone come back in another form.
    key_types = frozenset(
        {
            "Str", "Int64", "Float32", "Float64", "Bool", "Uuid", "Date", "Time", "LocalDateTime",
        }
    )  # fmt: skip

    def found(
        self, rel_type: str, source: str, target: str, key: Mapping[str, tuple[str, str]]
    ) -> str:
        """Return a look-up in the index of the key."""
        if len(key) == 1:
            ((name, (_, written)),) = key.items()
            match = f"WITH collect({written}) AS keys MATCH ()-[r:{rel_type}]->() "
            match += f"WHERE r.{name} IN keys"
        else:
            same = ", ".join(f"{name}: {written}" for name, (_, written) in key.items())
            match = f"MATCH ()-[r:{rel_type} {{{same}}}]->()"
        return (
            f"UNWIND $rows AS row {match} WITH r, startNode(r) AS s, endNode(r) AS t "
            f"WHERE s:{source} AND t:{target}"
        )


class Neo4jSetup(ConstrainedGraphSetup):
    """Uniqueness constraints on keys, and vector indexes."""

    vector_indexes = True

    def create_schema(
        self,
        store: GraphStore,
        entity: Entity,
        name: str,
        state: dict[str, Any],
        previous: Sequence[dict[str, Any]],
    ) -> None:
        """Make the constraint on the key and the vector indexes."""
        if state["key"]:
            properties = ", ".join(f"e.{quoted(each)}" for each in identity_of(state))
            store.run(
                f"CREATE CONSTRAINT {_constraint(entity, name)} IF NOT EXISTS "
                f"FOR {_pattern(entity, name)} REQUIRE ({properties}) IS UNIQUE"
            )
        wanted = state["vector_indexes"]
        for index in (each for old in previous for each in old["vector_indexes"]):
            if index not in wanted:
                store.run(f"DROP INDEX {_vector_index(entity, name, index)} IF EXISTS")
        for index in wanted:
            store.run(
                f"CREATE VECTOR INDEX {_vector_index(entity, name, index)} IF NOT EXISTS "
                f"FOR {_pattern(entity, name)} ON (e.{quoted(index['field'])}) "
                f"OPTIONS {{indexConfig: {{{_config(index)}}}}}"
            )

    def drop_schema(
        self, store: GraphStore, entity: Entity, name: str, state: dict[str, Any]
    ) -> None:
        """Remove the vector indexes and the constraint."""
        for index in state["vector_indexes"]:
            store.run(f"DROP INDEX {_vector_index(entity, name, index)} IF EXISTS")
        store.run(f"DROP CONSTRAINT {_constraint(entity, name)} IF EXISTS")


class Neo4jStore:
    """A driver, which tries again what fails in passing."""

    def __init__(self, connection: Any) -> None:
        if not isinstance(connection, Neo4jConnection):
            raise DefinitionError(
                f"The auth entry of a Neo4j target is a {type(connection).__name__}.",
                hint="Register a Neo4jConnection: add_auth_entry(name, Neo4jConnection(…)).",
            )
        try:
            import neo4j
        except ImportError as error:
            raise missing_extra("The Neo4j target", "neo4j", "neo4j") from error
        auth = (connection.user, connection.password)
        self._driver = neo4j.GraphDatabase.driver(
            connection.uri, auth=auth, max_transaction_retry_time=_RETRY_SECONDS
        )
        self._uri = connection.uri
        self._database = connection.db
        # Two writers of one graph would often wait for each other's locks, and one be refused.
        self._writing = threading.Lock()

    def run(self, text: str) -> list[Sequence[Any]]:
        """Run one statement in its own transaction."""
        return self._transact(lambda read: list(read(Statement(text))))

    def write(self, job: Job) -> None:
        """Run the job in one transaction."""

        def work(run: Read) -> None:
            for statement in job(run):
                run(statement)

        with self._writing:
            self._transact(work)

    def close(self) -> None:
        """Close the driver's connections."""
        self._driver.close()

    def _execute(
        self, session: neo4j.Session, attempt: Callable[[neo4j.ManagedTransaction], T]
    ) -> T:
        from neo4j.exceptions import ConstraintError

        tries = 0
        while True:
            try:
                return session.execute_write(attempt)
            except ConstraintError:
                # Another writer made the same node in between, and will be found the next time;
                # not so in Neo4j itself, where a merge locks the key.
                tries += 1
                if tries >= _TRIES:
                    raise
            time.sleep(random.uniform(*_WAIT) * tries)  # noqa: S311 - no secret

    def _transact(self, work: Callable[[Read], T]) -> T:
        from neo4j.exceptions import AuthError, ServiceUnavailable

        def attempt(transaction: neo4j.ManagedTransaction) -> T:
            def run(statement: Statement) -> list[Sequence[Any]]:
                # The text is made of fixed parts and quoted names; values are parameters.
                text: Any = statement.text
                return [each.values() for each in transaction.run(text, rows=statement.rows)]

            return work(run)

        try:
            with self._driver.session(database=self._database) as session:
                return self._execute(session, attempt)
        except ServiceUnavailable as error:
            raise Unavailable(
                f"No Neo4j database answers at {self._uri}: {error}",
                hint="Start it, or correct the uri of the Neo4jConnection.",
            ) from error
        except AuthError as error:
            raise Unauthorized(
                f"The Neo4j database at {self._uri} refuses the user: {error.message}",
                hint="Correct the user and the password of the Neo4jConnection.",
            ) from error


def _pattern(entity: Entity, name: str) -> str:
    return f"(e:{quoted(name)})" if entity == "node" else f"()-[e:{quoted(name)}]-()"


def _constraint(entity: Entity, name: str) -> str:
    return quoted(f"coco_{entity}_{name}_key")


def _vector_index(entity: Entity, name: str, index: dict[str, Any]) -> str:
    return quoted(f"coco_{entity}_{name}_{index['field']}_vector")


def _config(index: dict[str, Any]) -> str:
    values = {
        "vector.dimensions": index["dimension"],
        "vector.similarity_function": repr(_FUNCTIONS[index["metric"]]),
        "vector.hnsw.m": index["m"],
        "vector.hnsw.ef_construction": index["ef_construction"],
    }
    return ", ".join(f"{quoted(k)}: {v}" for k, v in values.items() if v is not None)


register_target(Neo4j, GraphConnector("Neo4j", Neo4jDialect(), Neo4jSetup(), Neo4jStore))
