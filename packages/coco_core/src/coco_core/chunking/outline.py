"""Outline: a file's nested symbols, from the matches of its grammar's query."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from coco_core.chunking.line_table import LineTable
from coco_core.languages.syntax import Match, Range, Syntax
from coco_core.types import ChunkKind

__all__ = ["Outline", "Symbol", "outline_of"]

_KINDS = {
    "function": ChunkKind.FUNCTION,
    "macro": ChunkKind.FUNCTION,
    "prototype": ChunkKind.FUNCTION,
    "clause": ChunkKind.FUNCTION,
    "inner": ChunkKind.FUNCTION,
    "method": ChunkKind.METHOD,
    "class": ChunkKind.CLASS,
    "module": ChunkKind.CLASS,
    "constant": ChunkKind.CODE_BLOCK,
    "field": ChunkKind.CODE_BLOCK,
    "property": ChunkKind.CODE_BLOCK,
    "rule": ChunkKind.CODE_BLOCK,
    "config": ChunkKind.CONFIG,
    "section": ChunkKind.SECTION,
    "table": ChunkKind.TABLE,
}

# Of two patterns that name the same thing, the one that says more about it wins.
_RANK = {"field": 0, "constant": 0, "prototype": 0, "function": 1}

# Names that follow no language's rules: keys and selectors.
_VERBATIM = frozenset({"config", "rule"})

# Inside a function these are its own business.
_NOT_LOCAL = frozenset({"constant", "prototype", "field"})

# Of these, successive ones of one name are one definition.
_CLAUSES = frozenset({"clause", "function"})
_CALLABLE = frozenset({ChunkKind.FUNCTION, ChunkKind.METHOD})

# What is worth a chunk of its own.
_SOLID = frozenset({ChunkKind.FUNCTION, ChunkKind.METHOD, ChunkKind.CLASS, ChunkKind.CONFIG})

# More names than this do not help to find a file, and each is embedded.
_MAX_IMPORTS = 10

# A head longer than this (generated parameter lists) would fill the embedder's window.
_MAX_SIGNATURE = 200
_MAX_NAME = 200

# No hand-written path is as long; thousands of nested functions would make a quadratic text.
_MAX_PATH = 500

_IMPORT = re.compile(r"^import\s+|[.\s]*\{[^{}]*\}?$|\._$")
_GENERICS = re.compile(r"<[^<>]*>|\([^()]*\)")
_SEPARATORS = re.compile(r"\s*(?:::|->|\\|[.:])\s*")
_SPACE = re.compile(r"\s+")


class Symbol(NamedTuple):
    """A named part of a file; lines are 0-based and inclusive, offsets are UTF-8."""

    path: str
    kind: ChunkKind
    start_line: int
    end_line: int
    name_line: int
    name_end: int
    end: int
    parent: int
    """Index of the enclosing symbol, or -1."""
    defines: bool
    """False for what only holds others, such as a Rust ``impl``."""
    makes_methods: bool

    @property
    def standalone(self) -> bool:
        """Whether the symbol is worth a chunk of its own."""
        return self.kind in _SOLID


@dataclass(frozen=True, slots=True)
class Outline:
    """Everything the query told about a file."""

    symbols: list[Symbol]
    starts: list[int]
    """First line of each symbol, ascending."""
    standalone_starts: list[int]
    """First line of each symbol that is worth a chunk of its own."""
    leading_comments: dict[int, int]
    """For each line of comments or attributes, the first line of its group."""
    bodies: list[Range]
    """Ascending; the ranges whose parts may be cut apart."""
    transparent: set[Range]
    """Bodies whose parts stand in the place of the body itself (a namespace, an ``#ifdef``)."""
    joined: dict[int, int]
    """For each further clause of a definition, the line the first one starts on."""
    imports: tuple[str, ...]

    def enclosing(self, line: int) -> int:
        """Return the innermost symbol that began before a line and still goes on there, or -1."""
        at = bisect_left(self.starts, line) - 1
        while at >= 0 and self.symbols[at].end_line < line:
            at = self.symbols[at].parent
        return at

    def starting(self, first: int, last: int) -> range:
        """Return the indices of the symbols that start in a range of lines."""
        return range(bisect_left(self.starts, first), bisect_left(self.starts, last))

    def signature(self, table: LineTable, symbol: Symbol) -> str:
        """Return the head of a symbol on one line, without what opens its body."""
        utf8 = table.lines.utf8
        end = min(utf8[symbol.name_line + 1], symbol.end)
        at = bisect_left(self.bodies, (symbol.name_end, 0))
        if symbol.start_line in self.joined.values():
            # Of several clauses the first line tells: it is the type, or the first case.
            at = len(self.bodies)
        # The body is the first that reaches the symbol's end, give or take a bracket.
        for start, stop in self.bodies[at : at + 32]:
            if start >= symbol.end:
                break
            if stop >= symbol.end - 3:
                end = start
                break
        head = table.text[table.lines.chars[symbol.start_line] : table.lines.char_of_utf8(end)]
        lines = head.split("\n")
        above = symbol.name_line - symbol.start_line
        while above and lines[0].lstrip().startswith(("@", "[", "#")):
            del lines[0]
            above -= 1
        flat = " ".join(" ".join(lines).split())
        return flat[:_MAX_SIGNATURE].rstrip(" {:=(").removesuffix(" do")


def outline_of(table: LineTable, source: bytes, syntax: Syntax) -> Outline:
    """Sort a query's matches into symbols, leading comments, bodies and imports."""
    named: dict[Range, Match] = {}
    for match in syntax.named:
        earlier = named.get(match.name)
        named[match.name] = match if earlier is None else _stronger(earlier, match)
    plain = syntax.plain
    transparent = plain.get("spread", [])
    groups = _leading_comment_groups(table, plain.get("lead", []))
    symbols, joined = _symbols(table.lines.utf8, source, list(named.values()))
    imports = dict.fromkeys(_clean_import(source[a:b]) for a, b in plain.get("import", []))
    imports.pop("", None)
    return Outline(
        symbols,
        [symbol.start_line for symbol in symbols],
        [symbol.start_line for symbol in symbols if symbol.standalone],
        groups,
        sorted(plain.get("body", []) + transparent),
        set(transparent),
        {_lead_line(groups, line): first for line, first in joined.items()},
        tuple(imports)[:_MAX_IMPORTS],
    )


def _stronger(old: Match, new: Match) -> Match:
    start, end = min(old.start, new.start), max(old.end, new.end)
    best = max(old, new, key=lambda match: _RANK.get(_base(match.kind), 2))
    return best._replace(start=start, end=end, scope=old.scope or new.scope)


def _base(kind: str) -> str:
    return kind.rpartition(".")[2]


def _symbols(
    utf8: list[int], source: bytes, matches: list[Match]
) -> tuple[list[Symbol], dict[int, int]]:
    matches.sort(key=lambda match: (match.start, -match.end))
    symbols: list[Symbol] = []
    spans: list[Range] = []
    clauses: dict[int, int] = {}
    joined: dict[int, int] = {}
    open_: list[int] = []
    last = len(utf8) - 2
    for match in matches:
        while open_ and symbols[open_[-1]].end < match.end:
            open_.pop()
        parent = open_[-1] if open_ else -1
        # Two names of one declaration (`int a, b`) are not inside each other.
        while parent >= 0 and spans[parent] == (match.start, match.end):
            parent = symbols[parent].parent
        identity = _identity(source, match, symbols[parent] if parent >= 0 else None)
        if identity is None:
            continue
        path, kind = identity
        raw = _base(match.kind)
        first = min(bisect_right(utf8, match.start) - 1, last)
        final = min(bisect_right(utf8, max(match.end - 1, match.start)) - 1, last)
        earlier = clauses.get(parent, -1)
        if raw in _CLAUSES and earlier >= 0 and symbols[earlier].path == path:
            # One more equation or overload of the same function.
            symbols[earlier] = symbols[earlier]._replace(end_line=final, end=match.end)
            spans[earlier] = (spans[earlier][0], match.end)
            joined[first] = symbols[earlier].start_line
            open_.append(earlier)
            continue
        clauses[parent] = len(symbols) if raw in _CLAUSES else -1
        symbol = Symbol(
            path,
            kind,
            first,
            final,
            min(bisect_right(utf8, match.name[0]) - 1, last),
            match.name[1],
            match.end,
            parent,
            match.kind.startswith("definition"),
            kind is ChunkKind.CLASS and raw != "module",
        )
        if raw != "typedef":
            open_.append(len(symbols))
        symbols.append(symbol)
        spans.append((match.start, match.end))
    return symbols, joined


def _identity(source: bytes, match: Match, above: Symbol | None) -> tuple[str, ChunkKind] | None:
    """Return a symbol's path and kind; ``None`` for what is nobody else's business."""
    raw = _base(match.kind)
    name = _decode(source, match.name)
    path = _plain_name(name) if raw in _VERBATIM else _clean_name(name)
    if not path:
        return None
    if match.scope is not None:
        path = f"{_clean_name(_decode(source, match.scope))}.{path}"
    kind = _KINDS.get(raw, ChunkKind.CLASS)
    if above is None:
        if kind is ChunkKind.FUNCTION and (match.scope is not None or ":" in name):
            kind = ChunkKind.METHOD
        return path, kind
    if above.kind in _CALLABLE and (
        raw in _NOT_LOCAL or (raw == "inner" and above.path.endswith(path))
    ):
        return None
    if kind is ChunkKind.FUNCTION and raw != "macro" and above.makes_methods:
        kind = ChunkKind.METHOD
    return (f"{above.path}.{path}" if len(above.path) < _MAX_PATH else path), kind


def _lead_line(groups: dict[int, int], line: int) -> int:
    """Return where the comments and attributes of what stands on a line begin."""
    found = groups.get(line)
    return groups.get(line - 1, line) if found is None else found


def _leading_comment_groups(table: LineTable, leading_comments: list[Range]) -> dict[int, int]:
    """Join comments and attributes on successive lines; what stands behind code does not count."""
    groups: dict[int, int] = {}
    utf8, chars, text = table.lines.utf8, table.lines.chars, table.text
    plain = utf8 is chars
    for start, end in sorted(leading_comments):
        first = bisect_right(utf8, start) - 1
        if first in groups:
            continue
        offset = start if plain else table.lines.char_of_utf8(start)
        if text[chars[first] : offset].strip():
            continue
        group = groups.get(first - 1, first)
        for line in range(first, bisect_right(utf8, max(end - 1, start))):
            groups[line] = group
    return groups


def _decode(source: bytes, where: Range) -> str:
    return source[where[0] : where[1]].decode("utf-8", "replace")


def _plain_name(raw: str) -> str:
    return _SPACE.sub(" ", raw).strip(" \"'")[:_MAX_NAME]


def _clean_name(raw: str) -> str:
    """Make a symbol path of a name as it stands in the source."""
    if raw.isidentifier():
        return raw
    name = raw.strip().strip("\"'`")
    if not any(char.isalnum() for char in name):
        # An operator, perhaps in parentheses.
        return name.strip("() ") or name
    if name.startswith("operator"):
        return _SPACE.sub("", name)
    while name != (name := _GENERICS.sub("", name)):
        pass
    name = _SEPARATORS.sub(".", name.lstrip("*&"))
    return _SPACE.sub(" ", name).strip(". ")[:_MAX_NAME]


def _clean_import(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    if text.replace(".", "").isalnum():
        return text
    name = _IMPORT.sub("", text).strip().strip("\"'`<>").strip()
    return name if len(name) <= _MAX_NAME and "\n" not in name else ""
