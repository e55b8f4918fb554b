"""Cypher of FalkorDB under the public engine's names."""

from __future__ import annotations

from coco_flow.components.connectorkits.graph.cypher import *  # noqa: F403
from coco_flow.components.connectorkits.table_schema import check_identifier
from coco_flow.components.connectors.falkordb.cypher import *  # noqa: F403


def validate_identifier(name: str, kind: str) -> None:
    """Refuse what is no plain identifier."""
    check_identifier(name, f"FalkorDB {kind}")
