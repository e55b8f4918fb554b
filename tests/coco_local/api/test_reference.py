"""The API's own documents work without any network."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx
import pytest


class Page(HTMLParser):
    """Collects what a browser would load or follow."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            if name in {"href", "src"} and value:
                self.links.append(value)


@pytest.mark.slow
def test_the_page_loads_nothing_and_describes_every_operation(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    answer = client.get("/docs")
    page = Page()
    page.feed(answer.text)
    assert not page.tags & {"script", "img", "iframe", "object"}
    assert all(link == "/openapi.json" or link.startswith("#") for link in page.links)
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    assert set(re.findall(r"https?://[^/\"'<\s]+", answer.text)) == {"http://127.0.0.1:3456"}
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    operations = {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    assert operations <= page.ids
    assert set(document["components"]["schemas"]) <= page.ids


def test_the_document_names_no_error_that_is_never_sent(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for methods in document["paths"].values():
        for operation in methods.values():
            schema = operation["responses"]["default"]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorEnvelope"}
            assert operation["description"]


def test_every_example_of_the_page_is_accepted(client: httpx.Client) -> None:
    page = client.get("/docs").text
    shown = r"curl (?:-X (\w+) )?[^<]*-d &#x27;(.*?)&#x27; http://127.0.0.1:3456(/\S+?)</pre>"
    bodies = re.findall(shown, page)
    assert len(bodies) == 13
    for method, body, path in bodies:
        text = body.replace("&quot;", '"')
        answer = client.request(
            method or "POST",
            path,
            content=text.encode(),
            headers={"content-type": "application/json"},
        )
        # What "…" names does not exist; the shape is right.
        assert answer.status_code in {200, 403, 404, 400}, answer.text
        assert "fields" not in answer.json().get("error", {}).get("details", {}), answer.text
