"""`coco files` and `coco map`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from coco_local.cli.completion import complete_path
from coco_local.cli.exits import Exit
from coco_local.cli.filters import Exclude, Languages, Since
from coco_local.cli.options import Json, Project
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_local.cli.place import Place
    from coco_protocol.code import FilesData

__all__ = ["files", "project_map"]


def files(
    context: typer.Context,
    *,
    globs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[GLOB]…", help="Paths like this: 'src/**/*.py', '*.md', ./here."),
    ] = None,
    project: Project = None,
    exclude: Exclude = None,
    language: Languages = None,
    since: Since = None,
    limit: Annotated[
        int, typer.Option("-k", "--limit", min=1, max=10_000, help="At most this many.")
    ] = 1000,
    after: Annotated[
        str, typer.Option("--after", metavar="PATH", help="Go on behind this file.")
    ] = "",
    plain: Annotated[bool, typer.Option("--paths", help="Print only the paths.")] = False,
    json: Json = False,
) -> None:
    """List the files of a project, with language and size.

    Exit code 4 means that no file fits.
    """
    from coco_local.cli.connection import connected, place_of
    from coco_local.cli.requests import build
    from coco_protocol.code import FilesRequest

    terminal = terminal_of(context)
    with connected() as client:
        place = place_of(client, project)
        request = build(
            FilesRequest,
            project_id=place.project_id,
            include=place.globs(globs or ()),
            exclude=place.globs(exclude or ()),
            languages=language,
            since_revision=since,
            limit=limit,
            after=after,
        )
        data = client.files(request)
        if json:
            terminal.emit(data, client.meta)
        else:
            _show(terminal, place, data, plain=plain)
    if not data.files:
        raise typer.Exit(Exit.NOTHING_FOUND)


def _show(terminal: Terminal, place: Place, data: FilesData, *, plain: bool) -> None:
    if plain or not terminal.pretty:
        for file in data.files:
            shown = place.shown(file.path)
            terminal.line(shown if plain else f"{shown}\t{file.language}\t{file.size}")
    elif data.files:
        rows = [[place.shown(f.path), f.language, f"{f.size:,}"] for f in data.files]
        terminal.table(["path", "language", "bytes"], rows, numbers=["bytes"])
    if data.notice:
        terminal.note(data.notice)
    if data.next_after is not None:
        rest = f"{len(data.files)} of {data.total} files"
        terminal.note(f"{rest}; more with --after {data.next_after}")
    elif not data.files:
        terminal.note(f"no file of {place.project.name} fits")


def project_map(
    context: typer.Context,
    *,
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH]",
            help="A directory or file of a project.",
            autocompletion=complete_path,
        ),
    ] = None,
    project: Project = None,
    include: Annotated[
        list[str] | None,
        typer.Option("--path", metavar="GLOB", help="Only paths like this. Repeatable."),
    ] = None,
    exclude: Exclude = None,
    since: Since = None,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", min=50, metavar="N", help="Stop before so many tokens.")
    ] = 2_000,
    json: Json = False,
) -> None:
    """Show a tree of files with their main definitions.

    The definitions that are used most come first; directories that do not fit stay closed.
    """
    from coco_local.cli.connection import connected, place_of
    from coco_local.cli.file import locate
    from coco_local.cli.requests import build
    from coco_protocol.code import MapRequest

    terminal = terminal_of(context)
    with connected() as client:
        place, directory = (
            locate(client, project, path) if path else (place_of(client, project), "")
        )
        request = build(
            MapRequest,
            project_id=place.project_id,
            directory=directory,
            include=place.globs(include or ()),
            exclude=place.globs(exclude or ()),
            since_revision=since,
            max_tokens=max_tokens,
        )
        data = client.map(request)
        if json:
            terminal.emit(data, client.meta)
            return
        for line in data.text.splitlines():
            terminal.line(line)
        if data.notice:
            terminal.note(data.notice)
        if data.files:
            counts = f"{data.files} files, {data.definitions} definitions"
            terminal.note(f"{counts}; more: --max-tokens N")
        else:
            terminal.note(f"no file of {place.project.name} fits")
