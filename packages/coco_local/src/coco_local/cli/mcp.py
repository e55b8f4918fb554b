"""`coco mcp`: the server for agents, and its installation into their configurations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from coco_core.errors import InvalidInput
from coco_local.cli.options import Json, Project
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_local.mcp.install import Change, Part

__all__ = ["app"]

app = typer.Typer(help="Serve MCP on standard input and output, or install it.")


@app.callback(invoke_without_command=True)
def serve(context: typer.Context, project: Project = None) -> None:
    """Serve MCP on standard input and output, or install it.

    Without a subcommand this is the server that an MCP client starts; it ends with its client. It
    talks to the running service.
    """
    if context.invoked_subcommand is not None:
        return
    from coco_local.cli.connection import read_settings
    from coco_local.mcp.stdio import run_stdio

    raise typer.Exit(run_stdio(read_settings(), project))


def _complete_client(incomplete: str) -> list[tuple[str, str]]:
    from coco_local.mcp.install import clients

    return [
        (client.name, client.title) for client in clients() if client.name.startswith(incomplete)
    ]


ClientName: TypeAlias = Annotated[
    str | None,
    typer.Argument(metavar="CLIENT", help="Which program.", autocompletion=_complete_client),
]

OnlyPrint: TypeAlias = Annotated[
    bool, typer.Option("--print", help="Only show what would be changed.")
]
Instructions: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--instructions", help="Also the file that tells the program's model when to use CoCo."
    ),
]
ScopeOption: TypeAlias = Annotated[
    Literal["user", "project"],
    typer.Option("--scope", help="For yourself everywhere, or in this project."),
]


@app.command()
def install(
    context: typer.Context,
    *,
    client: ClientName = None,
    listing: Annotated[
        bool, typer.Option("--list", help="List the programs that can be configured.")
    ] = False,
    only_print: OnlyPrint = False,
    scope: ScopeOption = "user",
    instructions: Instructions = False,
    json: Json = False,
) -> None:
    """Put CoCo into a program's MCP configuration and show what was changed."""
    from coco_local.cli.connection import current_directory
    from coco_local.mcp.install import install as put_in

    del json
    terminal = terminal_of(context)
    if listing:
        _list(terminal)
        return
    _apply(
        terminal,
        partial(put_in, _named(client), scope, project_dir=_project_root(current_directory())),
        instructions=instructions,
        dry_run=only_print,
    )


@app.command()
def uninstall(
    context: typer.Context,
    *,
    client: ClientName = None,
    only_print: OnlyPrint = False,
    scope: ScopeOption = "user",
    instructions: Instructions = False,
    json: Json = False,
) -> None:
    """Take CoCo out of a program's MCP configuration; all else stays."""
    from coco_local.cli.connection import current_directory
    from coco_local.mcp.install import uninstall as take_out

    del json
    _apply(
        terminal_of(context),
        partial(take_out, _named(client), scope, project_dir=_project_root(current_directory())),
        instructions=instructions,
        dry_run=only_print,
    )


def _apply(
    terminal: Terminal, change: Callable[..., Change], *, instructions: bool, dry_run: bool
) -> None:
    """Make a change of the configuration and, if wished, of the instructions, and show both."""
    parts: tuple[Part, ...] = ("server", "instructions") if instructions else ("server",)
    # What cannot be done is found out before anything is written.
    for part in parts:
        change(part=part, dry_run=True)
    done = [change(part=part, dry_run=dry_run) for part in parts]
    if terminal.json:
        shown = [_json(each, dry_run=dry_run) for each in done]
        terminal.emit({**shown[0], **({"instructions": shown[1]} if instructions else {})})
        return
    for each in done:
        _show(terminal, each, dry_run=dry_run)


def _project_root(cwd: Path) -> Path:
    """Return the repository around ``cwd``: programs look for their file at its top."""
    for directory in (cwd, *cwd.parents):
        if (directory / ".git").exists():
            return directory
    return cwd


def _named(client: str | None) -> str:
    if client is None:
        raise InvalidInput("No program is named.", hint="List them: coco mcp install --list")
    return client


def _list(terminal: Terminal) -> None:
    from coco_local.mcp.install import clients

    if terminal.json:
        entries = [
            {"name": client.name, "title": client.title, "scopes": list(client.scopes)}
            for client in clients()
        ]
        terminal.emit({"clients": entries})
        return
    rows = [(client.name, client.title, ", ".join(client.scopes)) for client in clients()]
    terminal.table(("CLIENT", "PROGRAM", "SCOPES"), rows)


def _json(change: Change, *, dry_run: bool) -> dict[str, object]:
    return {
        "client": change.client,
        "path": str(change.path),
        "changed": change.changed,
        "written": change.changed and not dry_run,
        "backup": str(change.backup) if change.backup else None,
        "diff": change.diff,
    }


def _show(terminal: Terminal, change: Change, *, dry_run: bool) -> None:
    if not change.changed:
        terminal.line(f"{change.client}: nothing to change in {change.path}")
        return
    terminal.line(change.diff.rstrip("\n"))
    if dry_run:
        terminal.note(f"{change.client}: this is what would be changed; nothing was written")
        return
    terminal.note(f"{change.client}: {'removed' if change.deletes else 'wrote'} {change.path}")
    if change.backup is not None:
        terminal.note(f"as it was before: {change.backup}")
    if change.note:
        terminal.note(change.note)
