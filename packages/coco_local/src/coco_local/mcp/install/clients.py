"""The MCP clients that can be configured: where each keeps its servers, and in which form.

The documentation that each entry follows is named above it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from coco_local.mcp.install.agents import AGENTS, opencode_entry
from coco_local.mcp.install.client import (
    NEW_SESSION,
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
from coco_local.mcp.install.jsonc import parse

__all__ = ["CLIENTS"]

_VSCODE_EDIT = JsonEntry(("servers",), typed_stdio_entry)
_VSCODE_AFTER = "Start the server from the mcp.json file, or with 'MCP: List Servers'."

_CLINE_FILE = "cline_mcp_settings.json"

# A rule without it waits until a file or the user asks for it.
_CURSOR_HEAD = "---\ndescription: Finding code with CoCo\nalwaysApply: true\n---\n\n"
_CONTINUE_HEAD = "---\nname: Finding code with CoCo\nalwaysApply: true\n---\n\n"
# The first of these that a project has is the one that Zed reads (zed.dev/docs/ai/instructions).
_ZED_RULES = (
    ".rules",
    ".cursorrules",
    ".windsurfrules",
    ".clinerules",
    ".github/copilot-instructions.md",
    "AGENT.md",
)


def _zed_settings(at: Environment) -> Path:
    if at.platform == "win32":
        return at.config_dir / "Zed" / "settings.json"
    base = at.home / ".config" if at.platform == "darwin" else at.xdg_config
    return base / "zed" / "settings.json"


def _zed_rules(root: Path) -> Path:
    found = (root / name for name in _ZED_RULES)
    return next((path for path in found if path.is_file()), agents_file(root))


def _cline_rules(root: Path) -> Path:
    """Return Cline's file of rules, in older projects a file where there now is a directory."""
    rules = root / ".clinerules"
    return rules if rules.is_file() else rules / "coco.md"


def _copilot_instructions(root: Path) -> Path:
    return root / ".github" / "copilot-instructions.md"


def _zed_entry(command: LaunchCommand) -> dict[str, Any]:
    # Versions of 2025 refuse an entry without a source; newer ones ignore it.
    return {"source": "custom", **stdio_entry(command), "env": {}}


def _opencode_2_entry(command: LaunchCommand) -> dict[str, Any]:
    return {"type": "local", "command": [command.program, *command.arguments]}


_OPENCODE = JsonEntry(("mcp",), opencode_entry)
_OPENCODE_2 = JsonEntry(("mcp", "servers"), _opencode_2_entry)


def _edit_opencode(text: str, command: LaunchCommand | None) -> str:
    """Edit in the form that the file uses; version 2 reads that of version 1, too."""
    value = parse(text.removeprefix("\ufeff")) if text.strip("\ufeff \t\r\n") else {}
    servers = value.get("mcp", {}) if isinstance(value, dict) else {}
    # A version 1 server may itself be called "servers"; it has a type then.
    nested = servers.get("servers") if isinstance(servers, dict) else None
    is_version_2 = isinstance(nested, dict) and "type" not in nested
    return (_OPENCODE_2 if is_version_2 else _OPENCODE)(text, command)


def _opencode_file(directory: Callable[..., Path]) -> Callable[..., Path]:
    """Prefer the ``.jsonc`` that is there to a new ``.json``."""

    def locate(at: Any) -> Path:
        base = directory(at)
        commented = base / "opencode.jsonc"
        return commented if commented.exists() else base / "opencode.json"

    return locate


def _cline_entry(command: LaunchCommand) -> dict[str, Any]:
    return {**stdio_entry(command), "disabled": False}


def _cline_extension(at: Environment) -> Path:
    storage = at.config_dir / "Code" / "User" / "globalStorage"
    return storage / "saoudrizwan.claude-dev" / "settings" / _CLINE_FILE


def _cline_command_line(at: Environment) -> Path:
    default = at.home / ".cline" / "data" / "settings" / _CLINE_FILE
    return at.variable("CLINE_MCP_SETTINGS_PATH", default)


def _cline_instructions(at: Environment) -> Path:
    """Return the file of every project; Cline's own directory is elsewhere on each system."""
    return at.home / ".agents" / "AGENTS.md"


