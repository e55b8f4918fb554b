"""`coco-flow update`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from coco_flow.cli.app_target import Application, load_application
from coco_flow.cli.exits import Exit
from coco_flow.cli.options import (
    allow_empty_option,
    allow_errors_option,
    app_argument,
    force_option,
    full_reprocess_option,
    json_option,
    quiet_option,
    reexport_option,
    reset_option,
)
from coco_flow.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_flow.flow.flow import Flow
    from coco_flow.flow.live import FlowLiveUpdaterOptions

__all__ = ["UpdateRequest", "command", "update_application"]


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """The options of an update; see `coco-flow update`."""

    live: bool = False
    shared: bool = False
    reexport: bool = False
    full_reprocess: bool = False
    reset: bool = False
    setup: bool = True
    dry_run: bool = False
    allow_empty: bool = False
    allow_errors: bool = False
    force: bool = False
    quiet: bool = False

    @property
    def updater_options(self) -> FlowLiveUpdaterOptions:
        """The options of the live updater that does it."""
        from coco_flow.flow.live import FlowLiveUpdaterOptions

        return FlowLiveUpdaterOptions(
            live_mode=self.live,
            reexport_targets=self.reexport,
            full_reprocess=self.full_reprocess,
            print_stats=not self.quiet,
            allow_empty=self.allow_empty,
        )

    def check(self) -> None:
        """Refuse what does not go together.

        Raises:
            UsageError: Two options contradict each other.
        """
        given = {
            "--dry-run": self.dry_run,
            "--live": self.live,
            "--shared": self.shared,
            "--reset": self.reset,
            "--reexport": self.reexport,
            "--full-reprocess": self.full_reprocess,
        }
        for first, second in (
            ("--dry-run", "--reset"),
            ("--dry-run", "--live"),
            ("--dry-run", "--shared"),
            # Each process of a shared update would do it again.
            ("--shared", "--live"),
            ("--shared", "--reset"),
            ("--shared", "--reexport"),
            ("--shared", "--full-reprocess"),
        ):
            if given[first] and given[second]:
                raise click.UsageError(f"{first} and {second} cannot be used together.")


@click.command("update")
@app_argument()
@click.option(
    "-L", "--live", is_flag=True, help="Follow changes of the sources until Ctrl-C or SIGTERM."
)
@click.option(
    "--shared",
    is_flag=True,
    help="Share the update with other processes that run this command on the same state.",
)
@click.option(
    "--dry-run",
    "--preview",
    "dry_run",
    is_flag=True,
    help="Only show what would be done: changes of targets, and the number of rows that would be "
    "processed and why; of an app, the actions.",
)
@reexport_option
@full_reprocess_option
@reset_option
@click.option(
    "--setup/--no-setup",
    default=True,
    help="Set up first what is not, or fail if it is not. Default: set up.",
)
@allow_empty_option
@allow_errors_option
@force_option
@quiet_option
@json_option
@click.pass_context
def command(context: click.Context, /, target: str, **options: bool) -> int:
    """Bring targets in step with the sources.

    Only what changed is processed. Targets that are not set up are set up first, after showing the
    changes and asking; what only creates needs no answer if standard input is at its end.
    """
    terminal = terminal_of(context)
    request = UpdateRequest(**options)
    request.check()
    return update_application(terminal, load_application(target), request)


def update_application(terminal: Terminal, application: Application, request: UpdateRequest) -> int:
    """Update the flows and apps that are meant, and return the exit code."""
    flows, apps = application.chosen()
    if len(apps) > 1 or (apps and flows and request.live):
        flow, app = application.one(terminal, "to update")
        flows, apps = ([flow] if flow else []), ([app] if app else [])
    code: int = Exit.OK
    if flows:
        code = _update_flows(terminal, flows, request, application.target)
    if apps and code == Exit.OK:
        from coco_flow.cli.update_app import update_app

        code = update_app(terminal, apps[0], request)
    return code


def _update_flows(
    terminal: Terminal, flows: Sequence[Flow], request: UpdateRequest, target: str
) -> int:
    from coco_flow.cli.jobs import SharedJob, UpdateJob
    from coco_flow.cli.setup_plan import prepare_flows
    from coco_flow.cli.updating import run_jobs

    if request.dry_run:
        _show_plan(terminal, flows, request)
        return Exit.OK
    if not prepare_flows(
        terminal, flows, reset=request.reset, setup=request.setup, force=request.force
    ):
        return Exit.OK
    if not (request.reexport or request.full_reprocess):
        _report_recomputed(terminal, flows)
    if request.shared:
        return run_jobs(
            terminal,
            [SharedJob(flow, allow_empty=request.allow_empty) for flow in flows],
            allow_errors=request.allow_errors,
            target=target,
        )
    return run_jobs(
        terminal,
        [UpdateJob(flow, request.updater_options) for flow in flows],
        live=request.live,
        allow_errors=request.allow_errors,
        target=target,
    )


def _show_plan(terminal: Terminal, flows: Sequence[Flow], request: UpdateRequest) -> None:
    from coco_flow.cli.setup_plan import SetupPlan
    from coco_flow.flow.context import context

    context.look_only()
    forced = request.reexport or request.full_reprocess
    plan = SetupPlan(flows, "setup", list_sources=True, process_all=forced)
    if terminal.json:
        terminal.document(plan.to_json())
        return
    for line in plan.lines():
        terminal.line(line)


def _report_recomputed(terminal: Terminal, flows: Sequence[Flow]) -> None:
    """Say before the work begins how many rows are processed although they did not change."""
    from coco_flow.cli.setup_plan import pending_line
    from coco_flow.flow.pending import pending_rows

    if terminal.quiet:
        return
    for flow in flows:
        for pending in pending_rows(flow, list_sources=False):
            if pending.total:
                terminal.note(f"{flow.name}.{pending_line(pending)}")
