"""`coco index` and `coco prune`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from coco_local.cli.completion import complete_config
from coco_local.cli.exits import Exit
from coco_local.cli.options import Json, Project, Wait
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_local.cli.place import Place

__all__ = ["index", "prune"]


def index(
    context: typer.Context,
    *,
    project: Project = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Discard the index and build it again.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list which files would be indexed.")
    ] = False,
    files: Annotated[
        bool, typer.Option("--files", help="With --dry-run: print every file.")
    ] = False,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            metavar="ID",
            help="Build an index under this config, beside the active one.",
            autocompletion=complete_config,
        ),
    ] = None,
    wait: Wait = True,
    json: Json = False,
) -> None:
    """Bring a project's index up to date.

    The service does this by itself; this is for those who want to see it done. A rebuild computes
    no embedding again that is still known. Ctrl-C ends the waiting, not the indexing. With --config
    another index of the same files is built and kept beside it: coco config indexes.
    """
    from coco_local.cli.connection import connected, place_of
    from coco_local.cli.progress import follow_jobs, report_failures
    from coco_local.cli.requests import build
    from coco_protocol.docs import IndexRequest

    terminal = terminal_of(context)
    with connected() as client:
        place = place_of(client, project)
        if dry_run:
            _preview(terminal, place, list_files=files)
            return
        data = client.index(
            build(
                IndexRequest,
                project_id=place.project_id,
                rebuild=rebuild,
                indexing_config_id=config,
            )
        )
        names = {place.project_id: place.project.name}
        jobs = follow_jobs(terminal, client, data.job_ids, names) if wait else []
        if json:
            shown = {"jobs": [job.model_dump(mode="json") for job in jobs]} if wait else {}
            terminal.emit(data.model_dump(mode="json") | shown, client.meta)
        elif not wait:
            terminal.line("\n".join(data.job_ids))
    if report_failures(terminal, jobs):
        raise typer.Exit(Exit.ERROR)


def _preview(terminal: Terminal, place: Place, *, list_files: bool) -> None:
    """Say what a scan finds now, beside what is indexed."""
    from coco_local.cli.preview import preview

    found = preview(place)
    if terminal.json:
        terminal.emit(found.document())
        return
    if list_files:
        for path in found.files:
            terminal.line(place.shown(path))
        return
    for line in found.lines():
        terminal.line(line)


def prune(
    context: typer.Context,
    *,
    older_than: Annotated[
        float | None,
        typer.Option(
            "--older-than", min=0, metavar="DAYS", help="Drop embeddings unused for DAYS days."
        ),
    ] = None,
    orphans: Annotated[
        bool, typer.Option("--orphans/--no-orphans", help="Drop indexes of projects that are gone.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
    json: Json = False,
) -> None:
    """Remove what no project needs any more."""
    from coco_core.quantities import byte_count, count
    from coco_local.cli.connection import connected
    from coco_local.cli.requests import build
    from coco_protocol.system import PruneRequest

    terminal = terminal_of(context)
    request = build(PruneRequest, older_than_days=older_than, orphans=orphans, dry_run=dry_run)
    # Compaction of a large store is part of it.
    with connected(timeout=600) as client:
        data = client.prune(request)
        if json:
            terminal.emit(data, client.meta)
            return
    verb = "would remove" if data.dry_run else "removed"
    what = [
        count(data.embeddings, "embedding"),
        count(data.indexes, "index", "indexes"),
        count(data.documents, "document"),
    ]
    terminal.line(f"{verb} {', '.join(what)}: {byte_count(data.bytes)}")
