"""Re-exports coco_flow.components.connectorkits.target."""

from __future__ import annotations

from coco_flow.components.connectorkits.target import *  # noqa: F403
from coco_flow.components.connectorkits.target import __all__ as __all__
