"""Re-exports coco_flow.components.rate_limit."""

from __future__ import annotations

from coco_flow.components.rate_limit import RateLimiter

__all__ = ["RateLimiter"]
