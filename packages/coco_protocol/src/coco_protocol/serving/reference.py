"""API reference at ``/docs``: the OpenAPI document as one page without scripts."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

__all__ = ["CONTENT_SECURITY_POLICY", "reference_page"]

# The document is JSON that FastAPI made: its shape is OpenAPI's, which no type here could prove.
_Schema: TypeAlias = Mapping[str, Any]

CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""The page loads nothing at all; its style stands in it."""

_REF = "#/components/schemas/"

_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font:13px/1.45 ui-monospace,monospace}
pre{padding:.7rem;overflow-x:auto;border:1px solid #8884;border-radius:6px}
h2{margin-top:2.5rem;border-bottom:1px solid #8884}
h3{margin-top:1.8rem}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #8883}
.method{display:inline-block;min-width:4.5rem;font-weight:700}
"""


def reference_page(document: _Schema) -> str:
    """Return the HTML page for an OpenAPI document."""
    info = document["info"]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        f"<title>{_text(info['title'])}</title><style>{_STYLE}</style>",
        f"<h1>{_text(info['title'])} {_text(info['version'])}</h1>",
        _paragraphs(info.get("description", "")),
        "<p>The same for programs: <a href=/openapi.json>/openapi.json</a>.</p>",
        *_operations(document),
        "<h2>Bodies</h2>",
        *(_model(name, model) for name, model in sorted(document["components"]["schemas"].items())),
        "</html>",
    ]
    return "\n".join(parts)


def _operations(document: _Schema) -> Iterator[str]:
    by_tag: dict[str, list[tuple[str, str, _Schema]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    for tag, operations in by_tag.items():
        yield f"<h2>{_text(tag)}</h2>"
        for method, path, operation in operations:
            yield (
                f"<h3 id={_text(operation['operationId'])}>"
                f"<span class=method>{method}</span> <code>{_text(path)}</code></h3>"
            )
            yield _paragraphs(operation.get("description", ""))
            yield _parameters(operation.get("parameters", ()))
            yield from _bodies(method, path, operation, document)


def _bodies(method: str, path: str, operation: _Schema, document: _Schema) -> Iterator[str]:
    command = f"curl -X {method} " if method not in {"GET", "POST"} else "curl "
    url = f"http://127.0.0.1:3456{path}"
    content = operation.get("requestBody", {}).get("content", {})
    for kind, body in content.items():
        yield f"<p>Takes {_type(body['schema'])}.</p>"
        example = json.dumps(_example(body["schema"], document))
        command += f"-H 'content-type: {kind}' -d '{example}' "
    if method == "POST" and not content:
        command += "-X POST "
    # 200, 202 or 204: the answer of a request that succeeded.
    success = next(code for code in operation["responses"] if code.startswith("2"))
    kinds = operation["responses"][success].get("content", {})
    told = [
        _type(body["schema"]) if "$ref" in body["schema"] else f"<code>{_text(kind)}</code>"
        for kind, body in kinds.items()
    ]
    yield f"<p>Answers {' or '.join(told) or f'<code>{success}</code>'}.</p>"
    yield f"<pre>{_text(command + url)}</pre>"


def _parameters(parameters: Sequence[_Schema]) -> str:
    rows = [
        _row(
            parameter["name"],
            f"{parameter['in']}, {_type(parameter['schema'])}",
            parameter.get("description", ""),
            required=parameter.get("required", False),
        )
        for parameter in parameters
    ]
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _model(name: str, model: _Schema) -> str:
    required = set(model.get("required", ()))
    rows = [
        _row(
            field,
            _type(schema),
            _limits(schema),
            required=field in required,
        )
        for field, schema in model.get("properties", {}).items()
    ]
    head = f"<h3 id={_text(name)}><code>{_text(name)}</code></h3>"
    return f"{head}{_paragraphs(model.get('description', ''))}<table>{''.join(rows)}</table>"


def _row(name: str, kind: str, text: str, *, required: bool) -> str:
    needed = "required" if required else ""
    return f"<tr><td><code>{_text(name)}</code><td>{kind}<td>{needed}<td>{_text(text)}</tr>"


def _type(schema: _Schema) -> str:
    """Name a schema's type as HTML, with links to models."""
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(_REF)
        return f"<a href='#{_text(name)}'><code>{_text(name)}</code></a>"
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f"<code>{_text(json.dumps(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{_text(json.dumps(schema['const']))}</code>"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"array of {_type(schema.get('items', {}))}"
    return _text(str(kind))


def _limits(schema: _Schema) -> str:
    """Say a field's description, bounds and default."""
    options = [schema, *schema.get("anyOf", ())]
    words = [
        f"{label} {option[key]}"
        for key, label in (
            ("minimum", "from"),
            ("maximum", "to"),
            ("minLength", "at least characters:"),
            ("maxLength", "at most characters:"),
            ("minItems", "at least items:"),
            ("maxItems", "at most items:"),
        )
        for option in options
        if key in option
    ]
    if schema.get("default") is not None:
        words.append(f"default {json.dumps(schema['default'])}")
    return ". ".join(part for part in (schema.get("description", ""), ", ".join(words)) if part)


def _example(schema: _Schema, document: _Schema) -> object:
    """Return a small valid value: required fields only."""
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(_REF)
        model = document["components"]["schemas"][name]
        required = model.get("required", ())
        return {field: _example(model["properties"][field], document) for field in required}
    if schema.get("type") == "array":
        return [_example(schema["items"], document)]
    return {"integer": 1, "number": 1.0, "boolean": False}.get(str(schema.get("type")), "…")


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_text(part)}</p>" for part in text.split("\n\n") if part.strip())


def _text(value: object) -> str:
    return html.escape(str(value)).replace("``", "").replace("`", "")
