"""Structure of a file of a language with rules: the definitions of its outline, and scopes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple
from zlib import crc32

from tree_sitter import Node, Tree

from coco_core.code.rules import RULES, Rules
from coco_core.code.site import Kind, Site
from coco_core.code.unit import Enclosing, Unit
from coco_core.decoding import SourceText
from coco_core.languages.grammars import NativeGrammar, grammar_for

__all__ = ["RuledStructure", "owner_id"]

_KINDS = {
    "function": Kind.FUNCTION,
    "macro": Kind.FUNCTION,
    "prototype": Kind.FUNCTION,
    "clause": Kind.FUNCTION,
    "inner": Kind.FUNCTION,
    "method": Kind.METHOD,
    "constant": Kind.VARIABLE,
    "field": Kind.FIELD,
    "property": Kind.FIELD,
    "module": Kind.MODULE,
}


# Languages in which `run()` in a class may be `this.run()`.
_BARE = frozenset({"java", "csharp", "cpp", "kotlin", "scala", "swift", "ruby"})


class _Definition(NamedTuple):
    start: int
    end: int
    name: tuple[int, int]
    kind: Kind | None
    """None for what only holds others, such as ``impl``."""
    symbol: str
    parent: int


class RuledStructure(Unit):
    """Where names count, and which definitions are around them."""

    def __init__(self, path: str, language: str, source: SourceText, tree: Tree) -> None:
        super().__init__(path, language, source, tree)
        self.rules: Rules = RULES[language]
        self.identifiers = self.rules.identifiers

    @cached_property
    def definitions(self) -> list[_Definition]:
        """The definitions of the outline, outer ones before those inside."""
        grammar = grammar_for(self.language)
        if not isinstance(grammar, NativeGrammar):
            return []
        found: list[_Definition] = []
        open_: list[int] = []
        matches = grammar.matches(self.text, self._tree).named
        ordered = sorted(matches, key=lambda match: (match.start, -match.end))
        taken: set[tuple[int, int]] = set()
        for match in ordered:
            if match.name in taken:
                continue
            taken.add(match.name)
            while open_ and found[open_[-1]].end <= match.start:
                open_.pop()
            parent = open_[-1] if open_ else -1
            raw = match.kind.rpartition(".")[2]
            kind = None if not match.kind.startswith("definition") else _KINDS.get(raw, Kind.CLASS)
            name = self._text(match.name)
            above = found[parent].symbol if parent >= 0 else ""
            if match.scope is not None:
                above = self._text(match.scope)
            symbol = f"{above}.{name}" if above else name
            found.append(_Definition(match.start, match.end, match.name, kind, symbol, parent))
            open_.append(len(found) - 1)
        return found

    @cached_property
    def by_name(self) -> dict[int, int]:
        """The number of each definition by the first byte of its name."""
        return {each.name[0]: number for number, each in enumerate(self.definitions)}

    def _text(self, where: tuple[int, int]) -> str:
        raw = self.text[where[0] : where[1]].decode("utf-8", "replace")
        return raw.partition("<")[0].strip().replace("::", ".")

    def around(self, node: Node) -> Iterator[_Definition]:
        """Yield the definitions that hold a node, the innermost first."""
        starts = self._starts_of_definitions
        number = bisect_right(starts, node.start_byte) - 1
        while number >= 0:
            definition = self.definitions[number]
            if definition.end >= node.end_byte and definition.name != node.byte_range:
                yield definition
                number = definition.parent
            elif definition.end >= node.end_byte:
                number = definition.parent
            else:
                number -= 1 if definition.parent < 0 else number - definition.parent

    @cached_property
    def _starts_of_definitions(self) -> list[int]:
        return [each.start for each in self.definitions]

    def parents(self, node: Node) -> Iterator[Enclosing]:
        """Yield the named definitions around a node."""
        for each in self.around(node):
            if each.kind in (None, Kind.VARIABLE, Kind.FIELD):
                continue
            name = self.root.descendant_for_byte_range(*each.name)
            whole = self.root.descendant_for_byte_range(each.start, each.end)
            if name is None or whole is None:
                continue
            kind = each.kind if each.kind is not None else Kind.CLASS
            if kind is Kind.FUNCTION and "." in each.symbol:
                kind = Kind.METHOD
            yield Enclosing(
                each.symbol, kind, whole.start_point.row, whole.end_point.row,
                name.start_point.row, name,
            )  # fmt: skip

    def scopes(self, node: Node) -> Iterator[int]:
        """Yield the scopes around a node, the innermost first."""
        at: Node | None = node
        while at is not None:
            if at.type in self.rules.scopes:
                yield at.id
            at = at.parent
        yield self.root.id

    def class_around(self, node: Node) -> Node | None:
        """Return the name of the class, or of the type that an ``impl`` is for."""
        for each in self.around(node):
            if each.kind in (None, Kind.CLASS):
                return self.root.descendant_for_byte_range(*each.name)
        return None

    def symbol_of(self, site: Site) -> str:
        """Return the dotted path of a definition."""
        number = self.by_name.get(site.start)
        if number is not None:
            return self.definitions[number].symbol
        return super().symbol_of(site)

    def classes_around(self, node: Node) -> Iterator[Node]:
        """Yield the names of the classes around a place, the innermost first."""
        for each in self.around(node) if self.members_are_bare else ():
            name = self.root.descendant_for_byte_range(*each.name)
            if each.kind in (None, Kind.CLASS) and name is not None:
                yield name

    @property
    def members_are_bare(self) -> bool:
        """Whether a method is called without naming its object."""
        return self.language in _BARE

    def name_of(self, whole: Node) -> Node | None:
        """Return the name of a definition."""
        return whole if whole.type in self.identifiers else whole.child_by_field_name("name")

    def same_class(self, member_of: int, whole: Node) -> bool:
        """Whether a member belongs to the class."""
        name = self.name_of(whole)
        return name is not None and member_of == owner_id(self.read(name))

    def bases(self, whole: Node) -> Sequence[Node]:
        """Return what a class inherits from."""
        found: list[Node] = []
        for child in whole.children:
            if child.type in self.rules.bases:
                for each in child.named_children:
                    found += each.named_children if each.type == "type_list" else [each]
        return found


def owner_id(name: str) -> int:
    """Return the id of a class by its name: its parts may lie in several files."""
    return -1 - crc32(name.encode("utf-8", "surrogatepass"))
