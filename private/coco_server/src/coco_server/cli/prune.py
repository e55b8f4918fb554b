"""`coco-server prune`: remove versions, sessions and memos whose time is over."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from coco_protocol.server.system import PruneRequest
from coco_server.api.pruning import policy_of, prune_database
from coco_server.cli.connection import opened
from coco_server.cli.output import AsJson, show
from coco_server.settings import explain_settings
from coco_server.store.vectors import open_vectors

__all__ = ["prune"]


def prune(
    *,
    org: Annotated[str | None, typer.Option(help="Of this org only.")] = None,
    keep_versions: Annotated[
        int | None, typer.Option(min=0, help="Versions of each project kept for a rollback.")
    ] = None,
    older_than_hours: Annotated[
        float | None, typer.Option(min=0, help="Only what is older.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what retention does not keep."""
    wanted = PruneRequest(
        org_id=org, keep_versions=keep_versions, older_than_hours=older_than_hours, dry_run=dry_run
    )
    values = {each.name: each.value for each in explain_settings(environ=os.environ)}
    policy = policy_of(
        wanted,
        keep_versions=int(str(values["retention_versions"])),
        hours=float(str(values["retention_hours"])),
    )
    vectors = open_vectors(
        "qdrant" if values["vector_backend"] == "qdrant" else "pgvector",
        url=_text(values["vector_db_url"]),
        prefix=_text(values["vector_db_collection_prefix"]),
        # Secrets are not among the values that are explained.
        api_key=os.environ.get("COCO_VECTOR_DB_API_KEY"),
    )
    with opened() as database:
        found = prune_database(database, wanted, policy, vectors)
    show(found, [found.model_dump()], as_json=as_json)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
