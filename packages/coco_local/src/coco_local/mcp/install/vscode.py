"""VS Code (docs: code.visualstudio.com/docs/agents/reference/mcp-configuration).

Servers stand under ``servers`` (not ``mcpServers``) with a ``type``, in ``.vscode/mcp.json`` or in
``mcp.json`` of the user profile's folder.
"""

from __future__ import annotations

from coco_local.mcp.install.client import JsonEntry, McpClient, typed_stdio_entry

__all__ = ["VSCODE", "VSCODE_INSIDERS"]

EDIT = JsonEntry(("servers",), typed_stdio_entry)
AFTER = "Start the server from the mcp.json file, or with 'MCP: List Servers'."

VSCODE = McpClient(
    name="vscode",
    title="VS Code",
    user=lambda at: at.config_dir / "Code" / "User" / "mcp.json",
    project=lambda root: root / ".vscode" / "mcp.json",
    edit=EDIT,
    after=AFTER,
)

VSCODE_INSIDERS = McpClient(
    name="vscode-insiders",
    title="VS Code Insiders",
    user=lambda at: at.config_dir / "Code - Insiders" / "User" / "mcp.json",
    project=lambda root: root / ".vscode" / "mcp.json",
    edit=EDIT,
    after=AFTER,
)
