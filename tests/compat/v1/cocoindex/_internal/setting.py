"""Settings under the public engine's names."""

from __future__ import annotations

from coco_flow.components.settings import LmdbSettings, Settings

__all__ = ["LmdbSettings", "Settings"]
