"""A clock that tests set forward, as the public engine's native module has it."""

from __future__ import annotations

import os

from coco_flow.components.deadline import use_clock

__all__ = [
    "testing_advance_deadline_clock",
    "testing_disable_deadline_clock",
    "testing_reset_deadline_clock",
]

_now_ns = 0


def _check() -> None:
    if os.environ.get("COCOINDEX_TESTING") != "1":
        raise RuntimeError("The test clock needs the environment variable COCOINDEX_TESTING=1.")


def testing_reset_deadline_clock() -> None:
    """Put the test clock, standing at 0, in place of the real one."""
    global _now_ns
    _check()
    _now_ns = 0
    use_clock(lambda: _now_ns)


def testing_advance_deadline_clock(ms: int) -> None:
    """Set the test clock forward."""
    global _now_ns
    _check()
    _now_ns += ms * 1_000_000


def testing_disable_deadline_clock() -> None:
    """Go back to the real clock."""
    _check()
    use_clock(None)
