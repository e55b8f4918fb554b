"""The kinds of chunks by their names on the wire, for clients that must start quickly."""

from __future__ import annotations

__all__ = ["KINDS"]

# `coco_core.types.ChunkKind` by value: importing it would load numpy, and TAB would wait for it.
KINDS = ("function", "class", "method", "section", "table", "code_block", "config", "text")
