"""`coco config indexes` and `coco config drop`: the indexes of a project, one for each config."""

from __future__ import annotations

from typing import Annotated

import typer

from coco_local.cli.completion import complete_config
from coco_local.cli.options import Json, Project
from coco_local.cli.terminal import terminal_of

__all__ = ["drop", "indexes"]


def indexes(context: typer.Context, *, project: Project = None, json: Json = False) -> None:
    """List the indexes of a project, the one that answers first.

    Build another one: coco index --config ID; ask it: coco query --config ID
    """
    from coco_core.quantities import byte_count
    from coco_local.cli.connection import connected, place_of
    from coco_local.cli.projects import vectors
    from coco_protocol.projects import ProjectRequest

    terminal = terminal_of(context)
    with connected() as client:
        place = place_of(client, project)
        named = ProjectRequest(project_id=place.project_id)
        data = client.indexes(named)
        if json:
            terminal.emit(data, client.meta)
            return
        awaited = client.defaults(named).pending_indexing_config_id
    rows = [
        (
            index.config_id,
            "answers" if index.active else "aside",
            index.state,
            f"{index.files:,}",
            f"{index.chunks:,}",
            vectors(index.embedded, index.chunks),
            byte_count(index.index_bytes),
        )
        for index in data.indexes
    ]
    heads = ("CONFIG", "ROLE", "STATE", "FILES", "CHUNKS", "VECTORS", "SIZE")
    terminal.table(heads, rows, numbers=("FILES", "CHUNKS", "VECTORS", "SIZE"))
    for index in data.indexes:
        for trouble in (index.error, index.notice):
            if trouble:
                terminal.warn(f"{index.config_id}: {trouble}")
    if awaited is not None:
        terminal.note(f"{awaited} becomes the active index when it is complete")


def drop(
    context: typer.Context,
    *,
    config_id: Annotated[
        str, typer.Argument(metavar="ID", help="Which.", autocompletion=complete_config)
    ],
    project: Project = None,
    json: Json = False,
) -> None:
    """Remove the index of a project under a config, if another one answers.

    The config stays, and so do the vectors for a while: building it again costs little.
    """
    from coco_local.cli.connection import connected, place_of
    from coco_local.cli.requests import build
    from coco_protocol.projects import DropIndexRequest

    terminal = terminal_of(context)
    with connected() as client:
        place = place_of(client, project)
        left = client.drop_index(
            build(DropIndexRequest, project_id=place.project_id, config_id=config_id)
        )
        if json:
            terminal.emit(left, client.meta)
        else:
            terminal.line(f"removed the index of {place.project.name} under {config_id}")
