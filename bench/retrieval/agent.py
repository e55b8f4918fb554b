"""What an agent reads: answers of the MCP server, line by line, with the tokens up to each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
from mcp import Client
from mcp.types import CallToolResult, TextContent

from coco_local.mcp.scope import Caller
from coco_local.mcp.server import build_server
from coco_protocol.local import LocalService

__all__ = ["ShownLine", "ask_search", "shown_lines", "tokens_of"]

# Source in the vocabularies of current models has 3 to 4 bytes a token; the low end, so that a
# figure is rather too bad than too good.
_BYTES_PER_TOKEN = 3.2

_HEADER = re.compile(r"--- (?P<path>.+?):(?P<first>\d+)-\d+(?: |$)")
_WITHIN = re.compile(r"in \d+-\d+: ")
_GAP = re.compile(r"…(\d+)$")


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line of a file in an answer."""

    path: str
    number: int | None
    text: str
    tokens: float
    """Of the answer, up to the end of this line."""


def tokens_of(text: str) -> float:
    """Return about how many tokens a text is."""
    return len(text.encode()) / _BYTES_PER_TOKEN


def shown_lines(answer: str) -> Iterator[ShownLine]:
    """Yield the lines of files in an answer of `search`, in order."""
    path, number, spent = "", 0, 0.0
    for line in answer.split("\n"):
        spent += tokens_of(line + "\n")
        header, gap = _HEADER.match(line), _GAP.match(line)
        if header:
            path, number = header["path"], int(header["first"])
        elif gap:
            number = int(gap[1])
        elif path and not _WITHIN.match(line):
            yield ShownLine(path, number, line, spent)
            number += 1


def ask_search(service: LocalService, root: Path, question: str, *, offset: int = 0) -> str:
    """Ask the tool `search` as a host does and return the text of its answer.

    Args:
        service: the daemon.
        root: the directory that the agent works in.
        question: the only argument besides the offset, so that the tool's defaults answer.
        offset: results to skip.
    """

    async def caller_of(_: object) -> Caller:
        return Caller(places=(root,))

    async def call() -> CallToolResult:
        async with Client(build_server(service, caller_of)) as client:
            arguments: dict[str, object] = {"query": question}
            if offset:
                arguments["offset"] = offset
            return await client.call_tool("search", arguments)

    result = anyio.run(call)
    text = "\n".join(each.text for each in result.content if isinstance(each, TextContent))
    if result.is_error:
        raise SystemExit(f"search failed: {text}")
    return text
