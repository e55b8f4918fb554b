"""Retention of versions: drops those that no rollback can reach, in small steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime

import psycopg

from coco_core.errors import VersionConflict
from coco_server.store import access, usage, versions
from coco_server.store.rows import all_rows
from coco_server.store.session import Database, SystemSession, TenantSession
from coco_server.store.vectors import VectorStore

__all__ = [
    "EndedMemos",
    "Expired",
    "RetentionPolicy",
    "expired",
    "prune",
    "prune_memos",
    "remove",
    "remove_version",
]

# Dropping waits for those who read; behind a drop that waits, new readers queue up, so it gives up
# early and comes again.
_LOCK_TIMEOUT = "200ms"

# Rows of a shared table that one transaction deletes.
_STEP_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """Which versions are kept beside the active one."""

    keep_versions: int = 2
    """The newest that were active before, for a rollback."""
    keep_hours: float = 24.0
    """Everything younger than this, whatever its number."""
    # A query that has chosen a version reads it within seconds; this is far more.
    soak_seconds: float = 300.0
    """How long a version is left alone after it was last active, at least."""
    job_hours: float = 168.0
    """How long a finished job stays whose version is gone, and an import that no job refers to."""


@dataclass(frozen=True, slots=True)
class Expired:
    """A version that can go."""

    version_id: str
    version_no: int
    org_id: str
    project_id: str
    dimension: int
    status: str
    document_count: int
    chunk_count: int
    storage_bytes: int
    since: datetime


@dataclass(frozen=True, slots=True)
class EndedMemos:
    """Notes and sessions whose time is over."""

    memos: int
    sessions: int


def prune_memos(
    session: SystemSession, *, org_id: str | None = None, dry_run: bool = False
) -> EndedMemos:
    """Remove notes and sessions whose time is over; returns how many were, or would be."""
    counted = session.connection.execute(
        "SELECT "
        "(SELECT count(*) FROM memos "
        "WHERE expires_at <= now() AND (%(org)s::text IS NULL OR org_id = %(org)s)), "
        "(SELECT count(*) FROM sessions "
        "WHERE expires_at <= now() AND (%(org)s::text IS NULL OR org_id = %(org)s))",
        {"org": org_id},
    ).fetchone()
    assert counted is not None
    if not dry_run:
        session.connection.execute(
            "WITH ended AS (DELETE FROM memos "
            "WHERE expires_at <= now() AND (%(org)s::text IS NULL OR org_id = %(org)s)) "
            "DELETE FROM sessions "
            "WHERE expires_at <= now() AND (%(org)s::text IS NULL OR org_id = %(org)s)",
            {"org": org_id},
        )
    return EndedMemos(memos=counted[0], sessions=counted[1])


def expired(session: SystemSession, policy: RetentionPolicy) -> list[Expired]:
    """Return the versions that the policy does not keep, oldest first.

    A project keeps, of each config, its newest ``keep_versions`` ARCHIVED and READY versions, and
    all that left the service less than ``keep_hours`` ago; of a config that is not the active one
    at least the newest, which answers whoever names it. Failed builds go as soon as their workers
    have let go.
    """
    return all_rows(
        session,
        Expired,
        """
        SELECT {columns} FROM (
            SELECT version.*, coalesce(archived_at, ready_at, version.created_at) AS since,
                row_number() OVER (
                    PARTITION BY project_id, config_id, status = 'FAILED'
                    ORDER BY coalesce(archived_at, ready_at, version.created_at) DESC,
                        version_no DESC
                ) AS place,
                row_number() OVER (
                    PARTITION BY project_id, config_id, status = 'FAILED' ORDER BY version_no DESC
                ) = 1 AND config_id <> active_config_id AS answers
            FROM project_versions AS version JOIN projects USING (org_id, project_id)
            WHERE status IN ('READY', 'ARCHIVED', 'FAILED')
        ) AS ranked
        WHERE since <= now() - make_interval(secs => %(soak)s) AND (
            status = 'FAILED'
            OR (place > %(keep)s AND NOT answers
                AND since <= now() - make_interval(secs => %(hours)s * 3600))
        )
        ORDER BY version_no
        """,
        {"keep": policy.keep_versions, "hours": policy.keep_hours, "soak": policy.soak_seconds},
    )


def remove(
    database: Database,
    version: Expired,
    vectors: VectorStore | None = None,
    *,
    note: Callable[[TenantSession], None] | None = None,
) -> bool:
    """Remove a version, in several transactions; False if it is read or was activated meanwhile.

    ``note`` is called in the first of them.

    Repeating it after an interruption goes on where it stopped.
    """
    try:
        with database.tenant(version.org_id) as session:
            if not _take_out(session, version):
                return False
            if note is not None:
                note(session)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        return False
    if vectors is not None:
        vectors.drop(version.version_no, version.dimension)
    while True:
        with database.tenant(version.org_id) as session:
            deleted = session.connection.execute(
                "DELETE FROM documents WHERE ctid = ANY (ARRAY("
                "SELECT ctid FROM documents WHERE org_id = %s AND version_no = %s LIMIT %s))",
                (session.org_id, version.version_no, _STEP_ROWS),
            ).rowcount
            if deleted < _STEP_ROWS:
                session.connection.execute(
                    "DELETE FROM project_versions WHERE org_id = %s AND version_id = %s "
                    "AND status = 'FAILED'",
                    (session.org_id, version.version_id),
                )
                return True


def remove_version(
    database: Database,
    org_id: str,
    project_id: str,
    version_id: str,
    vectors: VectorStore | None = None,
    *,
    note: Callable[[TenantSession], None] | None = None,
) -> None:
    """Remove a version because it is wanted gone.

    ``note`` is called in the transaction that makes it unreadable.

    Raises:
        VersionNotFound: the org's project has none of this id.
        VersionConflict: it is active, being built, or being read.
    """
    with database.tenant(org_id) as session:
        found = versions.get(session, project_id, version_id)
    if found.status in ("ACTIVE", "BUILDING"):
        raise VersionConflict(
            f"The version {version_id!r} is {found.status} and cannot be removed.",
            hint="Activate another one, or cancel the job that builds it.",
            details={"status": found.status},
        )
    shared = {
        each.name: getattr(found, each.name) for each in fields(Expired) if each.name != "since"
    }
    wanted = Expired(**shared, since=found.created_at)
    if not remove(database, wanted, vectors, note=note):
        raise VersionConflict(
            f"The version {version_id!r} is being read, or was activated just now.",
            hint="Try again in a moment.",
        )


def prune(
    database: Database,
    policy: RetentionPolicy,
    *,
    org_id: str | None = None,
    dry_run: bool = False,
    vectors: VectorStore | None = None,
) -> list[Expired]:
    """Remove what the policy does not keep; returns what was removed, or would be.

    ``vectors`` is where vectors are kept that do not go with a version's tables.
    """
    with database.system() as session:
        found = expired(session, policy)
    if org_id is not None:
        found = [version for version in found if version.org_id == org_id]
    if dry_run:
        return found
    return [version for version in found if remove(database, version, vectors)]


def _take_out(session: TenantSession, version: Expired) -> bool:
    """Drop the version's tables, and mark it so that nobody can activate it any more."""
    session.connection.execute("SELECT set_config('lock_timeout', %s, true)", (_LOCK_TIMEOUT,))
    # The row's lock keeps an activation out; an activation that came first leaves no row here.
    row = session.connection.execute(
        "SELECT failure ? 'removed' FROM project_versions WHERE org_id = %s AND version_id = %s "
        "AND status = ANY(%s) FOR UPDATE",
        (session.org_id, version.version_id, ["READY", "ARCHIVED", "FAILED"]),
    ).fetchone()
    if row is None:
        return False
    if row[0]:
        return True
    session.connection.execute(
        "SELECT coco_drop_version(%s, %s)", (version.version_no, session.org_id)
    )
    access.drop_lists(session, version.version_no)
    session.connection.execute(
        "UPDATE project_versions SET status = 'FAILED', "
        "failure = coalesce(failure, '{}') || '{\"removed\": true}' "
        "WHERE org_id = %s AND version_id = %s",
        (session.org_id, version.version_id),
    )
    usage.release(
        session,
        documents=version.document_count,
        chunks=version.chunk_count,
        storage_bytes=version.storage_bytes,
    )
    return True
