"""`coco-flow models graph`."""

from __future__ import annotations

import click

from coco_flow.cli.exits import Exit
from coco_flow.cli.models.application import load_models
from coco_flow.cli.models.options import target_argument
from coco_flow.cli.options import json_option
from coco_flow.cli.terminal import terminal_of

__all__ = ["command"]


@click.command("graph")
@target_argument()
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "mermaid", "json"]),
    default="text",
    show_default=True,
    help="Lines to read, a Mermaid flowchart, or nodes and edges as JSON.",
)
@json_option
@click.pass_context
def command(context: click.Context, target: str, *, form: str) -> int:
    """Show in which order models run and what they read.

    Models of one level run at the same time. Tables from outside are those that no model of the
    pipeline writes.
    """
    terminal = terminal_of(context)
    pipeline = load_models(target).pipeline(terminal, "to show")
    from coco_flow.models.diagram import diagram_of
    from coco_flow.models.graph import build_graph

    diagram = diagram_of(pipeline.name, build_graph(pipeline.model_names))
    if terminal.json or form == "json":
        terminal.document(diagram.as_dict())
    else:
        terminal.line(diagram.as_mermaid() if form == "mermaid" else diagram.as_text())
    return Exit.OK
