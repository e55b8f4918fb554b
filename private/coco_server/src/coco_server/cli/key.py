"""`coco-server key`: API keys of orgs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, cast

import typer

from coco_protocol.server.tenants import KeyBody, KeyList, KeyRequest, KeyScope, NewKeyBody
from coco_server.cli.connection import act, opened
from coco_server.cli.output import AsJson, show
from coco_server.domain.serializers import key_body
from coco_server.store import audit, keys, orgs, projects

__all__ = ["key"]

key = typer.Typer(help="API keys: create, list, rotate, revoke.", no_args_is_help=True)

_SCOPES = ["query", "ingest", "manage", "memo"]


@key.command("create")
def create(
    org_id: Annotated[str, typer.Argument(help="Whose key.")],
    name: Annotated[str, typer.Argument(help="What it is for.")],
    *,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="query, ingest, manage, memo; impersonate or read_all."),
    ] = None,
    project: Annotated[
        list[str] | None, typer.Option(help="A project that it opens; without any, all.")
    ] = None,
    user: Annotated[
        list[str] | None, typer.Option(help="A user for whom it opens memo sessions.")
    ] = None,
    days: Annotated[float | None, typer.Option(help="Days of validity.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create a key; its text is printed this once."""
    wanted = cast("list[KeyScope]", scope or _SCOPES)
    request = KeyRequest(
        org_id=org_id,
        name=name,
        scopes=wanted,
        projects=project or [],
        users=user or [],
        expires_in_days=days,
    )
    with opened() as database, database.system() as session:
        orgs.get(session, org_id)
        projects.require_all(session, org_id, request.projects)
        made = keys.create(
            session,
            org_id,
            request.name,
            request.scopes,
            projects=request.projects,
            users=request.users,
            expires_in=None if days is None else timedelta(days=days),
        )
        audit.record(session, act("key.create", org_id, target=made.key.key_id))
    _print_new(made, as_json)


@key.command("list")
def list_keys(
    org_id: Annotated[str | None, typer.Argument(help="Of this org only.")] = None,
    as_json: AsJson = False,
) -> None:
    """List keys, without their secrets."""
    with opened() as database, database.system() as session:
        found = [key_body(each) for each in keys.list_of(session, org_id)]
    rows = [each.model_dump() for each in found]
    show(KeyList(keys=found), rows, as_json=as_json)


@key.command("rotate")
def rotate(
    key_id: str,
    grace_hours: Annotated[float, typer.Option(help="How long the old key remains valid.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Make a new key like this one."""
    grace = timedelta(hours=grace_hours) if grace_hours else None
    with opened() as database, database.system() as session:
        made = keys.rotate(session, key_id, grace=grace)
        audit.record(session, act("key.rotate", made.key.org_id, target=key_id))
    _print_new(made, as_json)


@key.command("revoke")
def revoke(key_id: str, as_json: AsJson = False) -> None:
    """Let a key open nothing from now on."""
    with opened() as database, database.system() as session:
        found: KeyBody = key_body(keys.revoke(session, key_id))
        audit.record(session, act("key.revoke", found.org_id, target=key_id))
    show(found, [found.model_dump()], as_json=as_json)


def _print_new(made: keys.NewKey, as_json: bool) -> None:
    found = NewKeyBody(**key_body(made.key).model_dump(), key=made.text)
    show(found, [{"key": found.key, **found.model_dump(exclude={"key"})}], as_json=as_json)
