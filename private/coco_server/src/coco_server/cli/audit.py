"""`coco-server audit`: administrative actions and exports, newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from coco_server.cli.connection import opened
from coco_server.cli.output import AsJson, show
from coco_server.domain.audit import audit_page
from coco_server.store.audit import AuditQuery

__all__ = ["audit"]


def audit(
    org_id: Annotated[str | None, typer.Argument(help="Of this org only.")] = None,
    *,
    project: Annotated[str | None, typer.Option(help="Of this project only.")] = None,
    actor: Annotated[str | None, typer.Option(help="admin, a key's id, or cli:ACCOUNT.")] = None,
    action: Annotated[str | None, typer.Option(help="Such as key.create.")] = None,
    target: Annotated[str | None, typer.Option(help="The id of what was changed.")] = None,
    since: Annotated[datetime | None, typer.Option(help="From this time on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Before this time (UTC).")] = None,
    cursor: Annotated[str | None, typer.Option(help="The page after this event.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Events.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List administrative actions and exports, newest first."""
    query = AuditQuery(
        org_id=org_id,
        project_id=project,
        actor=actor,
        action=action,
        target=target,
        since=_seconds(since),
        until=_seconds(until),
        before=cursor,
        limit=limit,
    )
    with opened() as database, database.system() as session:
        page = audit_page(session, query)
    names = ("at", "org_id", "actor", "action", "target", "outcome", "source")
    rows = [{name: getattr(event, name) for name in names} for event in page.events]
    show(page, rows, as_json=as_json)


def _seconds(time: datetime | None) -> float | None:
    return None if time is None else time.replace(tzinfo=UTC).timestamp()
