"""Rejected items of a job, written in the transaction of their batch: the first thousand of them.

How many there were in all, and for which reasons, stands in the job's checkpoint and result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coco_server.store.rows import all_rows
from coco_server.store.session import TenantSession

__all__ = ["MOST", "StoredRejection", "add", "clear", "read"]

MOST = 1_000
"""Rejections that are listed; a thousand examples say what is wrong with an import, and with the
lengths below they take a megabyte at most, whatever was sent."""

_LONGEST_MESSAGE = 500
_LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class StoredRejection:
    """One item of an import, by its position in what was sent."""

    item: int
    code: str
    message: str
    doc_id: str | None


def add(
    session: TenantSession, job_id: str, rejected: Sequence[StoredRejection], *, before: int = 0
) -> None:
    """List rejected items; call it in the transaction that moves the job's checkpoint past them.

    Args:
        session: of the job's org.
        job_id: the job.
        rejected: in the order of their positions.
        before: how many the job has rejected already; of all only the first `MOST` are listed.
    """
    rejected = rejected[: max(0, MOST - before)]
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
            [_cut(each.message, _LONGEST_MESSAGE) for each in rejected],
            [each.doc_id and _cut(each.doc_id, _LONGEST_ID) for each in rejected],
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


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
