"""Re-exports coco_flow.components.ops.text."""

from __future__ import annotations

from coco_flow.components.ops.text import *  # noqa: F403
