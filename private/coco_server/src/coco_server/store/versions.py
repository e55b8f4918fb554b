"""Versions of a project: complete builds under a config, of which one is active.

BUILDING → READY → ACTIVE ↔ ARCHIVED, or FAILED. The database guards that a project has one active
version and a config one build at a time; which version answers is one row, changed by
compare-and-swap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from types import EllipsisType
from typing import Any, Literal, LiteralString, TypeAlias

import psycopg
from psycopg import sql

from coco_core.errors import VersionConflict, VersionNotFound
from coco_server.store import activations, configs, projects, usage
from coco_server.store.activations import Intent
from coco_server.store.ids import new_id
from coco_server.store.renewal import note_read
from coco_server.store.rows import all_rows, json_value, one_row
from coco_server.store.session import Session, TenantSession

__all__ = [
    "QueryTarget",
    "Version",
    "VersionStatus",
    "activate",
    "activate_build",
    "active",
    "create",
    "fail",
    "get",
    "list_of",
    "newest_of_config",
    "resolve_version",
    "rollback",
]

VersionStatus: TypeAlias = Literal["BUILDING", "READY", "ACTIVE", "ARCHIVED", "FAILED"]


@dataclass(frozen=True, slots=True)
class Version:
    """One build of a project."""

    version_id: str
    version_no: int
    """Names the version's own tables."""
    org_id: str
    project_id: str
    config_id: str
    dimension: int
    status: VersionStatus
    item_count: int
    document_count: int
    """What is not removed; while it is built, of its own segment only. So are the next two."""
    chunk_count: int
    embedded_count: int
    """Chunks that have a vector."""
    storage_bytes: int
    """Of all of its segments, which it may share with other versions."""
    length_sums: list[int]
    """Terms per field of its own segment's chunks, in the order of `coco_core.bm25.FIELDS`."""
    approximate: bool
    """Whether vectors are found through an HNSW index."""
    restricted: bool
    """Whether it has chunks that are not shown to everybody in the project."""
    failure: Mapping[str, Any] | None
    created_at: datetime
    ready_at: datetime | None
    activated_at: datetime | None
    archived_at: datetime | None
    segments: list[int]
    """What it is made of, oldest first; empty stands for its own number alone."""
    base_version_id: str | None
    """The version that a merge began from."""

    @property
    def parts(self) -> tuple[int, ...]:
        """The numbers of its segments, oldest first."""
        return tuple(self.segments) or (self.version_no,)


@dataclass(frozen=True, slots=True)
class QueryTarget:
    """What a query is answered from."""

    config_id: str
    config: Mapping[str, Any]
    """The body of the indexing config."""
    active: bool
    """Whether that config is the project's active one."""
    version: Version | None
    """None while the config has no complete version."""
    query_config_id: str | None
    """The name of the project's adopted retrieval config."""
    retrieval_config: Mapping[str, Any] | None
    """What the project's queries take that do not say it themselves."""


_QUERY_TARGET: LiteralString = """
    SELECT c.config_id, c.body, c.config_id = p.active_config_id, p.query_config_id,
        p.retrieval_config, {columns}
    FROM projects AS p
    JOIN indexing_configs AS c
        ON c.org_id = p.org_id AND c.config_id = coalesce(%(config)s, p.active_config_id)
    LEFT JOIN LATERAL (
        SELECT * FROM project_versions AS each
        WHERE each.org_id = p.org_id AND each.project_id = p.project_id
            AND each.config_id = c.config_id
            AND (each.status = 'ACTIVE'
                OR (c.config_id <> p.active_config_id AND each.status IN ('READY', 'ARCHIVED')))
        ORDER BY each.status = 'ACTIVE' DESC, each.version_no DESC LIMIT 1
    ) AS v ON true
    WHERE p.org_id = %(org)s AND p.project_id = %(project)s
"""


