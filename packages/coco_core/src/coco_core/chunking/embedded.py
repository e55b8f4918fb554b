"""Symbols of code inside documents: fenced blocks, script elements, notebook cells."""

from __future__ import annotations

from coco_core.chunking.line_table import measure_lines
from coco_core.chunking.outline import outline_of
from coco_core.configs import ChunkingConfig
from coco_core.decoding import SourceText
from coco_core.languages import LanguageKind, named_language
from coco_core.languages.grammars import grammar_for
from coco_core.types import ChunkKind, Definition

__all__ = ["embedded_definitions"]

# Only positions are wanted of the table; characters are the cheapest unit.
_CONFIG = ChunkingConfig(unit="chars")

# An example's constants are not what a document defines.
_WANTED = frozenset({ChunkKind.FUNCTION, ChunkKind.METHOD, ChunkKind.CLASS})


def embedded_definitions(language: str, code: str, lines: list[int]) -> list[Definition]:
    """Return the functions, methods and classes of a piece of code.

    Args:
        language: its name, as in an info string; unknown ones have no symbols.
        code: the code, without the indentation that the document adds.
        lines: for each of its lines the 1-based line of the document.
    """
    known = named_language(language.strip("{}. ").partition(",")[0])
    if known is None or known.kind is not LanguageKind.CODE:
        return []
    grammar = grammar_for(known.name)
    if grammar is None:
        return []
    data = code.encode("utf-8", "replace")
    syntax = grammar.parse(data)
    if syntax is None or not syntax.named:
        return []
    table = measure_lines(SourceText(data.decode("utf-8"), "utf-8", data), _CONFIG, None)
    outline = outline_of(table, data, syntax)
    return [
        Definition(
            symbol.path,
            symbol.kind,
            lines[min(symbol.name_line, len(lines) - 1)],
            lines[min(symbol.end_line, len(lines) - 1)],
            signature=outline.signature(table, symbol),
        )
        for symbol in outline.symbols
        if symbol.defines and symbol.kind in _WANTED
    ]
