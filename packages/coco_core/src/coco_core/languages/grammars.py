"""Grammar lookup: the parser of a language, native or WebAssembly.

The chunker sees only ``Syntax``: flat byte ranges that a query of ``queries/<language>.scm``
picked out, and the ranges of the parts of a body. Native grammars stand here; a product may
``register`` a source of others (WebAssembly), asked for languages that have no native grammar.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from typing import TypeAlias

import tree_sitter

from coco_core.languages.components import ComponentGrammar
from coco_core.languages.detection import named_language
from coco_core.languages.guards import GUARDS, has_wide_error
from coco_core.languages.limits import (
    BYTES_PER_TICK,
    MATCH_LIMIT,
    PARTED,
    SMALL_BYTES,
    TICKS,
)
from coco_core.languages.queries import Condition, LanguageQuery, load_query
from coco_core.languages.repairs import REPAIRS, error_weight
from coco_core.languages.syntax import Grammar, Match, Range, Syntax
from coco_core.languages.table import Parser

__all__ = ["GrammarSource", "NativeGrammar", "forget", "grammar_for", "register", "unregister"]

# Some grammars spend seconds between two questions (Scala on 40 KB of "a<b"): a second guard, in
# CPU time of this thread so that a busy machine does not change the chunks.
_CPU_SECONDS = 1.0
_CPU_SECONDS_PER_BYTE = 2e-6

# In languages.txt, where other languages have their grammar's module.
_COMPONENT = "component"

# Enough for the tokens a scanner goes back for.
_REREAD_BYTES = 16_384

GrammarSource: TypeAlias = Callable[[str], Grammar | None]

_sources: list[GrammarSource] = []
_grammars: dict[str, Grammar | None] = {}
_lock = threading.RLock()


def register(source: GrammarSource) -> None:
    """Ask this source too for languages without a native grammar."""
    with _lock:
        _sources.append(source)
        for name in [name for name, grammar in _grammars.items() if grammar is None]:
            del _grammars[name]


def unregister(source: GrammarSource) -> None:
    """Ask this source no more; grammars that it gave are forgotten."""
    with _lock:
        _sources.remove(source)
        forget(*[name for name, grammar in _grammars.items() if not _is_built_in(grammar)])


def forget(*names: str) -> None:
    """Ask the sources again for these languages: something was installed or removed."""
    with _lock:
        for name in names:
            if not _is_built_in(_grammars.get(name)):
                _grammars.pop(name, None)


def _is_built_in(grammar: Grammar | None) -> bool:
    return isinstance(grammar, NativeGrammar | ComponentGrammar)


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


def _load(name: str) -> Grammar | None:
    language = named_language(name)
    if language is not None and language.grammar == _COMPONENT:
        return ComponentGrammar(grammar_for)
    if language is not None and language.parser is Parser.NATIVE:
        return NativeGrammar(language.grammar, load_query(language.name))
    for source in _sources:
        grammar = source(name)
        if grammar is not None:
            return grammar
    return None


class NativeGrammar:
    """A grammar from an installed wheel; safe to share between threads."""

    def __init__(self, place: str, query: LanguageQuery) -> None:
        """Load ``module:function`` and compile the query for it."""
        module, _, function = place.partition(":")
        pointer = getattr(importlib.import_module(module), function)()
        self._language = tree_sitter.Language(pointer)
        self._query = tree_sitter.Query(self._language, query.text)
        self._conditions = query.conditions
        self._guard = GUARDS.get(module)
        self._repairs = REPAIRS.get(module, ())
        self._local = threading.local()

    def parse(self, source: bytes) -> Syntax | None:
        """Parse UTF-8 text; ``None`` when that is unsafe or takes too long."""
        tree = self.tree(source)
        return self.matches(source, self._repaired(source, tree)) if tree is not None else None

    def matches(self, source: bytes, tree: tree_sitter.Tree) -> Syntax:
        """Return what the language's query finds in a tree of its own."""
        # No progress callback here: py-tree-sitter 0.26.1 crashes in it (it keeps a pointer to
        # what was on the stack). The queries have no unbounded pattern: linear in the tree.
        cursor = tree_sitter.QueryCursor(self._query, match_limit=MATCH_LIMIT)
        return _syntax(source, tree, cursor.matches(tree.root_node), self._conditions)

    def tree(self, source: bytes) -> tree_sitter.Tree | None:
        """Return the tree of UTF-8 text as it is; ``None`` where that is unsafe or too slow."""
        if self._guard is not None and self._guard(source):
            return None
        # NUL means end of input to several scanners, which then start over at each one.
        tree = self._reader().parse(source.replace(b"\0", b" ") if b"\0" in source else source)
        if tree is None:
            return None
        root = tree.root_node
        if len(source) > SMALL_BYTES and root.has_error and has_wide_error(root):
            return None
        return tree

    def _reader(self) -> _Reader:
        reader: _Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = _Reader(self._language)
        return reader

    def _repaired(self, source: bytes, tree: tree_sitter.Tree) -> tree_sitter.Tree:
        """Return the tree without what is in the way of definitions, where that is a better one."""
        for repair in self._repairs:
            changed = repair(source, tree.root_node)
            again = self._reader().parse(changed) if changed is not None else None
            if changed is None or again is None:
                continue
            before, after = error_weight(tree.root_node), error_weight(again.root_node)
            # What was taken for a name need not have been an error.
            if after < before or after == before == 0:
                source, tree = changed, again
        return tree


