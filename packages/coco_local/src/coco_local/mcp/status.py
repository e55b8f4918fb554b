"""Tool `status`: what can be searched now, and what to do where something is missing."""

from __future__ import annotations

from coco_core.errors import ProjectNotFound
from coco_local.mcp.arguments import StatusArguments
from coco_local.mcp.budget import Budget, notice_line
from coco_local.mcp.scope import Caller, resolve_project
from coco_protocol.local import LocalService
from coco_protocol.projects import ProjectBody
from coco_protocol.system import HealthData

__all__ = ["status"]

MORE = "(and {} more projects)"
# A model that is not ready, and what that means for a search.
BY_WORDS = "search goes by words until it is ready"


def status(service: LocalService, caller: Caller, arguments: StatusArguments) -> str:
    """Say what CoCo knows and what it is doing, the caller's project first."""
    health = service.health()
    projects = list(service.projects().projects)
    current: str | None = None
    notice = " ".join(f"{note}." for note in caller.notes)
    try:
        scope = resolve_project(projects, caller, project=arguments.project)
        current, notice = scope.project.project_id, scope.notice or ""
    except ProjectNotFound as error:
        if arguments.project is not None:
            raise
        # Status is what one asks to find out why; it answers with the reason.
        notice = f"{notice} {error}".strip() if projects else notice
    budget = Budget(arguments.max_tokens)
    head = [_model_line(health)]
    budget.take(f"{head[0]}\n")
    said = notice_line(budget, notice).rstrip("\n")
    if not projects:
        return "\n".join([*head, *([said] if said else []), "No project yet: coco import PATH"])
    projects.sort(key=lambda project: project.project_id != current)
    lines = [_project_line(each, current=each.project_id == current) for each in projects]
    budget.take(MORE.format(len(lines)))
    shown = budget.head(lines) or [budget.clip(lines[0])]
    last = [MORE.format(len(lines) - len(shown))] if len(shown) < len(lines) else []
    return "\n".join([*head, *([said] if said else []), *shown, *last])


def _model_line(health: HealthData) -> str:
    model = health.model
    line = f"CoCo {health.version}, model {model.name}: {model.state}"
    if model.progress is not None:
        line += f" {model.progress:.0%}"
    if model.state in ("ready", "idle"):
        return line
    hint = f" ({model.hint})" if model.hint else ""
    return f"{line}{hint}; {BY_WORDS}"


def _project_line(project: ProjectBody, *, current: bool) -> str:
    parts = [_state(project)]
    if project.pending_files:
        files = "file" if project.pending_files == 1 else "files"
        parts.append(f"{project.pending_files} changed {files} searched as text until indexed")
    if project.skipped:
        parts.append(f"{project.skipped} not readable{_examples(project) if current else ''}")
    if current and project.watch_hint and project.watch not in ("watching", "stopped"):
        parts.append(project.watch_hint.rstrip("."))
    return f"{'*' if current else ' '} {project.name}: {'; '.join(parts)} ({project.root})"


def _state(project: ProjectBody) -> str:
    total = max(project.files_total, project.files)
    match project.state:
        case "ready":
            return f"ready, {project.files} files"
        case "embedding":
            share = project.embedded / max(1, project.chunks)
            return f"{project.files} files found by words, {share:.0%} of them by meaning so far"
        case "scanning" | "indexing":
            return (
                f"indexing, {project.files} of {total} files so far; "
                "grep and read see all of them already"
            )
        case "missing":
            return "its directory is gone (coco forget removes it)"
        case "error":
            return f"error: {project.error or 'unknown'} (coco doctor says what to do)"
        case _:
            return "nothing indexed yet"


def _examples(project: ProjectBody) -> str:
    if not project.skipped_files:
        return ""
    first = project.skipped_files[0]
    return f", e.g. {first.path}: {first.reason.rstrip('.')}"
