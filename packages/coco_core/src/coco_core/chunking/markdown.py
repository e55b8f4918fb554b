"""Reading Markdown: headings, blocks, front matter and the code in fences, from its grammar."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from coco_core.chunking.embedded import embedded_definitions
from coco_core.chunking.line_table import LineTable
from coco_core.chunking.sections import Block, BlockKind, Heading, Sections, title_of
from coco_core.languages.grammars import grammar_for
from coco_core.languages.syntax import Match
from coco_core.types import Definition

__all__ = ["front_matter", "plain_heading", "read_markdown"]

_BLOCKS: Mapping[str, BlockKind] = {
    "block.code": "code",
    "block.table": "table",
    "block.list": "list",
}

_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()\s]*(?:\s+\"[^\"]*\")?\)|\[[^\[\]]*\])")
_EMPHASIS = re.compile(r"(?<!\w)(\*\*|__|\*|_|~~)(?=\S)(.+?)(?<=\S)\1(?!\w)")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_ATTRIBUTES = re.compile(r"\s*\{[#.:][^{}]*\}\s*$")
_CLOSING = re.compile(r"\s+#+\s*$")


def read_markdown(table: LineTable) -> Sections | None:
    """Read Markdown; ``None`` if its parse takes too long."""
    grammar = grammar_for("markdown")
    utf8 = table.source.utf8
    syntax = grammar.parse(utf8) if grammar is not None else None
    if syntax is None:
        return None
    lines = table.lines
    headings: list[Heading] = []
    blocks: list[Block] = []
    fences: list[Match] = []
    metadata: Mapping[str, object] = {}
    for match in syntax.named:
        if match.kind == "embedded":
            fences.append(match)
            continue
        title = utf8[match.name[0] : match.name[1]].decode("utf-8", "replace")
        first = lines.line_of_utf8(match.start)
        headings.append(Heading(first, int(match.kind[-1]), plain_heading(title)))
    for kind, places in syntax.plain.items():
        for start, end in places:
            first = lines.line_of_utf8(start)
            if kind.startswith("heading."):
                headings.append(Heading(first, int(kind[-1]), ""))
                continue
            last = lines.line_of_utf8(max(end - 1, start)) + 1
            blocks.append(Block(first, last, _BLOCKS.get(kind, "other")))
            if kind.startswith("metadata.") and not metadata:
                raw = utf8[start:end].decode("utf-8", "replace")
                metadata = front_matter(raw, kind.rpartition(".")[2])
    blocks.sort()
    headings = _outside_blocks(headings, blocks)
    return Sections(
        headings,
        blocks,
        [definition for fence in sorted(fences) for definition in _definitions(table, utf8, fence)],
        title_of(headings, metadata),
        metadata,
    )


def front_matter(raw: str, form: str) -> Mapping[str, object]:
    """Read front matter between its fences; what is not a mapping, or broken, is no metadata."""
    body = "\n".join(raw.strip().splitlines()[1:-1])
    try:
        found = tomllib.loads(body) if form == "toml" else _load_yaml(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(key): _plain(value) for key, value in found.items()}


def _load_yaml(text: str) -> object:
    # Imported here: a start that reads no Markdown is 70 ms shorter.
    import yaml

    try:
        # The C loader is ten times as fast, where it was built in; it is as safe as SafeLoader, but
        # ruff knows only the latter by name.
        return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _plain(value: object) -> object:
    """Keep what JSON can say; dates and other scalars become strings."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    return str(value)


def plain_heading(raw: str) -> str:
    """Return a heading's text without inline markup."""
    text = _CLOSING.sub("", " ".join(raw.split()))
    text = _ATTRIBUTES.sub("", text)
    text = _LINK.sub(r"\1", text)
    text = _EMPHASIS.sub(r"\2", text)
    return _TAG.sub("", text).replace("`", "").strip()


def _outside_blocks(headings: list[Heading], blocks: list[Block]) -> list[Heading]:
    """Drop what looks like a heading inside a quote or a list."""
    held: set[int] = set()
    for block in blocks:
        held.update(range(block.first, block.last))
    return sorted(heading for heading in headings if heading.line not in held)


def _definitions(table: LineTable, utf8: bytes, fence: Match) -> list[Definition]:
    language = utf8[fence.name[0] : fence.name[1]].decode("utf-8", "replace")
    first = table.lines.line_of_utf8(fence.start)
    last = table.lines.line_of_utf8(max(fence.end - 1, fence.start)) + 1
    code = [table.line(line) for line in range(first, last)]
    indent = len(code[0]) - len(code[0].lstrip(" \t>")) if code[0].strip() else 0
    margin = code[0][:indent]
    # The block's margin is what stands before its fence, not what its first line is indented by.
    margin = margin[: _margin(table, first)]
    bare = "".join(line.removeprefix(margin) for line in code)
    return embedded_definitions(language, bare, list(range(first + 1, last + 1)))


def _margin(table: LineTable, first: int) -> int:
    fence = table.line(max(first - 1, 0))
    return len(fence) - len(fence.lstrip(" \t>"))
