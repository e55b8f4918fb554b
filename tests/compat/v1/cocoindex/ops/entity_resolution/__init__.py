"""Re-exports coco_flow.components.ops.entity_resolution."""

from __future__ import annotations

from coco_flow.components.ops.entity_resolution import *  # noqa: F403
from coco_flow.components.ops.entity_resolution import __all__ as __all__
from coco_flow.components.ops.entity_resolution.similarity import connected_groups

_partition_components = connected_groups
