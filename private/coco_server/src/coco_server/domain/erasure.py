"""Erasure of projects, orgs and users: in the database, the blob store and the vector store.

Each step may be interrupted anywhere and is repeated without harm: what was begun goes on in the
next round of retention, or when it is asked for again.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace
from typing import LiteralString

import psycopg
import structlog

from coco_core.errors import CocoError, VersionConflict
from coco_server.jobs import overview, queue
from coco_server.jobs.leases import end
from coco_server.store import erasures
from coco_server.store.blobs import BlobStore
from coco_server.store.erasures import Erasure
from coco_server.store.session import Database, SystemSession
from coco_server.store.tenant_tables import delete_rows, tables_of
from coco_server.store.vectors import VectorStore

__all__ = ["Eraser"]

_NO_ACTIVE: LiteralString = """
    UPDATE projects SET active_version_id = NULL
    WHERE org_id = %(org)s AND project_id = %(project)s
"""

# An empty list of users stands for all of them: a key of this user alone is deleted.
_DELETE_OWN_KEYS: LiteralString = """
    DELETE FROM api_keys WHERE org_id = %(org)s AND users = ARRAY[%(user)s::text]
"""
_LEAVE_KEYS: LiteralString = """
    UPDATE api_keys SET users = array_remove(users, %(user)s)
    WHERE org_id = %(org)s AND %(user)s = ANY (users)
"""

# Once: what is given back stands nowhere afterwards. A version that an older program built has no
# row of a segment.
_GIVE_BACK: LiteralString = """
    WITH held AS (
        SELECT document_count AS documents, chunk_count AS chunks, storage_bytes AS bytes
        FROM segments WHERE org_id = %(org)s AND project_id = %(project)s
        UNION ALL
        SELECT document_count, chunk_count, storage_bytes FROM project_versions AS version
        WHERE org_id = %(org)s AND project_id = %(project)s AND segments = '{}'
            AND NOT coalesce(failure ? 'removed', false)
            AND NOT EXISTS (SELECT FROM segments WHERE segment_no = version.version_no)
        UNION ALL
        SELECT reserved_documents, 0, reserved_bytes FROM project_versions
        WHERE org_id = %(org)s AND project_id = %(project)s
    ), total AS (
        SELECT coalesce(sum(documents), 0)::bigint AS documents,
            coalesce(sum(chunks), 0)::bigint AS chunks, coalesce(sum(bytes), 0)::bigint AS bytes
        FROM held
    )
    UPDATE org_totals SET documents = greatest(0, org_totals.documents - total.documents),
        chunks = greatest(0, org_totals.chunks - total.chunks),
        storage_bytes = greatest(0, org_totals.storage_bytes - total.bytes)
    FROM total WHERE org_id = %(org)s
"""

_EMPTY_SEGMENTS: LiteralString = """
    UPDATE segments SET document_count = 0, chunk_count = 0, storage_bytes = 0
    WHERE org_id = %(org)s AND project_id = %(project)s
"""

# A segment that a version is made of is not dropped before the version is removed.
_MARK_REMOVED: LiteralString = """
    UPDATE project_versions SET status = 'FAILED', reserved_documents = 0, reserved_bytes = 0,
        failure = coalesce(failure, '{}') || '{"removed": true}'
    WHERE org_id = %(org)s AND project_id = %(project)s
