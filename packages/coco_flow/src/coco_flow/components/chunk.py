"""A piece of a text and its position; the classes of `coco_flow.text`."""

from __future__ import annotations

from coco_flow.text.chunks import Chunk, TextPosition

__all__ = ["Chunk", "TextPosition"]
