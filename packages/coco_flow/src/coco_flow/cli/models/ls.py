"""`coco-flow models ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from coco_flow.cli.exits import Exit
from coco_flow.cli.models.application import load_models
from coco_flow.cli.models.options import target_argument
from coco_flow.cli.models.tables import write_table
from coco_flow.cli.options import json_option
from coco_flow.cli.terminal import terminal_of

if TYPE_CHECKING:
    from coco_flow.models.declaration import Model
    from coco_flow.models.pipeline import PipelineConfig

__all__ = ["command"]

_HEADS = ("MODEL", "TABLE", "STRATEGY", "INPUTS", "DESCRIPTION")


@click.command("ls")
@target_argument("APP")
@json_option
@click.pass_context
def command(context: click.Context, target: str) -> int:
    """List models and pipelines.

    Of each model its table, its write strategy and what it reads.
    """
    terminal = terminal_of(context)
    load_models(target)
    from coco_flow.models.pipeline import pipelines
    from coco_flow.models.registry import ModelRegistry

    models, made = ModelRegistry.all(), pipelines().values()
    if terminal.json:
        terminal.document(
            {"models": [_model(one) for one in models], "pipelines": [_pipeline(p) for p in made]}
        )
        return Exit.OK
    rows = [
        (
            one.name,
            one.table.name,
            one.write_strategy,
            ", ".join(given.reference.name for given in one.inputs),
            one.description,
        )
        for one in models
    ]
    write_table(terminal, _HEADS, rows)
    if made:
        terminal.line()
        named = [(one.name, ", ".join(one.model_names)) for one in made]
        write_table(terminal, ("PIPELINE", "MODELS"), named)
    return Exit.OK


def _model(one: Model) -> dict[str, Any]:
    return {
        "name": one.name,
        "table": one.table.name,
        "primary_key": list(one.primary_key),
        "write_strategy": one.write_strategy,
        "inputs": {given.name: given.reference.name for given in one.inputs},
        "description": one.description,
    }


def _pipeline(one: PipelineConfig) -> dict[str, Any]:
    return {"name": one.name, "models": one.model_names, "stop_on_error": one.stop_on_error}
