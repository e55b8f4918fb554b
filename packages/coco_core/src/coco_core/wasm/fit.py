"""Query fitting: adapts a built-in query to a grammar, or derives one from its node names.

A grammar that comes later than CoCo may have renamed a node, or be of a language without a query
here. Grammars name their nodes alike (``function_definition``, ``class_body``, ``comment``), and
tree-sitter refuses patterns that the grammar cannot produce, so that guesses can be checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from coco_core.languages.queries import parse_query, patterns

__all__ = ["derived_query", "fitted_query"]

Fits = Callable[[str], bool]
"""Whether tree-sitter takes a query for the grammar."""

# The last word of what defines something.
_DEFINES = frozenset({
    "definition", "declaration", "declarator", "item", "statement", "def", "decl", "spec",
    "specifier", "block", "expression", "binding", "clause",
})  # fmt: skip

# A word of the node's name, and the kind of what it defines.
_KINDS = {
    "function": "function", "func": "function", "fun": "function", "fn": "function",
    "procedure": "function", "proc": "function", "subroutine": "function", "sub": "function",
    "defun": "function", "def": "function", "macro": "macro", "predicate": "function",
    "method": "method", "constructor": "method", "modifier": "function",
    "class": "class", "struct": "struct", "structure": "struct", "record": "struct",
    "enum": "enum", "enumeration": "enum", "union": "struct", "interface": "interface",
    "protocol": "interface", "trait": "trait", "mixin": "class", "contract": "class",
    "library": "class", "object": "class", "type": "type", "alias": "type", "data": "type",
    "module": "module", "namespace": "module", "package": "module", "program": "module",
    "message": "class", "service": "class", "resource": "config", "rule": "rule",
    "event": "type", "task": "function", "operator": "function", "theorem": "function",
    "lemma": "function", "entity": "class", "component": "class", "signal": "field",
}  # fmt: skip

# Kinds that name a definition by themselves; a lone `record` or `entity` is mostly an expression.
_ALONE = frozenset({
    "function", "method", "class", "module", "struct", "enum", "interface", "trait", "macro",
    "contract", "service", "message", "namespace", "procedure",
})  # fmt: skip

# Where the name stands, the surest place first.
_NAMED = (
    "({node} name: (_) @name)",
    "({node} (name) @name)",
    "({node} . (identifier) @name)",
    "({node} (identifier) @name)",
    "({node} . ({word}) @name)",
    "({node} declarator: (_) @name)",
    "({node} left: (_) @name)",
)
_WORDS = re.compile(r"(?:^|_)(?:identifier|name|symbol|word|atom|ident)$")

_BODY = re.compile(
    r"(?:^|_)(?:body|block|suite|statements|statement_list|declaration_list|compound_statement|"
    r"members|member_list|class_members)$"
)
_LEAD = re.compile(
    r"(?:^|_)comments?$|^(?:annotation|decorator|attribute_item|attribute_list|pragma|docstring)$"
)


def fitted_query(text: str, fits: Fits) -> str | None:
    """Return the patterns of a query that a grammar can produce; None when no definition is left.

    Args:
        text: a query as in ``languages/queries``.
        fits: asks the grammar.
    """
    if _tried(text, fits):
        return text
    kept = [pattern for pattern in patterns(text) if _tried(pattern, fits)]
    return "\n".join(kept) + "\n" if any("@name" in pattern for pattern in kept) else None


def derived_query(node_types: Sequence[str], fits: Fits) -> str:
    """Make a query from the names of a grammar's nodes; it may be empty.

    Args:
        node_types: the named nodes.
        fits: asks the grammar.
    """
    words = [each for each in node_types if _WORDS.search(each)]
    found: list[str] = []
    for node in node_types:
        kind = _kind_of(node)
        if kind is None or node in words:
            continue
        guesses = [
            guess.format(node=node, word=word)
            for guess in _NAMED
            for word in (words if "{word}" in guess else [""])
        ]
        pattern = next((guess for guess in guesses if _tried(guess, fits)), None)
        if pattern is not None:
            found.append(f"{pattern} @definition.{kind}")
    found += [f"({node}) @body" for node in node_types if _BODY.search(node)]
    found += [f"({node}) @lead" for node in node_types if _LEAD.search(node)]
    return "".join(f"{pattern}\n" for pattern in found)


def _kind_of(node: str) -> str | None:
    parts = node.strip("_").split("_")
    if parts[-1] not in (_DEFINES if len(parts) > 1 else _ALONE):
        return None
    kinds = [_KINDS[part] for part in parts if part in _KINDS]
    return kinds[-1] if kinds else None


def _tried(text: str, fits: Fits) -> bool:
    return fits(parse_query(text).text)