"""

_log = structlog.get_logger(__name__)

# A worker hears of a cancellation at once and stops at its next batch. After this time its job is
# ended for it: its fence then keeps it from writing.
_STOP_SECONDS = 15.0
_LOOK_SECONDS = 0.2

# Queries that read a segment end within seconds.
_DROP_LOCK_TIMEOUT = "2s"
_DROP_TRIES = 15

# A worker whose job was ended for it may still send its batch to a vector store outside.
_SWEEP_AFTER_SECONDS = 120.0


class Eraser:
    """Removes what an erasure names."""

    def __init__(self, database: Database, blobs: BlobStore, vectors: VectorStore) -> None:
        self._database = database
        self._blobs = blobs
        self._vectors = vectors
        self._pause = threading.Event()

    def run(self, erasure: Erasure) -> Erasure:
        """Remove everything; returns the finished record.

        Raises:
            VersionConflict: a query, an export or a backup keeps reading; a later run goes on.
            Unavailable: the database, the blob store or the vector store does not answer.
        """
        if erasure.kind == "project":
            assert erasure.project_id is not None
            erasure = self._project(erasure, erasure.project_id)
        elif erasure.kind == "org":
            erasure = self._org(erasure)
        else:
            assert erasure.user_id is not None
            erasure = self._user(erasure, erasure.user_id)
        with self._database.system() as session:
            done = erasures.finish(session, erasure)
        _log.info("erased", kind=done.kind, erasure_id=done.erasure_id, removed=dict(done.removed))
        return done

    def resume(self) -> int:
        """Go on with what was interrupted, and sweep what was erased lately; returns how many."""
        with self._database.system() as session:
            open_ones = erasures.list_all(session, unfinished=True)
            finished = erasures.list_all(session)
        done = 0
        for erasure in open_ones:
            try:
                self.run(erasure)
                done += 1
            except CocoError as error:
                _log.warning("erasure_waits", erasure_id=erasure.erasure_id, reason=error.message)
        for erasure in finished:
            self._sweep(erasure)
        return done

    def _sweep(self, erasure: Erasure) -> None:
        """Drop the vectors again that a worker may have sent after their segment was erased."""
        if not erasure.vectors or erasure.finished_at is None:
            return
        age = time.time() - erasure.finished_at.timestamp()
        if age < _SWEEP_AFTER_SECONDS:
            return
        for number, dimension in erasure.vectors:
            self._vectors.drop(number, dimension)
        with self._database.system() as session:
            erasures.keep(session, replace(erasure, vectors=[]))

    def _org(self, erasure: Erasure) -> Erasure:
        with self._database.system() as session:
            rows = session.connection.execute(
                "SELECT project_id FROM projects WHERE org_id = %s", (erasure.org_id,)
            ).fetchall()
        for (project_id,) in rows:
            erasure = self._project(erasure, project_id)
        removed = Counter(dict(erasure.removed))
        with self._database.system() as session:
            tables = tables_of(session.connection, "project_id")
        for table in tables:
            removed[table] += delete_rows(self._database, table, erasure.org_id)
        for blob in self._blobs.stored(erasure.org_id):
            self._blobs.delete(erasure.org_id, blob.ref)
            removed["blobs"] += 1
        # Every other table refers to the org.
        removed["orgs"] += delete_rows(self._database, "orgs", erasure.org_id)
        return replace(erasure, removed=dict(+removed))

    def _user(self, erasure: Erasure, user_id: str) -> Erasure:
        removed = Counter(dict(erasure.removed))
        with self._database.system() as session:
            tables = tables_of(session.connection, "user_id")
            # A job is the project's; only who began it is forgotten.
            values = {"org": erasure.org_id, "user": user_id}
            removed["api_keys"] += session.connection.execute(_DELETE_OWN_KEYS, values).rowcount
            session.connection.execute(_LEAVE_KEYS, values)
            removed["jobs"] += session.connection.execute(
                "UPDATE jobs SET user_id = NULL WHERE org_id = %s AND user_id = %s",
                (erasure.org_id, user_id),
            ).rowcount
        for table in tables:
            if table != "jobs":
                removed[table] += delete_rows(
                    self._database, table, erasure.org_id, "user_id", user_id
                )
        return replace(erasure, removed=dict(+removed))

    def _project(self, erasure: Erasure, project_id: str) -> Erasure:
        org_id = erasure.org_id
        removed = Counter(dict(erasure.removed))
        while True:
            self._stop_jobs(org_id, project_id)
            with self._database.system() as session:
                segments = _segments(session, org_id, project_id)
                blobs = _own_blobs(session, org_id, project_id)
                tables = tables_of(session.connection, "project_id")
                if not self._vectors.in_database:
                    known = [list(each) for each in {*map(tuple, erasure.vectors), *segments}]
                    erasure = replace(erasure, vectors=known)
                erasures.keep(session, replace(erasure, removed=dict(removed)))
            self._take_out(org_id, project_id)
            for number, dimension in segments:
                self._drop(org_id, number)
                self._vectors.drop(number, dimension)
            removed["segments"] += len(segments)
            for ref in blobs:
                self._blobs.delete(org_id, ref)
            removed["blobs"] += len(blobs)
            for table in tables:
                if table != "projects":
                    removed[table] += delete_rows(
                        self._database, table, org_id, "project_id", project_id
                    )
            if self._remove_row(org_id, project_id):
                removed["projects"] += 1
                return replace(erasure, removed=dict(+removed))

    def _stop_jobs(self, org_id: str, project_id: str) -> None:
        with self._database.tenant(org_id) as session:
            for job in overview.unfinished(session, project_id):
                queue.request_cancel(session, project_id, job.job_id)
        until = time.monotonic() + _STOP_SECONDS
        while True:
            with self._database.tenant(org_id) as session:
                running = overview.unfinished(session, project_id)
                if not running:
                    return
                if time.monotonic() >= until:
                    for job in running:
                        end(session, job.job_id, "cancelled")
                    return
            self._pause.wait(_LOOK_SECONDS)

    def _drop(self, org_id: str, number: int) -> None:
        for _ in range(_DROP_TRIES):
            try:
                with self._database.tenant(org_id) as session:
                    session.connection.execute(
                        "SELECT set_config('lock_timeout', %s, true)", (_DROP_LOCK_TIMEOUT,)
                    )
                    session.connection.execute("SELECT coco_drop_version(%s, %s)", (number, org_id))
                return
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                self._pause.wait(_LOOK_SECONDS)
        raise VersionConflict(
            "A query, an export or a backup keeps reading what is to be erased.",
            hint="It is hidden already. Ask again later; the service also goes on by itself.",
        )

    def _take_out(self, org_id: str, project_id: str) -> None:
        """Let no version answer any more, and give back what they hold of the org's quotas."""
        values = {"org": org_id, "project": project_id}
        with self._database.system() as session:
            for statement in (_NO_ACTIVE, _GIVE_BACK, _EMPTY_SEGMENTS, _MARK_REMOVED):
                session.connection.execute(statement, values)

    def _remove_row(self, org_id: str, project_id: str) -> bool:
        """Delete the project itself, unless a request that had begun before has added a build."""
        with self._database.system() as session:
            # A new build refers to this row and waits for the lock.
            session.connection.execute(
                "SELECT FROM projects WHERE org_id = %s AND project_id = %s FOR UPDATE",
                (org_id, project_id),
            )
            row = session.connection.execute(
                "SELECT EXISTS (SELECT FROM project_versions WHERE project_id = %(id)s) "
                "OR EXISTS (SELECT FROM jobs WHERE org_id = %(org)s AND project_id = %(id)s)",
                {"org": org_id, "id": project_id},
            ).fetchone()
            assert row is not None
            if not row[0]:
                session.connection.execute(
                    "DELETE FROM projects WHERE org_id = %s AND project_id = %s",
                    (org_id, project_id),
                )
            return not row[0]


