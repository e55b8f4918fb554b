"""`coco-flow setup`."""

from __future__ import annotations

import click

from coco_flow.cli.app_target import load_application
from coco_flow.cli.exits import Exit
from coco_flow.cli.options import (
    app_argument,
    force_option,
    json_option,
    quiet_option,
    reset_option,
)
from coco_flow.cli.terminal import terminal_of

__all__ = ["command"]


@click.command("setup")
@app_argument()
@force_option
@reset_option
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only show the changes, with the number of rows that would be processed and why.",
)
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context, target: str, *, force: bool, reset: bool, dry_run: bool, quiet: bool
) -> int:
    """Create or alter targets to match the definition.

    Shows the changes first and asks. Targets that the definition no longer has are removed.
    """
    from coco_flow.cli.setup_plan import SetupPlan, drop_flows, set_up_flows
    from coco_flow.flow.context import context as flow_context

    del quiet
    terminal = terminal_of(context)
    flows, apps = load_application(target).chosen()
    if apps and not flows:
        terminal.note("Apps of the component style need no set-up: coco-flow update makes all.")
    if dry_run:
        flow_context.look_only()
        plan = SetupPlan(flows, "setup")
        if terminal.json:
            terminal.document(plan.to_json())
        else:
            for line in plan.lines():
                terminal.line(line)
        return Exit.OK
    before = SetupPlan(flows, "setup")
    if reset and drop_flows(terminal, flows, force=force) is False:
        terminal.note("Nothing was changed.")
        return Exit.OK
    if before.up_to_date and not reset:
        if not terminal.json:
            terminal.line("Setup is already up to date.")
    elif not set_up_flows(terminal, flows, force=force or reset, must_ask=True):
        terminal.note("Nothing was changed.")
        return Exit.OK
    elif not terminal.json:
        for flow in flows:
            terminal.line(f"Flow {flow.full_name} is set up.")
    if terminal.json:
        terminal.document(before.to_json())
    return Exit.OK
