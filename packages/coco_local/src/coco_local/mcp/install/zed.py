"""Zed (docs: zed.dev/docs/ai/mcp, zed.dev/docs/configuring-zed): ``context_servers`` in settings.

``~/.config/zed/settings.json`` on macOS too; ``.zed/settings.json`` in a project. Both are JSON
with comments.
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

__all__ = ["ZED"]


def _user(at: Environment) -> Path:
    if at.platform == "win32":
        return at.config_dir / "Zed" / "settings.json"
    base = at.home / ".config" if at.platform == "darwin" else at.xdg_config
    return base / "zed" / "settings.json"


def _entry(command: LaunchCommand) -> dict[str, Any]:
    # Versions of 2025 refuse an entry without a source; newer ones ignore it.
    return {"source": "custom", **stdio_entry(command), "env": {}}


ZED = McpClient(
    name="zed",
    title="Zed",
    user=_user,
    project=lambda root: root / ".zed" / "settings.json",
    edit=JsonEntry(("context_servers",), _entry),
    after="Nothing: Zed reads its settings at once.",
)
