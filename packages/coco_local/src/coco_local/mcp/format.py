"""Text format of answers, compact for a model: path:lines, symbol, code."""

from __future__ import annotations

from collections.abc import Sequence

from coco_local.mcp.answers import SearchHit, SymbolLine
from coco_protocol.docs import GrepMatch

__all__ = ["TRAIL", "empty_text", "grep_file", "hit_text", "symbol_text"]

# A matching line longer than this is data or minified code; the start of it says enough.
MAX_LINE = 300
# Kinds that say something about a definition; that an assignment is a block of code does not.
TELLING_KINDS = frozenset({"function", "class", "method", "table"})
# What stands between the headings above a section.
TRAIL = " > "

EMPTY = {
    "nothing_indexed": "The project is not indexed yet: try again in a moment; grep works already.",
    "filtered_out": "Everything that matches was left out by the filters: loosen languages, "
    "include, exclude, kinds or path.",
    "no_match": "Nothing matches. Try other words, a symbol, or grep for an exact string.",
}


def hit_text(hit: SearchHit) -> str:
    """Return one result: a header line, then its text."""
    lines = f":{hit.start_line}-{hit.end_line}" if hit.start_line is not None else ""
    symbol = f" {_short(hit.symbol)}" if hit.symbol else ""
    return f"--- {hit.path}{lines}{symbol}\n{hit.content.strip(chr(10))}\n"


def empty_text(reason: str | None, seen: int) -> str:
    """Say why there is no result; ``seen`` is the offset that was asked for."""
    if seen and reason in (None, "no_match"):
        return f"No more results after offset {seen}."
    return EMPTY[reason or "no_match"]


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


def grep_file(path: str, matches: Sequence[GrepMatch]) -> list[str]:
    """Return a file's matches as lines: ``12: match``, ``13- context``, ``--`` between groups."""
    shown: dict[int, str] = {}
    for match in matches:
        first = match.line - len(match.before)
        for number, text in enumerate(match.before, first):
            shown.setdefault(number, f"{number}- {_short(text)}")
        for number, text in enumerate(match.after, match.line + 1):
            shown.setdefault(number, f"{number}- {_short(text)}")
    for match in matches:
        shown[match.line] = f"{match.line}: {_short(match.text)}"
    context = any(match.before or match.after for match in matches)
    lines = [path]
    previous: int | None = None
    for number in sorted(shown):
        if context and previous is not None and number > previous + 1:
            lines.append("--")
        lines.append(shown[number])
        previous = number
    return lines


def _short(text: str) -> str:
    line = text.rstrip("\r\n")
    return line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}…"
