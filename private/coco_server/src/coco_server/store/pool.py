"""Pool of connections to PostgreSQL: how they are opened, and what becomes of broken ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import psycopg
import structlog
from pgvector.psycopg import register_vector
from psycopg import sql
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from coco_core.errors import Unavailable
from coco_server.database_urls import Preparing
from coco_server.store import renewal

__all__ = ["CONNECTING", "Connection", "Pool", "behind_pooler"]

Connection: TypeAlias = psycopg.Connection[TupleRow]

CONNECTING: Final[Mapping[str, Any]] = {
    "connect_timeout": 4,
    # A server that vanished without a word is found out within half a minute, not in two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
"""libpq's parameters for every connection of server mode; seconds, the last milliseconds."""

# A request that cannot get a connection within this time is better refused than kept.
_CHECKOUT_SECONDS = 5.0

# While the server is away requests wait this long: a restart is bridged, and no thread is held up.
_AWAY_SECONDS = 1.5

# The pool's own pause between attempts doubles up to minutes. One that gives up after its second
# attempt is begun anew, so the pause stays at a second.
_ATTEMPTS_SECONDS = 1.0

# From the second time on a statement is prepared; each takes some 30 kB of the database's memory.
_PREPARED_FROM = 1
_MOST_PREPARED = 200

# The database does answer: these are for the caller to handle.
_FOR_THE_CALLER = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.DeadlockDetected,
)

_log = structlog.get_logger(__name__)


class Pool:
    """A pool that gives out transactions; thread-safe.

    A connection may have died while it lay in the pool. The first message of a transaction shows
    it, and another connection is taken then; so nothing need be asked before.
    """

    def __init__(
        self, url: str, *, most: int, name: str, preparing: Preparing = "auto", away: bool = False
    ) -> None:
        """Prepare up to ``most`` connections to the PostgreSQL at ``url``; opens none yet.

        Args:
            url: of the server, or of a pooler in front of it.
            most: connections at a time.
            name: as which the database lists them.
            preparing: whether statements are prepared.
            away: whether to think of the server as away until it has answered.
        """
        self._most = most
        self._preparing = preparing
        self._away = threading.Event()
        if away:
            self._away.set()
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            min_size=1,
            max_size=most,
            open=False,
            timeout=_CHECKOUT_SECONDS,
            configure=self._configure,
            # Transactions are begun here, together with their role; the pool ends them.
            kwargs={**CONNECTING, "application_name": name, "autocommit": True},
            name=name,
            reconnect_timeout=_ATTEMPTS_SECONDS,
            reconnect_failed=self._still_away,
        )

    def open(self) -> None:
        """Connect, in the background."""
        self._pool.open()

    def close(self) -> None:
        """Close every connection; statements that run are waited for."""
        self._pool.close()

    def statistics(self) -> dict[str, int]:
        """Return the pool's own counters, for metrics."""
        return dict(self._pool.get_stats())

    @property
    def away(self) -> bool:
        """Whether the last attempts to connect have failed."""
        return self._away.is_set()

    @contextmanager
    def transaction(
        self, begin: sql.Composed, *, patience: float | None = None
    ) -> Iterator[Connection]:
        """Yield a connection on which ``begin`` has begun a transaction; it ends with the block.

        Args:
            begin: one message, with whatever belongs to every such transaction.
            patience: seconds to wait for a connection.

        Raises:
            Unavailable: there is no connection, or it breaks.
        """
        connection = self._begun(begin, patience)
        try:
            with connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if isinstance(error, _FOR_THE_CALLER):
                raise
            raise _lost(error) from error
        finally:
            if renewal.is_due(connection):
                connection.close()
            self._pool.putconn(connection)

    def _begun(self, begin: sql.Composed, patience: float | None) -> Connection:
        if patience is None:
            patience = _AWAY_SECONDS if self.away else _CHECKOUT_SECONDS
        deadline = time.monotonic() + patience
        # All may have died at once; each is found out at its first use.
        for _ in range(self._most + 1):
            connection = self._checked_out(deadline - time.monotonic())
            try:
                connection.execute(begin, prepare=False)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                self._pool.putconn(connection)
                if not connection.closed:
                    raise _lost(error) from error
                lost = error
            except BaseException:
                self._pool.putconn(connection)
                raise
            else:
                self._away.clear()
                return connection
        raise _lost(lost) from lost

    def _checked_out(self, seconds: float) -> Connection:
        try:
            return self._pool.getconn(max(0.001, seconds))
        except PoolTimeout as error:
            raise Unavailable(
                "No connection to the database was free in time.",
                hint="Try again in a few seconds. If it stays so, check that PostgreSQL runs and "
                "allows enough connections.",
            ) from error

    def _configure(self, connection: psycopg.Connection[Any]) -> None:
        # Nothing may be set here for the session: behind a pooler the next transaction has another.
        register_vector(connection)
        prepares = self._preparing == "on" or (
            self._preparing == "auto" and not behind_pooler(connection)
        )
        # Every version has statements of its own, three for each query: who asks twice, asks again.
        connection.prepare_threshold = _PREPARED_FROM if prepares else None
        connection.prepared_max = _MOST_PREPARED
        self._away.clear()

    def _still_away(self, pool: ConnectionPool[Any]) -> None:
        self._away.set()
        # Begins the next attempt if no connection is left, whether a request waits for it or not.
        pool.check()


def _lost(error: psycopg.Error) -> Unavailable:
    # The reason may name hosts and files of the server, which tenants must not see.
    _log.warning("database_failed", reason=str(error).strip())
    return Unavailable(
        "The database does not answer.",
        hint="Try again in a few seconds; the log of the service has the reason.",
    )


def behind_pooler(connection: psycopg.Connection[Any]) -> bool:
    """Whether a pooler (PgBouncer, for example) stands between this program and the server.

    It answers with a number of its own where the server answers with that of its process.
    """
    row = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    return row is not None and row[0] != connection.info.backend_pid
