"""`coco-flow show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from coco_flow.cli.app_target import load_application
from coco_flow.cli.exits import Exit
from coco_flow.cli.options import app_argument, json_option
from coco_flow.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_flow.flow.flow import Flow

__all__ = ["command"]


@click.command("show")
@app_argument("[APP[:FLOW]]", required=False)
@click.argument("path", required=False, metavar="[PATH]")
@click.option("-v", "--verbose", is_flag=True, help="Show specs and options of functions whole.")
@click.option("--color/--no-color", default=None, help="Use colors. Default: on a terminal.")
@click.option(
    "--stored", metavar="FLOW", help="Show a flow as it was set up last, without its code."
)
@click.option("--tree", is_flag=True, help="Apps: show paths as a tree.")
@click.option("-l", "--long", is_flag=True, help="Apps: show all that is stored of each path.")
@click.option("-r", "--recursive", is_flag=True, help="Apps: with PATH, what is below it, too.")
@click.option("-p", "--parents", is_flag=True, help="Apps: with PATH, what is above it, too.")
@click.option("--target-states", is_flag=True, help="Apps: show target states with their owners.")
@click.option("--fingerprints", is_flag=True, help="Apps: show stored digests instead of keys.")
@click.option("--db", metavar="DIR", type=click.Path(), help="Apps: the folder of their state.")
@click.option("--app-name", metavar="NAME", help="Apps: with --db, the app to show.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    target: str | None,
    *,
    path: str | None,
    verbose: bool,
    color: bool | None,
    stored: str | None,
    db: str | None,
    app_name: str | None,
    **view: bool,
) -> int:
    """Show what a flow does, its schema and its exports.

    Of an app of the component style: its stable paths. PATH is one of them, such as /@files/"a.md".
    """
    terminal = terminal_of(context)
    if stored is not None:
        _show_stored(terminal, stored, verbose=verbose, color=color)
        return Exit.OK
    if target is None:
        if db is None or app_name is None:
            raise click.UsageError("Give APP, or --db and --app-name, or --stored FLOW.")
        _show_app(terminal, Path(db), app_name, {"path": path, **view})
        return Exit.OK
    flow, app = load_application(target).one(terminal, "to show")
    if flow is not None:
        _show_flow(terminal, flow, verbose=verbose, color=color)
    elif app is not None:
        from coco_flow.cli.stored_apps import state_folder

        _show_app(terminal, state_folder(app), app.name, {"path": path, **view})
    return Exit.OK


def _show_flow(terminal: Terminal, flow: Flow, *, verbose: bool, color: bool | None) -> None:
    from coco_flow.cli.query_text import signature_of
    from coco_flow.cli.show_flow import masked, show_flow

    definition = flow.describe()
    handlers = [signature_of(handler) for handler in flow.query_handlers.values()]
    if terminal.json:
        terminal.document({**masked(definition), "query_handlers": list(flow.query_handlers)})
    else:
        show_flow(terminal, definition, handlers=handlers, verbose=verbose, color=color)


def _show_stored(terminal: Terminal, name: str, *, verbose: bool, color: bool | None) -> None:
    from coco_flow.cli.show_flow import masked, show_flow
    from coco_flow.cli.stored_flows import stored_flow

    definition = stored_flow(name).definition
    if terminal.json:
        terminal.document(masked(definition))
    else:
        show_flow(terminal, definition, handlers=(), verbose=verbose, color=color)


def _show_app(terminal: Terminal, folder: Path, name: str, view: dict[str, Any]) -> None:
    from coco_flow.cli.show_app import AppView, show_app

    show_app(terminal, folder, name, AppView(**view))
