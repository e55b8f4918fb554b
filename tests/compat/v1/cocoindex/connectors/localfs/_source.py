"""The source under the public engine's names."""

from __future__ import annotations

from coco_flow.components.connectors.localfs.source import (
    DirWalker,
    File,
    stat_to_metadata,
    walk_dir,
)

__all__ = ["DirWalker", "File", "walk_dir"]

_stat_to_metadata = stat_to_metadata
