"""The command line: a Typer application that imports a verb when the verb is used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from coco_core.errors import CocoError
from coco_core.terminal import colorful, prepare_streams, silence
from coco_local.cli.commands import COMMANDS
from coco_local.cli.exits import Exit
from coco_local.cli.search_command import SearchCommand
from coco_local.cli.terminal import Terminal, report

if TYPE_CHECKING:
    # Typer carries its own copy of click and names these types nowhere else.
    from typer._click.core import Command, Context
    from typer._click.formatting import HelpFormatter
    from typer._click.shell_completion import CompletionItem

__all__ = ["command_line", "run"]

_SETTINGS = {"help_option_names": ["--help", "-h"]}


class _Verbs(MutableMapping[str, "Command"]):
    """All verbs by name; looking one up imports it."""

    def __init__(self) -> None:
        self._entries = {command.name: command for command in COMMANDS}
        self._entries |= {command.alias: command for command in COMMANDS if command.alias}
        self._built: dict[str, Command] = {}

    def __getitem__(self, name: str) -> Command:
        if name not in self._built:
            entry = self._entries[name]
            module = import_module(f"coco_local.cli.{entry.module}")
            self._built[name] = _build(name, getattr(module, entry.attribute))
        return self._built[name]

    def __setitem__(self, name: str, command: Command) -> None:
        self._built[name] = command

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _build(name: str, verb: typer.Typer | Callable[..., None]) -> Command:
    if not isinstance(verb, typer.Typer):
        application = typer.Typer(add_completion=False)
        application.command(name, cls=SearchCommand, context_settings=_SETTINGS)(verb)
        return get_command(application)
    verb.info.context_settings = _SETTINGS
    # Only the whole program offers to install completion.
    verb._add_completion = False
    group = get_command(verb)
    group.name = name
    return group


class _Program(TyperGroup):
    """`coco` itself: verbs by name, and every error as a line instead of a traceback."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Verbs()

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the verbs' names without importing any."""
        del ctx
        return list(self.commands)

    def shell_complete(self, ctx: Context, incomplete: str) -> list[CompletionItem]:
        """Offer verbs from the table: completion must not wait for imports."""
        from typer._click.shell_completion import CompletionItem

        verbs = [
            CompletionItem(name, help=command.summary)
            for command in COMMANDS
            for name in (command.name, command.alias)
            if name and name.startswith(incomplete)
        ]
        return verbs or super().shell_complete(ctx, incomplete)

    def format_help(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Draw the overview at once instead of with Rich."""
        del ctx
        from coco_local.cli.overview import overview

        encoding = (sys.stdout.encoding or "ascii").lower()
        formatter.write(overview(color=colorful(sys.stdout), boxes=encoding.startswith("utf")))

    def invoke(self, ctx: Context) -> Any:
        """Run the verb; what CoCo raises on purpose becomes a message and an exit code."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except CocoError as error:
            raise typer.Exit(_terminal(ctx).error(error)) from error
        except BrokenPipeError as error:
            # `coco query … | head -1`: the reader has what it wanted.
            silence(sys.stdout)
            raise typer.Exit(Exit.OK) from error
        return result


def _terminal(ctx: Context) -> Terminal:
    terminal = ctx.find_root().obj
    assert isinstance(terminal, Terminal)
    return terminal


def _print_version(wanted: bool) -> None:
    if wanted:
        from coco_local import __version__

        sys.stdout.write(f"coco {__version__}\n")
        raise typer.Exit


def command_line() -> Command:
    """Build the whole program; no verb is imported by it."""
    application = typer.Typer(name="coco", cls=_Program, context_settings=_SETTINGS)
    application.callback(no_args_is_help=True)(_root)
    return get_command(application)


def _root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """CoCo finds code and documentation by meaning."""
    del version
    context.obj = context.obj or Terminal()


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    prepare_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = command_line().main(arguments, prog_name="coco", standalone_mode=False)
    except typer.TyperException as error:
        return _usage(error)
    except typer.Abort:
        report("aborted", None)
        return Exit.ERROR
    except Exception as error:
        # The last line of defense: a bug is told in one line, too.
        if sys.flags.dev_mode:
            raise
        report(
            f"CoCo failed unexpectedly: {type(error).__name__}: {error}",
            "This is a bug. For the traceback: python -X dev -m coco_local.cli … (the same words)",
        )
        return Exit.ERROR
    return code if isinstance(code, int) else Exit.OK


def _usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        # Its message is the page itself, which was asked for by saying nothing.
        sys.stdout.write(error.format_message() + "\n")
        return Exit.USAGE
    where = context.command_path if context is not None else "coco"
    report(error.format_message(), f"{where} --help")
    return Exit.USAGE
