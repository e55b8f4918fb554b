"""Rejected items of a job, written in the transaction of their batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coco_server.store.rows import all_rows
from coco_server.store.session import TenantSession

__all__ = ["StoredRejection", "add", "clear", "counts", "read"]


@dataclass(frozen=True, slots=True)
class StoredRejection:
    """One item of an import, by its position in what was sent."""

    item: int
    code: str
    message: str
    doc_id: str | None


def add(session: TenantSession, job_id: str, rejected: Sequence[StoredRejection]) -> None:
    """List rejected items; call it in the transaction that moves the job's checkpoint past them."""
    if not rejected:
        return
    # Not by COPY, which PostgreSQL refuses where a policy hides rows.
    session.connection.execute(
        "INSERT INTO job_rejections (org_id, job_id, item, code, message, doc_id) "
        "SELECT %s, %s, * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[])",
        (
            session.org_id,
            job_id,
            [each.item for each in rejected],
            [each.code for each in rejected],
            [each.message for each in rejected],
            [each.doc_id for each in rejected],
        ),
    )


def read(
    session: TenantSession, job_id: str, *, after: int = -1, most: int = 1000
) -> list[StoredRejection]:
    """Return rejected items whose position is above ``after``, in order."""
    return all_rows(
        session,
        StoredRejection,
        "SELECT {columns} FROM job_rejections WHERE org_id = %s AND job_id = %s AND item > %s "
        "ORDER BY item LIMIT %s",
        (session.org_id, job_id, after, most),
    )


def clear(session: TenantSession, job_id: str) -> None:
    """Forget the rejected items of a job that begins again."""
    session.connection.execute(
        "DELETE FROM job_rejections WHERE org_id = %s AND job_id = %s", (session.org_id, job_id)
    )


def counts(session: TenantSession, job_id: str) -> dict[str, int]:
    """Return how many items were rejected for each reason."""
    rows = session.connection.execute(
        "SELECT code, count(*) FROM job_rejections WHERE org_id = %s AND job_id = %s "
        "GROUP BY code ORDER BY code",
        (session.org_id, job_id),
    ).fetchall()
    return dict(rows)
