"""Tracked functions under the public engine's names."""

from __future__ import annotations

from coco_flow.components.function import AsyncFunction, SyncFunction
from coco_flow.components.memo_spec import apply_memo_key, prepare_memo_key

__all__ = ["AsyncFunction", "SyncFunction"]

_apply_memo_key = apply_memo_key
_normalize_memo_key = prepare_memo_key
