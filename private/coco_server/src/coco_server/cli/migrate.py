"""`coco-server migrate`: bring the database to the schema that this program needs."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from coco_core.errors import InvalidConfig
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
    url = meta_db or os.environ.get("COCO_META_DB") or os.environ.get("COCO_DB_URL")
    if not url:
        raise InvalidConfig(
            "No database is named.",
            hint="Set COCO_META_DB=postgresql://user:password@host:5432/coco.",
        )
    refuse_embedded(url)
    before, after = schema.migrate(url)
    if before == after:
        typer.echo(f"The schema is up to date ({after}).")
    else:
        typer.echo(f"Migrated from {before or 'an empty database'} to {after}.")
