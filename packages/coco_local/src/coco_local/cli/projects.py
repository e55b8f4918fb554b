"""`coco projects` and `coco forget`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from coco_core.errors import InvalidInput
from coco_local.cli.completion import complete_project
from coco_local.cli.options import Json, Yes
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coco_protocol.projects import ProjectBody

__all__ = ["forget", "index_state", "projects", "secondary_indexes", "show_projects", "vectors"]

_HEADS = ("NAME", "STATE", "FILES", "CHUNKS", "VECTORS", "PENDING", "SKIPPED", "ID", "ROOT")
_NUMBERS = ("FILES", "CHUNKS", "VECTORS", "PENDING", "SKIPPED")


def index_state(project: ProjectBody) -> str:
    """Return a project's state in a word or two, with how far it is."""
    if project.state == "indexing" and project.files_total:
        return f"indexing {project.files / project.files_total:.0%}"
    if project.state == "embedding" and project.chunks:
        return f"embedding {project.embedded / project.chunks:.0%}"
    return project.state


def vectors(embedded: int, chunks: int) -> str:
    """Return the share of chunks that have a vector; 100 % means all of them."""
    if not chunks:
        return "-"
    return f"{embedded / chunks:.0%}" if embedded == chunks else f"{embedded * 100 // chunks}%"


def secondary_indexes(project: ProjectBody) -> str | None:
    """Return a line about the indexes beside the one that answers; None when there are none."""
    if not project.secondary_indexes:
        return None
    told = [
        f"{index.config_id} ({index.state}, {index.chunks:,} chunks, "
        f"{vectors(index.embedded, index.chunks)} vectors)"
        for index in project.secondary_indexes
    ]
    return f"beside {project.config_id} in {project.name}: {', '.join(told)}"


def show_projects(terminal: Terminal, projects: Sequence[ProjectBody]) -> None:
    """Print projects as a table."""
    rows = [
        (
            project.name,
            index_state(project),
            f"{project.files:,}",
            f"{project.chunks:,}",
            vectors(project.embedded, project.chunks),
            f"{project.pending_files:,}",
            f"{project.skipped:,}",
            project.project_id,
            project.root,
        )
        for project in projects
    ]

    terminal.table(_HEADS, rows, numbers=_NUMBERS)


def projects(context: typer.Context, *, json: Json = False) -> None:
    """List the projects."""
    from coco_local.cli.connection import connected

    terminal = terminal_of(context)
    with connected() as client:
        data = client.projects()
        if json:
            terminal.emit(data, client.meta)
            return
    if not data.projects:
        terminal.note("no projects yet; add this directory: coco import .")
        return
    show_projects(terminal, data.projects)
    for project in data.projects:
        if (indexes := secondary_indexes(project)) is not None:
            terminal.note(indexes)
        if project.error:
            terminal.warn(f"{project.name}: {project.error}")


def forget(
    context: typer.Context,
    *,
    project: Annotated[
        str,
        typer.Argument(metavar="NAME|ID|PATH", help="Which.", autocompletion=complete_project),
    ],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Remove a project and its index; files stay."""
    from coco_local.cli.connection import connected, current_directory
    from coco_local.cli.place import choose_project, refuse_part
    from coco_protocol.projects import ProjectRequest

    terminal = terminal_of(context)
    with connected() as client:
        place = choose_project(client.projects().projects, project, current_directory())
        refuse_part(place, project)
        found = place.project
        if not yes and not _agreed(found):
            terminal.note("nothing was changed")
            return
        gone = client.forget(ProjectRequest(project_id=found.project_id))
        if json:
            terminal.emit(gone, client.meta)
        else:
            terminal.line(f"forgot {gone.name} ({gone.root}); its files are as they were")


def _agreed(project: ProjectBody) -> bool:
    if not sys.stdin.isatty():
        raise InvalidInput(
            f"Forgetting {project.name!r} needs a confirmation, and this is no terminal.",
            hint=f"Confirm it beforehand: coco forget {project.name} --yes",
        )
    sys.stderr.write(
        f"Forget {project.name} ({project.root}) with its index of {project.files:,} files? [y/N] "
    )
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
