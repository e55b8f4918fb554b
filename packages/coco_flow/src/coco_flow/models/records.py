"""The records of runs, opened without running anything."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

from dbos import DBOS, DBOSClient
from sqlalchemy import inspect

from coco_flow.errors import RunNotFound
from coco_flow.models.engine import APPLICATION, RECORDS, running_engine, system_database_url

if TYPE_CHECKING:
    from coco_flow.models.database import Database

__all__ = ["OPEN", "opened", "required"]

OPEN = ("PENDING", "ENQUEUED", "DELAYED")
"""The states of a workflow that has not ended."""


@contextlib.contextmanager
def opened(database: Database) -> Iterator[DBOSClient | None]:
    """Open the records of runs; None if nothing ever ran on this database."""
    engine = running_engine(database)
    if engine is not None and engine.is_shared:
        # The class has the client's methods, on the records of the program's own DBOS.
        yield cast(DBOSClient, DBOS)
        return
    url = system_database_url(database)
    if not _are_there(database, url):
        yield None
        return
    client = DBOSClient(system_database_url=url, application_name=APPLICATION)
    try:
        yield client
    finally:
        client.destroy()


def _are_there(database: Database, url: str) -> bool:
    if database.is_sqlite:
        return Path(url.removeprefix("sqlite:///")).exists()
    # A process that creates the tables has this lock until all are there.
    with database.locked(RECORDS), database.reading() as connection:
        return inspect(connection).has_table("workflow_status", schema="dbos")


def required(client: DBOSClient | None, run: str) -> DBOSClient:
    """Return the records, which must be there.

    Raises:
        RunNotFound: Nothing ever ran on this database.
    """
    if client is None:
        raise RunNotFound(f"There is no run {run!r}: nothing was run on this database yet.")
    return client
