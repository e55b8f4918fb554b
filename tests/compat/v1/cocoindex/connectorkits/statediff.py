"""Re-exports coco_flow.components.connectorkits.statediff."""

from __future__ import annotations

from coco_flow.components.connectorkits.statediff import *  # noqa: F403
