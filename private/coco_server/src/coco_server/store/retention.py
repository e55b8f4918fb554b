"""Retention of versions: drops those that no rollback can reach, in small steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import psycopg
from psycopg import sql

from coco_core.errors import VersionConflict
from coco_server.store import segment_drop, segments, versions
from coco_server.store.rows import all_rows, columns
from coco_server.store.segment_drop import LOCK_TIMEOUT
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

_DROP_LOCK = 4_242_004

_ALONE = sql.SQL("""coalesce((
    SELECT sum(segment.storage_bytes) FROM segments AS segment
    WHERE segment.org_id = version.org_id AND segment.project_id = version.project_id
        AND segment.segment_no = ANY(
            CASE WHEN cardinality(version.segments) = 0 THEN ARRAY[version.version_no]
            ELSE version.segments END)
        AND NOT EXISTS (
            SELECT FROM project_versions AS other WHERE other.org_id = version.org_id
                AND other.project_id = version.project_id
                AND other.version_id <> version.version_id
                AND segment.segment_no = ANY(other.segments)
        )
), 0)::bigint""")


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """Which versions are kept beside the active one."""

    keep_versions: int = 2
    """The newest that were active before, for a rollback."""
    keep_hours: float = 24.0
    """Everything younger than this, whatever its number."""
    # Each merge has tables of its own: one every few seconds for a day would be more than the
    # database's catalog and the file system bear.
    keep_merges: int = 16
    """Of merges only so many, however young they are."""
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
    segments: list[int]
    """As of `coco_server.store.versions.Version`."""
    storage_bytes: int
    """What goes with it alone: of the segments that no other version is made of."""
    since: datetime

    @property
    def parts(self) -> list[int]:
        """The numbers of its segments."""
        return self.segments or [self.version_no]


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
        sql.SQL("""
        SELECT {columns} FROM (
            SELECT version_id, version_no, org_id, project_id, dimension, status, segments,
                base_version_id, {alone} AS storage_bytes,
                coalesce(archived_at, ready_at, version.created_at) AS since,
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
            OR (place > greatest(%(keep)s, %(merges)s) AND NOT answers
                AND base_version_id IS NOT NULL)
        )
        ORDER BY version_no
        """).format(columns=columns(Expired), alone=_ALONE),
        {
            "keep": policy.keep_versions,
            "hours": policy.keep_hours,
            "merges": policy.keep_merges,
            "soak": policy.soak_seconds,
        },
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
    with database.tenant(version.org_id) as session:
        dropped = set(version.parts) - _still_there(session, version.parts)
    for number in dropped:
        segment_drop.remove_rest(database, version.org_id, number, version.dimension, vectors)
    with database.tenant(version.org_id) as session:
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
    removed = [version for version in found if remove(database, version, vectors)]
    segment_drop.drop_unused(database, soak_seconds=policy.soak_seconds, vectors=vectors)
    return removed


def _take_out(session: TenantSession, version: Expired) -> bool:
    """Drop the segments that only this version has, and mark it: it cannot be activated again."""
    session.connection.execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
    # One version of a project after the other: of two that share a segment, the last one drops it.
    session.connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", (version.project_id, _DROP_LOCK)
    )
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
    segments.ensure(session, version.version_id)
    session.connection.execute(
        "UPDATE project_versions SET status = 'FAILED', "
        "failure = coalesce(failure, '{}') || '{\"removed\": true}' "
        "WHERE org_id = %s AND version_id = %s",
        (session.org_id, version.version_id),
    )
    for number in version.parts:
        segment_drop.drop_if_unused(session, number)
    return True


def _still_there(session: TenantSession, numbers: Sequence[int]) -> set[int]:
    """Return the segments that some other version is made of."""
    rows = session.connection.execute(
        "SELECT segment_no FROM segments WHERE org_id = %s AND segment_no = ANY(%s)",
        (session.org_id, list(numbers)),
    ).fetchall()
    return {number for (number,) in rows}
