"""Base of the installers: a client's configuration files, and the entry for CoCo."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from coco_local.mcp.install.jsonc import remove_member, set_member
from coco_local.mcp.install.tomltable import remove_table, set_table

__all__ = [
    "NEW_SESSION",
    "SERVER_NAME",
    "Edit",
    "Environment",
    "Guide",
    "JsonEntry",
    "LaunchCommand",
    "McpClient",
    "ScopeName",
    "TomlEntry",
    "agents_file",
    "stdio_entry",
    "typed_stdio_entry",
]

SERVER_NAME = "coco"
NEW_SESSION = "Start a new session; /mcp shows the server."

ScopeName = Literal["user", "project"]


@dataclass(frozen=True, slots=True)
class LaunchCommand:
    """What the client is to run."""

    program: str
    arguments: tuple[str, ...] = ("mcp",)


@dataclass(frozen=True, slots=True)
class Environment:
    """The machine as the installer sees it."""

    home: Path
    project_dir: Path | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    platform: str = sys.platform

    @property
    def config_dir(self) -> Path:
        """Where desktop programs keep their settings on this platform."""
        if self.platform == "win32":
            roaming = self.environ.get("APPDATA")
            return Path(roaming) if roaming else self.home / "AppData" / "Roaming"
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        return self.xdg_config

    @property
    def xdg_config(self) -> Path:
        """``~/.config``, or what the environment says instead."""
        chosen = self.environ.get("XDG_CONFIG_HOME")
        return Path(chosen) if chosen else self.home / ".config"

    def variable(self, name: str, default: Path) -> Path:
        """Return the directory that the client's own variable names, or ``default``."""
        chosen = self.environ.get(name)
        return Path(chosen).expanduser() if chosen else default


Edit = Callable[[str, LaunchCommand | None], str]
"""Text of the file before to text after; ``None`` takes CoCo's entry out.

Raises `ValueError` with the place when the text is broken.
"""


@dataclass(frozen=True, slots=True)
class JsonEntry:
    """An edit that puts an object at ``keys`` + ``coco`` of a JSON file."""

    keys: tuple[str, ...]
    entry: Callable[[LaunchCommand], Mapping[str, Any]]

    def __call__(self, text: str, command: LaunchCommand | None) -> str:
        """Return the text after the edit."""
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        body = text.removeprefix(mark)
        place: Sequence[str] = (*self.keys, SERVER_NAME)
        if command is None:
            return mark + remove_member(body, place)
        return mark + set_member(body, place, dict(self.entry(command)))


@dataclass(frozen=True, slots=True)
class TomlEntry:
    """An edit that makes ``[KEY.coco]`` a table of a TOML file."""

    key: str

    def __call__(self, text: str, command: LaunchCommand | None) -> str:
        """Return the text after the edit."""
        place = (self.key, SERVER_NAME)
        if command is None:
            return remove_table(text, place)
        return set_table(text, place, {"command": command.program, "args": list(command.arguments)})


@dataclass(frozen=True, slots=True)
class Guide:
    """Where a program reads standing instructions for its model."""

    user: Callable[[Environment], Path] | None = None
    project: Callable[[Path], Path] | None = None
    head: str = ""
    """What a file of CoCo's own begins with, so that the program reads it always."""


@dataclass(frozen=True, slots=True)
class McpClient:
    """A program that speaks MCP."""

    name: str
    title: str
    user: Callable[[Environment], Path] | None
    project: Callable[[Path], Path] | None
    edit: Edit
    after: str
    """What the user does for the change to count."""
    guide: Guide | None = None
    project_edit: Edit | None = None
    """For a project's file that is written in another form."""

    @property
    def scopes(self) -> tuple[ScopeName, ...]:
        """For whom it can be configured."""
        both: tuple[tuple[ScopeName, object], ...] = (
            ("user", self.user),
            ("project", self.project),
        )
        return tuple(name for name, locate in both if locate is not None)


def stdio_entry(command: LaunchCommand) -> dict[str, Any]:
    """Return the entry that most clients share."""
    return {"command": command.program, "args": list(command.arguments)}


def typed_stdio_entry(command: LaunchCommand) -> dict[str, Any]:
    """Return the entry of clients that want the transport named."""
    return {"type": "stdio", **stdio_entry(command)}


def agents_file(root: Path) -> Path:
    """Return the project's file of instructions that most agents read."""
    return root / "AGENTS.md"
