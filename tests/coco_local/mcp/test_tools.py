from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS

from coco_core.errors import StoreBroken
from coco_core.types import ChunkKind
from coco_local.mcp import server as server_module
from coco_local.mcp.answers import SearchAnswer
from coco_local.mcp.arguments import KINDS, SearchArguments
from coco_local.mcp.budget import Budget, estimate_tokens
from coco_local.mcp.finding import search
from coco_local.mcp.scope import Caller
from coco_local.mcp.server import build_server
from coco_local.mcp.tools import TOOLS
from coco_protocol.docs import (
    ChunkBody,
    Hit,
    HitMeta,
    OutlineData,
    OutlineSymbol,
    QueryData,
    QueryEnvelope,
    QueryMeta,
    QueryRequest,
    ReadData,
)
from coco_protocol.local import LocalService
from tests.fake_service import FakeProject, FakeService

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


async def test_listing_is_what_clients_can_digest(client):
    tools = (await client.list_tools()).tools
    assert len(tools) == len(TOOLS)
    for tool in tools:
        assert tool.title
        assert tool.description
        annotations = tool.annotations
        assert annotations is not None
        assert annotations.read_only_hint is True
        assert annotations.destructive_hint is False
        assert annotations.idempotent_hint is True
        assert annotations.open_world_hint is False
        for schema in (tool.input_schema, tool.output_schema):
            assert schema["type"] == "object"
            flat = repr(schema)
            assert "$ref" not in flat
            assert "anyOf" not in flat
            assert "'null'" not in flat
        for name, argument in tool.input_schema["properties"].items():
            assert argument.get("description"), f"{tool.name}.{name}"
    search = tools[0].input_schema
    assert search["required"] == ["query"]
    assert search["properties"]["limit"] == {
        "default": 8,
        "description": "How many results at most.",
        "maximum": 50,
        "minimum": 1,
        "type": "integer",
    }
    assert search["properties"]["mode"]["enum"] == ["hybrid", "fts", "vector"]
    assert "method" in search["properties"]["kinds"]["items"]["enum"]


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
    assert 800 <= (asked.retrieval_config.max_tokens or 0) < 1000
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
    offset = 0
    while True:
        arguments = {"query": "compute", "offset": offset, "max_tokens": 1000, "limit": 5}
        result = await client.call_tool("search", arguments)
        text = text_of(result)
        assert estimate_tokens(text) <= 1000
        data = result.structured_content
        seen.extend(hit["path"] for hit in data["results"])
        if "next_offset" not in data:
            break
        assert text.endswith(f"\nMore: offset={data['next_offset']}")
        offset = data["next_offset"]
    assert seen == [f"m{number:02}.py" for number in range(12)]


async def test_one_result_that_is_too_long_is_cut_and_says_so(client, project, text_of):
    (project / "long.py").write_text("needle = 1\n" * 2000, encoding="utf-8")
    result = await client.call_tool("search", {"query": "needle", "max_tokens": 300})
    text = text_of(result)
    assert estimate_tokens(text) <= 300
    assert "(cut to fit max_tokens; read long.py for the rest)" in text
    (hit,) = result.structured_content["results"]
    assert hit["cut"] is True
    assert hit["end_line"] == hit["content"].count("\n") + 1


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
    assert nothing.structured_content["empty_reason"] == "no_match"
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
    assert cut.structured_content["truncated"] is True


async def test_read_goes_on_where_it_stopped(client, project, text_of):
    (project / "big.txt").write_text(
        "".join(f"line {n} of the file\n" for n in range(1, 501)), encoding="utf-8"
    )
    lines: list[str] = []
    start = 1
    while True:
        arguments = {"path": "big.txt", "start_line": start, "max_tokens": 600}
        result = await client.call_tool("read", arguments)
        assert estimate_tokens(text_of(result)) <= 600
        data = result.structured_content
        assert data["start_line"] == start
        lines.extend(data["content"].split("\n"))
        if "next_start_line" not in data:
            break
        start = data["next_start_line"]
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


