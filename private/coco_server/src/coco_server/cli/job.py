"""`coco-server job`: the queue of all orgs, and its dead letters."""

from __future__ import annotations

from typing import Annotated, cast, get_args

import typer

from coco_core.errors import CocoError, InvalidInput
from coco_protocol.jobs import JobState
from coco_protocol.server.operating import (
    QueuedJobBody,
    QueuedJobList,
    RefusedRequeue,
    RequeueData,
)
from coco_server.cli.connection import act, blob_store, opened
from coco_server.cli.output import AsJson, show
from coco_server.domain import requeue as requeueing
from coco_server.domain.serializers import queued_job_body
from coco_server.jobs import overview, queue
from coco_server.store import audit

__all__ = ["job"]

job = typer.Typer(help="Jobs: list, show, requeue, cancel.", no_args_is_help=True)

_Org = Annotated[str | None, typer.Option("--org", help="Of this org only.")]
_Kind = Annotated[str | None, typer.Option(help="Of this kind only.")]

_COLUMNS = {"job_id", "org_id", "project_id", "state", "attempt", "created_at"}


@job.command("list")
def list_jobs(
    org: _Org = None,
    state: Annotated[str | None, typer.Option(help=f"{', '.join(get_args(JobState))}.")] = None,
    kind: _Kind = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    as_json: AsJson = False,
) -> None:
    """List the newest jobs; `--state failed` are the dead letters and what was requeued."""
    if state is not None and state not in get_args(JobState):
        raise InvalidInput(
            f"{state!r} is no state of a job.", hint=f"Use {', '.join(get_args(JobState))}."
        )
    wanted = cast("JobState | None", state)
    with opened() as database, database.system() as session:
        jobs = overview.list_jobs(session, org_id=org, state=wanted, kind=kind, most=limit)
    found = [queued_job_body(each) for each in jobs]
    rows = [
        each.model_dump(include=_COLUMNS)
        | {"error": (each.error or {}).get("code"), "requeued_as": each.requeued_as}
        for each in found
    ]
    show(QueuedJobList(jobs=found), rows, as_json=as_json)


@job.command("show")
def show_job(job_id: str, as_json: AsJson = False) -> None:
    """Show a job with its error, its worker and what replaces it."""
    with opened() as database, database.system() as session:
        found = queued_job_body(overview.get(session, job_id))
    _print(found, as_json)


@job.command("requeue")
def requeue(
    *,
    job_id: Annotated[str | None, typer.Argument(help="One failed job.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All failed jobs that no other job replaces.")
    ] = False,
    org: _Org = None,
    kind: _Kind = None,
    code: Annotated[str | None, typer.Option(help="With --all: failed with this code.")] = None,
    as_json: AsJson = False,
) -> None:
    """Give the work of failed jobs to new jobs, which build new versions."""
    if (job_id is None) is not everything:
        raise InvalidInput(
            "Name one job, or say --all.", hint="--org, --kind, --code narrow --all."
        )
    blobs = blob_store()
    with opened() as database:
        with database.system() as session:
            audit.record(session, act("job.requeue", org, target=job_id))
        if job_id is not None:
            _print(queued_job_body(requeueing.requeue(database, blobs, job_id)), as_json)
            return
        done = list(requeueing.requeue_all(database, blobs, org_id=org, kind=kind, code=code))
    data = RequeueData(
        requeued=[queued_job_body(new) for _, new in done if not isinstance(new, CocoError)],
        refused=[
            RefusedRequeue(job_id=old.job_id, code=new.code, message=new.message)
            for old, new in done
            if isinstance(new, CocoError)
        ],
    )
    rows = [
        {"job_id": old.job_id,
         "requeued_as": None if isinstance(new, CocoError) else new.job_id,
         "refused": new.message if isinstance(new, CocoError) else None}
        for old, new in done
    ]  # fmt: skip
    show(data, rows, as_json=as_json)


@job.command("cancel")
def cancel(job_id: str, as_json: AsJson = False) -> None:
    """Ask a job to stop; its version is discarded, and what was active stays so."""
    with opened() as database:
        with database.system() as session:
            found = overview.get(session, job_id)
        with database.tenant(found.org_id) as session:
            ended = queue.request_cancel(session, found.project_id, job_id)
            noted = act("job.cancel", found.org_id, project_id=found.project_id, target=job_id)
            audit.record(session, noted)
    _print(queued_job_body(ended), as_json)


def _print(found: QueuedJobBody, as_json: bool) -> None:
    show(found, [found.model_dump(exclude_none=True)], as_json=as_json)
