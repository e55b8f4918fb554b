"""The `coco` command."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence

from coco_local import __version__

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; this is the console script."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments in (["version"], ["--version"]):
        # Scripts ask this often, and the answer needs none of the machinery below.
        sys.stdout.write(f"coco {__version__}\n")
        return 0
    try:
        return _command_line(process=argv is None)(arguments)
    except KeyboardInterrupt:
        # Ctrl-C before the command line was even read.
        from coco_local.cli.exits import Exit

        return Exit.INTERRUPTED


def _command_line(*, process: bool) -> Callable[[Sequence[str]], int]:
    """Import the machinery; ``process`` says that this process has nothing else to do."""
    # What is imported stays: looking through it again and again for garbage takes a fifteenth of
    # what `coco query` computes.
    if process:
        gc.disable()
    from coco_local.cli.app import run

    if process:
        gc.freeze()
        gc.enable()
    return run
