"""Chunk builder: gives split ranges their kind, symbol, signature, and location."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from coco_core.chunking.line_table import CharRange, LineTable
from coco_core.chunking.outline import Outline, Symbol
from coco_core.languages import Language, LanguageKind
from coco_core.types import Chunk, ChunkKind, Definition, Span

__all__ = ["build_code_chunks", "build_plain_chunks", "place", "plain_kind"]

_PLAIN_KINDS = {
    LanguageKind.CODE: ChunkKind.CODE_BLOCK,
    LanguageKind.CONFIG: ChunkKind.CONFIG,
}


def plain_kind(language: Language) -> ChunkKind:
    """Return the kind of a chunk outside every definition."""
    return _PLAIN_KINDS.get(language.kind, ChunkKind.TEXT)


def place(table: LineTable, start: int, end: int) -> tuple[Span, int]:
    """Return the lines and the bytes on disk of a range of characters, and its tokens."""
    lines = table.lines
    first = bisect_right(lines.chars, start) - 1
    after = bisect_left(lines.chars, end, first + 1)
    # Nearly every piece is whole lines, of which everything is known.
    if lines.chars[first] == start and lines.chars[after] == end:
        tokens = table.tokens[after] - table.tokens[first]
        return Span(first + 1, after, lines.disk[first], lines.disk[after]), tokens
    before, upto = table.counter.tokens((start, end))
    span = Span(first + 1, after, lines.byte_of_char(start), lines.byte_of_char(end))
    return span, upto - before


def build_plain_chunks(
    table: LineTable, language: Language, pieces: list[CharRange]
) -> list[Chunk]:
    """Make chunks of a text that nothing is known about."""
    kind = plain_kind(language)
    chunks: list[Chunk] = []
    for start, end in pieces:
        span, tokens = place(table, start, end)
        text = table.text[start:end]
        chunks.append(
            Chunk(kind=kind, text=text, span=span, language=language.name, token_count=tokens)
        )
    return chunks


def build_code_chunks(
    table: LineTable, language: Language, outline: Outline, pieces: list[CharRange]
) -> list[Chunk]:
    """Make chunks of a parsed file."""
    kind = plain_kind(language)
    chunks: list[Chunk] = []
    for start, end in pieces:
        span, tokens = place(table, start, end)
        first = span.start_line - 1
        # A piece of one long line owns what starts on the line only if it begins the line.
        if table.lines.chars[first] < start:
            first += 1
        starting = outline.starting(first, span.end_line)
        main = _main(outline, starting, span)
        chunks.append(
            Chunk(
                kind=main.kind if main is not None else kind,
                text=table.text[start:end],
                span=span,
                language=language.name,
                symbol=main.path if main is not None else "",
                signature=outline.signature(table, main) if main is not None else "",
                definitions=_definitions(table, outline, starting, span),
                fragment=main.path if main is not None else "",
                imports=outline.imports,
                token_count=tokens,
            )
        )
    return chunks


def _definitions(
    table: LineTable, outline: Outline, starting: range, span: Span
) -> tuple[Definition, ...]:
    """Return what starts in a chunk; a name below its cut-off head counts for its last line."""
    symbols = outline.symbols
    return tuple(
        Definition(
            symbol.path,
            symbol.kind,
            min(symbol.name_line + 1, span.end_line),
            symbol.end_line + 1,
            signature=outline.signature(table, symbol),
        )
        for symbol in (symbols[at] for at in starting)
        if symbol.defines
    )


def _main(outline: Outline, starting: range, span: Span) -> Symbol | None:
    """Return the symbol that a chunk is about."""
    symbols = outline.symbols
    around = outline.enclosing(span.start_line - 1)
    enclosing = symbols[around] if around >= 0 else None
    at, extent = _largest(symbols, starting, span, -1)
    if at < 0:
        return enclosing
    half = (span.end_line - span.start_line + 1) / 2
    # The opening line of a class above one of its methods does not make the class the subject.
    while symbols[at].kind is ChunkKind.CLASS and symbols[at].end_line >= span.end_line:
        inner, inner_extent = _largest(symbols, range(at + 1, starting.stop), span, at)
        if inner < 0 or inner_extent <= half or not symbols[inner].standalone:
            break
        at, extent = inner, inner_extent
    best = symbols[at]
    if enclosing is not None and extent <= half:
        # Fields and small inner functions do not rename the definition they are part of.
        if not best.standalone or enclosing.kind is not ChunkKind.CLASS:
            return enclosing
    elif not best.standalone and extent <= half:
        return None
    return best


def _largest(symbols: list[Symbol], among: range, span: Span, parent: int) -> tuple[int, int]:
    """Return the largest of the outermost symbols, standalone first, with its lines in the chunk.

    With a ``parent`` only its own children count; without one, whatever starts inside none of the
    others.
    """
    best, best_key = -1, (False, 0)
    for at in among:
        symbol = symbols[at]
        if symbol.parent != parent if parent >= 0 else symbol.parent >= among.start:
            continue
        lines = min(symbol.end_line, span.end_line - 1) - symbol.start_line + 1
        key = (symbol.standalone, lines)
        if key > best_key:
            best, best_key = at, key
    return best, best_key[1]
