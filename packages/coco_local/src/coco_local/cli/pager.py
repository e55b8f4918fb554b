"""Pager: output longer than the screen is read in one, as with git and gh."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from coco_local.cli.terminal import Terminal

__all__ = ["paged", "pager_command"]

# What git gives less when the user has said nothing: end when all fits, keep colors, leave the
# text on the screen.
_LESS = "FRX"


def pager_command(environ: Mapping[str, str]) -> list[str] | None:
    """Return what PAGER names, else less; None where the user wants none or there is none."""
    chosen = environ.get("PAGER")
    if chosen is None:
        return ["less"] if shutil.which("less") else None
    try:
        words = shlex.split(chosen)
    except ValueError:
        return None
    if not words or words == ["cat"]:
        return None
    return words


@contextmanager
def paged(terminal: Terminal, *, wanted: bool = True) -> Iterator[None]:
    """Collect what is printed for a person; what is longer than the screen goes to a pager."""
    command = pager_command(os.environ) if wanted and terminal.pretty else None
    if command is None or not (sys.stdout.isatty() and sys.stdin.isatty()):
        yield
        return
    with terminal.collected() as collected:
        yield
    text = collected.getvalue()
    if text.count("\n") < shutil.get_terminal_size().lines or not _read_in(command, text):
        sys.stdout.write(text)
        sys.stdout.flush()


def _read_in(command: list[str], text: str) -> bool:
    """Return whether the pager could be started."""
    environ = {"LESS": _LESS, "LV": "-c", **os.environ}
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environ)
    except OSError:
        # What was found is worth more than how it is read.
        return False
    try:
        process.communicate(text.encode(errors="surrogateescape"))
    except KeyboardInterrupt:
        # less takes Ctrl-C for itself, and goes on.
        process.wait()
    return True
