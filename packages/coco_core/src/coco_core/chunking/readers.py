"""Which language has a reader that brings it down to the section model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from coco_core.chunking.layout import Layout
from coco_core.chunking.markdown import read_markdown
from coco_core.chunking.sections import Sections

__all__ = ["READERS"]

READERS: Mapping[str, Callable[[Layout], Sections | None]] = {
    "markdown": read_markdown,
}
