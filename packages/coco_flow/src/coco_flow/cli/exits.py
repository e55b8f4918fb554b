"""What the exit codes of `coco-flow` mean."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["MEANINGS", "Exit"]


class Exit(IntEnum):
    """Exit codes; scripts rely on them."""

    OK = 0
    ERROR = 1
    USAGE = 2
    # What a shell reports for a program that Ctrl-C or SIGTERM ended.
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS = {
    Exit.OK: "done; also a live update or a server that Ctrl-C or SIGTERM ended",
    Exit.ERROR: "error, or rows failed (`--allow-errors` makes that 0)",
    Exit.USAGE: "usage: the command line itself is wrong",
    Exit.INTERRUPTED: "Ctrl-C before the work was done",
    Exit.TERMINATED: "SIGTERM before the work was done",
}
"""The meaning of each exit code, for the documentation."""
