"""Coding agents, most of them in a terminal: where each keeps its servers and instructions.

The documentation that each entry follows is named above it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from coco_local.mcp.install.client import (
    NEW_SESSION,
    SERVER_NAME,
    Environment,
    Guide,
    JsonEntry,
    LaunchCommand,
    McpClient,
    TomlEntry,
    agents_file,
    stdio_entry,
    typed_stdio_entry,
)
from coco_local.mcp.install.tomltable import remove_item, set_item

__all__ = ["AGENTS", "opencode_entry"]

_PLAIN = JsonEntry(("mcpServers",), stdio_entry)
# Several programs read `.mcp.json`, all of them in Claude Code's form.
_SHARED = JsonEntry(("mcpServers",), typed_stdio_entry)


def opencode_entry(command: LaunchCommand) -> dict[str, Any]:
    """Return the entry of OpenCode and of what grew out of it."""
    return {"type": "local", "command": [command.program, *command.arguments], "enabled": True}


def _copilot_entry(command: LaunchCommand) -> dict[str, Any]:
    return {**typed_stdio_entry(command), "tools": ["*"]}


def _shared_file(root: Path) -> Path:
    return root / ".mcp.json"


def _reasonix_home(at: Environment) -> Path:
    on_windows = at.platform == "win32"
    default = at.config_dir / "reasonix" if on_windows else at.home / ".reasonix"
    return at.variable("REASONIX_HOME", default)


def _edit_reasonix(text: str, command: LaunchCommand | None) -> str:
    if command is None:
        return remove_item(text, "plugins", SERVER_NAME)
    values: dict[str, str | list[str]] = {
        "command": command.program,
        "args": list(command.arguments),
    }
    return set_item(text, "plugins", SERVER_NAME, values)


def _kilo_user(at: Environment) -> Path:
    base = at.xdg_config / "kilo"
    return next(
        (p for p in (base / "kilo.jsonc", base / "kilo.json") if p.exists()), base / "kilo.jsonc"
    )


def _kilo_project(root: Path) -> Path:
    places = [root / "kilo.jsonc", root / "kilo.json", root / ".kilo" / "kilo.json"]
    return next((path for path in places if path.exists()), root / ".kilo" / "kilo.jsonc")


def _pi_home(at: Environment) -> Path:
    return at.variable("PI_CODING_AGENT_DIR", at.home / ".pi" / "agent")


AGENTS = (
    # kiro.dev/docs/mcp/configuration, kiro.dev/docs/steering
    McpClient(
        name="kiro",
        title="Kiro",
        user=lambda at: at.home / ".kiro" / "settings" / "mcp.json",
        project=lambda root: root / ".kiro" / "settings" / "mcp.json",
        edit=_PLAIN,
        after="Nothing: Kiro connects again when the file is saved.",
        guide=Guide(
            user=lambda at: at.home / ".kiro" / "steering" / "coco.md",
            project=lambda root: root / ".kiro" / "steering" / "coco.md",
        ),
    ),
    # docs.github.com/copilot: add-mcp-servers, cli-config-dir-reference, add-custom-instructions
    McpClient(
        name="copilot",
        title="GitHub Copilot CLI",
        user=lambda at: at.variable("COPILOT_HOME", at.home / ".copilot") / "mcp-config.json",
        project=lambda root: root / ".github" / "mcp.json",
        edit=JsonEntry(("mcpServers",), _copilot_entry),
        after=NEW_SESSION,
        guide=Guide(
            user=lambda at: (
                at.variable("COPILOT_HOME", at.home / ".copilot") / "copilot-instructions.md"
            ),
            project=lambda root: root / ".github" / "copilot-instructions.md",
        ),
    ),
    # zcode's own configuration guide: `mcp.servers`, not `mcpServers`
    McpClient(
        name="zcode",
        title="ZCode",
        user=lambda at: at.home / ".zcode" / "cli" / "config.json",
        project=lambda root: root / ".zcode" / "config.json",
        edit=JsonEntry(("mcp", "servers"), typed_stdio_entry),
        after="Start a new session.",
        guide=Guide(user=lambda at: at.home / ".zcode" / "AGENTS.md", project=agents_file),
    ),
    # github.com/esengine/DeepSeek-Reasonix: docs/CONFIG_PATHS.md, docs/MIGRATING.md
    McpClient(
        name="reasonix",
        title="Reasonix",
        user=lambda at: _reasonix_home(at) / "config.toml",
        project=_shared_file,
        edit=_edit_reasonix,
        project_edit=_SHARED,
        after="Start a new session.",
        guide=Guide(
            user=lambda at: _reasonix_home(at) / "REASONIX.md",
            project=lambda root: root / "REASONIX.md",
        ),
    ),
    # github.com/nicobailon/pi-mcp-adapter
    McpClient(
        name="pi",
        title="Pi",
        user=lambda at: _pi_home(at) / "mcp.json",
        project=lambda root: root / ".pi" / "mcp.json",
        edit=_PLAIN,
        after="Pi needs its adapter: pi install npm:pi-mcp-adapter. Then start a new session.",
        guide=Guide(user=lambda at: _pi_home(at) / "AGENTS.md", project=agents_file),
    ),
    # commandcode.ai/docs/mcp/manage
    McpClient(
        name="commandcode",
        title="Command Code",
        user=lambda at: at.home / ".commandcode" / "mcp.json",
        project=_shared_file,
        edit=_PLAIN,
        project_edit=_SHARED,
        after="Start a new session; cmd mcp list shows the server.",
        guide=Guide(user=lambda at: at.home / ".commandcode" / "AGENTS.md", project=agents_file),
    ),
    # antigravity.google/docs/cli/gcli-migration
    McpClient(
        name="antigravity",
        title="Antigravity",
        user=lambda at: at.home / ".gemini" / "config" / "mcp_config.json",
        project=lambda root: root / ".agents" / "mcp_config.json",
        edit=_PLAIN,
        after=NEW_SESSION,
        guide=Guide(user=lambda at: at.home / ".gemini" / "GEMINI.md", project=agents_file),
    ),
    # docs.x.ai/build/features/mcp-servers: the tables of Codex
    McpClient(
        name="grok",
        title="Grok Build",
        user=lambda at: at.home / ".grok" / "config.toml",
        project=lambda root: root / ".grok" / "config.toml",
        edit=TomlEntry("mcp_servers"),
        after="Start a new session; grok mcp list shows the server.",
        guide=Guide(user=lambda at: at.home / ".grok" / "AGENTS.md", project=agents_file),
    ),
    # qwenlm.github.io/qwen-code-docs/en/users/features/mcp
    McpClient(
        name="qwen",
        title="Qwen Code",
        user=lambda at: at.home / ".qwen" / "settings.json",
        project=lambda root: root / ".qwen" / "settings.json",
        edit=_PLAIN,
        after=NEW_SESSION,
        guide=Guide(
            user=lambda at: at.home / ".qwen" / "QWEN.md", project=lambda root: root / "QWEN.md"
        ),
    ),
    # kilo.ai/docs/automate/mcp/using-in-kilo-code
    McpClient(
        name="kilo",
        title="Kilo Code",
        user=_kilo_user,
        project=_kilo_project,
        edit=JsonEntry(("mcp",), opencode_entry),
        after="Start a new session.",
        guide=Guide(user=lambda at: at.xdg_config / "kilo" / "AGENTS.md", project=agents_file),
    ),
)
