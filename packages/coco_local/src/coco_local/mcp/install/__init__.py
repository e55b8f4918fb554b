"""Put CoCo into the configuration of MCP clients, and take it out again."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from coco_core.errors import InvalidInput, Unreadable
from coco_local.mcp.install.change import Change, read_text, write
from coco_local.mcp.install.client import Environment, LaunchCommand, McpClient, ScopeName
from coco_local.mcp.install.clients import CLIENTS

__all__ = [
    "Change",
    "LaunchCommand",
    "McpClient",
    "ScopeName",
    "clients",
    "coco_command",
    "find_client",
    "install",
    "uninstall",
]

# Names that people type for the same thing.
ALIASES = {
    "claude-code": "claude",
    "claudecode": "claude",
    "code": "vscode",
    "vs-code": "vscode",
    "codex-cli": "codex",
    "gemini-cli": "gemini",
    "continue-dev": "continue",
}


def clients() -> tuple[McpClient, ...]:
    """Return every client that can be configured."""
    return CLIENTS


def find_client(name: str) -> McpClient:
    """Return the client of this name.

    Raises:
        InvalidInput: there is none; the hint lists them.
    """
    wanted = name.strip().lower()
    wanted = ALIASES.get(wanted, wanted)
    for client in CLIENTS:
        if client.name == wanted:
            return client
    raise InvalidInput(
        f"CoCo does not know the MCP client {name!r}.",
        hint=f"Known: {', '.join(client.name for client in CLIENTS)}. "
        'Others take the command "coco" with the argument "mcp".',
    )


def coco_command() -> LaunchCommand:
    """Return the absolute command of this installation: editors start without a shell's PATH."""
    suffix = ".exe" if os.name == "nt" else ""
    started = Path(sys.argv[0])
    executable = Path(sys.executable).parent / f"coco{suffix}"
    found = shutil.which("coco")
    if started.stem == "coco" and started.is_absolute() and started.exists():
        return LaunchCommand(str(started))
    if executable.exists():
        return LaunchCommand(str(executable))
    if found:
        return LaunchCommand(str(Path(found).absolute()))
    return LaunchCommand(sys.executable, ("-m", "coco_local.cli", "mcp"))


def install(
    client: str,
    scope: ScopeName = "user",
    *,
    project_dir: Path | None = None,
    home: Path | None = None,
    dry_run: bool = False,
    command: LaunchCommand | None = None,
    environ: Mapping[str, str] | None = None,
    platform: str = sys.platform,
) -> Change:
    """Put CoCo into the client's configuration; a second time changes nothing.

    Raises:
        InvalidInput: no such client, or no such scope in it.
        Unreadable: the file is broken; it is left as it is.
    """
    at = _environment(home, project_dir, environ, platform)
    return _change(client, scope, command or coco_command(), at, dry_run=dry_run)


def uninstall(
    client: str,
    scope: ScopeName = "user",
    *,
    project_dir: Path | None = None,
    home: Path | None = None,
    dry_run: bool = False,
    environ: Mapping[str, str] | None = None,
    platform: str = sys.platform,
) -> Change:
    """Take CoCo out of the client's configuration; all else stays.

    Raises:
        InvalidInput: no such client, or no such scope in it.
        Unreadable: the file is broken; it is left as it is.
    """
    at = _environment(home, project_dir, environ, platform)
    return _change(client, scope, None, at, dry_run=dry_run)


def _environment(
    home: Path | None,
    project_dir: Path | None,
    environ: Mapping[str, str] | None,
    platform: str,
) -> Environment:
    if environ is None:
        # Another home than one's own is not described by one's own variables.
        environ = os.environ if home is None else {}
    return Environment(home or Path.home(), project_dir, environ, platform)


def _change(
    name: str, scope: ScopeName, command: LaunchCommand | None, at: Environment, *, dry_run: bool
) -> Change:
    client = find_client(name)
    path = _locate(client, scope, at)
    before = read_text(path)
    try:
        after = client.edit(before or "", command)
    except ValueError as error:
        raise Unreadable(
            f"{path} cannot be edited: {error}.",
            hint="Fix the file, or add the entry by hand: see `--print` and docs/mcp.md.",
        ) from error
    change = Change(path, before, after, client.title, client.after)
    if dry_run or not change.changed:
        return change
    return replace(change, backup=write(change))


def _locate(client: McpClient, scope: ScopeName, at: Environment) -> Path:
    if scope not in client.scopes:
        raise InvalidInput(
            f"{client.title} has no configuration of scope {scope!r}.",
            hint=f"It has: {', '.join(client.scopes)}.",
        )
    if scope == "user":
        assert client.user is not None
        return client.user(at)
    assert client.project is not None
    if at.project_dir is None:
        raise InvalidInput("Scope 'project' needs the project's directory.")
    return client.project(at.project_dir)
