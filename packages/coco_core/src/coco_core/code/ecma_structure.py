"""Structure of a JavaScript or TypeScript file: scopes, classes, definitions around a place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tree_sitter import Node

from coco_core.code.site import Kind, Site
from coco_core.code.unit import Enclosing, Unit

__all__ = [
    "DECLARED",
    "FUNCTIONS",
    "FUNCTION_VALUES",
    "MEMBERS",
    "PATTERNS",
    "EcmaStructure",
]

FUNCTIONS = frozenset(
    {
        "function_declaration",
        "generator_function_declaration",
        "function_expression",
        "generator_function",
        "arrow_function",
        "method_definition",
        "function_signature",
        "method_signature",
        "abstract_method_signature",
        "call_signature",
        "construct_signature",
        "function_type",
        "constructor_type",
    }
)
CLASSES = frozenset({"class_declaration", "class", "abstract_class_declaration"})
TYPES = frozenset({"interface_declaration", "type_alias_declaration", "enum_declaration"})
SCOPES = (
    FUNCTIONS
    | CLASSES
    | TYPES
    | {
        "program",
        "statement_block",
        "for_statement",
        "for_in_statement",
        "catch_clause",
        "switch_body",
        "mapped_type_clause",
        "conditional_type",
    }
)
BLOCKS = frozenset(
    {"program", "statement_block", "for_statement", "for_in_statement", "switch_body"}
)
PATTERNS = frozenset(
    {
        "object_pattern",
        "array_pattern",
        "rest_pattern",
        "pair_pattern",
        "assignment_pattern",
        "object_assignment_pattern",
    }
)
DECLARED = {
    "function_declaration": Kind.FUNCTION,
    "generator_function_declaration": Kind.FUNCTION,
    "function_signature": Kind.FUNCTION,
    "class_declaration": Kind.CLASS,
    "abstract_class_declaration": Kind.CLASS,
    "interface_declaration": Kind.CLASS,
    "type_alias_declaration": Kind.CLASS,
    "enum_declaration": Kind.CLASS,
    "internal_module": Kind.MODULE,
    "module": Kind.MODULE,
}
MEMBERS = {
    "method_definition": Kind.METHOD,
    "method_signature": Kind.METHOD,
    "abstract_method_signature": Kind.METHOD,
    "public_field_definition": Kind.FIELD,
    "field_definition": Kind.FIELD,
    "property_signature": Kind.FIELD,
    "enum_assignment": Kind.FIELD,
}
FUNCTION_VALUES = frozenset(
    {"arrow_function", "function_expression", "generator_function", "class"}
)


class EcmaStructure(Unit):
    """Where names count, and which definitions are around them."""

    def _block(self, node: Node) -> Node:
        """Return the block in which a declaration counts."""
        at = node.parent
        while at is not None and at.type not in BLOCKS:
            at = at.parent
        return at if at is not None else self.root

    def _function(self, node: Node) -> Node:
        """Return the function in which a ``var`` counts."""
        at = node.parent
        while at is not None and at.type not in FUNCTIONS:
            at = at.parent
        return at if at is not None else self.root

    def scopes(self, node: Node) -> Iterator[int]:
        """Yield the scopes around a node, the innermost first."""
        at: Node | None = node
        while at is not None:
            # The root of a file with errors is an error node.
            if at.type in SCOPES or at.parent is None:
                yield at.id
            at = at.parent

    def parents(self, node: Node) -> Iterator[Enclosing]:
        """Yield the named definitions around a node."""
        found: list[tuple[Node, Node, Kind]] = []
        at = node.parent
        while at is not None:
            named = self._named_definition(at)
            if named is not None:
                found.append((at, *named))
            at = at.parent
        names = [self.read(name) for _, name, _ in found]
        for number, (whole, name, kind) in enumerate(found):
            yield Enclosing(
                ".".join(reversed(names[number:])),
                kind,
                whole.start_point.row,
                whole.end_point.row,
                name.start_point.row,
                name,
            )

    def _named_definition(self, node: Node) -> tuple[Node, Kind] | None:
        kind = DECLARED.get(node.type) or MEMBERS.get(node.type)
        value = node.child_by_field_name("value")
        name = node.child_by_field_name("name") or node.child_by_field_name("property")
        if kind in (Kind.FIELD, None):
            if node.type == "pair":
                name = node.child_by_field_name("key")
            elif node.type == "assignment_expression":
                left = node.child_by_field_name("left")
                value = node.child_by_field_name("right")
                name = left.child_by_field_name("property") if left is not None else None
            elif node.type not in {
                "variable_declarator",
                "public_field_definition",
                "field_definition",
            }:
                return None
            if value is not None and value.type == "object":
                kind = Kind.VARIABLE
            elif value is None or value.type not in FUNCTION_VALUES:
                return None
            else:
                kind = Kind.CLASS if value.type == "class" else Kind.FUNCTION
        return (name, kind) if name is not None and kind is not None else None

    def space_of(self, node: Node) -> str:
        """Return the space of a name: types and values are apart."""
        if node.type in {"type_identifier", "nested_type_identifier"}:
            return "type"
        parent = node.parent
        passed = parent is not None and parent.type in {"export_specifier", "import_specifier"}
        return "" if passed else "value"

    def name_of(self, whole: Node) -> Node | None:
        """Return the name of a definition."""
        return whole.child_by_field_name("name") or whole.child_by_field_name("key")

    def is_property(self, site: Site) -> bool:
        """Whether a method is read like a field."""
        whole = site.whole
        return whole is not None and any(child.type == "get" for child in whole.children)

    def same_class(self, member_of: int, whole: Node) -> bool:
        """Whether a member belongs to the class."""
        if member_of == whole.id:
            return True
        value = whole.child_by_field_name("value")
        return value is not None and member_of == value.id

    def bases(self, whole: Node) -> Sequence[Node]:
        """Return what a class inherits from."""
        if whole.type == "variable_declarator":
            whole = whole.child_by_field_name("value") or whole
        found: list[Node] = []
        for child in whole.children:
            if child.type not in {"class_heritage", "extends_type_clause", "extends_clause"}:
                continue
            for each in child.named_children:
                if each.type == "extends_clause":
                    found += [part for part in each.named_children if part.type != "type_arguments"]
                elif each.type == "implements_clause":
                    found += each.named_children
                else:
                    found.append(each)
        return found

    def owner_of_object(self, body: Node) -> Node | None:
        """Return what holds an object: a variable, a key, or what is exported."""
        holder = body.parent
        while holder is not None and holder.type in {
            "as_expression",
            "satisfies_expression",
            "parenthesized_expression",
        }:
            holder = holder.parent
        if holder is None:
            return None
        if holder.type == "variable_declarator" or holder.type in {
            "public_field_definition",
            "field_definition",
        }:
            return holder
        if holder.type == "pair":
            outer = holder.parent
            return holder if outer is not None and self.owner_of_object(outer) else None
        if holder.type == "assignment_expression":
            left = holder.child_by_field_name("left")
            if left is not None and self.read(left) == "module.exports":
                return self.root
        if holder.type == "export_statement":
            return self.root
        return None

    def owner(self, base: Node, *, is_function: bool) -> Node | None:
        """Return what ``base.x = …`` defines a member of; None when that only sets one."""
        text = self.read(base)
        if text in {"exports", "module.exports"}:
            return self.root
        if base.type == "this":
            return self.expression(base).of
        if text.endswith(".prototype"):
            inner = base.child_by_field_name("object")
            return self._declaration(inner) if inner is not None else None
        if is_function and base.type == "identifier":
            return self._declaration(base)
        return None

    def _declaration(self, node: Node) -> Node | None:
        if node.type != "identifier":
            return None
        bindings = [site for site in self.sites(self.read(node)) if site.binds is not None]
        for scope in self.scopes(node):
            for site in bindings:
                if site.binds == scope:
                    return site.whole
        return None
