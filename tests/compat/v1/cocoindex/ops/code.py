"""Re-exports coco_flow.components.ops.code."""

from __future__ import annotations

from coco_flow.components.ops.code import *  # noqa: F403
from coco_flow.components.ops.code import __all__ as __all__
from coco_flow.components.ops.code import __getattr__ as __getattr__
