"""Code splitter: merges small neighboring definitions, splits large ones in their bodies."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import NamedTuple

from coco_core.chunking.line_table import CharRange, LineTable
from coco_core.chunking.outline import Outline
from coco_core.chunking.text import split_lines, with_overlap, without_blank
from coco_core.languages.syntax import WHOLE, Range, Syntax
from coco_core.types import ChunkKind

__all__ = ["split_code"]

# A definition from this share of the size on stands alone, so that its symbol is the chunk's.
_ALONE = 3

# Below this share of the size a piece is a crumb: it costs a vector and says nothing.
_CRUMB = 8

# Below this share it is not even a crumb (`module X`, `end`) and joins whatever it stands by.
_SHRED = 16

# Share of the size that is kept free for closing brackets.
_CLOSING = 64

# Bodies nested deeper than this are cut by lines; hand-written code stays under 20.
_MAX_DEPTH = 40


class _Piece(NamedTuple):
    start: int
    end: int
    length: int
    closed: bool
    """Part of a definition that was cut, or a class head: takes no neighbor in."""


def split_code(table: LineTable, outline: Outline, syntax: Syntax) -> list[CharRange]:
    """Cut a parsed file; without overlap the ranges cover it without gap."""
    splitter = _Splitter(table, outline, syntax)
    pieces = splitter.without_slivers(splitter.split(0, table.lines.count, 0, [WHOLE]))
    ranges = [(piece.start, piece.end) for piece in pieces]
    return with_overlap(table, without_blank(table.text, ranges))


class _Splitter:
    def __init__(self, table: LineTable, outline: Outline, syntax: Syntax) -> None:
        self._table = table
        self._outline = outline
        self._syntax = syntax
        # Overlap comes on top, so the pieces leave room for it.
        self._full = max(table.size - table.overlap, 1)
        # So much room is left that the last brackets of a class fit in with its last method.
        self._size = max(self._full - self._full // _CLOSING, 1)

    def split(self, first: int, last: int, depth: int, bodies: list[Range]) -> list[_Piece]:
        """Cut lines ``first`` to ``last`` at the parts of these bodies."""
        cuts = self._clauses(first, last) if depth else []
        inside = depth > 0
        while not cuts and bodies and depth < _MAX_DEPTH:
            cuts = self._cuts(first, last, bodies)
            if cuts:
                break
            inside = True
            bodies = [inner for body in bodies for inner in self._inner_bodies(body)]
        if not cuts:
            return self._by_lines(first, last)
        is_class = inside and self._starts_class(first, last)
        edges = [first, *cuts, last]
        pieces: list[_Piece] = []
        chars = self._table.lines.chars
        begin = first
        met_standalone = False
        for start, end in pairwise(edges):
            length = self._table.length(start, end)
            # The first part of a definition is its own head.
            standalone = (start > first or not inside) and self._has_standalone(start, end)
            alone = length > self._size or (standalone and length * _ALONE >= self._size)
            ends_head = is_class and standalone and not met_standalone
            met_standalone |= standalone
            if begin < start and (
                alone or ends_head or self._table.length(begin, end) > self._size
            ):
                pieces.append(self._piece(begin, start, ends_head))
                begin = start
            if length > self._size:
                inner = self._bodies(self._table.lines.utf8[start], self._table.lines.utf8[end])
                parts = self.split(start, end, depth + 1, inner)
                pieces += [part._replace(closed=True) for part in parts] if standalone else parts
                begin = end
            elif alone:
                pieces.append(_Piece(chars[start], chars[end], length, False))
                begin = end
        if begin < last:
            pieces.append(self._piece(begin, last, False))
        return self._without_crumbs(pieces)

    def _piece(self, first: int, last: int, closed: bool) -> _Piece:
        chars = self._table.lines.chars
        return _Piece(chars[first], chars[last], self._table.length(first, last), closed)

    def _by_lines(self, first: int, last: int) -> list[_Piece]:
        ranges = split_lines(self._table, first, last, self._size)
        measure = self._table.measure
        return [_Piece(start, end, measure(start, end), False) for start, end in ranges]

    def _without_crumbs(self, pieces: list[_Piece]) -> list[_Piece]:
        """Give every crumb to the smaller of its neighbors if it fits."""
        kept: list[_Piece] = []
        for piece in pieces:
            above = kept[-1] if kept else None
            if (
                above is not None
                and not (above.closed or piece.closed)
                and min(above.length, piece.length) * _CRUMB < self._size
                and above.length + piece.length <= self._size
            ):
                length = above.length + piece.length
                kept[-1] = _Piece(above.start, piece.end, length, False)
            else:
                kept.append(piece)
        return kept

    def without_slivers(self, pieces: list[_Piece]) -> list[_Piece]:
        """Join lines that only open or close something with what they open or close."""
        kept: list[_Piece] = []
        carried: _Piece | None = None
        for at, piece in enumerate(pieces):
            whole = piece
            if carried is not None:
                whole = _join(carried, piece)
                carried = None
            if whole.length * _SHRED >= self._full:
                kept.append(whole)
                continue
            above = kept[-1] if kept else None
            below = pieces[at + 1] if at + 1 < len(pieces) else None
            fits_above = above is not None and above.length + whole.length <= self._full
            fits_below = below is not None and below.length + whole.length <= self._full
            if fits_below and (not fits_above or self._opens(whole)):
                carried = whole
            elif fits_above and above is not None:
                kept[-1] = _join(above, whole)
            else:
                kept.append(whole)
        return kept

    def _opens(self, piece: _Piece) -> bool:
        """Tell whether a piece is the head of the next: a comment, or less indented than it."""
        lines = self._table.lines
        after = lines.line_of_char(piece.end)
        last = lines.line_of_char(piece.end - 1)
        while last > 0 and lines.chars[last] > piece.start and not self._table.line(last).strip():
            last -= 1
        if last in self._outline.leading_comments:
            return True
        return _indent(self._table.line(last)) < _indent(self._table.line(after))

    def _cuts(self, first: int, last: int, bodies: list[Range]) -> list[int]:
        """Return the lines strictly inside where a part of these bodies begins."""
        utf8, leading_comments = self._table.lines.utf8, self._outline.leading_comments
        cuts: list[int] = []
        joined = self._outline.joined
        latest = first
        done = -1
        for body in bodies:
            for start, end in self._parts(body):
                line = bisect_right(utf8, start) - 1
                if line > done:
                    cut = leading_comments.get(line)
                    if cut is None:
                        cut = leading_comments.get(line - 1, line)
                    if latest < cut < last and cut not in joined:
                        cuts.append(cut)
                        latest = cut
                done = max(done, bisect_left(utf8, end) - 1)
        return cuts

    def _parts(self, body: Range) -> list[Range]:
        parts = self._syntax.parts(*body)
        transparent = self._outline.transparent
        if not transparent:
            return parts
        flat: list[Range] = []
        pending = parts[::-1]
        while pending:
            part = pending.pop()
            if part in transparent and part != body:
                inner = self._syntax.parts(*part)
                if inner and inner != [part]:
                    pending += inner[::-1]
                    continue
            flat.append(part)
        return flat

    def _clauses(self, first: int, last: int) -> list[int]:
        """Return where the further clauses of the one definition in these lines begin."""
        return [
            line
            for line, start in self._outline.joined.items()
            if first <= start and first < line < last
        ]

    def _inner_bodies(self, body: Range) -> list[Range]:
        if body == WHOLE:
            return self._bodies(0, self._table.lines.utf8[-1])
        return self._bodies(body[0] + 1, body[1])

    def _bodies(self, start: int, end: int) -> list[Range]:
        """Return the outermost bodies inside a byte range."""
        bodies = self._outline.bodies
        found: list[Range] = []
        at = bisect_left(bodies, (start, 0))
        while at < len(bodies) and bodies[at][0] < end:
            body = bodies[at]
            if body[1] <= end:
                found.append(body)
                at = bisect_left(bodies, (max(body[1], body[0] + 1), 0))
            else:
                at += 1
        return found

    def _has_standalone(self, first: int, last: int) -> bool:
        starts = self._outline.standalone_starts
        at = bisect_left(starts, first)
        return at < len(starts) and starts[at] < last

    def _starts_class(self, first: int, last: int) -> bool:
        for at in self._outline.starting(first, last):
            if self._outline.symbols[at].standalone:
                return self._outline.symbols[at].kind is ChunkKind.CLASS
        return False


def _join(above: _Piece, below: _Piece) -> _Piece:
    return _Piece(above.start, below.end, above.length + below.length, above.closed or below.closed)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