def create(
    session: TenantSession, project_id: str, config_id: str, *, base: Version | None = None
) -> Version:
    """Begin a build: a version in BUILDING with empty tables of its own.

    Args:
        session: of the project's org.
        project_id: the project.
        config_id: the config to build under.
        base: the complete version that a merge begins from: its segments come before the new one.

    Raises:
        ProjectNotFound: the org has no such project.
        ConfigNotFound: the org has no such config.
        VersionConflict: a build of this config is under way in the project.
    """
    projects.get(session, project_id)
    dimension = configs.get(session, config_id).dimension
    try:
        with session.connection.transaction():
            made = one_row(
                session,
                Version,
                "INSERT INTO project_versions "
                "(version_id, org_id, project_id, config_id, dimension, base_version_id) "
                "VALUES (%s, %s, %s, %s, %s, %s) RETURNING {columns}",
                (
                    new_id("ver"),
                    session.org_id,
                    project_id,
                    config_id,
                    dimension,
                    base.version_id if base is not None else None,
                ),
            )
    except psycopg.errors.UniqueViolation as error:
        raise VersionConflict(
            f"A build of the config {config_id!r} is under way in the project {project_id!r}.",
            hint="Wait for its job to end, or cancel it.",
        ) from error
    assert made is not None
    session.connection.execute(
        "SELECT coco_open_version(%s, %s, %s)", (made.version_no, session.org_id, dimension)
    )
    _add_segment(session, made, list(base.parts) if base is not None else [])
    return get(session, project_id, made.version_id)


def _add_segment(session: TenantSession, made: Version, before: list[int]) -> None:
    """Give a new version its own segment, whose keys go on from those before it."""
    session.connection.execute(
        "INSERT INTO segments (segment_no, org_id, project_id, config_id, first_key, end_key) "
        "SELECT %(own)s, %(org)s, %(project)s, %(config)s, span, span FROM ("
        "SELECT coalesce(max(end_key), 0) AS span FROM segments "
        "WHERE org_id = %(org)s AND segment_no = ANY(%(before)s::bigint[])) AS base",
        {
            "own": made.version_no,
            "org": session.org_id,
            "project": made.project_id,
            "config": made.config_id,
            "before": before,
        },
    )
    session.connection.execute(
        "UPDATE project_versions SET segments = %s WHERE org_id = %s AND version_id = %s",
        ([*before, made.version_no], session.org_id, made.version_id),
    )


def get(session: TenantSession, project_id: str, version_id: str) -> Version:
    """Return a version of a project.

    Raises:
        VersionNotFound: the org's project has none of this id.
    """
    found = one_row(
        session,
        Version,
        "SELECT {columns} FROM project_versions "
        "WHERE org_id = %s AND project_id = %s AND version_id = %s",
        (session.org_id, project_id, version_id),
    )
    if found is None:
        raise VersionNotFound(f"There is no version {version_id!r} of the project {project_id!r}.")
    return found


def list_of(session: TenantSession, project_id: str) -> list[Version]:
    """Return the versions of a project, newest first."""
    projects.get(session, project_id)
    return all_rows(
        session,
        Version,
        "SELECT {columns} FROM project_versions WHERE org_id = %s AND project_id = %s "
        "ORDER BY version_no DESC",
        (session.org_id, project_id),
    )


def active(session: TenantSession, project_id: str) -> Version | None:
    """Return the version that answers; None while the project has none, or is not the org's."""
    return one_row(
        session,
        Version,
        "SELECT {columns} FROM project_versions WHERE org_id = %s AND project_id = %s "
        "AND status = 'ACTIVE'",
        (session.org_id, project_id),
    )


def newest_of_config(session: TenantSession, project_id: str, config_id: str) -> Version | None:
    """Return the newest complete version under a config, whether it is the active one or not."""
    return one_row(
        session,
        Version,
        "SELECT {columns} FROM project_versions WHERE org_id = %s AND project_id = %s "
        "AND config_id = %s AND status IN ('READY', 'ACTIVE', 'ARCHIVED') "
        "ORDER BY status = 'ACTIVE' DESC, version_no DESC LIMIT 1",
        (session.org_id, project_id, config_id),
    )


def resolve_version(
    session: TenantSession, project_id: str, config_id: str | None = None
) -> QueryTarget:
    """Return what a query is answered from, in one statement, for every query asks this.

    Without a config it is the project's active one. Of another config the newest complete version
    answers.

    Raises:
        ProjectNotFound: the org has no such project.
        ConfigNotFound: the org has no such config.
    """
    statement = sql.SQL(_QUERY_TARGET).format(
        columns=sql.SQL(", ").join(sql.Identifier("v", each.name) for each in fields(Version))
    )
    values = {"org": session.org_id, "project": project_id, "config": config_id}
    row = session.connection.execute(statement, values).fetchone()
    if row is None:
        project = projects.get(session, project_id)
        configs.get(session, config_id or project.active_config_id)
        raise VersionConflict("The project changed while it was looked up.")
    asked, body, is_active, query_config_id, retrieval, *values_of_version = row
    version = Version(*values_of_version) if values_of_version[0] is not None else None
    if version is not None:
        note_read(session.connection, version.parts)
    return QueryTarget(
        config_id=asked,
        config=body,
        active=is_active,
        version=version,
        query_config_id=query_config_id,
        retrieval_config=retrieval,
    )


