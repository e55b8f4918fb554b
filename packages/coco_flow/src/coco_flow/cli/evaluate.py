"""`coco-flow evaluate`."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import click

from coco_flow.cli.app_target import load_application
from coco_flow.cli.exits import Exit
from coco_flow.cli.options import allow_errors_option, app_argument, json_option, quiet_option
from coco_flow.cli.terminal import terminal_of

if TYPE_CHECKING:
    from coco_flow.flow.flow import Flow

__all__ = ["command"]


@click.command("evaluate")
@app_argument()
@click.option(
    "-o",
    "--output-dir",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Where to write. Default: eval_[NAMESPACE_]FLOW_YYMMDD_HHMMSS.",
)
@click.option(
    "--cache/--no-cache",
    default=True,
    help="Use results in the memo. Default: yes.",
)
@allow_errors_option
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    target: str,
    *,
    output_dir: str | None,
    cache: bool,
    allow_errors: bool,
    quiet: bool,
) -> int:
    """Compute all rows and write them to files.

    Targets and state stay as they are. One YAML file a row, with its key, what it exports and its
    error.
    """
    from coco_flow.cli.figures import count
    from coco_flow.flow.flow import EvaluateAndDumpOptions

    terminal = terminal_of(context)
    flow, app = load_application(target).one(terminal, "to evaluate")
    if flow is None:
        assert app is not None
        raise click.UsageError(
            f"{app.name!r} is an app; evaluate is for flows. Try: coco-flow update --dry-run"
        )
    folder = output_dir or _default_folder(flow)
    info = flow.evaluate_and_dump(EvaluateAndDumpOptions(output_dir=folder, use_cache=cache))
    if terminal.json:
        terminal.document({"output_dir": folder, "sources": info.to_json()})
    elif not quiet:
        for name, counts in info.to_json().items():
            failed = f", {counts['num_errors']:,} failed" if counts["num_errors"] else ""
            terminal.line(f"{flow.name}.{name}: {count(sum(counts.values()), 'row')}{failed}")
        terminal.line(f"Wrote {folder}")
    if info.has_errors and not allow_errors:
        terminal.warn("Rows failed; their files say why.")
        return Exit.ERROR
    return Exit.OK


def _default_folder(flow: Flow) -> str:
    parts = ["eval", flow.namespace, flow.name]
    now = datetime.datetime.now().astimezone().strftime("%y%m%d_%H%M%S")
    return "_".join([*filter(None, parts), now])
