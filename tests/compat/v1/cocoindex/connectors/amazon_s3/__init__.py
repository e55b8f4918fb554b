"""Re-exports coco_flow.components.connectors.amazon_s3."""

from __future__ import annotations

from coco_flow.components.connectors.amazon_s3 import *  # noqa: F403
from coco_flow.components.connectors.amazon_s3 import __all__ as __all__
