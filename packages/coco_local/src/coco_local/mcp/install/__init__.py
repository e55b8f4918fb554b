"""Put CoCo into the configuration of MCP clients and their instructions, and take it out."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from coco_core.errors import InvalidInput, Unreadable
from coco_local.mcp.install.change import Change, read_text, write
from coco_local.mcp.install.client import Environment, Guide, LaunchCommand, McpClient, ScopeName
from coco_local.mcp.install.clients import CLIENTS
from coco_local.mcp.install.guide import add_block, remove_block

__all__ = [
    "Change",
    "LaunchCommand",
    "McpClient",
    "Part",
    "ScopeName",
    "clients",
    "coco_command",
    "find_client",
    "install",
    "uninstall",
]

Part = Literal["server", "instructions"]
"""What is written: the entry that starts the server, or the block for the model."""

# Names that people type for the same thing.
ALIASES = {
    "claude-code": "claude",
    "claudecode": "claude",
    "code": "vscode",
    "vs-code": "vscode",
    "codex-cli": "codex",
    "gemini-cli": "gemini",
    "continue-dev": "continue",
    "copilot-cli": "copilot",
    "github-copilot": "copilot",
    "grok-build": "grok",
    "qwen-code": "qwen",
    "kilo-code": "kilo",
    "kilocode": "kilo",
    "command-code": "commandcode",
    "agy": "antigravity",
}

# A project's file goes to machines where CoCo lies elsewhere, or not at all.
PROJECT_COMMAND = LaunchCommand("coco")


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
    part: Part = "server",
    project_dir: Path | None = None,
    home: Path | None = None,
    dry_run: bool = False,
    command: LaunchCommand | None = None,
    environ: Mapping[str, str] | None = None,
    platform: str = sys.platform,
) -> Change:
    """Put CoCo into the client's configuration or instructions; a second time changes nothing.

    Raises:
        InvalidInput: no such client, or no such scope in it.
        Unreadable: the file is broken; it is left as it is.
    """
    at = _environment(home, project_dir, environ, platform)
    if part == "instructions":
        return _instruct(client, scope, add_block, at, dry_run=dry_run)
    started = PROJECT_COMMAND if scope == "project" else command or coco_command()
    return _configure(client, scope, started, at, dry_run=dry_run)


def uninstall(
    client: str,
    scope: ScopeName = "user",
    *,
    part: Part = "server",
    project_dir: Path | None = None,
    home: Path | None = None,
    dry_run: bool = False,
    environ: Mapping[str, str] | None = None,
    platform: str = sys.platform,
) -> Change:
    """Take CoCo out of the client's configuration or instructions; all else stays.

    A file of instructions that holds nothing else is removed.

    Raises:
        InvalidInput: no such client, or no such scope in it.
        Unreadable: the file is broken; it is left as it is.
    """
    at = _environment(home, project_dir, environ, platform)
    if part == "instructions":
        return _instruct(client, scope, remove_block, at, dry_run=dry_run)
    return _configure(client, scope, None, at, dry_run=dry_run)


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


def _configure(
    name: str, scope: ScopeName, command: LaunchCommand | None, at: Environment, *, dry_run: bool
) -> Change:
    client = find_client(name)
    path = _locate(client, scope, at)
    edit = client.project_edit if scope == "project" and client.project_edit else client.edit
    hint = "Fix the file, or add the entry by hand: see `--print` and docs/mcp.md."
    return _edited(path, lambda text: edit(text, command), client, scope, hint, dry_run=dry_run)


def _instruct(
    name: str,
    scope: ScopeName,
    edit: Callable[[str, Guide], str],
    at: Environment,
    *,
    dry_run: bool,
) -> Change:
    client = find_client(name)
    guide = client.guide or Guide()
    path = None
    if scope == "user" and guide.user is not None:
        path = guide.user(at)
    elif scope == "project" and guide.project is not None:
        path = guide.project(_project_dir(at))
    if path is None:
        scopes = [each for each in ("user", "project") if getattr(guide, each) is not None]
        raise InvalidInput(
            f"{client.title} reads no file of instructions of scope {scope!r}.",
            hint=f"It has: --scope {scopes[0]}."
            if scopes
            else "What the server itself says is enough there; leave --instructions out.",
        )
    hint = "Mend or remove the marks, then run the command again."
    return _edited(path, lambda text: edit(text, guide), client, scope, hint, dry_run=dry_run)


def _edited(
    path: Path,
    edit: Callable[[str], str],
    client: McpClient,
    scope: ScopeName,
    hint: str,
    *,
    dry_run: bool,
) -> Change:
    """Return the change of a file by ``edit``, written unless it is a dry run."""
    before = read_text(path)
    try:
        after = edit(before or "")
    except ValueError as error:
        raise Unreadable(f"{path} cannot be edited: {error}.", hint=hint) from error
    keeps = scope == "user"
    change = Change(path, before, after, client.title, client.after, keeps_backup=keeps)
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
    return client.project(_project_dir(at))


def _project_dir(at: Environment) -> Path:
    if at.project_dir is None:
        raise InvalidInput("Scope 'project' needs the project's directory.")
    return at.project_dir
