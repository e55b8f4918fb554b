"""Options that several commands have, each defined once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from coco_flow.cli.terminal import terminal_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = [
    "allow_empty_option",
    "allow_errors_option",
    "app_argument",
    "force_option",
    "full_reprocess_option",
    "json_option",
    "quiet_option",
    "reexport_option",
    "reset_option",
]

F = TypeVar("F", bound=Callable[..., Any])


def _complete_target(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from coco_flow.cli.completion import complete_target

    return complete_target(context, parameter, incomplete)


def app_argument(metavar: str = "APP[:FLOW]", *, required: bool = True) -> Callable[[F], F]:
    """Add the argument that names an application."""
    return click.argument(
        "target", metavar=metavar, required=required, shell_complete=_complete_target
    )


def _set_json(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        terminal_of(context).use_json()


def _set_quiet(context: click.Context, _: click.Parameter, wanted: bool) -> bool:
    if wanted:
        terminal_of(context).quiet = True
    return wanted


json_option = click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_set_json,
    help="Write one JSON document to standard output.",
)
quiet_option = click.option(
    "-q",
    "--quiet",
    is_flag=True,
    callback=_set_quiet,
    help="Write no statistics and no notes; warnings and errors stay.",
)
force_option = click.option("-f", "--force", is_flag=True, help="Do not ask.")
reset_option = click.option(
    "--reset", is_flag=True, help="Drop first, so that everything is rebuilt."
)
reexport_option = click.option(
    "--reexport", is_flag=True, help="Write all rows to the targets again, changed or not."
)
full_reprocess_option = click.option(
    "--full-reprocess",
    is_flag=True,
    help="Recompute everything, memoized results included.",
)
allow_empty_option = click.option(
    "--allow-empty",
    is_flag=True,
    help="Let a source that lists nothing any more delete all its rows.",
)
allow_errors_option = click.option(
    "--allow-errors", is_flag=True, help="Exit with 0 although rows failed."
)
