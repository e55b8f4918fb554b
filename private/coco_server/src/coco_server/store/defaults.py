"""Project defaults: the index and the retrieval config for queries that name none."""

from __future__ import annotations

from collections.abc import Mapping

from coco_core.errors import InvalidInput, VersionConflict
from coco_server.store import configs, projects, versions
from coco_server.store.projects import Project
from coco_server.store.rows import json_value
from coco_server.store.session import TenantSession

__all__ = ["adopt"]


def adopt(
    session: TenantSession,
    project_id: str,
    *,
    config_id: str | None = None,
    query_config_id: str | None = None,
    retrieval_config: Mapping[str, object] | None = None,
) -> Project:
    """Change a project's defaults in one step; returns the project as it is then.

    Args:
        session: of the project's org.
        project_id: the project.
        config_id: its newest complete version answers from now on, which is the one that queries
            were answered from that named the config; None leaves the index as it is.
        query_config_id: the name of the retrieval config.
        retrieval_config: what queries take; empty forgets it, None leaves it as it is.

    Raises:
        ProjectNotFound: the org has no such project.
        ConfigNotFound: the org has no such config.
        VersionConflict: the project has no complete version under the config.
        InvalidInput: a name without a retrieval config.
    """
    # Whoever switches the project takes this row first; what is chosen below is still so at the
    # end, and an activation that expected another version is told.
    session.connection.execute(
        "SELECT FROM projects WHERE org_id = %s AND project_id = %s FOR UPDATE",
        (session.org_id, project_id),
    )
    project = projects.get(session, project_id)
    if config_id is not None:
        _activate_newest(session, project, config_id)
    if retrieval_config is None and query_config_id is not None:
        retrieval_config = project.retrieval_config
    if retrieval_config is not None:
        _remember(session, project_id, query_config_id, retrieval_config)
    elif query_config_id is not None:
        raise InvalidInput(
            f"There is no retrieval config that could be named {query_config_id!r}.",
            hint="Send retrieval_config with query_config_id.",
        )
    return projects.get(session, project_id)


def _activate_newest(session: TenantSession, project: Project, config_id: str) -> None:
    configs.get(session, config_id)
    newest = versions.newest_of_config(session, project.project_id, config_id)
    if newest is None:
        raise VersionConflict(
            f"The project {project.project_id!r} has no complete version under the config "
            f"{config_id!r}.",
            hint="Build one first: POST /v1/docs/index with this indexing_config_id.",
            details={"indexing_config_id": config_id},
        )
    versions.activate(
        session, project.project_id, newest.version_id, expected=project.active_version_id
    )


def _remember(
    session: TenantSession, project_id: str, name: str | None, retrieval: Mapping[str, object]
) -> None:
    # An empty config and none at all mean the same; nothing has no name.
    kept = json_value(retrieval) if retrieval else None
    session.connection.execute(
        "UPDATE projects SET query_config_id = %s, retrieval_config = %s "
        "WHERE org_id = %s AND project_id = %s",
        (name if retrieval else None, kept, session.org_id, project_id),
    )
