"""Read replicas: streaming copies of the database that answer queries in its place.

The primary says which version answers, so a query that follows an activation never gets the earlier
version. A replica is asked only if it has that version, and all of it, by then; a complete version
never changes. Where none can answer, the primary does.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import psycopg
import structlog

from coco_core.errors import Unavailable, VersionNotFound
from coco_server.database_urls import Preparing
from coco_server.store import versions
from coco_server.store.session import Database, TenantSession, TimeLimits
from coco_server.store.versions import Version

__all__ = ["Replicas"]

_T = TypeVar("_T")

# The primary answers as well: a replica whose connections are all in use is not waited for.
_PATIENCE_SECONDS = 0.25

_log = structlog.get_logger(__name__)


class Replicas:
    """The read replicas of a database; thread-safe."""

    def __init__(
        self, urls: Sequence[str], *, most: int, preparing: Preparing, limits: TimeLimits
    ) -> None:
        """Prepare up to ``most`` connections to each; opens none yet."""
        self._replicas = [
            Database(url, most=most, name="coco-server-replica", preparing=preparing, limits=limits)
            for url in urls
        ]
        self._turns = itertools.count()
        self._lock = threading.Lock()
        self.answered = 0
        """Queries that a replica has answered."""
        self.missed = 0
        """Queries for which none could."""

    def __len__(self) -> int:
        return len(self._replicas)

    def open(self) -> None:
        """Connect, in the background: a replica that is away is no reason not to start."""
        for each in self._replicas:
            each.open()

    def close(self) -> None:
        """Close every connection."""
        for each in self._replicas:
            each.close()

    def ask(self, version: Version, work: Callable[[TenantSession], _T]) -> _T | None:
        """Return what ``work`` finds on a replica that has the version; None if there is none.

        Raises:
            QueryTimeout: a statement took too long; it would on the primary, too.
        """
        first = next(self._turns)
        for number in range(len(self._replicas)):
            replica = self._replicas[(first + number) % len(self._replicas)]
            if replica.away:
                continue
            try:
                with replica.read_transaction(
                    version.org_id, patience=_PATIENCE_SECONDS
                ) as session:
                    if _has(session, version):
                        found = work(session)
                        self._count(answered=1)
                        return found
            except Unavailable as error:
                if type(error) is not Unavailable:
                    raise
                _log.warning("replica_failed", replica=number, reason=error.message)
            except (psycopg.errors.UndefinedTable, psycopg.errors.SerializationFailure) as error:
                # What the primary has removed since is removed under the query, or cancels it.
                _log.info("replica_overtaken", replica=number, reason=str(error).strip())
        self._count(missed=1)
        return None

    def _count(self, *, answered: int = 0, missed: int = 0) -> None:
        with self._lock:
            self.answered += answered
            self.missed += missed


def _has(session: TenantSession, version: Version) -> bool:
    """Whether the replica has come to where the version was complete, as the primary has it."""
    try:
        here = versions.get(session, version.project_id, version.version_id)
    except VersionNotFound:
        return False
    complete = here.status in ("READY", "ACTIVE", "ARCHIVED")
    return complete and (here.parts, here.restricted) == (version.parts, version.restricted)
