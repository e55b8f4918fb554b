"""What the public engine's native module offers to its tests."""

from __future__ import annotations

from coco_flow.components.deadline import NO_DEADLINE, DeadlineContext, DeadlineExceededError
from coco_flow.components.engine import cancel_all, reset_global_cancellation
from coco_flow.components.inspection import (
    StablePathDetail,
    StablePathInfo,
    StablePathNodeType,
    TargetStateEntry,
)
from coco_flow.components.logic import register_logic_fingerprint, unregister_logic_fingerprint
from coco_flow.components.memo_key import Fingerprint, memo_fingerprint
from coco_flow.components.paths import StablePath, Symbol
from cocoindex._internal.testing_clock import (
    testing_advance_deadline_clock,
    testing_disable_deadline_clock,
    testing_reset_deadline_clock,
)

__all__ = [
    "DeadlineContext",
    "DeadlineExceededError",
    "Fingerprint",
    "StablePath",
    "StablePathDetail",
    "StablePathInfo",
    "StablePathNodeType",
    "Symbol",
    "TargetStateEntry",
    "cancel_all",
    "deadline_none",
    "fingerprint_simple_object",
    "register_logic_fingerprint",
    "reset_global_cancellation",
    "testing_advance_deadline_clock",
    "testing_disable_deadline_clock",
    "testing_reset_deadline_clock",
    "unregister_logic_fingerprint",
]

fingerprint_simple_object = memo_fingerprint


def deadline_none() -> DeadlineContext:
    """Return the absence of a deadline."""
    return NO_DEADLINE
