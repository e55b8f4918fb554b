"""Re-exports coco_flow.components.schema."""

from __future__ import annotations

from coco_flow.components.schema import *  # noqa: F403
