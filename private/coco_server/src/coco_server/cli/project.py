"""`coco-server project`: projects, their versions, switching and rolling back."""

from __future__ import annotations

from typing import Annotated

import typer

from coco_protocol.server.memos import DeletedData
from coco_protocol.server.projects import ActivateData, ProjectList, VersionList
from coco_server.cli.connection import act, chosen_vectors, opened
from coco_server.cli.output import AsJson, show
from coco_server.domain.serializers import defaults_body, project_body, version_body
from coco_server.store import audit, projects, retention, versions
from coco_server.store.audit import Act, AuditAction
from coco_server.store.projects import Project

__all__ = ["project"]


project = typer.Typer(
    help="Projects: list, defaults, versions, activate, rollback, remove.", no_args_is_help=True
)


@project.command("list")
def list_projects(
    org_id: Annotated[str | None, typer.Argument(help="Of this org only.")] = None,
    as_json: AsJson = False,
) -> None:
    """List projects."""
    with opened() as database, database.system() as session:
        everything = projects.list_all(session)
    found = [project_body(each) for each in everything if org_id in {None, each.org_id}]
    show(ProjectList(projects=found), [each.model_dump() for each in found], as_json=as_json)


@project.command("defaults")
def show_defaults(project_id: str, as_json: AsJson = False) -> None:
    """Show what a project's queries take when they say nothing else."""
    with opened() as database:
        data = defaults_body(projects.find(database, project_id))
    show(data, [data.model_dump(exclude={"pending_indexing_config_id"})], as_json=as_json)


@project.command("versions")
def list_versions(project_id: str, as_json: AsJson = False) -> None:
    """List a project's versions, newest first."""
    with opened() as database:
        owner = projects.find(database, project_id)
        with database.tenant(owner.org_id) as session:
            found = [version_body(each) for each in versions.list_of(session, project_id)]
    data = VersionList(active_version_id=owner.active_version_id, versions=found)
    shown = {"version_id", "indexing_config_id", "status", "document_count", "chunk_count"}
    shown |= {"storage_bytes", "created_at"}
    rows = [each.model_dump(include=shown) for each in found]
    show(data, rows, as_json=as_json)


@project.command("activate")
def activate(project_id: str, version_id: str, as_json: AsJson = False) -> None:
    """Let a complete version answer from now on."""
    with opened() as database:
        owner = projects.find(database, project_id)
        with database.tenant(owner.org_id) as session:
            now = versions.activate(session, project_id, version_id)
            audit.record(session, _act("version.activate", owner, version_id))
    _print(owner, now.version_id, as_json)


@project.command("remove")
def remove(project_id: str, version_id: str, as_json: AsJson = False) -> None:
    """Remove a version that is neither active nor being built."""
    with opened() as database:
        owner = projects.find(database, project_id)
        removal = _act("version.remove", owner, version_id)
        retention.remove_version(
            database,
            owner.org_id,
            project_id,
            version_id,
            chosen_vectors(),
            note=lambda session: audit.record(session, removal),
        )
    data = DeletedData(deleted=version_id)
    show(data, [data.model_dump()], as_json=as_json)


@project.command("rollback")
def rollback(project_id: str, as_json: AsJson = False) -> None:
    """Let the version answer again that did before the present one."""
    with opened() as database:
        owner = projects.find(database, project_id)
        with database.tenant(owner.org_id) as session:
            now = versions.rollback(session, project_id)
            audit.record(session, _act("version.rollback", owner, now.version_id))
    _print(owner, now.version_id, as_json)


def _act(action: AuditAction, owner: Project, version_id: str) -> Act:
    return act(action, owner.org_id, project_id=owner.project_id, target=version_id)


def _print(owner: Project, active: str, as_json: bool) -> None:
    data = ActivateData(
        project_id=owner.project_id,
        active_version_id=active,
        previous_version_id=owner.active_version_id,
    )
    show(data, [data.model_dump()], as_json=as_json)