class _Reader:
    """A parser with its input buffers, for one thread.

    Only the callback form of ``parse`` can be stopped. It never gives back its reference to what
    the callback returns (py-tree-sitter 0.26.1), so it always gets the same three objects.
    """

    __slots__ = ("_parser", "_rest", "_whole")

    def __init__(self, language: tree_sitter.Language) -> None:
        self._parser = tree_sitter.Parser(language)
        self._whole = bytearray()
        self._rest = bytearray()

    def parse(self, source: bytes) -> tree_sitter.Tree | None:
        whole, rest = self._whole, self._rest
        whole[:] = source
        size = len(source)

        def read(offset: int, _: object) -> bytes | bytearray:
            if offset == 0:
                return whole
            if offset >= size:
                return b""
            # A scanner that had looked at the end goes back for the last few tokens.
            rest[:] = source[offset : offset + _REREAD_BYTES]
            return rest

        try:
            return self._parser.parse(read, progress_callback=_Budget(size).tick)
        except ValueError:
            # The binding's way to say that the callback stopped it.
            self._parser.reset()
            return None
        finally:
            whole.clear()
            rest.clear()


class _Budget:
    """Counts what a parse may still take; the callback returns True to stop it."""

    __slots__ = ("_deadline", "_ticks")

    def __init__(self, size: int) -> None:
        self._ticks = TICKS + size // BYTES_PER_TICK
        self._deadline = time.thread_time() + _CPU_SECONDS + size * _CPU_SECONDS_PER_BYTE

    def tick(self, _offset: int, _has_error: bool) -> bool:
        self._ticks -= 1
        if self._ticks & 3:
            return self._ticks < 0
        return self._ticks < 0 or time.thread_time() > self._deadline


def _syntax(
    source: bytes,
    tree: tree_sitter.Tree,
    found: list[tuple[int, dict[str, list[tree_sitter.Node]]]],
    conditions: dict[int, tuple[Condition, ...]],
) -> Syntax:
    named: list[Match] = []
    plain: dict[str, list[Range]] = {}
    bodies: dict[Range, tree_sitter.Node] = {}
    root = tree.root_node
    for pattern, captures in found:
        if len(captures) == 1:
            ((kind, nodes),) = captures.items()
            place = nodes[0].byte_range
            plain.setdefault(kind, []).append(place)
            if kind in PARTED:
                # Of nested nodes with one range the innermost counts; it comes last.
                bodies[place] = nodes[0]
            continue
        wanted = conditions.get(pattern)
        if wanted is not None and not _holds(source, captures, wanted):
            continue
        name = scope = None
        for capture, nodes in captures.items():
            if capture == "name":
                name = nodes[0].byte_range
            elif capture == "scope":
                scope = nodes[0].byte_range
            elif capture[0] != "_":
                kind = capture
                place = nodes[0].byte_range
        if name is None:
            plain.setdefault(kind, []).append(place)
        else:
            named.append(Match(kind, *place, name, scope))

    def parts(start: int, end: int) -> list[Range]:
        return [child.byte_range for child in bodies.get((start, end), root).children]

    return Syntax(named, plain, parts)


def _holds(
    source: bytes, captures: dict[str, list[tree_sitter.Node]], wanted: tuple[Condition, ...]
) -> bool:
    for capture, words, positive in wanted:
        start, end = captures[capture][0].byte_range
        if (source[start:end] in words) is not positive:
            return False
    return True
