"""Options that narrow a search and say how results are shown: of `query` and `related`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from coco_local.cli.completion import complete_kind, complete_language, complete_path

__all__ = [
    "Exclude",
    "Files",
    "Full",
    "Kinds",
    "Languages",
    "MaxTokens",
    "NoPager",
    "Paths",
    "Since",
    "Symbol",
    "Verbose",
]

Paths: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--path",
        metavar="GLOB",
        help="Only paths like this, relative to the project (./GLOB: to here). Repeatable.",
        autocompletion=complete_path,
    ),
]

Exclude: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="GLOB",
        help="No paths like this. Repeatable.",
        autocompletion=complete_path,
    ),
]

Languages: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--lang",
        "-l",
        metavar="LANGUAGE",
        help="Only this language. Repeatable.",
        autocompletion=complete_language,
    ),
]

Kinds: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        metavar="KIND",
        help="Only this kind: function, class, section … Repeatable.",
        autocompletion=complete_kind,
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

Files: TypeAlias = Annotated[bool, typer.Option("--files", help="Print only the files' paths.")]

Full: TypeAlias = Annotated[
    bool, typer.Option("--full", help="Print whole chunks instead of the lines that answer.")
]

Verbose: TypeAlias = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print the scores of each result.")
]

NoPager: TypeAlias = Annotated[
    bool, typer.Option("--no-pager", help="Print everything, however long it is.")
]

Since: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="REVISION",
        help="Only files that differ from this git revision (HEAD~5, main), untracked ones too.",
    ),
]
