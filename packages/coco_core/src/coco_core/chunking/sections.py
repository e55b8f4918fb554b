"""Section model shared by all document formats, and the splitter that follows it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from coco_core.anchors import slugify
from coco_core.chunking.chunk_builder import place
from coco_core.chunking.line_table import CharRange, LineTable
from coco_core.chunking.text import split_lines, with_overlap, without_blank
from coco_core.languages import Language
from coco_core.types import Chunk, ChunkKind, Definition

__all__ = [
    "Block",
    "BlockKind",
    "Heading",
    "Sections",
    "label_sections",
    "split_sections",
    "title_of",
]

# Sections are cut down to this level always, below it only when a section is over size.
_SPLIT_LEVEL = 2

# Neighbors below this share of the size (a sentence or two) join while their headings are deep.
_SMALL = 6

# Text below this share of the size that stands above a block which must be cut goes with it.
_LEAD_IN = 8

# Between the headings of a trail, where it is one line.
_TRAIL = " > "

# White space and what headings are underlined with in Markdown, reStructuredText and AsciiDoc.
_UNDERLINES = " \t\r\n=-~^#*+\"'`.:_"

BlockKind: TypeAlias = Literal["code", "table", "list", "other"]

_BLOCK_CHUNK: Mapping[BlockKind, ChunkKind] = {
    "code": ChunkKind.CODE_BLOCK,
    "table": ChunkKind.TABLE,
}


class Heading(NamedTuple):
    """A heading: its first line (0-based), its level from 1 on, its plain text."""

    line: int
    level: int
    title: str
    anchor: str = ""
    """The fragment that the document itself gives it."""


class Block(NamedTuple):
    """Lines that are cut only when they do not fit; half-open."""

    first: int
    last: int
    kind: BlockKind


@dataclass(frozen=True, slots=True)
class Sections:
    """What a reader found in a document."""

    headings: list[Heading]
    blocks: list[Block] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)
    """Symbols of embedded code."""
    title: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)


def title_of(headings: Sequence[Heading], metadata: Mapping[str, object]) -> str:
    """Return the title that the metadata names, else the first heading of the highest level."""
    title = metadata.get("title")
    if isinstance(title, str) and title:
        return title
    top = min(headings, key=lambda heading: heading.level, default=None)
    return top.title if top is not None else ""


class _Part(NamedTuple):
    first: int
    last: int
    heading: int
    """Index of the heading it stands under, or -1."""


def split_sections(table: LineTable, sections: Sections) -> list[CharRange]:
    """Cut a document along its headings; without overlap the ranges cover it without gap."""
    splitter = _Splitter(table, sections)
    pieces: list[CharRange] = []
    for part in splitter.parts():
        pieces += splitter.pieces(part)
    return with_overlap(table, without_blank(table.text, pieces))


class _Splitter:
    def __init__(self, table: LineTable, sections: Sections) -> None:
        self._table = table
        self._headings = sections.headings
        self._starts = [heading.line for heading in sections.headings]
        self._blocks = sorted(block for block in sections.blocks if block.last > block.first)
        self._size = max(table.size - table.overlap, 1)

    def parts(self) -> list[_Part]:
        """Cut at the headings of the split level, deeper where a section is over size."""
        count = self._table.lines.count
        top = min((heading.level for heading in self._headings), default=1)
        return self._split(_Part(0, count, -1), max(top, _SPLIT_LEVEL))

    def _split(self, part: _Part, level: int) -> list[_Part]:
        """Cut a part at headings of up to a level; the levels below follow where it must be."""
        parts = [part]
        deepest = max((heading.level for heading in self._headings), default=0)
        for at_level in range(level, deepest + 1):
            split: list[_Part] = []
            for whole in parts:
                if at_level == level or self._length(whole) > self._size:
                    cut = self._cut_at(whole, at_level)
                    split += cut if at_level == level else self._joined(cut)
                else:
                    split.append(whole)
            parts = split
        return parts

    def _cut_at(self, part: _Part, level: int) -> list[_Part]:
        found = [
            at
            for at in range(
                bisect_left(self._starts, part.first), bisect_left(self._starts, part.last)
            )
            if self._headings[at].level <= level
        ]
        parts: list[_Part] = []
        first, heading = part.first, part.heading
        for at in found:
            line = self._starts[at]
            # A heading with nothing under it, or blank lines before the first, stand alone nowhere.
            if line > first and not self._is_bare(first, line, heading):
                parts.append(_Part(first, line, heading))
                first = line
            heading = at
        parts.append(_Part(first, part.last, heading))
        return parts

    def _is_bare(self, first: int, last: int, heading: int) -> bool:
        if heading >= 0 and self._starts[heading] >= first:
            first = self._starts[heading] + 1
        return _is_empty(self._table, first, last)

    def _joined(self, parts: list[_Part]) -> list[_Part]:
        joined: list[_Part] = []
        for part in parts:
            above = joined[-1] if joined else None
            if (
                above is not None
                and min(self._length(above), self._length(part)) * _SMALL < self._size
                and self._table.length(above.first, part.last) <= self._size
            ):
                joined[-1] = _Part(above.first, part.last, above.heading)
            else:
                joined.append(part)
        return joined

    def _length(self, part: _Part) -> int:
        return self._table.length(part.first, part.last)

    def pieces(self, part: _Part) -> list[CharRange]:
        """Cut a part without deeper headings at its blocks and paragraphs."""
        chars = self._table.lines.chars
        if self._length(part) <= self._size:
            return [(chars[part.first], chars[part.last])]
        pieces: list[CharRange] = []
        begin = part.first
        edges = self._edges(part)
        for start, end in zip(edges, [*edges[1:], part.last], strict=True):
            length = self._table.length(start, end)
            # A heading or a lead-in goes with the large block below it.
            lead_in = self._table.length(begin, start) * _LEAD_IN < self._size < length
            if begin < start and not lead_in and self._table.length(begin, end) > self._size:
                pieces.append((chars[begin], chars[start]))
                begin = start
            if length > self._size:
                pieces += split_lines(self._table, begin, end, self._size)
                begin = end
        if begin < part.last:
            pieces.append((chars[begin], chars[part.last]))
        return pieces

    def _edges(self, part: _Part) -> list[int]:
        """Return where units begin: blocks, and paragraphs outside of them."""
        held: set[int] = set()
        begins = {part.first}
        low = bisect_left(self._blocks, part.first, key=lambda block: block.first)
        high = bisect_left(self._blocks, part.last, key=lambda block: block.first)
        for block in self._blocks[low:high]:
            if self._table.length(block.first, block.last) <= self._size:
                held.update(range(block.first + 1, block.last))
                begins.add(block.first)
        blank = False
        for line in range(part.first, part.last):
            is_blank = not self._table.line(line).strip()
            if blank and not is_blank and line not in held:
                begins.add(line)
            blank = is_blank
        return sorted(begins - held)


def _section_ends(headings: Sequence[Heading], lines: int) -> list[int]:
    """Return the last line (1-based) of each section, its subsections included."""
    ends = [lines] * len(headings)
    open_: list[int] = []
    for number, heading in enumerate(headings):
        while open_ and headings[open_[-1]].level >= heading.level:
            ends[open_.pop()] = heading.line
        open_.append(number)
    return ends


def label_sections(
    table: LineTable, language: Language, sections: Sections, pieces: list[CharRange]
) -> list[Chunk]:
    """Make chunks of a document: heading trail, anchor, and what each defines."""
    slugs = _slugs(sections.headings)
    starts = [heading.line for heading in sections.headings]
    ends = _section_ends(sections.headings, table.lines.count)
    parents = _parents(sections.headings)
    definitions = sorted(
        [
            *sections.definitions,
            *(
                Definition(
                    slug,
                    ChunkKind.SECTION,
                    heading.line + 1,
                    end,
                    heading.title,
                    _TRAIL.join(_trail(sections.headings, parents, at)),
                )
                for at, (slug, heading, end) in enumerate(
                    zip(slugs, sections.headings, ends, strict=True)
                )
                if slug
            ),
        ],
        key=lambda definition: definition.line,
    )
    lines = [definition.line for definition in definitions]
    blocks = _outermost(sections.blocks)
    chunks: list[Chunk] = []
    for start, end in pieces:
        span, tokens = place(table, start, end)
        first = span.start_line - 1
        if table.lines.chars[first] < start:
            first += 1
        at = _heading_of(table, sections.headings, starts, first, span.end_line)
        chunks.append(
            Chunk(
                kind=_kind(table, blocks, first, span.end_line),
                text=table.text[start:end],
                span=span,
                language=language.name,
                definitions=tuple(
                    definitions[
                        bisect_left(lines, first + 1) : bisect_left(lines, span.end_line + 1)
                    ]
                ),
                heading_trail=_trail(sections.headings, parents, at),
                fragment=slugs[at] if at >= 0 else "",
                token_count=tokens,
            )
        )
    return chunks


def _slugs(headings: list[Heading]) -> list[str]:
    """Return GitHub's fragments; a second heading of one name gets ``-1``, a third ``-2``."""
    seen: dict[str, int] = {}
    slugs: list[str] = []
    for heading in headings:
        slug = heading.anchor or slugify(heading.title)
        unique = slug
        while unique in seen:
            seen[slug] += 1
            unique = f"{slug}-{seen[slug]}"
        seen[unique] = 0
        slugs.append(unique)
    return slugs


