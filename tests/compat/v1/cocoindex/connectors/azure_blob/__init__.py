"""Re-exports coco_flow.components.connectors.azure_blob."""

from __future__ import annotations

from coco_flow.components.connectors.azure_blob import *  # noqa: F403
from coco_flow.components.connectors.azure_blob import __all__ as __all__
