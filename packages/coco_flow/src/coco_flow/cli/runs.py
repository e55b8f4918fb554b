"""`coco-flow runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from coco_flow.cli.app_target import load_application
from coco_flow.cli.exits import Exit
from coco_flow.cli.options import app_argument, json_option
from coco_flow.cli.terminal import terminal_of

if TYPE_CHECKING:
    from coco_flow.cli.stored_flows import StoredFlow

__all__ = ["command"]

_HEADS = ("FLOW", "STARTED", "TOOK", "STATUS", "ROWS")


@click.command("runs")
@app_argument("[APP[:FLOW]]", required=False)
@click.option("--limit", metavar="N", default=20, show_default=True, help="Updates of each flow.")
@json_option
@click.pass_context
def command(context: click.Context, target: str | None, *, limit: int) -> int:
    """List the latest updates and what they did.

    Of all flows with state, or of those of APP. An update that runs still is `running`; one whose
    process ended before it was done is `interrupted`: the next one continues where it stopped.
    """
    from coco_core.terminal import table_lines
    from coco_flow.cli.stored_flows import stored_flows

    terminal = terminal_of(context)
    chosen = None if target is None else load_application(target).chosen()[0]
    runs = [run for flow in stored_flows(chosen) for run in _runs(flow, limit)]
    if terminal.json:
        terminal.document({"runs": runs})
    elif not runs:
        terminal.line("No flow has been updated here.")
    else:
        lines = table_lines(_HEADS, [_cells(run) for run in runs])
        for number, line in enumerate(lines):
            terminal.line(line if number else terminal.style(line, "2"))
    return Exit.OK


def _runs(flow: StoredFlow, limit: int) -> list[dict[str, Any]]:
    from coco_flow.flow.context import context

    runs = context.store.runs(flow.flow_id, limit)
    if any(run["status"] == "running" for run in runs):
        with context.store.connection.flow_lock(flow.full_name, wait=False) as is_free:
            for run in runs[0 if is_free else 1 :]:
                if run["status"] == "running":
                    run["status"] = "interrupted"
    return [{"flow": flow.name, **run} for run in runs]


def _cells(run: dict[str, Any]) -> tuple[str, ...]:
    from coco_flow.cli.figures import duration, moment

    ended = run["ended_at"]
    return (
        run["flow"],
        moment(run["started_at"]),
        "-" if ended is None else duration(max(ended - run["started_at"], 0)),
        run["status"],
        _summary(run["stats"]),
    )


def _summary(stats: dict[str, dict[str, int]] | None) -> str:
    from coco_flow.cli.progress import counts_text

    shown = [f"{source}: {counts_text(counts)}" for source, counts in (stats or {}).items()]
    return "; ".join(shown) or "-"
