"""`coco-server prune`: remove versions, sessions, memos, jobs and imports whose time is over."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from coco_protocol.server.system import PruneRequest
from coco_server.cli.connection import act, blob_store, chosen_vectors, opened
from coco_server.cli.output import AsJson, show
from coco_server.domain.retention import policy_of
from coco_server.domain.retention import prune as remove
from coco_server.settings import explain_settings
from coco_server.store import audit

__all__ = ["prune"]


def prune(
    *,
    org: Annotated[str | None, typer.Option(help="Of this org only.")] = None,
    keep_versions: Annotated[
        int | None, typer.Option(min=0, help="Versions of each project kept for a rollback.")
    ] = None,
    older_than_hours: Annotated[
        float | None, typer.Option(min=0, help="Minimum age in hours.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would go.")] = False,
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
        job_hours=float(str(values["retention_job_hours"])),
    )
    blobs = blob_store()
    with opened() as database:
        if not dry_run:
            with database.system() as session:
                audit.record(session, act("retention.prune", org))
        found = remove(
            database,
            wanted,
            policy,
            chosen_vectors(),
            blobs,
            audit_days=float(str(values["audit_days"])),
        )
    show(found, [found.model_dump()], as_json=as_json)
