"""Reading HTML: headings, blocks that belong together, and the functions of its scripts."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from coco_core.chunking.embedded import embedded_definitions
from coco_core.chunking.line_table import LineTable
from coco_core.chunking.sections import Block, BlockKind, Heading, Sections, title_of
from coco_core.languages.grammars import grammar_for
from coco_core.types import Definition

__all__ = ["read_html"]

_HEADINGS = {b"h1": 1, b"h2": 2, b"h3": 3, b"h4": 4, b"h5": 5, b"h6": 6}

_BLOCKS: Mapping[bytes, BlockKind] = {
    b"table": "table",
    b"pre": "code",
    b"ul": "list",
    b"ol": "list",
    b"dl": "list",
    b"blockquote": "other",
    b"figure": "other",
}

_MARKUP = re.compile(r"<[^>]*>")
_ID = re.compile(rb"""<[^>]*?\bid\s*=\s*["']?([\w.:-]+)""")


def read_html(table: LineTable) -> Sections | None:
    """Read HTML; ``None`` if its parse takes too long."""
    grammar = grammar_for("html")
    utf8 = table.source.utf8
    syntax = grammar.parse(utf8) if grammar is not None else None
    if syntax is None:
        return None
    lines = table.lines
    headings: list[Heading] = []
    blocks: list[Block] = []
    metadata: dict[str, object] = {}
    for match in syntax.named:
        tag = utf8[match.name[0] : match.name[1]].lower()
        first = lines.line_of_utf8(match.start)
        if tag in _HEADINGS:
            raw = utf8[match.start : match.end]
            own = _ID.match(raw)
            anchor = own.group(1).decode() if own is not None else ""
            headings.append(Heading(first, _HEADINGS[tag], _text(raw), anchor))
        elif tag == b"title" and "title" not in metadata:
            metadata["title"] = _text(utf8[match.start : match.end])
        elif tag in _BLOCKS:
            last = lines.line_of_utf8(max(match.end - 1, match.start)) + 1
            blocks.append(Block(first, last, _BLOCKS[tag]))
    definitions: list[Definition] = []
    for start, end in syntax.plain.get("script.text", []):
        code = utf8[start:end].decode("utf-8", "replace")
        first = lines.line_of_utf8(start) + 1
        span = range(first, first + code.count("\n") + 1)
        definitions += embedded_definitions("javascript", code, list(span))
    return Sections(sorted(headings), blocks, definitions, title_of(headings, metadata), metadata)


def _text(raw: bytes) -> str:
    return " ".join(html.unescape(_MARKUP.sub("", raw.decode("utf-8", "replace"))).split())
