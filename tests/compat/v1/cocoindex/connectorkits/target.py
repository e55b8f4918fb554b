"""Re-exports coco_flow.components.connectorkits.target."""

from __future__ import annotations

from coco_flow.components.connectorkits.target import *  # noqa: F403
