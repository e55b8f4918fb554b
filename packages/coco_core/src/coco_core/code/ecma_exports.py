"""What a JavaScript or TypeScript file exports, and imports whose local name is free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tree_sitter import Node

from coco_core.code.site import Origin

if TYPE_CHECKING:
    from coco_core.code.unit import Unit

__all__ = ["Exports", "exports_of", "required_module"]

_VALUES = frozenset(
    {"function_expression", "arrow_function", "class", "object", "generator_function",
     "function_declaration", "class_declaration", "abstract_class_declaration"}
)  # fmt: skip


@dataclass
class Exports:
    """The names that a module offers; ``export=`` is what ``require`` returns."""

    local: dict[str, str] = field(default_factory=dict)
    """Offered name to the name inside of the file."""
    unnamed: dict[str, Node] = field(default_factory=dict)
    passed_on: dict[str, Origin] = field(default_factory=dict)
    wildcards: list[str] = field(default_factory=list)
    free_imports: list[tuple[Node, Origin]] = field(default_factory=list)


def exports_of(unit: Unit) -> Exports:
    """Read the statements at the top of a file."""
    found = Exports()
    for statement in unit.root.named_children:
        if statement.type == "export_statement":
            _export(unit, statement, found)
        elif statement.type == "import_statement":
            _import(unit, statement, found)
        elif statement.type == "expression_statement" and b"exports" in unit.text:
            _assignment(unit, statement.named_children[0], found)
        elif statement.type in {"lexical_declaration", "variable_declaration"}:
            _required(unit, statement, found)
    return found


def required_module(unit: Unit, value: Node | None) -> str | None:
    """Return the module of ``require('x')``."""
    if value is None or value.type != "call_expression":
        return None
    callee = value.child_by_field_name("function")
    arguments = value.child_by_field_name("arguments")
    if callee is None or arguments is None or unit.read(callee) != "require":
        return None
    given = arguments.named_children
    if len(given) != 1 or given[0].type != "string":
        return None
    return unit.read(given[0]).strip("\"'`")


def _export(unit: Unit, statement: Node, found: Exports) -> None:
    source = statement.child_by_field_name("source")
    module = unit.read(source).strip("\"'`") if source is not None else None
    for child in statement.children:
        if child.type == "*" and module is not None:
            found.wildcards.append(module)
        elif child.type == "namespace_export" and module is not None and child.named_children:
            found.passed_on[unit.read(child.named_children[0])] = Origin(module)
        elif child.type == "export_clause":
            for each in child.named_children:
                name = each.child_by_field_name("name")
                if name is None:
                    continue
                offered = unit.read(each.child_by_field_name("alias") or name)
                if module is not None:
                    found.passed_on[offered] = Origin(module, unit.read(name))
                else:
                    found.local[offered] = unit.read(name)
        elif child.type in {"default", "="}:
            key = "default" if child.type == "default" else "export="
            _offer(unit, key, _exported_value(statement), found)


def _exported_value(statement: Node) -> Node | None:
    return (
        statement.child_by_field_name("declaration")
        or statement.child_by_field_name("value")
        or (statement.named_children[-1] if statement.named_children else None)
    )


def _offer(unit: Unit, key: str, value: Node | None, found: Exports) -> None:
    if value is None:
        return
    name = value if value.type == "identifier" else value.child_by_field_name("name")
    if name is not None and value.type not in {"member_expression", "call_expression"}:
        found.local[key] = unit.read(name)
    elif value.type in _VALUES:
        found.unnamed[key] = value
    if value.type == "object":
        for each in value.named_children:
            if each.type == "shorthand_property_identifier":
                found.local[unit.read(each)] = unit.read(each)
            elif each.type == "pair":
                offered = each.child_by_field_name("key")
                inner = each.child_by_field_name("value")
                if offered is not None and inner is not None and inner.type == "identifier":
                    found.local[unit.read(offered)] = unit.read(inner)


def _assignment(unit: Unit, node: Node, found: Exports) -> None:
    """Read ``module.exports = …`` and ``exports = module.exports = …``."""
    while node.type == "assignment_expression":
        left = node.child_by_field_name("left")
        right = node.child_by_field_name("right")
        if left is None or right is None:
            return
        target = unit.read(left)
        if target in {"module.exports", "exports"}:
            value = right
            while value.type == "assignment_expression":
                value = value.child_by_field_name("right") or value
                if value.type != "assignment_expression":
                    break
            module = required_module(unit, value)
            if module is not None:
                found.passed_on["export="] = found.passed_on["default"] = Origin(module, "export=")
                return
            _offer(unit, "export=", value, found)
            if "export=" in found.local:
                found.local.setdefault("default", found.local["export="])
            if "export=" in found.unnamed:
                found.unnamed.setdefault("default", found.unnamed["export="])
            return
        if target.startswith(("exports.", "module.exports.")):
            name = target.rpartition(".")[2]
            module = required_module(unit, right)
            if module is not None:
                found.passed_on[name] = Origin(module, "export=")
            elif right.type == "identifier":
                found.local[name] = unit.read(right)
        node = right


def _import(unit: Unit, statement: Node, found: Exports) -> None:
    source = statement.child_by_field_name("source")
    if source is None:
        return
    module = unit.read(source).strip("\"'`")
    for clause in statement.named_children:
        if clause.type == "import_clause":
            for child in clause.named_children:
                if child.type == "identifier":
                    found.free_imports.append((child, Origin(module, "default")))
                elif child.type == "named_imports":
                    for each in child.named_children:
                        name = each.child_by_field_name("name")
                        alias = each.child_by_field_name("alias")
                        if alias is not None and name is not None and unit.read(name) == "default":
                            found.free_imports.append((alias, Origin(module, "default")))


def _required(unit: Unit, declaration: Node, found: Exports) -> None:
    for each in declaration.named_children:
        name = each.child_by_field_name("name")
        if name is None or name.type != "identifier":
            continue
        module = required_module(unit, each.child_by_field_name("value"))
        if module is not None:
            found.free_imports.append((name, Origin(module, "export=")))
