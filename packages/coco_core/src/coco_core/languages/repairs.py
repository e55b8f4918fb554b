"""Repairs of C and C++: what the preprocessor would have taken out is blanked before parsing.

Macros and conditional branches are no part of a grammar: `class EXPORT Gadget : public Widget {` is
read as a class named EXPORT and a function, and a parameter list with an `#ifdef` in it swallows
what follows. Blanks leave every offset as it is. Nothing is done where a file parses well, and a
repair that does not make it parse better is dropped.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import tree_sitter

from coco_core.languages.syntax import Range

__all__ = ["REPAIRS", "Repair", "error_weight", "without_names", "without_obstacles"]

Repair: TypeAlias = Callable[[bytes, tree_sitter.Node], bytes | None]
"""Makes a source of the same length that parses better; None where there is nothing to do."""

# Arguments, with one level of parentheses in them; bounded, since a line may be a megabyte long.
_ARGUMENTS = rb"\([^()\n]{0,200}(?:\([^()\n]{0,200}\)[^()\n]{0,200}){0,9}\)"

# A macro by the convention that all follow: capitals, and more than a type parameter has.
_MACRO = rb"[A-Z_][A-Z0-9_]{2,}\b(?:[ \t]*" + _ARGUMENTS + rb")?"

# Any word may be one between `class` and the name: the tree tells.
_NAME = rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*"
_CLASS_HEAD = re.compile(
    rb"\b(?:class|struct|union|enum(?:\s+(?:class|struct))?)\s+"
    rb"(?P<macros>(?:(?!(?:final|class|struct|union|enum)\b)"
    + _NAME
    + rb"(?:[ \t]*"
    + _ARGUMENTS
    + rb")?\s+){1,9})(?=(?!final\b)"
    + _NAME
    + rb"(?:::"
    + _NAME
    + rb")*\s*(?:<[^<>{};]{0,200}>\s*)?(?:final\b\s*)?(?:\{|:(?!:)))"
)

# Behind a member: `int size() const GUARDED_BY(mutex);`
_BEHIND = re.compile(
    rb"(?<=[\w)\]])[ \t]+(?P<macros>[A-Z_][A-Z0-9_]{2,}[ \t]*" + _ARGUMENTS + rb")(?=\s*[;{=])"
)

# A line, or the rest of one, that is a macro and nothing else, and not the head of a body, as
# `TEST(a, b)` with a bracket below.
_ALONE = re.compile(
    rb"(?:^|[{;}])[ \t]*(?P<macros>" + _MACRO + rb")(?=[ \t]*\}?[ \t\r]*$)(?!\s*\{)", re.MULTILINE
)

# Before the keyword: `EXPORT class Gadget {`
_BEFORE = re.compile(rb"(?P<macros>\b" + _MACRO + rb")(?=\s+(?:class|struct|union|enum)\b)")

# Qt's words for sections of a class.
_SECTION = re.compile(
    rb"^[ \t]*(?:(?P<macros>(?:signals|Q_SIGNALS)[ \t]*:)"
    rb"|(?:public|protected|private)[ \t]+(?P<slots>slots|Q_SLOTS)(?=[ \t]*:))",
    re.MULTILINE,
)

_DIRECTIVE = re.compile(
    rb"^[ \t]*#[ \t]*(?P<word>if|ifdef|ifndef|elif|elifdef|elifndef|else|endif)\b"
    rb"(?P<rest>(?:[^\\\n]|\\\r?\n|\\.)*)",
    re.MULTILINE,
)

_ANYTHING_BUT_LINE_ENDS = re.compile(rb"[^\n]")

# Types of a class's node; where a macro is taken for its name, it has no body.
_CLASSES = frozenset({"class_specifier", "struct_specifier", "union_specifier", "enum_specifier"})

# Where a class's name is a type and no definition: `struct POINT p{1, 2};`, `struct flags f : 3;`
_VARIABLES = frozenset({"declaration", "field_declaration", "parameter_declaration"})

# A file with so many nodes around errors is no C, or was not meant to be parsed.
_MOST_NODES = 20_000


class _Branch(NamedTuple):
    """One part of a conditional: its directive, and what stands under it."""

    directive: Range
    body: Range
    never: bool
    """`#if 0`"""


def without_names(source: bytes, root: tree_sitter.Node) -> bytes | None:
    """Blank macros that the parser took for the name of a class or of a member."""
    taken = [
        match.span("macros")
        for match in _CLASS_HEAD.finditer(source)
        if _is_taken_for_class(root, match.start("macros"))
    ]
    taken += [
        match.span("macros")
        for match in _BEHIND.finditer(source)
        if _is_taken_for_member(root, match.start("macros"))
    ]
    return _blanked(source, taken) if taken else None


def without_obstacles(source: bytes, root: tree_sitter.Node) -> bytes | None:
    """Blank macros and branches at which the parser gave up."""
    errors = _error_lines(source, root) if root.has_error else []
    if not errors:
        return None
    taken = [match.span("macros") for match in _ALONE.finditer(source)]
    taken += [
        match.span("macros" if match["macros"] else "slots") for match in _SECTION.finditer(source)
    ]
    taken += [
        match.span("macros") for match in _BEFORE.finditer(source) if _touches(match.span(), errors)
    ]
    for branches in _conditionals(source):
        if any(_touches(branch.directive, errors) for branch in branches):
            taken += _all_but_one(branches)
    return _blanked(source, taken) if taken else None


def error_weight(root: tree_sitter.Node) -> int:
    """Return how much of a tree is wrong: bytes of errors, and one for each missing token."""
    return sum(max(end - start, 1) for start, end in _errors(root))


def _errors(node: tree_sitter.Node) -> Iterator[Range]:
    pending = [node]
    for _ in range(_MOST_NODES):
        if not pending:
            return
        found = pending.pop()
        if found.is_error or found.is_missing:
            yield found.byte_range
        else:
            pending += [child for child in found.children if child.has_error or child.is_missing]


def _error_lines(source: bytes, root: tree_sitter.Node) -> list[Range]:
    """Return the lines of all errors with the line behind each, ascending and apart.

    On the line behind the parser has given up.
    """
    found: list[Range] = []
    for start, end in sorted(_errors(root)):
        first = source.rfind(b"\n", 0, start) + 1
        last = source.find(b"\n", source.find(b"\n", end) + 1)
        last = len(source) if last < 0 else last
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def _touches(place: Range, errors: list[Range]) -> bool:
    """Tell whether one of some ranges, ascending and apart, shares bytes with a place."""
    at = bisect_left(errors, (place[1], 0)) - 1
    return at >= 0 and errors[at][1] > place[0]


def _is_taken_for_class(root: tree_sitter.Node, at: int) -> bool:
    """Tell whether the parser took what stands here for a class's name, and lost its body."""
    node = root.descendant_for_byte_range(at, at + 1)
    while node is not None and node.type not in _CLASSES:
        if node.is_error:
            return True
        node = node.parent
    if node is None or node.child_by_field_name("body") is not None:
        return False
    above = node.parent
    return above is None or above.type not in _VARIABLES or above.has_error


