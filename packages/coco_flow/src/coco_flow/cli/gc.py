"""`coco-flow gc`."""

from __future__ import annotations

import time

import click

from coco_flow.cli.exits import Exit
from coco_flow.cli.options import json_option
from coco_flow.cli.terminal import terminal_of

__all__ = ["command"]

_DAY = 24 * 3600.0


@click.command("gc")
@click.option(
    "--older-than",
    metavar="DAYS",
    type=click.FloatRange(min=0),
    default=7,
    show_default=True,
    help="Keep younger results: they make going back to an earlier text cheap.",
)
@json_option
@click.pass_context
def command(context: click.Context, *, older_than: float) -> int:
    """Remove results that no row uses any more.

    Gives the space back, too. Every update removes unused results of more than seven days,
    but never make the state's file smaller.
    """
    from coco_flow.cli.figures import byte_count, count
    from coco_flow.flow.context import context as flow_context

    terminal = terminal_of(context)
    removed, before, after = 0, 0, 0
    if flow_context.state_exists():
        store = flow_context.store
        before = store.byte_size()
        # Times are kept in whole seconds; this one counts as past.
        removed = store.sweep_memo(time.time() - older_than * _DAY + 1)
        store.compact()
        after = store.byte_size()
    if terminal.json:
        terminal.document({"removed": removed, "bytes_before": before, "bytes_after": after})
        return Exit.OK
    terminal.line(
        f"Removed {count(removed, 'result')}: {byte_count(before)} before, {byte_count(after)} now."
    )
    return Exit.OK
