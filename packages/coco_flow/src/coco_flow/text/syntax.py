"""Syntax trees of source text, from the grammar wheels that are installed."""

from __future__ import annotations

import ctypes
import importlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import TypeAlias

import tree_sitter

from coco_core.languages.guards import GUARDS
from coco_flow.text.languages import Language
from coco_flow.text.shortening import shorten_markdown

__all__ = ["Syntax", "parse"]

_log = logging.getLogger(__name__)

# Nodes whose inside is text to the splitter.
_CLOSED = {"markdown": ("inline", "indented_code_block", "fenced_code_block")}

# Nodes that CocoIndex's version of the grammar does not have: their children replace them.
_SKIPPED = {"go": ("statement_list",)}

Children: TypeAlias = Callable[[tree_sitter.Node], Sequence[tree_sitter.Node]]

_plain_children: Children = attrgetter("children")

_local = threading.local()


@dataclass(frozen=True, slots=True)
class Syntax:
    """A syntax tree and how to read it.

    Attributes:
        root: the tree's root.
        closed: kinds of nodes that are not opened.
        children: gives a node's children.
        place: gives the offset in the text for an offset in the tree.
    """

    root: tree_sitter.Node
    closed: frozenset[int]
    children: Children = _plain_children
    place: Callable[[int], int] = int


@dataclass(frozen=True, slots=True)
class _Grammar:
    language: tree_sitter.Language
    closed: frozenset[int]
    children: Children


def parse(data: bytes, language: Language) -> Syntax | None:
    """Parse UTF-8 text; None if the language has no grammar here or the text is unsafe for it."""
    grammar = _grammar(language)
    guard = GUARDS.get(language.grammar.partition(":")[0])
    if grammar is None or (guard is not None and guard(data)):
        return None
    if b"\0" in data:
        # Some grammars take NUL for the end of the text and start over at each one.
        data = data.replace(b"\0", b"\1")
    if language.name == "markdown":
        short, place = shorten_markdown(data)
        root = _parse(language.name, grammar, short)
        if not root.has_error:
            return Syntax(root, grammar.closed, grammar.children, place)
    return Syntax(_parse(language.name, grammar, data), grammar.closed, grammar.children)


def _parse(name: str, grammar: _Grammar, data: bytes) -> tree_sitter.Node:
    # A parser serves one thread.
    parsers: dict[str, tree_sitter.Parser] = _local.__dict__
    parser = parsers.get(name)
    if parser is None:
        parser = parsers[name] = tree_sitter.Parser(grammar.language)
    return parser.parse(data).root_node


@cache
def _grammar(language: Language) -> _Grammar | None:
    module_name, _, function = language.grammar.partition(":")
    if not module_name:
        return None
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError:
        _log.warning(
            "No grammar for %s: the package %s is not installed, so such text is split at empty "
            "lines, lines, sentences and words. Run: pip install 'coco-flow[code]'",
            language.name,
            module_name.partition(".")[0].replace("_", "-"),
        )
        return None
    pointer = getattr(module, function)()
    if isinstance(pointer, int):
        # Some wheels still give an address where the binding wants a capsule.
        pointer = _capsule(pointer)
    grammar = tree_sitter.Language(pointer)
    closed, skipped = (
        _kinds(grammar, names.get(language.name, ())) for names in (_CLOSED, _SKIPPED)
    )
    return _Grammar(grammar, closed, _children_without(skipped) if skipped else _plain_children)


def _kinds(grammar: tree_sitter.Language, names: tuple[str, ...]) -> frozenset[int]:
    found = (grammar.id_for_node_kind(name, True) for name in names)
    return frozenset(kind for kind in found if kind is not None)


def _children_without(skipped: frozenset[int]) -> Children:
    def children(node: tree_sitter.Node) -> list[tree_sitter.Node]:
        found: list[tree_sitter.Node] = []
        for child in node.children:
            if child.kind_id in skipped:
                found += children(child)
            else:
                found.append(child)
        return found

    return children


def _capsule(address: int) -> object:
    new = ctypes.pythonapi.PyCapsule_New
    new.restype = ctypes.py_object
    new.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    return new(address, b"tree_sitter.Language", None)
