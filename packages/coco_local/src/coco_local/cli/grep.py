"""`coco grep`."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from coco_core.terminal_text import visible
from coco_local.cli.exits import Exit
from coco_local.cli.filters import Exclude, Paths, Since
from coco_local.cli.options import Json, Project
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_local.cli.place import Place
    from coco_protocol.docs import GrepData, GrepMatch

__all__ = ["grep"]


def grep(
    context: typer.Context,
    *,
    pattern: Annotated[str, typer.Argument(metavar="TEXT", help="What the line contains.")],
    project: Project = None,
    path: Paths = None,
    exclude: Exclude = None,
    since: Since = None,
    regex: Annotated[
        bool, typer.Option("--regex", "-e", help="TEXT is a regular expression.")
    ] = False,
    case: Annotated[
        bool | None,
        typer.Option(
            "--case-sensitive/--ignore-case",
            "-s/-i",
            help="Else: sensitive when TEXT has a capital letter.",
        ),
    ] = None,
    around: Annotated[
        int,
        typer.Option(
            "--context", "-C", min=0, max=20, metavar="N", help="Lines around each match."
        ),
    ] = 0,
    limit: Annotated[
        int, typer.Option("-k", "--limit", min=1, max=10_000, help="At most this many matches.")
    ] = 100,
    files: Annotated[bool, typer.Option("--files", help="Print only the files' paths.")] = False,
    json: Json = False,
) -> None:
    """Search the text of a project's files as they are now.

    It searches the files that CoCo indexes. Exit code 4 means nothing was found.
    """
    from coco_local.cli.connection import connected, place_of
    from coco_local.cli.requests import build
    from coco_protocol.docs import GrepRequest

    terminal = terminal_of(context)
    with connected() as client:
        place = place_of(client, project)
        request = build(
            GrepRequest,
            pattern=pattern,
            project_id=place.project_id,
            regex=regex,
            case_sensitive=case,
            include=place.globs(path or ()),
            exclude=place.globs(exclude or ()),
            since_revision=since,
            context=around,
            limit=limit,
        )
        data = client.grep(request)
        if json:
            terminal.emit(data, client.meta)
        else:
            _show(terminal, place, data, files=files)
    if not data.matches:
        raise typer.Exit(Exit.NOTHING_FOUND)


def _show(terminal: Terminal, place: Place, data: GrepData, *, files: bool) -> None:
    grouped = groupby(data.matches, key=lambda match: match.path)
    for number, (path, matches) in enumerate(grouped):
        shown = place.shown(path)
        if files:
            terminal.line(shown)
        elif terminal.pretty:
            if number:
                terminal.line()
            _show_file(terminal, shown, list(matches))
        else:
            for match in matches:
                _show_plain(terminal, shown, match)
    if data.truncated:
        terminal.note(f"only the first {len(data.matches)} matches; more with --limit")
    if not data.matches:
        terminal.note(f"nothing in the files of {place.project.name} contains that")


def _show_plain(terminal: Terminal, path: str, match: GrepMatch) -> None:
    """Print what `grep -n` prints: a colon after a match's number, a dash after the others'."""
    first = match.line - len(match.before)
    for number, line in enumerate(match.before, first):
        terminal.line(f"{path}-{number}-{line}")
    terminal.line(f"{path}:{match.line}:{match.text}")
    for number, line in enumerate(match.after, match.line + 1):
        terminal.line(f"{path}-{number}-{line}")


def _show_file(terminal: Terminal, path: str, matches: list[GrepMatch]) -> None:
    from rich.text import Text

    write = terminal.console.print
    for match in matches:
        # One header a match, so that each is a link to its line.
        write(Text(visible(f"{path}:{match.line}"), "bold cyan"), soft_wrap=True)
        for line in match.before:
            write(Text(f"  {visible(line)}", "dim"), soft_wrap=True)
        write(Text(f"  {visible(match.text)}"), soft_wrap=True)
        for line in match.after:
            write(Text(f"  {visible(line)}", "dim"), soft_wrap=True)
