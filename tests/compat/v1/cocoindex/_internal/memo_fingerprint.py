"""Memo fingerprints under the public engine's names."""

from __future__ import annotations

from coco_flow.components.memo_key import (
    NotMemoKeyable,
    StateFnEntry,
    canonical_module_name,
    fingerprint_call,
    make_state_deserialize_fn,
    memo_fingerprint,
    register_memo_key_function,
    register_not_memo_keyable,
    unregister_memo_key_function,
)

__all__ = [
    "NotMemoKeyable",
    "StateFnEntry",
    "canonical_module_name",
    "fingerprint_call",
    "memo_fingerprint",
    "register_memo_key_function",
    "register_not_memo_keyable",
    "unregister_memo_key_function",
]

_make_state_deserialize_fn = make_state_deserialize_fn
