"""Re-exports coco_flow.components.ops.code."""

from __future__ import annotations

from coco_flow.components.ops import code
from coco_flow.components.ops.code import *  # noqa: F403

# Deprecated names warn.
__getattr__ = code.__getattr__
