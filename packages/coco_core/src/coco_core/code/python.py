"""Python: which identifiers bind, import and use names."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from coco_core.code.python_expressions import PythonExpressions
from coco_core.code.python_structure import COMPREHENSIONS
from coco_core.code.site import Kind, Origin, Role, Site
from coco_core.code.unit import Form, is_field

__all__ = ["PythonUnit"]

_PATTERNS = frozenset(
    {"pattern_list", "tuple_pattern", "list_pattern", "list_splat_pattern", "tuple", "list"}
)
_PARAMETERS = frozenset({"parameters", "lambda_parameters"})
_TYPED = frozenset({"typed_parameter", "typed_default_parameter"})


class PythonUnit(PythonExpressions):
    """A Python file."""

    identifiers = frozenset({"identifier"})

    def site(self, node: Node, name: str) -> Site | None:
        """Judge one identifier."""
        parent = node.parent
        if parent is None:
            return None
        judged = self._binding(node, parent, name)
        if judged is not None:
            return judged
        if parent.type == "attribute" and is_field(parent, "attribute", node):
            return self._attribute(node, parent, name)
        if parent.type == "keyword_argument" and is_field(parent, "name", node):
            call = parent.parent.parent if parent.parent is not None else None
            keyword_of = call if call is not None and call.type == "call" else None
            return Site(node, name, Role.USE, keyword_of=keyword_of)
        return Site(node, name, _use(node))

    def _binding(self, node: Node, parent: Node, name: str) -> Site | None:
        kind = parent.type
        if kind in {"function_definition", "class_definition"} and is_field(parent, "name", node):
            return self._definition(node, parent, name)
        if kind in {"dotted_name", "aliased_import"}:
            return self._imported(node, name)
        if kind in {"global_statement", "nonlocal_statement"}:
            return Site(node, name, Role.USE)
        if kind == "as_pattern_target":
            return self._bound(node, name, None)
        if kind == "named_expression" and is_field(parent, "name", node):
            return self._bound(node, name, parent.child_by_field_name("value"))
        parameter = self._parameter(node, parent, name)
        if parameter is not None:
            return parameter
        return self._assigned(node, parent, name)

    def _definition(self, node: Node, whole: Node, name: str) -> Site:
        scope = self.scope_of(whole)
        is_class = whole.type == "class_definition"
        member = scope.id if scope.type == "class_definition" else None
        kind = Kind.METHOD if member is not None else Kind.FUNCTION
        if is_class:
            kind = Kind.CLASS
        return Site(
            node,
            name,
            Role.DEFINITION,
            binds=self.declared_scope(name, scope),
            member_of=member,
            kind=kind,
            whole=whole,
            annotation=whole.child_by_field_name("return_type"),
        )

    def _parameter(self, node: Node, parent: Node, name: str) -> Site | None:
        holder, child = parent, node
        annotation = None
        while holder.type in {"list_splat_pattern", "dictionary_splat_pattern", *_TYPED} or (
            holder.type == "default_parameter" and is_field(holder, "name", child)
        ):
            if holder.type in _TYPED:
                annotation = holder.child_by_field_name("type")
                if annotation is not None and _holds(annotation, node):
                    return None
                value = holder.child_by_field_name("value")
                if value is not None and _holds(value, node):
                    return None
            if holder.parent is None:
                return None
            holder, child = holder.parent, holder
        if holder.type not in _PARAMETERS or holder.parent is None:
            return None
        function = holder.parent
        starred = child.type in {"list_splat_pattern", "dictionary_splat_pattern"}
        return Site(
            node,
            name,
            Role.DEFINITION,
            binds=function.id,
            kind=Kind.PARAMETER,
            annotation=None if starred else annotation,
            whole=child,
        )

    def _assigned(self, node: Node, parent: Node, name: str) -> Site | None:
        """Judge a target of an assignment or a loop, perhaps inside a pattern."""
        target, holder = node, parent
        while holder.type in _PATTERNS and holder.parent is not None:
            target, holder = holder, holder.parent
        kind = holder.type
        if kind in {"for_statement", "for_in_clause", "assignment", "augmented_assignment"}:
            if not is_field(holder, "left", target):
                return None
        elif kind == "type_alias_statement" or (kind == "type" and _aliases(holder)):
            if kind == "type" and not is_field(holder.parent, "left", holder):
                return None
            return self._bound(node, name, None)
        else:
            return None
        whole = target is node and kind == "assignment"
        value = holder.child_by_field_name("right") if whole else None
        annotation = holder.child_by_field_name("type") if whole else None
        if kind == "augmented_assignment":
            return self._bound(node, name, None, role=Role.WRITE)
        return self._bound(node, name, value, annotation, whole=holder)

    def _bound(
        self,
        node: Node,
        name: str,
        value: Node | None,
        annotation: Node | None = None,
        *,
        role: Role = Role.DEFINITION,
        whole: Node | None = None,
    ) -> Site:
        scope = self.scope_of(node)
        in_comprehension = node.parent is not None and any(
            each.type == "for_in_clause" for each in _up(node, scope)
        )
        if not in_comprehension:
            while scope.type in COMPREHENSIONS:
                scope = self.scope_of(scope)
        binds = self.declared_scope(name, scope)
        member = scope.id if scope.type == "class_definition" else None
        return Site(
            node,
            name,
            role,
            binds=binds,
            member_of=member,
            kind=Kind.FIELD if member is not None else Kind.VARIABLE,
            value=value,
            annotation=annotation,
            whole=whole,
        )

    def _imported(self, node: Node, name: str) -> Site | None:
        statement = node.parent
        while statement is not None and statement.type not in {
            "import_statement",
            "import_from_statement",
            "future_import_statement",
        }:
            if statement.type in {"module", "block", "case_pattern", "match_statement"}:
                break
            statement = statement.parent
        if statement is None or not statement.type.endswith("_statement"):
            return self._captured(node, name)
        if statement.type == "match_statement":
            return Site(node, name, _use(node))
        entry = node
        while entry.parent is not None and entry.parent != statement:
            entry = entry.parent
        alias = entry.child_by_field_name("alias") if entry.type == "aliased_import" else None
        path = entry.child_by_field_name("name") if alias is not None else entry
        assert path is not None
        binds: int | None = self.declared_scope(name, self.scope_of(statement))
        module = statement.child_by_field_name("module_name")
        if module is not None:
            if entry == module:
                return self._module_part(node, name, entry)
            origin = Origin(self.read(module), self.read(path))
            if alias is not None and node != alias:
                binds = None
            return Site(node, name, Role.IMPORT, binds=binds, origin=origin, kind=Kind.IMPORT)
        if alias is not None and node == alias:
            origin = Origin(self.read(path))
        else:
            upto = self.read(path).split(".")[: path.named_children.index(node) + 1]
            origin = Origin(".".join(upto))
            if alias is not None or len(upto) > 1:
                binds = None
        return Site(node, name, Role.IMPORT, binds=binds, origin=origin, kind=Kind.IMPORT)

    def _module_part(self, node: Node, name: str, module: Node) -> Site:
        """Judge a part of the module's path in ``from a.b import c``."""
        dots = ""
        names = module
        if module.type == "relative_import":
            dots = self.read(module.children[0])
            names = module.children[-1]
        upto = self.read(names).split(".")[: names.named_children.index(node) + 1]
        return Site(node, name, Role.IMPORT, origin=Origin(dots + ".".join(upto)), kind=Kind.IMPORT)

    def _captured(self, node: Node, name: str) -> Site:
        """Judge a dotted name of a pattern: a single one captures, a dotted one is a value."""
        dotted = node.parent
        if dotted is None or dotted.type != "dotted_name":
            return Site(node, name, _use(node))
        position = dotted.named_children.index(node)
        if position:
            return Site(node, name, Role.USE, base=dotted.named_children[position - 1])
        holder = dotted.parent
        captures = (
            dotted.named_child_count == 1 and holder is not None and holder.type == "case_pattern"
        )
        return self._bound(node, name, None) if captures else Site(node, name, Role.USE)

    def _attribute(self, node: Node, attribute: Node, name: str) -> Site:
        base = attribute.child_by_field_name("object")
        holder = attribute.parent
        target = attribute
        while holder is not None and holder.type in _PATTERNS:
            target, holder = holder, holder.parent
        if (
            base is not None
            and holder is not None
            and holder.type == "assignment"
            and is_field(holder, "left", target)
        ):
            form = self.expression(base)
            if form.form in {Form.THIS, Form.CLASS_ITSELF} and form.of is not None:
                whole = target is attribute
                return Site(
                    node,
                    name,
                    Role.DEFINITION,
                    member_of=form.of.id,
                    base=base,
                    kind=Kind.FIELD,
                    value=holder.child_by_field_name("right") if whole else None,
                    annotation=holder.child_by_field_name("type") if whole else None,
                    whole=holder,
                )
            return Site(node, name, Role.WRITE, base=base)
        return Site(node, name, _use(attribute), base=base)


def _holds(outer: Node, inner: Node) -> bool:
    return outer.start_byte <= inner.start_byte and inner.end_byte <= outer.end_byte


def _up(node: Node, top: Node) -> Iterator[Node]:
    """Yield the nodes between ``node`` and ``top`` that hold a target of a loop."""
    child, at = node, node.parent
    while at is not None and at != top:
        if at.type == "for_in_clause":
            if at.child_by_field_name("left") == child:
                yield at
            return
        if at.type not in _PATTERNS:
            return
        child, at = at, at.parent


def _use(node: Node) -> Role:
    """Return whether an expression is called, as a decorator too."""
    parent = node.parent
    if parent is not None:
        if parent.type == "call" and is_field(parent, "function", node):
            return Role.CALL
        if parent.type == "decorator":
            return Role.CALL
        if parent.type == "augmented_assignment" and is_field(parent, "left", node):
            return Role.WRITE
    return Role.USE


def _aliases(holder: Node) -> bool:
    return holder.parent is not None and holder.parent.type == "type_alias_statement"
