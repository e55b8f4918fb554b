"""Token buckets that all API processes share: one row for each org, project and lane."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from coco_server.store.session import TenantSession

__all__ = ["Bucket", "Lane", "take"]

Lane: TypeAlias = Literal["query", "ingest", "manage"]
"""Queries and imports have separate buckets, so that neither starves the other; so has what
concerns an org and no project."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a bucket held after a request asked for a token."""

    allowed: bool
    tokens: float
    """What is left."""
    wait_seconds: float
    """Until there is a token again; 0 when there is one."""

    @property
    def remaining(self) -> int:
        """Requests that would be served now."""
        return math.floor(self.tokens)


def take(
    session: TenantSession, project_id: str, lane: Lane, *, per_minute: int, burst: int
) -> Bucket:
    """Take a token if there is one; a bucket fills by ``per_minute`` and holds ``burst``.

    The row stays locked until the transaction ends, so that concurrent requests take turns; commit
    at once. Time is the database's: the start of the transaction, and never before the last take.
    """
    values = {
        "org": session.org_id,
        "project": project_id,
        "lane": lane,
        "rate": per_minute / 60.0,
        "burst": burst,
    }
    row = session.connection.execute(
        """
        INSERT INTO rate_limits AS bucket (org_id, project_id, lane, tokens, updated_at)
        VALUES (%(org)s, %(project)s, %(lane)s, %(burst)s - 1, now())
        ON CONFLICT (org_id, project_id, lane) DO UPDATE SET
            tokens = least(%(burst)s, bucket.tokens + %(rate)s
                * greatest(0, extract(epoch FROM now() - bucket.updated_at))) - 1,
            updated_at = greatest(bucket.updated_at, now())
        WHERE least(%(burst)s, bucket.tokens + %(rate)s
                * greatest(0, extract(epoch FROM now() - bucket.updated_at))) >= 1
        RETURNING tokens
        """,
        values,
    ).fetchone()
    if row is not None:
        return _bucket(allowed=True, tokens=float(row[0]), rate=values["rate"])
    there = session.connection.execute(
        "SELECT least(%(burst)s, tokens + %(rate)s"
        " * greatest(0, extract(epoch FROM now() - updated_at))) FROM rate_limits"
        " WHERE org_id = %(org)s AND project_id = %(project)s AND lane = %(lane)s",
        values,
    ).fetchone()
    assert there is not None, "a bucket that refuses exists"
    return _bucket(allowed=False, tokens=float(there[0]), rate=values["rate"])


def _bucket(*, allowed: bool, tokens: float, rate: object) -> Bucket:
    assert isinstance(rate, float)
    return Bucket(allowed, max(0.0, tokens), max(0.0, (1 - tokens) / rate))
