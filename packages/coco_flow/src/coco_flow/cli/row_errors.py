"""`coco-flow errors` and `coco-flow errors retry`."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import click

from coco_flow.cli.app_target import load_application
from coco_flow.cli.exits import Exit
from coco_flow.cli.options import allow_errors_option, app_argument, json_option, quiet_option
from coco_flow.cli.terminal import terminal_of

if TYPE_CHECKING:
    from coco_flow.cli.stored_flows import StoredFlow
    from coco_flow.state.store import RowError

__all__ = ["command", "error_line"]

_HEADS = ("FLOW", "SOURCE", "KEY", "STEP", "FIRST", "LAST", "ATTEMPTS", "NEXT RETRY", "MESSAGE")


class _ListByDefault(click.Group):
    """A group in which the word `list` may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` before arguments that begin with no command's name."""
        asks_for_help = any(word in ctx.help_option_names for word in args)
        if not any(word in self.commands for word in args[:1]) and not asks_for_help:
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("errors", cls=_ListByDefault)
def command() -> None:
    """List rows that failed, or process them again.

    `list` may be left out. A failed row keeps what it had in the targets. Each update tries it
    again; in live mode it is tried after growing waits.
    """


@command.command("list")
@app_argument("[APP[:FLOW]]", required=False)
@click.option("--traceback", is_flag=True, help="Show the traceback of each failure.")
@click.option("--source", metavar="NAME", help="Only rows of this source.")
@click.option("--limit", metavar="N", default=100, show_default=True, help="Rows to list.")
@json_option
@click.pass_context
def list_errors(
    context: click.Context, target: str | None, *, traceback: bool, source: str | None, limit: int
) -> int:
    """List rows that failed, the latest first: of all flows with state, or of those of APP."""
    terminal = terminal_of(context)
    found = [
        (flow, error)
        for flow in _flows(target)
        for error in _errors_of(flow, limit)
        if source is None or error.source == source
    ][:limit]
    if terminal.json:
        terminal.document({"errors": [_error_json(flow, error) for flow, error in found]})
        return Exit.OK
    if not found:
        terminal.line("No row has failed.")
        return Exit.OK
    if traceback:
        for flow, error in found:
            terminal.line(f"{flow.name} {error_line(error)}")
            for line in error.traceback.splitlines():
                terminal.line(f"    {line}")
        return Exit.OK
    from coco_core.terminal import table_lines

    rows = [_cells(flow, error) for flow, error in found]
    for number, line in enumerate(table_lines(_HEADS, rows, numbers=("ATTEMPTS",))):
        terminal.line(line if number else terminal.style(line, "2"))
    return Exit.OK


@command.command("retry")
@app_argument()
@allow_errors_option
@quiet_option
@json_option
@click.pass_context
def retry_errors(context: click.Context, target: str, *, allow_errors: bool, quiet: bool) -> int:
    """Process the rows that failed again, now, and no others."""
    from coco_flow.cli.jobs import RetryJob
    from coco_flow.cli.updating import run_jobs

    del quiet
    terminal = terminal_of(context)
    flows, _ = load_application(target).chosen()
    return run_jobs(terminal, [RetryJob(flow) for flow in flows], allow_errors=allow_errors)


def error_line(error: RowError) -> str:
    """Return a failure in one line."""
    return f"{error.source} {_key(error)} ({error.step}): {_first_line(error.message)}"


def _flows(target: str | None) -> list[StoredFlow]:
    from coco_flow.cli.stored_flows import stored_flows

    if target is None:
        return stored_flows()
    return stored_flows(load_application(target).chosen()[0])


def _errors_of(flow: StoredFlow, limit: int) -> list[RowError]:
    from coco_flow.flow.context import context

    return context.store.errors(flow.flow_id, limit)


def _cells(flow: StoredFlow, error: RowError) -> tuple[str, ...]:
    from coco_flow.cli.figures import moment

    return (
        flow.name,
        error.source,
        _key(error),
        error.step,
        moment(error.first_at),
        moment(error.last_at),
        f"{error.attempts:,}",
        moment(error.retry_at),
        _first_line(error.message),
    )


def _key(error: RowError) -> str:
    from coco_flow.types.codec import unpack_key

    return ", ".join(map(_shown, unpack_key(error.key)))


def _shown(part: Any) -> str:
    return repr(part) if isinstance(part, str) and part != part.strip() else str(part)


def _first_line(message: str) -> str:
    first, _, more = message.strip().partition("\n")
    return f"{first} …" if more else first


def _error_json(flow: StoredFlow, error: RowError) -> dict[str, Any]:
    from coco_flow.types.codec import unpack_key
    from coco_flow.types.dump import dump_engine_object

    return {
        "flow": flow.name,
        "source": error.source,
        "key": dump_engine_object(list(unpack_key(error.key)), bytes_to_base64=True),
        "step": error.step,
        "message": error.message,
        "traceback": error.traceback,
        "first_at": _iso(error.first_at),
        "last_at": _iso(error.last_at),
        "attempts": error.attempts,
        "retry_at": _iso(error.retry_at),
    }


def _iso(timestamp: float | None) -> str | None:
    if timestamp is None:
        return None
    return datetime.datetime.fromtimestamp(timestamp, datetime.UTC).isoformat()
