"""Requeue: a failed job's work is given to a new job, and a new version."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from coco_core.errors import CocoError, VersionConflict
from coco_server.jobs import events, overview, queue
from coco_server.jobs.payload import IngestPayload
from coco_server.jobs.records import Job
from coco_server.store import usage, versions
from coco_server.store.blobs import BlobStore
from coco_server.store.ids import new_id
from coco_server.store.session import Database, TenantSession
from coco_server.store.usage import Quotas

__all__ = ["requeue", "requeue_all"]

# Everything that was asked for; what had happened to the old one begins anew. Its idempotency key
# stays with the old job: the same request again still finds that.
_COPY = """
    INSERT INTO jobs (job_id, org_id, project_id, user_id, version_id, kind, payload, priority,
        max_attempts, total, config_id, merge, doc_id)
    SELECT %(new)s, org_id, project_id, user_id, %(version)s, kind, payload, priority, max_attempts,
        total, config_id, merge, doc_id
    FROM jobs WHERE job_id = %(old)s
"""


def requeue(
    database: Database,
    blobs: BlobStore,
    job_id: str,
    *,
    note: Callable[[TenantSession], None] | None = None,
) -> Job:
    """Start a failed job's work again; returns the new job.

    ``note`` is called in the transaction that makes it.

    Raises:
        JobNotFound: there is no such job.
        VersionConflict: it has not failed, it was requeued before, its import is gone, or a build
            of this config is under way.
    """
    with database.system() as session:
        old = overview.get(session, job_id)
    if old.state != "failed":
        raise VersionConflict(
            f"The job {job_id!r} is {old.state}; only failed jobs are requeued.",
            hint="`coco-server job list --state failed` lists them.",
        )
    # A compaction imports nothing.
    source = _source(blobs, old) if "blob_ref" in old.payload else None
    with database.tenant(old.org_id) as session:
        if note is not None:
            note(session)
        return _replace(session, old, source)


def requeue_all(
    database: Database,
    blobs: BlobStore,
    *,
    org_id: str | None = None,
    kind: str | None = None,
    code: str | None = None,
) -> Iterable[tuple[Job, Job | CocoError]]:
    """Requeue dead letters of an org, a kind or a code; yields each, and its new job or why not."""
    with database.system() as session:
        found = overview.dead_letters(session, org_id=org_id, kind=kind, code=code)
    for old in found:
        try:
            yield old, requeue(database, blobs, old.job_id)
        except CocoError as error:
            yield old, error


def _source(blobs: BlobStore, old: Job) -> tuple[IngestPayload, int]:
    """Return what a job imports, and its bytes."""
    payload = IngestPayload.from_dict(old.payload)
    try:
        return payload, blobs.info(old.org_id, payload.blob_ref).size
    except CocoError as error:
        raise VersionConflict(
            f"What the job {old.job_id!r} was to import is gone: {error.message}",
            hint="Send the import again; COCO_RETENTION_JOB_HOURS says how long imports are kept.",
        ) from error


def _replace(session: TenantSession, old: Job, source: tuple[IngestPayload, int] | None) -> Job:
    new = new_id("job")
    marked = session.connection.execute(
        "UPDATE jobs SET requeued_as = %s WHERE org_id = %s AND job_id = %s "
        "AND state = 'failed' AND requeued_as IS NULL",
        (new, session.org_id, old.job_id),
    ).rowcount
    if not marked:
        raise VersionConflict(
            f"The job {old.job_id!r} was requeued before.",
            hint="`coco-server job show` names the job that replaces it.",
        )
    version_id = None
    # A merge begins its version when it runs, from the version that is active then.
    if source is not None and source[0].mode != "merge":
        config_id = source[0].plan.config.config_id
        version = versions.create(session, old.project_id, config_id)
        version_id = version.version_id
        # The operator has decided; no quota stands against it, and what it takes counts.
        usage.reserve_build(
            session, Quotas(), version_id, documents=old.total or 0, storage_bytes=source[1]
        )
    session.connection.execute(_COPY, {"new": new, "old": old.job_id, "version": version_id})
    events.append(session, new, "queued", {"kind": old.kind})
    events.append(session, old.job_id, "requeued", {"job_id": new})
    session.connection.execute("SELECT pg_notify(%s, %s)", (queue.JOBS_CHANNEL, new))
    return queue.get(session, old.project_id, new)
