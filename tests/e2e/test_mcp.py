"""Every tool through the SDK's own client, with arguments as models send them.

One daemon answers all of it, over stdio and over HTTP: what is plain gets its result, the rest a
sentence that says what to send, and no answer is longer than its budget.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.types import CallToolResult

from coco_local.mcp.budget import estimate_tokens
from tests.daemon_process import Daemon, running_daemon
from tests.programs import command
from tests.sources import write_project

pytestmark = pytest.mark.anyio


class Case(NamedTuple):
    """A call, and what its answer must say."""

    tool: str
    arguments: dict[str, Any]
    says: str
    refused: bool = False


CART = "--- shop/cart.py"

ACCEPTED = [
    Case("search", {"query": "discount for many items", "limit": "3"}, CART),
    Case("search", {"query": "apply_discount", "languages": '["python"]'}, CART),
    Case("search", {"query": "apply_discount", "languages": "Python, javascript"}, CART),
    Case("search", {"query": "apply_discount", "languages": ["py"]}, CART),
    Case("search", {"query": "matchRoute", "languages": ".ts"}, "--- web/router.ts"),
    Case("search", {"query": "apply_discount", "languages": "*.py"}, CART),
    Case("search", {"query": "apply_discount", "languages": None, "path": None}, CART),
    Case("search", {"query": "apply_discount", "path": "", "project": "", "mode": ""}, CART),
    Case("search", {"query": "apply_discount", "path": "./shop/"}, CART),
    Case("search", {"query": "apply_discount", "path": "shop\\cart.py"}, CART),
    Case("search", {"query": "apply_discount", "path": "shop/cart.py:12"}, CART),
    Case("search", {"query": "apply_discount", "include": "*.py, *.{ts,tsx}"}, CART),
    Case("search", {"query": "apply_discount", "include": "shop\\*.py"}, CART),
    Case("search", {"query": "apply_discount", "include": "{root}/shop/**"}, CART),
    Case("search", {"query": "apply_discount", "exclude": ".\\web"}, CART),
    Case("search", {"query": "apply_discount", "kinds": "functions"}, CART),
    Case("search", {"query": "apply_discount", "limit": 5.0, "offset": "0"}, CART),
    Case("search", {"query": "apply_discount", "limit": 500}, "[limit is at most 50. "),
    Case("search", {"query": "apply_discount", "maxTokens": "900"}, CART),
    Case("search", {"query": "half \ufffd of apply_discount"}, CART),
    Case("search", {"query": ["apply_discount"]}, CART),
    Case("search", {"query": 404}, ""),
    Case("related", {"path": "shop/cart.py:16"}, "--- "),
    Case("related", {"path": "./shop/cart.py", "line": "16", "languages": "python"}, "--- "),
    Case("outline", {"path": "`shop/cart.py`"}, "total_price"),
    Case("outline", {"path": "shop/cart.py#L10", "max_tokens": None}, "apply_discount"),
    Case("grep", {"pattern": "apply_discount", "regex": "false"}, "shop/cart.py"),
    Case("grep", {"pattern": "apply_\\w+", "regex": "true", "context": "1"}, "shop/cart.py"),
    Case("grep", {"pattern": "apply_discount", "include": "shop\\*.py"}, "shop/cart.py"),
    Case("grep", {"pattern": "apply_discount", "limit": 9999}, "[limit is at most 1000.]"),
    Case("grep", {"pattern": "apply_discount", "case_sensitive": None}, "shop/cart.py"),
    Case("read", {"path": "shop/cart.py:3-3"}, "--- shop/cart.py:3-3 of "),
    Case("read", {"path": "/shop/cart.py", "start_line": "3", "end_line": 3.0}, "from decimal"),
    Case("read", {"path": "shop/cart.py", "start_line": 0, "end_line": "1"}, "shopping cart"),
    Case("read", {"path": "shop/cart.py", "end_line": 99_999}, "def apply_discount"),
    Case("status", {}, "ready"),
    Case("status", {"project": None}, "ready"),
]

REFUSED = [
    Case("search", {}, "search needs the argument 'query'."),
    Case("search", {"query": ""}, "query: it is empty"),
    Case("search", {"query": {"a": 1}}, "query: send one text"),
    Case("search", {"query": "x" * 30_000}, "at most 10000 characters (got 30000)"),
    Case("search", {"query": "x", "limit": "many"}, "limit: send a whole number"),
    Case("search", {"query": "x", "limit": 0}, "limit: send 1 to 50 (got 0)"),
    Case("search", {"query": "x", "max_tokens": 1}, "max_tokens: send 100 to 50000"),
    Case("search", {"query": "x", "languages": "pyhton"}, "did you mean 'python'?"),
    Case("search", {"query": " "}, "The query is empty."),
    Case("search", {"query": "x", "languages": {"a": 1}}, "languages: send a list of texts"),
    Case("search", {"query": "x", "kinds": "verb"}, "There is no kind 'verb'."),
    Case("search", {"query": "x", "mode": "semantic"}, "mode: send one of hybrid, fts, vector"),
    Case("search", {"query": "x", "path": "shpo"}, "Did you mean shop?"),
    Case("search", {"query": "x", "path": "../.."}, "is outside the project"),
    Case("search", {"query": "x", "path": "x" * 300}, "There is no 'xxx"),
    Case("search", {"query": "x", "path": "a\0b"}, "path: it holds a NUL character"),
    Case("search", {"query": "x", "project": "shopp project"}, "did you mean 'shop project'?"),
    Case("search", {"query": "x", "top_k": 3}, "did you mean 'limit'?"),
    Case("search", {"query": "x", "verbose": 1}, 'search has no argument "verbose".'),
    Case("related", {"path": "cart.py"}, "Did you mean shop/cart.py?"),
    Case("related", {"path": "shop/cart.py", "line": -1}, "line: send 1 or more (got -1)"),
    Case("related", {"line": 3}, "related needs the argument 'path'."),
    Case("outline", {"path": "shop"}, "shop"),
    Case("outline", {"path": "."}, "is the project's directory, not a file"),
    Case("outline", {"path": ["a", "b"]}, "path: send one text"),
    Case("grep", {"pattern": ""}, "pattern: it is empty"),
    Case("grep", {"pattern": "a(", "regex": True}, "a("),
    Case("grep", {"pattern": "x", "regex": "perhaps"}, "regex: send true or false"),
    Case("grep", {"pattern": "x", "query": "y"}, "did you mean 'pattern'?"),
    Case("read", {"path": "shop/crat.py"}, "Did you mean shop/cart.py?"),
    Case("read", {"path": "~nobody-here/x"}, "There is no '~nobody-here/x'"),
    Case("read", {"path": "shop/cart.py", "start_line": 9, "end_line": 2}, "is before start_line"),
    Case("read", {"path": "shop/cart.py", "limit": 2}, "did you mean 'end_line'?"),
    Case("read", {"file": "shop/cart.py"}, "did you mean 'path'?"),
    Case("status", {"project": "nope"}, "There is no project 'nope'."),
    Case("status", {"verbose": True}, "status has no argument"),
]

CASES = [*ACCEPTED, *(case._replace(refused=True) for case in REFUSED)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Path]]:
    root = tmp_path_factory.mktemp("mcp")
    project = write_project(root / "shop project")
    with running_daemon(root / "home", project) as running:
        running.wait_indexed()
        yield running, project


@pytest.fixture(params=["stdio", "http"])
def client(request: pytest.FixtureRequest, shop: tuple[Daemon, Path]) -> Client:
    daemon, project = shop
    if request.param == "http":
        return Client(f"http://127.0.0.1:{daemon.port}/mcp")
    program, *arguments = command("mcp")
    return Client(
        StdioServerParameters(command=program, args=arguments, env=daemon.env, cwd=project)
    )


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    return str(getattr(content, "text", ""))


async def test_each_call_gets_its_result_or_a_sentence(
    client: Client, shop: tuple[Daemon, Path]
) -> None:
    wrong = []
    async with client:
        for case in CASES:
            arguments = {
                name: value.replace("{root}", str(shop[1])) if isinstance(value, str) else value
                for name, value in case.arguments.items()
            }
            result = await client.call_tool(case.tool, arguments)
            text = text_of(result)
            fits = estimate_tokens(text) <= 4_000 and result.structured_content is None
            if not fits or bool(result.is_error) != case.refused or case.says not in text:
                wrong.append(f"{case.tool} {case.arguments}: {text[:300]!r}")
    assert not wrong, "\n".join(wrong)


async def test_a_larger_limit_never_returns_less(client: Client) -> None:
    async with client:
        answers = {}
        for limit in (1, 2, 3, 8, 50):
            arguments = {"query": "cart items price", "max_tokens": 300, "limit": limit}
            text = text_of(await client.call_tool("search", arguments))
            assert estimate_tokens(text) <= 300
            answers[limit] = text.count("--- ")
    shown = list(answers.values())
    assert shown == sorted(shown)
    assert shown[0] < shown[-1]
