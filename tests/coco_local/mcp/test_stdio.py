"""The SDK's own client against `coco mcp` as a subprocess, which asks a served daemon."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from mcp import Client
from mcp.client.session import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import INVALID_REQUEST, PARSE_ERROR, ListRootsResult, Root

from coco_local.api.app import create_app
from coco_local.client import address
from coco_local.client.transport import NOT_RUNNING
from coco_local.mcp.connection import Connection
from tests.programs import python

pytestmark = pytest.mark.anyio

TOOLS = ["search", "related", "outline", "grep", "symbol", "map", "read", "status"]

SERVE = """
import os, sys
from coco_local.mcp.stdio import run_stdio
from coco_local.settings import load_settings
sys.exit(run_stdio(load_settings(environ=os.environ), sys.argv[1] if sys.argv[1:] else None))
"""

HEAVY = "lancedb onnxruntime pyarrow sqlalchemy textual numpy fastapi tree_sitter"


@pytest.fixture
def parameters(tmp_path: Path):
    """Make the parameters of a stdio server that finds the daemon at an address."""

    def make(url: str, cwd: Path, *arguments: str) -> StdioServerParameters:
        port = urlsplit(url).port
        env = {
            "COCO_HOME": str(tmp_path / "coco-home"),
            "COCO_PORT": str(port),
            # The SDK's client hands on few variables; the server runs the code of this test.
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        args = ["-c", SERVE, *arguments]
        return StdioServerParameters(command=sys.executable, args=args, env=env, cwd=cwd)

    return make


async def test_client_lists_and_calls_every_tool(daemon_url, parameters, project, text_of):
    calls = {
        "search": {"query": "item", "path": "src"},
        "related": {"path": "src/cart.py", "line": 4},
        "outline": {"path": "src/cart.py"},
        "grep": {"pattern": "sum("},
        "read": {"path": str(project / "src/pay.py"), "end_line": 1},
        "status": {},
    }
    async with Client(parameters(daemon_url, project / "src")) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS
        texts = {}
        for name, arguments in calls.items():
            result = await client.call_tool(name, arguments)
            assert not result.is_error, text_of(result)
            texts[name] = text_of(result)
    assert texts["search"].startswith("--- src/cart.py:1-5 cart\nclass Cart:")
    assert "README" not in texts["search"]
    assert texts["related"].startswith("--- src/cart.py:1-5")
    assert "4-5 def add_item(cart, item)" in texts["outline"]
    assert texts["grep"] == "src/pay.py\n2:     return sum(cart)"
    assert texts["read"] == "--- src/pay.py:1-1 of 2\ndef pay(cart):"
    assert "* shop: ready" in texts["status"]


async def test_handshake_client_s_roots_say_where_it_works(
    daemon_url, service, parameters, project, tmp_path, text_of
):
    other = tmp_path / "other dir"
    other.mkdir()
    (other / "pay.txt").write_text("pay here\n", encoding="utf-8")
    service.add_directory(other)
    asked = []

    async def roots(_):
        asked.append(1)
        return ListRootsResult(roots=[Root(uri=other.as_uri())])

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    async with (
        stdio_client(parameters(daemon_url, elsewhere)) as (incoming, outgoing),
        ClientSession(incoming, outgoing, list_roots_callback=roots) as session,
    ):
        await session.initialize()
        for _ in range(2):
            result = await session.call_tool("search", {"query": "pay"})
            assert text_of(result).startswith("--- pay.txt:1-1")
        named = await session.call_tool("search", {"query": "pay", "project": "shop"})
        assert text_of(named).startswith("--- src/pay.py:1-2")
    assert asked == [1]


async def test_a_place_in_no_project_is_named(daemon_url, service, parameters, tmp_path, text_of):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "zoo").mkdir()
    async with Client(parameters(daemon_url, elsewhere)) as client:
        alone = await client.call_tool("search", {"query": "pay"})
        service.add_directory(tmp_path / "zoo")
        many = await client.call_tool("search", {"query": "pay"})
    assert text_of(alone).startswith(f"[{elsewhere} is in no project; this answer is about shop")
    assert f"coco import {elsewhere}" in text_of(alone)
    assert many.is_error
    assert f"coco import {elsewhere}" in text_of(many)


async def test_bound_to_a_project_by_name_or_path(daemon_url, parameters, project, text_of):
    for named in ("shop", str(project / "src")):
        async with Client(parameters(daemon_url, project.parent, named)) as client:
            result = await client.call_tool("search", {"query": "pay"})
            assert text_of(result).startswith("--- src/pay.py:1-2")


async def test_without_a_daemon_it_starts_says_how_and_recovers(
    service, settings, parameters, serving, project, text_of
):
    with serving(create_app(service, settings)) as url:
        pass
    async with Client(parameters(url, project)) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS
        calls = {"search": {"query": "x"}, "read": {"path": "src/pay.py"}, "status": {}}
        for name, arguments in calls.items():
            result = await client.call_tool(name, arguments)
            assert result.is_error
            assert text_of(result).startswith(NOT_RUNNING)
        for _ in range(2):
            with serving(create_app(service, settings), urlsplit(url).port):
                result = await client.call_tool("search", {"query": "pay"})
                assert text_of(result).startswith("--- src/pay.py:1-2")
            result = await client.call_tool("search", {"query": "pay"})
            assert text_of(result).startswith(NOT_RUNNING)


@pytest.mark.slow
async def test_a_daemon_moved_to_another_port_is_found(service, settings, serving, monkeypatch):
    """Only the address is stood in for; daemons and connections are real."""
    place: list[str] = []
    monkeypatch.setattr(address, "daemon_url", lambda _: place[-1])
    connection = Connection(settings)
    for _ in range(2):
        with serving(create_app(service, settings)) as url:
            place.append(url)
            assert [project.name for project in connection.projects().projects] == ["shop"]
    connection.close()


@pytest.mark.parametrize("way", ["eof", "term"])
def test_it_dies_with_its_client_and_writes_nothing_but_messages(parameters, project, way):
    params = parameters("http://127.0.0.1:9", project)
    process = subprocess.Popen(
        [params.command, *params.args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **params.env},
        cwd=project,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b'not json\n{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    process.stdin.flush()
    # An answer: it is up and reads.
    assert process.stdout.readline().startswith(b'{"jsonrpc":"2.0"')
    if way == "eof":
        process.stdin.close()
        assert process.wait(10) == 0
    else:
        process.terminate()
        assert process.wait(10) in (0, -signal.SIGTERM, 143)
        process.stdin.close()
    for line in process.stdout.read().splitlines():
        assert line.startswith(b'{"jsonrpc":"2.0"')
    process.stdout.close()


def test_a_client_that_is_gone_is_no_error(parameters, project):
    params = parameters("http://127.0.0.1:9", project)
    process = subprocess.Popen(
        [params.command, *params.args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **params.env},
        cwd=project,
    )
    assert process.stdout is not None
    process.stdout.close()
    ping = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    _, errors = process.communicate(f"{ping}\nno json\n{ping}\n".encode(), timeout=30)
    assert process.returncode == 0
    assert b"Traceback" not in errors


def test_every_line_and_every_call_in_flight_is_answered(daemon_url, service, parameters, project):
    """The input ends at once after the calls: their results still come before the exit."""
    greeting = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "raw", "version": "1"},
    }
    lines = [request(0, "initialize", greeting), "no json", "[]"]
    lines += [request(n, "tools/call", {"name": "search", "arguments": {}}) for n in range(1, 21)]
    half = r'{"name": "search", "arguments": {"query": "item \ud83d"}}'
    lines.append(request(21, "tools/call", {}).replace("{}", half))
    lines.append(request("last", "tools/call", {"name": "grep", "arguments": '{"pattern": "sum"}'}))
    params = parameters(daemon_url, project)
    done = subprocess.run(
        [params.command, *params.args],
        input="\n".join(lines).encode(),
        stdout=subprocess.PIPE,
        env={**os.environ, **params.env},
        cwd=project,
        timeout=60,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    by_id = {answer["id"]: answer for answer in answers if answer["id"] is not None}
    refused = [answer["error"]["code"] for answer in answers if answer["id"] is None]
    assert refused == [PARSE_ERROR, INVALID_REQUEST]
    assert set(by_id) == {*range(22), "last"}
    assert all(by_id[n]["result"]["isError"] for n in range(1, 21))
    assert by_id[21]["result"]["content"][0]["text"].startswith("--- src/cart.py")
    assert by_id["last"]["result"]["content"][0]["text"].startswith("src/pay.py")


def request(number: int | str, method: str, params: dict[str, object]) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


def test_nothing_heavy_is_loaded():
    code = (
        "import sys, coco_local.mcp.stdio, coco_local.client.http_client, coco_local.settings\n"
        f"print([m for m in {HEAVY.split()!r} if m in sys.modules])"
    )
    assert python(code).strip() == "[]"
