"""Tool `status`: projects, progress of indexing, and the model."""

from __future__ import annotations

from coco_core.errors import ProjectNotFound
from coco_local.mcp.answers import ProjectState, StatusAnswer
from coco_local.mcp.arguments import StatusArguments
from coco_local.mcp.format import status_text
from coco_local.mcp.reply import Reply
from coco_local.mcp.scope import Caller, resolve_project
from coco_protocol.local import LocalService
from coco_protocol.projects import ProjectBody

__all__ = ["status"]


def status(service: LocalService, caller: Caller, arguments: StatusArguments) -> Reply:
    """Say what CoCo knows and what it is doing."""
    health = service.health()
    projects = service.projects().projects
    current: str | None = None
    notice: str | None = None
    try:
        scope = resolve_project(projects, caller, project=arguments.project)
        current, notice = scope.project.project_id, scope.notice
    except ProjectNotFound as error:
        if arguments.project is not None:
            raise
        # Status is what one asks to find out why; it answers with the reason.
        notice = str(error) if projects else None
    model: str = health.model.state
    if health.model.progress is not None:
        model += f" {health.model.progress:.0%}"
    if health.model.hint and health.model.state != "ready":
        model += f" ({health.model.hint})"
    answer = StatusAnswer(
        version=health.version,
        model=health.model.name,
        model_state=model,
        current=current,
        projects=[_state(project) for project in projects],
        notice=notice,
    )
    return Reply(status_text(answer), answer)


def _state(project: ProjectBody) -> ProjectState:
    names = ProjectState.model_fields.keys()
    return ProjectState(**{k: v for k, v in project.model_dump().items() if k in names})
