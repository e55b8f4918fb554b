"""`coco-flow models worker`."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from coco_flow.cli.exits import Exit
from coco_flow.cli.models.application import chosen_database, load_models, require_engine
from coco_flow.cli.models.options import database_option, target_argument
from coco_flow.cli.options import json_option, quiet_option
from coco_flow.cli.terminal import Terminal, terminal_of
from coco_flow.errors import DefinitionError

if TYPE_CHECKING:
    from coco_flow.models.database import Database
    from coco_flow.models.engine import Engine
    from coco_flow.models.events import Event

__all__ = ["command"]

_POLL_SECONDS = 0.1
# How often it is looked for work of processes that are gone.
_TAKE_OVER_SECONDS = 2.0
# How long batches at work may take when the worker is stopped; others do again what is left.
_GRACE_SECONDS = 20


@click.command("worker")
@target_argument("APP")
@click.option(
    "--concurrency",
    metavar="N",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Batches at a time.",
)
@database_option
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context, target: str, *, concurrency: int, database: str | None, quiet: bool
) -> int:
    """Work on the runs of a shared PostgreSQL until Ctrl-C or SIGTERM.

    It takes batches of models with `batch_size` from runs that any process started, and whole runs
    whose processes are gone. Batches at work are finished when it is stopped, or left to others
    after 20 seconds. With --json, each event is a line.
    """
    del quiet
    terminal = terminal_of(context)
    load_models(target)
    require_engine()
    chosen = chosen_database(database)
    if chosen.is_sqlite:
        raise DefinitionError(
            f"A worker shares work through PostgreSQL, and {chosen.public_url} is SQLite: what "
            "runs there is done by the process that started it.",
            hint="Give --database postgresql://USER@HOST/NAME, the same to `run` and to every "
            "worker.",
        )
    return _work(terminal, chosen, concurrency)


def _work(terminal: Terminal, database: Database, concurrency: int) -> int:
    from coco_flow.cli.models.following import wait_for_work
    from coco_flow.cli.models.model_logs import ModelLogs
    from coco_flow.cli.stop_signals import StopSignals
    from coco_flow.models.engine import engine_of
    from coco_flow.models.events import listening

    with ModelLogs(), StopSignals() as stop, listening(_Reporter(terminal)):
        engine = engine_of(database, batches_at_once=concurrency)
        _announce(terminal, database, concurrency)
        while not stop.requested:
            _take_over(terminal, engine)
            next_look = time.monotonic() + _TAKE_OVER_SECONDS
            while not stop.requested and time.monotonic() < next_look:
                time.sleep(_POLL_SECONDS)
        terminal.note("Stopping after the batches at work; again to stop immediately.")
        wait_for_work(_GRACE_SECONDS)
    terminal.note("Stopped.")
    # A model that did not end in time must not hold the process: others do its batch again.
    sys.stdout.flush()
    os._exit(Exit.OK)


def _announce(terminal: Terminal, database: Database, concurrency: int) -> None:
    if terminal.json:
        terminal.json_line(
            {"kind": "ready", "database": database.public_url, "concurrency": concurrency}
        )
        return
    at_a_time = "one batch" if concurrency == 1 else f"{concurrency} batches"
    terminal.line(f"Worker ready on {database.public_url}: takes {at_a_time} at a time.")
    terminal.flush()
    terminal.note("Press Ctrl-C to stop.")


def _take_over(terminal: Terminal, engine: Engine) -> None:
    from coco_flow.models.runs import take_over

    for work in take_over(engine):
        terminal.note(f"Took over from a process that is gone: {work}")


class _Reporter:
    """Says what happens in this worker."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def __call__(self, run: str, event: Event) -> None:
        from coco_flow.cli.models.run_text import event_line

        if self._terminal.json:
            document: dict[str, Any] = {"run": run, **event.as_dict()}
            self._terminal.json_line(document)
        elif event.kind == "failed" or event.level in ("warning", "error", "critical"):
            self._terminal.warn(f"{run} {event_line(event)}")
        elif event.kind == "progress" and event.message == "batches":
            self._terminal.note(f"{run} {event.model}: {event.done}/{event.total} batches")