def _is_taken_for_member(root: tree_sitter.Node, at: int) -> bool:
    """Tell whether the parser took what stands here for the name of a function in a class."""
    node = root.descendant_for_byte_range(at, at + 1)
    return (
        node is not None
        and node.type == "field_identifier"
        and node.parent is not None
        and node.parent.type == "function_declarator"
    )


def _conditionals(source: bytes) -> Iterator[list[_Branch]]:
    """Yield the branches of each conditional that ends, the inner ones first."""
    open_: list[list[tuple[Range, bytes, bytes]]] = []
    for match in _DIRECTIVE.finditer(source):
        word = match["word"]
        entry = (match.span(), word, match["rest"].strip())
        if word.startswith(b"if"):
            open_.append([entry])
        elif open_:
            open_[-1].append(entry)
            if word == b"endif":
                yield _branches(open_.pop())


def _branches(entries: list[tuple[Range, bytes, bytes]]) -> list[_Branch]:
    ends = [place[0] for place, _, _ in entries[1:]] + [entries[-1][0][1]]
    return [
        _Branch(place, (place[1], end), never=word == b"if" and rest == b"0")
        for (place, word, rest), end in zip(entries, ends, strict=True)
    ]


def _all_but_one(branches: list[_Branch]) -> list[Range]:
    """Return all directives, and the bodies of all branches but the first that may be compiled."""
    *choices, _ = branches
    kept = next((branch for branch in choices if not branch.never), None)
    return [
        *(branch.directive for branch in branches),
        *(branch.body for branch in choices if branch is not kept),
    ]


def _blanked(source: bytes, ranges: list[Range]) -> bytes:
    made = bytearray(source)
    for start, end in ranges:
        made[start:end] = _ANYTHING_BUT_LINE_ENDS.sub(b" ", source[start:end])
    return bytes(made)


_OF_C = (without_names, without_obstacles)

REPAIRS: Mapping[str, tuple[Repair, ...]] = {
    "tree_sitter_c": _OF_C,
    "tree_sitter_cpp": _OF_C,
    "tree_sitter_objc": _OF_C,
}
"""By the grammar's module, in order: what makes a better source of one that parsed badly."""
