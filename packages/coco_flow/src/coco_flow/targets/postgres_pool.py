"""Connection pools for PostgreSQL, one for each URL and user, shared by all their users."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from coco_core.errors import Unavailable
from coco_flow.errors import missing_extra
from coco_flow.postgres_database import connect, named_database, public_url
from coco_flow.targets.postgres_types import register_arrays

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg_pool import ConnectionPool

    from coco_flow.setting import DatabaseConnectionSpec

    Pool: TypeAlias = ConnectionPool[Connection[tuple[Any, ...]]]

__all__ = ["borrow", "close_pools", "pool_for", "pool_of"]

_log = logging.getLogger(__name__)

# A host that does not answer is given up after this time.
CONNECT_SECONDS = 30
# A transaction may keep every connection for long; after this time something is stuck.
ACQUIRE_SECONDS = 300.0
# Waiting this long for a connection is worth a line in the log.
SLOW_ACQUIRE_SECONDS = 10.0
# How often a caller that waits for a connection checks that the server is there at all.
_CHECK_SECONDS = 5.0

_pools: dict[tuple[str, str | None], Pool] = {}
_lock = threading.Lock()


def pool_for(spec: DatabaseConnectionSpec) -> Pool:
    """Return the pool of the database, made at the first call.

    Raises:
        ExtraMissing: psycopg is not installed.
        Unavailable: The database cannot be reached, or does not let this user in.
    """
    try:
        from psycopg_pool import ConnectionPool
    except ImportError as error:
        raise missing_extra("PostgreSQL", "psycopg", "postgres") from error
    key = (spec.url, spec.user)
    with _lock:
        pool = _pools.get(key)
        if pool is None:
            overrides = {"user": spec.user, "password": spec.password}
            arguments: dict[str, Any] = {k: v for k, v in overrides.items() if v is not None}
            arguments["connect_timeout"] = CONNECT_SECONDS
            # A wrong password or address is reported immediately, not when the pool gives up.
            connect(spec.url, arguments).close()
            pool = ConnectionPool(
                spec.url,
                kwargs=arguments,
                min_size=min(spec.min_connections, spec.max_connections),
                max_size=spec.max_connections,
                configure=register_arrays,
                name=public_url(spec.url),
                open=True,
            )
            _pools[key] = pool
    return pool


def pool_of(reference: str | None) -> Pool:
    """Return the pool of the database that an auth entry names; None is the flow's own database.

    Raises:
        DefinitionError: There is no such entry, or the flow's own state is not in PostgreSQL.
    """
    database = named_database(
        reference,
        "A Postgres target",
        "Pass database=add_auth_entry(name, DatabaseConnectionSpec(url=...)).",
    )
    return pool_for(database)


@contextmanager
def borrow(pool: Pool) -> Iterator[Connection[tuple[Any, ...]]]:
    """Lend a connection for one transaction, which is committed unless an exception leaves it.

    Raises:
        Unavailable: The server is gone, or no connection became free in time.
    """
    connection = _acquire(pool)
    try:
        with connection:
            yield connection
    finally:
        pool.putconn(connection)


def close_pools() -> None:
    """Close every pool; the next use opens a new one."""
    with _lock:
        pools = list(_pools.values())
        _pools.clear()
    for pool in pools:
        pool.close()


def _acquire(pool: Pool) -> Connection[tuple[Any, ...]]:
    from psycopg_pool import PoolTimeout

    started = time.monotonic()
    while True:
        left = started + ACQUIRE_SECONDS - time.monotonic()
        try:
            connection = pool.getconn(timeout=max(0.0, min(_CHECK_SECONDS, left)))
        except PoolTimeout as error:
            connect(pool.conninfo, pool.kwargs).close()
            if left > _CHECK_SECONDS:
                continue
            raise Unavailable(
                f"No connection to {pool.name} became free within {ACQUIRE_SECONDS:.0f} s: all "
                f"{pool.max_size} are in use.",
                hint="Raise max_connections of its DatabaseConnectionSpec.",
            ) from error
        if _is_alive(connection):
            break
        pool.putconn(connection)
    waited = time.monotonic() - started
    if waited > SLOW_ACQUIRE_SECONDS:
        _log.info("Waited %.1f s for a connection to %s.", waited, pool.name)
    return connection


def _is_alive(connection: Connection[Any]) -> bool:
    # The pool's own check sleeps a second or more after each connection that it finds broken.
    from psycopg.pq import ExecStatus

    return connection.pgconn.exec_(b"").status == ExecStatus.EMPTY_QUERY


atexit.register(close_pools)
