"""Property graphs in FalkorDB, a module of a Redis server."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from coco_core.errors import Unavailable
from coco_flow.auth import AuthEntryReference
from coco_flow.errors import DefinitionError, FlowError, missing_extra
from coco_flow.index import FtsIndexDef, VectorIndexDef
from coco_flow.op.spec import DeclarationSpec, TargetSpec
from coco_flow.targets.falkordb_setup import FalkorDBSetup
from coco_flow.targets.graph import GraphMapping
from coco_flow.targets.graph_connector import GraphConnector
from coco_flow.targets.graph_cypher import Statement
from coco_flow.targets.graph_dialect import Dialect
from coco_flow.targets.graph_literal import literal, rows_literal
from coco_flow.targets.graph_values import Encoder
from coco_flow.targets.graph_write import Job
from coco_flow.targets.json_value import json_encoder
from coco_flow.targets.registry import register_target
from coco_flow.types.schema import BasicValueType

__all__ = ["FalkorDB", "FalkorDBConnection", "FalkorDBDeclaration"]

T = TypeVar("T")

_DEFAULT_GRAPH = "default"

# Longer keys are replaced by a digest; so much is kept for people to recognize.
_LONGEST_KEY = 1_000
_KEPT_OF_KEY = 100

_CONNECT_SECONDS = 10.0
_QUERY_SECONDS = 600.0

# Waits between attempts grow from the first to the second of these, in seconds.
_BACKOFF = (0.1, 5.0)
_ATTEMPTS = 8


@dataclass
class FalkorDBConnection:
    """Where a graph is: `falkor://[user:password@]host:port` (`falkors` with TLS), and its name."""

    uri: str
    graph: str | None = None


class FalkorDB(TargetSpec):
    """Writes rows as nodes or relationships of a FalkorDB graph."""

    connection: AuthEntryReference[FalkorDBConnection]
    mapping: GraphMapping


class FalkorDBDeclaration(DeclarationSpec):
    """A kind of node that only relationships make."""

    kind: ClassVar[str] = "FalkorDB"

    connection: AuthEntryReference[FalkorDBConnection]
    nodes_label: str
    primary_key_fields: Sequence[str]
    vector_indexes: Sequence[VectorIndexDef] = ()
    fts_indexes: Sequence[FtsIndexDef] = ()


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise FlowError(
            f"FalkorDB cannot hold the number {value!r}.",
            hint="Collect None instead, or leave the row out.",
        )
    return value


def _text(kind: str) -> Encoder:
    encode = json_encoder(BasicValueType(kind))
    assert encode is not None, kind
    return encode


class FalkorDBDialect(Dialect):
    """Properties hold numbers, text, booleans and lists of them; times are text in ISO 8601."""

    scalars: ClassVar[Mapping[str, Encoder]] = {
        # Parameters are part of the query's text, which ends at a NUL.
        "Str": lambda value: value.replace("\0", ""),
        "Float32": _finite,
        "Float64": _finite,
        "Range": list,
        **{
            kind: _text(kind)
            for kind in (
                "Bytes", "Uuid", "Date", "Time", "LocalDateTime", "OffsetDateTime", "TimeDelta",
            )
        },
    }  # fmt: skip

    # An index of text finds neither empty nor blank nor long ones: see `key_text`.
    key_types = frozenset(
        {
            "Int64", "Float32", "Float64", "Uuid", "Date", "Time", "LocalDateTime",
            "OffsetDateTime", "TimeDelta",
        }
    )  # fmt: skip
    # A vector index takes vectors of 32-bit floats only.
    stored_vector = "vecf32({value})"

    def found(
        self, rel_type: str, source: str, target: str, key: Mapping[str, tuple[str, str]]
    ) -> str:
        """Return an index look-up; labels in the pattern would cause a scan of all nodes first."""
        same = ", ".join(f"{name}: {written}" for name, (_, written) in key.items())
        labels = [label.strip("`") for label in (source, target)]
        return (
            f"UNWIND $rows AS row MATCH ()-[r:{rel_type} {{{same}}}]->() "
            "WITH r, startNode(r) AS s, endNode(r) AS t "
            f"WHERE hasLabels(s, [{literal(labels[0])}]) AND hasLabels(t, [{literal(labels[1])}])"
        )

    def key_text(self, parts: Sequence[Any]) -> str:
        """Return a text that the index finds: not blank, and of bounded length."""
        text = super().key_text(parts)
        if len(text) <= _LONGEST_KEY:
            return text
        return f"{text[:_KEPT_OF_KEY]}#{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"


class FalkorDBStore:
    """A client of one graph; lost connections and a server that is still loading are waited for."""

    def __init__(self, connection: Any) -> None:
        if not isinstance(connection, FalkorDBConnection):
            raise DefinitionError(
                f"The auth entry of a FalkorDB target is a {type(connection).__name__}.",
                hint="Register a FalkorDBConnection: add_auth_entry(name, FalkorDBConnection(…)).",
            )
        try:
            import falkordb
            from redis.backoff import ExponentialWithJitterBackoff
            from redis.exceptions import BusyLoadingError, ConnectionError
            from redis.retry import Retry
        except ImportError as error:
            raise missing_extra("The FalkorDB target", "falkordb", "falkordb") from error
        base, cap = _BACKOFF
        # Not a query that takes too long: it would continue next to its repetition.
        passing = (ConnectionError, BusyLoadingError)
        retry = Retry(ExponentialWithJitterBackoff(cap=cap, base=base), _ATTEMPTS, passing)
        self._uri = connection.uri
        self._name = connection.graph or _DEFAULT_GRAPH
        self._client = self._reaching(
            lambda: falkordb.FalkorDB.from_url(
                connection.uri,
                retry=retry,
                retry_on_error=list(passing),
                socket_connect_timeout=_CONNECT_SECONDS,
                socket_timeout=_QUERY_SECONDS,
            )
        )
        # The package has no types.
        self._graph: Any = self._client.select_graph(self._name)
        # What a job reads must still hold when it writes.
        self._writing = threading.Lock()

    def run(self, text: str) -> Sequence[Sequence[Any]]:
        """Run one statement."""
        rows: Sequence[Sequence[Any]] = self._reaching(lambda: self._graph.query(text)).result_set
        return rows

    def constraint(self, *arguments: str | int) -> None:
        """Create or drop a constraint, for which there is no Cypher."""
        action, *rest = arguments
        self._reaching(
            lambda: self._client.execute_command("GRAPH.CONSTRAINT", action, self._name, *rest)
        )

    def write(self, job: Job) -> None:
        """Read, then run all statements as one transaction of Redis, without others in between."""
        with self._writing:
            statements = job(self._read)
            pipeline = self._client.connection.pipeline(transaction=True)
            for statement in statements:
                pipeline.execute_command("GRAPH.QUERY", self._name, _with_rows(statement))
            self._reaching(pipeline.execute)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _read(self, statement: Statement) -> Sequence[Sequence[Any]]:
        return self.run(_with_rows(statement))

    def _reaching(self, call: Callable[[], T]) -> T:
        from redis.exceptions import ConnectionError, TimeoutError

        try:
            return call()
        except (ConnectionError, TimeoutError) as error:
            raise Unavailable(
                f"No FalkorDB server answers at {self._uri}: {error}",
                hint="Start it, or correct the uri of the FalkorDBConnection.",
            ) from error


def _with_rows(statement: Statement) -> str:
    return f"CYPHER rows={rows_literal(statement.rows)} {statement.text}"


register_target(
    FalkorDB,
    GraphConnector("FalkorDB", FalkorDBDialect(), FalkorDBSetup(), FalkorDBStore),
)
