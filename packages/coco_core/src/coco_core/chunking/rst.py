"""Reading reStructuredText: titles by their underlines, directives, tables, literal blocks."""

from __future__ import annotations

import re

from coco_core.chunking.embedded import embedded_definitions
from coco_core.chunking.line_table import LineTable
from coco_core.chunking.sections import Block, BlockKind, Heading, Sections, title_of
from coco_core.types import Definition

__all__ = ["read_rst"]

# Where a document's own fields stand.
_TOP_LINES = 20

# One punctuation mark, repeated: an underline, an overline or a transition.
_RULE = re.compile(r"([!-/:-@\[-`{-~])\1+\s*$")
_TABLE = re.compile(r"\s*(?:\+[-=+]+\+|=+(?:\s+=+)+)\s*$")
_CODE = re.compile(r"\s*\.\.\s+(?:code-block|code|sourcecode)::\s*(\S*)\s*$")
_DIRECTIVE = re.compile(r"\s*\.\.\s+(?:[\w-]+::|\[|_)")
_ITEM = re.compile(r"\s*(?:[*+-]|#\.|\d+[.)]|\(\w\))\s+\S")
_FIELD = re.compile(r":([\w -]+):\s*(.*)$")
_ROLE = re.compile(r":[\w:.-]+:`(?:~|!)?([^`<]*?)(?:\s*<[^`>]*>)?`|`+([^`]+?)(?:\s*<[^`>]*>)?`+_*")


def read_rst(table: LineTable) -> Sections:
    """Read reStructuredText."""
    lines = [table.line(number).rstrip() for number in range(table.lines.count)]
    headings: list[Heading] = []
    blocks: list[Block] = []
    definitions: list[Definition] = []
    # The order in which styles first appear makes their levels.
    styles: list[tuple[str, bool]] = []
    at = 0
    while at < len(lines):
        heading = _heading(lines, at, styles)
        if heading is not None:
            headings.append(heading[0])
            at = heading[1]
            continue
        block = _block(lines, at)
        if block is not None:
            blocks.append(block)
            code = _CODE.match(lines[at])
            if code is not None and code.group(1):
                definitions += _definitions(lines, block, code.group(1))
            at = block.last
            continue
        at += 1
    metadata = _fields(lines, headings)
    return Sections(headings, blocks, definitions, title_of(headings, metadata), metadata)


def _heading(
    lines: list[str], at: int, styles: list[tuple[str, bool]]
) -> tuple[Heading, int] | None:
    line = lines[at]
    over = _RULE.match(line)
    if over is not None and at + 2 < len(lines):
        title, under = lines[at + 1], lines[at + 2]
        if title.strip() and under == line and len(title.strip()) <= len(line):
            return Heading(at, _level(styles, line[0], True), _plain(title)), at + 3
    if over is None and line and not line[0].isspace() and at + 1 < len(lines):
        under = lines[at + 1]
        rule = _RULE.match(under)
        above_blank = at == 0 or not lines[at - 1].strip()
        # Docutils wants the underline as long as the title, but only warns.
        if rule is not None and above_blank and len(under) * 2 > len(line) and len(under) > 2:
            return Heading(at, _level(styles, under[0], False), _plain(line)), at + 2
    return None


def _level(styles: list[tuple[str, bool]], mark: str, over: bool) -> int:
    if (mark, over) not in styles:
        styles.append((mark, over))
    return styles.index((mark, over)) + 1


def _plain(title: str) -> str:
    text = _ROLE.sub(lambda match: match.group(1) or match.group(2) or "", title)
    return text.replace("**", "").strip()


def _block(lines: list[str], at: int) -> Block | None:
    """Return the block that begins on a line, if one does."""
    line = lines[at]
    if _TABLE.match(line):
        return Block(at, _table_end(lines, at), "table")
    if _DIRECTIVE.match(line):
        kind: BlockKind = "code" if _CODE.match(line) else "other"
        return Block(at, _indented_end(lines, at), kind)
    if line.endswith("::"):
        return Block(at, _indented_end(lines, at), "code")
    if _ITEM.match(line):
        last = at + 1
        while last < len(lines) and (
            _ITEM.match(lines[last])
            or lines[last][:1].isspace()
            or (not lines[last] and last + 1 < len(lines) and _goes_on(lines[last + 1]))
        ):
            last += 1
        return Block(at, last, "list")
    return None


def _goes_on(line: str) -> bool:
    return line[:1].isspace() or _ITEM.match(line) is not None


def _table_end(lines: list[str], at: int) -> int:
    last = at + 1
    while last < len(lines) and (lines[last].strip() or lines[at].lstrip()[0] == "="):
        if not lines[last].strip() and _TABLE.match(lines[last - 1]):
            break
        last += 1
    return last


def _indented_end(lines: list[str], at: int) -> int:
    """Return where what is indented more than a line ends."""
    indent = _indent(lines[at])
    last = end = at + 1
    while last < len(lines) and (not lines[last] or _indent(lines[last]) > indent):
        last += 1
        if lines[last - 1]:
            end = last
    return end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _definitions(lines: list[str], block: Block, language: str) -> list[Definition]:
    body = lines[block.first + 1 : block.last]
    indent = min((_indent(line) for line in body if line), default=0)
    numbers = list(range(block.first + 2, block.last + 1))
    code = "\n".join(line[indent:] for line in body)
    return embedded_definitions(language, code, numbers) if numbers else []


def _fields(lines: list[str], headings: list[Heading]) -> dict[str, object]:
    """Read the field list at the top (``:author: ...``), before or right after the title."""
    start = headings[0].line + 3 if headings and headings[0].line < _TOP_LINES else 0
    fields: dict[str, object] = {}
    for begin in {0, max(start - 1, 0)}:
        for line in lines[begin : begin + _TOP_LINES]:
            match = _FIELD.match(line)
            if match is not None:
                fields.setdefault(match.group(1).strip(), match.group(2).strip())
            elif line and _RULE.match(line) is None:
                break
    return fields
