"""Transactions bound to one org by row-level security.

The pool's user owns the tables and, by itself, sees no row. A transaction first takes one of two
roles: ``coco_app`` together with an org, or ``coco_system``. Both settings end with the
transaction, so nothing leaks through the pool (nor through PgBouncer in transaction mode).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, fields, replace
from typing import LiteralString, Self, TypeAlias

import psycopg
from psycopg import sql

from coco_core.errors import CallerLeft, QueryTimeout, Unauthorized
from coco_server.database_urls import Preparing
from coco_server.store.cancellation import CANCELLATION, cancellable
from coco_server.store.pool import Connection, Pool

__all__ = [
    "Connection",
    "Database",
    "Scope",
    "Session",
    "SystemSession",
    "TenantSession",
    "TimeLimits",
    "loading",
]

# One message begins a transaction and gives it its role: a short query has few others.
_BEGIN_TENANT: LiteralString = (
    "BEGIN; SELECT set_config('role', 'coco_app', true), set_config('coco.org_id', {org}, true), "
    "set_config('statement_timeout', {limit}, true), "
    "set_config('idle_in_transaction_session_timeout', {idle}, true)"
)
# A plan that is made once for all parameters would scan what a fresh one looks up.
_FRESH_PLANS: LiteralString = ", set_config('plan_cache_mode', 'force_custom_plan', true)"
# What a question reads it looks up by keys; the planner needs not find that out each time. Joins by
# hashing read whole tables for some hundred rows, and planning costs as much as looking up.
_LOOK_UPS: LiteralString = (
    ", set_config('plan_cache_mode', 'force_generic_plan', true), "
    "set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"
)
_BEGIN_SYSTEM: LiteralString = (
    "BEGIN; SELECT set_config('role', 'coco_system', true), "
    "set_config('statement_timeout', {limit}, true), "
    "set_config('idle_in_transaction_session_timeout', {idle}, true)"
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


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long the database works for one transaction; seconds, 0 for no limit."""

    query: float = 0
    """One statement of a query."""
    change: float = 0
    """One statement of anything else."""
    idle: float = 600
    """A transaction without a statement; it would keep locks, and old rows from being removed."""


class Database:
    """The database of server mode; thread-safe."""

    def __init__(
        self,
        url: str,
        *,
        most: int = 10,
        name: str = "coco",
        preparing: Preparing = "auto",
        limits: TimeLimits | None = None,
    ) -> None:
        """Prepare up to ``most`` connections to the PostgreSQL at ``url``; opens none yet."""
        self.url = url
        self._pool = Pool(url, most=most, name=name, preparing=preparing)
        self._limits = limits or TimeLimits()

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
        return self._pool.statistics()

    @property
    def away(self) -> bool:
        """Whether the last attempts to connect have failed."""
        return self._pool.away

    def unhurried(self) -> Self:
        """Return the same database, with the same connections, for work that may take hours."""
        found = copy(self)
        found._limits = replace(self._limits, query=0, change=0)
        return found

    @contextmanager
    def tenant(self, org_id: str) -> Iterator[TenantSession]:
        """Yield a transaction that sees this org's rows and no others.

        Raises:
            Unavailable: the database cannot be reached.
            QueryTimeout: a statement took too long.
        """
        with self._transaction(
            _BEGIN_TENANT + _FRESH_PLANS, self._limits.change, org_id
        ) as connection:
            yield TenantSession(connection, org_id)

    @contextmanager
    def read_transaction(
        self, org_id: str, *, patience: float | None = None
    ) -> Iterator[TenantSession]:
        """Yield such a transaction whose statements look rows up by their keys.

        Args:
            org_id: whose rows.
            patience: seconds to wait for a connection.

        Raises:
            Unavailable: the database cannot be reached.
            QueryTimeout: a statement took too long.
            CallerLeft: whose request it is has left; what runs was cancelled.
        """
        with (
            self._transaction(
                _BEGIN_TENANT + _LOOK_UPS, self._limits.query, org_id, patience=patience
            ) as connection,
            cancellable(connection),
        ):
            yield TenantSession(connection, org_id)

    @contextmanager
    def system(self) -> Iterator[SystemSession]:
        """Yield a transaction that sees all orgs.

        Raises:
            Unavailable: the database cannot be reached.
            QueryTimeout: a statement took too long.
        """
        with self._transaction(_BEGIN_SYSTEM + _FRESH_PLANS, self._limits.change) as connection:
            yield SystemSession(connection)

    @contextmanager
    def _transaction(
        self,
        statement: LiteralString,
        seconds: float,
        org_id: str | None = None,
        *,
        patience: float | None = None,
    ) -> Iterator[Connection]:
        if org_id == "":
            raise Unauthorized("There is no org to act for.")
        begin = sql.SQL(statement).format(
            limit=_milliseconds(seconds),
            idle=_milliseconds(self._limits.idle),
            org=sql.Literal(org_id),
        )
        try:
            with self._pool.transaction(begin, patience=patience) as connection:
                yield connection
        except psycopg.errors.QueryCanceled as error:
            cancellation = CANCELLATION.get()
            if cancellation is not None and cancellation.cancelled:
                raise CallerLeft from error
            raise QueryTimeout(
                f"The database worked on it for more than {seconds:g} seconds and was stopped.",
                hint="Ask for less at a time: fewer and simpler filters, phrases or globs, or "
                "smaller pages.",
                details={"timeout_seconds": seconds},
            ) from error


def _milliseconds(seconds: float) -> sql.Literal:
    return sql.Literal(str(round(1000 * seconds)))


@contextmanager
def loading(session: TenantSession) -> Iterator[None]:
    """Act as the role that may fill a version's tables, and read none of another one's."""
    session.connection.execute("SELECT set_config('role', 'coco_load', true)")
    yield
    # Not after an error: the transaction is lost then, and with it the role.
    session.connection.execute("SELECT set_config('role', 'coco_app', true)")
