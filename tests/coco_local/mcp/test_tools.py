from __future__ import annotations

import re
import threading

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS

from coco_core.errors import StoreBroken
from coco_core.types import ChunkKind
from coco_local.client.chunk_kinds import KINDS
from coco_local.mcp import server as server_module
from coco_local.mcp.budget import estimate_tokens
from coco_local.mcp.scope import Caller
from coco_local.mcp.server import build_server
from coco_protocol.docs import (
    OutlineData,
    OutlineSymbol,
    QueryRequest,
    ReadData,
)
from coco_protocol.local import LocalService

pytestmark = pytest.mark.anyio


@pytest.fixture
def server(service, project):
    async def caller_of(_):
        return Caller(places=(project,))

    return build_server(service, caller_of)


@pytest.fixture
async def client(server):
    async with Client(server) as client:
        yield client


async def test_search_passes_on_what_was_asked(client, service):
    result = await client.call_tool(
        "search",
        {
            "query": "cart",
            "limit": 3,
            "offset": 1,
            "languages": "Python",
            "include": ["*.py"],
            "exclude": ["tests/**"],
            "kinds": ["function"],
            "mode": "fts",
            "max_tokens": 1000,
            "per_file": 2,
            "profile": "docs",
            "path": "src",
        },
    )
    assert not result.is_error
    asked = service.received(QueryRequest)[-1]
    assert asked.retrieval_config.top_k == 3
    assert asked.retrieval_config.offset == 1
    assert asked.retrieval_config.retrieval_mode == "fts"
    assert asked.retrieval_config.per_document == 2
    assert asked.retrieval_config.ranking.profile == "docs"
    # The rest of the answer is headers.
    assert asked.retrieval_config.max_tokens == 800
    assert asked.filters.languages == ["python"]
    assert asked.filters.include == ["/src/**/*.py"]
    assert asked.filters.exclude == ["tests/**"]
    assert asked.filters.kinds == ["function"]


async def test_search_leaves_to_the_project_what_nobody_fixed(client, service):
    await client.call_tool("search", {"query": "cart"})
    sent = service.received(QueryRequest)[-1].retrieval_config
    # How much comes back is the caller's budget.
    assert sent.model_fields_set == {"top_k", "offset", "max_tokens"}


async def test_answers_keep_to_the_budget_and_name_the_next(client, project, text_of):
    for number in range(12):
        text = f"# file {number}\n" + "value = compute(value)\n" * 40
        (project / f"m{number:02}.py").write_text(text, encoding="utf-8")
    seen: list[str] = []
    offset: int | None = 0
    while offset is not None:
        arguments = {"query": "compute", "offset": offset, "max_tokens": 1000, "limit": 5}
        text = text_of(await client.call_tool("search", arguments))
        assert estimate_tokens(text) <= 1000
        seen.extend(re.findall(r"^--- (\S+):", text, re.MULTILINE))
        last = re.fullmatch(r"More: offset=(\d+)", text.rpartition("\n")[2])
        offset = int(last[1]) if last else None
    assert seen == [f"m{number:02}.py" for number in range(12)]


async def test_one_result_that_is_too_long_is_cut_and_says_so(client, project, text_of):
    (project / "long.py").write_text("needle = 1\n" * 2000, encoding="utf-8")
    result = await client.call_tool("search", {"query": "needle", "max_tokens": 300})
    lines = text_of(result).split("\n")
    assert estimate_tokens(text_of(result)) <= 300
    assert lines[0] == "--- long.py:1-2000 long"
    assert set(lines[1:-1]) == {"needle = 1"}
    assert len(lines) > 50
    assert lines[-1] == "(cut to fit max_tokens; read long.py for the rest)"


async def test_every_answer_is_text_alone(client):
    """Several hosts hand the model nothing but the structured content where there is one."""
    for name, arguments in {
        "search": {"query": "pay"},
        "grep": {"pattern": "pay"},
        "read": {"path": "src/pay.py"},
        "status": {},
    }.items():
        result = await client.call_tool(name, arguments)
        assert result.structured_content is None
        assert [content.type for content in result.content] == ["text"]


async def test_freshness_is_one_line(client, service, text_of):
    service.pending = 3
    text = text_of(await client.call_tool("search", {"query": "pay"}))
    assert text.startswith("[3 changed files not indexed yet, searched as text]\n--- src/pay")
    service.notice = "The model is missing:\nkeyword search only."
    text = text_of(await client.call_tool("search", {"query": "pay"}))
    assert text.startswith("[The model is missing: keyword search only.]\n--- src/pay")


