"""Reading Jupyter notebooks: cells in order, at their lines in the JSON file on disk."""

from __future__ import annotations

import json
import re
from bisect import bisect_right

from coco_core.chunking.embedded import embedded_definitions
from coco_core.chunking.line_table import LineTable
from coco_core.chunking.markdown import plain_heading
from coco_core.chunking.sections import Block, Heading, Sections, title_of
from coco_core.languages.grammars import grammar_for
from coco_core.languages.syntax import Range, Syntax
from coco_core.types import Definition

__all__ = ["read_notebook"]

_HEADING = re.compile(r"(#{1,6})\s+(\S.*)")
_FENCE = re.compile(r"\s*(```|~~~)")


def read_notebook(table: LineTable) -> Sections | None:
    """Read a notebook; ``None`` if it is not one or its parse takes too long."""
    grammar = grammar_for("notebook")
    utf8 = table.source.utf8
    syntax = grammar.parse(utf8) if grammar is not None else None
    cells = sorted(syntax.plain.get("cell", [])) if syntax is not None else []
    if syntax is None or not cells:
        return None
    metadata, language = _metadata(table.text)
    headings: list[Heading] = []
    blocks: list[Block] = []
    definitions: list[Definition] = []
    kinds = _kinds(utf8, syntax, cells)
    for cell, sources in zip(cells, _sources(syntax, cells), strict=True):
        first = table.lines.line_of_utf8(cell[0])
        last = table.lines.line_of_utf8(cell[1] - 1) + 1
        is_code = kinds.get(cell) == "code"
        blocks.append(Block(first, last, "code" if is_code else "other"))
        text, lines = _text(table, utf8, sources)
        if is_code:
            definitions += embedded_definitions(language, text, lines)
        else:
            headings += _headings(text, lines, first)
    return Sections(headings, blocks, definitions, title_of(headings, metadata), metadata)


def _metadata(text: str) -> tuple[dict[str, object], str]:
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return {}, "python"
    found = whole.get("metadata") if isinstance(whole, dict) else None
    if not isinstance(found, dict):
        return {}, "python"
    info = found.get("language_info")
    name = info.get("name") if isinstance(info, dict) else None
    return found, name if isinstance(name, str) else "python"


def _kinds(utf8: bytes, syntax: Syntax, cells: list[Range]) -> dict[Range, str]:
    kinds: dict[Range, str] = {}
    for match in syntax.named:
        at = bisect_right(cells, (match.start, len(utf8))) - 1
        kinds[cells[at]] = utf8[match.name[0] : match.name[1]].decode("utf-8", "replace")
    return kinds


def _sources(syntax: Syntax, cells: list[Range]) -> list[list[Range]]:
    sources: list[list[Range]] = [[] for _ in cells]
    for start, end in sorted(syntax.plain.get("line", [])):
        at = bisect_right(cells, (start, end)) - 1
        if at >= 0 and end <= cells[at][1]:
            sources[at].append((start, end))
    return sources


def _text(table: LineTable, utf8: bytes, sources: list[Range]) -> tuple[str, list[int]]:
    """Return a cell's text, and for each of its lines the 1-based line in the file."""
    parts: list[str] = []
    lines: list[int] = []
    for start, end in sources:
        try:
            part = json.loads(utf8[start:end])
        except ValueError:
            continue
        number = table.lines.line_of_utf8(start) + 1
        parts.append(part)
        lines += [number] * (part.count("\n") + (not part.endswith("\n")))
    return "".join(parts), lines or [1]


def _headings(text: str, lines: list[int], cell: int) -> list[Heading]:
    """Find a Markdown cell's headings; the first one stands where its cell begins."""
    headings: list[Heading] = []
    fence = ""
    for number, line in enumerate(text.splitlines()):
        mark = _FENCE.match(line)
        if mark is not None and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        match = _HEADING.match(line) if not fence else None
        if match is not None:
            place = lines[min(number, len(lines) - 1)] - 1 if headings or number else cell
            headings.append(Heading(place, len(match[1]), plain_heading(match[2])))
    return headings
