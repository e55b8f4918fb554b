"""Structure of a Python file: scopes, classes, and the definitions around a place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tree_sitter import Node

from coco_core.code.site import Kind, Role, Site
from coco_core.code.unit import Enclosing, Unit, children_of, is_field

__all__ = ["COMPREHENSIONS", "PythonStructure"]

COMPREHENSIONS = frozenset(
    {
        "list_comprehension",
        "set_comprehension",
        "dictionary_comprehension",
        "generator_expression",
    }
)
_STAR = re.compile(rb"import[ \t]*\*")


class PythonStructure(Unit):
    """Where names count, and which definitions are around them."""

    def scope_of(self, node: Node) -> Node:
        """Return the scope that holds ``node``; a definition is held by the one around it."""
        child, parent = node, node.parent
        while parent is not None:
            if parent.type in {"function_definition", "class_definition", "lambda"}:
                if is_field(parent, "body", child):
                    return parent
            elif parent.type in COMPREHENSIONS:
                return parent
            child, parent = parent, parent.parent
        return self.root

    def declared_scope(self, name: str, scope: Node) -> int:
        """Return the scope that ``global`` and ``nonlocal`` make of it."""
        declares = b"global" in self.text or b"nonlocal" in self.text
        if scope.type != "function_definition" or not declares:
            return scope.id
        body = scope.child_by_field_name("body")
        for statement in body.named_children if body is not None else ():
            if statement.type in {"global_statement", "nonlocal_statement"} and any(
                self.read(each) == name for each in statement.named_children
            ):
                if statement.type == "global_statement":
                    return self.root.id
                return self.declared_scope(name, self.scope_of(scope))
        return scope.id

    def scopes(self, node: Node) -> Iterator[int]:
        """Yield the scopes around a node, the innermost first."""
        scope = self.scope_of(node)
        innermost = True
        name = self.read(node)
        while True:
            if scope.type == "function_definition":
                declared = self.declared_scope(name, scope)
                if declared != scope.id:
                    yield declared
            # Names of a class are not seen from its methods.
            if scope.type != "class_definition" or innermost:
                yield scope.id
            if scope == self.root:
                return
            innermost = innermost and scope.type in COMPREHENSIONS
            scope = self.scope_of(scope)

    def parents(self, node: Node) -> Iterator[Enclosing]:
        """Yield the named definitions around a node."""
        found: list[Node] = []
        at = node.parent
        while at is not None:
            if at.type in {"function_definition", "class_definition"}:
                found.append(at)
            at = at.parent
        names = [each.child_by_field_name("name") for each in found]
        for number, (whole, name) in enumerate(zip(found, names, strict=True)):
            if name is None:
                continue
            above = [self.read(each) for each in reversed(names[number:]) if each is not None]
            outer = found[number + 1] if number + 1 < len(found) else None
            kind = Kind.CLASS if whole.type == "class_definition" else Kind.FUNCTION
            if kind is Kind.FUNCTION and outer is not None and outer.type == "class_definition":
                kind = Kind.METHOD
            start = whole
            if whole.parent is not None and whole.parent.type == "decorated_definition":
                start = whole.parent
            yield Enclosing(
                ".".join(above),
                kind,
                start.start_point.row,
                whole.end_point.row,
                name.start_point.row,
                name,
            )

    def class_around(self, node: Node) -> Node | None:
        """Return the class around a place."""
        scope = self.scope_of(node)
        while scope != self.root:
            if scope.type == "class_definition":
                return scope
            scope = self.scope_of(scope)
        return None

    def bases(self, whole: Node) -> Sequence[Node]:
        """Return what a class inherits from."""
        listed = whole.child_by_field_name("superclasses")
        if listed is None:
            return ()
        return [
            each.named_children[0] if each.type == "subscript" else each
            for each in listed.named_children
            if each.type in {"identifier", "attribute", "subscript", "call"}
        ]

    def wildcards(self) -> Sequence[str]:
        """Return the modules of which every name is imported."""
        found: list[str] = []
        for match in _STAR.finditer(self.text):
            node = self.root.descendant_for_byte_range(match.end() - 1, match.end())
            while node is not None and node.type != "import_from_statement":
                node = node.parent
            module = node.child_by_field_name("module_name") if node is not None else None
            if module is not None:
                found.append(self.read(module))
        return found

    def is_property(self, site: Site) -> bool:
        """Whether a method is read like a field."""
        return site.whole is not None and any(
            mark.rpartition(".")[2] in {"property", "cached_property", "setter"}
            for mark in self.decorators_of(site.whole)
        )

    def renamed(self, site: Site) -> Sequence[tuple[str, bool]]:
        """Return the aliases of an import or an export."""
        entry = site.node.parent
        if site.role is not Role.IMPORT or entry is None:
            return ()
        if entry.type == "dotted_name":
            entry = entry.parent
        alias = entry.child_by_field_name("alias") if entry is not None else None
        if alias is None or alias == site.node:
            return ()
        return ((self.read(alias), self.scope_of(alias) == self.root),)

    def quoted_type(self, annotation: Node) -> str | None:
        """Return the name in a quoted type."""
        inner = annotation.named_children[0] if annotation.type == "type" else annotation
        if inner.type != "string":
            return None
        text = self.read(inner).strip("\"'")
        return text if text.isidentifier() else None

    def parameters_of(self, function: Node) -> list[str]:
        """Return the names of a function's parameters."""
        listed = function.child_by_field_name("parameters")
        if listed is None:
            return []
        names: list[str] = []
        for each in listed.named_children:
            node = each
            while node.type != "identifier":
                inner = node.child_by_field_name("name") or (
                    node.named_children[0] if node.named_children else None
                )
                if inner is None:
                    break
                node = inner
            names.append(self.read(node))
        return names

    def first_parameter(self, function: Node) -> str:
        """Return the first parameter's name, or nothing."""
        names = self.parameters_of(function)
        return names[0] if names else ""

    def name_text(self, whole: Node) -> str:
        """Return the name of a definition as a text."""
        name = whole.child_by_field_name("name")
        return self.read(name) if name is not None else ""

    def decorators_of(self, function: Node) -> list[str]:
        """Return the decorators of a function, without the at sign."""
        holder = function.parent
        if holder is None or holder.type != "decorated_definition":
            return []
        return [self.read(each).lstrip("@").strip() for each in children_of(holder, "decorator")]