def activate(
    session: TenantSession,
    project_id: str,
    version_id: str,
    *,
    expected: str | EllipsisType | None = ...,
) -> Version:
    """Let a complete version answer from now on; what is active already stays so.

    This is an intent of its own: builds that were asked for before it do not replace it.

    Args:
        session: of the project's org.
        project_id: the project.
        version_id: READY, or ARCHIVED for a rollback.
        expected: the version that must be active now (None: none); left out, whichever is.

    Raises:
        VersionNotFound: there is no such version.
        VersionConflict: it is not complete, or another than ``expected`` is active.
    """
    now_active = activations.declare(session, project_id).active_version_id
    if expected is not ... and now_active != expected:
        raise VersionConflict(
            f"The active version is {now_active!r} and not {expected!r}.",
            hint="List the versions again, and repeat the request if it still applies.",
            details={"active_version_id": now_active},
        )
    if now_active != version_id:
        _switch(session, project_id, version_id)
        activations.record(session, project_id, version_id)
    return get(session, project_id, version_id)


def activate_build(session: TenantSession, ready: Version, began: Intent | None) -> Version | None:
    """Activate what was built, unless it was superseded; then None, and nothing changes.

    It activates over the version that was active when it was asked for. When another one is active,
    it does only if no newer intent came since: the newer of two builds wins, whichever ends first,
    and a rollback is not undone by a build from before it.

    Args:
        session: of the project's org.
        ready: what was built.
        began: the build's intent; None activates in any case, as builds did that have none.
    """
    now = activations.lock(session, ready.project_id)
    if began is not None and began.superseded_by(now):
        return None
    _switch(session, ready.project_id, ready.version_id)
    activations.record(session, ready.project_id, ready.version_id)
    return get(session, ready.project_id, ready.version_id)


def rollback(session: TenantSession, project_id: str) -> Version:
    """Activate the version that was active before the present one; again goes further back.

    Raises:
        ProjectNotFound: the org has no such project.
        VersionConflict: none is left.
    """
    activations.declare(session, project_id)
    before = activations.step_back(session, project_id)
    if before is None:
        raise VersionConflict(
            f"The project {project_id!r} has no earlier version to go back to.",
            hint="Retention keeps a few for some time; see GET /v1/projects/{id}/versions.",
        )
    _switch(session, project_id, before)
    return get(session, project_id, before)


def _switch(session: TenantSession, project_id: str, version_id: str) -> None:
    """Make a complete version the active one, in place of the one that is."""
    wanted = get(session, project_id, version_id)
    if wanted.status not in ("READY", "ARCHIVED"):
        raise VersionConflict(
            f"The version {version_id!r} is {wanted.status} and cannot be activated.",
            hint="Only READY and ARCHIVED versions can.",
            details={"status": wanted.status},
        )
    session.connection.execute(
        "UPDATE project_versions SET status = 'ARCHIVED', archived_at = now() "
        "WHERE org_id = %s AND project_id = %s AND status = 'ACTIVE'",
        (session.org_id, project_id),
    )
    session.connection.execute(
        "UPDATE project_versions SET status = 'ACTIVE', activated_at = now(), archived_at = NULL "
        "WHERE org_id = %s AND version_id = %s",
        (session.org_id, version_id),
    )
    session.connection.execute(
        "UPDATE projects SET active_version_id = %s, active_config_id = %s "
        "WHERE org_id = %s AND project_id = %s",
        (version_id, wanted.config_id, session.org_id, project_id),
    )


def fail(session: Session, version_id: str, failure: Mapping[str, object]) -> None:
    """Mark a build as failed; what is complete stays as it is."""
    session.connection.execute(
        "UPDATE project_versions SET status = 'FAILED', failure = %s "
        "WHERE version_id = %s AND status = 'BUILDING'",
        (json_value(failure), version_id),
    )
    usage.release_unused(session, version_id)
