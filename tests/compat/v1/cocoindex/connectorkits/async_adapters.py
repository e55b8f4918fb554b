"""Re-exports coco_flow.components.connectorkits.async_adapters."""

from __future__ import annotations

from coco_flow.components.connectorkits.async_adapters import *  # noqa: F403
