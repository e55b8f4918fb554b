"""Property graphs in Ladybug (formerly Kuzu): a database file of this process, or an API server."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from coco_core.errors import Unavailable
from coco_flow.auth import AuthEntryReference
from coco_flow.errors import DefinitionError, FlowConflict, FlowError, missing_extra
from coco_flow.op.spec import DeclarationSpec, TargetSpec
from coco_flow.targets.graph import GraphMapping
from coco_flow.targets.graph_connector import GraphConnector
from coco_flow.targets.graph_cypher import Statement
from coco_flow.targets.graph_dialect import Dialect
from coco_flow.targets.graph_literal import typed_rows_literal
from coco_flow.targets.graph_values import Encoder, element_type, is_json_text
from coco_flow.targets.graph_write import GraphStore, Job
from coco_flow.targets.http_service import HttpService
from coco_flow.targets.json_value import duration_text
from coco_flow.targets.ladybug_setup import LadybugSetup
from coco_flow.targets.registry import register_target
from coco_flow.types.schema import BasicValueType

if TYPE_CHECKING:
    import datetime

    import ladybug

    from coco_flow.types.schema import EnrichedValueType

__all__ = [
    "Kuzu",
    "KuzuConnection",
    "KuzuDeclaration",
    "Ladybug",
    "LadybugConnection",
    "LadybugDeclaration",
    "LadybugFile",
]

_log = logging.getLogger(__name__)

# A statement over a large graph takes its time; a server that says nothing for longer is ill.
_HTTP_SECONDS = 300.0

_NUMBERS = ("Int64", "Float32", "Float64")

_TYPES = {
    "Bytes": "BLOB",
    "Str": "STRING",
    "Bool": "BOOL",
    "Int64": "INT64",
    "Float32": "FLOAT",
    "Float64": "DOUBLE",
    "Range": "INT64[]",
    "Uuid": "UUID",
    "Date": "DATE",
    "Time": "STRING",
    "LocalDateTime": "TIMESTAMP",
    "OffsetDateTime": "TIMESTAMP_TZ",
    "TimeDelta": "STRING",
}


@dataclass
class LadybugConnection:
    """Where a Ladybug (Kuzu) API server answers."""

    api_server_url: str


@dataclass
class LadybugFile:
    """A database file, opened by the process that runs the flow; its directory must exist."""

    path: str


class Ladybug(TargetSpec):
    """Writes rows as nodes or relationships of a Ladybug database."""

    connection: AuthEntryReference[LadybugConnection] | AuthEntryReference[LadybugFile]
    mapping: GraphMapping


class LadybugDeclaration(DeclarationSpec):
    """A kind of node that only relationships make."""

    kind: ClassVar[str] = "Ladybug"

    connection: AuthEntryReference[LadybugConnection] | AuthEntryReference[LadybugFile]
    nodes_label: str
    primary_key_fields: Sequence[str]


# The names of the time when the database was called Kuzu.
KuzuConnection = LadybugConnection
Kuzu = Ladybug
KuzuDeclaration = LadybugDeclaration


def _blob(value: bytes) -> str:
    return "".join(f"\\x{byte:02X}" for byte in value)


def _numbers(value: Any) -> str:
    return str(value.tolist() if hasattr(value, "tolist") else list(value))


def _iso(value: datetime.date | datetime.time | datetime.datetime) -> str:
    return value.isoformat()


class LadybugDialect(Dialect):
    """Columns have types; values travel as text, or lists of text, and are cast.

    Numbers would be typed by their size, and a statement prepared for small ones be used again
    for large ones.
    """

    scalars: ClassVar[Mapping[str, Encoder]] = {
        "Bool": lambda value: "true" if value else "false",
        "Bytes": _blob,
        "Date": _iso,
        "Float32": repr,
        "Float64": repr,
        "Int64": str,
        "LocalDateTime": _iso,
        "OffsetDateTime": _iso,
        "Range": lambda value: f"[{value[0]},{value[1]}]",
        "Time": _iso,
        # Ladybug reads no negative interval from text.
        "TimeDelta": duration_text,
        "Uuid": str,
    }
    composite_keys = False
    key_types = frozenset(
        {
            "STRING", "INT64", "FLOAT", "DOUBLE", "UUID", "DATE", "TIMESTAMP", "TIMESTAMP_TZ",
            "BLOB",
        }
    )  # fmt: skip
    stored = stored_vector = "CAST({value} AS {type})"
    # As text, from which every type can be cast.
    fetched = "CAST({value} AS STRING)"

    def found(
        self, rel_type: str, source: str, target: str, key: Mapping[str, tuple[str, str]]
    ) -> str:
        """Return a join with what the rows say, which a cast inside the pattern would prevent."""
        given = ", ".join(f"{written} AS {alias}" for alias, written in key.values())
        same = ", ".join(f"{name}: {alias}" for name, (alias, _) in key.items())
        return (
            f"UNWIND $rows AS row WITH {given} "
            f"MATCH (s:{source})-[r:{rel_type} {{{same}}}]->(t:{target})"
        )

    def encoder(self, value_type: EnrichedValueType) -> Encoder | None:
        """Return how values become text; a vector of numbers is a text, too."""
        element = element_type(value_type.type)
        if element is not None and element.kind in _NUMBERS:
            return _numbers
        return super().encoder(value_type)

    def parameter_type(self, value_type: EnrichedValueType) -> str:
        """Return the type in which a row carries a value."""
        element = element_type(value_type.type)
        return "STRING" if element is None or element.kind in _NUMBERS else "STRING[]"

    def type_name(self, value_type: EnrichedValueType) -> str:
        """Return the type of the column."""
        inner = value_type.type
        if is_json_text(inner):
            return "STRING"
        element = element_type(inner)
        if element is None:
            return _TYPES[inner.kind]
        assert isinstance(inner, BasicValueType), inner
        assert inner.vector is not None, inner
        size = inner.vector.dimension
        return f"{_TYPES[element.kind]}[{'' if size is None else size}]"


class LadybugFileStore:
    """A database file, open in this process."""

    def __init__(self, path: str) -> None:
        try:
            import ladybug
        except ImportError as error:
            raise missing_extra("The Ladybug target", "ladybug", "ladybug") from error
        try:
            self._database: ladybug.Database = _databases.acquire(path)
            self._connection = ladybug.Connection(self._database)
        except RuntimeError as error:
            raise _cannot_open(path, error) from error
        self._path = path
        # A connection runs one statement at a time.
        self._lock = threading.RLock()

    def run(self, text: str) -> Sequence[Sequence[Any]]:
        """Run one statement."""
        return self._execute(text, None)

    def write(self, job: Job) -> None:
        """Run the job in one transaction."""
        with self._lock:
            self._execute("BEGIN TRANSACTION", None)
            try:
                for statement in job(self._read):
                    self._read(statement)
            except BaseException:
                self._roll_back()
                raise
            self._execute("COMMIT", None)

    def close(self) -> None:
        """Close the connection, and the database after the last one."""
        with self._lock:
            self._connection.close()
            _databases.release(self._path)

    def _roll_back(self) -> None:
        try:
            self._execute("ROLLBACK", None)
        except RuntimeError as error:
            # Most of the database's own errors have ended the transaction already.
            if "No active transaction" not in str(error):
                raise

    def _read(self, statement: Statement) -> Sequence[Sequence[Any]]:
        return self._execute(statement.text, {"rows": list(statement.rows)})

    def _execute(self, text: str, parameters: dict[str, Any] | None) -> list[list[Any]]:
        with self._lock:
            found = self._connection.execute(text, parameters)
            results = found if isinstance(found, list) else [found]
            rows: list[Any] = []
            for result in results:
                with result:
                    rows += result.get_all()
            return rows


class LadybugServerStore:
    """A client of an API server, in which each request is a transaction."""

    def __init__(self, url: str) -> None:
        self._service = HttpService("Ladybug's API server", url, timeout=_HTTP_SECONDS)
        self._writing = threading.Lock()

    def run(self, text: str) -> Sequence[Sequence[Any]]:
        """Run one statement."""
        return [list(row.values()) for row in self._post(text).get("rows", [])]

    def write(self, job: Job) -> None:
        """Read first, then send all statements in one request, as one transaction."""
        with self._writing:
            statements = [_inline(each) for each in job(lambda each: self.run(_inline(each)))]
            if statements:
                self._post(";\n".join(("BEGIN TRANSACTION", *statements, "COMMIT")) + ";")

    def close(self) -> None:
        """Do nothing: no connection is kept."""

    def _post(self, query: str) -> dict[str, Any]:
        response = self._service.post("/cypher", {"query": query})
        answer = response.json()
        if not response.is_success or not isinstance(answer, dict):
            raise FlowError(
                f"Ladybug's API server at {self._service.url} answers {response.status}: "
                f"{response.shown()}",
                details={"query": query[:2_000]},
            )
        return answer


class _Databases:
    """Open databases by path: two of one file in one process would not see each other's writes."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[ladybug.Database, int]] = {}
        self._lock = threading.Lock()

    def acquire(self, path: str) -> ladybug.Database:
        real = os.path.realpath(path)
        with self._lock:
            database, users = self._open.get(real, (None, 0))
            if database is None:
                database = _opened(path)
            self._open[real] = database, users + 1
            return database

    def release(self, path: str) -> None:
        real = os.path.realpath(path)
        with self._lock:
            database, users = self._open.pop(real)
            if users > 1:
                self._open[real] = database, users - 1
            else:
                database.close()


