"""`coco-server rule`: text rules that imports of an org may name."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from coco_core.errors import Unreadable
from coco_protocol.server.memos import DeletedData
from coco_protocol.server.rules import RuleList
from coco_server.cli.connection import act, blob_store, opened
from coco_server.cli.output import AsJson, show
from coco_server.domain.rules import delete_rule, register_rule
from coco_server.domain.serializers import rule_body
from coco_server.store import audit, orgs, rules

__all__ = ["rule"]

rule = typer.Typer(
    help="Text rules (WebAssembly) for imports: add, list, delete.", no_args_is_help=True
)

OrgId = Annotated[str, typer.Argument(help="Whose imports may name it.")]


@rule.command("add")
def add(
    org_id: OrgId,
    path: Annotated[Path, typer.Argument(help="The module, a .wasm file.")],
    name: Annotated[str | None, typer.Option(help="Its name; otherwise the file's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a rule, register it for an org and print its reference."""
    blobs = blob_store()
    try:
        module = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    with opened() as database:
        with database.system() as session:
            orgs.get(session, org_id)
        begin = partial(database.tenant, org_id)
        log = partial(audit.record, act=act("rule.register", org_id))
        added = rule_body(register_rule(begin, blobs, name or path.name, module, log))
    show(added, [added.model_dump()], as_json=as_json)


@rule.command("list")
def list_rules(org_id: OrgId, as_json: AsJson = False) -> None:
    """List the rules of an org."""
    with opened() as database, database.tenant(org_id) as session:
        orgs.get(session, org_id)
        found = [rule_body(each) for each in rules.list_of(session)]
    show(RuleList(rules=found), [each.model_dump() for each in found], as_json=as_json)


@rule.command("delete")
def delete(
    org_id: OrgId,
    rule_id: Annotated[str, typer.Argument(help="The rule's id.")],
    as_json: AsJson = False,
) -> None:
    """Remove a rule; imports that name it fail from now on."""
    with opened() as database:
        log = partial(audit.record, act=act("rule.remove", org_id, target=rule_id))
        delete_rule(partial(database.tenant, org_id), blob_store(), rule_id, log)
    show(DeletedData(deleted=rule_id), [{"deleted": rule_id}], as_json=as_json)
