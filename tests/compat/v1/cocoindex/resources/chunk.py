"""Re-exports coco_flow.components.chunk."""

from __future__ import annotations

from coco_flow.components.chunk import *  # noqa: F403
