"""Re-exports coco_flow.components.connectors.neo4j."""

from __future__ import annotations

from coco_flow.components.connectors.neo4j import *  # noqa: F403
from coco_flow.components.connectors.neo4j import __all__ as __all__
