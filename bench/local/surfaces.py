"""One question through every surface: HTTP, CLI, MCP over stdio and over HTTP give the same hits.

Run: python -m bench.local.surfaces REPO [--query TEXT] [--rounds 10] [--models DIR]

MCP is spoken by the official SDK's client. A round trip is a whole call as a user of that surface
makes it: for the CLI a process of its own, for the others a call over an open connection. The exit
status says whether all agreed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from bench.local.lab import arguments, begin, laboratory, wait_ready
from bench.local.report import Report, percentiles
from tests.daemon_process import Daemon

# The surfaces have different defaults: few results for agents, with a budget of tokens.
_LIMIT = 8
_TOKENS = 50_000

# A hit as every surface tells it.
Place = tuple[str, int, int]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--query", default="where is the configuration loaded")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    repository = options.repository.resolve()
    report = Report("surfaces", repository=repository.name, query=options.query)
    with laboratory(options.models) as daemon:
        begin(daemon, repository)
        wait_ready(daemon, embedded=options.models is not None)
        report.title(f"{options.query!r} on {repository.name}")
        answers = {
            "http": _over_http(daemon, options.query, options.rounds),
            "cli": _over_cli(daemon, options.query, min(3, options.rounds)),
            **asyncio.run(_over_mcp(daemon, options.query, options.rounds)),
        }
        expected = answers["http"][0]
        for name, (places, took) in answers.items():
            same = places == expected
            report.add(**{f"{name}_hits": len(places), f"{name}_same": same})
            report.add(**percentiles(name, took))
    report.add(agree=all(places == expected for places, _ in answers.values()))
    for path, start, end in expected[:3]:
        print(f"    {path}:{start}-{end}")
    report.write()
    sys.exit(0 if expected and all(p == expected for p, _ in answers.values()) else 1)


def _over_http(daemon: Daemon, query: str, rounds: int) -> tuple[list[Place], list[float]]:
    took = []
    body = {"query": query, "retrieval_config": {"top_k": _LIMIT}}
    with httpx.Client(base_url=f"http://127.0.0.1:{daemon.port}", timeout=60) as client:
        for _ in range(rounds):
            before = time.perf_counter()
            answer = client.post("/v1/docs/query", json=body)
            took.append(time.perf_counter() - before)
            answer.raise_for_status()
    return _places(answer.json()["data"]["results"]), took


def _over_cli(daemon: Daemon, query: str, rounds: int) -> tuple[list[Place], list[float]]:
    took = []
    project = daemon.project().project_id
    for _ in range(rounds):
        before = time.perf_counter()
        done = daemon.coco("query", query, "--json", "--limit", str(_LIMIT), "--project", project)
        took.append(time.perf_counter() - before)
        assert done.returncode == 0, done.stderr
    return _places(json.loads(done.stdout)["data"]["results"]), took


async def _over_mcp(
    daemon: Daemon, query: str, rounds: int
) -> dict[str, tuple[list[Place], list[float]]]:
    program = StdioServerParameters(
        command=sys.executable, args=["-m", "coco_local.cli", "mcp"], env=daemon.env
    )
    found = {}
    for name, target in (
        ("mcp_stdio", stdio_client(program)),
        ("mcp_http", f"http://127.0.0.1:{daemon.port}/mcp"),
    ):
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(Client(target))
            found[name] = await _call(client, query, rounds, daemon.project().project_id)
    return found


async def _call(
    client: Client, query: str, rounds: int, project: str
) -> tuple[list[Place], list[float]]:
    took = []
    given = {"query": query, "project": project, "limit": _LIMIT, "max_tokens": _TOKENS}
    for _ in range(rounds):
        before = time.perf_counter()
        result = await client.call_tool("search", given)
        took.append(time.perf_counter() - before)
        assert not result.is_error, result.content
    assert result.structured_content is not None
    return _places(result.structured_content["results"]), took


def _places(results: Sequence[dict[str, Any]]) -> list[Place]:
    chunks = [result.get("chunk", result) for result in results]
    return [(chunk["path"], chunk["start_line"], chunk["end_line"]) for chunk in chunks]


if __name__ == "__main__":
    main()