async def test_empty_says_why(client, text_of):
    nothing = await client.call_tool("search", {"query": "zzz"})
    beyond = await client.call_tool("search", {"query": "pay", "offset": 9})
    no_line = await client.call_tool("grep", {"pattern": "zzz"})
    bare = await client.call_tool("outline", {"path": "README.md"})
    assert text_of(nothing).startswith("Nothing matches.")
    assert text_of(beyond) == "No more results after offset 9."
    assert text_of(no_line) == "No line matches 'zzz'."
    assert text_of(bare) == "README.md (markdown): no definitions or headings; read it."


async def test_grep_groups_by_file_and_merges_context(client, text_of):
    result = await client.call_tool("grep", {"pattern": "cart", "context": 1, "path": "src"})
    cut = await client.call_tool("grep", {"pattern": "cart", "limit": 1})
    assert text_of(result) == (
        "src/cart.py\n3- \n4: def add_item(cart, item):\n5:     cart.append(item)\n"
        "src/pay.py\n1: def pay(cart):\n2:     return sum(cart)"
    )
    assert "(first 1 matches; narrow pattern, path or include to see others)" in text_of(cut)


async def test_read_goes_on_where_it_stopped(client, project, text_of):
    (project / "big.txt").write_text(
        "".join(f"line {n} of the file\n" for n in range(1, 501)), encoding="utf-8"
    )
    lines: list[str] = []
    start: int | None = 1
    while start is not None:
        arguments = {"path": "big.txt", "start_line": start, "max_tokens": 600}
        text = text_of(await client.call_tool("read", arguments))
        assert estimate_tokens(text) <= 600
        head, *body = text.split("\n")
        last = re.fullmatch(r"More: start_line=(\d+)", body[-1])
        shown = body[:-1] if last else body
        assert head == f"--- big.txt:{start}-{start + len(shown) - 1} of 500"
        lines.extend(shown)
        start = int(last[1]) if last else None
    assert lines == [f"line {n} of the file" for n in range(1, 501)]


async def test_one_endless_line_still_gives_its_start(client, project, text_of):
    (project / "data.txt").write_text("x" * 100_000, encoding="utf-8")
    result = await client.call_tool("read", {"path": "data.txt", "max_tokens": 200})
    assert 100 < len(text_of(result)) < 700


async def test_outline_indents_headings_and_joins_what_was_cut(client, service, text_of):
    def symbols(request):
        headings = [
            OutlineSymbol(symbol=name, kind="section", line=line, end_line=end, signature=trail)
            for name, line, end, trail in (
                ("Shop", 1, 4, "Shop"),
                ("Use", 5, 9, "Shop > Use"),
                ("Use", 10, 12, "Shop > Use"),
            )
        ]
        return OutlineData(doc_id=request.doc_id, language="markdown", symbols=headings)

    service.answer(LocalService.outline, symbols)
    text = text_of(await client.call_tool("outline", {"path": "README.md"}))
    assert text == "README.md (markdown)\n1-4 Shop\n  5-12 Use"


async def test_read_gives_lines_without_carriage_returns(client, service, project, text_of):
    (project / "dos.txt").touch()

    def lines(request):
        return ReadData(
            doc_id=request.doc_id,
            start_line=1,
            end_line=3,
            total_lines=3,
            language="text",
            content="a\r\n\r\nb\r\n",
        )

    service.answer(LocalService.read, lines)
    text = text_of(await client.call_tool("read", {"path": "dos.txt"}))
    assert text == "--- dos.txt:1-3 of 3\na\n\nb"


async def test_unknown_tool_is_a_protocol_error(client):
    with pytest.raises(MCPError) as caught:
        await client.call_tool("fetch", {})
    assert caught.value.error.code == INVALID_PARAMS
    assert "search, related" in caught.value.error.message


async def test_errors_of_the_service_carry_message_and_hint(client, service, text_of):
    def broken() -> None:
        raise StoreBroken("The index cannot be opened.", hint="coco doctor")

    service.before_query = broken
    result = await client.call_tool("search", {"query": "x"})
    assert result.is_error
    assert text_of(result) == "The index cannot be opened.\ncoco doctor"


async def test_a_service_that_hangs_is_given_up(client, service, text_of, monkeypatch):
    release = threading.Event()
    service.before_query = lambda: release.wait(20) and None
    monkeypatch.setattr(server_module, "TOOL_TIMEOUT", 0.2)
    result = await client.call_tool("search", {"query": "x"})
    release.set()
    assert result.is_error
    assert "did not answer" in text_of(result)


def test_kinds_are_the_core_s():
    assert tuple(kind.value for kind in ChunkKind) == KINDS
