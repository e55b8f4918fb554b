"""JavaScript and TypeScript: which identifiers bind, import, export and use names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from tree_sitter import Node

from coco_core.code.ecma_exports import Exports, exports_of, required_module
from coco_core.code.ecma_expressions import expression_of
from coco_core.code.site import Kind, Origin, Role, Site
from coco_core.code.unit import Enclosing, Expression, Unit, is_field

__all__ = ["EcmaUnit"]

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
_TYPES = frozenset({"interface_declaration", "type_alias_declaration", "enum_declaration"})
_SCOPES = (
    FUNCTIONS
    | CLASSES
    | _TYPES
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
_BLOCKS = frozenset(
    {"program", "statement_block", "for_statement", "for_in_statement", "switch_body"}
)
_PATTERNS = frozenset(
    {
        "object_pattern",
        "array_pattern",
        "rest_pattern",
        "pair_pattern",
        "assignment_pattern",
        "object_assignment_pattern",
    }
)
_DECLARED = {
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
_MEMBERS = {
    "method_definition": Kind.METHOD,
    "method_signature": Kind.METHOD,
    "abstract_method_signature": Kind.METHOD,
    "public_field_definition": Kind.FIELD,
    "field_definition": Kind.FIELD,
    "property_signature": Kind.FIELD,
    "enum_assignment": Kind.FIELD,
}
_FUNCTION_VALUES = frozenset(
    {"arrow_function", "function_expression", "generator_function", "class"}
)


class EcmaUnit(Unit):
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
        parent = node.parent
        if parent is None:
            return None
        kind = parent.type
        if kind == "member_expression" and is_field(parent, "property", node):
            return self._member(node, parent, name)
        if kind == "nested_type_identifier" and is_field(parent, "name", node):
            base = parent.child_by_field_name("module")
            return Site(node, name, Role.USE, base=base)
        if kind in _DECLARED and is_field(parent, "name", node):
            return self._declared(node, parent, name)
        if kind in _MEMBERS and (is_field(parent, "name", node) or is_field(parent, "property", node)):
            return self._class_member(node, parent, name)
        if kind == "enum_body":
            owner = parent.parent
            return Site(
                node, name, Role.DEFINITION, kind=Kind.FIELD, whole=node,
                member_of=owner.id if owner is not None else None,
            )  # fmt: skip
        if kind in {"pair", "object"} and not is_field(parent, "value", node):
            return self._key(node, parent, name)
        if kind in {"function_expression", "generator_function", "class"}:
            if is_field(parent, "name", node):
                of = Kind.CLASS if kind == "class" else Kind.FUNCTION
                return Site(node, name, Role.DEFINITION, binds=parent.id, kind=of, whole=parent)
        if kind == "type_parameter" and is_field(parent, "name", node):
            holder = parent.parent.parent if parent.parent is not None else None
            if holder is not None:
                return Site(node, name, Role.DEFINITION, binds=holder.id, kind=Kind.PARAMETER)
        if kind == "jsx_attribute":
            return Site(node, name, Role.USE, keyword_of=parent)
        if kind in {"import_specifier", "import_clause", "namespace_import", "import_require_clause"}:
            return self._imported(node, parent, name)
        if kind in {"export_specifier", "namespace_export"}:
            return self._exported(node, parent, name)
        if kind == "pair_pattern" and is_field(parent, "key", node):
            return Site(node, name, Role.USE, keyword_of=parent)
        return self._bound(node, name) or Site(node, name, _use(node))

    # --- declarations --------------------------------------------------------------------------

    def _declared(self, node: Node, whole: Node, name: str) -> Site:
        return Site(
            node,
            name,
            Role.DEFINITION,
            binds=self._block(whole).id,
            kind=_DECLARED[whole.type],
            whole=whole,
            annotation=whole.child_by_field_name("return_type"),
        )

    def _class_member(self, node: Node, whole: Node, name: str) -> Site:
        body = whole.parent
        owner = body.parent if body is not None else None
        if body is not None and body.type == "object":
            owner = self.owner_of_object(body)
        kind = _MEMBERS[whole.type]
        value = whole.child_by_field_name("value")
        if kind is Kind.FIELD and value is not None and value.type in _FUNCTION_VALUES:
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
            is_function = value is not None and value.type in _FUNCTION_VALUES
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
            is_function = value is not None and value.type in _FUNCTION_VALUES
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

    # --- variables and parameters --------------------------------------------------------------

    def _bound(self, node: Node, name: str) -> Site | None:
        if node.type in {"property_identifier", "shorthand_property_identifier"}:
            return None
        target, holder = node, node.parent
        path: list[Node] = []
        while holder is not None and holder.type in _PATTERNS:
            if holder.type in {"assignment_pattern", "object_assignment_pattern"} and not (
                is_field(holder, "left", target)
            ):
                return None
            path.append(holder)
            target, holder = holder, holder.parent
        if holder is None:
            return None
        kind = holder.type
        if kind == "variable_declarator" and is_field(holder, "name", target):
            return self._variable(node, target, holder, name)
        if kind in {"required_parameter", "optional_parameter"}:
            if not (is_field(holder, "pattern", target) or is_field(holder, "name", target)):
                return None
            return self._parameter(node, target, holder, name)
        if kind == "formal_parameters" and holder.parent is not None:
            return Site(
                node, name, Role.DEFINITION, binds=holder.parent.id, kind=Kind.PARAMETER,
                whole=target,
            )  # fmt: skip
        if kind == "arrow_function" and is_field(holder, "parameter", target):
            return Site(node, name, Role.DEFINITION, binds=holder.id, kind=Kind.PARAMETER)
        if kind == "catch_clause" and is_field(holder, "parameter", target):
            return Site(node, name, Role.DEFINITION, binds=holder.id, kind=Kind.PARAMETER)
        if kind == "for_in_statement" and is_field(holder, "left", target):
            declared = holder.child_by_field_name("kind")
            if declared is None:
                return Site(node, name, Role.WRITE)
            scope = self._function(holder) if self.read(declared) == "var" else holder
            return Site(node, name, Role.DEFINITION, binds=scope.id, kind=Kind.VARIABLE)
        if kind in {"assignment_expression", "augmented_assignment_expression", "update_expression"}:
            if kind == "update_expression" or is_field(holder, "left", target):
                return Site(node, name, Role.WRITE)
        return None

    def _variable(self, node: Node, target: Node, whole: Node, name: str) -> Site:
        declaration = whole.parent
        is_var = declaration is not None and declaration.type == "variable_declaration"
        scope = self._function(whole) if is_var else self._block(whole)
        value = whole.child_by_field_name("value")
        module = required_module(self, value)
        if module is not None:
            return Site(
                node, name, Role.IMPORT, binds=scope.id, kind=Kind.IMPORT,
                origin=Origin(module, self._taken(node, target)),
            )  # fmt: skip
        kind = Kind.VARIABLE
        annotation = whole.child_by_field_name("type") if target is node else None
        if target is node and value is not None and value.type in _FUNCTION_VALUES:
            kind = Kind.CLASS if value.type == "class" else Kind.FUNCTION
            annotation = value.child_by_field_name("return_type")
        return Site(
            node,
            name,
            Role.DEFINITION,
            binds=scope.id,
            kind=kind,
            whole=whole,
            value=value if target is node and kind is Kind.VARIABLE else None,
            annotation=annotation,
        )

    def _taken(self, node: Node, target: Node) -> str:
        """Return which name of a module a variable takes: all of it, or one of a pattern."""
        if target is node or target == node:
            return "export="
        parent = node.parent
        if parent is not None and parent.type == "pair_pattern":
            key = parent.child_by_field_name("key")
            return self.read(key) if key is not None else ""
        return self.read(node)

    def _parameter(self, node: Node, target: Node, holder: Node, name: str) -> Site | None:
        listed = holder.parent
        function = listed.parent if listed is not None else None
        if function is None:
            return None
        plain = target == node
        annotation = holder.child_by_field_name("type") if plain else None
        marked = any(
            child.type in {"accessibility_modifier", "override_modifier"} or child.type == "readonly"
            for child in holder.children
        )
        body = function.parent
        owner = body.parent if marked and body is not None else None
        return Site(
            node,
            name,
            Role.DEFINITION,
            binds=function.id,
            # `constructor(private x: X)` declares a field, too.
            member_of=owner.id if owner is not None else None,
            kind=Kind.FIELD if owner is not None else Kind.PARAMETER,
            whole=holder,
            annotation=annotation,
        )

    # --- imports and exports -------------------------------------------------------------------

    def _imported(self, node: Node, parent: Node, name: str) -> Site | None:
        statement = parent
        while statement.type != "import_statement":
            if statement.parent is None:
                return None
            statement = statement.parent
        holder = parent if parent.type == "import_require_clause" else statement
        source = holder.child_by_field_name("source")
        if source is None:
            return Site(node, name, Role.USE)
        module = self.read(source).strip("\"'`")
        binds: int | None = self.root.id
        if parent.type == "import_specifier":
            original = parent.child_by_field_name("name")
            alias = parent.child_by_field_name("alias")
            assert original is not None
            if alias is not None and alias != node:
                binds = None
            origin = Origin(module, self.read(original))
        elif parent.type == "import_clause":
            origin = Origin(module, "default")
        elif parent.type == "import_require_clause":
            origin = Origin(module, "export=")
        else:
            origin = Origin(module)
        return Site(node, name, Role.IMPORT, binds=binds, origin=origin, kind=Kind.IMPORT)

    def _exported(self, node: Node, parent: Node, name: str) -> Site:
        statement = parent
        while statement.parent is not None and statement.type != "export_statement":
            statement = statement.parent
        source = statement.child_by_field_name("source")
        if parent.type == "namespace_export":
            origin = Origin(self.read(source).strip("\"'`")) if source is not None else None
            return Site(node, name, Role.EXPORT, origin=origin, kind=Kind.IMPORT)
        original = parent.child_by_field_name("name")
        assert original is not None
        if source is not None:
            origin = Origin(self.read(source).strip("\"'`"), self.read(original))
            return Site(node, name, Role.EXPORT, origin=origin, kind=Kind.IMPORT)
        return Site(node, name, Role.EXPORT, value=original if original != node else None)

    @cached_property
    def _exports(self) -> Exports:
        return exports_of(self)

    def exports(self, name: str) -> Sequence[Origin]:
        found = self._exports.passed_on.get(name)
        return (found,) if found is not None else ()

    def exported_as(self, name: str) -> str:
        return self._exports.local.get(name, name if name not in {"default", "export="} else "")

    def anonymous(self, name: str) -> Site | None:
        node = self._exports.unnamed.get(name)
        if node is None:
            return None
        kind = Kind.CLASS if node.type.startswith("class") else Kind.FUNCTION
        if node.type == "object":
            kind = Kind.VARIABLE
        whole = self.root if kind is Kind.VARIABLE else node
        return Site(node, name, Role.DEFINITION, binds=self.root.id, kind=kind, whole=whole)

    def wildcards(self) -> Sequence[str]:
        return self._exports.wildcards

    def origins(self) -> Sequence[tuple[Node, Origin]]:
        return self._exports.free_imports

    def renamed(self, site: Site) -> Sequence[tuple[str, bool]]:
        parent = site.node.parent
        if parent is None or parent.type not in {"import_specifier", "export_specifier"}:
            if parent is not None and parent.type == "pair_pattern":
                value = parent.child_by_field_name("value")
                if value is not None and value.type == "identifier":
                    return ((self.read(value), False),)
            return ()
        alias = parent.child_by_field_name("alias")
        if alias is None or alias == site.node or self.read(alias) == "default":
            return ()
        return ((self.read(alias), parent.type == "export_specifier"),)

    # --- scopes --------------------------------------------------------------------------------

    def _block(self, node: Node) -> Node:
        """Return the block in which a declaration counts."""
        at = node.parent
        while at is not None and at.type not in _BLOCKS:
            at = at.parent
        return at if at is not None else self.root

    def _function(self, node: Node) -> Node:
        """Return the function in which a ``var`` counts."""
        at = node.parent
        while at is not None and at.type not in FUNCTIONS:
            at = at.parent
        return at if at is not None else self.root

    def scopes(self, node: Node) -> Iterator[int]:
        at: Node | None = node
        while at is not None:
            if at.type in _SCOPES:
                yield at.id
            at = at.parent

    def parents(self, node: Node) -> Iterator[Enclosing]:
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
        kind = _DECLARED.get(node.type) or _MEMBERS.get(node.type)
        value = node.child_by_field_name("value")
        name = node.child_by_field_name("name") or node.child_by_field_name("property")
        if kind in (Kind.FIELD, None):
            if node.type == "pair":
                name = node.child_by_field_name("key")
            elif node.type == "assignment_expression":
                left = node.child_by_field_name("left")
                value = node.child_by_field_name("right")
                name = left.child_by_field_name("property") if left is not None else None
            elif node.type not in {"variable_declarator", "public_field_definition", "field_definition"}:
                return None
            if value is not None and value.type == "object":
                kind = Kind.VARIABLE
            elif value is None or value.type not in _FUNCTION_VALUES:
                return None
            else:
                kind = Kind.CLASS if value.type == "class" else Kind.FUNCTION
        return (name, kind) if name is not None and kind is not None else None

    # --- expressions ---------------------------------------------------------------------------

    def expression(self, node: Node) -> Expression:
        return expression_of(self, node)

    def name_of(self, whole: Node) -> Node | None:
        return whole.child_by_field_name("name") or whole.child_by_field_name("key")

    def is_property(self, site: Site) -> bool:
        whole = site.whole
        return whole is not None and any(child.type == "get" for child in whole.children)

    def symbol_of(self, site: Site) -> str:
        symbol = super().symbol_of(site)
        if site.base is None or site.member_of in (None, self.root.id):
            return symbol
        before = self.read(site.base).removesuffix(".prototype")
        return symbol if before == "this" or "." in before else f"{before}.{site.name}"

    def same_class(self, member_of: int, whole: Node) -> bool:
        if member_of == whole.id:
            return True
        value = whole.child_by_field_name("value")
        return value is not None and member_of == value.id

    def bases(self, whole: Node) -> Sequence[Node]:
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
