"""JSON Schemas of the tools, plain enough for every MCP client."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

__all__ = ["plain_schema"]


def plain_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the model's schema without ``$ref``, titles and ``null`` alternatives.

    Several clients translate tool schemas into a dialect that has none of these; an optional
    argument is one that is not in ``required``.
    """
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    plain = _plain(schema, definitions)
    # The class docstring is for us; the tool's description is for the model.
    plain.pop("description", None)
    return plain


def _plain(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        node = {**definitions[name], **{k: v for k, v in node.items() if k != "$ref"}}
    if "anyOf" in node:
        options = [option for option in node["anyOf"] if option.get("type") != "null"]
        if len(options) == 1:
            node = {**options[0], **{k: v for k, v in node.items() if k != "anyOf"}}
            return _plain(node, definitions)
    result: dict[str, Any] = {}
    for key, value in node.items():
        if key == "title" or (key == "default" and value is None):
            continue
        if key == "properties":
            result[key] = {name: _plain(child, definitions) for name, child in value.items()}
        elif isinstance(value, dict):
            result[key] = _plain(value, definitions)
        else:
            result[key] = value
    return result
