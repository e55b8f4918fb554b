"""`coco import`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from coco_core.errors import InvalidInput
from coco_local.cli.completion import complete_config
from coco_local.cli.exits import Exit
from coco_local.cli.options import Json, Wait
from coco_local.cli.terminal import terminal_of

__all__ = ["absolute", "full_path", "import_paths"]


def absolute(paths: list[str], cwd: Path) -> list[str]:
    """Return directories by their full names: the service has another working directory.

    Raises:
        InvalidInput: one is not a directory.
    """
    found: list[str] = []
    for path in paths:
        full = full_path(Path(path), cwd)
        if not Path(full).is_dir():
            what = "is not a directory" if Path(full).exists() else "does not exist"
            raise InvalidInput(f"{full!r} {what}.", hint="Name the root directory of a project.")
        found.append(full)
    return found


def full_path(path: Path, cwd: Path) -> str:
    """Return a path that means the same in every working directory; links stay as they are."""
    return os.path.normpath(cwd / path.expanduser())


def import_paths(
    context: typer.Context,
    *,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Directories; '.' is this one.")
    ],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Each repository found below is a project.")
    ] = False,
    config: Annotated[
        str | None,
        typer.Option(
            "--config", metavar="ID", help="Indexing config.", autocompletion=complete_config
        ),
    ] = None,
    wait: Wait = True,
    json: Json = False,
) -> None:
    """Register directories and index them.

    Doing it again is harmless: it brings the index up to date. Ctrl-C ends the waiting, not the
    indexing.
    """
    from coco_local.cli.connection import connected, current_directory
    from coco_local.cli.progress import follow_jobs, report_failures
    from coco_local.cli.requests import build
    from coco_protocol.docs import ImportRequest

    terminal = terminal_of(context)
    request = build(
        ImportRequest,
        paths=absolute(paths, current_directory()),
        recursive=recursive,
        indexing_config_id=config,
    )
    with connected() as client:
        data = client.import_paths(request)
        projects = {project.project_id: project for project in client.projects().projects}
        names = {project_id: project.name for project_id, project in projects.items()}
        if not json:
            for project_id in dict.fromkeys(data.project_ids):
                project = projects.get(project_id)
                if project is not None:
                    terminal.line(f"{project.name}  {project.root}")
        jobs = follow_jobs(terminal, client, data.job_ids, names) if wait else []
        if json:
            shown = {"jobs": [job.model_dump(mode="json") for job in jobs]} if wait else {}
            terminal.emit(data.model_dump(mode="json") | shown, client.meta)
    if report_failures(terminal, jobs):
        raise typer.Exit(Exit.ERROR)
