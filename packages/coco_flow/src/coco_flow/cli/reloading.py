"""Runs a command in a separate process and starts it again when Python files change."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coco_flow.cli.exits import Exit
from coco_flow.cli.stop_signals import StopSignals

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal

__all__ = ["restart_arguments", "serve_with_reload", "supervise"]

_STOP_SECONDS = 15.0


def serve_with_reload(terminal: Terminal, target: str) -> int:
    """Run this command line again and again, each time without the options of the first."""
    from coco_flow.cli.app_target import split_target

    app, _ = split_target(target)
    folders = [Path.cwd()]
    if app.endswith(".py"):
        folders.append(Path(app).resolve().parent)
    program = [sys.executable, "-m", "coco_flow.cli"]
    first = restart_arguments(sys.argv[1:], is_first=True)
    later = restart_arguments(sys.argv[1:], is_first=False)
    return supervise(terminal, [*program, *first], [*program, *later], folders)


def restart_arguments(arguments: Sequence[str], *, is_first: bool) -> list[str]:
    """Return the arguments of the process that does the work.

    What was reset once is not reset again, and what was confirmed is not asked for again.
    """
    removed = {"--reload", "-r"} if is_first else {"--reload", "-r", "--reset"}
    kept = [argument for argument in arguments if argument not in removed]
    return kept if is_first else [*kept, "--force"]


def supervise(
    terminal: Terminal, first: Sequence[str], later: Sequence[str], folders: Sequence[Path]
) -> int:
    """Run a command until a signal comes, and start it again at each change of a Python file.

    Args:
        terminal: Where to say so.
        first: The command at first.
        later: The command from the second start on.
        folders: Where Python files are watched.

    Returns:
        The exit code.
    """
    from watchfiles import PythonFilter, watch

    unique = [f for f in folders if not any(f != other and other in f.parents for other in folders)]
    ended = threading.Event()
    with StopSignals() as stop:
        process = subprocess.Popen(first)
        changes = watch(
            *dict.fromkeys(unique),
            watch_filter=PythonFilter(),
            stop_event=ended,
            rust_timeout=200,
            yield_on_timeout=True,
            raise_interrupt=False,
        )
        for changed in changes:
            if stop.requested:
                break
            if changed:
                files = ", ".join(sorted({Path(path).name for _, path in changed}))
                terminal.note(f"Changed: {files}; starting again.")
                _end(process)
                process = subprocess.Popen(later)
        ended.set()
        code = _end(process)
    return Exit.OK if stop.requested else code


def _end(process: subprocess.Popen[bytes]) -> int:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()
