"""Options and arguments that several commands of table models have, each defined once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from coco_flow.cli.completion import complete_files

__all__ = [
    "allow_errors_option",
    "app_option",
    "database_option",
    "run_argument",
    "target_argument",
]

F = TypeVar("F", bound=Callable[..., Any])


def target_argument(metavar: str = "APP[:PIPELINE]") -> Callable[[F], F]:
    """Add the argument that names an application and a pipeline."""
    return click.argument("target", metavar=metavar, shell_complete=complete_files)


def run_argument(*, required: bool = True) -> Callable[[F], F]:
    """Add the argument that names a run."""
    metavar = "RUN" if required else "[RUN]"
    return click.argument("run", metavar=metavar, required=required)


def app_option(*, required: bool) -> Callable[[F], F]:
    """Add the option that names the application."""
    meaning = (
        "The Python file or module that declares the run's models."
        if required
        else "The Python file or module, where it sets the database."
    )
    return click.option(
        "--app", metavar="APP", required=required, help=meaning, shell_complete=complete_files
    )


database_option = click.option(
    "--database",
    metavar="URL",
    help="The database of the models: sqlite:///FILE or postgresql://USER@HOST/NAME. Default: what "
    "APP configures, else COCO_FLOW_MODELS_DATABASE, else sqlite:///coco_models.db.",
)
allow_errors_option = click.option(
    "--allow-errors", is_flag=True, help="Exit with 0 although documents failed."
)
