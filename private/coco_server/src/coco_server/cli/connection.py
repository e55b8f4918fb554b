"""The database that an administrator's command works on: the service's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from coco_core.errors import InvalidConfig
from coco_server.store.migrate import open_checked
from coco_server.store.preflight import refuse_embedded
from coco_server.store.session import Database

__all__ = ["database_url", "opened"]


def database_url() -> str:
    """Return the URL in the environment.

    Raises:
        InvalidConfig: there is none, or it names no server.
    """
    for name in ("COCO_META_DB", "COCO_DB_URL"):
        url = os.environ.get(name, "").strip()
        if url:
            refuse_embedded(url)
            return url
    raise InvalidConfig(
        "COCO_META_DB is not set.",
        hint="Set it as for the service: postgresql://user:password@host:5432/coco.",
    )


@contextmanager
def opened() -> Iterator[Database]:
    """Yield the database, checked as at the service's start.

    Raises:
        DatabaseUnfit: it lacks something; the hint says what mends it.
        Unavailable: it cannot be reached.
    """
    url = database_url()
    open_checked(url)
    with Database(url, most=2, name="coco-server-cli") as database:
        yield database
