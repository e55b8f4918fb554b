"""Registry of document parsers: language to the function that reads its sections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from coco_core.chunking.asciidoc import read_asciidoc
from coco_core.chunking.html import read_html
from coco_core.chunking.line_table import LineTable
from coco_core.chunking.markdown import read_markdown
from coco_core.chunking.notebook import read_notebook
from coco_core.chunking.prose import PROSE, read_prose
from coco_core.chunking.rst import read_rst
from coco_core.chunking.sections import Sections

__all__ = ["READERS", "Reader"]

Reader = Callable[[LineTable], Sections | None]

READERS: Mapping[str, Reader] = {
    "asciidoc": read_asciidoc,
    "html": read_html,
    "markdown": read_markdown,
    "notebook": read_notebook,
    "rst": read_rst,
    **{language: partial(read_prose, language=language) for language in PROSE},
}
