"""Transactions bound to one org by row-level security.

The pool's user owns the tables and, by itself, sees no row. A transaction first takes one of two
roles: ``coco_app`` together with an org, or ``coco_system``. Both settings end with the
transaction, so nothing leaks through the pool (nor through PgBouncer in transaction mode).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, LiteralString, Self, TypeAlias

import psycopg
from pgvector.psycopg import register_vector
from psycopg import sql
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from coco_core.errors import Unauthorized, Unavailable
from coco_server.store import renewal

__all__ = [
    "Connection",
    "Database",
    "Scope",
    "Session",
    "SystemSession",
    "TenantSession",
    "loading",
]

Connection: TypeAlias = psycopg.Connection[TupleRow]

# A request that cannot get a connection within this time is better told than kept.
_CHECKOUT_SECONDS = 10.0

# One message begins a transaction and gives it its role: a short query has few others.
_BEGIN_TENANT: LiteralString = (
    "BEGIN; SELECT set_config('role', 'coco_app', true), set_config('coco.org_id', {}, true)"
)
# What a question reads it looks up by keys; the planner needs not find that out each time. Joins by
# hashing read whole tables for some hundred rows, and planning costs as much as looking up.
_BEGIN_READ: LiteralString = (
    _BEGIN_TENANT + ", set_config('plan_cache_mode', 'force_generic_plan', true), "
    "set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"
)
_BEGIN_SYSTEM: LiteralString = "BEGIN; SELECT set_config('role', 'coco_system', true)"

# From the second time on a statement is prepared; each takes some 30 kB of the database's memory.
_PREPARED_FROM = 1
_MOST_PREPARED = 200

# The database does answer: these are for the caller to handle.
_SAID_BY_THE_DATABASE = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.DeadlockDetected,
)


@dataclass(frozen=True, slots=True)
class Scope:
    """On whose behalf something is done; no part can be empty, so no filter can be left out."""

    org_id: str
    user_id: str
    project_id: str

    def __post_init__(self) -> None:
        for part in fields(self):
            if not getattr(self, part.name):
                raise Unauthorized(f"{part.name} is empty.")


@dataclass(frozen=True, slots=True)
class TenantSession:
    """A transaction that sees the rows of one org."""

    connection: Connection
    org_id: str


@dataclass(frozen=True, slots=True)
class SystemSession:
    """A transaction that sees the rows of all orgs: keys, queue, retention, administration."""

    connection: Connection


Session: TypeAlias = TenantSession | SystemSession


class Database:
    """A pool of connections to the database of server mode; thread-safe."""

    def __init__(self, url: str, *, most: int = 10, name: str = "coco") -> None:
        """Prepare up to ``most`` connections to the PostgreSQL at ``url``; opens none yet."""
        self.url = url
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            min_size=1,
            max_size=most,
            open=False,
            timeout=_CHECKOUT_SECONDS,
            configure=_configure,
            # Transactions are begun here, together with their role; the pool ends them.
            kwargs={"application_name": name, "connect_timeout": 10, "autocommit": True},
            name=name,
        )

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> Self:
        """Connect."""
        self._pool.open()
        return self

    def close(self) -> None:
        """Close every connection; statements that run are waited for."""
        self._pool.close()

    def statistics(self) -> dict[str, int]:
        """Return the pool's own counters, for metrics."""
        return dict(self._pool.get_stats())

    @contextmanager
    def tenant(self, org_id: str) -> Iterator[TenantSession]:
        """Yield a transaction that sees this org's rows and no others.

        Raises:
            Unavailable: the database cannot be reached.
        """
        with self._begun(_BEGIN_TENANT, org_id) as session:
            yield session

    @contextmanager
    def read_transaction(self, org_id: str) -> Iterator[TenantSession]:
        """Yield such a transaction whose statements look rows up by their keys.

        Raises:
            Unavailable: the database cannot be reached.
        """
        with self._begun(_BEGIN_READ, org_id) as session:
            yield session

    @contextmanager
    def system(self) -> Iterator[SystemSession]:
        """Yield a transaction that sees all orgs.

        Raises:
            Unavailable: the database cannot be reached.
        """
        with self._transaction() as connection:
            connection.execute(_BEGIN_SYSTEM)
            yield SystemSession(connection)

    @contextmanager
    def _begun(self, begin: LiteralString, org_id: str) -> Iterator[TenantSession]:
        if not org_id:
            raise Unauthorized("There is no org to act for.")
        with self._transaction() as connection:
            connection.execute(sql.SQL(begin).format(sql.Literal(org_id)), prepare=False)
            yield TenantSession(connection, org_id)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            connection = self._pool.getconn()
            try:
                with connection:
                    yield connection
            finally:
                if renewal.is_due(connection):
                    connection.close()
                self._pool.putconn(connection)
        except PoolTimeout as error:
            raise Unavailable(
                f"No connection to the database within {_CHECKOUT_SECONDS:.0f} seconds.",
                hint="Check that PostgreSQL runs and allows enough connections.",
            ) from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if isinstance(error, _SAID_BY_THE_DATABASE):
                raise
            raise Unavailable(f"The database does not answer: {error}") from error


@contextmanager
def loading(session: TenantSession) -> Iterator[None]:
    """Act as the role that may fill a version's tables, and read none of another one's."""
    session.connection.execute("SELECT set_config('role', 'coco_load', true)")
    yield
    # Not after an error: the transaction is lost then, and with it the role.
    session.connection.execute("SELECT set_config('role', 'coco_app', true)")


def _configure(connection: psycopg.Connection[Any]) -> None:
    # A plan that is made once for all parameters would scan what a fresh one looks up.
    connection.execute("SET plan_cache_mode = force_custom_plan")
    register_vector(connection)
    # Every version has statements of its own, three for each query: who asks twice, asks again.
    connection.prepare_threshold = _PREPARED_FROM
    connection.prepared_max = _MOST_PREPARED
