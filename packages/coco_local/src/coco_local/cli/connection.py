"""Daemon connection of a command."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from coco_core.errors import InvalidInput

if TYPE_CHECKING:
    from coco_local.cli.place import Place
    from coco_local.client.http_client import Client
    from coco_local.settings import Settings
    from coco_protocol.local import LocalService

__all__ = ["connected", "current_directory", "place_of", "read_settings"]


def read_settings(flags: Mapping[str, object] | None = None) -> Settings:
    """Read the settings of this machine; flags that are None count as not given."""
    from coco_local.settings import load_settings

    try:
        return load_settings(flags, environ=os.environ)
    except FileNotFoundError as error:
        # Relative paths in the environment need the directory that was deleted under us.
        raise _homeless() from error


@contextmanager
def connected(*, timeout: float = 30.0) -> Iterator[Client]:
    """Yield a client of the running daemon."""
    from coco_local.client.http_client import Client

    with Client.discover(read_settings(), timeout=timeout) as client:
        yield client


def place_of(client: LocalService, project: str | None) -> Place:
    """Return the project that ``--project`` or the current directory means."""
    from coco_local.cli.place import choose_project

    return choose_project(client.projects().projects, project, current_directory())


def current_directory() -> Path:
    """Return the working directory by the name that the user's shell gives it."""
    try:
        physical = Path.cwd()
    except OSError as error:
        raise _homeless() from error
    logical = Path(os.environ.get("PWD", ""))
    try:
        same = logical.is_absolute() and logical.samefile(physical)
    except OSError:
        same = False
    return logical if same else physical


def _homeless() -> InvalidInput:
    return InvalidInput(
        "The current directory does not exist any more.", hint="Change to another one: cd"
    )
