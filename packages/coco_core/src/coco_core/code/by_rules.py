"""Languages whose names are followed by a table of rules: Go, Java, Rust, C and many others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from tree_sitter import Node

from coco_core.code.imports_by_rules import Imports, imports_of
from coco_core.code.ruled_structure import RuledStructure, owner_id
from coco_core.code.site import Kind, Origin, Role, Site
from coco_core.code.unit import Expression, Form

__all__ = ["RuledUnit"]

# What a name may be wrapped in where it is bound.
_WRAPPERS = frozenset(
    {
        "expression_list", "pointer_declarator", "array_declarator", "reference_declarator",
        "init_declarator", "variable_declarator", "variable_declaration", "tuple_pattern",
        "tuple_struct_pattern", "ref_pattern", "mut_pattern", "reference_pattern",
        "struct_pattern", "field_pattern", "slice_pattern", "or_pattern", "captured_pattern",
        "left_assignment_list", "destructured_left_assignment", "parameter", "inferred_parameters",
    }
)  # fmt: skip


# What gives a name only a part of its value.
_PARTS = frozenset(
    {"range_clause", "for_expression", "for_range_loop", "foreach_statement",
     "enhanced_for_statement", "let_condition", "for", "receive_statement"}
)  # fmt: skip


class RuledUnit(RuledStructure):
    """A file of a language of `RULES`; definitions are those of the language's outline."""

    def _definition_site(self, node: Node, name: str) -> Site | None:
        number = self.by_name.get(node.start_byte)
        if number is None or self.definitions[number].kind is None:
            return None
        definition = self.definitions[number]
        kind = definition.kind
        owner, _, _ = definition.symbol.rpartition(".")
        parent = self.definitions[definition.parent] if definition.parent >= 0 else None
        inside_function = parent is not None and parent.kind in (Kind.FUNCTION, Kind.METHOD)
        if kind is Kind.VARIABLE and inside_function:
            return None
        member_of: int | None = None
        in_class = owner and (parent is None or parent.kind in (None, Kind.CLASS))
        if in_class and kind is not Kind.CLASS:
            member_of = owner_id(owner.rpartition(".")[2])
            kind = Kind.METHOD if kind in (Kind.FUNCTION, Kind.METHOD) else Kind.FIELD
        whole = self.root.descendant_for_byte_range(definition.start, definition.end)
        binds: int | None = None if member_of is not None else self.root.id
        if inside_function:
            binds = next(self.scopes(whole.parent if whole and whole.parent else node), None)
        returns = (
            whole.child_by_field_name(self.rules.returns) if whole and self.rules.returns else None
        )
        return Site(
            node,
            name,
            Role.DEFINITION,
            binds=binds,
            member_of=member_of,
            kind=kind,
            whole=whole,
            annotation=returns,
        )

    def site(self, node: Node, name: str) -> Site | None:
        """Judge one identifier."""
        parent = node.parent
        if parent is None or (parent.type == self.rules.private):
            return None
        found = self._definition_site(node, name)
        if found is not None:
            return found
        found = self._field(node, parent, name)
        if found is not None:
            return found
        if self._inside_import(node):
            named = self._imports.named
            same = (each for each in named.values() if each.name == name)
            origin = named.get(name) or next(same, None)
            return Site(node, name, Role.IMPORT, origin=origin, kind=Kind.IMPORT)
        base = self._base(node)
        if base is not None:
            return Site(node, name, self._use(parent, node), base=base)
        return self._local(node, name) or Site(node, name, self._use(node, node))

    def _field(self, node: Node, parent: Node, name: str) -> Site | None:
        holder, child = parent, node
        while holder.type in _WRAPPERS and holder.parent is not None:
            holder, child = holder.parent, holder
        field = self.rules.fields.get(holder.type)
        if field is None or not _in_field(holder, field, child):
            return None
        for around in self.around(node):
            if around.kind is Kind.CLASS:
                return Site(
                    node,
                    name,
                    Role.DEFINITION,
                    member_of=owner_id(around.symbol.rpartition(".")[2]),
                    kind=Kind.FIELD,
                    whole=holder,
                    annotation=holder.child_by_field_name("type"),
                )
            break
        return None

    def _inside_import(self, node: Node) -> bool:
        if not self.rules.imports:
            return False
        at = node.parent
        while at is not None:
            if at.type in self.rules.imports:
                return True
            at = at.parent
        return False

    def _base(self, node: Node) -> Node | None:
        parent = node.parent
        if parent is None:
            return None
        fields = self.rules.members.get(parent.type)
        if fields is not None and fields[1] and parent.child_by_field_name(fields[1]) == node:
            return parent.child_by_field_name(fields[0])
        if parent.type == "navigation_suffix" and parent.parent is not None:
            return parent.parent.named_children[0]
        return None

    def _local(self, node: Node, name: str) -> Site | None:
        child, holder = node, node.parent
        while holder is not None:
            field = self.rules.locals.get(holder.type)
            if field is not None and _in_field(holder, field, child):
                return self._local_site(node, name, holder)
            if holder.type not in _WRAPPERS or holder.child_by_field_name("type") == child:
                return None
            if holder.child_by_field_name("value") == child:
                return None
            child, holder = holder, holder.parent
        return None

    def _local_site(self, node: Node, name: str, holder: Node) -> Site | None:
        if node.type == "constant" or (self.language == "rust" and name[:1].isupper()):
            return None
        scope = next(self.scopes(holder), self.root.id)
        annotation = holder.child_by_field_name("type")
        value = self._value(node, holder)
        is_parameter = "parameter" in holder.type
        return Site(
            node,
            name,
            Role.DEFINITION,
            binds=scope,
            kind=Kind.PARAMETER if is_parameter else Kind.VARIABLE,
            whole=holder,
            value=value,
            annotation=annotation,
        )

    def _value(self, node: Node, holder: Node) -> Node | None:
        """Return what all of goes to one name; of a loop or a pattern that is not known."""
        inner = node.parent
        if inner is None or holder.type in _PARTS:
            return None
        if inner.type in {"variable_declarator", "init_declarator"}:
            value = inner.child_by_field_name("value")
            if value is None and inner.named_child_count > 1:
                value = inner.named_children[-1]
            return value
        value = holder.child_by_field_name("value") or holder.child_by_field_name("right")
        if value is None or (inner != holder and inner.type != "expression_list"):
            return None
        if value.type == "expression_list":
            single = value.named_child_count == 1 and (
                inner == holder or inner.named_child_count == 1
            )
            return value.named_children[0] if single else None
        return value

    def _use(self, expression: Node, node: Node) -> Role:
        for candidate in (node, expression):
            parent = candidate.parent
            if parent is None:
                continue
            field = self.rules.calls.get(parent.type)
            if field is None:
                continue
            if field:
                callee = parent.child_by_field_name(field)
                while callee is not None and callee.type in {"generic_type", "generic_function"}:
                    callee = callee.named_children[0]
                if callee == candidate:
                    return Role.CALL
            elif parent.named_children and parent.named_children[0] == candidate:
                return Role.CALL
        return Role.USE

    def expression(self, node: Node) -> Expression:
        """Reduce an expression or a type."""
        rules, kind = self.rules, node.type
        if kind in rules.this:
            around = self.class_around(node)
            return (
                Expression(Form.THIS, of=around) if around is not None else Expression(Form.UNKNOWN)
            )
        if kind in rules.identifiers:
            if self.read(node) == "Self":
                around = self.class_around(node)
                if around is not None:
                    return Expression(Form.CLASS_ITSELF, of=around)
            return Expression(Form.NAME, self.read(node), node)
        if kind in rules.new:
            field = rules.new[kind]
            of = node.child_by_field_name(field) if field else _first(node)
            return Expression(Form.NEW, of=of)
        if kind in rules.calls:
            field = rules.calls[kind]
            callee = node.child_by_field_name(field) if field else _first(node)
            if callee is not None and self._base(callee) is not None:
                return Expression(Form.CALL, of=callee)
            return Expression(Form.CALL, of=callee)
        if kind in rules.members:
            base_field, name_field = rules.members[kind]
            base = node.child_by_field_name(base_field) if base_field else None
            name = node.child_by_field_name(name_field) if name_field else None
            if base is not None and name is not None:
                return Expression(Form.MEMBER, self.read(name), base)
        if kind in rules.same and node.named_children:
            return Expression(Form.SAME, of=node.named_children[0])
        if kind in rules.literals:
            return Expression(Form.LITERAL)
        return Expression(Form.UNKNOWN)

    @cached_property
    def _imports(self) -> Imports:
        return imports_of(self)

    def import_named(self, name: str) -> Origin | None:
        """Return what an import brings under a name."""
        return self._imports.named.get(name)

    def wildcards(self) -> Sequence[str]:
        """Return the modules of which every name is imported."""
        return self._imports.wildcards

    def renamed(self, site: Site) -> Sequence[tuple[str, bool]]:
        """Return the aliases of an import or an export."""
        if site.role is not Role.IMPORT:
            return ()
        return [
            (local, False)
            for local, origin in self._imports.named.items()
            if origin.name == site.name and local != site.name
        ]

    @property
    def names_are_global(self) -> bool:
        """Whether other files may define a bare name."""
        return self.language not in {"go", "java", "rust"}


def _in_field(holder: Node, field: str, child: Node) -> bool:
    if not field:
        return child in holder.named_children
    return child in holder.children_by_field_name(field)


def _first(node: Node) -> Node | None:
    return node.named_children[0] if node.named_children else None
