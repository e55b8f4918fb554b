"""Re-exports coco_flow.components.connectorkits.fingerprint."""

from __future__ import annotations

from coco_flow.components.connectorkits.fingerprint import *  # noqa: F403
