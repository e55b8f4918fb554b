"""Paths under the public engine's names."""

from __future__ import annotations

from coco_flow.components.connectors.localfs.path import FilePath, to_file_path

__all__ = ["FilePath", "to_file_path"]
