"""`coco doctor`."""

from __future__ import annotations

import sys
from dataclasses import asdict

import typer

from coco_core.terminal import colorful
from coco_local.cli.exits import Exit
from coco_local.cli.options import Json
from coco_local.cli.terminal import terminal_of

__all__ = ["doctor"]

_COLORS = {"ok": "32", "warn": "33", "fail": "1;31"}


def doctor(context: typer.Context, *, json: Json = False) -> None:
    """Check the installation, and say how to fix what is wrong.

    It works without the service, too. Exit code 1 means that something failed; warnings are 0.
    """
    from coco_local.cli.connection import read_settings
    from coco_local.doctor import CheckResult, Level, run_checks

    terminal = terminal_of(context)
    findings: list[CheckResult] = []
    for finding in run_checks(read_settings()):
        findings.append(finding)
        if json:
            continue
        mark = f"{finding.level:<4}"
        if colorful(sys.stdout):
            sys.stdout.write(f"\x1b[{_COLORS[finding.level]}m{mark}\x1b[0m ")
            terminal.line(f"{finding.check}: {finding.message}")
        else:
            terminal.line(f"{mark} {finding.check}: {finding.message}")
        if finding.fix:
            terminal.line(f"     -> {finding.fix}")
    counts = {level: sum(f.level == level for f in findings) for level in Level}
    failed = counts[Level.FAIL] > 0
    if json:
        terminal.emit(
            {
                "findings": [asdict(finding) for finding in findings],
                "ok": counts[Level.OK],
                "warn": counts[Level.WARN],
                "fail": counts[Level.FAIL],
            }
        )
    elif not failed and not counts[Level.WARN]:
        terminal.note("everything is in order")
    if failed:
        raise typer.Exit(Exit.ERROR)
