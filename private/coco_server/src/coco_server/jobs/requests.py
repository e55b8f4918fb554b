"""Repeated requests: one key means one job of one project and config.

A request that names no config means the one that is active when it comes first. Sent again, it
finds its job, whichever is active then.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from coco_core.errors import RequestConflict
from coco_server.jobs.records import Job
from coco_server.store.rows import one_row
from coco_server.store.session import TenantSession

__all__ = ["RequestKey", "find", "take_turn"]


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What makes two requests the same one."""

    key: str
    """As sent in ``idempotency_key``."""
    config: str
    """The config that the request named; empty when it named none, whichever is active then."""
    content: str
    """Hash of all that was asked for."""

    @classmethod
    def of(cls, key: str | None, config_id: str | None, asked: Mapping[str, object]) -> Self | None:
        """Return the key of a request that asks for this plain data; None without a key."""
        if key is None:
            return None
        data = json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()
        return cls(key, config_id or "", hashlib.sha256(data).hexdigest())


def take_turn(session: TenantSession, project_id: str, request: RequestKey) -> None:
    """Wait for requests with the same key that are under way, until the transaction ends.

    So the second of two finds the first one's job before it makes a version.
    """
    session.connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
        ("\x1f".join((session.org_id, project_id, request.key)),),
    )


def find(
    session: TenantSession, project_id: str, request: RequestKey, active_config: str
) -> Job | None:
    """Return the job that the same request started before, if one did.

    Args:
        session: of the project's org.
        project_id: the project.
        request: what is asked; `take_turn` was called for it.
        active_config: what a request means that names no config.

    Raises:
        RequestConflict: the key was used for a request that asked for something else.
    """
    # Jobs of the program before have their key in another column, and no hash.
    job = one_row(
        session,
        Job,
        "SELECT {columns} FROM jobs WHERE org_id = %(org)s AND project_id = %(project)s "
        "AND (request_key = %(key)s OR idempotency_key = %(key)s) "
        "AND (request_config = %(named)s AND request_key IS NOT NULL OR "
        "coalesce(config_id, payload -> 'plan' -> 'config' ->> 'config_id') = %(config)s "
        "OR idempotency_key = %(key)s AND %(named)s = '') "
        "ORDER BY request_config = %(named)s DESC, job_id LIMIT 1",
        {
            "org": session.org_id,
            "project": project_id,
            "key": request.key,
            "named": request.config,
            "config": request.config or active_config,
        },
    )
    if job is None:
        return None
    row = session.connection.execute(
        "SELECT request_hash FROM jobs WHERE org_id = %s AND job_id = %s",
        (session.org_id, job.job_id),
    ).fetchone()
    if row is not None and row[0] not in (None, request.content):
        raise RequestConflict(
            f"The idempotency_key {request.key!r} was used before for another import.",
            hint="Send another key with another content; a repeated request must be the same.",
            details={"job_id": job.job_id},
        )
    if not request.config:
        # From now on it is found without a name also when another config is active.
        session.connection.execute(
            "UPDATE jobs SET request_config = '' WHERE org_id = %s AND job_id = %s "
            "AND request_key IS NOT NULL AND request_config <> ''",
            (session.org_id, job.job_id),
        )
    return job
