"""The command line as a whole: commands imported when used, and every error as a message."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from coco_core.terminal import prepare_streams, silence
from coco_flow.cli.commands import COMMANDS
from coco_flow.cli.exits import Exit
from coco_flow.cli.terminal import Terminal

__all__ = ["Program", "command_line", "run"]

_SETTINGS = {"help_option_names": ["--help", "-h"], "max_content_width": 100}
_LOG_LEVEL = "COCO_FLOW_LOG_LEVEL"


class Program(click.Group):
    """`coco-flow` itself."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names without importing any."""
        del ctx
        return [command.name for command in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        del ctx
        for entry in COMMANDS:
            if entry.name == cmd_name:
                command: click.Command = import_module(f"coco_flow.cli.{entry.module}").command
                command.context_settings = {**_SETTINGS, **command.context_settings}
                return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section."""
        del ctx
        for section in dict.fromkeys(command.section for command in COMMANDS):
            with formatter.section(section):
                rows = [(c.name, c.summary) for c in COMMANDS if c.section == section]
                formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer commands from the table: completion must not wait for imports."""
        found = [
            CompletionItem(command.name, help=command.summary)
            for command in COMMANDS
            if command.name.startswith(incomplete)
        ]
        return found or super().shell_complete(ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader of its output that leaves early is no error."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # `coco-flow errors | head -1`: the reader has what it wanted.
            silence(sys.stdout)
            ctx.exit(Exit.OK)
        return result

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        import difflib

        name = args[0] if args else ""
        names = self.list_commands(ctx)
        if name not in names and not name.startswith("-"):
            near = difflib.get_close_matches(name, names, n=1)
            guess = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"There is no command {name!r}.{guess}")
        return super().resolve_command(ctx, args)


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from coco_flow import __version__

        sys.stdout.write(f"coco-flow {__version__}\n")
        ctx.exit()


def _install_completion(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from coco_flow.cli.completion import install_completion

        for line in install_completion():
            sys.stdout.write(f"{line}\n")
        ctx.exit()


def command_line() -> click.Group:
    """Build the program; no command is imported by it."""
    return Program(
        name="coco-flow",
        callback=_root,
        no_args_is_help=True,
        context_settings=_SETTINGS,
        help="Pipelines of CoCo: incremental data flows in Python that need no server.",
        epilog="APP is a Python file (./main.py) or an importable module (pkg.main); APP:FLOW "
        "names one of its flows or apps.",
        params=[
            click.Option(
                ["-V", "--version"], is_flag=True, is_eager=True, expose_value=False,
                callback=_print_version, help="Print the version.",
            ),
            click.Option(
                ["-e", "--env-file"], metavar="FILE", type=click.Path(exists=True, dir_okay=False),
                help="Read environment variables from this file. Default: the .env in this folder "
                "or the nearest one above. Variables that are set already win.",
            ),
            click.Option(
                ["-d", "--app-dir"], metavar="DIR", default="", show_default=False,
                type=click.Path(),
                help="Look here first for modules. Default: this folder.",
            ),
            click.Option(
                ["--install-completion"], is_flag=True, is_eager=True, expose_value=False,
                callback=_install_completion,
                help="Teach your shell to complete commands and options.",
            ),
        ],
    )  # fmt: skip


@click.pass_context
def _root(context: click.Context, env_file: str | None, app_dir: str) -> None:
    context.obj = context.obj or Terminal()
    _set_up_logging(context.obj)
    _load_environment(context.obj, env_file)
    context.call_on_close(_stop)
    folder = app_dir or "."
    sys.path.insert(0, os.path.abspath(folder))  # noqa: PTH100 - links stay as they are written


def _stop() -> None:
    """Close what the flows share, if the command used flows."""
    if "coco_flow.flow.context" in sys.modules:
        from coco_flow.flow.context import stop

        stop()


def _load_environment(terminal: Terminal, env_file: str | None) -> None:
    """Read the file of environment variables before anything reads a setting."""
    from dotenv import find_dotenv, load_dotenv

    found = env_file or find_dotenv(usecwd=True)
    if found and load_dotenv(found):
        terminal.note(f"Read environment variables from {os.path.abspath(found)}")  # noqa: PTH100


class _NoteHandler(logging.Handler):
    """Writes what modules log as notes of the command."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; of an exception only the lines of the user's code, unless debugging."""
        text = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            from coco_flow.cli.failure import as_coco_error
            from coco_flow.cli.user_code import user_traceback

            is_debugging = logging.getLogger("coco_flow").isEnabledFor(logging.DEBUG)
            lines = self.format(record) if is_debugging else user_traceback(error)
            reason = as_coco_error(error).message
            text = "\n".join(filter(None, (text if reason in text else f"{text} {reason}", lines)))
        if record.levelno >= logging.WARNING:
            self._terminal.warn(text)
        else:
            self._terminal.note(text)


def _set_up_logging(terminal: Terminal) -> None:
    """Write what modules log: of all at one level, of single components at others."""
    root = logging.getLogger("coco_flow")
    root.setLevel(logging.WARNING)
    root.handlers = [_NoteHandler(terminal)]
    root.propagate = False
    for entry in filter(None, os.environ.get(_LOG_LEVEL, "").split(",")):
        component, _, name = entry.strip().rpartition("=")
        level = name.upper()
        if level not in logging.getLevelNamesMapping():
            names = ", ".join(name.lower() for name in ("DEBUG", "INFO", "WARNING", "ERROR"))
            raise click.UsageError(
                f"{_LOG_LEVEL}: {entry!r} is neither one of {names} nor COMPONENT=LEVEL, "
                "such as engine=debug."
            )
        logging.getLogger(f"coco_flow.{component}" if component else "coco_flow").setLevel(level)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    prepare_streams()
    terminal = Terminal()
    try:
        code = command_line().main(
            list(arguments), prog_name="coco-flow", standalone_mode=False, obj=terminal
        )
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stdout.write(error.format_message() + "\n")
        return Exit.USAGE
    except click.ClickException as error:
        return _usage(terminal, error, arguments)
    except click.Abort:
        sys.stderr.write("aborted\n")
        return Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last handler reports every error
        from coco_flow.cli.failure import report_error

        report_error(terminal, error)
        return Exit.ERROR
    return code if isinstance(code, int) else Exit.OK


def _usage(terminal: Terminal, error: click.ClickException, arguments: Sequence[str]) -> int:
    context = getattr(error, "ctx", None)
    names = [command.name for command in COMMANDS]
    used = next((argument for argument in arguments if argument in names), None)
    own = f"coco-flow {used}" if used else "coco-flow"
    where = context.command_path if context is not None else own
    terminal.error(error.format_message(), hint=f"{where} --help", code="usage")
    return Exit.USAGE
