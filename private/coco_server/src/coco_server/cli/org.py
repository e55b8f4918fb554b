"""`coco-server org`: tenants, their limits and what they use."""

from __future__ import annotations

from typing import Annotated, cast, get_args

import typer

from coco_core.errors import InvalidInput
from coco_protocol.server.tenants import LimitName, OrgBody, OrgList, OrgRequest
from coco_server.cli.connection import act, opened
from coco_server.cli.output import AsJson, show
from coco_server.domain.serializers import org_body, org_use
from coco_server.store import audit, orgs

__all__ = ["org"]

org = typer.Typer(help="Tenants: create, list, show.", no_args_is_help=True)


@org.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Its display name.")],
    org_id: Annotated[
        str | None, typer.Option("--id", help="Its id; generated if omitted.")
    ] = None,
    limit: Annotated[
        list[str] | None, typer.Option(help="A limit of its own: org_max_documents=1000.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create an org, or change the name and limits of the one with this id."""
    own = dict(_limit(text) for text in limit or ())
    request = OrgRequest(name=name, org_id=org_id, limits=own)
    with opened() as database, database.system() as session:
        found = orgs.save(session, request.name, org_id=request.org_id, limits=dict(own.items()))
        audit.record(session, act("org.save", found.org_id, target=found.org_id))
    _print(org_body(found), as_json)


@org.command("list")
def list_orgs(as_json: AsJson = False) -> None:
    """List all orgs."""
    with opened() as database, database.system() as session:
        found = [org_body(each) for each in orgs.list_all(session)]
    rows = [each.model_dump(include={"org_id", "name", "limits", "created_at"}) for each in found]
    show(OrgList(orgs=found), rows, as_json=as_json)


@org.command("show")
def show_org(org_id: str, as_json: AsJson = False) -> None:
    """Show an org with what it holds and has used today."""
    with opened() as database:
        with database.system() as session:
            found = orgs.get(session, org_id)
        with database.tenant(org_id) as session:
            use = org_use(session)
    _print(org_body(found, use), as_json)


def _limit(text: str) -> tuple[LimitName, int]:
    name, _, value = text.partition("=")
    if name not in get_args(LimitName) or not value.isdigit():
        raise InvalidInput(
            f"{text!r} is no limit.", hint=f"Use NAME=NUMBER with {', '.join(get_args(LimitName))}."
        )
    return cast("LimitName", name), int(value)


def _print(found: OrgBody, as_json: bool) -> None:
    row = found.model_dump(exclude={"use"})
    show(found, [row | (found.use.model_dump() if found.use else {})], as_json=as_json)
