"""Audited actions: each is done and logged in one transaction, or it is not done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from coco_core.errors import CocoError
from coco_protocol.server.audit import AuditPage
from coco_server.domain.serializers import audit_body
from coco_server.store import audit
from coco_server.store.audit import Act, AuditQuery
from coco_server.store.session import Database, Session, SystemSession, TenantSession

__all__ = ["AuditTrail", "audit_page"]

T = TypeVar("T")


class AuditTrail:
    """Does what is to be logged; synchronous, for it writes to the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def in_org(
        self,
        act: Act,
        work: Callable[[TenantSession], T],
        *,
        after: Callable[[Act, T], Act] | None = None,
    ) -> T:
        """Run ``work`` in a transaction of the act's org, and log it there.

        Args:
            act: what is done; its org must be named.
            work: does it.
            after: adds what is known only afterwards, such as the id of what was made.
        """
        assert act.org_id is not None, "an act in an org names it"
        with self._refusals(act), self._database.tenant(act.org_id) as session:
            return _logged(session, act, work(session), after)

    def in_system(
        self,
        act: Act,
        work: Callable[[SystemSession], T],
        *,
        after: Callable[[Act, T], Act] | None = None,
    ) -> T:
        """Run ``work`` in a transaction over all orgs, and log it there."""
        with self._refusals(act), self._database.system() as session:
            return _logged(session, act, work(session), after)

    def by_steps(self, act: Act, work: Callable[[Callable[[Session], None]], T]) -> T:
        """Run ``work``, which has several transactions and calls its argument in the first."""
        with self._refusals(act):
            return work(lambda session: audit.record(session, act))

    @contextmanager
    def _refusals(self, act: Act) -> Iterator[None]:
        """Log an action that ends with an error; the error goes on."""
        try:
            yield
        except CocoError as error:
            # Without a database there is nowhere to log to, and nothing was done.
            if not error.retryable:
                with self._database.system() as session:
                    audit.record(session, act, outcome=error.code)
            raise


def audit_page(session: Session, query: AuditQuery) -> AuditPage:
    """Return a page of the log, newest first.

    Raises:
        InvalidInput: the cursor names no event that the session sees.
    """
    # One more tells of a next page.
    found = audit.read(session, replace(query, limit=query.limit + 1))
    shown = found[: query.limit]
    return AuditPage(
        events=[audit_body(event) for event in shown],
        next_cursor=shown[-1].event_id if len(found) > len(shown) else None,
    )


def _logged(session: Session, act: Act, found: T, after: Callable[[Act, T], Act] | None) -> T:
    audit.record(session, act if after is None else after(act, found))
    return found
