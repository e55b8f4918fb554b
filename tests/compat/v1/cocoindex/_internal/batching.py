"""Batches under the public engine's names."""

from __future__ import annotations

from coco_flow.components.batching import *  # noqa: F403
from coco_flow.components.batching import __all__ as __all__  # noqa: PLC0414
