"""`coco-flow doctor`."""

from __future__ import annotations

from dataclasses import asdict

import click

from coco_flow.cli.exits import Exit
from coco_flow.cli.options import app_argument, json_option
from coco_flow.cli.terminal import terminal_of

__all__ = ["command"]

_STYLES = {"ok": "32", "off": "2", "warn": "33", "fail": "1;31"}


@click.command("doctor")
@app_argument("[APP]", required=False)
@json_option
@click.pass_context
def command(context: click.Context, target: str | None) -> int:
    """Check the installation and the state.

    With APP, also whether it loads, its flows are valid and their targets are set up. What is not
    installed and not needed is `off`. Exit code 1 means that something failed; warnings are 0.
    """
    from coco_flow.cli.checks import Level, examine

    terminal = terminal_of(context)
    findings = []
    for finding in examine(target):
        findings.append(finding)
        if terminal.json:
            continue
        mark = terminal.style(f"{finding.level:<4}", _STYLES[finding.level])
        terminal.line(f"{mark} {finding.check}: {finding.message}")
        if finding.fix:
            terminal.line(f"     -> {finding.fix}")
    counts = {level.value: sum(f.level is level for f in findings) for level in Level}
    if terminal.json:
        terminal.document({"findings": [asdict(finding) for finding in findings], **counts})
    elif not counts["fail"] and not counts["warn"]:
        terminal.note("Everything is in order.")
    return Exit.ERROR if counts["fail"] else Exit.OK
