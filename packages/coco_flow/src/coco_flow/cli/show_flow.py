"""What `coco-flow show` prints of a flow: what it does as a tree, and its fields as a table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from coco_core.terminal import table_lines
from coco_flow.types.value_types import (
    EnrichedValueType,
    FieldSchema,
    StructType,
    TableType,
)

if TYPE_CHECKING:
    from coco_flow.cli.terminal import Terminal

__all__ = ["masked", "show_flow"]

# Fields of specs that have secrets if these are not in auth entries.
_SECRET = re.compile(
    r"(^|_)(password|passwd|secret|token|api_?key|credentials?|connection_string|"
    r"(access|account|private)_key)$",
    re.IGNORECASE,
)
# The password, or the token in place of a user, in a URL.
_URL_SECRET = re.compile(r"(\w+://[^/@\s:]*:)[^/@\s]+(?=@)")
_MASK = "***"


@dataclass(slots=True)
class _Node:
    """A line of the tree, with the lines below it."""

    label: str
    children: list[_Node] = field(default_factory=list)


def show_flow(
    terminal: Terminal,
    definition: dict[str, Any],
    *,
    handlers: Sequence[str],
    verbose: bool,
    color: bool | None,
) -> None:
    """Print a flow from its definition as JSON.

    Args:
        terminal: Where to print.
        definition: What `Flow.describe` returns.
        handlers: Query handlers with their parameters.
        verbose: Show specs and options whole.
        color: Whether to use colors; None if the terminal decides.
    """
    for line in _tree_lines(_tree(definition, handlers, verbose)):
        terminal.line(_colored(terminal, line, color))
    rows = list(_schema_rows(definition))
    terminal.line()
    heading = f"Schema of {definition['name']}"
    terminal.line(terminal.style(heading, "1", color=color))
    for number, line in enumerate(table_lines(("FIELD", "TYPE", "ATTRIBUTES"), rows)):
        terminal.line(line if number else terminal.style(line, "2", color=color))


def masked(value: Any, name: str = "") -> Any:
    """Return a spec with what looks like a secret replaced by stars."""
    if isinstance(value, dict):
        return {key: masked(item, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, name) for item in value]
    if isinstance(value, str):
        return _MASK if value and _SECRET.search(name) else _URL_SECRET.sub(rf"\1{_MASK}", value)
    return value


def _tree(definition: dict[str, Any], handlers: Sequence[str], verbose: bool) -> _Node:
    sources = [
        _Node(
            f"{source['name']}: {_spec(source, verbose)}",
            [_Node(f"changes: {_change_capture(source)}"), *_limits(source, verbose)],
        )
        for source in definition["sources"]
    ]
    processing = [
        _Node(f"for each row of {source['name']}", _operations(source, verbose))
        for source in definition["sources"]
    ]
    sections = [
        _Node("Sources", sources),
        _Node("Processing", processing),
        _Node("Exports", [_export(export, verbose) for export in definition["exports"]]),
    ]
    declared = [_Node(_spec(each, verbose)) for each in definition["declarations"]]
    if declared:
        sections.append(_Node("Declarations", declared))
    if handlers:
        sections.append(_Node("Query handlers", [_Node(handler) for handler in handlers]))
    return _Node(f"Flow {definition['name']}", sections)


def _spec(described: dict[str, Any], verbose: bool) -> str:
    spec = masked(described["spec"])
    shown = spec if verbose else {k: v for k, v in spec.items() if _is_set(v)}
    return f"{described['kind']}({_keywords(shown)})"


def _is_set(value: Any) -> bool:
    return value not in (None, False, [], {}, "") and not isinstance(value, dict)


def _keywords(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_constant(value)}" for name, value in values.items())


def _constant(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _change_capture(source: dict[str, Any]) -> str:
    parts = [source["change_capture"]] if source["change_capture"] else []
    if source["refresh_interval"] is not None:
        parts.append(f"listed again every {source['refresh_interval']:g} s")
    return ", and ".join(parts) or "noticed by coco-flow update only, not in live mode"


def _limits(source: dict[str, Any], verbose: bool) -> list[_Node]:
    limits = {
        name: source[name]
        for name in ("max_inflight_rows", "max_inflight_bytes")
        if verbose and source[name] is not None
    }
    return [_Node(_keywords(limits))] if limits else []


def _operations(scope: dict[str, Any], verbose: bool) -> list[_Node]:
    return [_operation(operation, verbose) for operation in scope["operations"]]


def _operation(operation: dict[str, Any], verbose: bool) -> _Node:
    if operation["op"] == "for_each":
        return _Node(f"for each row of {operation['table']}", _operations(operation, verbose))
    if operation["op"] == "collect":
        fields = [name if _is_own(name, v) else f"{name}={_value(v)}"
                  for name, v in operation["fields"].items()]  # fmt: skip
        if operation["uuid_field"]:
            fields.append(f"{operation['uuid_field']}=generated UUID")
        return _Node(f"collect into {operation['collector']}: {', '.join(fields)}")
    arguments = [_argument(argument) for argument in operation["arguments"]]
    spec = masked(operation["spec"])
    if verbose and spec:
        arguments.append(f"spec={_constant(spec)}")
    options = {k: v for k, v in operation["options"].items() if v not in (None, False)}
    label = f"{operation['output']} = {operation['function']}({', '.join(arguments)})"
    return _Node(f"{label}  [{_keywords(options)}]" if verbose and options else label)


def _is_own(name: str, value: dict[str, Any]) -> bool:
    return value.get("field") == name


def _argument(argument: dict[str, Any]) -> str:
    keyword = argument["keyword"]
    return f"{keyword}={_value(argument)}" if keyword else _value(argument)


def _value(value: dict[str, Any]) -> str:
    if "constant" in value:
        return _constant(masked(value["constant"]))
    return f"{value['scope']}.{value['field']}"


def _export(export: dict[str, Any], verbose: bool) -> _Node:
    keys = ", ".join(key["name"] for key in export["key"])
    node = _Node(f"{export['name']}: {_spec(export, verbose)} from {export['collector']}")
    node.children.append(_Node(f"key: {keys}"))
    values = ", ".join(value["name"] for value in export["value"])
    node.children.append(_Node(f"values: {values or 'none'}"))
    indexes = {
        name: value for name, value in (export["index"] or {}).items()
        if name != "primary_key_fields" and value
    }  # fmt: skip
    node.children += [
        _Node(f"{name.replace('_', ' ')}: {_index(index)}")
        for name, found in indexes.items()
        for index in found
    ]
    if export["setup_by_user"]:
        node.children.append(_Node("set up by the user"))
    return node


def _index(index: Any) -> str:
    if not isinstance(index, dict):
        return str(index)
    return ", ".join(f"{k} {v}" for k, v in index.items() if not isinstance(v, dict) and v)


def _tree_lines(node: _Node) -> Iterator[str]:
    yield node.label
    yield from _branches(node, "")


def _branches(node: _Node, indent: str) -> Iterator[str]:
    for number, child in enumerate(node.children, 1):
        last = number == len(node.children)
        yield f"{indent}{'└── ' if last else '├── '}{child.label}"
        yield from _branches(child, indent + ("    " if last else "│   "))


def _colored(terminal: Terminal, line: str, color: bool | None) -> str:
    """Dim the tree's lines and highlight the names of its sections."""
    found = re.fullmatch(r"([│├└─ ]*)(.*)", line)
    assert found is not None
    branch, label = found.groups()
    if len(branch) <= 4:
        label = terminal.style(label, "1", color=color)
    return (terminal.style(branch, "2", color=color) if branch else "") + label


