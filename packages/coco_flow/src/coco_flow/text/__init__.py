"""Text splitters, and detection of a file's language; they need no flow, network or file."""

from __future__ import annotations

from coco_flow.text.chunks import Chunk, TextPosition
from coco_flow.text.languages import detect_code_language
from coco_flow.text.recursive import CustomLanguage, RecursiveSplitter
from coco_flow.text.separators import SeparatorSplitter

__all__ = [
    "Chunk",
    "CustomLanguage",
    "RecursiveSplitter",
    "SeparatorSplitter",
    "TextPosition",
    "detect_code_language",
]
