"""JSON Schemas of the tools, plain enough for every MCP client."""

from __future__ import annotations

from typing import Any

from coco_local.mcp.arguments import Arguments

__all__ = ["plain_schema"]


# Each word is part of every conversation, and what a value may be is checked with a sentence.
NOISE = frozenset(
    {"title", "default", "minimum", "maximum", "minLength", "maxLength", "maxItems", "pattern"}
)


def plain_schema(model: type[Arguments]) -> dict[str, Any]:
    """Return the schema of a tool's arguments without what is unlisted and what need not be said.

    There is no ``$ref`` and no ``null`` alternative either, which several clients cannot
    translate; an optional argument is one that is not in ``required``.
    """
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    properties = {
        name: _plain(child, definitions)
        for name, child in schema["properties"].items()
        if name not in model.unlisted
    }
    # What is needed comes first: models fill arguments in this order.
    required = schema.get("required", [])
    ordered = sorted(properties, key=lambda name: name not in required)
    result: dict[str, Any] = {"type": "object", "properties": {n: properties[n] for n in ordered}}
    return {**result, "required": required} if required else result


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
        if key in NOISE:
            continue
        if isinstance(value, dict):
            result[key] = _plain(value, definitions)
        else:
            result[key] = value
    return result
