"""Re-exports coco_flow.components.connectors.sqlite."""

from __future__ import annotations

from coco_flow.components.connectors.sqlite import *  # noqa: F403
from coco_flow.components.connectors.sqlite import __all__ as __all__

from . import _target as _target
