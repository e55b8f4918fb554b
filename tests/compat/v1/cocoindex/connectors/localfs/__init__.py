"""Re-exports coco_flow.components.connectors.localfs."""

from __future__ import annotations

from coco_flow.components.connectors.localfs import *  # noqa: F403
from coco_flow.components.connectors.localfs import __all__ as __all__
