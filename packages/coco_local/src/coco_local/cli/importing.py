"""`coco import`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coco_core.errors import InvalidInput
from coco_local.cli.completion import complete_config
from coco_local.cli.exits import Exit
from coco_local.cli.options import Json
from coco_local.cli.terminal import terminal_of

if TYPE_CHECKING:
    from coco_protocol.jobs import JobBody
    from coco_protocol.local import LocalService

__all__ = ["absolute", "full_path", "import_paths"]

# The service lists a directory before it answers: minutes, where it is huge and on a network.
_LISTING_SECONDS = 600.0
# The stage of a job in which every file is found by words and vectors are computed.
VECTORS_STAGE = "embedding"


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
    standalone: Annotated[
        bool,
        typer.Option(
            "--standalone", help="Give a part of a project an index of its own: --project NAME."
        ),
    ] = False,
    config: Annotated[
        str | None,
        typer.Option(
            "--config", metavar="ID", help="Indexing config.", autocompletion=complete_config
        ),
    ] = None,
    wait: Annotated[
        bool | None,
        typer.Option(
            "--wait/--no-wait",
            help="Until the last vector, or not at all; else until every file is found by words.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Register directories and index them.

    It returns as soon as keywords answer; vectors follow in the background. Doing it again is
    harmless: it brings the index up to date. Ctrl-C ends the waiting, not the indexing. Exit code 1
    means that a directory was refused, or could not be indexed.
    """
    from coco_local.cli.connection import connected, current_directory
    from coco_local.cli.progress import follow_jobs, report_failures
    from coco_local.cli.requests import build
    from coco_protocol.docs import ImportRequest

    terminal = terminal_of(context)
    request = build(
        ImportRequest,
        paths=absolute(paths, current_directory()),
        recursive=recursive or None,
        standalone=standalone or None,
        indexing_config_id=config,
    )
    with connected(timeout=_LISTING_SECONDS) as client:
        data = client.import_paths(request)
        projects = {project.project_id: project for project in client.projects().projects}
        imported = [projects[each] for each in dict.fromkeys(data.project_ids) if each in projects]
        if not json:
            for project in imported:
                terminal.line(f"{project.name}  {project.root}")
            for notice in data.notices:
                terminal.note(notice)
        jobs: list[JobBody] = []
        if wait is not False:
            names = {project.project_id: project.name for project in imported}
            last_stage = None if wait else VECTORS_STAGE
            jobs = follow_jobs(terminal, client, data.job_ids, names, last_stage=last_stage)
        if json:
            shown = {"jobs": [job.model_dump(mode="json") for job in jobs]}
            terminal.emit(
                data.model_dump(mode="json") | (shown if wait is not False else {}), client.meta
            )
        else:
            for line in _what_follows(client, set(data.project_ids), waited=wait is not False):
                terminal.note(line)
    if report_failures(terminal, jobs):
        raise typer.Exit(Exit.ERROR)


def _what_follows(client: LocalService, imported: set[str], *, waited: bool) -> Iterator[str]:
    """Say what of the imported projects answers by now, and what is still to come."""
    if not waited:
        yield "indexing goes on in the background; how far it is: coco status"
        return
    from coco_core.quantities import count

    model = client.health().model
    behind = False
    for project in client.projects().projects:
        if project.project_id not in imported or project.error:
            continue
        if not project.files_total:
            yield f"{project.name}: no file in it belongs into an index: coco index --dry-run"
        elif project.embedded < project.chunks:
            yield (
                f"{project.name}: keyword search answers now ({count(project.files, 'file')}); "
                f"{project.embedded:,} of {project.chunks:,} vectors are there"
            )
            behind = True
    if behind and model.state == "ready":
        yield "vectors follow in the background: coco status; with --wait it returns after the last"
    elif behind:
        yield f"vectors follow when the model is there; it is {model.state}: coco status"
