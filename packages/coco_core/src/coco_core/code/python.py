"""Python: which identifiers bind, import and use names, in which scope."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tree_sitter import Node

from coco_core.code.site import Kind, Origin, Role, Site
from coco_core.code.unit import Enclosing, Expression, Form, Unit, children_of, is_field

__all__ = ["PythonUnit"]

_FUNCTIONS = frozenset({"function_definition", "lambda"})
_COMPREHENSIONS = frozenset(
    {
        "list_comprehension",
        "set_comprehension",
        "dictionary_comprehension",
        "generator_expression",
    }
)
_PATTERNS = frozenset(
    {"pattern_list", "tuple_pattern", "list_pattern", "list_splat_pattern", "tuple", "list"}
)
_PARAMETERS = frozenset({"parameters", "lambda_parameters"})
_LITERALS = frozenset(
    {
        "string", "concatenated_string", "integer", "float", "list", "dictionary", "set", "tuple",
        "true", "false", "none", "list_comprehension", "dictionary_comprehension",
        "set_comprehension", "generator_expression", "comparison_operator", "not_operator",
    }
)  # fmt: skip
_TYPED = frozenset({"typed_parameter", "typed_default_parameter"})
_STAR = re.compile(rb"import[ \t]*\*")


class PythonUnit(Unit):
    """A Python file."""

    identifiers = frozenset({"identifier"})

    def site(self, node: Node, name: str) -> Site | None:
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

    # --- what binds ----------------------------------------------------------------------------

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
        scope = self._scope(whole)
        is_class = whole.type == "class_definition"
        member = scope.id if scope.type == "class_definition" else None
        if is_class:
            kind = Kind.CLASS
        else:
            kind = Kind.METHOD if member is not None else Kind.FUNCTION
        return Site(
            node,
            name,
            Role.DEFINITION,
            binds=self._declared_scope(name, scope),
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
        scope = self._scope(node)
        in_comprehension = node.parent is not None and any(
            each.type == "for_in_clause" for each in _up(node, scope)
        )
        if not in_comprehension:
            while scope.type in _COMPREHENSIONS:
                scope = self._scope(scope)
        binds = self._declared_scope(name, scope)
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
        binds: int | None = self._declared_scope(name, self._scope(statement))
        module = statement.child_by_field_name("module_name")
        if module is not None:
            if entry == module:
                return self._module_part(node, name, entry)
            origin = Origin(self.read(module), self.read(path))
            if alias is not None and node != alias:
                binds = None
            return Site(
                node, name, Role.IMPORT, binds=binds, origin=origin, kind=Kind.IMPORT
            )
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
        return Site(
            node, name, Role.IMPORT, origin=Origin(dots + ".".join(upto)), kind=Kind.IMPORT
        )

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

    # --- scopes --------------------------------------------------------------------------------

    def _scope(self, node: Node) -> Node:
        """Return the scope that holds ``node``; a definition is held by the one around it."""
        child, parent = node, node.parent
        while parent is not None:
            if parent.type in {"function_definition", "class_definition", "lambda"}:
                if is_field(parent, "body", child):
                    return parent
            elif parent.type in _COMPREHENSIONS:
                return parent
            child, parent = parent, parent.parent
        return self.root

    def _declared_scope(self, name: str, scope: Node) -> int:
        """Return the scope that ``global`` and ``nonlocal`` make of it."""
        if scope.type != "function_definition" or b"global" not in self.text:
            if scope.type != "function_definition" or b"nonlocal" not in self.text:
                return scope.id
        body = scope.child_by_field_name("body")
        for statement in body.named_children if body is not None else ():
            if statement.type in {"global_statement", "nonlocal_statement"} and any(
                self.read(each) == name for each in statement.named_children
            ):
                if statement.type == "global_statement":
                    return self.root.id
                return self._declared_scope(name, self._scope(scope))
        return scope.id

    def scopes(self, node: Node) -> Iterator[int]:
        scope = self._scope(node)
        innermost = True
        name = self.read(node)
        while True:
            if scope.type == "function_definition":
                declared = self._declared_scope(name, scope)
                if declared != scope.id:
                    yield declared
            # Names of a class are not seen from its methods.
            if scope.type != "class_definition" or innermost:
                yield scope.id
            if scope == self.root:
                return
            innermost = innermost and scope.type in _COMPREHENSIONS
            scope = self._scope(scope)

    def parents(self, node: Node) -> Iterator[Enclosing]:
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

    # --- expressions ---------------------------------------------------------------------------

    def expression(self, node: Node) -> Expression:
        kind = node.type
        if kind == "identifier":
            return self._self_or_name(node)
        if kind == "attribute":
            name = node.child_by_field_name("attribute")
            base = node.child_by_field_name("object")
            if name is not None and base is not None:
                return Expression(Form.MEMBER, self.read(name), base)
        if kind == "call":
            callee = node.child_by_field_name("function")
            if callee is not None and callee.type == "identifier" and self.read(callee) == "super":
                around = self._class_around(node)
                return Expression(Form.SUPER, of=around) if around else Expression(Form.UNKNOWN)
            if callee is not None:
                return Expression(Form.CALL, of=callee)
        if kind in {"parenthesized_expression", "await", "type", "named_expression"}:
            inner = node.named_children
            if inner:
                return Expression(Form.SAME, of=inner[-1])
        if kind == "conditional_expression" and node.named_children:
            return Expression(Form.SAME, of=node.named_children[0])
        if kind == "binary_operator":
            left = node.child_by_field_name("left")
            right = node.child_by_field_name("right")
            if right is not None and right.type == "none":
                return Expression(Form.SAME, of=left)
        if kind in _LITERALS:
            return Expression(Form.LITERAL)
        if kind == "lambda":
            return Expression(Form.FUNCTION)
        if kind == "generic_type":
            return self._generic(node)
        return Expression(Form.UNKNOWN)

    def _generic(self, node: Node) -> Expression:
        """Read ``Optional[X]`` and ``Annotated[X, …]`` as X, and ``X[…]`` as X."""
        parts = node.named_children
        if len(parts) > 1 and self.read(parts[0]) in {"Optional", "Annotated", "type", "Type"}:
            inner = parts[1].named_children
            if self.read(parts[0]) in {"type", "Type"}:
                return Expression(Form.UNKNOWN)
            return Expression(Form.SAME, of=inner[0]) if inner else Expression(Form.UNKNOWN)
        return Expression(Form.SAME, of=parts[0]) if parts else Expression(Form.UNKNOWN)

    def is_property(self, site: Site) -> bool:
        return site.whole is not None and any(
            mark.rpartition(".")[2] in {"property", "cached_property", "setter"}
            for mark in self._decorators(site.whole)
        )

    def renamed(self, site: Site) -> Sequence[tuple[str, bool]]:
        entry = site.node.parent
        if site.role is not Role.IMPORT or entry is None:
            return ()
        if entry.type == "dotted_name":
            entry = entry.parent
        alias = entry.child_by_field_name("alias") if entry is not None else None
        if alias is None or alias == site.node:
            return ()
        return ((self.read(alias), self._scope(alias) == self.root),)

    def quoted_type(self, annotation: Node) -> str | None:
        inner = annotation.named_children[0] if annotation.type == "type" else annotation
        if inner.type != "string":
            return None
        text = self.read(inner).strip("\"'")
        return text if text.isidentifier() else None

    def _self_or_name(self, node: Node) -> Expression:
        name = self.read(node)
        scope = self._scope(node)
        while scope.type in _COMPREHENSIONS or scope.type == "lambda":
            scope = self._scope(scope)
        while scope.type == "function_definition":
            outer = self._scope(scope)
            if outer.type == "class_definition" and self._first_parameter(scope) == name:
                marks = self._decorators(scope)
                if "staticmethod" not in marks:
                    of_class = "classmethod" in marks or self._name_of(scope) in {
                        "__new__",
                        "__init_subclass__",
                        "__class_getitem__",
                    }
                    form = Form.CLASS_ITSELF if of_class else Form.THIS
                    return Expression(form, name, outer)
            if name in self._parameters(scope):
                break
            scope = outer
        return Expression(Form.NAME, name, node)

    def _class_around(self, node: Node) -> Node | None:
        scope = self._scope(node)
        while scope != self.root:
            if scope.type == "class_definition":
                return scope
            scope = self._scope(scope)
        return None

    def bases(self, whole: Node) -> Sequence[Node]:
        listed = whole.child_by_field_name("superclasses")
        if listed is None:
            return ()
        return [
            each.named_children[0] if each.type == "subscript" else each
            for each in listed.named_children
            if each.type in {"identifier", "attribute", "subscript", "call"}
        ]

    def wildcards(self) -> Sequence[str]:
        found: list[str] = []
        for match in _STAR.finditer(self.text):
            node = self.root.descendant_for_byte_range(match.end() - 1, match.end())
            while node is not None and node.type != "import_from_statement":
                node = node.parent
            module = node.child_by_field_name("module_name") if node is not None else None
            if module is not None:
                found.append(self.read(module))
        return found

    def _parameters(self, function: Node) -> list[str]:
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

    def _first_parameter(self, function: Node) -> str:
        names = self._parameters(function)
        return names[0] if names else ""

    def _name_of(self, whole: Node) -> str:
        name = whole.child_by_field_name("name")
        return self.read(name) if name is not None else ""

    def _decorators(self, function: Node) -> list[str]:
        holder = function.parent
        if holder is None or holder.type != "decorated_definition":
            return []
        return [self.read(each).lstrip("@").strip() for each in children_of(holder, "decorator")]


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
