"""Options that narrow a search, shared by `query` and `related`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

__all__ = ["Exclude", "Kinds", "Languages", "MaxTokens", "Paths", "Since", "Symbol"]

Paths: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--path",
        metavar="GLOB",
        help="Only paths like this, relative to the project (./GLOB: to here). Repeatable.",
    ),
]

Exclude: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="GLOB", help="No paths like this. Repeatable."),
]

Languages: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--lang", "-l", metavar="LANGUAGE", help="Only this language. Repeatable."),
]

Kinds: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--kind", metavar="KIND", help="Only this kind: function, class, section … Repeatable."
    ),
]

Symbol: TypeAlias = Annotated[
    str | None,
    typer.Option("--symbol", metavar="NAME", help="Only definitions of this name."),
]

MaxTokens: TypeAlias = Annotated[
    int | None,
    typer.Option("--max-tokens", min=50, metavar="N", help="Stop before this many tokens."),
]

Since: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="REVISION",
        help="Only files that differ from this git revision (HEAD~5, main), untracked ones too.",
    ),
]
