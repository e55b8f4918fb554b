"""Re-exports coco_flow.components.connectors.falkordb."""

from __future__ import annotations

from coco_flow.components.connectors.falkordb import *  # noqa: F403
from coco_flow.components.connectors.falkordb import __all__ as __all__
