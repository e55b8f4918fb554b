"""`coco-server document`: single documents of a project: list, show, put, delete."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from coco_core.errors import InvalidInput, Unreadable
from coco_protocol.server.docs import StartedData
from coco_protocol.server.documents import (
    DocumentChange,
    DocumentParameters,
    DocumentPut,
)
from coco_server.cli.connection import blob_store, opened
from coco_server.cli.output import AsJson, show
from coco_server.domain import documents
from coco_server.domain.document_changes import DocumentChanges
from coco_server.domain.documents import Asked
from coco_server.domain.import_jobs import ImportJobs
from coco_server.jobs import document_jobs
from coco_server.jobs.records import DONE_STATES, Job
from coco_server.metrics import ServerMetrics
from coco_server.store import projects
from coco_server.store.access import VIEWS_EVERYTHING, Viewer
from coco_server.store.session import Database, Scope
from coco_server.store.usage import Quotas

__all__ = ["document"]

document = typer.Typer(help="Documents: list, show, put, delete.", no_args_is_help=True)

ProjectId = Annotated[str, typer.Argument(help="The project's id.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait for the job.", min=0)]

_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class _Operator:
    """The operator: no quota of the service's settings is known here."""

    scope: Scope
    quotas: Quotas
    viewer: Viewer = VIEWS_EVERYTHING


@document.command("list")
def list_documents(
    project_id: ProjectId,
    *,
    prefix: Annotated[str, typer.Option(help="What ids begin with.")] = "",
    contains: Annotated[str, typer.Option(help="A part of the id or the title.")] = "",
    cursor: Annotated[str, typer.Option(help="next_cursor of the page before.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 100,
    as_json: AsJson = False,
) -> None:
    """List documents of the active version, in the order of their ids."""
    with opened() as database:
        owner = projects.find(database, project_id)
        with database.tenant(owner.org_id) as session:
            asked = Asked(prefix=prefix, contains=contains)
            data = documents.list_documents(
                session, project_id, asked, VIEWS_EVERYTHING, cursor=cursor, limit=limit
            )
    rows = [each.model_dump(exclude={"meta", "content_hash"}) for each in data.documents]
    show(data, rows, as_json=as_json)


@document.command("show")
def show_document(project_id: ProjectId, doc_id: str, as_json: AsJson = False) -> None:
    """Show a document, with its first chunks and its last job."""
    with opened() as database:
        owner = projects.find(database, project_id)
        with database.tenant(owner.org_id) as session:
            page = DocumentParameters()
            data = documents.show(session, project_id, doc_id, page, VIEWS_EVERYTHING, writes=True)
    row = data.document.model_dump() | {"version_id": data.version_id}
    if data.job is not None:
        row |= {"job_id": data.job.job_id, "state": data.job.state}
    show(data, [row], as_json=as_json)


@document.command("put")
def put(
    project_id: ProjectId,
    doc_id: str,
    path: Annotated[Path, typer.Argument(help="A file of text in UTF-8.")],
    *,
    title: Annotated[str | None, typer.Option(help="Its title.")] = None,
    users: Annotated[
        list[str] | None, typer.Option("--allow-user", help="Show it to this user; repeatable.")
    ] = None,
    groups: Annotated[
        list[str] | None, typer.Option("--allow-group", help="Show it to this group; repeatable.")
    ] = None,
    everybody: Annotated[
        bool, typer.Option("--allow-everybody", help="Show it to everybody in the project.")
    ] = False,
    wait: Wait = 0,
    as_json: AsJson = False,
) -> None:
    """Add or replace one document by the text of a file.

    Without --allow-user and --allow-group it stays with those whom it is shown to now; a new
    document is shown to everybody in the project. --allow-everybody shows it to all.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{str(path)!r} cannot be read: {error}.") from error
    with opened() as database:
        caller = _operator(database, project_id)
        body = DocumentPut(content=content, title=title)
        if everybody or users or groups:
            allow = None if everybody else {"users": users or [], "groups": groups or []}
            body = DocumentPut(content=content, title=title, allow=allow)
        started = _changes(database).put(caller, doc_id, body)
        job = None if started is None else _ended(database, caller.scope, started, wait)
    data = DocumentChange(
        doc_id=doc_id,
        changed=job is not None,
        job_id=job.job_id if job else None,
        state=job.state if job else None,
        error=job.error if job else None,
    )
    show(data, [data.model_dump()], as_json=as_json)


@document.command("delete")
def delete(
    project_id: ProjectId,
    doc_ids: Annotated[list[str] | None, typer.Argument(help="The documents' ids.")] = None,
    *,
    prefix: Annotated[str, typer.Option(help="All whose ids begin so.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count them only.")] = False,
    wait: Wait = 0,
    as_json: AsJson = False,
) -> None:
    """Delete documents of the active version, by ids or by a prefix."""
    if bool(doc_ids) == bool(prefix):
        raise InvalidInput("Documents are named by ids or by a prefix.", hint="Give one of both.")
    asked = Asked(doc_ids=tuple(doc_ids or ()), prefix=prefix)
    with opened() as database:
        caller = _operator(database, project_id)
        found, started = _changes(database).delete_matching(
            caller, asked, VIEWS_EVERYTHING, dry_run=dry_run
        )
        job = None if started is None else _ended(database, caller.scope, started, wait)
    ended = {
        "job_id": job.job_id if job else None,
        "state": job.state if job else None,
        "error": job.error if job else None,
    }
    data = found.model_copy(update=ended)
    show(data, [data.model_dump()], as_json=as_json)


def _operator(database: Database, project_id: str) -> _Operator:
    owner = projects.find(database, project_id)
    return _Operator(Scope(owner.org_id, "coco-server", project_id), Quotas())


def _changes(database: Database) -> DocumentChanges:
    blobs = blob_store()
    return DocumentChanges(database, blobs, ImportJobs(database, blobs, ServerMetrics()))


def _ended(database: Database, scope: Scope, started: StartedData, seconds: float) -> Job:
    """Return the job, once it has ended or the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        with database.tenant(scope.org_id) as session:
            job = document_jobs.of_change(session, scope.project_id, started.job_id)
        if job.state in DONE_STATES or time.monotonic() >= deadline:
            return job
        time.sleep(_LOOK_SECONDS)
