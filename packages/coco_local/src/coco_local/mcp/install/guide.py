"""The marked block about CoCo in a file of standing instructions."""

from __future__ import annotations

import re

from coco_local.mcp.install.client import Guide

__all__ = ["BLOCK", "add_block", "remove_block"]

START, END = "<!-- coco:start -->", "<!-- coco:end -->"

# Nothing in it is of one machine: the file is meant to be committed.
BLOCK = f"""\
{START}
## Finding code with CoCo

The MCP server `coco` searches this project as its files are now.

- Where something is, or how it is done: `search` with a question, a name or an error message,
  instead of several greps and file reads.
- Every use of a known name or text: `grep`.
- Before a long file: `outline`, then `read` only the lines you need.
- An answer's last line says how to get more; `status` says what is indexed.

Where MCP tools are not available (sub-agents, scripts): `coco query "where are retries handled"`,
`coco grep NAME`, `coco related FILE:LINE`.
{END}
"""

FOUND = re.compile(rf"(?:\r?\n)*{re.escape(START)}.*?{re.escape(END)}(?:\r?\n)?", re.DOTALL)


def add_block(text: str, guide: Guide) -> str:
    """Return the text with the block as it is now: in its place, or at the end.

    Raises:
        ValueError: the text has only one of the two marks.
    """
    _check(text)
    newline = _newline(text)
    block = BLOCK.replace("\n", newline)
    found = FOUND.search(text)
    before, after = (text[: found.start()], text[found.end() :]) if found else (text.rstrip(), "")
    if before.strip():
        return f"{before}{newline * 2}{block}{after}"
    return f"{'' if found else guide.head}{block}{after}"


def remove_block(text: str, guide: Guide) -> str:
    """Return the text without the block, empty when nothing else was in it.

    Raises:
        ValueError: the text has only one of the two marks.
    """
    _check(text)
    found = FOUND.search(text)
    if not found:
        return text
    before, after = text[: found.start()], text[found.end() :]
    if (before + after).strip() in ("", guide.head.strip()):
        return ""
    if not before:
        return after.lstrip("\r\n")
    gap = 2 if after.strip() and not after.startswith(("\n", "\r\n")) else 1
    return f"{before}{_newline(text) * gap}{after}"


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _check(text: str) -> None:
    if (START in text) != (END in text):
        raise ValueError(f"it has only one of the marks {START} and {END}")
