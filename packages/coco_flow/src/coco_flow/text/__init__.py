"""Splitting text into chunks and telling a file's language; no flow, no network, no file."""

from __future__ import annotations

from coco_flow.text.chunks import Chunk, TextPosition
from coco_flow.text.languages import detect_code_language
from coco_flow.text.recursive import CustomLanguage, RecursiveSplitter, split_recursively
from coco_flow.text.separators import SeparatorSplitter

__all__ = [
    "Chunk",
    "CustomLanguage",
    "RecursiveSplitter",
    "SeparatorSplitter",
    "TextPosition",
    "detect_code_language",
    "split_recursively",
]
