"""Shared types under the public engine's names."""

from __future__ import annotations

from coco_flow.components.memo_key import MemoStateOutcome
from coco_flow.components.sentinel import (
    NON_EXISTENCE,
    NOT_SET,
    NonExistenceType,
    NotSetType,
    is_non_existence,
    is_not_set,
)

__all__ = [
    "NON_EXISTENCE",
    "NOT_SET",
    "MemoStateOutcome",
    "NonExistenceType",
    "NotSetType",
    "is_non_existence",
    "is_not_set",
]
