"""Cline (docs: docs.cline.bot/mcp): ``cline_mcp_settings.json``.

The VS Code extension keeps it in the editor's global storage, the command line in ``~/.cline``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from coco_local.mcp.install.client import (
    Environment,
    JsonEntry,
    LaunchCommand,
    McpClient,
    stdio_entry,
)

__all__ = ["CLINE", "CLINE_CLI"]

FILE = "cline_mcp_settings.json"


def _entry(command: LaunchCommand) -> dict[str, Any]:
    return {**stdio_entry(command), "disabled": False}


def _extension(at: Environment) -> Path:
    storage = at.config_dir / "Code" / "User" / "globalStorage"
    return storage / "saoudrizwan.claude-dev" / "settings" / FILE


def _command_line(at: Environment) -> Path:
    return at.variable("CLINE_MCP_SETTINGS_PATH", at.home / ".cline" / "data" / "settings" / FILE)


EDIT = JsonEntry(("mcpServers",), _entry)

CLINE = McpClient(
    name="cline",
    title="Cline (VS Code)",
    user=_extension,
    project=None,
    edit=EDIT,
    after="Nothing: Cline reads its settings at once.",
)

CLINE_CLI = McpClient(
    name="cline-cli",
    title="Cline (command line)",
    user=_command_line,
    project=None,
    edit=EDIT,
    after="Start a new session.",
)
