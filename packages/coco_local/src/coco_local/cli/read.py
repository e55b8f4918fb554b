"""`coco read`."""

from __future__ import annotations

from typing import Annotated

import typer

from coco_core.terminal_text import visible
from coco_local.cli.completion import complete_file
from coco_local.cli.options import Json, Project
from coco_local.cli.terminal import terminal_of

__all__ = ["read"]


def read(
    context: typer.Context,
    *,
    where: Annotated[
        str,
        typer.Argument(
            metavar="PATH[:FIRST[-LAST]]",
            help="A file, or lines of it.",
            autocompletion=complete_file,
        ),
    ],
    project: Project = None,
    around: Annotated[
        int, typer.Option("--context", "-C", min=0, metavar="N", help="Lines around those named.")
    ] = 0,
    json: Json = False,
) -> None:
    """Print lines of a project's file."""
    from coco_local.cli.connection import connected
    from coco_local.cli.file import locate
    from coco_local.cli.related import split_line
    from coco_local.cli.requests import build
    from coco_protocol.docs import ReadRequest

    terminal = terminal_of(context)
    path, first, last = split_line(where)
    start = max(1, (first or 1) - around)
    end = None if first is None else (last or first) + around
    with connected() as client:
        place, doc_id = locate(client, project, path)
        request = build(
            ReadRequest,
            doc_id=doc_id,
            project_id=place.project_id,
            start_line=start,
            end_line=end,
        )
        data = client.read(request)
    if json:
        terminal.emit(data, client.meta)
    elif terminal.pretty:
        from rich.syntax import Syntax

        text = visible(data.content.removesuffix("\n"))
        terminal.console.print(
            Syntax(
                text,
                Syntax.guess_lexer(doc_id, text),
                theme="ansi_dark",
                background_color="default",
                line_numbers=True,
                start_line=data.start_line,
                word_wrap=True,
            )
        )
    else:
        terminal.line(data.content.removesuffix("\n"))
