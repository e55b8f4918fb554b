"""Found places: what the search view lists, in one shape whatever found them."""

from __future__ import annotations

from dataclasses import dataclass

from coco_local.tui.figures import one_line
from coco_protocol.code import DefinitionBody, OccurrenceBody
from coco_protocol.docs import ChunkBody, Hit, OutlineSymbol
from coco_protocol.grep import GrepMatch

__all__ = [
    "Found",
    "found_by_search",
    "found_by_text",
    "found_definition",
    "found_in_outline",
    "found_use",
]


@dataclass(frozen=True, slots=True)
class Found:
    """Lines of a file, 1-based and inclusive, and what names them."""

    title: str
    kind: str
    path: str
    start_line: int
    end_line: int
    text: str
    """The lines themselves, for a file that cannot be read any more."""
    language: str = ""
    symbol: str = ""
    """Dotted path of the definition that it is, or that is around it."""
    tag: str = ""
    """What is special about where it comes from."""
    marked: tuple[tuple[int, int], ...] = ()
    """The lines that answer, where they are not all of them."""

    @property
    def place(self) -> str:
        """``path:line``: the first line that answers."""
        return f"{self.path}:{self.first_line}"

    @property
    def name(self) -> str:
        """What the parser finds the definition by: the symbol in its file, else the line."""
        return f"{self.path}:{self.symbol}" if self.symbol else self.place

    @property
    def first_line(self) -> int:
        """Where an editor opens it."""
        return self.marked[0][0] if self.marked else self.start_line

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The lines to mark."""
        return self.marked or ((self.start_line, self.end_line),)


def found_by_search(hit: Hit) -> Found:
    """Return a hit of a search."""
    chunk = hit.chunk
    start = chunk.start_line or 1
    pieces = tuple((piece.start_line, piece.end_line) for piece in hit.pieces)
    return Found(
        title=_title(chunk),
        kind=chunk.kind,
        path=chunk.path or chunk.doc_id,
        start_line=start,
        end_line=chunk.end_line or start + chunk.content.count("\n"),
        text=chunk.content,
        language=chunk.language,
        symbol=chunk.symbol,
        tag="live" if hit.meta.source == "live" else "moved" if hit.meta.relocated else "",
        marked=pieces,
    )


def found_by_text(match: GrepMatch) -> Found:
    """Return a line that holds a text."""
    return Found(
        title=one_line(match.text) or " ",
        kind="",
        path=match.path,
        start_line=match.line,
        end_line=match.line,
        text=match.text,
    )


def found_in_outline(path: str, language: str, symbol: OutlineSymbol) -> Found:
    """Return a definition or heading of a file."""
    name = one_line(symbol.symbol)
    return Found(
        title=name,
        kind=symbol.kind,
        path=path,
        start_line=symbol.line,
        end_line=symbol.end_line,
        text=symbol.signature or name,
        language=language,
        symbol=symbol.symbol if symbol.kind != "section" else "",
        marked=((symbol.line, symbol.line),),
    )


def found_definition(definition: DefinitionBody) -> Found:
    """Return a definition of a name."""
    return Found(
        title=definition.symbol,
        kind=definition.kind,
        path=definition.path,
        start_line=definition.line,
        end_line=definition.end_line,
        text=definition.signature,
        symbol=definition.symbol,
        marked=((definition.line, definition.line),),
    )


def found_use(use: OccurrenceBody) -> Found:
    """Return a line that uses a name."""
    return Found(
        title=one_line(use.text) or " ",
        kind=use.role,
        path=use.path,
        start_line=use.line,
        end_line=use.line,
        text=use.text,
        symbol=use.symbol,
        tag="" if use.sure else "guess",
    )


def _title(chunk: ChunkBody) -> str:
    """What names the chunk: its symbol, its heading, or its first line with words."""
    if chunk.symbol:
        return one_line(chunk.symbol)
    if chunk.heading_trail:
        return one_line(" > ".join(chunk.heading_trail))
    lines = (one_line(line) for line in chunk.content.split("\n"))
    return next((line for line in lines if any(map(str.isalnum, line))), chunk.kind)
