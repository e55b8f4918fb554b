"""Re-exports coco_flow.components.ops.sentence_transformers."""

from __future__ import annotations

from coco_flow.components.ops.sentence_transformers import *  # noqa: F403
