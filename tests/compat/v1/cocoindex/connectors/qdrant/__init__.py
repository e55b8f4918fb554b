"""Re-exports coco_flow.components.connectors.qdrant."""

from __future__ import annotations

from coco_flow.components.connectors.qdrant import *  # noqa: F403
from coco_flow.components.connectors.qdrant import __all__ as __all__

from . import _target as _target
