"""Re-exports coco_flow.components.schema."""

from __future__ import annotations

from coco_flow.components.schema import *  # noqa: F403
from coco_flow.components.schema import __all__ as __all__
