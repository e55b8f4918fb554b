"""Atoms: the smallest pieces of a text, from which chunks are merged.

A piece that is too large for an atom is opened: a node of a syntax tree into its children and what
is between them, other text at the separators of the next level. The deeper a piece was found, the
less its boundary counts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from coco_flow.text.levels import DEFAULT_LEVELS, LINE_LEVELS, WORD_LEVEL, Levels
from coco_flow.text.patterns import WHITE_SPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from coco_flow.text.syntax import Syntax

__all__ = ["Atoms", "collect_atoms"]

_SPACES = frozenset(b"\t\n\x0b\x0c\r ")
_WIDE_SPACES = [char.encode() for char in WHITE_SPACE if ord(char) > 127]
_FIRST_OF_WIDE = frozenset(space[0] for space in _WIDE_SPACES)
_LAST_OF_WIDE = frozenset(space[-1] for space in _WIDE_SPACES)

_WORD = re.compile(rb"\S+")
_LINE_BREAK = re.compile(rb"[\n\r]")
# A run of line breaks in which the first one comes again: an empty line.
_EMPTY_LINE = re.compile(rb"(?<![\n\r])(?:\n\r*\n|\r\n*\r)")


class Atoms(NamedTuple):
    """The atoms of a text, column by column; one more marks the end of the text.

    Attributes:
        starts: where each begins in the UTF-8 form of the text.
        ends: where each ends.
        levels: how coarse the boundary before each is; 0 is the coarsest.
        inner_breaks: the strongest line break inside: 0 none, 1 a line's end, 2 an empty line.
        breaks: the strongest line break before it.
    """

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    levels: tuple[int, ...]
    inner_breaks: tuple[int, ...]
    breaks: tuple[int, ...]


def collect_atoms(
    data: bytes, limit: int, by: Levels | Syntax = DEFAULT_LEVELS, bound: int | None = None
) -> Atoms:
    """Return the atoms of a text.

    Args:
        data: the text in UTF-8.
        limit: pieces up to this many bytes are not opened.
        by: what opens the text: levels of separators or a syntax tree.
        bound: cut what cannot be opened every so many bytes; None never cuts it.
    """
    collector = _Collector(data, limit) if bound is None else _Bounded(data, limit, bound)
    if len(data) <= limit:
        collector.add(0, len(data), 1)
    elif isinstance(by, tuple):
        collector.split(0, len(data), 1, by)
    else:
        collector.open(by)
    return collector.atoms()


class _Collector:
    """Opens pieces in the order of the text."""

    def __init__(self, data: bytes, limit: int) -> None:
        self.data = data
        self.limit = limit
        self.rows: list[tuple[int, int, int, int, int]] = []
        # The coarsest boundary since the last atom.
        self.coarsest = 0
        self.last_end = 0
        self.has_returns = b"\r" in data
        self.next_break = self._find_break(0)

    def atoms(self) -> Atoms:
        """Return all atoms; nothing can be added then."""
        size = len(self.data)
        self.rows.append((size, size, 0, 0, 2))
        return Atoms(*zip(*self.rows, strict=True))

    def _find_break(self, start: int) -> int:
        if self.has_returns:
            found = _LINE_BREAK.search(self.data, start)
            return found.start() if found else len(self.data)
        at = self.data.find(b"\n", start)
        return len(self.data) if at < 0 else at

    def _break_level(self, start: int, end: int) -> int:
        """Return the strongest line break of a part that has one."""
        if self.has_returns:
            return 2 if _EMPTY_LINE.search(self.data[start:end]) else 1
        return 2 if self.data.find(b"\n\n", start, end) >= 0 else 1

    def add(self, start: int, end: int, depth: int) -> None:
        """Add a piece that is found at a depth, without the white space around it."""
        data = self.data
        while start < end and data[end - 1] in _SPACES:
            end -= 1
        while start < end and data[start] in _SPACES:
            start += 1
        if start < end and (data[start] in _FIRST_OF_WIDE or data[end - 1] in _LAST_OF_WIDE):
            start, end = _trim(data, start, end)
        if start >= end:
            return
        begin = start
        line_break = inner_break = 0
        if self.next_break < end:
            if self.next_break < start:
                line_break = self._break_level(self.last_end, start)
                # The indentation belongs to what it indents.
                begin = self.last_end + len(data[self.last_end : start].rstrip(b" \t"))
                self.next_break = self._find_break(start)
            if self.next_break < end:
                inner_break = self._break_level(start, end)
                self.next_break = self._find_break(end)
        self.rows.append((begin, end, self.coarsest, inner_break, line_break))
        self.last_end = end
        self.coarsest = depth

    def split(
        self, start: int, end: int, depth: int, levels: Levels = DEFAULT_LEVELS, rank: int = 0
    ) -> None:
        """Open a piece that is found at a depth, at the separators of a level and below."""
        data, limit, add = self.data, self.limit, self.add
        if end - start <= limit:
            add(start, end, depth)
            return
        inside = depth
        if rank == 0 and levels is DEFAULT_LEVELS and data.find(b"\n", start, end) < 0:
            # The first two levels are made of line feeds.
            rank = LINE_LEVELS
            inside += LINE_LEVELS
        at = start
        while at == start and rank < len(levels):
            separators = levels[rank]
            inside += 1
            rank += 1
            if separators is WORD_LEVEL and self._add_words(start, end, inside):
                at = end
                break
            for first, last in separators(data, start, end):
                if first - at <= limit:
                    add(at, first, inside)
                else:
                    self.split(at, first, inside, levels, rank)
                at = last
        if end - at <= limit or at == start:
            add(at, end, inside)
        else:
            self.split(at, end, inside, levels, rank)
        self.coarsest = min(self.coarsest, depth)

    def _add_words(self, start: int, end: int, depth: int) -> bool:
        """Add the words of a line, if they are ASCII; this is what most atoms are made by."""
        if self.has_returns or not self.data[start:end].isascii():
            return False
        words = _WORD.finditer(self.data, start, end)
        first = next(words, None)
        if first is not None:
            self.add(*first.span(), depth)
            rows = [(*word.span(), depth, 0, 0) for word in words]
            if rows:
                self.rows += rows
                self.last_end = rows[-1][1]
        return True

    def open(self, syntax: Syntax) -> None:
        """Open the root of a syntax tree, and what is too large inside."""
        limit, root, closed = self.limit, syntax.root, syntax.closed
        place, children_of = syntax.place, syntax.children
        if not root.child_count or root.kind_id in closed:
            self.split(0, len(self.data), 2)
            return
        parents: list[tuple[Iterator[Node], int, int]] = []
        children = iter(children_of(root))
        at, end = place(root.start_byte), place(root.end_byte)
        depth = 2
        while True:
            for child in children:
                first, last = place(child.start_byte), place(child.end_byte)
                if at < first:
                    self.split(at, first, depth)
                at = last
                if last - first <= limit:
                    self.add(first, last, depth)
                elif child.child_count and child.kind_id not in closed:
                    parents.append((children, at, end))
                    children = iter(children_of(child))
                    at, end = first, last
                    depth += 1
                    break
                else:
                    self.split(first, last, depth + 1)
                    self.coarsest = min(self.coarsest, depth)
            else:
                if at < end:
                    self.split(at, end, depth)
                depth -= 1
                self.coarsest = min(self.coarsest, depth)
                if not parents:
                    return
                children, at, end = parents.pop()


class _Bounded(_Collector):
    """Makes no atom larger than a bound, unless it is one character."""

    def __init__(self, data: bytes, limit: int, bound: int) -> None:
        super().__init__(data, limit)
        self.bound = bound

    def add(self, start: int, end: int, depth: int) -> None:
        """Add a piece in as many parts as it takes."""
        start, end = _trim(self.data, start, end)
        while end - start > self.bound:
            middle = _character_edge(self.data, start, start + self.bound)
            self._add_part(start, middle, depth)
            start = middle
        self._add_part(start, end, depth)

    def _add_words(self, _start: int, _end: int, _depth: int) -> bool:
        return False

    def _add_part(self, start: int, end: int, depth: int) -> None:
        count = len(self.rows)
        super().add(start, end, depth)
        if len(self.rows) > count and end - self.rows[-1][0] > self.bound:
            # With its indentation it would be larger than the bound.
            self.rows[-1] = (start, *self.rows[-1][1:])


def _trim(data: bytes, start: int, end: int) -> tuple[int, int]:
    text = data[start:end].decode().rstrip(WHITE_SPACE)
    end = start + len(text.encode())
    return end - len(text.lstrip(WHITE_SPACE).encode()), end


def _character_edge(data: bytes, start: int, wanted: int) -> int:
    """Return the last edge of a character up to a place, or the next one if `start` is that."""
    at = wanted
    while at > start and data[at] & 0xC0 == 0x80:
        at -= 1
    if at == start:
        at = wanted
        while at < len(data) and data[at] & 0xC0 == 0x80:
            at += 1
    return at
