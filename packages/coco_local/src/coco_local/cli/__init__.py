"""The `coco` command."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; this is the console script."""
    try:
        from coco_local.cli.app import run

        return run(argv)
    except KeyboardInterrupt:
        # Ctrl-C before the command line was even read.
        from coco_local.cli.exits import Exit

        return Exit.INTERRUPTED
