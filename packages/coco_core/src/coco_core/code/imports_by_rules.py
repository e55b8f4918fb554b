"""Imports of Go, Java and Rust: local name to what it brings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tree_sitter import Node

from coco_core.code.site import Origin

if TYPE_CHECKING:
    from coco_core.code.unit import Unit

__all__ = ["Imports", "imports_of"]

_VERSION = re.compile(r"v\d+")


@dataclass
class Imports:
    """What the imports of a file bring."""

    named: dict[str, Origin] = field(default_factory=dict)
    wildcards: list[str] = field(default_factory=list)


def imports_of(unit: Unit) -> Imports:
    """Read the imports at the top of a file."""
    found = Imports()
    reader = {"go": _go, "java": _java, "rust": _rust}.get(unit.language)
    if reader is None:
        return found
    for statement in unit.root.named_children:
        reader(unit, statement, found)
    return found


def _go(unit: Unit, statement: Node, found: Imports) -> None:
    if statement.type != "import_declaration":
        return
    pending = list(statement.named_children)
    while pending:
        spec = pending.pop()
        if spec.type == "import_spec_list":
            pending += spec.named_children
            continue
        place = spec.child_by_field_name("path")
        if place is None:
            continue
        module = unit.read(place).strip('"`')
        alias = spec.child_by_field_name("name")
        if alias is not None and alias.type == "dot":
            found.wildcards.append(module)
            continue
        parts = module.split("/")
        last = parts[-2] if len(parts) > 1 and _VERSION.fullmatch(parts[-1]) else parts[-1]
        name = unit.read(alias) if alias is not None else last.removeprefix("go-")
        found.named[name.partition(".")[0]] = Origin(module)


def _java(unit: Unit, statement: Node, found: Imports) -> None:
    if statement.type != "import_declaration" or not statement.named_children:
        return
    path = unit.read(statement.named_children[0])
    static = any(child.type == "static" for child in statement.children)
    if any(child.type == "asterisk" for child in statement.named_children):
        found.wildcards.append(path)
        return
    name = path.rpartition(".")[2]
    if static:
        found.named[name] = Origin(path.rpartition(".")[0], name)
    else:
        found.named[name] = Origin(path, name)


def _rust(unit: Unit, statement: Node, found: Imports) -> None:
    if statement.type == "mod_item" and statement.child_by_field_name("body") is None:
        name = statement.child_by_field_name("name")
        if name is not None:
            found.named[unit.read(name)] = Origin(f"self::{unit.read(name)}")
        return
    if statement.type != "use_declaration":
        return
    argument = statement.child_by_field_name("argument")
    if argument is not None:
        _rust_use(unit, argument, "", found)


def _rust_use(unit: Unit, node: Node, before: str, found: Imports) -> None:
    prefix = f"{before}::" if before else ""
    if node.type == "scoped_use_list":
        path = node.child_by_field_name("path")
        listed = node.child_by_field_name("list")
        inner = prefix + unit.read(path) if path is not None else before
        for each in listed.named_children if listed is not None else ():
            _rust_use(unit, each, inner, found)
    elif node.type == "use_list":
        for each in node.named_children:
            _rust_use(unit, each, before, found)
    elif node.type == "use_wildcard" and node.named_children:
        found.wildcards.append(prefix + unit.read(node.named_children[0]))
    elif node.type == "use_as_clause":
        path, alias = node.child_by_field_name("path"), node.child_by_field_name("alias")
        if path is not None and alias is not None:
            _rust_name(prefix + unit.read(path), unit.read(alias), found)
    elif node.type in {"identifier", "scoped_identifier", "self"}:
        whole = before if node.type == "self" else prefix + unit.read(node)
        _rust_name(whole, whole.rpartition("::")[2], found)


def _rust_name(path: str, local: str, found: Imports) -> None:
    module, _, name = path.rpartition("::")
    found.named[local] = Origin(module or path, name if module else "")
