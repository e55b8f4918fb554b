"""Claims: which job a worker takes next."""

from __future__ import annotations

from typing import LiteralString

from coco_server.jobs import events
from coco_server.jobs.leases import end
from coco_server.jobs.records import Job
from coco_server.store import abandoned
from coco_server.store.rows import one_row
from coco_server.store.session import SystemSession

__all__ = ["LEASE_SECONDS", "claim"]

# Four heartbeats long: one may be lost and one late.
LEASE_SECONDS = 60.0

# Builds of one org that run at once, so that a thousand imports of one leave room for the others.
_MOST_PER_ORG = 2

# Claims take turns: two that count an org's running jobs at once would both see room for one more.
_CLAIM_LOCK = 4_242_002


_TAKE: LiteralString = """
    WITH busy AS (
        SELECT org_id, count(*) AS running FROM jobs
        WHERE state = 'running' AND lease_until > now() AND kind <> 'compact' GROUP BY org_id
    ), expired AS (
        SELECT job_id, org_id, priority FROM jobs
        WHERE state = 'running' AND lease_until <= now() AND attempt < max_attempts
        AND (%(wanted)s::text IS NULL OR job_id = %(wanted)s)
        AND coalesce((kind = 'compact') = %(background)s::bool, true)
    ), fresh AS (
        -- The best of each org is enough, and keeps this quick when one has thousands.
        SELECT DISTINCT ON (org_id) job_id, org_id, priority FROM jobs
        WHERE state = 'queued' AND run_after <= now()
        AND (%(wanted)s::text IS NULL OR job_id = %(wanted)s)
        AND coalesce((kind = 'compact') = %(background)s::bool, true)
        -- Merges into one index take turns: each begins from what the one before it made. What
        -- runs may not have its version yet; what waits to be tried again has it.
        AND NOT (merge AND (EXISTS (
            SELECT FROM jobs AS other WHERE other.org_id = jobs.org_id
                AND other.project_id = jobs.project_id AND other.config_id = jobs.config_id
                AND other.state = 'running' AND other.job_id <> jobs.job_id
                AND (other.merge OR other.kind <> 'compact')
        ) OR EXISTS (
            SELECT FROM project_versions AS version WHERE version.org_id = jobs.org_id
                AND version.project_id = jobs.project_id
                AND version.config_id = jobs.config_id AND version.status = 'BUILDING'
                AND version.version_id IS DISTINCT FROM jobs.version_id
        )))
        ORDER BY org_id, priority DESC, job_id
    ), next AS (
        SELECT jobs.job_id FROM jobs
        JOIN (SELECT * FROM expired UNION ALL SELECT * FROM fresh) AS open USING (job_id)
        LEFT JOIN busy ON busy.org_id = jobs.org_id
        WHERE (coalesce(busy.running, 0) < %(most)s OR jobs.kind = 'compact')
        -- Said again of the row that is locked: between the look above and the lock it may have
        -- ended, been cancelled or renewed, and only what stands here is looked at anew then.
        AND (jobs.state = 'queued' OR (jobs.state = 'running' AND jobs.lease_until <= now()))
        ORDER BY coalesce(busy.running, 0), jobs.priority DESC, jobs.job_id
        LIMIT 1 FOR UPDATE OF jobs SKIP LOCKED
    )
    UPDATE jobs SET state = 'running', attempt = attempt + 1, fence = fence + 1,
        lease_owner = %(worker)s, lease_until = now() + make_interval(secs => %(lease)s),
        started_at = coalesce(started_at, now()), error = NULL
    WHERE job_id = (SELECT job_id FROM next)
    RETURNING {columns}
"""


def claim(
    session: SystemSession,
    worker: str,
    *,
    lease_seconds: float = LEASE_SECONDS,
    most_per_org: int = _MOST_PER_ORG,
    job_id: str | None = None,
    background: bool | None = None,
) -> Job | None:
    """Take the next job: fresh, or of a worker whose lease ran out; orgs with least running first.

    What was lost is failed here (`_fail_lost_work`). With ``job_id`` that job is taken or none.
    With ``background`` only compactions are taken, or (False) only the other jobs.
    """
    session.connection.execute("SELECT pg_advisory_xact_lock(%s)", (_CLAIM_LOCK,))
    _fail_lost_work(session)
    taken = one_row(
        session,
        Job,
        _TAKE,
        {
            "most": most_per_org,
            "worker": worker,
            "lease": lease_seconds,
            "wanted": job_id,
            "background": background,
        },
    )
    if taken is not None:
        events.append(session, taken.job_id, "running", {"attempt": taken.attempt})
    return taken


def _fail_lost_work(session: SystemSession) -> None:
    """Fail jobs whose last attempt was lost, and builds that no job works on.

    Each of the jobs is locked, so that none commits meanwhile.
    """
    dead = session.connection.execute(
        "SELECT job_id, attempt FROM jobs WHERE state = 'running' "
        "AND lease_until <= now() AND attempt >= max_attempts FOR UPDATE SKIP LOCKED"
    ).fetchall()
    for job_id, attempt in dead:
        error = {
            "code": "lease_lost",
            "message": f"Its worker was lost {attempt} times; the job is not tried again.",
        }
        end(session, job_id, "failed", error=error)
    abandoned.fail(session)