async def test_read_gives_lines_without_carriage_returns(client, service, text_of):
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


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("search", {}, "search needs the argument 'query'."),
        ("search", {"query": "x", "top": 3}, "search has no argument 'top'."),
        ("search", {"query": "x", "limit": 99}, "limit: "),
        ("search", {"query": "x", "kinds": ["verb"]}, "There is no kind 'verb'.\nKinds: function"),
        ("read", {"path": "src/pay.py", "start_line": 3, "end_line": 2}, "end_line 2 is before"),
        ("read", {"path": "src/none.py"}, "There is no file 'src/none.py'.\nUse search or grep"),
        ("read", {"path": "../secret"}, "is outside the project"),
        ("outline", {"path": "."}, "is the project's directory, not a file"),
        ("grep", {"pattern": "x", "project": "nope"}, "There is no project 'nope'"),
    ],
)
async def test_mistakes_are_answers(client, text_of, name, arguments, said):
    result = await client.call_tool(name, arguments)
    assert result.is_error
    assert said in text_of(result)
    assert result.structured_content is None


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


async def test_status_marks_where_one_works(client, service, project, tmp_path, text_of):
    other = tmp_path / "zoo"
    other.mkdir()
    service.add_directory(other)
    text = text_of(await client.call_tool("status", {}))
    assert text.split("\n") == [
        "CoCo 0.1.0; model all-MiniLM-L6-v2: missing (coco setup)",
        f"* shop ready: 3/3 files, 0/3 chunks with vectors ({project})",
        f"  zoo ready: 0/0 files, 0/0 chunks with vectors ({other})",
    ]


async def test_status_answers_even_when_no_project_fits(service, tmp_path, text_of):
    service.add_directory(tmp_path)

    async def nowhere(_):
        return Caller(places=(Path("/nowhere"),))

    async with Client(build_server(service, nowhere)) as client:
        result = await client.call_tool("status", {})
        service.known.clear()
        empty = await client.call_tool("status", {})
    assert not result.is_error
    assert "coco import /nowhere" in text_of(result)
    assert "No project yet. Import one: coco import PATH" in text_of(empty)


def test_kinds_are_the_core_s():
    assert tuple(kind.value for kind in ChunkKind) == KINDS


@given(st.text(), st.integers(min_value=0, max_value=200))
def test_budget_is_never_overdrawn(text, tokens):
    budget = Budget(tokens)
    taken = budget.head(text.split("\n"))
    assert budget.left >= 0
    assert sum(estimate_tokens(line + "\n") for line in taken) + budget.left == tokens
    assert text.split("\n")[: len(taken)] == taken


def found_hit(path: str, content: str) -> Hit:
    chunk = ChunkBody(
        chunk_id="c",
        doc_id=path,
        path=path,
        start_line=7,
        end_line=7 + content.count("\n"),
        language="python",
        kind="function",
        symbol="name",
        content=content,
    )
    return Hit(meta=HitMeta(score=1.0), chunk=chunk)


@pytest.mark.slow
@given(
    st.lists(
        st.builds(found_hit, st.text("abc/é", min_size=1, max_size=60), st.text(max_size=900)),
        max_size=8,
    ),
    st.integers(min_value=200, max_value=2000),
    st.none() | st.text("x ", max_size=150),
)
def test_no_search_overdraws_its_budget(hits, max_tokens, notice):
    found = QueryEnvelope(meta=QueryMeta(notice=notice), data=QueryData(results=hits))
    service = FakeService({"p": FakeProject("p", "p", "/p", {})})
    service.answer(LocalService.query, lambda _: found)
    arguments = SearchArguments(query="x", max_tokens=max_tokens)
    reply = search(service, Caller(), arguments)
    assert estimate_tokens(reply.text) <= max_tokens
    assert isinstance(reply.data, SearchAnswer)
    shown = reply.data.results
    assert bool(shown) == bool(hits)
    for hit, given_hit in zip(shown, hits, strict=False):
        assert hit.path == given_hit.chunk.path
        assert hit.cut or hit.content == given_hit.chunk.content
        assert given_hit.chunk.content.strip("\n").startswith(hit.content.strip("\n"))
    assert reply.data.next_offset == (len(shown) if len(shown) < len(hits) else None)
