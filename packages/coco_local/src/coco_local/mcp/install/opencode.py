"""OpenCode (docs: opencode.ai/docs/mcp-servers, opencode.ai/docs/migrate-v1).

Version 1 has servers directly under ``mcp``, version 2 under ``mcp.servers``; version 2 reads both.
So the old form is written unless the file already uses the new one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from coco_local.mcp.install.client import JsonEntry, LaunchCommand, McpClient
from coco_local.mcp.install.jsonc import parse

__all__ = ["OPENCODE"]


def _entry(command: LaunchCommand) -> dict[str, Any]:
    return {"type": "local", "command": [command.program, *command.arguments], "enabled": True}


def _entry_2(command: LaunchCommand) -> dict[str, Any]:
    return {"type": "local", "command": [command.program, *command.arguments]}


OLD = JsonEntry(("mcp",), _entry)
NEW = JsonEntry(("mcp", "servers"), _entry_2)


def _edit(text: str, command: LaunchCommand | None) -> str:
    value = parse(text.removeprefix("\ufeff")) if text.strip("\ufeff \t\r\n") else {}
    servers = value.get("mcp", {}) if isinstance(value, dict) else {}
    # A version 1 server may itself be called "servers"; it has a type then.
    nested = servers.get("servers") if isinstance(servers, dict) else None
    new = isinstance(nested, dict) and "type" not in nested
    return (NEW if new else OLD)(text, command)


def _existing(directory: Callable[..., Path]) -> Callable[..., Path]:
    """Prefer the ``.jsonc`` that is there to a new ``.json`` beside it."""

    def locate(at: Any) -> Path:
        base = directory(at)
        commented = base / "opencode.jsonc"
        return commented if commented.exists() else base / "opencode.json"

    return locate


OPENCODE = McpClient(
    name="opencode",
    title="OpenCode",
    user=_existing(lambda at: at.xdg_config / "opencode"),
    project=_existing(lambda root: root),
    edit=_edit,
    after="Start a new session.",
)
