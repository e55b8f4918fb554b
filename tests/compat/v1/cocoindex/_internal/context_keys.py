"""Context values under the public engine's names."""

from __future__ import annotations

from coco_flow.components.context import ContextKey, ContextProvider

__all__ = ["ContextKey", "ContextProvider"]
