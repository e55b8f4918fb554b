"""Re-exports coco_flow.components.view."""

from __future__ import annotations

from coco_flow.components.view import *  # noqa: F403
