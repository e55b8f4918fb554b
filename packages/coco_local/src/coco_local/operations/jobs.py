"""Background work: jobs, job and cancel_job."""

from __future__ import annotations

from coco_local.operations.context import FUNCTIONS, Context
from coco_protocol.base import EmptyRequest
from coco_protocol.jobs import JobBody, JobList, JobRequest
from coco_protocol.local import LocalService


@FUNCTIONS.answers(LocalService.jobs)
def jobs(context: Context, _: EmptyRequest) -> JobList:
    """Return all jobs, newest first."""
    return context.jobs.list()


@FUNCTIONS.answers(LocalService.job)
def job(context: Context, request: JobRequest) -> JobBody:
    """Return one job with its progress."""
    return context.jobs.get(request.job_id).body()


@FUNCTIONS.answers(LocalService.cancel_job)
def cancel_job(context: Context, request: JobRequest) -> JobBody:
    """Ask a job to stop after the write in hand; a finished one stays as it is."""
    found = context.jobs.get(request.job_id)
    found.cancel()
    context.wake_worker()
    return found.body()
