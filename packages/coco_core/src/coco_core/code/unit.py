"""Unit: one parsed file, asked for the sites of a name and for the meaning of expressions."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from tree_sitter import Node, Tree

from coco_core.code.site import Kind, Origin, Site
from coco_core.decoding import SourceText

__all__ = ["Enclosing", "Expression", "Form", "Unit", "children_of", "is_field"]

# A name more often in one file than this is generated data; the first ones answer.
_MOST_SITES = 5_000


class Form(StrEnum):
    """What an expression is, as far as names are concerned."""

    NAME = "name"
    MEMBER = "member"
    CALL = "call"
    NEW = "new"
    THIS = "this"
    CLASS_ITSELF = "class"
    """`cls`, or `this` in what is static."""
    SUPER = "super"
    LITERAL = "literal"
    FUNCTION = "function"
    """An anonymous function or class."""
    TYPED = "typed"
    """Has the type that is written."""
    SAME = "same"
    """Has the type of another expression: parentheses, `await`, a cast."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression reduced to what the resolver follows."""

    form: Form
    name: str = ""
    of: Node | None = None
    """The object, the callee, the class around `this`, or the expression of the same type."""


@dataclass(frozen=True, slots=True)
class Enclosing:
    """The innermost definition around a place; lines are 0-based."""

    symbol: str
    kind: Kind
    start_line: int
    end_line: int
    name_line: int
    name: Node


class Unit(ABC):
    """A parsed file of one language family; what it remembers belongs to its content."""

    identifiers: frozenset[str]
    """Types of the leaves that are names."""
    keys_are_members = False
    """Whether a key of an object can be a member of a type that is not known here."""

    def __init__(self, path: str, language: str, source: SourceText, tree: Tree) -> None:
        self.path = path
        self.language = language
        self.source = source
        self.text = source.utf8
        self.root = tree.root_node
        self._tree = tree
        self._sites: dict[str, tuple[Site, ...]] = {}

    def sites(self, name: str) -> tuple[Site, ...]:
        """Return every identifier of that name, in order; strings and comments have none."""
        known = self._sites.get(name)
        if known is None:
            known = self._sites[name] = tuple(self._find(name))
        return known

    def _find(self, name: str) -> Iterator[Site]:
        wanted = name.encode("utf-8", "surrogatepass")
        if not wanted:
            return
        # A byte above 127 is part of a letter.
        word = re.compile(rb"(?<![\w\x80-\xff])" + re.escape(wanted) + rb"(?![\w\x80-\xff])")
        for number, found in enumerate(word.finditer(self.text)):
            if number >= _MOST_SITES:
                return
            node = self.root.descendant_for_byte_range(found.start(), found.end())
            if node is None or node.type not in self.identifiers:
                continue
            if node.byte_range != found.span():
                continue
            site = self.site(node, name)
            if site is not None:
                yield site

    def defined(self, name: str) -> list[Site]:
        """Return the sites that bind the name or define a member of that name."""
        return [site for site in self.sites(name) if site.kind is not None and site.origin is None]

    @abstractmethod
    def site(self, node: Node, name: str) -> Site | None:
        """Judge one identifier; None when it is none."""

    @abstractmethod
    def scopes(self, node: Node) -> Iterator[int]:
        """Yield the ids of the scopes in which a name at ``node`` is looked up, innermost first."""

    @abstractmethod
    def expression(self, node: Node) -> Expression:
        """Reduce an expression or a type to what the resolver follows."""

    @abstractmethod
    def bases(self, whole: Node) -> Sequence[Node]:
        """Return the expressions of what a class inherits from."""

    @abstractmethod
    def parents(self, node: Node) -> Iterator[Enclosing]:
        """Yield the definitions around ``node``, the innermost first."""

    def exports(self, name: str) -> Sequence[Origin]:
        """Return where a name that this file only passes on comes from."""
        del name
        return ()

    def exported_as(self, name: str) -> str:
        """Return the name inside of this file of what it offers as ``name``; empty if none."""
        return name

    def anonymous(self, name: str) -> Site | None:
        """Return what is offered as ``name`` and has no name inside of this file."""
        del name
        return None

    def same_class(self, member_of: int, whole: Node) -> bool:
        """Whether a member belongs to the class ``whole``, in any of its parts."""
        return member_of == whole.id

    def renamed(self, site: Site) -> Sequence[tuple[str, bool]]:
        """Return the other names that an import or export gives it, and if other files see them."""
        del site
        return ()

    def may_be_module(self, base: Node) -> bool:
        """Whether what stands before a dot can be a module that is not known."""
        return self.expression(base).form in {Form.NAME, Form.MEMBER}

    def name_of(self, whole: Node) -> Node | None:
        """Return the name of a definition."""
        return whole.child_by_field_name("name")

    def is_property(self, site: Site) -> bool:
        """Whether a method is read like a field."""
        del site
        return False

    def quoted_type(self, annotation: Node) -> str | None:
        """Return the name in a type that is written as a string."""
        del annotation
        return None

    def import_named(self, name: str) -> Origin | None:
        """Return what a name is by an import that does not spell it as one identifier."""
        del name
        return None

    def space_of(self, node: Node) -> str:
        """Return in which space of names an identifier is looked up; empty for either."""
        del node
        return ""

    def classes_around(self, node: Node) -> Iterator[Node]:
        """Yield the classes whose members are seen at a place without ``this``."""
        del node
        return iter(())

    @property
    def members_are_bare(self) -> bool:
        """Whether a bare name may be a member of the class around it."""
        return False

    @property
    def names_are_global(self) -> bool:
        """Whether a bare name without a binding may be defined in any other file."""
        return False

    def wildcards(self) -> Sequence[str]:
        """Return the modules of which every name is taken over."""
        return ()

    def origins(self) -> Sequence[tuple[Node, Origin]]:
        """Return the imports of this file whose local name is free to choose."""
        return ()

    @property
    def module_scope(self) -> int:
        """Id of the scope of the whole file."""
        return self.root.id

    def symbol_of(self, site: Site) -> str:
        """Return the dotted path of what a site defines."""
        parts = [site.name]
        around = site.whole if site.whole is not None else site.node
        for parent in self.parents(around):
            # `self.x` is set in a method, and is a member of the class.
            if site.member_of is None or parent.kind not in (Kind.METHOD, Kind.FUNCTION):
                parts.append(parent.symbol)
                break
        return ".".join(reversed(parts))

    @cached_property
    def _starts(self) -> list[int]:
        ends = [found.end() for found in re.finditer(rb"\n", self.text)]
        return [0, *ends, len(self.text) + 1]

    def read(self, node: Node) -> str:
        """Return the text of a node.

        `Node.text` would ask the parser's reader, which has let go of the text (py-tree-sitter
        0.26.1 then crashes).
        """
        return self.text[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def offset(self, number: int) -> int:
        """Return where a line begins; 0-based."""
        return self._starts[number]

    def line(self, number: int) -> str:
        """Return a line of the text without its end; 0-based."""
        raw = self.text[self._starts[number] : self._starts[number + 1] - 1]
        return raw.decode("utf-8", "replace").rstrip("\r")


def is_field(parent: Node | None, field: str, child: Node) -> bool:
    """Whether ``child`` is that field of ``parent``."""
    return parent is not None and parent.child_by_field_name(field) == child


def children_of(node: Node, *types: str) -> list[Node]:
    """Return the children of these types."""
    return [child for child in node.named_children if child.type in types]