def _schema_rows(definition: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for source in definition["sources"]:
        keys = sum(1 for each in source["fields"] if each["key"])
        yield source["name"], f"KTable({keys})", ""
        yield from _scope_rows(source, f"{source['name']}[]")
    for collector in definition["collectors"]:
        yield collector["name"], "collector", ""
        for each in collector["fields"]:
            yield from _field_rows(FieldSchema.decode(each), f"{collector['name']}[]")


def _scope_rows(scope: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    inner = {each["table"]: each for each in scope["operations"] if each["op"] == "for_each"}
    for each in scope["fields"]:
        value_type = EnrichedValueType.decode(each["type"])
        path = f"{prefix}.{each['name']}"
        yield path, _type_name(value_type), _attributes(value_type, is_key=each["key"])
        if each["name"] in inner:
            yield from _scope_rows(inner[each["name"]], f"{path}[]")
        else:
            yield from _part_rows(value_type, path)


def _field_rows(each: FieldSchema, prefix: str) -> Iterator[tuple[str, str, str]]:
    path = f"{prefix}.{each.name}"
    yield path, _type_name(each.value_type), _attributes(each.value_type)
    yield from _part_rows(each.value_type, path)


def _part_rows(value_type: EnrichedValueType, path: str) -> Iterator[tuple[str, str, str]]:
    kind = value_type.type
    if isinstance(kind, StructType):
        for each in kind.fields:
            yield from _field_rows(each, path)
    elif isinstance(kind, TableType):
        for each in kind.row.fields:
            yield from _field_rows(each, f"{path}[]")


def _type_name(value_type: EnrichedValueType) -> str:
    kind = value_type.type
    if isinstance(kind, TableType):
        name = f"KTable({kind.num_key_parts})" if kind.num_key_parts else "LTable"
    else:
        name = "Struct" if isinstance(kind, StructType) else str(kind)
    return f"{name}?" if value_type.nullable else name


def _attributes(value_type: EnrichedValueType, *, is_key: bool = False) -> str:
    names = ["key"] if is_key else []
    return ", ".join([*names, *(value_type.attrs or {})])
