"""From cut ranges to chunks: kind, symbol, signature, definitions and place of each."""

from __future__ import annotations

from bisect import bisect_right

from coco_core.chunking.layout import CharRange, Layout
from coco_core.chunking.outline import Outline, Symbol
from coco_core.languages import Language, LanguageKind
from coco_core.types import Chunk, ChunkKind, Definition, Span

__all__ = ["label_code", "plain_chunks", "plain_kind", "span_of"]

_PLAIN_KINDS = {
    LanguageKind.CODE: ChunkKind.CODE_BLOCK,
    LanguageKind.CONFIG: ChunkKind.CONFIG,
}


def plain_kind(language: Language) -> ChunkKind:
    """Return the kind of a chunk outside every definition."""
    return _PLAIN_KINDS.get(language.kind, ChunkKind.TEXT)


def span_of(layout: Layout, start: int, end: int) -> Span:
    """Return the lines and the bytes on disk of a range of characters."""
    lines = layout.lines
    first = bisect_right(lines.chars, start) - 1
    last = bisect_right(lines.chars, max(end - 1, start)) - 1
    return Span(first + 1, last + 1, lines.byte_of_char(start), lines.byte_of_char(end))


def plain_chunks(layout: Layout, language: Language, pieces: list[CharRange]) -> list[Chunk]:
    """Make chunks of a text that nothing is known about."""
    kind = plain_kind(language)
    return [
        Chunk(
            kind=kind,
            text=layout.text[start:end],
            span=span_of(layout, start, end),
            language=language.name,
            token_count=layout.ruler.tokens(start, end),
        )
        for start, end in pieces
    ]


def label_code(
    layout: Layout, language: Language, outline: Outline, pieces: list[CharRange]
) -> list[Chunk]:
    """Make chunks of a parsed file."""
    kind = plain_kind(language)
    chunks: list[Chunk] = []
    for start, end in pieces:
        span = span_of(layout, start, end)
        first = span.start_line - 1
        # A piece of one long line owns what starts on the line only if it begins the line.
        if layout.lines.chars[first] < start:
            first += 1
        starting = outline.starting(first, span.end_line)
        main = _main(outline, starting, span)
        chunks.append(
            Chunk(
                kind=main.kind if main is not None else kind,
                text=layout.text[start:end],
                span=span,
                language=language.name,
                symbol=main.path if main is not None else "",
                signature=outline.signature(layout, main) if main is not None else "",
                definitions=_definitions(outline, starting, span),
                fragment=main.path if main is not None else "",
                imports=outline.imports,
                token_count=layout.ruler.tokens(start, end),
            )
        )
    return chunks


def _definitions(outline: Outline, starting: range, span: Span) -> tuple[Definition, ...]:
    """Return what starts in a chunk; a name below its cut-off head counts for its last line."""
    symbols = outline.symbols
    return tuple(
        Definition(symbol.path, symbol.kind, min(symbol.name_line + 1, span.end_line))
        for symbol in (symbols[at] for at in starting)
        if symbol.defines
    )


def _main(outline: Outline, starting: range, span: Span) -> Symbol | None:
    """Return the symbol that a chunk is about."""
    symbols = outline.symbols
    around = outline.enclosing(span.start_line - 1)
    enclosing = symbols[around] if around >= 0 else None
    best: Symbol | None = None
    best_key = (False, 0)
    for at in starting:
        symbol = symbols[at]
        if symbol.parent >= starting.start:
            continue
        extent = min(symbol.end_line, span.end_line - 1) - symbol.start_line + 1
        key = (symbol.solid, extent)
        if key > best_key:
            best, best_key = symbol, key
    if best is None:
        return enclosing
    dominates = best_key[1] * 2 > span.end_line - span.start_line
    if enclosing is not None and not dominates:
        # Fields and small inner functions do not rename the definition they are part of.
        if not best.solid or enclosing.kind is not ChunkKind.CLASS:
            return enclosing
    elif not best.solid and not dominates:
        return None
    return best
