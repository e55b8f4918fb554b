"""Re-exports coco_flow.components.connectorkits."""

from __future__ import annotations

from coco_flow.components.connectorkits import SingleWatcherGuard, default_subpath_name

__all__ = ["SingleWatcherGuard", "default_subpath_name"]
