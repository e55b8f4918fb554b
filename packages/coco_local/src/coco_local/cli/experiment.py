"""`coco experiment`: its verbs, each from a module of its own."""

from __future__ import annotations

import typer

from coco_local.cli.experiment_adopt import adopt
from coco_local.cli.experiment_compare import compare
from coco_local.cli.experiment_questions import questions
from coco_local.cli.experiment_run import run

__all__ = ["app"]

app = typer.Typer(
    help="Compare strategies by your own questions, and adopt the best.", no_args_is_help=True
)
app.command()(run)
app.command()(compare)
app.command()(adopt)
app.command()(questions)
