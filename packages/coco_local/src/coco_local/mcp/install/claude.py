"""Claude Code (docs: code.claude.com/docs/en/mcp) and Claude Desktop (modelcontextprotocol.io).

Claude Code keeps servers for all projects under ``mcpServers`` in ``~/.claude.json`` and those of
a project in ``.mcp.json`` at its root. Claude Desktop has one file per user.
"""

from __future__ import annotations

from coco_local.mcp.install.client import JsonEntry, McpClient, stdio_entry, typed_stdio_entry

__all__ = ["CLAUDE_CODE", "CLAUDE_DESKTOP"]

CLAUDE_CODE = McpClient(
    name="claude",
    title="Claude Code",
    user=lambda at: at.variable("CLAUDE_CONFIG_DIR", at.home) / ".claude.json",
    project=lambda root: root / ".mcp.json",
    edit=JsonEntry(("mcpServers",), typed_stdio_entry),
    after="Start a new session; /mcp shows the server.",
)

CLAUDE_DESKTOP = McpClient(
    name="claude-desktop",
    title="Claude Desktop",
    user=lambda at: at.config_dir / "Claude" / "claude_desktop_config.json",
    project=None,
    edit=JsonEntry(("mcpServers",), stdio_entry),
    after="Quit and start Claude Desktop.",
)
