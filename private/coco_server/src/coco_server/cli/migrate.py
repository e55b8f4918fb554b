"""`coco-server migrate`: bring the database to the schema that this program needs."""

from __future__ import annotations

from typing import Annotated

import typer

from coco_protocol.base import Answer
from coco_server.cli.connection import database_url
from coco_server.cli.output import AsJson, show
from coco_server.store import migrate as schema
from coco_server.store.migration_plan import PendingMigration, pending
from coco_server.store.preflight import refuse_embedded

__all__ = ["migrate"]


class _Step(Answer):
    revision: str
    title: str
    contracts: bool
    locks: list[str]
    reads_all_rows_of: list[str]


class _Plan(Answer):
    steps: list[_Step]


def migrate(
    meta_db: Annotated[
        str | None,
        typer.Option("--meta-db", help="The database; otherwise COCO_META_DB or COCO_DB_URL."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would do, with its locks.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database to the schema that this program needs."""
    if meta_db:
        refuse_embedded(meta_db)
    url = meta_db or database_url()
    if dry_run:
        steps = [_step(each) for each in pending(url)]
        show(_Plan(steps=steps), [each.model_dump() for each in steps], as_json=as_json)
        return
    before, after = schema.migrate(url)
    if before == after:
        typer.echo(f"The schema is up to date ({after}).")
    else:
        typer.echo(f"Migrated from {before or 'an empty database'} to {after}.")


def _step(found: PendingMigration) -> _Step:
    return _Step(
        revision=found.revision,
        title=found.title,
        contracts=found.contracts,
        locks=[f"{each.table}: {each.lock}" for each in found.effects if each.lock != "none"],
        reads_all_rows_of=[each.table for each in found.effects if each.reads_rows],
    )
