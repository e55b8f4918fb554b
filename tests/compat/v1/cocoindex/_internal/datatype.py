"""Analysis of type annotations under the public engine's names."""

from __future__ import annotations

from coco_flow.components.datatype import *  # noqa: F403
