"""Cursor (docs: cursor.com/docs/mcp): ``~/.cursor/mcp.json`` and ``.cursor/mcp.json``."""

from __future__ import annotations

from coco_local.mcp.install.client import JsonEntry, McpClient, typed_stdio_entry

__all__ = ["CURSOR"]

CURSOR = McpClient(
    name="cursor",
    title="Cursor",
    user=lambda at: at.home / ".cursor" / "mcp.json",
    project=lambda root: root / ".cursor" / "mcp.json",
    edit=JsonEntry(("mcpServers",), typed_stdio_entry),
    after="Switch the server on in Cursor's settings under MCP.",
)
