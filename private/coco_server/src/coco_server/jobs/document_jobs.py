"""Look-ups of jobs by what they read or change: an import, a document, a segment, a project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from coco_server.jobs import queue, rejections
from coco_server.jobs.records import Job
from coco_server.store.rows import one_row
from coco_server.store.session import TenantSession

__all__ = ["of_change", "of_document", "of_segment", "read_in", "unfinished"]


def of_document(session: TenantSession, project_id: str, doc_id: str) -> Job | None:
    """Return the last job that was made to change this one document, if it is still known."""
    return one_row(
        session,
        Job,
        "SELECT {columns} FROM jobs WHERE org_id = %s AND project_id = %s AND doc_id = %s "
        "ORDER BY job_id DESC LIMIT 1",
        (session.org_id, project_id, doc_id),
    )


def of_segment(session: TenantSession, project_id: str, segment_no: int) -> Job | None:
    """Return the job that wrote a segment, if it is still known."""
    return one_row(
        session,
        Job,
        "SELECT {columns} FROM jobs WHERE org_id = %(org)s AND project_id = %(project)s "
        "AND version_id = (SELECT version_id FROM project_versions WHERE org_id = %(org)s "
        "AND version_no = %(number)s) ORDER BY job_id LIMIT 1",
        {"org": session.org_id, "project": project_id, "number": segment_no},
    )


def read_in(session: TenantSession, projects: Sequence[str], blob_ref: str) -> bool:
    """Whether a job of one of these projects reads an import."""
    row = session.connection.execute(
        "SELECT EXISTS (SELECT FROM jobs WHERE org_id = %s AND project_id = ANY(%s) "
        "AND payload ->> 'blob_ref' = %s)",
        (session.org_id, list(projects), blob_ref),
    ).fetchone()
    return bool(row and row[0])


def unfinished(session: TenantSession, project_id: str) -> bool:
    """Whether a job waits or runs that may change documents of the project."""
    row = session.connection.execute(
        "SELECT EXISTS (SELECT FROM jobs WHERE org_id = %s AND project_id = %s "
        "AND state IN ('queued', 'running') AND kind <> 'compact')",
        (session.org_id, project_id),
    ).fetchone()
    return bool(row and row[0])


def of_change(session: TenantSession, project_id: str, job_id: str) -> Job:
    """Return the job of a change for who sent it: its error says why the document was rejected.

    Raises:
        JobNotFound: the org's project has no such job.
    """
    job = queue.get(session, project_id, job_id)
    rejected = rejections.read(session, job_id, most=1) if job.error is not None else []
    if not rejected:
        return job
    message = f"The document was rejected: {rejected[0].message}"
    return replace(job, error={**(job.error or {}), "message": message})
