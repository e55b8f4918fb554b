"""Apps of the component style and the folders of their state."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coco_core.errors import NotFound
from coco_flow.components.state_reader import AppReader
from coco_flow.components.store import FILE_NAME, Reader, read_only
from coco_flow.errors import StateBroken

if TYPE_CHECKING:
    from coco_flow.components.app import App

__all__ = [
    "app_entries",
    "app_reader",
    "close_environments",
    "shown_folder",
    "state_folder",
    "stored_app_names",
]

# Dropping an app leaves its name behind; one that ran has at least its root component.
_APPS = (
    "SELECT name, id FROM app WHERE EXISTS (SELECT 1 FROM component WHERE component.app = app.id) "
    "ORDER BY name"
)


def state_folder(app: App[Any, Any]) -> Path:
    """Return where an app keeps its state, starting its environment."""
    return app.environment.get_env_blocking().store.path.parent


def shown_folder(folder: Path) -> str:
    """Return a folder in its shortest form."""
    relative = os.path.relpath(folder)
    if relative.startswith(".."):
        return str(folder)
    return relative if relative == "." else f".{os.sep}{relative}"


def stored_app_names(folder: Path) -> list[str]:
    """Return the names of the apps that have state in a folder.

    Raises:
        NotFound: There is no such folder.
    """
    if not folder.exists():
        raise NotFound(
            f"The folder {str(folder)!r} does not exist.",
            hint="Give the folder that holds the apps' state.",
        )
    if not (folder / FILE_NAME).exists():
        return []
    with _reading(folder) as connection:
        return [name for name, _ in connection.execute(_APPS)]


@contextmanager
def app_reader(folder: Path, name: str) -> Iterator[AppReader | None]:
    """Read the state of an app in one snapshot; None if it has none."""
    if name not in stored_app_names(folder):
        yield None
        return
    with _reading(folder) as connection:
        ids = dict(connection.execute(_APPS).fetchall())
        yield AppReader(Reader(connection, ids[name])) if name in ids else None


def app_entries(apps: Sequence[App[Any, Any]]) -> list[dict[str, Any]]:
    """Return what `ls` shows of apps: their environments, and whether they have state."""
    entries = []
    for app in apps:
        entry = {"kind": "app", "name": app.name, "environment": app.environment.name or "default"}
        try:
            folder = state_folder(app)
        except Exception as error:  # noqa: BLE001 - listing must work while a database is away
            place = f"its environment does not start: {error}"
            entries.append({**entry, "place": place, "state": "unknown"})
            continue
        stored = folder.exists() and app.name in stored_app_names(folder)
        state = "ready" if stored else "new"
        entries.append({**entry, "place": shown_folder(folder), "state": state})
    return entries


def close_environments() -> None:
    """Stop the environments that were started, which runs the ends of their lifespan functions."""
    from coco_flow.components.environment import LazyEnvironment, environment_infos

    for info in environment_infos():
        environment = info.env
        if isinstance(environment, LazyEnvironment):
            environment.stop_blocking()
        elif environment is not None:
            environment.close()


@contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection]:
    try:
        with read_only(folder / FILE_NAME) as connection:
            yield connection
    except sqlite3.Error as error:
        raise StateBroken(
            f"The apps' state in {str(folder)!r} cannot be read: {error}.",
            hint="Check that it is a folder of coco_flow.components and its permissions.",
        ) from error
