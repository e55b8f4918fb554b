"""Re-exports coco_flow.components.inspection."""

from __future__ import annotations

from coco_flow.components.inspection import *  # noqa: F403
from coco_flow.components.inspection import __all__ as __all__  # noqa: PLC0414
