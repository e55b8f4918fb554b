"""Re-exports coco_flow.components.connectors.google_drive."""

from __future__ import annotations

from coco_flow.components.connectors.google_drive import *  # noqa: F403
from coco_flow.components.connectors.google_drive import __all__ as __all__
