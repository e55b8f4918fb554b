"""`coco outline`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from coco_core.terminal_text import visible
from coco_local.cli.completion import complete_file
from coco_local.cli.options import Json, Project
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_protocol.docs import OutlineData

__all__ = ["outline"]


def outline(
    context: typer.Context,
    *,
    where: Annotated[
        str,
        typer.Argument(
            metavar="PATH[:LINE]",
            help="A file of a project; with a line only the definitions that hold it.",
            autocompletion=complete_file,
        ),
    ],
    project: Project = None,
    json: Json = False,
) -> None:
    """List the symbols or headings of a file."""
    from coco_local.cli.connection import connected
    from coco_local.cli.file import locate
    from coco_local.cli.related import split_line
    from coco_local.cli.requests import build
    from coco_protocol.docs import DocumentRequest, ReadRequest

    terminal = terminal_of(context)
    path, line, _ = split_line(where)
    with connected() as client:
        place, doc_id = locate(client, project, path)
        data = client.outline(build(DocumentRequest, doc_id=doc_id, project_id=place.project_id))
        if line is not None:
            # Answers with an error where the file has no such line.
            client.read(
                build(
                    ReadRequest,
                    doc_id=doc_id,
                    project_id=place.project_id,
                    start_line=line,
                    end_line=line,
                )
            )
            holding = [each for each in data.symbols if each.line <= line <= each.end_line]
            data = data.model_copy(update={"symbols": holding})
        if json:
            terminal.emit(data, client.meta)
            return
        _show(terminal, place.shown(doc_id), data, line)


def _show(terminal: Terminal, shown: str, data: OutlineData, line: int | None) -> None:
    if not data.symbols and line is not None:
        terminal.note(f"line {line} of {shown} is in no definition and under no heading")
        return
    if not data.symbols:
        terminal.note(f"{shown} ({data.language}) has no definitions or headings")
        return
    for symbol in data.symbols:
        depth = symbol.symbol.count(".") if symbol.kind != "section" else 0
        what = symbol.signature or symbol.symbol
        # `class Cart` says what it is by itself.
        kind = "" if symbol.kind in what.split() else symbol.kind
        place = f"{shown}:{symbol.line}"
        if terminal.pretty:
            from rich.text import Text

            text = Text.assemble(
                (visible(place), "cyan"),
                (f"  {kind:<10} ", "dim"),
                ("  " * depth + visible(what), "bold" if depth == 0 else ""),
            )
            terminal.console.print(text, soft_wrap=True)
        else:
            mark = f"{kind} " if kind else ""
            terminal.line(f"{place}-{symbol.end_line} {mark}{'  ' * depth}{what}")
