"""Re-exports coco_flow.components.ops.code."""

from __future__ import annotations

from coco_flow.components.ops.code import *  # noqa: F403
