"""Tool definitions: names, descriptions, and functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coco_local.mcp.arguments import (
    Arguments,
    GrepArguments,
    OutlineArguments,
    ReadArguments,
    RelatedArguments,
    SearchArguments,
    StatusArguments,
)
from coco_local.mcp.code import MapArguments, SymbolArguments, project_map, symbol
from coco_local.mcp.finding import related, search
from coco_local.mcp.grepping import grep
from coco_local.mcp.reading import outline, read
from coco_local.mcp.scope import Caller
from coco_local.mcp.status import status
from coco_protocol.local import LocalService

__all__ = ["TOOLS", "Tool"]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as it is listed, and the function that answers it with text."""

    name: str
    description: str
    arguments: type[Arguments]
    run: Callable[[LocalService, Caller, Any], str]


# The descriptions are part of every conversation: each says when to use the tool, and which other
# one is meant instead.
TOOLS: tuple[Tool, ...] = (
    Tool(
        "search",
        "Find code and docs by meaning, words or symbol. Ask it first when you do not know where "
        "something is: 'where are retries handled', a function's name, an error message. Returns "
        "the lines that answer, as they are now (…40: lines left out, line 40 follows); one call "
        "replaces several greps and reads. "
        "To list every use of a known text, use grep.",
        SearchArguments,
        search,
    ),
    Tool(
        "related",
        "Find code or text similar to what stands at a file's line: other implementations, "
        "patterns to copy, tests and docs of it.",
        RelatedArguments,
        related,
    ),
    Tool(
        "outline",
        "List a file's definitions or headings with their lines. Use it before a long file, then "
        "read only the lines you need.",
        OutlineArguments,
        outline,
    ),
    Tool(
        "grep",
        "List every line with a text or regex in the project's text files as they are now: all "
        "uses of a known name. It says what it did not search. When you do not know the words, "
        "use search.",
        GrepArguments,
        grep,
    ),
    Tool(
        "symbol",
        "Find where a name is defined, every place that uses it (references), or who calls it "
        "(callers), from the parser: texts and other things of that name do not count.",
        SymbolArguments,
        symbol,
    ),
    Tool(
        "map",
        "Show a project's or directory's tree with its main definitions, or the files that a glob "
        "names. Ask it first about a project that you do not know.",
        MapArguments,
        project_map,
    ),
    Tool(
        "read",
        "Read lines of a file as it is now; path may be 'src/a.py:12-40'.",
        ReadArguments,
        read,
    ),
    Tool(
        "status",
        "Show the projects, how far each is indexed, and what to do about it. Use it when search "
        "answers with a notice or finds nothing.",
        StatusArguments,
        status,
    ),
)
