"""The `coco-server` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; this is the console script."""
    from coco_server.cli.app import run

    return run(sys.argv[1:] if argv is None else list(argv))
