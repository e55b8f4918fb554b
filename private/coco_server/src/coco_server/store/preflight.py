"""Database requirements, checked at start; each failure says what to do."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import TupleRow

from coco_core.errors import DatabaseIncompatible, InvalidConfig, Unavailable
from coco_server.store.pool import CONNECTING

__all__ = ["APP_ROLES", "check_database", "connect", "refuse_embedded", "require_roles"]

APP_ROLES = ("coco_app", "coco_system", "coco_load")

# Roles are granted without being inherited, or the owner would see what they see; that began in 16.
_LEAST_POSTGRES = 16

# Before 0.8.4 an index could be damaged by inserts beside a vacuum. Versions of CoCo are never
# changed once they are indexed, but a fixed release costs nothing.
_LEAST_PGVECTOR = (0, 8, 4)

# Where these stand, an embedded store was meant: fine for one developer, not for many processes.
_EMBEDDED_SCHEMES = frozenset({"sqlite", "lancedb", "lance", "duckdb", "file", "memory"})


def refuse_embedded(meta_db: str, vector_db: str | None = None) -> None:
    """Refuse stores that live inside one process.

    Raises:
        InvalidConfig: a URL names such a store, or no server at all.
    """
    if not _is_server(meta_db, {"postgresql", "postgres"}):
        raise InvalidConfig(
            f"COCO_META_DB is {_without_password(meta_db)!r}: server mode keeps its data in "
            "PostgreSQL, for several processes share it and an embedded database has room for one.",
            hint="Set COCO_META_DB=postgresql://user:password@host:5432/coco, or try everything "
            "out with `coco-server dev`.",
        )
    if vector_db is not None and not _is_server(vector_db, {"http", "https"}):
        raise InvalidConfig(
            f"COCO_VECTOR_DB_URL is {vector_db!r}: Qdrant inside a process holds one process's "
            "vectors and ignores its index settings.",
            hint="Start a Qdrant server and set COCO_VECTOR_DB_URL=http://host:6333.",
        )


def _is_server(url: str, schemes: set[str]) -> bool:
    parts = urlsplit(url)
    scheme = parts.scheme.partition("+")[0]
    if scheme in _EMBEDDED_SCHEMES or scheme not in schemes:
        return False
    return bool(parts.hostname) or "host=" in parts.query


def _without_password(url: str) -> str:
    return re.sub(r"(//[^:/@]*):[^@]*@", r"\1:…@", url)


def connect(url: str) -> psycopg.Connection[TupleRow]:
    """Open one connection that commits each statement.

    Raises:
        Unavailable: the server does not answer, or refuses the user.
    """
    try:
        return psycopg.connect(url, autocommit=True, prepare_threshold=None, **CONNECTING)
    except psycopg.OperationalError as error:
        raise Unavailable(
            f"PostgreSQL at {_without_password(url)!r} cannot be reached: {error}",
            hint=_connection_hint(str(error)),
        ) from error


def _connection_hint(said: str) -> str:
    """Return what to do, by libpq's message."""
    if "does not support SSL" in said:
        return (
            "The server has no TLS: set ssl = on there, with ssl_cert_file and ssl_key_file; or, "
            "where the network is trusted, COCO_DB_SSLMODE=prefer."
        )
    if "certificate" in said or "SSL error" in said or "root.crt" in said:
        return (
            "Check COCO_DB_SSLROOTCERT (who signed the server's certificate), COCO_DB_SSLCERT and "
            "COCO_DB_SSLKEY; with COCO_DB_SSLMODE=verify-full the certificate must name the host."
        )
    return "Check host, port, user and password in COCO_META_DB."


def check_database(connection: psycopg.Connection[TupleRow]) -> list[str]:
    """Check server, extension and roles; returns warnings.

    Raises:
        DatabaseIncompatible: something is missing that a statement of an administrator adds.
    """
    major = connection.info.server_version // 10_000
    if major < _LEAST_POSTGRES:
        raise DatabaseIncompatible(
            f"PostgreSQL {major} is too old: server mode needs {_LEAST_POSTGRES} or newer.",
            hint="Upgrade the server; the image pgvector/pgvector:pg18 has all that is needed.",
        )
    _require_extension(connection)
    require_roles(connection)
    warnings = []
    if _scalar(connection, "SHOW fsync") != "on":
        warnings.append("fsync is off: a power cut destroys this database.")
    return warnings


def _require_extension(connection: psycopg.Connection[TupleRow]) -> None:
    database = connection.info.dbname
    found = _scalar(connection, "SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    offered = _scalar(
        connection, "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
    )
    if found is None and offered is None:
        raise DatabaseIncompatible(
            "pgvector is not installed on the PostgreSQL server.",
            hint="Install its package (postgresql-18-pgvector, or the image "
            f"pgvector/pgvector:pg18), then run as a superuser in {database!r}: "
            "CREATE EXTENSION vector;",
        )
    if found is None:
        try:
            connection.execute("CREATE EXTENSION vector")
        except psycopg.errors.InsufficientPrivilege as error:
            raise DatabaseIncompatible(
                f"The extension vector is missing in {database!r}, and the user "
                f"{connection.info.user!r} may not create it.",
                hint=f"Run as a superuser in {database!r}: CREATE EXTENSION vector;",
            ) from error
        found = offered
    if _numbers(str(found)) < _LEAST_PGVECTOR:
        least = ".".join(map(str, _LEAST_PGVECTOR))
        raise DatabaseIncompatible(
            f"pgvector {found} is too old: server mode needs {least} or newer "
            f"(this server offers {offered}).",
            hint=f"Install pgvector {least} or newer on the server, then run as a superuser in "
            f"{database!r}: ALTER EXTENSION vector UPDATE;",
        )


def require_roles(connection: psycopg.Connection[TupleRow], *, create: bool = False) -> None:
    """Check that the user may act as the roles of the application; ``create`` makes them.

    Raises:
        DatabaseIncompatible: it may not; the hint holds the statements that allow it.
    """
    user = connection.info.user
    for role in APP_ROLES:
        if _may_act_as(connection, role):
            continue
        grant = f'GRANT {role} TO "{user}" WITH INHERIT FALSE, SET TRUE;'
        statements = grant
        exists = _scalar(connection, "SELECT true FROM pg_roles WHERE rolname = %s", (role,))
        if not exists:
            statements = f"CREATE ROLE {role} NOLOGIN; {grant}"
        try:
            if create:
                connection.execute(statements)
        except psycopg.errors.InsufficientPrivilege:
            create = False
        if not create:
            raise DatabaseIncompatible(
                f"The user {user!r} may not act as the role {role!r}, which row-level security "
                "is tied to.",
                hint=f"Run as a superuser: {statements}",
            )


def _may_act_as(connection: psycopg.Connection[TupleRow], role: str) -> bool:
    found = _scalar(
        connection,
        "SELECT pg_has_role(current_user, oid, 'SET') FROM pg_roles WHERE rolname = %s",
        (role,),
    )
    return bool(found)


def _scalar(
    connection: psycopg.Connection[TupleRow], statement: str, values: tuple[object, ...] = ()
) -> object:
    row = connection.execute(statement, values).fetchone()
    return row[0] if row else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
