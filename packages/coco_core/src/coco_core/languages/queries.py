"""Loader of tree-sitter queries (``queries/<language>.scm``); splits off text predicates.

tree-sitter leaves conditions on text (``#eq?``, ``#any-of?``) to the host. They are evaluated here
and not in a binding, so that native and WebAssembly grammars mean the same by one query.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple

__all__ = ["Condition", "LanguageQuery", "load_query", "parse_query", "patterns", "query_text"]

_INHERITS = "; inherits: "

# Comments and strings go first, so that a bracket inside them counts for nothing.
_TOKEN = re.compile(
    r";[^\n]*|\"(?:[^\"\\]|\\.)*\"|(?P<condition>\(#(?P<name>[\w-]+)\?\s+@(?P<capture>\w+)(?P<words>[^()]*)\))"
    r"|(?P<open>[(\[])|(?P<close>[)\]])"
)
_WORD = re.compile(r"\"([^\"]*)\"")

_TAIL = re.compile(r"(?:\s*@[\w.-]+)+")

_POSITIVE = {"eq": True, "any-of": True, "not-eq": False, "not-any-of": False}


class Condition(NamedTuple):
    """A capture's text must be (or must not be) one of these words."""

    capture: str
    words: frozenset[bytes]
    positive: bool


@dataclass(frozen=True, slots=True)
class LanguageQuery:
    """A query that any tree-sitter compiles, and what the host must still check."""

    text: str
    conditions: dict[int, tuple[Condition, ...]]
    """By the number of the pattern."""


def load_query(name: str) -> LanguageQuery:
    """Read a language's query; empty if there is none."""
    return parse_query(query_text(name))


def query_text(name: str) -> str:
    """Read a query file; a first line ``; inherits: c`` puts another one in front."""
    path = resources.files("coco_core.languages") / "queries" / f"{name}.scm"
    if not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8")
    first = text.partition("\n")[0]
    if first.startswith(_INHERITS):
        return query_text(first.removeprefix(_INHERITS).strip()) + "\n" + text
    return text


def parse_query(text: str) -> LanguageQuery:
    """Take the conditions out of a query's text."""
    conditions: dict[int, tuple[Condition, ...]] = {}
    kept: list[str] = []
    done = depth = 0
    pattern = -1
    for token in _TOKEN.finditer(text):
        if token["open"]:
            pattern += depth == 0
            depth += 1
        elif token["close"]:
            depth -= 1
        elif token["condition"]:
            words = frozenset(word.encode() for word in _WORD.findall(token["words"]))
            condition = Condition(token["capture"], words, _POSITIVE[token["name"]])
            conditions[pattern] = (*conditions.get(pattern, ()), condition)
            kept.append(text[done : token.start()])
            done = token.end()
    kept.append(text[done:])
    return LanguageQuery("".join(kept), conditions)


def patterns(text: str) -> list[str]:
    """Split a query into its patterns, each with its captures and conditions."""
    found: list[str] = []
    depth = start = 0
    for token in _TOKEN.finditer(text):
        if token["open"]:
            if depth == 0:
                start = token.start()
            depth += 1
        elif token["close"]:
            depth -= 1
            if depth == 0:
                # A pattern's capture stands behind it.
                tail = _TAIL.match(text, token.end())
                found.append(text[start : tail.end() if tail else token.end()])
    return found
