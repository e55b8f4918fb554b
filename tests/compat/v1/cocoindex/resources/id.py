"""Re-exports coco_flow.components.ids."""

from __future__ import annotations

from coco_flow.components.ids import *  # noqa: F403
