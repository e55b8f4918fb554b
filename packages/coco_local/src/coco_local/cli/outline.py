"""`coco outline`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from coco_core.terminal_text import visible
from coco_local.cli.options import Json, Project
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_protocol.docs import OutlineData

__all__ = ["outline"]


def outline(
    context: typer.Context,
    *,
    path: Annotated[str, typer.Argument(metavar="PATH", help="A file of a project.")],
    project: Project = None,
    json: Json = False,
) -> None:
    """List the symbols or headings of a file."""
    from coco_local.cli.connection import connected
    from coco_local.cli.file import locate
    from coco_local.cli.requests import build
    from coco_protocol.docs import DocumentRequest

    terminal = terminal_of(context)
    with connected() as client:
        place, doc_id = locate(client, project, path)
        data = client.outline(build(DocumentRequest, doc_id=doc_id, project_id=place.project_id))
        if json:
            terminal.emit(data, client.meta)
            return
        _show(terminal, place.shown(doc_id), data)


def _show(terminal: Terminal, shown: str, data: OutlineData) -> None:
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
