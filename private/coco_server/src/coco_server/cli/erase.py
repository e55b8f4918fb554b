"""`coco-server erase`: remove a project, an org or a user for good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import typer

from coco_core.errors import ProjectNotFound
from coco_protocol.server.operating import ErasureList
from coco_server.cli.connection import act, blob_store, chosen_vectors, opened
from coco_server.cli.output import AsJson, show
from coco_server.domain.erasure import Eraser
from coco_server.domain.serializers import erasure_body
from coco_server.store import audit, erasures
from coco_server.store.audit import AuditAction
from coco_server.store.erasures import Erasure
from coco_server.store.session import SystemSession

__all__ = ["erase"]

erase = typer.Typer(
    help="Remove a project, an org or a user for good; list what was removed.",
    no_args_is_help=True,
)


@erase.command("project")
def project(project_id: str, as_json: AsJson = False) -> None:
    """Remove a project with its versions, imports, jobs and notes."""

    def begin(session: SystemSession) -> Erasure:
        row = session.connection.execute(
            "SELECT org_id FROM projects WHERE project_id = %s", (project_id,)
        ).fetchone()
        if row is None:
            raise ProjectNotFound(f"There is no project {project_id!r}.")
        return erasures.begin_project(session, row[0], project_id)

    _erase("project.erase", begin, as_json)


@erase.command("org")
def org(
    org_id: str,
    name: Annotated[str, typer.Option(help="Its name, as confirmation.")],
    as_json: AsJson = False,
) -> None:
    """Remove an org with everything that it has; its keys stop at once."""
    _erase("org.erase", lambda session: erasures.begin_org(session, org_id, name), as_json)


@erase.command("user")
def user(org_id: str, user_id: str, as_json: AsJson = False) -> None:
    """Remove a user's notes and sessions, and the user, from all projects of an org."""
    _erase("user.erase", lambda session: erasures.begin_user(session, org_id, user_id), as_json)


@erase.command("list")
def list_erasures(as_json: AsJson = False) -> None:
    """List what was erased, and what is being erased, newest first."""
    with opened() as database, database.system() as session:
        found = [erasure_body(each) for each in erasures.list_all(session)]
    rows = [each.model_dump(exclude={"removed"}) for each in found]
    show(ErasureList(erasures=found), rows, as_json=as_json)


def _erase(action: AuditAction, begin: Callable[[SystemSession], Erasure], as_json: bool) -> None:
    blobs, vectors = blob_store(), chosen_vectors()
    with opened() as database:
        with database.system() as session:
            begun = begin(session)
            noted = act(action, begun.org_id, project_id=begun.project_id)
            audit.record(session, replace(noted, details={"erasure_id": begun.erasure_id}))
        done = erasure_body(Eraser(database, blobs, vectors).run(begun))
    show(done, [done.model_dump(exclude_none=True)], as_json=as_json)
