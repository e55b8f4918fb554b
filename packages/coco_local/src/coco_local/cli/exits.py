"""What the exit codes of `coco` mean; docs/cli.md lists them."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Exit"]


class Exit(IntEnum):
    """Exit codes; scripts rely on them."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_RUNNING = 3
    NOTHING_FOUND = 4
    # What a shell reports for a program that Ctrl-C ended.
    INTERRUPTED = 130
