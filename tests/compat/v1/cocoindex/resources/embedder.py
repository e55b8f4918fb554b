"""Re-exports coco_flow.components.embedder."""

from __future__ import annotations

from coco_flow.components.embedder import *  # noqa: F403
