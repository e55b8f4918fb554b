"""Usage by org and month: what was used each day, and the most that was held."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from coco_core.errors import InvalidInput
from coco_server.store.rows import all_rows
from coco_server.store.session import SystemSession

__all__ = ["MonthlyUsage", "add_queries", "first_day", "monthly", "sample_held"]

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")

# The highest sample of the day; samples are taken by the round of retention, once an hour.
_SAMPLE = """
    INSERT INTO usage (org_id, day, documents_held, chunks_held, bytes_held, memos_held)
    SELECT org_id, (now() AT TIME ZONE 'UTC')::date, documents, chunks, storage_bytes,
        (SELECT count(*) FROM memos WHERE memos.org_id = org_totals.org_id)
    FROM org_totals ORDER BY org_id
    ON CONFLICT (org_id, day) DO UPDATE SET
        documents_held = greatest(usage.documents_held, excluded.documents_held),
        chunks_held = greatest(usage.chunks_held, excluded.chunks_held),
        bytes_held = greatest(usage.bytes_held, excluded.bytes_held),
        memos_held = greatest(usage.memos_held, excluded.memos_held)
"""

# In one order, so that two processes which write at once do not wait for each other in a circle.
_ADD_QUERIES = """
    INSERT INTO usage (org_id, day, queries)
    SELECT org_id, (now() AT TIME ZONE 'UTC')::date, counted.queries
    FROM unnest(%s::text[], %s::bigint[]) AS counted (org_id, queries) JOIN orgs USING (org_id)
    ORDER BY org_id
    ON CONFLICT (org_id, day) DO UPDATE SET queries = usage.queries + excluded.queries
"""

_MONTHLY = """
    SELECT org_id, name, count(usage.day)::int AS days,
        coalesce(sum(queries), 0)::bigint AS queries,
        coalesce(sum(embeddings), 0)::bigint AS embeddings,
        coalesce(sum(items), 0)::bigint AS items,
        coalesce(max(documents_held), 0)::bigint AS documents_held,
        coalesce(max(chunks_held), 0)::bigint AS chunks_held,
        coalesce(max(bytes_held), 0)::bigint AS bytes_held,
        coalesce(sum(bytes_held), 0)::bigint AS byte_days,
        coalesce(max(memos_held), 0)::bigint AS memos_held
    FROM orgs LEFT JOIN (
        SELECT * FROM usage WHERE day >= %(first)s AND day < %(first)s + interval '1 month'
    ) AS usage USING (org_id)
    WHERE %(org)s::text IS NULL OR org_id = %(org)s
    GROUP BY org_id, name ORDER BY org_id
"""


@dataclass(frozen=True, slots=True)
class MonthlyUsage:
    """What an org used and held in one month (UTC)."""

    org_id: str
    name: str
    days: int
    """Days with any use, or a sample."""
    queries: int
    embeddings: int
    items: int
    """Items of imports."""
    documents_held: int
    """The most of any sample, in all stored versions; so are chunks, bytes and memos."""
    chunks_held: int
    bytes_held: int
    byte_days: int
    """The highest sample of each day, summed: divided by the days it is the mean."""
    memos_held: int


def first_day(month: str) -> date:
    """Return the first day of a month that is written as ``2026-11``.

    Raises:
        InvalidInput: it is written otherwise.
    """
    found = _MONTH.fullmatch(month)
    if found is None or found[1] == "0000":
        raise InvalidInput(f"{month!r} is no month.", hint="Write it as 2026-11.")
    return date(int(found[1]), int(found[2]), 1)


def add_queries(session: SystemSession, counted: Mapping[str, int]) -> None:
    """Add queries by org to the use of today; those of an org that was erased are dropped."""
    session.connection.execute(_ADD_QUERIES, (list(counted), list(counted.values())))


def sample_held(session: SystemSession) -> None:
    """Note what every org holds now, if it is the most of today."""
    session.connection.execute(_SAMPLE)


def monthly(session: SystemSession, first: date, org_id: str | None = None) -> list[MonthlyUsage]:
    """Return the use of a month by org, of one org or of all."""
    return all_rows(session, MonthlyUsage, _MONTHLY, {"first": first, "org": org_id})
