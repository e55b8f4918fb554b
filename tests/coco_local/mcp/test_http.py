"""The SDK's own client against `/mcp` on a real port."""

from __future__ import annotations

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import INVALID_REQUEST, PARSE_ERROR

pytestmark = pytest.mark.anyio

TOOLS = ["search", "related", "outline", "grep", "symbol", "map", "read", "status"]
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


async def test_client_lists_and_calls_every_tool(http_url, text_of):
    async with Client(http_url) as client:
        listed = await client.list_tools()
        assert [tool.name for tool in listed.tools] == TOOLS
        calls = {
            "search": {"query": "item"},
            "related": {"path": "src/cart.py", "line": 4},
            "outline": {"path": "src/cart.py"},
            "grep": {"pattern": "cart"},
            "read": {"path": "src/pay.py"},
            "status": {},
        }
        texts = {}
        for name, arguments in calls.items():
            result = await client.call_tool(name, arguments)
            assert not result.is_error, text_of(result)
            texts[name] = text_of(result)
    assert "--- src/cart.py:1-5 cart\nclass Cart:" in texts["search"]
    assert "--- src/cart.py:1-5" in texts["related"]
    assert "4-5 def add_item(cart, item)" in texts["outline"]
    assert "src/pay.py\n1: def pay(cart):\n2:     return sum(cart)" in texts["grep"]
    assert texts["read"] == "--- src/pay.py:1-2 of 2\ndef pay(cart):\n    return sum(cart)"
    assert "* shop: ready, 3 files" in texts["status"]


async def test_handshake_era_client_works_too(http_url, text_of):
    async with (
        streamable_http_client(http_url) as (incoming, outgoing),
        ClientSession(incoming, outgoing) as session,
    ):
        greeting = await session.initialize()
        assert greeting.server_info.name == "coco"
        assert "search" in (greeting.instructions or "")
        assert [tool.name for tool in (await session.list_tools()).tools] == TOOLS
        result = await session.call_tool("search", {"query": "pay"})
        assert text_of(result).startswith("--- src/pay.py:1-2 pay\n")


async def test_slash_at_the_end_is_no_redirect_and_only_post_is_served(http_url):
    headers = {"accept": "application/json, text/event-stream"}
    async with httpx.AsyncClient() as http:
        for url in (http_url, f"{http_url}/"):
            answer = await http.post(url, json=PING, headers=headers)
            assert answer.status_code == 200
            assert answer.json()["result"] == {}
        refused = await http.get(http_url, headers=headers)
    assert refused.status_code == 405
    assert refused.headers["allow"] == "POST"


async def test_what_is_no_message_is_answered_and_half_a_character_is_no_obstacle(http_url):
    headers = {"accept": "application/json", "content-type": "application/json"}
    call = (
        r'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":%s}}'
    )
    async with httpx.AsyncClient(headers=headers) as http:
        for body, code in (
            ("no json", PARSE_ERROR),
            ("[]", INVALID_REQUEST),
            ('{"jsonrpc": "2.0", "id": null, "method": "ping"}', INVALID_REQUEST),
            (call % '{"query": "%s"}' % ("x" * 2_000_000), INVALID_REQUEST),
        ):
            answer = await http.post(http_url, content=body)
            assert answer.status_code == 400
            assert answer.json()["error"]["code"] == code
        for arguments in (r'{"query": "item \ud83d"}', r'"{\"query\": \"item\"}"'):
            answer = await http.post(http_url, content=call % arguments)
            assert answer.json()["result"]["content"][0]["text"].startswith("--- src/cart.py")
        refused = await http.post(http_url, content=call % "[1]")
    assert "as a JSON object" in refused.json()["error"]["message"]


async def test_any_loopback_name_is_accepted(http_url):
    port = http_url.split(":")[2].split("/")[0]
    headers = {"accept": "application/json", "origin": "http://localhost:5173"}
    async with httpx.AsyncClient() as http:
        for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "localhost"):
            answer = await http.post(http_url, json=PING, headers={**headers, "host": host})
            assert answer.status_code == 200, host


async def test_project_comes_from_the_header_or_the_address(http_url, service, tmp_path, text_of):
    other = tmp_path / "other"
    other.mkdir()
    (other / "pay.txt").write_text("pay here\n", encoding="utf-8")
    service.add_directory(other)
    async with Client(http_url) as client:
        result = await client.call_tool("search", {"query": "pay"})
        assert result.is_error
        assert "other, shop" in text_of(result)
        assert "project=NAME" in text_of(result)
    async with Client(f"{http_url}?project=other") as client:
        assert "--- pay.txt:1-1" in text_of(await client.call_tool("search", {"query": "pay"}))
    header = httpx2.AsyncClient(headers={"x-coco-project-id": "id-shop"})
    async with header, Client(streamable_http_client(http_url, http_client=header)) as client:
        assert "src/pay.py" in text_of(await client.call_tool("search", {"query": "pay"}))
        named = await client.call_tool("search", {"query": "pay", "project": "other"})
        assert "--- pay.txt:1-1" in text_of(named)
