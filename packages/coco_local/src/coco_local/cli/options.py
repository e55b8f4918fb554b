"""Options that several verbs share, so that one word means one thing everywhere."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from coco_local.cli.completion import complete_project
from coco_local.cli.terminal import terminal_of

__all__ = ["Json", "Project", "Projects", "Wait", "Yes"]


def _set_json(context: typer.Context, wanted: bool) -> bool:
    if wanted and not context.resilient_parsing:
        terminal_of(context).json = True
    return wanted


Json: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--json",
        callback=_set_json,
        is_eager=True,
        help="Print one JSON document, as the HTTP API answers; errors too.",
    ),
]

Project: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--project",
        "-p",
        metavar="NAME|ID|PATH",
        help="The project; else the one around the current directory.",
        autocompletion=complete_project,
    ),
]

Projects: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--project",
        "-p",
        metavar="NAME|ID|PATH",
        help="The project; else the one around the current directory. Repeated: all of these, in "
        "one ranking.",
        autocompletion=complete_project,
    ),
]

Wait: TypeAlias = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Show progress until the work is done.")
]

Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
