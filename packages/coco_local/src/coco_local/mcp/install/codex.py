"""Codex (docs: developers.openai.com/codex/mcp): ``[mcp_servers.coco]`` in ``config.toml``.

``~/.codex/config.toml`` (or ``$CODEX_HOME``) serves all projects; ``.codex/config.toml`` one that
is trusted.
"""

from __future__ import annotations

from coco_local.mcp.install.client import SERVER_NAME, LaunchCommand, McpClient
from coco_local.mcp.install.tomltable import remove_table, set_table

__all__ = ["CODEX"]

TABLE = ("mcp_servers", SERVER_NAME)


def _edit(text: str, command: LaunchCommand | None) -> str:
    if command is None:
        return remove_table(text, TABLE)
    return set_table(text, TABLE, {"command": command.program, "args": list(command.arguments)})


CODEX = McpClient(
    name="codex",
    title="Codex",
    user=lambda at: at.variable("CODEX_HOME", at.home / ".codex") / "config.toml",
    project=lambda root: root / ".codex" / "config.toml",
    edit=_edit,
    after="Start a new session; /mcp shows the server.",
)
