"""PostgreSQL tables under the public engine's names."""

from __future__ import annotations

from coco_flow.components.connectors.postgres import *  # noqa: F403
from coco_flow.components.connectors.postgres.schema import without_nul

_sanitize_nul = without_nul
