"""Variables, parameters, imports and exports of JavaScript and TypeScript."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from tree_sitter import Node

from coco_core.code.ecma_exports import Exports, exports_of, required_module
from coco_core.code.ecma_structure import FUNCTION_VALUES, PATTERNS, EcmaStructure
from coco_core.code.site import Kind, Origin, Role, Site
from coco_core.code.unit import is_field

__all__ = ["EcmaBindings"]

# `a = 1` in a pattern: only the left side is bound.
_DEFAULTED = frozenset({"assignment_pattern", "object_assignment_pattern"})


class EcmaBindings(EcmaStructure):
    """Judges what binds a name, and knows what the file offers to others."""

    def _bound(self, node: Node, name: str) -> Site | None:
        if node.type in {"property_identifier", "shorthand_property_identifier"}:
            return None
        target, holder = node, node.parent
        while holder is not None and holder.type in PATTERNS:
            if holder.type in _DEFAULTED and not is_field(holder, "left", target):
                return None
            target, holder = holder, holder.parent
        if holder is None:
            return None
        kind = holder.type
        if kind == "variable_declarator" and is_field(holder, "name", target):
            return self._variable(node, target, holder, name)
        if kind in {"required_parameter", "optional_parameter"}:
            if is_field(holder, "pattern", target) or is_field(holder, "name", target):
                return self._parameter(node, target, holder, name)
            return None
        function = holder.parent if kind == "formal_parameters" else holder
        plain = kind in {"arrow_function", "catch_clause"} and is_field(holder, "parameter", target)
        if function is not None and (kind == "formal_parameters" or plain):
            return Site(
                node,
                name,
                Role.DEFINITION,
                binds=function.id,
                kind=Kind.PARAMETER,
                whole=target,
                space="value",
            )
        return self._assigned(node, target, holder, name)

    def _assigned(self, node: Node, target: Node, holder: Node, name: str) -> Site | None:
        """Judge the target of a loop or an assignment."""
        kind = holder.type
        if kind == "for_in_statement" and is_field(holder, "left", target):
            declared = holder.child_by_field_name("kind")
            if declared is None:
                return Site(node, name, Role.WRITE)
            scope = self._function(holder) if self.read(declared) == "var" else holder
            return Site(node, name, Role.DEFINITION, binds=scope.id, kind=Kind.VARIABLE)
        assigns = kind in {"assignment_expression", "augmented_assignment_expression"}
        if kind == "update_expression" or (assigns and is_field(holder, "left", target)):
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
        if target is node and value is not None and value.type in FUNCTION_VALUES:
            kind = Kind.CLASS if value.type == "class" else Kind.FUNCTION
            annotation = value.child_by_field_name("return_type")
        return Site(
            node,
            name,
            Role.DEFINITION,
            binds=scope.id,
            kind=kind,
            space="" if kind is Kind.CLASS else "value",
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
            child.type in {"accessibility_modifier", "override_modifier"}
            or child.type == "readonly"
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
        """Return where a name that is passed on comes from."""
        found = self._exports.passed_on.get(name)
        return (found,) if found is not None else ()

    def exported_as(self, name: str) -> str:
        """Return the local name of an export."""
        return self._exports.local.get(name, name if name not in {"default", "export="} else "")

    def anonymous(self, name: str) -> Site | None:
        """Return an export that has no name of its own."""
        node = self._exports.unnamed.get(name)
        if node is None:
            return None
        kind = Kind.CLASS if node.type.startswith("class") else Kind.FUNCTION
        if node.type == "object":
            kind = Kind.VARIABLE
        whole = self.root if kind is Kind.VARIABLE else node
        return Site(node, name, Role.DEFINITION, binds=self.root.id, kind=kind, whole=whole)

    def wildcards(self) -> Sequence[str]:
        """Return the modules of which every name is imported."""
        return self._exports.wildcards

    def origins(self) -> Sequence[tuple[Node, Origin]]:
        """Return the imports whose local name is free to choose."""
        return self._exports.free_imports

    def renamed(self, site: Site) -> Sequence[tuple[str, bool]]:
        """Return the aliases of an import or an export."""
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