EDITORS = (
    # code.claude.com/docs/en/mcp
    McpClient(
        name="claude",
        title="Claude Code",
        user=lambda at: at.variable("CLAUDE_CONFIG_DIR", at.home) / ".claude.json",
        project=lambda root: root / ".mcp.json",
        edit=JsonEntry(("mcpServers",), typed_stdio_entry),
        after=NEW_SESSION,
        guide=Guide(
            user=lambda at: at.variable("CLAUDE_CONFIG_DIR", at.home / ".claude") / "CLAUDE.md",
            project=lambda root: root / "CLAUDE.md",
        ),
    ),
    # modelcontextprotocol.io
    McpClient(
        name="claude-desktop",
        title="Claude Desktop",
        user=lambda at: at.config_dir / "Claude" / "claude_desktop_config.json",
        project=None,
        edit=JsonEntry(("mcpServers",), stdio_entry),
        after="Quit and start Claude Desktop.",
    ),
    # cursor.com/docs/mcp
    McpClient(
        name="cursor",
        title="Cursor",
        user=lambda at: at.home / ".cursor" / "mcp.json",
        project=lambda root: root / ".cursor" / "mcp.json",
        edit=JsonEntry(("mcpServers",), typed_stdio_entry),
        after="Switch the server on in Cursor's settings under MCP.",
        guide=Guide(
            project=lambda root: root / ".cursor" / "rules" / "coco.mdc", head=_CURSOR_HEAD
        ),
    ),
    # code.visualstudio.com/docs/agents/reference/mcp-configuration: `servers`, not `mcpServers`.
    McpClient(
        name="vscode",
        title="VS Code",
        user=lambda at: at.config_dir / "Code" / "User" / "mcp.json",
        project=lambda root: root / ".vscode" / "mcp.json",
        edit=_VSCODE_EDIT,
        after=_VSCODE_AFTER,
        guide=Guide(project=_copilot_instructions),
    ),
    McpClient(
        name="vscode-insiders",
        title="VS Code Insiders",
        user=lambda at: at.config_dir / "Code - Insiders" / "User" / "mcp.json",
        project=lambda root: root / ".vscode" / "mcp.json",
        edit=_VSCODE_EDIT,
        after=_VSCODE_AFTER,
        guide=Guide(project=_copilot_instructions),
    ),
    # developers.openai.com/codex/mcp: a project's file counts where the project is trusted.
    McpClient(
        name="codex",
        title="Codex",
        user=lambda at: at.variable("CODEX_HOME", at.home / ".codex") / "config.toml",
        project=lambda root: root / ".codex" / "config.toml",
        edit=TomlEntry("mcp_servers"),
        after=NEW_SESSION,
        guide=Guide(
            user=lambda at: at.variable("CODEX_HOME", at.home / ".codex") / "AGENTS.md",
            project=agents_file,
        ),
    ),
    # docs.windsurf.com/windsurf/cascade/mcp
    McpClient(
        name="windsurf",
        title="Windsurf",
        user=lambda at: at.home / ".codeium" / "windsurf" / "mcp_config.json",
        project=None,
        edit=JsonEntry(("mcpServers",), stdio_entry),
        after="Refresh the MCP servers in Cascade.",
        guide=Guide(
            user=lambda at: at.home / ".codeium" / "windsurf" / "memories" / "global_rules.md",
            project=agents_file,
        ),
    ),
    # zed.dev/docs/ai/mcp, zed.dev/docs/configuring-zed: ~/.config on macOS, too.
    McpClient(
        name="zed",
        title="Zed",
        user=_zed_settings,
        project=lambda root: root / ".zed" / "settings.json",
        edit=JsonEntry(("context_servers",), _zed_entry),
        after="Nothing: Zed reads its settings at once.",
        guide=Guide(user=lambda at: _zed_settings(at).with_name("AGENTS.md"), project=_zed_rules),
    ),
    # geminicli.com/docs/tools/mcp-server
    McpClient(
        name="gemini",
        title="Gemini CLI",
        user=lambda at: at.home / ".gemini" / "settings.json",
        project=lambda root: root / ".gemini" / "settings.json",
        edit=JsonEntry(("mcpServers",), stdio_entry),
        after=NEW_SESSION,
        guide=Guide(
            user=lambda at: at.home / ".gemini" / "GEMINI.md",
            project=lambda root: root / "GEMINI.md",
        ),
    ),
    # opencode.ai/docs/mcp-servers, opencode.ai/docs/migrate-v1
    McpClient(
        name="opencode",
        title="OpenCode",
        user=_opencode_file(lambda at: at.xdg_config / "opencode"),
        project=_opencode_file(lambda root: root),
        edit=_edit_opencode,
        after="Start a new session.",
        guide=Guide(user=lambda at: at.xdg_config / "opencode" / "AGENTS.md", project=agents_file),
    ),
    # docs.continue.dev/customize/deep-dives/mcp: a file of its own for each server.
    McpClient(
        name="continue",
        title="Continue",
        user=lambda at: at.home / ".continue" / "mcpServers" / "coco.json",
        project=lambda root: root / ".continue" / "mcpServers" / "coco.json",
        edit=JsonEntry(("mcpServers",), stdio_entry),
        after="Reload the editor's window; tools work in agent mode.",
        guide=Guide(
            user=lambda at: at.home / ".continue" / "rules" / "coco.md",
            project=lambda root: root / ".continue" / "rules" / "coco.md",
            head=_CONTINUE_HEAD,
        ),
    ),
    # docs.cline.bot/mcp: the extension keeps it in the editor's global storage.
    McpClient(
        name="cline",
        title="Cline (VS Code)",
        user=_cline_extension,
        project=None,
        edit=JsonEntry(("mcpServers",), _cline_entry),
        after="Nothing: Cline reads its settings at once.",
        guide=Guide(user=_cline_instructions, project=_cline_rules),
    ),
    McpClient(
        name="cline-cli",
        title="Cline (command line)",
        user=_cline_command_line,
        project=None,
        edit=JsonEntry(("mcpServers",), _cline_entry),
        after="Start a new session.",
        guide=Guide(user=_cline_instructions, project=_cline_rules),
    ),
)

CLIENTS = (*EDITORS, *AGENTS)
