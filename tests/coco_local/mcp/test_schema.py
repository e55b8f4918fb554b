"""The tools' listing, which every conversation pays for."""

from __future__ import annotations

import pytest
from mcp import Client

from coco_local.mcp.scope import Caller
from coco_local.mcp.server import INSTRUCTIONS, build_server
from coco_local.mcp.tools import TOOLS

pytestmark = pytest.mark.anyio

# Half of the 13.7 kB that the tools once cost, with room for two more tools.
MAX_LISTING = 6_500
# Hosts cut longer ones.
MAX_INSTRUCTIONS = 700


@pytest.fixture
async def listing(service):
    async def caller_of(_):
        return Caller()

    async with Client(build_server(service, caller_of)) as client:
        yield await client.list_tools()


async def test_the_listing_is_small(listing):
    text = listing.model_dump_json(by_alias=True, exclude_none=True)
    assert len(text.encode()) <= MAX_LISTING
    assert len(INSTRUCTIONS) <= MAX_INSTRUCTIONS


async def test_every_tool_is_read_only_and_teaches_when_to_use_it(listing):
    assert [tool.name for tool in listing.tools] == [tool.name for tool in TOOLS]
    for tool in listing.tools:
        assert tool.annotations.read_only_hint is True
        assert 40 < len(tool.description) < 500
        assert tool.title is None
        assert tool.output_schema is None


async def test_schemas_are_what_every_client_can_digest(listing):
    for tool in listing.tools:
        schema = tool.input_schema
        assert schema["type"] == "object"
        assert set(schema) <= {"type", "properties", "required"}
        flat = repr(schema)
        for word in ("$ref", "anyOf", "'null'", "'title'", "'default'", "maximum"):
            assert word not in flat, tool.name
        for argument in schema["properties"].values():
            assert argument["type"] in ("string", "integer", "boolean", "array")
    search = next(tool for tool in listing.tools if tool.name == "search").input_schema
    assert search["required"] == ["query"]
    assert next(iter(search["properties"])) == "query"
    assert search["properties"]["languages"]["items"] == {"type": "string"}


def test_what_is_unlisted_exists():
    for tool in TOOLS:
        assert tool.arguments.unlisted <= set(tool.arguments.model_fields), tool.name
