"""Fingerprints as bytes, for tracking records."""

from __future__ import annotations

from coco_flow.components import memo_key
from coco_flow.components.memo_key import Fingerprint

__all__ = ["Fingerprint", "fingerprint_bytes", "fingerprint_object", "fingerprint_str"]


def fingerprint_bytes(data: bytes) -> bytes:
    """Return the fingerprint of bytes as they are."""
    return memo_key.fingerprint_bytes(data).as_bytes()


def fingerprint_str(s: str) -> bytes:
    """Return the fingerprint of a text as UTF-8."""
    return fingerprint_bytes(s.encode("utf-8", "surrogatepass"))


def fingerprint_object(obj: object) -> bytes:
    """Return the fingerprint of any value that can be a memo key."""
    return memo_key.memo_fingerprint(obj).as_bytes()
