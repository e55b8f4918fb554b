"""`coco definition`, `coco references` and `coco callers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from coco_core.terminal_text import visible
from coco_local.cli.completion import complete_symbol
from coco_local.cli.exits import Exit
from coco_local.cli.filters import Exclude, Paths, Since
from coco_local.cli.options import Json, Project
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_local.cli.place import Place
    from coco_protocol.code import OccurrenceBody, SymbolData

__all__ = ["callers", "definition", "references"]

Name: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A name, Class.method, module.function, FILE:LINE, or FILE:Class.method.",
        autocompletion=complete_symbol,
    ),
]

Sure: TypeAlias = Annotated[bool, typer.Option("--sure", help="Leave out guesses.")]

Limit: TypeAlias = Annotated[
    int, typer.Option("-k", "--limit", min=1, max=10_000, help="At most about this many.")
]

After: TypeAlias = Annotated[
    str | None,
    typer.Option("--after", metavar="PATH", help="Go on behind this file of the last page."),
]


def definition(
    context: typer.Context,
    *,
    name: Name,
    project: Project = None,
    path: Paths = None,
    exclude: Exclude = None,
    since: Since = None,
    json: Json = False,
) -> None:
    """Show where a name is defined.

    Exit code 4 means that nothing in the project defines it.
    """
    _ask(
        context, "definition", name, project, json=json, include=path, exclude=exclude, since=since
    )


def references(
    context: typer.Context,
    *,
    name: Name,
    project: Project = None,
    path: Paths = None,
    exclude: Exclude = None,
    since: Since = None,
    sure: Sure = False,
    limit: Limit = 200,
    after: After = None,
    json: Json = False,
) -> None:
    """List where a name is used.

    Text in strings and comments does not count. A ? marks a guess: syntax does not say what
    stands before the dot. Exit code 4 means that nothing was found.
    """
    _ask(
        context,
        "references",
        name,
        project,
        json=json,
        include=path,
        exclude=exclude,
        since=since,
        sure=sure or None,
        limit=limit,
        after=after,
    )


def callers(
    context: typer.Context,
    *,
    name: Name,
    project: Project = None,
    path: Paths = None,
    exclude: Exclude = None,
    since: Since = None,
    depth: Annotated[
        int, typer.Option("--depth", min=1, max=5, help="Callers of callers: so many steps.")
    ] = 1,
    sure: Sure = False,
    limit: Limit = 200,
    after: After = None,
    json: Json = False,
) -> None:
    """List the functions that call a name.

    A ? marks a guess: syntax does not say what stands before the dot. Exit code 4 means that
    nothing was found.
    """
    _ask(
        context,
        "callers",
        name,
        project,
        json=json,
        include=path,
        exclude=exclude,
        since=since,
        depth=depth,
        sure=sure or None,
        limit=limit,
        after=after,
    )


def _ask(
    context: typer.Context,
    want: Literal["definition", "references", "callers"],
    name: str,
    project: str | None,
    *,
    json: bool,
    include: list[str] | None,
    exclude: list[str] | None,
    since: str | None,
    **options: object,
) -> None:
    from coco_local.cli.connection import connected, place_of
    from coco_local.cli.requests import build
    from coco_protocol.code import SymbolRequest

    terminal = terminal_of(context)
    with connected() as client:
        place = place_of(client, project)
        request = build(
            SymbolRequest,
            name=place.named_symbol(name),
            want=want,
            project_id=place.project_id,
            include=place.globs(include or ()),
            exclude=place.globs(exclude or ()),
            since_revision=since,
            **options,
        )
        data = client.symbol(request)
        if json:
            terminal.emit(data, client.meta)
        else:
            _show(terminal, place, data)
    if not (data.definitions if want == "definition" else data.occurrences or data.callers):
        raise typer.Exit(Exit.NOTHING_FOUND)


def _show(terminal: Terminal, place: Place, data: SymbolData) -> None:
    if data.want == "definition":
        for found in data.definitions:
            where = f"{place.shown(found.path)}:{found.line}"
            _row(terminal, where, f"{found.kind} {found.symbol}", found.signature)
    for occurrence in data.occurrences:
        where = f"{place.shown(occurrence.path)}:{occurrence.line}:{occurrence.column}"
        _row(terminal, where, _role(occurrence), occurrence.text)
    for caller in data.callers:
        where = f"{place.shown(caller.path)}:{caller.lines[0]}"
        what = caller.symbol or "(top level)"
        step = "  " * (caller.step - 1)
        more = f" ({len(caller.lines)} calls)" if len(caller.lines) > 1 else ""
        mark = "" if caller.sure else "? "
        called = f" -> {caller.calls}" if caller.step > 1 else ""
        _row(terminal, where, f"{step}{mark}{what}{called}{more}", caller.text)
    if data.notice:
        terminal.note(data.notice)
    elif data.want != "definition" and not data.occurrences and not data.callers:
        what = "uses" if data.want == "references" else "calls"
        terminal.note(f"nothing {what} {data.name} in these files")
    if data.next_after is not None:
        terminal.note(f"more with --after {data.next_after}")
    if data.near:
        terminal.note(f"like it: {', '.join(data.near)}")


def _role(occurrence: OccurrenceBody) -> str:
    mark = "" if occurrence.sure else "? "
    around = f" in {occurrence.symbol}" if occurrence.symbol else ""
    return f"{mark}{occurrence.role}{around}"


def _row(terminal: Terminal, where: str, what: str, text: str) -> None:
    if terminal.pretty:
        from rich.text import Text

        line = Text.assemble(
            (visible(where), "cyan"), (f"  {visible(what)}  ", "dim"), visible(text)
        )
        terminal.console.print(line, soft_wrap=True)
    else:
        terminal.line(f"{where}: {what}: {text}")
