"""From a language to its parser: the one seam between grammars and the chunker.

The chunker sees only ``Syntax``: flat byte ranges that a query of ``queries/<language>.scm``
picked out, and the ranges of the parts of a body. Native grammars stand here; another module may
``register`` a source of others (WebAssembly), asked for languages that have no native grammar.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple, Protocol, TypeAlias

import tree_sitter

from coco_core.languages.detection import named_language

__all__ = [
    "Grammar",
    "GrammarSource",
    "Match",
    "Range",
    "Syntax",
    "grammar_for",
    "query_text",
    "register",
]

Range: TypeAlias = tuple[int, int]

# tree-sitter asks for leave about every 180 bytes of ordinary code; error recovery asks several
# times as often. The count is the same on every machine and under any load.
_TICKS = 4_000
_BYTES_PER_TICK = 12

# Some grammars spend seconds between two questions (Scala on 40 KB of "a<b"): a second guard, in
# CPU time of this thread so that a busy machine does not change the chunks.
_CPU_SECONDS = 2.0
_CPU_SECONDS_PER_BYTE = 2e-6

# More matches in flight than this are runaway patterns, not code.
_MATCH_LIMIT = 65_536


class Match(NamedTuple):
    """What one pattern found: its main capture and, if it has them, ``@name`` and ``@scope``."""

    kind: str
    """The main capture's name, such as ``definition.function``."""
    start: int
    end: int
    name: Range | None = None
    scope: Range | None = None


@dataclass(frozen=True, slots=True)
class Syntax:
    """What the chunker needs of a parsed file, as UTF-8 byte ranges."""

    matches: list[Match]
    parts: Callable[[int, int], list[Range]]
    """The direct parts of the root or of a ``@body`` with this exact range."""


class Grammar(Protocol):
    """Parses one language."""

    def parse(self, source: bytes) -> Syntax | None:
        """Parse UTF-8 text; ``None`` when it takes too long."""
        ...


GrammarSource: TypeAlias = Callable[[str], Grammar | None]

_sources: list[GrammarSource] = []
_grammars: dict[str, Grammar | None] = {}
_lock = threading.Lock()


def register(source: GrammarSource) -> None:
    """Ask this source too for languages without a native grammar."""
    with _lock:
        _sources.append(source)
        for name in [name for name, grammar in _grammars.items() if grammar is None]:
            del _grammars[name]


def grammar_for(name: str) -> Grammar | None:
    """Return the language's grammar, loaded on first use; ``None`` if there is none."""
    try:
        return _grammars[name]
    except KeyError:
        pass
    with _lock:
        if name not in _grammars:
            _grammars[name] = _load(name)
        return _grammars[name]


def query_text(name: str) -> str:
    """Return the language's query; empty if there is none.

    A line ``; inherits: c`` puts another language's query in front.
    """
    path = resources.files("coco_core.languages") / "queries" / f"{name}.scm"
    if not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8")
    first = text.partition("\n")[0]
    if first.startswith("; inherits: "):
        return query_text(first.removeprefix("; inherits: ").strip()) + "\n" + text
    return text


def _load(name: str) -> Grammar | None:
    language = named_language(name)
    if language is not None and language.grammar:
        return NativeGrammar(language.grammar, query_text(language.name))
    for source in _sources:
        grammar = source(name)
        if grammar is not None:
            return grammar
    return None


class NativeGrammar:
    """A grammar from an installed wheel; safe to share between threads."""

    def __init__(self, place: str, query: str) -> None:
        """Load ``module:function`` and compile the query for it."""
        module, _, function = place.partition(":")
        pointer = getattr(importlib.import_module(module), function)()
        self._language = tree_sitter.Language(pointer)
        self._query = tree_sitter.Query(self._language, query)
        self._local = threading.local()

    def parse(self, source: bytes) -> Syntax | None:
        """Parse UTF-8 text; ``None`` when it takes too long."""
        parser = self._parser()
        budget = _Budget(len(source))
        # NUL means end of input to several scanners, which then start over at each one.
        view = memoryview(source.replace(b"\0", b" ") if b"\0" in source else source)
        try:
            tree = parser.parse(lambda offset, _: view[offset:], progress_callback=budget.tick)
        except ValueError:
            # The binding's way to say that the callback stopped it.
            parser.reset()
            return None
        # No progress callback here: py-tree-sitter 0.26.1 crashes in it (reads an unset pointer).
        # The queries have no unbounded pattern, so they are linear in the tree.
        cursor = tree_sitter.QueryCursor(self._query, match_limit=_MATCH_LIMIT)
        return _syntax(tree, cursor.matches(tree.root_node))

    def _parser(self) -> tree_sitter.Parser:
        parser: tree_sitter.Parser | None = getattr(self._local, "parser", None)
        if parser is None:
            parser = self._local.parser = tree_sitter.Parser(self._language)
        return parser


class _Budget:
    """Counts what a parse may still take; the callback returns True to stop it."""

    __slots__ = ("_deadline", "_ticks")

    def __init__(self, size: int) -> None:
        self._ticks = _TICKS + size // _BYTES_PER_TICK
        self._deadline = time.thread_time() + _CPU_SECONDS + size * _CPU_SECONDS_PER_BYTE

    def tick(self, _offset: int, _has_error: bool) -> bool:
        self._ticks -= 1
        return self._ticks < 0 or time.thread_time() > self._deadline


def _syntax(
    tree: tree_sitter.Tree, found: list[tuple[int, dict[str, list[tree_sitter.Node]]]]
) -> Syntax:
    matches: list[Match] = []
    bodies: dict[Range, tree_sitter.Node] = {}
    root = tree.root_node
    for _, captures in found:
        name = scope = None
        kind, start, end = "", 0, 0
        for capture, nodes in captures.items():
            if capture == "name":
                name = nodes[0].byte_range
            elif capture == "scope":
                scope = nodes[0].byte_range
            elif capture[0] != "_":
                kind = capture
                start, end = nodes[0].byte_range
                if capture == "body":
                    bodies[start, end] = nodes[0]
        matches.append(Match(kind, start, end, name, scope))

    def parts(start: int, end: int) -> list[Range]:
        node = bodies.get((start, end), root)
        return [child.byte_range for child in node.children]

    return Syntax(matches, parts)
