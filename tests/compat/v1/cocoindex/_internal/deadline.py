"""Deadlines under the public engine's names."""

from __future__ import annotations

from coco_flow.components.deadline import (
    DeadlineContext,
    DeadlineExceededError,
    RetryOn,
    check_cancellation,
    current,
    exponential_backoff,
    has_deadline,
    remaining_seconds,
    restore,
    retry_transient,
    timeout,
    without_deadline,
)

__all__ = [
    "DeadlineContext",
    "DeadlineExceededError",
    "RetryOn",
    "check_cancellation",
    "deadline_for_engine",
    "exponential_backoff",
    "has_deadline",
    "remaining_seconds",
    "restore",
    "retry_transient",
    "timeout",
    "without_deadline",
]

deadline_for_engine = current
