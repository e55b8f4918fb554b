"""The `coco-flow` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; this is the console script."""
    try:
        from coco_flow.cli.program import run

        return run(sys.argv[1:] if argv is None else list(argv))
    except KeyboardInterrupt:
        # Ctrl-C before the command line was even read.
        from coco_flow.cli.exits import Exit

        return Exit.INTERRUPTED
