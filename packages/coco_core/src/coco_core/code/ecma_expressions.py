"""Expressions and types of JavaScript and TypeScript, reduced to what the resolver follows."""

from __future__ import annotations

from tree_sitter import Node

from coco_core.code.ecma_structure import EcmaStructure
from coco_core.code.unit import Expression, Form

__all__ = ["expression_of"]

_LITERALS = frozenset(
    {"string", "number", "template_string", "array", "regex", "true", "false", "null",
     "undefined", "predefined_type", "literal_type", "array_type", "tuple_type", "function_type",
     "unary_expression", "binary_expression"}
)  # fmt: skip
_SAME = frozenset(
    {"parenthesized_expression", "await_expression", "non_null_expression", "type_annotation",
     "parenthesized_type", "readonly_type", "expression_with_type_arguments",
     "instantiation_expression"}
)  # fmt: skip

# Types that have the members of their argument.
_TRANSPARENT = frozenset({"Promise", "Readonly", "Partial", "Required", "NonNullable", "Awaited"})

_UNKNOWN = Expression(Form.UNKNOWN)


def expression_of(unit: EcmaStructure, node: Node) -> Expression:
    """Reduce an expression or a type."""
    kind = node.type
    if kind in {"identifier", "type_identifier"}:
        return Expression(Form.NAME, unit.read(node), node)
    if kind in _LITERALS:
        return Expression(Form.LITERAL)
    if kind in _SAME:
        inner = node.named_children
        return Expression(Form.SAME, of=inner[0]) if inner else _UNKNOWN
    if kind in {"this", "this_type"}:
        return _this(unit, node)
    if kind == "super":
        around = _class_around(unit, node)
        return Expression(Form.SUPER, of=around) if around is not None else _UNKNOWN
    if kind in {"member_expression", "nested_type_identifier", "nested_identifier"}:
        base = node.child_by_field_name("object") or node.child_by_field_name("module")
        name = node.child_by_field_name("property") or node.child_by_field_name("name")
        if base is not None and name is not None:
            return Expression(Form.MEMBER, unit.read(name), base)
    if kind in {"generic_type", "union_type"}:
        return _generic(unit, node) if kind == "generic_type" else _union(unit, node)
    return _made(node)


def _made(node: Node) -> Expression:
    """Reduce what a call, a constructor or a cast makes."""
    kind = node.type
    if kind == "call_expression":
        return Expression(Form.CALL, of=node.child_by_field_name("function"))
    if kind == "new_expression":
        return Expression(Form.NEW, of=node.child_by_field_name("constructor"))
    if kind in {"as_expression", "satisfies_expression"} and len(node.named_children) > 1:
        return Expression(Form.TYPED, of=node.named_children[-1])
    if kind in {"arrow_function", "function_expression"}:
        return Expression(Form.FUNCTION)
    return _UNKNOWN


def _generic(unit: EcmaStructure, node: Node) -> Expression:
    name = node.child_by_field_name("name")
    arguments = node.child_by_field_name("type_arguments")
    if name is None:
        return _UNKNOWN
    if unit.read(name) in _TRANSPARENT and arguments is not None and arguments.named_children:
        return Expression(Form.SAME, of=arguments.named_children[0])
    return Expression(Form.SAME, of=name)


def _union(unit: EcmaStructure, node: Node) -> Expression:
    """Read ``X | undefined`` as X."""
    parts = [each for each in node.named_children if unit.read(each) not in {"undefined", "null"}]
    return Expression(Form.SAME, of=parts[0]) if len(parts) == 1 else _UNKNOWN


def _this(unit: EcmaStructure, node: Node) -> Expression:
    """Return what ``this`` belongs to: a class, an object, or what a function is assigned to."""
    child, at = node, node.parent
    while at is not None:
        if at.type in {"class_body", "interface_body"} and at.parent is not None:
            static = any(each.type == "static" for each in child.children)
            form = Form.CLASS_ITSELF if static else Form.THIS
            return Expression(form, of=at.parent)
        if at.type == "object" and child.type == "method_definition":
            owner = unit.owner_of_object(at)
            return Expression(Form.THIS, of=owner) if owner is not None else _UNKNOWN
        if at.type in {"function_expression", "function_declaration", "generator_function"}:
            holder = at.parent
            if holder is not None and holder.type == "assignment_expression":
                left = holder.child_by_field_name("left")
                base = left.child_by_field_name("object") if left is not None else None
                owner = unit.owner(base, is_function=True) if base is not None else None
                if owner is not None and owner != unit.root:
                    return Expression(Form.THIS, of=owner)
                return _UNKNOWN
            if holder is not None and holder.type == "pair" and holder.parent is not None:
                owner = unit.owner_of_object(holder.parent)
                return Expression(Form.THIS, of=owner) if owner is not None else _UNKNOWN
            if at.type == "function_declaration":
                return Expression(Form.THIS, of=at)
            return _UNKNOWN
        child, at = at, at.parent
    return _UNKNOWN


def _class_around(unit: EcmaStructure, node: Node) -> Node | None:
    del unit
    at = node.parent
    while at is not None:
        if at.type == "class_body":
            return at.parent
        at = at.parent
    return None
