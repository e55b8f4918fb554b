"""Options that say how results are shown, shared by `query` and `related`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

__all__ = ["Files", "Full", "NoPager", "Verbose"]

Files: TypeAlias = Annotated[bool, typer.Option("--files", help="Print only the files' paths.")]

Full: TypeAlias = Annotated[
    bool, typer.Option("--full", help="Print whole chunks on a terminal, too.")
]

Verbose: TypeAlias = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print the scores of each result.")
]

NoPager: TypeAlias = Annotated[
    bool, typer.Option("--no-pager", help="Print everything, however long it is.")
]