def _segments(session: SystemSession, org_id: str, project_id: str) -> list[tuple[int, int]]:
    """Return the number and the dimension of each segment that a project's versions have made."""
    return session.connection.execute(
        "SELECT version_no, dimension FROM project_versions WHERE org_id = %(org)s "
        "AND project_id = %(project)s UNION "
        "SELECT segment_no, dimension FROM segments "
        "JOIN indexing_configs USING (org_id, config_id) "
        "WHERE org_id = %(org)s AND project_id = %(project)s",
        {"org": org_id, "project": project_id},
    ).fetchall()


def _own_blobs(session: SystemSession, org_id: str, project_id: str) -> list[str]:
    """Return the imports that no job of another project refers to; text rules are the org's."""
    rows = session.connection.execute(
        "SELECT DISTINCT job.payload ->> 'blob_ref' FROM jobs AS job WHERE job.org_id = %(org)s "
        "AND job.project_id = %(project)s AND job.payload ? 'blob_ref' AND NOT EXISTS ("
        "SELECT FROM jobs AS other WHERE other.org_id = %(org)s "
        "AND other.project_id <> %(project)s "
        "AND other.payload ->> 'blob_ref' = job.payload ->> 'blob_ref')",
        {"org": org_id, "project": project_id},
    ).fetchall()
    return [ref for (ref,) in rows]
