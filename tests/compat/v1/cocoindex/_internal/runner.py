"""Runners under the public engine's names."""

from __future__ import annotations

from coco_flow.components.gpu import detect_num_gpus
from coco_flow.components.runner import *  # noqa: F403
from coco_flow.components.runner import __all__ as __all__  # noqa: PLC0414

_detect_num_gpus = detect_num_gpus
