"""Write the HTTP references of both products as Markdown, for the site; runs in .venv.

The argument is the folder of the pages.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_REF = "#/components/schemas/"
_METHODS = ("get", "post", "put", "patch", "delete")


def local_mode() -> dict[str, Any]:
    """Return the OpenAPI document of the daemon."""
    from coco_local.api.app import create_app
    from coco_local.settings import load_settings

    with tempfile.TemporaryDirectory() as home:
        settings = load_settings({"home": home}, environ={})
        # Routes are declared without asking the service anything.
        return create_app(None, settings).openapi()  # type: ignore[arg-type]


def server_mode() -> dict[str, Any]:
    """Return the OpenAPI document of the API service; no database is asked for it."""
    from coco_server.api.app import create_app
    from coco_server.api.services import build_services
    from coco_server.settings import load_settings

    with tempfile.TemporaryDirectory() as blobs:
        environ = {
            "COCO_META_DB": "postgresql://nobody@127.0.0.1/none",
            "COCO_BLOB_URL": Path(blobs).as_uri(),
            "COCO_ADMIN_KEY": "for-the-documentation",
        }
        settings = load_settings({"host": "127.0.0.1"}, environ=environ, insecure_dev=True)
        return create_app(build_services(settings)).openapi()


def page(title: str, document: Mapping[str, Any]) -> str:
    """Return the page of an OpenAPI document."""
    parts = [f"# {title}", _text(document["info"].get("description", "")), *_operations(document)]
    parts.append("## Bodies")
    for name, model in sorted(document["components"]["schemas"].items()):
        parts += [f"### {name} {{#{name}}}", _text(model.get("description", "")), _fields(model)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _operations(document: Mapping[str, Any]) -> Iterator[str]:
    by_tag: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                operation = methods[method]
                by_tag.setdefault(operation["tags"][0], []).append((method, path, operation))
    for tag, operations in by_tag.items():
        yield f"## {tag}"
        for method, path, operation in operations:
            yield f"### {method.upper()} {path} {{#{operation['operationId']}}}"
            yield _text(operation.get("description", ""))
            yield _table(
                (each["name"], f"{each['in']}, {_type(each['schema'])}", _needed(each), each)
                for each in operation.get("parameters", ())
            )
            yield from _bodies("Takes", operation.get("requestBody", {}))
            yield from _bodies("Answers", operation["responses"].get("200", {}))


def _bodies(verb: str, body: Mapping[str, Any]) -> Iterator[str]:
    kinds = [f"`{kind}`: {_type(each['schema'])}" for kind, each in body.get("content", {}).items()]
    if kinds:
        yield f"{verb} {' or '.join(kinds)}."


def _fields(model: Mapping[str, Any]) -> str:
    required = model.get("required", ())
    return _table(
        (name, _type(schema), "required" if name in required else "", schema)
        for name, schema in model.get("properties", {}).items()
    )


def _needed(parameter: Mapping[str, Any]) -> str:
    return "required" if parameter.get("required") else ""


def _table(rows: Iterator[tuple[str, str, str, Mapping[str, Any]]]) -> str:
    lines = [
        f"| `{name}` | {kind} | {needed} | {_text(schema.get('description', ''))} |"
        for name, kind, needed, schema in rows
    ]
    return "\n".join(["| name | type | | |", "|---|---|---|---|", *lines]) if lines else ""


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        return f"[{name}](#{name})"
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(map(_type, schema[key])))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def _text(text: str) -> str:
    """Return a text of the document as a line of Markdown."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    return "\n\n".join(paragraphs).replace("|", "\\|").replace("{", "\\{").replace("<", "&lt;")


def main() -> None:
    """Write both pages."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "http-local": ("HTTP of local mode", local_mode()),
        "http-server": ("HTTP of server mode", server_mode()),
    }
    for name, (title, document) in pages.items():
        (folder / f"{name}.md").write_text(page(title, document), encoding="utf-8")


if __name__ == "__main__":
    main()
