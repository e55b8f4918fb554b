"""`coco-flow drop`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from coco_flow.cli.app_target import load_application
from coco_flow.cli.exits import Exit
from coco_flow.cli.options import app_argument, force_option, quiet_option
from coco_flow.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_flow.components.app import App

__all__ = ["command"]


@click.command("drop")
@app_argument("[APP]", required=False)
@click.argument("names", nargs=-1, metavar="[FLOW]...")
@click.option(
    "--stored",
    multiple=True,
    metavar="FLOW",
    help="Remove what a flow made whose code is gone; may be given several times.",
)
@force_option
@quiet_option
@click.pass_context
def command(
    context: click.Context,
    target: str | None,
    *,
    names: tuple[str, ...],
    stored: tuple[str, ...],
    force: bool,
    quiet: bool,
) -> int:
    """Remove targets and state.

    Of the flows and apps that are named, or of all that APP defines, after asking. Sources are left
    alone, and so is what the user set up.
    """
    del quiet
    terminal = terminal_of(context)
    if (target is None) == (not stored):
        raise click.UsageError("Give APP, or --stored FLOW.")
    if stored:
        return _drop_stored(terminal, stored, force=force)
    assert target is not None
    application = load_application(target)
    if not names:
        flows, apps = application.chosen()
    else:
        flows, apps = [], []
        for name in names:
            if name not in application.flows and name not in {app.name for app in application.apps}:
                terminal.warn(f"There is no flow {name!r} in {target!r}; it is left out.")
                continue
            more_flows, more_apps = application.named(name)
            flows += more_flows
            apps += more_apps
    _drop_all(terminal, flows, apps, force=force)
    return Exit.OK


def _drop_all(
    terminal: Terminal, flows: Sequence[Any], apps: Sequence[App[Any, Any]], *, force: bool
) -> None:
    from coco_flow.cli.setup_plan import drop_flows

    if flows or not apps:
        dropped = drop_flows(terminal, flows, force=force)
        _report_dropped(terminal, dropped, [f"flow {flow.full_name}" for flow in flows])
    if apps:
        from coco_flow.cli.update_app import drop_apps

        drop_apps(terminal, apps, force=force)


def _report_dropped(terminal: Terminal, dropped: bool | None, names: Sequence[str]) -> None:
    if dropped is None:
        terminal.note("Nothing to drop.")
    elif not dropped:
        terminal.note("Nothing was changed.")
    elif not terminal.quiet:
        for name in names:
            terminal.line(f"Dropped {name}.")


def _drop_stored(terminal: Terminal, names: Sequence[str], *, force: bool) -> int:
    """Remove flows by what the state knows of them."""
    from coco_flow.cli.confirm import confirmed
    from coco_flow.cli.stored_flows import stored_flow
    from coco_flow.flow.context import context
    from coco_flow.setup.plan import apply_change, plan_drop

    flows = [stored_flow(name) for name in names]
    plans = [(flow, plan_drop(context.store, flow.flow_id)) for flow in flows]
    for flow, changes in plans:
        terminal.error_line(f"Flow {flow.full_name}: to drop")
        for change in changes:
            terminal.error_line(f"  {change}")
    if not confirmed(terminal, "Remove all this, with its rows?", force=force):
        _report_dropped(terminal, False, [])
        return Exit.OK
    for flow, changes in plans:
        for change in changes:
            apply_change(context.store, flow.flow_id, change)
        context.store.remove_flow(flow.flow_id)
    _report_dropped(terminal, True, [f"flow {flow.full_name}" for flow in flows])
    return Exit.OK