def _opened(path: str) -> ladybug.Database:
    import ladybug

    try:
        database = ladybug.Database(path)
        database.init_database()
    except RuntimeError as error:
        if "WAL" not in str(error):
            raise
        # A process that was killed while it wrote left half a transaction at the end of the log.
        _log.warning(
            "The last write to the Ladybug database %s was interrupted, and is left out: %s. If it "
            "was not a process that was killed, export all rows again.",
            path,
            error,
        )
        database = ladybug.Database(path, throw_on_wal_replay_failure=False)
        database.init_database()
    return database


_databases = _Databases()


def _cannot_open(path: str, error: RuntimeError) -> Exception:
    if "lock" in str(error):
        return FlowConflict(
            f"The Ladybug database {path!r} is open in another process: {error}",
            hint="Close it there, or open it there for reading only.",
        )
    return Unavailable(
        f"The Ladybug database {path!r} cannot be opened: {error}",
        hint="Give the path of a file in a directory that exists.",
    )


def _inline(statement: Statement) -> str:
    rows = typed_rows_literal(statement.rows, statement.types)
    return statement.text.replace("$rows", rows, 1)


def _connect(connection: Any) -> GraphStore:
    if isinstance(connection, LadybugFile):
        return LadybugFileStore(connection.path)
    if isinstance(connection, LadybugConnection):
        return LadybugServerStore(connection.api_server_url)
    raise DefinitionError(
        f"The auth entry of a Ladybug target is a {type(connection).__name__}.",
        hint="Register a LadybugFile(path=…) or a LadybugConnection(api_server_url=…).",
    )


register_target(Ladybug, GraphConnector("Ladybug", LadybugDialect(), LadybugSetup(), _connect))
