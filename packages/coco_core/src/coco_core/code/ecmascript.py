"""JavaScript and TypeScript: which identifiers bind, import, export and use names."""

from __future__ import annotations

from tree_sitter import Node

from coco_core.code.ecma_bindings import EcmaBindings
from coco_core.code.ecma_expressions import expression_of
from coco_core.code.ecma_structure import DECLARED, FUNCTION_VALUES, MEMBERS
from coco_core.code.site import Kind, Role, Site
from coco_core.code.unit import Expression, is_field

__all__ = ["EcmaUnit"]

_SPACES = {
    "interface_declaration": "type",
    "type_alias_declaration": "type",
    "function_declaration": "value",
    "generator_function_declaration": "value",
    "function_signature": "value",
}
_IMPORTS = frozenset(
    {"import_specifier", "import_clause", "namespace_import", "import_require_clause"}
)


class EcmaUnit(EcmaBindings):
    """A file of JavaScript, TypeScript or their forms with JSX."""

    identifiers = frozenset(
        {
            "identifier",
            "property_identifier",
            "private_property_identifier",
            "shorthand_property_identifier",
            "shorthand_property_identifier_pattern",
            "type_identifier",
        }
    )
    keys_are_members = True

    def site(self, node: Node, name: str) -> Site | None:
        """Judge one identifier."""
        parent = node.parent
        if parent is None:
            return None
        kind = parent.type
        if kind.startswith("jsx_") and kind.endswith("element") and name[:1].islower():
            # `<html>` is an element of the page, whatever is imported.
            return None
        return (
            self._definition(node, parent, name)
            or self._passed(node, parent, name)
            or self._bound(node, name)
            or self._used(node, parent, name)
        )

    def _used(self, node: Node, parent: Node, name: str) -> Site:
        kind = parent.type
        if kind == "member_expression" and is_field(parent, "property", node):
            return self._member(node, parent, name)
        if kind == "nested_type_identifier" and is_field(parent, "name", node):
            return Site(node, name, Role.USE, base=parent.child_by_field_name("module"))
        if kind == "jsx_attribute" or (kind == "pair_pattern" and is_field(parent, "key", node)):
            return Site(node, name, Role.USE, keyword_of=parent)
        return Site(node, name, _use(node))

    def _passed(self, node: Node, parent: Node, name: str) -> Site | None:
        """Judge what an import brings, or an export passes on."""
        if parent.type in _IMPORTS:
            return self._imported(node, parent, name)
        if parent.type in {"export_specifier", "namespace_export"}:
            return self._exported(node, parent, name)
        return None

    def _definition(self, node: Node, parent: Node, name: str) -> Site | None:
        kind = parent.type
        named = is_field(parent, "name", node)
        if kind in DECLARED and named:
            return self._declared(node, parent, name)
        if kind in MEMBERS and (named or is_field(parent, "property", node)):
            return self._class_member(node, parent, name)
        if kind == "enum_body":
            owner = parent.parent
            member_of = owner.id if owner is not None else None
            return Site(
                node, name, Role.DEFINITION, kind=Kind.FIELD, whole=node, member_of=member_of
            )
        if kind in {"pair", "object"} and not is_field(parent, "value", node):
            return self._key(node, parent, name)
        if kind in {"function_expression", "generator_function", "class"} and named:
            of = Kind.CLASS if kind == "class" else Kind.FUNCTION
            return Site(node, name, Role.DEFINITION, binds=parent.id, kind=of, whole=parent)
        holder = parent.parent.parent if parent.parent is not None else None
        if kind == "type_parameter" and named and holder is not None:
            return Site(
                node, name, Role.DEFINITION, binds=holder.id, kind=Kind.PARAMETER, space="type"
            )
        return None

    def _declared(self, node: Node, whole: Node, name: str) -> Site:
        return Site(
            node,
            name,
            Role.DEFINITION,
            binds=self._block(whole).id,
            kind=DECLARED[whole.type],
            space=_SPACES.get(whole.type, ""),
            whole=whole,
            annotation=whole.child_by_field_name("return_type"),
        )

    def _class_member(self, node: Node, whole: Node, name: str) -> Site:
        body = whole.parent
        owner = body.parent if body is not None else None
        if body is not None and body.type == "object":
            owner = self.owner_of_object(body)
        kind = MEMBERS[whole.type]
        value = whole.child_by_field_name("value")
        if kind is Kind.FIELD and value is not None and value.type in FUNCTION_VALUES:
            kind = Kind.METHOD
        annotation = whole.child_by_field_name("return_type") or whole.child_by_field_name("type")
        if value is not None and kind is Kind.METHOD:
            annotation = value.child_by_field_name("return_type")
        return Site(
            node,
            name,
            Role.DEFINITION,
            member_of=owner.id if owner is not None else None,
            kind=kind,
            whole=whole,
            value=value if kind is Kind.FIELD else None,
            annotation=annotation,
        )

    def _key(self, node: Node, parent: Node, name: str) -> Site:
        """Judge a key of an object: a member of the variable that holds it, else of who knows."""
        if node.type == "shorthand_property_identifier":
            return Site(node, name, Role.USE)
        body = parent.parent if parent.type == "pair" else parent
        owner = self.owner_of_object(body) if body is not None else None
        value = parent.child_by_field_name("value")
        annotation = owner.child_by_field_name("type") if owner is not None else None
        if owner is not None and annotation is None:
            is_function = value is not None and value.type in FUNCTION_VALUES
            return Site(
                node,
                name,
                Role.DEFINITION,
                member_of=owner.id,
                kind=Kind.METHOD if is_function else Kind.FIELD,
                whole=parent,
                value=None if is_function else value,
            )
        return Site(node, name, Role.WRITE, keyword_of=body, annotation=annotation)

    def _member(self, node: Node, member: Node, name: str) -> Site:
        base = member.child_by_field_name("object")
        holder = member.parent
        if (
            base is not None
            and holder is not None
            and holder.type == "assignment_expression"
            and is_field(holder, "left", member)
        ):
            value = holder.child_by_field_name("right")
            is_function = value is not None and value.type in FUNCTION_VALUES
            owner = self.owner(base, is_function=is_function)
            if owner is not None:
                return Site(
                    node,
                    name,
                    Role.DEFINITION,
                    member_of=owner.id,
                    base=base,
                    kind=Kind.METHOD if is_function else Kind.FIELD,
                    whole=holder,
                    value=None if is_function else value,
                )
            return Site(node, name, Role.WRITE, base=base)
        return Site(node, name, _use(member), base=base)

    def expression(self, node: Node) -> Expression:
        """Reduce an expression or a type."""
        return expression_of(self, node)

    def symbol_of(self, site: Site) -> str:
        """Return the dotted path of a definition."""
        symbol = super().symbol_of(site)
        if site.base is None or site.member_of in (None, self.root.id):
            return symbol
        before = self.read(site.base).removesuffix(".prototype")
        return symbol if before == "this" or "." in before else f"{before}.{site.name}"


def _use(node: Node) -> Role:
    """Return whether an expression is called."""
    parent = node.parent
    if parent is None:
        return Role.USE
    if parent.type == "call_expression" and is_field(parent, "function", node):
        return Role.CALL
    if parent.type == "new_expression" and is_field(parent, "constructor", node):
        return Role.CALL
    if parent.type in {"decorator", "jsx_opening_element", "jsx_self_closing_element"}:
        return Role.CALL if node.type != "jsx_attribute" else Role.USE
    if parent.type in {"augmented_assignment_expression", "update_expression"}:
        return Role.WRITE
    return Role.USE
