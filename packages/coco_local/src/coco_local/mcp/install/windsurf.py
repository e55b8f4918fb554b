"""Windsurf (docs: docs.windsurf.com/windsurf/cascade/mcp): one file for all projects."""

from __future__ import annotations

from coco_local.mcp.install.client import JsonEntry, McpClient, stdio_entry

__all__ = ["WINDSURF"]

WINDSURF = McpClient(
    name="windsurf",
    title="Windsurf",
    user=lambda at: at.home / ".codeium" / "windsurf" / "mcp_config.json",
    project=None,
    edit=JsonEntry(("mcpServers",), stdio_entry),
    after="Refresh the MCP servers in Cascade.",
)
