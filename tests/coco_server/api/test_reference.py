"""The OpenAPI document and its page: true to what the running service does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from coco_server.auth.access import OPEN_PATHS
from tests.api_service import Running

Schema = Mapping[str, Any]


@pytest.fixture(scope="module")
def document(service: Running) -> dict[str, Any]:
    with service.client() as client:
        return dict(client.get("/openapi.json").json())


def _operations(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


class _Page(HTMLParser):
    """Collects what a page loads, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        loaded = {"script": "src", "link": "href", "img": "src", "iframe": "src"}
        self.loads += [value or "" for name, value in attrs if name == loaded.get(tag)]
        if tag == "script":
            self.loads.append("a script")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_every_route_and_loads_nothing(service: Running, document: Schema) -> None:
    with service.client() as client:
        answer = client.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    page = _Page()
    page.feed(answer.text)
    assert page.loads == []
    for _, path, _ in _operations(document):
        assert path in page.text


def test_every_route_says_what_it_must_be_shown(document: Schema) -> None:
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for method, path, operation in _operations(document):
        if path in OPEN_PATHS:
            assert operation["security"] == [], f"{method} {path}"
        else:
            assert "key" in operation["security"][0], f"{method} {path}"
    query = document["paths"]["/v1/docs/query"]["post"]
    assert set(query["security"][0]) == {"key", "org", "user", "project"}


def test_what_is_said_to_need_no_key_needs_none_and_the_rest_does(
    service: Running, document: Schema
) -> None:
    with service.client() as client:
        for method, path, operation in _operations(document):
            status = client.request(method, path).status_code
            assert (status == 401) == bool(operation["security"]), f"{method} {path}: {status}"


def test_refusals_are_described_with_their_shape(document: Schema) -> None:
    query = document["paths"]["/v1/docs/query"]["post"]["responses"]
    refusals = {"400", "401", "403", "404", "409", "413", "415", "429", "503"}
    assert refusals <= query.keys()
    assert "422" not in query
    shapes = {str(query[status]["content"]) for status in refusals}
    assert shapes == {str(query["default"]["content"])}


def _numbers(schema: Schema, document: Schema, seen: frozenset[str]) -> Iterator[Schema]:
    """Yield the schema of every number that a request may hold."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in seen:
            yield from _numbers(document["components"]["schemas"][name], document, seen | {name})
        return
    if schema.get("type") in {"integer", "number"} and "const" not in schema:
        yield schema
    for inner in [
        *schema.get("anyOf", ()),
        *schema.get("oneOf", ()),
        *schema.get("properties", {}).values(),
        *(schema[name] for name in ("items", "additionalProperties") if name in schema),
    ]:
        if isinstance(inner, dict):
            yield from _numbers(inner, document, seen)


def test_every_number_in_a_request_has_bounds(document: Schema) -> None:
    for method, path, operation in _operations(document):
        bodies = operation.get("requestBody", {}).get("content", {}).values()
        schemas = [
            *(parameter["schema"] for parameter in operation.get("parameters", ())),
            *(body["schema"] for body in bodies),
        ]
        for schema in schemas:
            for number in _numbers(schema, document, frozenset()):
                low = {"minimum", "exclusiveMinimum"} & number.keys()
                high = {"maximum", "exclusiveMaximum"} & number.keys()
                assert low, f"{method} {path}: {number}"
                assert high, f"{method} {path}: {number}"


@pytest.mark.parametrize("value", [1e308, -1e308, 2**63, -(2**63), 10**300, 0.1])
@pytest.mark.parametrize("field", ["min_quality", "changed_since"])
def test_a_filter_out_of_range_is_the_callers_mistake(
    client: httpx.Client, field: str, value: float
) -> None:
    body = {"query": "x", "filters": {field: value}}
    assert client.post("/v1/docs/query", json=body).status_code < 500


TWICE = ["authorization", "x-coco-org-id", "x-coco-user-id", "x-coco-project-id",
         "x-coco-session-token", "x-forwarded-proto", "content-type"]  # fmt: skip


@pytest.mark.parametrize("name", TWICE)
def test_a_header_that_says_who_asks_is_taken_once(
    service: Running, client: httpx.Client, name: str
) -> None:
    headers = [*client.headers.multi_items(), (name, "x"), (name, "x")]
    answer = httpx.get(service.url + "/v1/jobs", headers=headers)
    assert answer.status_code == 400
    assert name in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/docs/import", "/v1/ingest/batch"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip"])
def test_a_compressed_import_is_refused_at_once(
    client: httpx.Client, path: str, encoding: str
) -> None:
    headers = {"content-type": "application/x-ndjson", "content-encoding": encoding}
    answer = client.post(path, headers=headers, content=b"\x1f\x8b")
    assert answer.status_code == 415
    assert "uncompressed" in answer.json()["error"]["hint"]
