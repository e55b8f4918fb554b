"""Gemini CLI (docs: geminicli.com/docs/tools/mcp-server): ``mcpServers`` in ``settings.json``."""

from __future__ import annotations

from coco_local.mcp.install.client import JsonEntry, McpClient, stdio_entry

__all__ = ["GEMINI"]

GEMINI = McpClient(
    name="gemini",
    title="Gemini CLI",
    user=lambda at: at.home / ".gemini" / "settings.json",
    project=lambda root: root / ".gemini" / "settings.json",
    edit=JsonEntry(("mcpServers",), stdio_entry),
    after="Start a new session; /mcp shows the server.",
)
