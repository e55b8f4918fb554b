"""`coco-flow models`: the commands of table models."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Final

import click

__all__ = ["command"]

# Each is a module of this package, imported when it is used.
_COMMANDS: Final = (
    "ls", "graph", "run", "resume", "cancel", "fork", "status", "history", "test", "docs", "worker",
)  # fmt: skip


class _Models(click.Group):
    """The group of commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names in the order in which one meets them."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        found: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        name = args[0] if args else ""
        if name not in _COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, _COMMANDS, n=1)
            guess = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"There is no command {name!r}.{guess}")
        return super().resolve_command(ctx, args)


@click.group("models", cls=_Models)
def command() -> None:
    """Run, inspect and document pipelines of table models.

    APP is a Python file or a module that declares models; APP:PIPELINE names one of its pipelines,
    or a module of its models, and may be left out where there is only one.
    """
