"""`coco-server migrate`: bring the database to the schema that this program needs."""

from __future__ import annotations

from typing import Annotated

import typer

from coco_server.cli.connection import database_url
from coco_server.store import migrate as schema
from coco_server.store.preflight import refuse_embedded

__all__ = ["migrate"]


def migrate(
    meta_db: Annotated[
        str | None,
        typer.Option("--meta-db", help="The database; otherwise COCO_META_DB or COCO_DB_URL."),
    ] = None,
) -> None:
    """Bring the database to the schema that this program needs."""
    if meta_db:
        refuse_embedded(meta_db)
    url = meta_db or database_url()
    before, after = schema.migrate(url)
    if before == after:
        typer.echo(f"The schema is up to date ({after}).")
    else:
        typer.echo(f"Migrated from {before or 'an empty database'} to {after}.")
