"""The tools over the real daemon: real files, a real index, the SDK's own client."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mcp import Client

from coco_local.api.app import create_app
from coco_protocol.docs import QueryRequest
from tests.local_daemon import open_bench

pytestmark = pytest.mark.anyio


@pytest.fixture
def daemon(tmp_path: Path, project: Path):
    with open_bench(tmp_path / "coco-home", project) as bench:
        yield bench.daemon


async def test_each_tool_answers_from_current_files(daemon, settings, serving, project, text_of):
    with serving(create_app(daemon, settings)) as url:
        async with Client(f"{url}/mcp") as client:

            async def ask(tool: str, /, **arguments: object) -> str:
                result = await client.call_tool(tool, arguments)
                assert not result.is_error, text_of(result)
                return text_of(result)

            text = await ask("search", query="add an item to the cart")
            found = re.findall(r"^--- ([^:]+):", text, re.MULTILINE)
            direct = daemon.query(QueryRequest(query="add an item to the cart"))
            assert found == [hit.chunk.path for hit in direct.data.results]
            assert "src/cart.py" in found

            pay = project / "src" / "pay.py"
            pay.write_text(
                "# one line more\n\ndef refund(cart):\n    return -sum(cart)\n", encoding="utf-8"
            )
            text = await ask("search", query="refund")
            assert "def refund(cart):\n    return -sum(cart)" in text
            assert "--- src/pay.py:" in text
            assert "def pay" not in await ask("search", query="pay", path="src/pay.py")
            assert await ask("grep", pattern="refund") == "src/pay.py\n3: def refund(cart):"
            assert "refund" in await ask("outline", path="src/pay.py")
            lines = await ask("read", path="src/pay.py", start_line=3, end_line=4)
            assert lines == "--- src/pay.py:3-4 of 4\ndef refund(cart):\n    return -sum(cart)"
            assert "--- " in await ask("related", path="src/cart.py", line=4)
            assert "shop" in await ask("status")

            added = await ask("symbol", name="add_item")
            assert added.splitlines()[0] == "src/cart.py:4-5 function add_item"
            (project / "src" / "use.py").write_text(
                "from src.cart import add_item\n\ndef buy(x):\n    add_item([], x)\n",
                encoding="utf-8",
            )
            used = await ask("symbol", name="add_item", want="references")
            assert "4: add_item([], x)  (call in buy)" in used
            assert "(call in buy ? " not in used
            assert "buy 3-4 at 4" in await ask("symbol", name="add_item", want="callers")
            assert "Like it: add_item" in await ask("symbol", name="add_items")
            assert "cart.py" in await ask("map")
            assert "src/use.py python" in await ask("map", glob="src/*.py")
            unknown = await client.call_tool("map", {"since": "nosuch"})
            assert unknown.is_error

            nothing = await ask("search", query="pay", languages=["rust"])
            assert "No indexed file is in that language" in nothing
            (project / ".env").write_text("KEY=1\n", encoding="utf-8")
            for outside in ("../../etc/passwd", "/etc/passwd", ".env"):
                refused = await client.call_tool("read", {"path": outside})
                assert refused.is_error, outside
