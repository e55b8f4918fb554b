"""Text rules over HTTP: who may register one, what is taken, and what imports may name."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.api_service import Org, Running
from tests.hostile_rules import echo_rule, slow_to_compile

WASM = {"content-type": "application/wasm"}
ITEM = json.dumps({"doc_id": "a", "content": "x"}).encode()


@pytest.fixture
def org(service: Running) -> Org:
    return service.org("Ruler").with_project()


@pytest.fixture
def own(service: Running, org: Org) -> Iterator[httpx.Client]:
    with service.client(org.headers) as client:
        yield client


def imported(client: httpx.Client, ref: str) -> httpx.Response:
    return client.post(
        "/v1/ingest/batch",
        content=ITEM,
        params={"wasm_module_ref": ref},
        headers={"content-type": "application/x-ndjson"},
    )


def test_a_rule_is_registered_named_by_imports_and_removed(own: httpx.Client) -> None:
    made = own.post("/v1/rules", params={"name": "echo"}, content=echo_rule(), headers=WASM)
    assert made.status_code == 200, made.text
    rule = made.json()["data"]
    again = own.post("/v1/rules", params={"name": "other"}, content=echo_rule(), headers=WASM)
    assert again.json()["data"] == rule
    assert own.get("/v1/rules").json()["data"]["rules"] == [rule]
    assert imported(own, rule["wasm_module_ref"]).status_code < 300
    assert own.delete(f"/v1/rules/{rule['rule_id']}").json()["data"] == {"deleted": rule["rule_id"]}
    assert own.get("/v1/rules").json()["data"]["rules"] == []
    gone = imported(own, rule["wasm_module_ref"])
    assert (gone.status_code, gone.json()["error"]["code"]) == (400, "wasm_rejected")
    assert own.delete(f"/v1/rules/{rule['rule_id']}").status_code == 404


def test_an_import_is_no_rule(own: httpx.Client) -> None:
    sent = own.post(
        "/v1/ingest/batch",
        content=echo_rule(),
        headers={"content-type": "application/x-ndjson"},
    )
    ref = sent.json().get("data", {}).get("blob_ref", "org/" + "0" * 32 + ".wasm")
    refused = imported(own, ref)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "wasm_rejected")


@pytest.mark.parametrize("scopes", [("ingest",), ("query", "ingest", "memo")])
def test_registering_needs_the_scope_manage(service: Running, scopes: tuple[str, ...]) -> None:
    org = service.org("Limited", scopes).with_project()
    with service.client(org.headers) as client:
        made = client.post("/v1/rules", params={"name": "e"}, content=echo_rule(), headers=WASM)
        assert (made.status_code, made.json()["error"]["code"]) == (403, "forbidden")
        assert client.get("/v1/rules").status_code == 403
        assert client.delete("/v1/rules/rule_1").status_code == 403


@pytest.mark.parametrize(
    ("body", "media", "status", "code"),
    [
        (b"text", "application/wasm", 400, "wasm_rejected"),
        (b"\0asm\1\0\0\0", "application/wasm", 400, "wasm_rejected"),
        (b"\0asm" + bytes(1 << 20), "application/wasm", 413, "body_too_large"),
        (echo_rule(), "application/x-ndjson", 415, "unsupported_media_type"),
    ],
)
def test_what_is_no_rule_is_refused(
    own: httpx.Client, body: bytes, media: str, status: int, code: str
) -> None:
    made = own.post(
        "/v1/rules", params={"name": "bad"}, content=body, headers={"content-type": media}
    )
    assert (made.status_code, made.json()["error"]["code"]) == (status, code), made.text
    assert made.json()["error"]["hint"]
    assert own.get("/v1/rules").json()["data"]["rules"] == []


def test_a_module_that_compiles_too_long_is_refused(own: httpx.Client) -> None:
    made = own.post(
        "/v1/rules",
        params={"name": "slow"},
        content=slow_to_compile(),
        headers=WASM,
        timeout=100,
    )
    assert (made.status_code, made.json()["error"]["code"]) == (400, "wasm_rejected")
    assert "10 s of computing" in made.json()["error"]["message"]
