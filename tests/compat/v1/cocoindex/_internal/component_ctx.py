"""The component context under the public engine's names."""

from __future__ import annotations

from coco_flow.components.scope import *  # noqa: F403
from coco_flow.components.scope import __all__ as __all__  # noqa: PLC0414
from coco_flow.components.scope import next_id as next_id  # noqa: PLC0414
