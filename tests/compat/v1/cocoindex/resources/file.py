"""Re-exports coco_flow.components.file."""

from __future__ import annotations

from coco_flow.components.file import *  # noqa: F403
from coco_flow.components.file import decode_bytes

_decode_bytes = decode_bytes
