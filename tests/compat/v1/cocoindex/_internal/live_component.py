"""Live components under the public engine's names."""

from __future__ import annotations

from coco_flow.components.live import *  # noqa: F403
from coco_flow.components.live import IMMEDIATE_READY, in_process_live
from coco_flow.components.live import __all__ as __all__  # noqa: PLC0414

_IMMEDIATE_READY = IMMEDIATE_READY
_in_process_live = in_process_live
