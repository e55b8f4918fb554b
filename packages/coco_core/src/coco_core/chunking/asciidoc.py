"""Reading AsciiDoc: section titles, delimited blocks, header attributes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from coco_core.chunking.embedded import embedded_definitions
from coco_core.chunking.line_table import LineTable
from coco_core.chunking.sections import Block, BlockKind, Heading, Sections, title_of
from coco_core.types import Definition

__all__ = ["read_asciidoc"]

_HEADING = re.compile(r"(={1,6}|#{1,6})\s+(\S.*?)(?:\s+\1)?$")
_ANCHOR = re.compile(r"\[\[([\w:.-]+)(?:,[^\]]*)?\]\]$|\[#([\w:.-]+)[^\]]*\]$")
_SOURCE = re.compile(r"\[(?:source|,)\s*,?\s*([\w+#-]+)")
_ATTRIBUTE = re.compile(r":(!?[\w-]+!?):\s*(.*)$")
_DELIMITER = re.compile(r"(-{4,}|\.{4,}|={4,}|\*{4,}|_{4,}|\+{4,}|/{4,}|`{3,}|[|,:!]===|--)$")
_ITEM = re.compile(r"\s*(?:\*{1,5}|-|\.{1,5}|\d+\.)\s+\S|\s*\S.*::(?:\s|$)")
_MARKUP = re.compile(r"<<[^,>]*,?([^>]*)>>|link:\S*?\[([^\]]*)\]|[`*_+]")

_KINDS: Mapping[str, BlockKind] = {"-": "code", ".": "code", "`": "code", "|": "table"}


def read_asciidoc(table: LineTable) -> Sections:
    """Read AsciiDoc."""
    lines = [table.line(number).rstrip() for number in range(table.lines.count)]
    headings: list[Heading] = []
    blocks: list[Block] = []
    definitions: list[Definition] = []
    metadata: dict[str, object] = {}
    anchor = ""
    at = 0
    while at < len(lines):
        line = lines[at]
        heading = _HEADING.match(line)
        own = _ANCHOR.match(line)
        if _DELIMITER.match(line):
            last = _closing(lines, at)
            blocks.append(Block(_head(lines, at), last, _KINDS.get(line[0], "other")))
            definitions += _definitions(lines, at, last)
            at = last
            continue
        if heading is not None:
            title = _MARKUP.sub(lambda match: match.group(1) or match.group(2) or "", heading[2])
            headings.append(Heading(at, len(heading[1]), title.strip(), anchor))
        elif _ITEM.match(line) is not None:
            last = _list_end(lines, at)
            blocks.append(Block(at, last, "list"))
            at = last
            continue
        elif len(headings) <= 1:
            attribute = _ATTRIBUTE.match(line)
            if attribute is not None:
                metadata[attribute[1]] = attribute[2]
        anchor = (own[1] or own[2]) if own is not None else ""
        at += 1
    return Sections(headings, blocks, definitions, title_of(headings, metadata), metadata)


def _closing(lines: list[str], at: int) -> int:
    try:
        return lines.index(lines[at], at + 1) + 1
    except ValueError:
        # Never closed: it is no block, or the file ends inside it.
        return at + 1


def _head(lines: list[str], at: int) -> int:
    """Return where the attributes and the title of a block begin."""
    while at > 0 and lines[at - 1] and (lines[at - 1][0] in "[."):
        at -= 1
    return at


def _list_end(lines: list[str], at: int) -> int:
    last = at + 1
    while last < len(lines) and lines[last] and not _DELIMITER.match(lines[last]):
        last += 1
    return last


def _definitions(lines: list[str], at: int, last: int) -> list[Definition]:
    source = _SOURCE.match(lines[at - 1]) if at else None
    if source is None or last - at < 3:
        return []
    numbers = list(range(at + 2, last))
    return embedded_definitions(source[1], "\n".join(lines[at + 1 : last - 1]), numbers)
