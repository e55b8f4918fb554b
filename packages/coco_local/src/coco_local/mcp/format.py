"""Text format of answers, compact for a model: path:lines, symbol, code."""

from __future__ import annotations

from coco_local.client.shown_hit import TRAIL, ShownHit
from coco_local.mcp.answers import SymbolLine

__all__ = ["empty_text", "hit_text", "symbol_text"]

# A matching line longer than this is data or minified code; the start of it says enough.
MAX_LINE = 300
# Kinds that say something about a definition; that an assignment is a block of code does not.
TELLING_KINDS = frozenset({"function", "class", "method", "table"})

EMPTY = {
    "nothing_indexed": "Nothing of the project is indexed yet; status shows the progress, and grep "
    "works already.",
    "no_files": "The project has no file that is indexed; grep may still find text.",
    "no_such_path": "No indexed file is at that path: correct path or include.",
    "no_such_language": "No indexed file is in that language: correct languages.",
    "no_such_symbol": "Nothing defines a symbol of that name.",
    "filtered_out": "Nothing passes all filters: loosen languages, include, exclude, kinds, path.",
    "below_min_score": "Everything that matches has a lower score than asked for.",
    "past_the_end": "No more results after offset {seen}.",
    "changed": "What matched has just changed on disk: ask again.",
    "no_match": "Nothing matches. Try other words, a symbol, or grep for an exact string.",
}


def hit_text(hit: ShownHit) -> str:
    """Return one result: a header line, then its text."""
    lines = f":{hit.start_line}-{hit.end_line}" if hit.start_line is not None else ""
    symbol = f" {_short(hit.symbol)}" if hit.symbol else ""
    within = f"in {_short(hit.within)}\n" if hit.within else ""
    return f"--- {hit.path}{lines}{symbol}\n{within}{hit.content.strip(chr(10))}\n"


def empty_text(reason: str | None, seen: int) -> str:
    """Say why there is no result; ``seen`` is the offset that was asked for."""
    return EMPTY[reason or "no_match"].format(seen=seen)


def symbol_text(symbol: SymbolLine) -> str:
    """Return one line of an outline, indented by its nesting."""
    named = f"{symbol.kind} {symbol.symbol}" if symbol.kind in TELLING_KINDS else symbol.symbol
    what = symbol.signature or named
    depth = symbol.symbol.count(".")
    trail = symbol.signature.split(TRAIL)
    if trail[-1] == symbol.symbol:
        # A heading: its place in the document is its depth, not a repetition of those above.
        what, depth = symbol.symbol, len(trail) - 1
    return f"{'  ' * depth}{symbol.line}-{symbol.end_line} {_short(what)}"


def _short(text: str) -> str:
    line = text.rstrip("\r\n")
    return line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}…"