def _heading_of(
    table: LineTable, headings: list[Heading], starts: list[int], first: int, last: int
) -> int:
    """Return the heading a piece stands under: the one it begins with, past bare ones."""
    at = bisect_left(starts, first + 1) - 1
    following = bisect_left(starts, first)
    if following < len(starts) and starts[following] < last:
        head = table.text[table.lines.chars[first] : table.lines.chars[starts[following]]]
        if not head.strip():
            at = following
            while (
                at + 1 < len(starts)
                and starts[at + 1] < last
                and headings[at + 1].level > headings[at].level
                and _is_empty(table, starts[at] + 1, starts[at + 1])
            ):
                at += 1
    return at


def _is_empty(table: LineTable, first: int, last: int) -> bool:
    """Tell whether lines hold nothing but white space and underlines."""
    return not any(table.line(line).strip(_UNDERLINES) for line in range(first, last))


def _parents(headings: list[Heading]) -> list[int]:
    """Return for every heading the index of the one it stands under, or -1."""
    parents: list[int] = []
    open_: list[int] = []
    for at, heading in enumerate(headings):
        while open_ and headings[open_[-1]].level >= heading.level:
            open_.pop()
        parents.append(open_[-1] if open_ else -1)
        open_.append(at)
    return parents


def _trail(headings: list[Heading], parents: list[int], at: int) -> tuple[str, ...]:
    trail: list[str] = []
    while at >= 0:
        trail.append(headings[at].title)
        at = parents[at]
    return tuple(reversed(trail))


def _outermost(blocks: list[Block]) -> list[Block]:
    outer: list[Block] = []
    for block in sorted(blocks, key=lambda block: (block.first, -block.last)):
        if not outer or block.first >= outer[-1].last:
            outer.append(block)
    return outer


def _kind(table: LineTable, blocks: list[Block], first: int, last: int) -> ChunkKind:
    """A piece that is one block and nothing else has the block's kind."""
    while first < last and not table.line(first).strip():
        first += 1
    while last > first and not table.line(last - 1).strip():
        last -= 1
    at = bisect_right(blocks, first, key=lambda block: block.first) - 1
    if at >= 0 and last <= blocks[at].last:
        return _BLOCK_CHUNK.get(blocks[at].kind, ChunkKind.SECTION)
    return ChunkKind.SECTION
