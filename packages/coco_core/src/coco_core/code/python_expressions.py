"""Python's expressions and types, reduced to what the resolver follows."""

from __future__ import annotations

from tree_sitter import Node

from coco_core.code.python_structure import COMPREHENSIONS, PythonStructure
from coco_core.code.unit import Expression, Form

__all__ = ["PythonExpressions"]

_LITERALS = frozenset(
    {
        "string", "concatenated_string", "integer", "float", "list", "dictionary", "set", "tuple",
        "true", "false", "none", "list_comprehension", "dictionary_comprehension",
        "set_comprehension", "generator_expression", "comparison_operator", "not_operator",
    }
)  # fmt: skip


class PythonExpressions(PythonStructure):
    """Says what an expression is."""

    def expression(self, node: Node) -> Expression:
        """Reduce an expression or a type."""
        kind = node.type
        if kind == "identifier":
            return self._self_or_name(node)
        if kind == "attribute":
            name = node.child_by_field_name("attribute")
            base = node.child_by_field_name("object")
            if name is not None and base is not None:
                return Expression(Form.MEMBER, self.read(name), base)
        if kind == "call":
            return self._call(node)
        if kind in _LITERALS:
            return Expression(Form.LITERAL)
        if kind == "lambda":
            return Expression(Form.FUNCTION)
        if kind == "generic_type":
            return self._generic(node)
        return self._same(node)

    def _call(self, node: Node) -> Expression:
        callee = node.child_by_field_name("function")
        if callee is None:
            return Expression(Form.UNKNOWN)
        if callee.type == "identifier" and self.read(callee) == "super":
            around = self.class_around(node)
            return Expression(Form.SUPER, of=around) if around else Expression(Form.UNKNOWN)
        return Expression(Form.CALL, of=callee)

    def _same(self, node: Node) -> Expression:
        """Read what has the type of a part of it: parentheses, ``await``, ``X | None``."""
        kind, inner = node.type, node.named_children
        if kind in {"parenthesized_expression", "await", "type", "named_expression"} and inner:
            return Expression(Form.SAME, of=inner[-1])
        if kind == "conditional_expression" and inner:
            return Expression(Form.SAME, of=inner[0])
        right = node.child_by_field_name("right") if kind == "binary_operator" else None
        if right is not None and right.type == "none":
            return Expression(Form.SAME, of=node.child_by_field_name("left"))
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

    def _self_or_name(self, node: Node) -> Expression:
        name = self.read(node)
        scope = self.scope_of(node)
        while scope.type in COMPREHENSIONS or scope.type == "lambda":
            scope = self.scope_of(scope)
        while scope.type == "function_definition":
            outer = self.scope_of(scope)
            if outer.type == "class_definition" and self.first_parameter(scope) == name:
                marks = self.decorators_of(scope)
                if "staticmethod" not in marks:
                    of_class = "classmethod" in marks or self.name_text(scope) in {
                        "__new__",
                        "__init_subclass__",
                        "__class_getitem__",
                    }
                    form = Form.CLASS_ITSELF if of_class else Form.THIS
                    return Expression(form, name, outer)
            if name in self.parameters_of(scope):
                break
            scope = outer
        return Expression(Form.NAME, name, node)
