"""What the checks work with: the settings, and the daemon's statistics when it runs."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from coco_core.errors import CocoError, DaemonNotRunning
from coco_local.client.http_client import Client
from coco_local.settings import Settings
from coco_protocol.system import StatsData

__all__ = ["DoctorContext", "gather_context", "opened_database"]

# The daemon answers in milliseconds; one that takes longer is itself something to report.
_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class DoctorContext:
    """Everything that checks work with, read once."""

    settings: Settings
    address: str
    stats: StatsData | None
    """From the daemon of this home, when it runs."""
    refusal: CocoError | None
    """Why there are no statistics, unless simply nothing runs."""
    roots: tuple[Path, ...]
    """Roots of the registered projects."""


def gather_context(settings: Settings) -> DoctorContext:
    """Ask the daemon, or read what it left on disk."""
    with Client.discover(settings, timeout=_TIMEOUT_SECONDS) as client:
        address = client.base_url
        refusal: CocoError | None
        try:
            stats = client.stats()
            roots = tuple(Path(project.root) for project in client.projects().projects)
        except DaemonNotRunning as error:
            refusal = error if error.hint else None
        except CocoError as error:
            refusal = error
        else:
            return DoctorContext(settings, address, stats, None, roots)
    return DoctorContext(settings, address, None, refusal, _stored_roots(settings.meta_db))


@contextmanager
def opened_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open SQLite for reading only, without the daemon's ways of repairing it."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as connection:
        yield connection


def _stored_roots(database: Path) -> tuple[Path, ...]:
    if not database.is_file():
        return ()
    try:
        with opened_database(database) as connection:
            rows = connection.execute("SELECT root FROM projects").fetchall()
    except sqlite3.Error:
        # The check of the stores reports what is wrong with it.
        return ()
    return tuple(Path(os.fsdecode(root)) for (root,) in rows)
