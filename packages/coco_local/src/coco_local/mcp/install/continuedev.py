"""Continue (docs: docs.continue.dev/customize/deep-dives/mcp): a file of its own for each server.

``.continue/mcpServers/`` of a workspace, or of the home, takes JSON files of the common form.
"""

from __future__ import annotations

from coco_local.mcp.install.client import JsonEntry, McpClient, stdio_entry

__all__ = ["CONTINUE"]

CONTINUE = McpClient(
    name="continue",
    title="Continue",
    user=lambda at: at.home / ".continue" / "mcpServers" / "coco.json",
    project=lambda root: root / ".continue" / "mcpServers" / "coco.json",
    edit=JsonEntry(("mcpServers",), stdio_entry),
    after="Reload the editor's window; tools work in agent mode.",
)
