"""Tool definitions: names, descriptions, and functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from coco_local.mcp.answers import (
    FileOutline,
    GrepAnswer,
    ReadAnswer,
    SearchAnswer,
    StatusAnswer,
)
from coco_local.mcp.arguments import (
    Arguments,
    GrepArguments,
    OutlineArguments,
    ReadArguments,
    RelatedArguments,
    SearchArguments,
    StatusArguments,
)
from coco_local.mcp.finding import related, search
from coco_local.mcp.grepping import grep
from coco_local.mcp.reading import outline, read
from coco_local.mcp.reply import Reply
from coco_local.mcp.scope import Caller
from coco_local.mcp.status import status
from coco_protocol.local import LocalService

__all__ = ["TOOLS", "Tool"]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as it is listed, and the function that answers it."""

    name: str
    title: str
    description: str
    arguments: type[Arguments]
    answer: type[BaseModel]
    run: Callable[[LocalService, Caller, Any], Reply]


TOOLS: tuple[Tool, ...] = (
    Tool(
        "search",
        "Search code and docs",
        "Find code and documentation in the project by meaning, by words or by symbol. Use it "
        "first when you do not know where something is: 'where are retries handled', "
        "'how does login work', a function name, an error message. One call replaces several "
        "greps and file reads: results are ranked (definitions first), include edits saved a "
        "moment ago, and come as path:start-end, symbol and the code itself, checked on disk, one "
        "best place per file. To list every occurrence of an exact string use grep.",
        SearchArguments,
        SearchAnswer,
        search,
    ),
    Tool(
        "related",
        "Find similar code",
        "Find code or text similar to what stands at a file and line: other implementations of "
        "an idea, callers' patterns to copy, tests and docs of a function. Results look like "
        "search's.",
        RelatedArguments,
        SearchAnswer,
        related,
    ),
    Tool(
        "outline",
        "Outline a file",
        "List a file's definitions (or headings) with their line ranges and signatures, in order. "
        "Use it before reading a long file, then read only the range you need.",
        OutlineArguments,
        FileOutline,
        outline,
    ),
    Tool(
        "grep",
        "Find exact text",
        "Find every line that contains an exact string, or matches a regex, in the project's text "
        "files as they are on disk now; it names what it did not search. Use it to list all uses "
        "of a known name before a change. When you do not know the exact words, use search.",
        GrepArguments,
        GrepAnswer,
        grep,
    ),
    Tool(
        "read",
        "Read lines of a file",
        "Read a range of lines of a project's file from disk, exactly as they are now. Give the "
        "range that search, outline or grep named.",
        ReadArguments,
        ReadAnswer,
        read,
    ),
    Tool(
        "status",
        "State of the index",
        "Show the projects CoCo knows (* marks the one you work in), how much of each is indexed, "
        "and the model's state. Use it when search answers with a notice or finds nothing.",
        StatusArguments,
        StatusAnswer,
        status,
    ),
)
